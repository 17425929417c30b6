"""Envelopes read from files, folders, lines and Sigstore bundles, and what becomes of those that can't be."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from attest import Envelope, Limits
from attest._base.json import dumps
from attest.errors import InputError
from attest.sources import ReadEnvelope, UnverifiedEnvelope, read_all
from attest.sources import read as read_document
from tests.support.making.keys import ALICE, BOB
from tests.support.making.statements import signed
from tests.support.missing import missing
from tests.support.watching import refused

FOREIGN = Path(__file__).parents[3] / "shared" / "data" / "foreign"
ONE, TWO = signed(ALICE), signed(BOB)
PRETTY = json.dumps(json.loads(ONE.to_json()), indent=2).encode()


def read(*names: str, **settings: Any) -> list[ReadEnvelope]:
    return list(read_all(names, **settings))


def parse(data: bytes) -> UnverifiedEnvelope:
    [found] = read_document(data)
    return found


def from_stdin(data: bytes, **settings: Any) -> list[ReadEnvelope]:
    return read("-", stdin=io.BytesIO(data), **settings)


def summary(found: list[ReadEnvelope]) -> list[tuple[str, str | None]]:
    return [(one.name, None if one.error is None else one.error.code) for one in found]


@pytest.mark.parametrize("data", [ONE.to_json(), ONE.to_json() + b"\n", b"\n \n" + ONE.to_json() + b"\n\n", PRETTY])
def test_a_file_holds_one_envelope_however_it_is_written(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "app.intoto.json"
    path.write_bytes(data)
    [found] = read(str(path))
    assert found == ReadEnvelope(str(path), Envelope.from_json(data))
    [piped] = from_stdin(data)
    assert (piped.name, piped.envelope, piped.is_one_of_many) == ("-", ONE, False)


def test_a_file_of_lines_holds_one_a_line_and_says_which() -> None:
    data = ONE.to_json() + b"\n\n" + TWO.to_json() + b"\r\n" + ONE.to_json()
    found = from_stdin(data)
    assert [(one.name, one.envelope, one.is_one_of_many) for one in found] == [
        ("-:1", ONE, True),
        ("-:3", TWO, True),
        ("-:4", ONE, True),
    ]


@pytest.mark.parametrize("bad", [b"hello", b"{", b"[]", b'{"a": 1}', b"\xff\xfe", b'{"payload": "", "signatures": 1}'])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_is_not_understood_stops_nothing(bad: bytes, place: int) -> None:
    lines = [ONE.to_json(), TWO.to_json()]
    lines.insert(place, bad)
    found = from_stdin(b"\n".join(lines))
    assert [one.error is None for one in found] == [index != place for index in range(3)]
    assert all(one.is_one_of_many for one in found)


def test_a_file_named_jsonl_is_lines_even_if_there_is_but_one(tmp_path: Path) -> None:
    path = tmp_path / "app.intoto.jsonl"
    path.write_bytes(ONE.to_json())
    assert summary(read(str(path))) == [(f"{path}:1", None)]
    path.write_bytes(b"")
    assert read(str(path)) == []


def test_a_file_of_several_lines_is_a_collection_only_if_all_are_objects(tmp_path: Path) -> None:
    path = tmp_path / "app.intoto.json"
    path.write_bytes(ONE.to_json() + b"\n\n" + TWO.to_json() + b"\n{}")
    found = read(str(path))
    assert summary(found) == [(f"{path}:1", None), (f"{path}:3", None), (f"{path}:4", "envelope-invalid")]
    assert all(one.is_one_of_many for one in found)
    for more in (b"hello", b"[]", b"{", b'{"a": 1, "a": 2}', ONE.to_json() * 2):
        path.write_bytes(ONE.to_json() + b"\n" + more)
        [single] = read(str(path))
        assert (single.is_one_of_many, single.error and single.error.code) == (False, "json-invalid")
        assert single.error is not None
        assert ".jsonl" in (single.error.hint or "")
    path.write_bytes(ONE.to_json() + TWO.to_json())
    assert summary(read(str(path))) == [(str(path), "json-invalid")]


def test_in_a_directory_a_file_with_a_line_that_is_an_envelope_is_a_collection(tmp_path: Path) -> None:
    path = tmp_path / "app.intoto.json"
    path.write_bytes(ONE.to_json() + b"\nhello\n" + TWO.to_json())
    assert summary(read(str(tmp_path))) == [(f"{path}:1", None), (f"{path}:2", "json-invalid"), (f"{path}:3", None)]


NOISE = [b"hello", b"{", b"[]", b"{}", b"\xff\xfe", b"\0", b'{"a":' * 99 + b"1" + b"}" * 99, b'{"a": 1, "a": 2}']


@pytest.mark.parametrize("place", ["before", "after", "around"])
def test_lines_that_are_added_to_standard_input_never_hide_an_envelope(place: str) -> None:
    frames = [(line, line) for line in NOISE] + [
        (b'{"x":', b"}"),
        (b'{"payload":"","payloadType":"x","signatures":[],"x":', b"}"),
        (b"x\n" * 40, b"x\n" * 40),
        (b"x" * 5000, b"x" * 5000),
        (b" " * 5000, b" " * 5000),
        (b"\n" * 5000, b"\n" * 5000),
    ]
    limits = Limits(envelope=len(ONE.to_json()) + 100)
    for before, after in frames:
        parts = [before if place != "after" else b"", ONE.to_json(), after if place != "before" else b""]
        found = from_stdin(b"\n".join(parts), limits=limits)
        assert [one.envelope for one in found if one.envelope is not None] == [ONE], before


def test_a_line_that_is_too_long_is_one_that_is_not_understood() -> None:
    limit = Limits(envelope=len(ONE.to_json()) + 10)
    long = dumps({"payload": "A" * 200_000})
    for data in (
        [ONE.to_json(), long, TWO.to_json()],
        [ONE.to_json(), TWO.to_json(), long],
        [ONE.to_json(), b"x" * (limit.envelope + 1), TWO.to_json()],
    ):
        found = from_stdin(b"\n".join(data), limits=limit)
        assert sorted(one.error.code if one.error else "" for one in found) == ["", "", "envelope-too-large"]
    *_, alone = from_stdin(long, limits=limit)
    assert alone.error is not None
    assert (alone.name, alone.is_one_of_many, alone.error.code) == ("-", False, "envelope-too-large")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"hello", b"{", b'{"a":\n1}', b"[1,\n2]", b"\xff\n\xfe\n"])
def test_a_file_with_no_envelope_is_one_error(data: bytes) -> None:
    [found] = from_stdin(data)
    assert (found.name, found.envelope, found.is_one_of_many) == ("-", None, False)
    assert isinstance(found.error, InputError)


def test_a_folder_is_read_below_and_in_order_and_its_links_and_sockets_are_not(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a").mkdir()
    for path in ("z.intoto.json", "a/1.sigstore", "b/2.json"):
        (tmp_path / path).write_bytes(ONE.to_json())
    (tmp_path / "a" / "lines.intoto.jsonl").write_bytes(ONE.to_json() + b"\nhello\n")
    (tmp_path / "app.whl").write_bytes(b"not looked at")
    (tmp_path / "app.whl.publish.attestation").write_bytes(ONE.to_json())
    (tmp_path / "app.whl.sig").write_bytes(b"raw signature")
    (tmp_path / "model.sig").write_bytes(ONE.to_json())
    os.mkfifo(tmp_path / "fifo.sig")
    passed_over: list[str] = []
    (tmp_path / "package.json").write_bytes(b"{}")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "gone.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo.json")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.json"))
        found = read(str(tmp_path), passed_over=passed_over.append)
    assert sorted(passed_over) == [str(tmp_path / name) for name in ("app.whl", "app.whl.sig", "fifo.sig")]
    assert [(one.name.removeprefix(f"{tmp_path}/"), one.error is None) for one in found] == [
        ("app.whl.publish.attestation", True),
        ("model.sig", True),
        ("package.json", False),
        ("z.intoto.json", True),
        ("a/1.sigstore", True),
        ("a/lines.intoto.jsonl:1", True),
        ("a/lines.intoto.jsonl:2", False),
        ("b/2.json", True),
    ]
    assert all(one.is_one_of_many for one in found)


def test_a_folder_that_can_not_be_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(ONE.to_json())
    (tmp_path / "z.json").mkdir()
    (tmp_path / "z.json" / "two.json").write_bytes(ONE.to_json())
    here, deep = os.getcwd(), "d" * 255
    os.chdir(tmp_path)
    try:
        for _ in range(16):  # so deep that the system knows no path to it
            Path(deep).mkdir()
            os.chdir(deep)
        Path("lost.json").write_bytes(ONE.to_json())
        found = read(str(tmp_path))
    finally:
        os.chdir(here)
        shutil.rmtree(tmp_path / deep)
    assert [(Path(one.name).name, one.error.code if one.error else "") for one in found] == [
        ("one.json", ""),
        (deep, "file-unreadable"),
        ("two.json", ""),
    ]
    assert all(one.is_one_of_many for one in found)


def test_a_file_that_is_not_there_is_an_error_like_others(tmp_path: Path) -> None:
    found = read(str(tmp_path / "gone.json"), str(tmp_path / "n\0l"))
    assert [(one.error.code if one.error else "", one.is_one_of_many) for one in found] == [
        ("file-unreadable", False)
    ] * 2


def test_no_more_than_one_envelope_is_held(tmp_path: Path) -> None:
    path = tmp_path / "many.intoto.jsonl"
    path.write_bytes((ONE.to_json() + b"\n") * 3)
    stream = read_all([str(path)])
    assert next(stream).envelope == ONE
    with path.open("ab") as more:
        more.write(b"hello\n")
    assert [one.error is None for one in stream] == [True, True, False]


MATERIAL: dict[str, Any] = {
    "publicKey": {"hint": "a hint"},
    "tlogEntries": [{"logIndex": "1"}],
}


def bundled(media_type: str = "application/vnd.dev.sigstore.bundle.v0.3+json", **fields: Any) -> bytes:
    content = json.loads(ONE.to_json())
    del content["signatures"][0]["keyid"]
    document = {"mediaType": media_type, "verificationMaterial": MATERIAL, "dsseEnvelope": content} | fields
    return dumps({name: value for name, value in document.items() if value is not None})


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ],
)
def test_a_sigstore_bundle_is_its_envelope_with_what_it_brings(media_type: str) -> None:
    envelope, unchecked = parse(bundled(media_type))
    assert envelope.pae() == ONE.pae()
    [signature] = envelope.signatures
    assert (signature.keyid, signature.sig) == ("a hint", ONE.signatures[0].sig)
    version = re.search(r"0\.[123]", media_type)
    assert version is not None
    kind = f"application/vnd.dev.sigstore.verificationmaterial;version={version[0]}"
    assert signature.to_dict()["extension"] == {"kind": kind, "ext": MATERIAL}
    assert unchecked == ("transparency log entries that were not checked: 1",)
    again = Envelope.from_json(envelope.to_json())
    assert (again, again.signatures[0].fields) == (envelope, signature.fields)


def test_a_sigstore_bundle_may_be_in_snake_case() -> None:
    content = json.loads(ONE.to_json())
    content["payload_type"] = content.pop("payloadType")
    document = {
        "media_type": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verification_material": {
            "certificate": {"raw_bytes": "AAAA"},
            "tlog_entries": [{"log_index": "1", "inclusion_proof": {"root_hash": "AA=="}}],
            "timestamp_verification_data": {"rfc3161_timestamps": [{"signed_timestamp": "AA=="}]},
        },
        "dsse_envelope": content,
    }
    envelope, unchecked = parse(dumps(document))
    assert (envelope.pae(), unchecked) == (ONE.pae(), ())
    assert envelope.signatures[0].to_dict()["extension"]["ext"] == {
        "certificate": {"rawBytes": "AAAA"},
        "tlogEntries": [{"logIndex": "1", "inclusionProof": {"rootHash": "AA=="}}],
        "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "AA=="}]},
    }


SIGNED = json.loads(ONE.to_json())
KEYED: dict[str, Any] = {"publicKey": {}}


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"media_type": "application/vnd.dev.sigstore.bundle.v0.4+json"}, "sigstore-unsupported", "/mediaType"),
        ({"media_type": "application/vnd.dev.sigstore.bundle+json;version=0.9"}, "sigstore-unsupported", "/mediaType"),
        ({"dsseEnvelope": None, "messageSignature": {}}, "sigstore-unsupported", "/dsseEnvelope"),
        ({"dsseEnvelope": []}, "sigstore-unsupported", "/dsseEnvelope"),
        ({"messageSignature": {}}, "sigstore-unsupported", "/messageSignature"),
        ({"dsse_envelope": {}}, "container-invalid", "/dsse_envelope"),
        ({"verificationMaterial": None}, "container-invalid", "/verificationMaterial"),
        ({"verificationMaterial": []}, "container-invalid", "/verificationMaterial"),
        ({"verificationMaterial": {}}, "container-invalid", "/verificationMaterial"),
        ({"verificationMaterial": {**KEYED, "certificate": {}}}, "container-invalid", "/verificationMaterial"),
        ({"verificationMaterial": {**KEYED, "public_key": {}}}, "container-invalid", None),
        ({"dsseEnvelope": {**SIGNED, "signatures": []}}, "container-invalid", "/dsseEnvelope/signatures"),
        (
            {"dsseEnvelope": {**SIGNED, "signatures": [{"sig": "AA=="}] * 2}},
            "container-invalid",
            "/dsseEnvelope/signatures",
        ),
        (
            {"dsseEnvelope": {**SIGNED, "signatures": [{"sig": "AA==", "cert": "PEM"}]}},
            "container-invalid",
            "/dsseEnvelope/signatures/0",
        ),
        (json.loads(TWO.to_json()), "sigstore-unsupported", "/payload"),
        ({"dsseEnvelope": {"payload": "", "payloadType": "x"}}, "envelope-invalid", "/dsseEnvelope/signatures"),
        (
            {"dsseEnvelope": {"payload": "?", "payloadType": "x", "signatures": []}},
            "base64-invalid",
            "/dsseEnvelope/payload",
        ),
    ],
)
def test_another_sigstore_bundle_is_refused(fields: dict[str, Any], code: str, where: str | None) -> None:
    with refused(InputError, code, where):
        parse(bundled(**fields))


def test_an_envelope_that_mentions_sigstore_is_still_an_envelope() -> None:
    document = json.loads(ONE.to_json()) | {"x-note": "application/vnd.dev.sigstore.bundle"}
    assert parse(dumps(document))[0].pae() == ONE.pae()


def test_an_answer_of_a_registry_is_a_collection_even_with_one_attestation(tmp_path: Path) -> None:
    bundle = json.loads(bundled())
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"attestations": [{"predicateType": "x", "bundle": bundle}]}))
    [found] = read(str(path))
    assert (found.name, found.envelope is not None, found.is_one_of_many) == (f"{path}#1", True, True)
    path.write_text(json.dumps({"attestations": [{"bundle": None}, 1, {"bundle": {"a": 1}}, {"bundle": bundle}]}))
    assert [one.error is None for one in read(str(path))] == [False, False, False, True]
    assert all(one.is_one_of_many for one in read(str(path)))
    nested = {"attestations": [{"bundle": {"attestations": [{"bundle": bundle}]}}]}
    path.write_text(json.dumps(nested))
    assert summary(read(str(path))) == [(f"{path}#1", "envelope-invalid")]


def test_an_answer_of_npm_is_read() -> None:
    if not FOREIGN.is_dir():
        missing("the published attestations in shared/data/foreign")
    found = read(str(FOREIGN / "npm-publish.json"))
    assert [one.envelope is not None for one in found] == [True, True]


def test_an_answer_of_gcloud_is_a_collection(tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    entries = [{"kind": "BUILD", "build": {}, "envelope": json.loads(ONE.to_json())}, {"kind": "BUILD"}]
    answer = {"image_summary": {"digest": "sha256:00"}, "provenance_summary": {"provenance": entries}}
    path.write_text(json.dumps(answer))
    good, bad = read(str(path))
    assert (good.name, good.envelope, good.is_one_of_many) == (f"{path}#1", ONE, True)
    assert bad.error is not None
    assert bad.error.where == "/provenance_summary/provenance/1/envelope"
    path.write_text(json.dumps({**json.loads(TWO.to_json()), **answer}))
    assert [one.envelope for one in read(str(path))] == [TWO]
    path.write_text(json.dumps({"provenance_summary": {"provenance": {}}}))
    assert summary(read(str(path))) == [(str(path), "envelope-invalid")]


def test_an_envelope_that_also_looks_like_an_answer_is_an_envelope(tmp_path: Path) -> None:
    path = tmp_path / "both.json"
    path.write_text(json.dumps({**json.loads(ONE.to_json()), "attestations": [{"bundle": json.loads(TWO.to_json())}]}))
    [found] = read(str(path))
    assert found.envelope is not None
    assert found.envelope.signatures[0].sig == ONE.signatures[0].sig
