"""Signed trust bundles: nothing is accepted that the roots before it haven't signed, and each no has its own code."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, Rejected, TrustBundle
from attest._base.files import MAX_FILE
from attest._base.json import b64encode, dumps
from attest.envelope import Envelope
from attest.timestamps.authorities import prove
from attest.trust.history import (
    MAX_VERSIONS,
    PAYLOAD_TYPE,
    SignedBundle,
    check_roots,
    demand_successor,
    load,
    load_root,
    read,
    walk,
)
from tests.support.making.bundles import NOW, anchor, bundle, key
from tests.support.making.chains import (
    R1,
    R2,
    R3,
    R4,
    R5,
    S1,
    S2,
    V1,
    V2,
    envelope,
    follow,
    given_roots,
    roots_file,
    version,
)
from tests.support.making.keys import ALICE, MALLORY
from tests.support.watching import refused
from tests.vectors.tokens import BETWEEN, ROOT, TSA_BELOW, authority, token

if TYPE_CHECKING:
    from pathlib import Path

    from attest import Signer


def test_the_next_version_is_accepted_from_the_one_before() -> None:
    found = walk(read(S2), V1)  # type: ignore[arg-type]
    assert found.bundle.raw == V2.raw
    assert [(check.version, check.roots_version, check.counted, check.met) for check in found.checks] == [
        (2, 1, 2, True),
        (2, 2, 2, True),
    ]


def test_every_step_of_a_walk_is_told_and_where_it_stands() -> None:
    history = read(S1 + S2)
    found = walk(history, given_roots(R2, R3))  # type: ignore[arg-type]
    assert [(check.version, check.roots_version) for check in found.checks] == [(1, None), (1, 1), (2, 1), (2, 2)]
    assert [one.where for one in history] == ["line 1", "line 2"]  # type: ignore[union-attr]
    assert [one.where for one in read(S2)] == [None]  # type: ignore[union-attr]
    other = version(1, R1, R2, R3, threshold=2, expires="2027-01-01T00:00:00Z")
    with refused(Rejected, "trust-fork", "line 1"):
        follow(S1 + S2, other)


@pytest.mark.parametrize(
    ("before", "own", "code"),
    [(7, 8, None), (7, 9, "trust-version-gap"), (7, 7, "trust-rollback"), (7, 6, "trust-rollback")],
)
def test_a_version_is_one_higher_than_the_one_before(before: int, own: int, code: str | None) -> None:
    signed = SignedBundle(version(own, R1), Envelope(b"", PAYLOAD_TYPE), 3)
    if code is None:
        demand_successor(signed, before)
        return
    with refused(Rejected, code, "line 3"):
        demand_successor(signed, before)


def test_older_versions_are_passed_over_and_the_roots_own_must_be_the_same() -> None:
    assert follow(S1 + S2, V1).raw == V2.raw
    assert follow(S1 + S2, V2).raw == V2.raw
    assert follow(S2, V2).raw == V2.raw
    other = version(1, R1, R2, R3, threshold=2, expires="2027-01-01T00:00:00Z")
    for data in (S1 + S2, S1):
        with refused(Rejected, "trust-fork"):
            follow(data, other)


def test_from_roots_alone_the_first_version_must_be_signed_by_them_whatever_its_number() -> None:
    for data, led_to in ((S1, V1), (S2, V2), (S1 + S2, V2)):
        assert follow(data, given_roots(R2, R3)).raw == led_to.raw
    with refused(Rejected, "root-threshold-not-met"):
        follow(S1, given_roots(R3, R4))
    with refused(Rejected, "root-threshold-not-met"):
        follow(S1, given_roots(R1, R4, threshold=2))


@pytest.mark.parametrize(
    ("signers", "whose"),
    [
        ((), "version 1"),
        ((R1,), "version 1"),
        ((R4,), "version 1"),
        ((R2, R4), "version 1"),
        ((R4, R5, MALLORY, ALICE), "version 1"),
        ((R1, R2), "version 2"),
        ((R1, R3), "version 2"),
    ],
)
def test_the_old_roots_and_the_own_ones_must_each_have_their_threshold(signers: tuple[Signer, ...], whose: str) -> None:
    with refused(Rejected, "root-threshold-not-met") as caught:
        follow(envelope(V2, *signers), V1)
    assert f"the roots of {whose}" in caught.value.message


@pytest.mark.parametrize("signers", [(R1, R2, R3), (R1, R2, R4), (R2, R3), (MALLORY, R1, R2, R4)])
def test_any_roots_that_are_enough_for_both_will_do(signers: tuple[Signer, ...]) -> None:
    assert follow(envelope(V2, *signers), V1).raw == V2.raw


def test_a_root_counts_once() -> None:
    signed = Envelope.from_json(envelope(V2, R2))
    [entry] = [signature.to_dict() for signature in signed.signatures]
    for other in (entry, entry | {"keyid": "other"}, entry | {"keyid": R3.public_key.keyid}):
        document = json.loads(signed.to_json()) | {"signatures": [entry, other]}
        with refused(Rejected, "root-threshold-not-met") as caught:
            follow(dumps(document), V1)
        check = caught.value.roots  # type: ignore[attr-defined]
        assert [one.code for one in check.signatures] == [None, "key-already-counted"]


def test_a_keyid_is_a_hint_and_decides_nothing() -> None:
    document = json.loads(S2)
    for entry in document["signatures"]:
        entry["keyid"] = MALLORY.public_key.keyid
    assert follow(dumps(document), V1).raw == V2.raw
    document = json.loads(envelope(V2, MALLORY, ALICE))
    for entry, root in zip(document["signatures"], (R2, R3), strict=True):
        entry["keyid"] = root.public_key.keyid
    with refused(Rejected, "root-threshold-not-met"):
        follow(dumps(document), V1)


@pytest.mark.parametrize("status", ["retired", "compromised"])
def test_a_root_that_is_not_active_counts_for_nothing_in_the_version_that_says_so(status: str) -> None:
    old = version(1, R1, key(R2, status=status), R3, threshold=2)
    with refused(Rejected, "root-threshold-not-met") as caught:
        follow(envelope(version(2, R1, R2, R3, threshold=2), R1, R2), old)
    check = caught.value.roots  # type: ignore[attr-defined]
    assert [one.code for one in check.signatures] == [None, f"key-{status}"]
    new = version(2, R1, key(R2, status=status), R3, threshold=2)
    with refused(Rejected, "root-threshold-not-met"):
        follow(envelope(new, R1, R2), version(1, R1, R2, threshold=2))
    # The old roots' say is theirs: what the new version calls lost may be needed once more to say so.
    assert follow(envelope(new, R1, R2, R3), version(1, R1, R2, threshold=2)).raw == new.raw


def test_no_timestamp_makes_a_retired_root_count() -> None:
    """Roots have no times: that a signature is from before helps an anchor's key, and no root."""
    retired = key(R2, status="retired", status_since="2026-06-01T00:00:00Z")
    believed: dict[str, Any] = {"timestamp_authorities": {"tsa": authority(ROOT)}}
    old = version(1, R1, retired, threshold=2, **believed)
    document = json.loads(envelope(version(2, R1, R3, **believed), R1, R2))
    made = token(
        b64decode(document["signatures"][1]["sig"]), "2026-05-15T10:00:00Z", TSA_BELOW, embedded=[TSA_BELOW, BETWEEN]
    )
    document["signatures"][1]["timestamps"] = [{"type": "tsp", "data": b64encode(made)}]
    [signed] = read(dumps(document))  # type: ignore[misc]
    found = prove(signed.envelope.signatures[1], old.timestamp_authorities, NOW)
    assert found is not None
    assert found.code is None, "the timestamp itself is good"
    with refused(Rejected, "root-threshold-not-met") as caught:
        follow(dumps(document), old)
    check = caught.value.roots  # type: ignore[attr-defined]
    assert [(one.code, one.timestamp) for one in check.signatures] == [(None, None), ("key-retired", None)]


def test_simulated_roots_count_where_that_is_allowed(tmp_path: Path) -> None:
    simulated = key(R1, backend="sim")
    root = version(1, simulated)
    data = envelope(version(2, simulated), R1)
    with refused(Rejected, "root-threshold-not-met") as caught:
        follow(data, root)
    assert "--allow-simulated" in (caught.value.hint or "")
    with refused(Rejected, "root-threshold-not-met"):
        walk(read(data), root)  # type: ignore[arg-type]
    [signed] = read(data)  # type: ignore[misc]
    assert [check.met for check in check_roots(signed, root)] == [False, False]
    assert [check.met for check in check_roots(signed, None, allow_simulated=True)] == [True]
    assert follow(data, root, allow_simulated=True).version == 2
    path = tmp_path / "signed.json"
    path.write_bytes(data)
    with refused(Rejected, "root-threshold-not-met", str(path)):
        load(path, root=root)
    assert load(path, root=root, allow_simulated=True).version == 2


def test_only_the_last_version_may_not_have_expired(tmp_path: Path) -> None:
    from attest import verify
    from tests.support.making.bundles import FUTURE, PAST
    from tests.support.making.statements import ARTIFACT, signed

    old, new, path = version(2, R1, expires=PAST), version(3, R1, expires=FUTURE), tmp_path / "history.jsonl"
    path.write_bytes(envelope(old, R1) + envelope(new, R1))
    trust = load(path, root=version(1, R1))
    assert verify(signed(), trust, artifacts=[ARTIFACT], now=NOW).anchors == ("release",)
    path.write_bytes(envelope(old, R1))
    with refused(Rejected, "trust-expired"):
        verify(signed(), load(path, root=version(1, R1)), artifacts=[ARTIFACT], now=NOW)


def test_a_plain_file_is_not_taken_for_a_signed_one_nor_the_other_way_round(tmp_path: Path) -> None:
    plain, signed = tmp_path / "plain.json", tmp_path / "signed.json"
    plain.write_bytes(V1.raw)
    signed.write_bytes(S1)
    assert load(plain).raw == V1.raw
    assert load(signed, root=V1).raw == V1.raw
    with refused(Rejected, "trust-unsigned", str(plain)):
        load(plain, root=V1)
    with refused(InputError, "trust-root-missing", str(signed)):
        load(signed)
    with refused(InputError, "trust-signed", str(signed)):
        TrustBundle.load(signed)
    signed.write_bytes(S1 + S2)
    with refused(InputError, "trust-signed", str(signed)):
        TrustBundle.load(signed)


def indented(data: bytes) -> bytes:
    return dumps(json.loads(data), indent=2) + b"\n"


@pytest.mark.parametrize("data", [S1, S1.strip(), indented(S1), b"\n" + indented(S1), S1 + b"\n" + S2, S1 + b"{"])
def test_a_signed_bundle_or_history_is_never_taken_for_a_plain_bundle(data: bytes) -> None:
    with refused(InputError, "trust-signed"):
        TrustBundle.from_json(data)


@pytest.mark.parametrize("fields", [{"anchors": {"payload": anchor(ALICE)}}, {"x-note": {"payload": "payload"}}])
def test_a_plain_bundle_may_speak_of_a_payload(fields: dict[str, Any]) -> None:
    plain = version(1, R1, **fields).raw
    for data in (plain, indented(plain), plain + b"\n\n"):
        found = read(data)
        assert isinstance(found, TrustBundle)
        assert found.raw == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json-invalid"),
        (b"\n \n", "json-invalid"),
        (b'"payload"', "json-invalid"),
        (b'["payload"]', "json-invalid"),
        (S1.strip()[:-1], "json-invalid"),
        (b"{}\n" + S1, "json-invalid"),
        (V1.raw + b"\n" + S1, "json-invalid"),
        (b"{}", "trust-invalid"),
    ],
)
def test_what_does_not_begin_with_an_envelope_is_read_as_a_plain_bundle(data: bytes, code: str) -> None:
    for reader in (read, TrustBundle.from_json):
        with refused(InputError, code) as caught:
            reader(data)
        assert not (caught.value.where or "").startswith("line ")


def test_the_lowest_version_is_asked_of_a_plain_file_too(tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_bytes(V2.raw)
    assert load(path, min_version=2).version == 2
    with refused(Rejected, "trust-rollback", str(path)):
        load(path, min_version=3)


def test_a_signed_bundle_may_be_written_as_any_json_and_a_history_line_by_line() -> None:
    document = json.loads(S2)
    for data in (
        json.dumps(document, indent=4).encode(),
        S2.strip(),
        b"\n\n" + S2 + b"\r\n",
        dumps({"x": 1} | document),
    ):
        assert follow(data, V1).raw == V2.raw
    assert follow(S1.strip() + b"\r\n\n" + S2.strip(), V1).raw == V2.raw


@pytest.mark.parametrize(
    ("data", "code", "where"),
    [
        (S1 + b"{\n", "json-invalid", "line 2"),
        (S1 + dumps(json.loads(V2.raw), indent=2), "json-invalid", "line 2"),
        (S1 + V2.raw, "envelope-invalid", "line 2: /payloadType"),
        (S1 + b"\n" + S2.replace(b'"payload":"', b'"payload":"?'), "base64-invalid", "line 3: /payload"),
        (envelope(V1, R1, payload_type="application/vnd.in-toto+json"), "trust-invalid", "/payloadType"),
        (envelope(V1, R1, payload_type=PAYLOAD_TYPE.upper()), "trust-invalid", "/payloadType"),
        (envelope(bundle(), R1), "roots-missing", "payload: /roots"),
        (S1 + envelope(bundle(version=2), R1), "roots-missing", "line 2: payload: /roots"),
        (envelope(b"{}", R1), "trust-invalid", "payload: /"),
        (envelope(b"", R1), "json-invalid", "payload"),
        (envelope(S1.strip(), R1), "trust-signed", "payload"),
        (envelope(V1, R1).replace(b'"signatures"', b'"signature"'), "envelope-invalid", "/signatures"),
        (b'{"payload": 1, "payload": 2}', "json-invalid", None),
    ],
)
def test_what_is_no_signed_bundle_is_refused_at_its_place(data: bytes, code: str, where: str | None) -> None:
    with refused(InputError, code) as caught:
        read(data)
    assert where is None or caught.value.where == where


def test_a_plain_bundle_may_be_as_large_as_a_file_and_no_larger() -> None:
    plain = version(1, R1).raw
    found = read(plain.ljust(MAX_FILE))
    assert isinstance(found, TrustBundle)
    assert found.version == 1
    with refused(InputError, "file-too-large"):
        read(plain.ljust(MAX_FILE + 1))


def test_a_history_has_its_limit() -> None:
    with refused(InputError, "trust-history-too-long"):
        read(S1 * (MAX_VERSIONS + 1))


def test_a_history_may_be_larger_than_other_files(tmp_path: Path) -> None:
    (tmp_path / "history").write_bytes(S1 + b" " * MAX_FILE)
    assert load(tmp_path / "history", root=V1).version == 1
    assert load_root(tmp_path / "history") == V1


def test_what_vouches_is_a_file_of_roots_or_a_bundle_or_the_last_of_a_history(tmp_path: Path) -> None:
    path = tmp_path / "root"
    for data, number in ((V1.raw, 1), (S1, 1), (S1 + S2, 2), (S2 + S1, 1)):
        path.write_bytes(data)
        found = load_root(path)
        assert isinstance(found, TrustBundle)
        assert found.version == number
    path.write_bytes(roots_file(R1, R2))
    assert load_root(path) == given_roots(R1, R2)


@pytest.mark.parametrize(
    ("data", "code", "where"),
    [
        (bundle().raw, "roots-missing", ": /roots"),
        (envelope(bundle(), R1), "roots-missing", ": payload: /roots"),
        (b"", "json-invalid", ""),
        (b"{}", "trust-invalid", ": /"),
        (roots_file(R1, threshold=2), "threshold-unreachable", ": /threshold"),
        (
            version(1, R1, anchors={"a": anchor(ALICE)}).raw.replace(b'"threshold":1', b'"threshold":0'),
            "trust-invalid",
            "",
        ),
    ],
)
def test_what_can_t_vouch_is_refused_at_its_place(data: bytes, code: str, where: str, tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.write_bytes(data)
    with refused(InputError, code) as caught:
        load_root(path)
    assert (caught.value.where or "").startswith(f"{path}{where}")


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    for reader in (load, load_root):
        with refused(InputError, "file-unreadable", str(path)):
            reader(path)
