"""DSSE envelopes: read strictly, kept exactly, signed again without losing anything, and the PAE."""

from __future__ import annotations

import base64
import json
import pickle
from dataclasses import replace
from typing import Any

import pytest

from attest import Envelope, Signature
from attest._base.json import dumps
from attest.envelope import PAYLOAD_TYPE, check_payload, is_in_toto, pae
from attest.errors import InputError
from tests.support.watching import refused

DOCUMENT: dict[str, Any] = {
    "payload": "aGVsbG8gd29ybGQ=",
    "payloadType": "http://example.com/HelloWorld",
    "signatures": [{"keyid": "k1", "sig": "c2ln"}],
}


def read(**fields: Any) -> Envelope:
    return Envelope.from_json(dumps(DOCUMENT | fields))


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("http://example.com/HelloWorld", b"hello world", b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        ("", b"", b"DSSEv1 0  0 "),
        ("tÿpe", b"\x00\xff ", b"DSSEv1 5 t\xc3\xbfpe 3 \x00\xff "),
        ("a", b"b" * 1000, b"DSSEv1 1 a 1000 " + b"b" * 1000),
    ],
)
def test_the_pae_counts_bytes(kind: str, body: bytes, expected: bytes) -> None:
    assert pae(kind, body) == expected
    assert Envelope(body, kind).pae() == expected


def test_an_envelope_is_read() -> None:
    envelope = read()
    assert envelope.unverified_payload == b"hello world"
    assert envelope.payload_type == "http://example.com/HelloWorld"
    assert envelope.signatures == (Signature("k1", b"sig"),)


@pytest.mark.parametrize("entry", [{"sig": "c2ln"}, {"sig": "c2ln", "keyid": None}, {"sig": "c2ln", "keyid": ""}])
def test_a_keyid_that_is_unset_is_an_empty_one(entry: dict[str, Any]) -> None:
    assert read(signatures=[entry]).signatures == (Signature("", b"sig"),)


def test_keyids_may_repeat_and_signatures_may_be_absent_or_empty() -> None:
    twice = [{"keyid": "k1", "sig": "c2ln"}, {"keyid": "k1", "sig": ""}]
    assert [signature.sig for signature in read(signatures=twice).signatures] == [b"sig", b""]
    assert read(signatures=[]).signatures == ()
    assert read(payload="").unverified_payload == b""


@pytest.mark.parametrize("payload", [b"\xfb\xff\xbf", b"hello"])
def test_both_alphabets_give_the_same_payload(payload: bytes) -> None:
    for text in (base64.b64encode(payload), base64.urlsafe_b64encode(payload)):
        assert read(payload=text.decode()).unverified_payload == payload


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"payload": None}, "base64-invalid", "/payload"),
        ({"payload": {}}, "base64-invalid", "/payload"),
        ({"payload": "aGVsbG8"}, "base64-invalid", "/payload"),
        ({"payload": "aGVsbG9="}, "base64-invalid", "/payload"),
        ({"payloadType": 1}, "envelope-invalid", "/payloadType"),
        ({"payloadType": None}, "envelope-invalid", "/payloadType"),
        ({"signatures": {}}, "envelope-invalid", "/signatures"),
        ({"signatures": None}, "envelope-invalid", "/signatures"),
        ({"signatures": ["c2ln"]}, "envelope-invalid", "/signatures/0"),
        ({"signatures": [{"sig": "c2ln"}, {"keyid": "k1"}]}, "envelope-invalid", "/signatures/1"),
        ({"signatures": [{"sig": "c2ln", "keyid": 1}]}, "envelope-invalid", "/signatures/0/keyid"),
        ({"signatures": [{"sig": "c2l"}]}, "base64-invalid", "/signatures/0/sig"),
        ({"signatures": [{"sig": None}]}, "base64-invalid", "/signatures/0/sig"),
        ({"signatures": [{"sig": ""}] * 65}, "too-many-signatures", "/signatures"),
    ],
)
def test_what_is_not_an_envelope_is_refused_at_its_place(fields: dict[str, Any], code: str, where: str) -> None:
    with refused(InputError, code, where):
        read(**fields)


@pytest.mark.parametrize("name", ["payload", "payloadType", "signatures"])
def test_a_required_field_is_missed(name: str) -> None:
    with refused(InputError, "envelope-invalid", f"/{name}") as caught:
        Envelope.from_json(dumps({key: value for key, value in DOCUMENT.items() if key != name}))
    assert "payloadType" in (caught.value.hint or "")


@pytest.mark.parametrize("data", [b"[]", b"", b'{"payload":"","payload":""}', b"\xef\xbb\xbf{}"])
def test_what_is_not_a_json_object_is_refused(data: bytes) -> None:
    with refused(InputError, "json-invalid"):
        Envelope.from_json(data)


def test_limits_are_options() -> None:
    data = dumps(DOCUMENT)
    assert Envelope.from_json(data, max_size=len(data), max_signatures=1, max_depth=3) == read()
    with refused(InputError, "envelope-too-large"):
        Envelope.from_json(data, max_size=len(data) - 1)
    with refused(InputError, "too-many-signatures"):
        Envelope.from_json(data, max_signatures=0)
    with refused(InputError, "json-too-deep"):
        Envelope.from_json(data, max_depth=2)


@pytest.mark.parametrize(("size", "most"), [(1125, 1600), (1126, 1601), (1127, 1602), (0, 0), (11_796_480, 16 << 20)])
def test_a_payload_fits_if_its_base64_leaves_a_sixteenth_for_signatures(size: int, most: int) -> None:
    check_payload(size, most)
    with refused(InputError, "envelope-too-large"):
        check_payload(size + 1, most)


def test_the_exact_bytes_are_kept() -> None:
    data = json.dumps({"x": {"y": 1.0}} | DOCUMENT, indent=3).encode() + b"\n"
    assert Envelope.from_json(data).to_json() == data


def test_an_envelope_made_here_reads_back_as_itself() -> None:
    made = Envelope(b"hello", PAYLOAD_TYPE, (Signature("k1", b"one"), Signature("", b"two")))
    assert Envelope.from_json(made.to_json()) == made
    assert list(json.loads(made.to_json())) == ["payload", "payloadType", "signatures"]
    for payload_type in (PAYLOAD_TYPE, 'a"\\b\n\x7fé', ""):
        for payload in (b"", bytes(range(256))):
            new = Envelope(payload, payload_type, made.signatures[: len(payload)])
            assert new.to_json() == dumps(json.loads(new.to_json())) == replace(new, fields={}).to_json()
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301


def test_adding_a_signature_changes_nothing_else() -> None:
    given = DOCUMENT | {
        "payload": base64.urlsafe_b64encode(b"\xfb\xff\xbf").decode(),
        "x-note": {"kept": True},
        "signatures": [{"sig": "c2ln", "x-cert": "kept"}, {"sig": "-_-_", "keyid": None}],
    }
    envelope = Envelope.from_json(dumps(given))
    more = envelope.with_signatures(Signature("k2", b"new"))
    document = json.loads(more.to_json())
    added = document["signatures"].pop()
    assert document == given
    assert added == {"keyid": "k2", "sig": "bmV3"}
    assert envelope.to_json() == dumps(given)
    assert Envelope.from_json(more.to_json()) == more


@pytest.mark.parametrize(
    ("payload_type", "verdict"),
    [
        (PAYLOAD_TYPE, True),
        ("application/vnd.in-toto.provenance+json", True),
        ("application/vnd.in-toto.spdx-3.0_x+json", True),
        ("application/vnd.in-toto.+json", False),
        ("application/vnd.in-toto.a/b+json", False),
        ("application/vnd.in-toto+json ", False),
        ("application/vnd.in-toto+json\n", False),
        ("application/vnd.in-toto.provenance+json\n", False),
        ("Application/vnd.in-toto+json", False),
        ("application/vnd.in-toto.bundle", False),
        ("application/vnd.in-toto.provenance+dsse", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_a_payload_type_is_in_totos_to_the_letter(payload_type: str, verdict: bool) -> None:
    assert is_in_toto(payload_type) is verdict


# Envelopes with the same payload, merged.

ONE, OTHER, STAMPED = (
    {"keyid": "k1", "sig": "c2ln"},
    {"keyid": "k2", "sig": "b3RoZXI="},
    {"keyid": "k1", "sig": "c2ln", "timestamps": [{"type": "x", "data": "AA=="}]},
)


def merged(*envelopes: Envelope, **options: int) -> list[Any]:
    found = envelopes[0]
    for one in envelopes:
        found = found.merged_with(one, **options)
    entries: list[Any] = json.loads(found.to_json())["signatures"]
    return entries


def test_merging_keeps_every_signature_once_and_in_order() -> None:
    first, second = read(signatures=[ONE]), read(signatures=[OTHER, ONE])
    assert merged(first, second) == [ONE, OTHER]
    assert merged(second, first) == [OTHER, ONE]
    assert merged(first, second, first) == [ONE, OTHER]
    assert merged(read(signatures=[ONE, ONE, OTHER, ONE])) == [ONE, OTHER]
    assert merged(read(signatures=[])) == []


def test_a_signature_with_other_fields_is_another_entry() -> None:
    assert merged(read(signatures=[ONE]), read(signatures=[STAMPED])) == [ONE, STAMPED]
    assert merged(read(signatures=[{"sig": "c2ln"}]), read(signatures=[{"sig": "c2ln", "keyid": ""}])) == [
        {"sig": "c2ln"}
    ]
    assert merged(read(signatures=[{**ONE, "x": 1}]), read(signatures=[{**ONE, "x": True}])) == [
        {**ONE, "x": 1},
        {**ONE, "x": True},
    ]


def test_unknown_fields_of_both_are_kept_unless_they_differ() -> None:
    document = json.loads(read(a=1).merged_with(read(b=[2], signatures=[OTHER])).to_json())
    assert document == {**DOCUMENT, "a": 1, "b": [2], "signatures": [ONE, OTHER]}
    with refused(InputError, "not-mergeable") as caught:
        read(a=1).merged_with(read(a=True))
    assert caught.value.where == "/a"


@pytest.mark.parametrize(
    ("changed", "where"),
    [({"payload": "aGVsbG8="}, "/payload"), ({"payloadType": "http://example.com/Other"}, "/payloadType")],
)
def test_another_payload_is_never_merged(changed: dict[str, Any], where: str) -> None:
    with refused(InputError, "not-mergeable") as caught:
        read().merged_with(read(**changed))
    assert caught.value.where == where
    assert caught.value.hint


def test_the_same_payload_in_another_alphabet_of_base64_is_the_same() -> None:
    one, other = read(payload="+/+/"), read(payload="-_-_", signatures=[OTHER])
    assert one.merged_with(other).signatures == (*one.signatures, *other.signatures)
    assert Envelope(b"x", "t").merged_with(Envelope(b"x", "t", one.signatures)).signatures == one.signatures


def test_no_more_signatures_than_allowed_are_merged() -> None:
    assert len(merged(read(signatures=[ONE]), read(signatures=[OTHER]), max_signatures=2)) == 2
    with refused(InputError, "too-many-signatures") as caught:
        merged(read(signatures=[ONE]), read(signatures=[OTHER]), max_signatures=1)
    assert "--limit signatures=N" in (caught.value.hint or "")
