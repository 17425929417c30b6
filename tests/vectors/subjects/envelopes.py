"""Scenarios of envelopes: JSON that two readers could understand differently, wrong fields, and limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE
from tests.vectors.parts import (
    STATEMENT,
    b64,
    case,
    compact,
    envelope_of,
    error,
    rejected,
    row,
    signature,
    statement,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_GOOD = envelope_of(ALICE)
_BYTES = compact(_GOOD)
_IGNORED = "DSSE v1.0.2 envelope.md: unknown fields MUST be ignored"


def cases() -> Iterator[Scenario]:
    yield from _duplicates_and_aliases()
    yield from _not_json()
    yield from _unknown_fields()
    yield from _wrong_fields()
    yield from _payload_types()
    yield from _limits()


def _with(extra: bytes) -> bytes:
    """The good envelope with raw JSON put before its first field."""
    return b"{" + extra + b"," + _BYTES[1:]


def _duplicates_and_aliases() -> Iterator[Scenario]:
    other = b64(statement(predicateType="https://example.com/forged/v1")).encode()
    duplicates = {
        "duplicate-key-payload": (
            "Two payloads: one reader verifies the first, the next uses the last.",
            b'"payload":"%b"' % other,
        ),
        "duplicate-key-by-an-escape": (
            "A key that is written with an escape is the same key.",
            b'"\\u0070ayload":"%b"' % other,
        ),
        "duplicate-key-signatures": ("Two lists of signatures.", b'"signatures":[]'),
        "duplicate-key-payload-type": ("Two payload types.", b'"payloadType":"text/plain"'),
        "duplicate-key-in-an-unknown-field": ("A key twice, where nobody looks.", b'"x":{"a":1,"a":2}'),
    }
    for name, (title, extra) in duplicates.items():
        yield case(name, title, row(12), error("json-invalid"), envelope=_with(extra))
    entry = compact(signature(ALICE))
    yield case(
        "duplicate-key-in-a-signature",
        "Two signatures in one entry.",
        row(12),
        error("json-invalid"),
        envelope=_BYTES.replace(entry, b'{"sig":"",' + entry[1:]),
    )
    renamed = {("payload_type" if name == "payloadType" else name): value for name, value in _GOOD.items()}
    yield case(
        "alias-key-payload-type",
        "`payload_type` is not `payloadType`, whatever protobuf's reader of JSON makes of it.",
        row(13),
        error("envelope-invalid"),
        envelope=renamed,
    )
    yield case(
        "alias-keys-beside-the-real-ones",
        "`payload_type` and `PAYLOAD` are unknown fields, and ignored.",
        row(11, 13),
        verified(None),
        envelope=_GOOD | {"payload_type": "text/plain", "PAYLOAD": other.decode(), "Signatures": []},
    )


def _not_json() -> Iterator[Scenario]:
    broken = {
        "not-a-number": ("NaN is not JSON.", 12, _with(b'"x":NaN')),
        "infinity": ("Infinity is not JSON.", 12, _with(b'"x":-Infinity')),
        "number-out-of-range": ("1e999 is infinity to one reader and an error to the next.", 11, _with(b'"x":1e999')),
        "lone-surrogate": ("Half of a surrogate pair is no character.", 11, _with(b'"x":"\\ud800"')),
        "invalid-utf-8": ("JSON is UTF-8.", 26, _with(b'"x":"\xff\xfe"')),
        "overlong-utf-8": ("An overlong form is not UTF-8.", 26, _with(b'"x":"\xc0\xaf"')),
        "utf-16": ("JSON is UTF-8 and nothing else.", 26, _BYTES.decode().encode("utf-16")),
        "byte-order-mark": ("A byte order mark is not JSON (RFC 8259 section 8.1).", 11, b"\xef\xbb\xbf" + _BYTES),
        "control-character-in-a-string": ("A line break in a string must be escaped.", 26, _with(b'"x":"\n"')),
        "trailing-comma": ("A comma before the end is not JSON.", 26, _BYTES[:-1] + b",}"),
        "comment": ("JSON has no comments.", 26, b"/* hello */" + _BYTES),
        "two-envelopes-in-a-row": ("Two envelopes in one line are not an envelope.", 11, _BYTES + b" " + _BYTES),
        "truncated": ("The end is missing.", 26, _BYTES[: len(_BYTES) // 2]),
        "empty": ("No bytes at all.", 26, b""),
        "only-white-space": ("Nothing but white space.", 26, b" \n\t\n"),
        "binary": ("Bytes that are no text.", 26, bytes(range(256))),
        "a-list": ("A list of envelopes is not an envelope.", 26, b"[" + _BYTES + b"]"),
        "a-string": ("An envelope in a string is not an envelope.", 26, compact(json.dumps(_GOOD))),
        "null": ("Null is not an envelope.", 26, b"null"),
        "a-number": ("A number is not an envelope.", 26, b"0"),
    }
    for name, (title, number, data) in broken.items():
        yield case(f"envelope-{name}", title, row(number), error("json-invalid"), envelope=data)


def _unknown_fields() -> Iterator[Scenario]:
    yield case(
        "unknown-fields-are-ignored",
        "Fields that DSSE doesn't have change nothing, in the envelope and in a signature.",
        _IGNORED,
        verified(None),
        envelope=envelope_of(signature(ALICE, extension={"kind": "x", "ext": {}}, cert="..."), x=[1, {"y": None}]),
    )
    yield case(
        "big-numbers-in-an-unknown-field",
        "A number with many digits is JSON, and ignored.",
        _IGNORED,
        verified(None),
        envelope=_with(b'"x":[12345678901234567890123456789012345678901234567890,0.1e-5]'),
    )
    yield case(
        "white-space-between-fields",
        "White space around an envelope and in it is JSON's own business.",
        "RFC 8259 section 2",
        verified(None),
        envelope=b"\r\n\t" + json.dumps(_GOOD, indent="\t").encode() + b"\n \n",
    )


def _wrong_fields() -> Iterator[Scenario]:
    missing = [{key: value for key, value in _GOOD.items() if key != name} for name in _GOOD]
    entry = signature(ALICE)
    wrong: dict[str, tuple[str, str, dict[str, Any]]] = {
        "payload-missing": ("The payload is missing.", "envelope-invalid", missing[0]),
        "payload-type-missing": ("The payload type is missing.", "envelope-invalid", missing[1]),
        "signatures-missing": ("The signatures are missing.", "envelope-invalid", missing[2]),
        "payload-null": ("The payload is null.", "base64-invalid", _GOOD | {"payload": None}),
        "payload-an-object": (
            "The payload is the statement itself.",
            "base64-invalid",
            _GOOD | {"payload": json.loads(STATEMENT)},
        ),
        "payload-type-null": ("The payload type is null.", "envelope-invalid", _GOOD | {"payloadType": None}),
        "payload-type-a-number": ("The payload type is a number.", "envelope-invalid", _GOOD | {"payloadType": 1}),
        "signatures-null": ("The signatures are null.", "envelope-invalid", _GOOD | {"signatures": None}),
        "signatures-an-object": ("The signatures are one object.", "envelope-invalid", _GOOD | {"signatures": entry}),
        "signature-a-string": ("A signature is a string.", "envelope-invalid", _GOOD | {"signatures": [entry["sig"]]}),
        "signature-null": ("A signature is null.", "envelope-invalid", _GOOD | {"signatures": [entry, None]}),
        "sig-missing": ("A signature has no `sig`.", "envelope-invalid", envelope_of(ALICE, {"keyid": ALICE.keyid})),
        "sig-null": ("A `sig` is null.", "base64-invalid", envelope_of(ALICE, entry | {"sig": None})),
        "sig-a-number": ("A `sig` is a number.", "base64-invalid", envelope_of(ALICE, entry | {"sig": 0})),
        "keyid-a-number": ("A keyid is a number.", "envelope-invalid", envelope_of(entry | {"keyid": 1})),
    }
    for name, (title, code, document) in wrong.items():
        yield case(f"envelope-{name}", title, row(26), error(code), envelope=document)


def _payload_types() -> Iterator[Scenario]:
    why = "in-toto envelope.md; DSSE v1.0.2 protocol.md: reject a payloadType that isn't supported"
    yield case(
        "payload-type-of-a-predicate",
        "Since v1.2 a statement may be signed as application/vnd.in-toto.PREDICATE+json.",
        why,
        verified(None),
        envelope=envelope_of(ALICE, payload_type="application/vnd.in-toto.provenance+json"),
    )
    others = {
        "of-plain-json": "application/json",
        "of-a-trust-bundle": "application/vnd.attest.trust-bundle+json",
        "in-upper-case": "Application/vnd.in-toto+json",
        "with-a-parameter": "application/vnd.in-toto+json; charset=utf-8",
        "with-a-line-break-behind": "application/vnd.in-toto.provenance+json\n",
        "with-more-behind": "application/vnd.in-toto+json-patch",
        "empty": "",
    }
    for name, payload_type in others.items():
        yield case(
            f"payload-type-{name}",
            "A payload type that isn't a statement's is refused, however good the signature.",
            why,
            rejected("payload-type-unsupported", None),
            envelope=envelope_of(ALICE, payload_type=payload_type),
        )


def _limits() -> Iterator[Scenario]:
    junk = {"sig": ""}
    yield case(
        "as-many-signatures-as-are-allowed",
        "64 signatures are read, and every one is reported.",
        row(22),
        verified(*["key-unknown"] * 63, None),
        envelope=envelope_of(*[junk] * 63, ALICE),
    )
    yield case(
        "too-many-signatures",
        "65 signatures are more than are read.",
        row(22),
        error("too-many-signatures"),
        envelope=envelope_of(ALICE, *[junk] * 64),
    )
    yield case(
        "too-many-signatures-for-the-limit-given",
        "The limit is an option.",
        row(22),
        error("too-many-signatures"),
        envelope=envelope_of(ALICE, junk),
        limits={"signatures": 1},
    )
    yield case(
        "envelope-too-large",
        "An envelope of more bytes than the limit given is not parsed.",
        row(22),
        error("envelope-too-large"),
        limits={"envelope": len(_BYTES) - 1},
    )
    yield case(
        "envelope-as-large-as-is-allowed",
        "An envelope of as many bytes as the limit given is read.",
        row(22),
        verified(None),
        limits={"envelope": len(_BYTES)},
    )
    for name, title, depth, expect in (
        ("nested-as-deep-as-is-allowed", "64 levels are read.", 63, verified(None)),
        ("nested-too-deep", "65 levels are more than are read.", 64, error("json-too-deep")),
        ("nested-much-too-deep", "A thousand levels break no parser.", 1000, error("json-too-deep")),
    ):
        nested = b'"x":' + b"[" * depth + b"]" * depth
        yield case(f"envelope-{name}", title, row(22, 26), expect, envelope=_with(nested))
