"""Scenarios of encodings: base64 in its spellings, and what was signed in place of the PAE."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, BOB
from tests.vectors.parts import (
    IN_TOTO,
    SUBJECT,
    anchor,
    b64,
    b64url,
    bundle,
    case,
    envelope_of,
    error,
    pae,
    rejected,
    row,
    signature,
    statement,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

# A name that gives base64 with both of the characters in which the alphabets differ.
_PAYLOAD = statement({**SUBJECT, "name": "app~~~???ÿÿÿ.txt"})
_GOOD = envelope_of(ALICE, payload=_PAYLOAD)
_SIG: str = _GOOD["signatures"][0]["sig"]
_ALPHABETS = "DSSE v1.0.2 protocol.md: verifiers MUST accept either alphabet"


def cases() -> Iterator[Scenario]:
    yield from _base64()
    yield from _pae()


def _url_safe(text: str) -> str:
    return b64url(base64.b64decode(text))


def _signed_with(sig: str) -> list[dict[str, Any]]:
    return [{"keyid": ALICE.keyid, "sig": sig}]


def _base64() -> Iterator[Scenario]:
    standard = b64(_PAYLOAD)
    url_safe = {"payload": b64url(_PAYLOAD), "signatures": _signed_with(_url_safe(_SIG))}
    accepted: dict[str, tuple[str, dict[str, Any]]] = {
        "base64-standard": ("The standard alphabet, with + and /.", {}),
        "base64-url-safe": ("The URL-safe alphabet, with - and _.", url_safe),
        "base64-one-alphabet-a-field": (
            "One field in the one alphabet and the next in the other.",
            {"payload": b64url(_PAYLOAD)},
        ),
    }
    for name, (title, changed) in accepted.items():
        why = f"{_ALPHABETS}; {row(16)}"
        yield case(name, title, why, verified(None), envelope={**_GOOD, **changed})
    mixed = standard.replace("/", "_")
    payloads = {
        "mixed-alphabets": ("Both alphabets in one field.", mixed),
        "without-padding": ("The padding is missing.", standard.rstrip("=")),
        "too-much-padding": ("There is more padding than is needed.", standard.rstrip("=") + "===="),
        "padding-in-the-middle": ("Text goes on behind the padding.", "YQ==" + standard),
        "white-space": ("A space in the text.", f"{standard[:40]} {standard[40:]}"),
        "line-breaks": ("Lines of 64 characters.", "\n".join([standard[:64], standard[64:]])),
        "line-break-behind": ("A line break at the end.", standard + "\n"),
        "junk": ("A character that base64 doesn't have.", f"{standard[:40]}*{standard[40:]}"),
        "not-ascii": ("A full-width A in place of a letter.", f"{standard[:40]}\uff21{standard[41:]}"),
        "one-character": ("A single character stands for nothing.", "A"),
        "data-url": ("A data: URL is not base64.", "data:application/json;base64," + standard),
    }
    for name, (title, text) in payloads.items():
        yield case(f"base64-{name}", title, row(16), error("base64-invalid"), envelope=_GOOD | {"payload": text})
    # 64 bytes end in one character and "==": four bits of that character are not used.
    trailing = _SIG[:-3] + chr(ord(_SIG[-3]) + 1) + "=="
    signatures = {
        "trailing-bits": ("Unused bits that aren't zero.", trailing),
        "mixed-alphabets-in-a-signature": ("Both alphabets in one signature.", f"-{_SIG[1:40]}+{_SIG[41:]}"),
        "without-padding-in-a-signature": ("The padding of a signature is missing.", _SIG.rstrip("=")),
        "a-signature-in-hex": ("A signature in hex that happens to be base64 too.", base64.b64decode(_SIG).hex()),
    }
    for name, (title, text) in signatures.items():
        hexadecimal = name == "a-signature-in-hex"
        yield case(
            f"base64-{name}",
            title,
            row(16),
            rejected("threshold-not-met", "signature-invalid") if hexadecimal else error("base64-invalid"),
            envelope=_GOOD | {"signatures": _signed_with(text)},
        )
    yield case(
        "base64-bad-in-a-strangers-signature",
        "An entry that can't be decoded makes the envelope one that can't be read, whoever it is from.",
        row(16) + "; DSSE v1.0.2 protocol.md: reject if decoding fails",
        error("base64-invalid"),
        envelope=envelope_of(ALICE, {"keyid": BOB.keyid, "sig": "not base64!"}),
    )


def _pae() -> Iterator[Scenario]:
    payload = statement()
    kind, length = IN_TOTO.encode(), len(payload)
    text = b64(payload).encode()
    mistakes = {
        "signed-without-pae": ("The signature is over the payload alone.", payload),
        "signed-over-base64": ("The signature is over the base64 text.", text),
        "pae-over-base64": ("The PAE has the base64 text in place of the bytes.", pae(text)),
        "pae-in-capitals": ("The PAE begins with DSSEV1.", b"DSSEV1" + pae(payload)[6:]),
        "pae-of-version-2": ("The PAE begins with DSSEv2.", b"DSSEv2" + pae(payload)[6:]),
        "pae-with-the-repr-of-bytes": (
            "The PAE has Python's b'...' in place of the bytes.",
            f"DSSEv1 {len(kind)} {IN_TOTO} {length} {payload!r}".encode(),
        ),
        "pae-with-leading-zeros": (
            "The PAE's lengths begin with zeros.",
            b"DSSEv1 %04d %b %04d %b" % (len(kind), kind, length, payload),
        ),
        "pae-without-the-type": ("The PAE leaves the payload type out.", b"DSSEv1 %d %b" % (length, payload)),
        "pae-with-a-line-break": ("A line break stands behind the PAE.", pae(payload) + b"\n"),
        "pae-with-binary-lengths": (
            "The PAE has lengths of eight bytes, as the first drafts had.",
            b"".join(len(part).to_bytes(8, "little") + part for part in (b"DSSEv1", kind, payload)),
        ),
        "pae-hashed-before": ("The signature is over the SHA-256 of the PAE.", hashlib.sha256(pae(payload)).digest()),
    }
    for name, (title, signed) in mistakes.items():
        yield case(
            name,
            title,
            row(15),
            rejected("threshold-not-met", "signature-invalid"),
            envelope=envelope_of(signature(ALICE, sig=ALICE.sign(signed))),
        )
    foreign = "application/vnd.in-toto.größe+json"
    encoded = foreign.encode()
    yield case(
        "pae-with-lengths-in-characters",
        "The PAE counts characters where it must count bytes; a payload type that isn't ASCII shows it.",
        row(15),
        rejected("threshold-not-met", "signature-invalid"),
        envelope=envelope_of(
            signature(ALICE, sig=ALICE.sign(b"DSSEv1 %d %b %d %b" % (len(foreign), encoded, length, payload))),
            payload_type=foreign,
        ),
    )
    yield case(
        "pae-with-lengths-in-bytes",
        "The PAE counts bytes: the signature is good, and the type that isn't ASCII is no statement's.",
        row(15),
        rejected("payload-type-unsupported", None),
        envelope=envelope_of(ALICE, payload_type=foreign),
    )
    wide = statement({**SUBJECT, "name": "größe-日本語-🦉.txt"})
    yield case(
        "payload-that-is-not-ascii",
        "The PAE counts the bytes of the payload.",
        row(15),
        verified(None),
        envelope=envelope_of(ALICE, payload=wide),
    )
    yield case(
        "pae-with-the-border-moved",
        "Moving bytes from the payload to its type gives another PAE, because the lengths are in it.",
        row(15),
        rejected("threshold-not-met", "signature-invalid"),
        envelope=envelope_of(signature(ALICE, b"x " + payload), payload_type=f"{IN_TOTO} x"),
        trust=bundle(anchor(ALICE)),
    )
    yield case(
        "base64-twice",
        "The payload is the base64 of base64, and signed as that: what is decoded once is no statement.",
        row(16),
        rejected("statement-invalid", None),
        envelope=envelope_of(ALICE, payload=text),
    )
    yield case(
        "base64-twice-signed-once",
        "The payload was encoded once more after it was signed.",
        row(16),
        rejected("threshold-not-met", "signature-invalid"),
        envelope=envelope_of(ALICE) | {"payload": b64(text)},
    )
