"""What timestamps prove: fuzzed and foreign tokens, real ones of other programs, and what trust bundles say of them.

The rules, one by one, are in fixtures/vectors (timestamp-*).
"""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from attest import Envelope, InputError, Rejected, Signature, verify
from attest._base.json import b64encode
from attest._base.times import format_time
from attest.results.verified import _pack, _unpack
from attest.timestamps.authorities import (
    MAX_TOKEN,
    MAX_TOKENS,
    TimestampAuthority,
    TimestampCheck,
    prove,
    read_authorities,
    verify_token,
)
from attest.timestamps.tokens import MAX_CERTIFICATES, Token
from attest.trust import lint
from attest.trust.editing import add, describe_key, without_signers
from tests.repository.test_public_api import modules_after
from tests.support.cli.calls import program
from tests.support.making.bundles import anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.statements import ARTIFACT, signed
from tests.support.watching import refused
from tests.vectors.tokens import (
    BETWEEN,
    FALSE_ROOT,
    FALSE_TSA,
    OTHER_ROOT,
    OTHER_TSA,
    ROOT,
    TSA,
    TSA_BELOW,
    authority,
    party,
    stamper,
    token,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vectors.tokens import Party

TIME, NOW = datetime(2026, 5, 15, 10, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)
SIG = b"the bytes of a signature"
LISTED = read_authorities({"tsa": authority(ROOT)})
GOOD = token(SIG, TIME.isoformat(), TSA_BELOW, embedded=[TSA_BELOW, BETWEEN])


def entry(*tokens: bytes, **fields: Any) -> Signature:
    """A signature with tokens beside it."""
    return Signature("", SIG, {"timestamps": [{"type": "tsp", "data": b64encode(one)} for one in tokens], **fields})


def outcome(data: bytes, authorities: tuple[TimestampAuthority, ...] = LISTED) -> tuple[datetime, str] | str:
    """What a token proves, or the code of its refusal; anything but a Rejected goes through."""
    try:
        return verify_token(data, SIG, authorities, NOW)
    except Rejected as error:
        return error.code


def test_a_good_token_proves_its_time_and_names_the_authority() -> None:
    assert verify_token(GOOD, SIG, LISTED, NOW) == (TIME, "tsa")
    assert prove(entry(GOOD), LISTED, NOW) == TimestampCheck(TIME, "tsa")
    assert prove(Signature("", SIG), LISTED, NOW) is None


@pytest.mark.parametrize("part", range(8))
def test_no_flipped_bit_proves_anything_else(part: int) -> None:
    """Outside of what is signed a token may be changed, and still proves what it proved, or nothing."""
    for position in range(part, len(GOOD), 8):
        changed = bytearray(GOOD)
        changed[position] ^= 1 << (position // 8 % 8)
        assert outcome(bytes(changed)) in {
            (TIME, "tsa"),
            "timestamp-invalid",
            "timestamp-mismatch",
            "timestamp-untrusted",
            "timestamp-chain-invalid",
        }


@cache
def signed_parts() -> list[range]:
    """Where what the authority signed stands: the TSTInfo, the signed attributes, and the signature."""
    from asn1crypto import cms

    content = cms.ContentInfo.load(GOOD)["content"]
    signer = content["signer_infos"][0]
    parts = [
        content["encap_content_info"]["content"].parsed.dump(),
        signer["signed_attrs"].contents,
        signer["signature"].native,
    ]
    return [range(GOOD.index(part), GOOD.index(part) + len(part)) for part in parts]


def test_no_flipped_bit_of_what_is_signed_is_believed() -> None:
    for position in (place for part in signed_parts() for place in part):
        changed = bytearray(GOOD)
        changed[position] ^= 1 << (position % 8)
        assert isinstance(outcome(bytes(changed)), str), position


@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, 200))
def test_spliced_tokens_prove_nothing_else_and_break_nothing(inserted: bytes, position: int, removed: int) -> None:
    made = GOOD[:position] + inserted + GOOD[position + removed :]
    found = outcome(made)
    assert found == (TIME, "tsa") or isinstance(found, str)


@given(st.binary(max_size=300))
def test_garbage_is_no_token(data: bytes) -> None:
    assert outcome(data) == "timestamp-invalid"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=6) | st.sampled_from(["type", "data"]), inner)
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_stands_in_the_field_proves_nothing_and_breaks_nothing(value: Any) -> None:
    check = prove(Signature("", SIG, {"timestamps": value}), LISTED, NOW)
    assert check is None or (check.time is None and check.code == "timestamp-invalid")


def test_tokens_beyond_the_limit_are_not_looked_at() -> None:
    bad = token(b"x", TIME.isoformat())
    assert prove(entry(*[bad] * (MAX_TOKENS - 1), GOOD), LISTED, NOW) == TimestampCheck(TIME, "tsa")
    check = prove(entry(*[bad] * MAX_TOKENS, GOOD), LISTED, NOW)
    assert check is not None
    assert check.code == "timestamp-mismatch"


def test_a_token_has_so_many_bytes_and_no_more() -> None:
    def sized(size: int) -> bytes:
        padding = 60_000
        for _ in range(2):  # a length may take one byte more or less
            made = token(SIG, TIME.isoformat(), embedded=[TSA, party("Padding", ROOT, ca=True, padding=padding)])
            padding += size - len(made)
        assert len(made) == size
        return made

    assert prove(entry(sized(MAX_TOKEN)), LISTED, NOW) == TimestampCheck(TIME, "tsa")
    check = prove(entry(sized(MAX_TOKEN + 3)), LISTED, NOW)
    assert check is not None
    assert (check.time, check.code) == (None, "timestamp-invalid")


@pytest.mark.parametrize(
    ("minutes", "proven"), [(-6, -6), (-4, -4), (0, 0), (4, 0), (5, 0), (6, None)], ids=lambda value: str(value)
)
def test_a_time_a_little_ahead_is_now_and_one_a_little_ago_is_itself(minutes: int, proven: int | None) -> None:
    made = token(SIG, (NOW + timedelta(minutes=minutes)).isoformat())
    check = prove(entry(made), LISTED, NOW)
    assert check is not None
    expected = (None, "timestamp-in-future") if proven is None else (NOW + timedelta(minutes=proven), None)
    assert (check.time, check.code) == expected


def test_an_authority_is_believed_from_its_first_moment_to_its_last() -> None:
    made = token(SIG, TIME.isoformat())
    for begin, end in ((0, 1), (-1, 0), (0, 0), (1, 2), (-2, -1)):
        window = {
            name: format_time(TIME + timedelta(seconds=at)) for name, at in (("not_before", begin), ("not_after", end))
        }
        listed = read_authorities({"tsa": authority(ROOT, **window)})
        assert outcome(made, listed) == ((TIME, "tsa") if begin <= 0 <= end else "timestamp-untrusted")


def test_a_token_brings_so_many_certificates_and_no_more() -> None:
    chain = [TSA_BELOW, BETWEEN, *[party(f"More {number}", ca=True) for number in range(MAX_CERTIFICATES - 2)]]
    assert outcome(token(SIG, TIME.isoformat(), TSA_BELOW, embedded=chain)) == (TIME, "tsa")
    chain.append(party("One More", ca=True))
    assert outcome(token(SIG, TIME.isoformat(), TSA_BELOW, embedded=chain)) == "timestamp-invalid"


def test_a_listed_intermediate_shows_the_way_among_cross_signed_ones() -> None:
    """OpenSSL looks among what is listed first, and doesn't turn back on a way that it took."""
    crossed = party("Vector Intermediate", OTHER_ROOT, ca=True)
    made = token(SIG, TIME.isoformat(), TSA_BELOW, embedded=[TSA_BELOW, BETWEEN, crossed])
    assert outcome(made, read_authorities({"tsa": authority(ROOT, BETWEEN)})) == (TIME, "tsa")
    assert outcome(made, read_authorities({"other": authority(OTHER_ROOT, crossed)})) == (TIME, "other")


@pytest.mark.parametrize(
    ("signer", "listed", "ended"),
    [
        (TSA, (ROOT, TSA), (TIME, "tsa")),
        (TSA_BELOW, (ROOT, BETWEEN, TSA_BELOW), (TIME, "tsa")),
        (TSA_BELOW, (ROOT, TSA_BELOW), "timestamp-chain-invalid"),
        (TSA, (OTHER_ROOT, TSA), "timestamp-chain-invalid"),
        (TSA, (ROOT, TSA_BELOW), "timestamp-untrusted"),
        (TSA_BELOW, (ROOT, BETWEEN), "timestamp-untrusted"),
    ],
)
def test_a_listed_certificate_need_not_be_in_the_token(
    signer: Party, listed: tuple[Party, ...], ended: tuple[datetime, str] | str
) -> None:
    made = token(SIG, TIME.isoformat(), signer, embedded=[])
    assert outcome(made, read_authorities({"tsa": authority(*listed)})) == ended


def test_a_token_is_judged_by_one_authority_whole() -> None:
    pieces = token(SIG, TIME.isoformat(), TSA_BELOW)
    split = read_authorities({"one": authority(ROOT), "two": authority(OTHER_ROOT, BETWEEN)})
    assert outcome(pieces, split) == "timestamp-chain-invalid"
    assert outcome(pieces, split[::-1]) == "timestamp-chain-invalid"
    assert outcome(pieces, read_authorities({"both": authority(ROOT, BETWEEN)})) == (TIME, "both")


def test_an_authority_that_fails_does_not_stand_in_the_way_of_another() -> None:
    pinned = {"pinned": authority(ROOT, TSA), "ended": authority(ROOT, not_after="2021-01-01T00:00:00Z")}
    assert outcome(GOOD, read_authorities(pinned)) == "timestamp-untrusted"
    assert outcome(GOOD, read_authorities({**pinned, "open": authority(ROOT)})) == (TIME, "open")


def test_a_key_of_the_token_alone_is_never_trusted() -> None:
    """rfc3161-client puts the certificate it is told of among the trusted; this one only the token has."""
    for own in (stamper("Vector Root", None, seed="own"), stamper("Own", None)):
        made = token(SIG, TIME.isoformat(), own)
        assert outcome(made) in {"timestamp-chain-invalid", "timestamp-untrusted"}
        assert outcome(made, (*LISTED, *read_authorities({"other": authority(OTHER_ROOT)}))) != (TIME, "other")


CERTIFYING = party("Vector Certifying", ROOT, ca=True, signs_certificates=True)
LAST_CA = party("Vector Last CA", ROOT, ca=True, path_length=0)
NO_CA = stamper("Vector Not A CA", ROOT)
ENDED_CA = party("Vector Ended CA", ROOT, ca=True, end="2021-01-01T00:00:00Z")
MUTE_CA = party("Vector Mute CA", ROOT, ca=True, signs_certificates=False)
BELOW_LAST = party("Vector Below Last", LAST_CA, ca=True)
LED_TO_ROOT = {
    "directly": (TSA,),
    "over a CA": (TSA_BELOW, BETWEEN),
    "over a CA that may sign certificates": (stamper("A", CERTIFYING), CERTIFYING),
    "over the last CA": (stamper("B", LAST_CA), LAST_CA),
}
ASTRAY = {
    "a key of its own": (stamper("Own", None),),
    "a root of its own": (OTHER_TSA, OTHER_ROOT),
    "the name of the root": (FALSE_TSA, FALSE_ROOT),
    "a certificate that is missing": (TSA_BELOW,),
    "another purpose": (party("Vector Anything", ROOT),),
    "a signer that has ended": (stamper("Vector Ended", ROOT, end="2021-01-01T00:00:00Z"),),
    "no CA": (stamper("C", NO_CA), NO_CA),
    "a CA that has ended": (stamper("D", ENDED_CA), ENDED_CA),
    "a CA that may not sign certificates": (stamper("E", MUTE_CA), MUTE_CA),
    "one CA too many": (stamper("F", BELOW_LAST), BELOW_LAST, LAST_CA),
}


@pytest.mark.parametrize("listed_too", [False, True])
@pytest.mark.parametrize("way", [*LED_TO_ROOT, *ASTRAY])
def test_a_library_that_trusts_whatever_a_token_brings_decides_nothing(
    way: str, listed_too: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As rfc3161-client did before 1.0.9: its yes is not enough."""
    signer, *others = (LED_TO_ROOT | ASTRAY)[way]
    made = token(SIG, TIME.isoformat(), signer, embedded=[signer, *others])
    below = [one for one in others if listed_too and one.certificate.issuer != one.certificate.subject]
    listed = read_authorities({"tsa": authority(ROOT, *below)})
    expected = {(TIME, "tsa")} if way in LED_TO_ROOT else {"timestamp-chain-invalid", "timestamp-untrusted"}
    assert outcome(made, listed) in expected | ({"timestamp-invalid"} if way == "another purpose" else set())
    monkeypatch.setattr("rfc3161_client.verify._Verifier.verify_message", lambda *_: True)
    assert outcome(made, listed) in expected


def test_a_token_of_several_signers_is_not_read() -> None:
    """OpenSSL wants one too; whoever reads a token before that must not take the first for the only one."""
    assert Token.read(token(SIG, TIME.isoformat())).time == TIME
    for signers in (0, 2, 3):
        with refused(Rejected, "timestamp-invalid"):
            Token.read(token(SIG, TIME.isoformat(), signers=signers))


@pytest.mark.parametrize("seed", range(6))
def test_a_token_that_may_be_of_two_certificates_proves_nothing(seed: int) -> None:
    """Of one issuer and with one serial number, in whatever order they are found."""
    twin = stamper("Vector TSA", ROOT, seed=str(seed), serial=TSA.certificate.serial_number)
    time = TIME.isoformat()
    assert outcome(token(SIG, time, embedded=[TSA])) == (TIME, "tsa")
    assert outcome(token(SIG, time, embedded=[TSA, twin])) == "timestamp-invalid"
    assert outcome(token(SIG, time, embedded=[TSA]), read_authorities({"tsa": authority(ROOT, twin)})) != (TIME, "tsa")
    for listed in ((ROOT, TSA, twin), (ROOT, twin, TSA)):
        assert (
            outcome(token(SIG, time, embedded=[]), read_authorities({"tsa": authority(*listed)})) == "timestamp-invalid"
        )


@pytest.mark.parametrize("number", ["002", "005"])
def test_tokens_that_go_witness_keeps_are_read_and_believed(number: str, shared_data: Path) -> None:
    """By a public authority, with certificates in the order it likes, one of which has expired since."""
    data = (shared_data / "field" / "envelopes" / f"witness-{number}.json").read_bytes()
    [signature] = Envelope.from_json(data).signatures
    assert signature.fields is not None
    read = Token.read(base64.b64decode(signature.fields["timestamps"][0]["data"]))
    [root] = [one for one in read._embedded if one.subject == one.issuer]
    listed = read_authorities({"free": {"certificates": [root.public_bytes(Encoding.PEM).decode()]}})
    check = prove(signature, listed, datetime.now(UTC))
    assert check is not None
    assert (check.time, check.authority) == (read.time, "free")
    assert read.time.date().isoformat() == "2024-02-19"
    other = prove(signature, LISTED, datetime.now(UTC))
    assert other is not None
    assert other.code == "timestamp-untrusted"


def test_openssl_agrees_about_the_tokens_of_the_vectors(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text(ROOT.pem)
    (tmp_path / "data").write_bytes(SIG)

    def accepted(data: bytes) -> bool:
        (tmp_path / "token.der").write_bytes(data)
        at = str(int(TIME.timestamp()))
        command = ["openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "data", "-CAfile", "root.pem"]
        return subprocess.run([*command, "-attime", at], cwd=tmp_path, capture_output=True, check=False).returncode == 0

    time = TIME.isoformat()
    assert accepted(GOOD)
    assert accepted(token(SIG, time))
    for bad in (
        token(b"x", time),
        token(SIG, time, OTHER_TSA),
        token(SIG, time, names=TSA_BELOW),
        token(SIG, time, unnamed=True),
        token(SIG, time, party("Vector Anything", ROOT)),
    ):
        assert not accepted(bad)
        assert isinstance(outcome(bad), str)


def test_a_token_is_only_looked_at_for_a_key_that_is_known() -> None:
    envelope = signed(MALLORY, ALICE)
    entries = [{**one.to_dict(), "timestamps": [{"type": "tsp", "data": "%"}]} for one in envelope.signatures]
    changed = Envelope.from_json(json.dumps({**json.loads(envelope.to_json()), "signatures": entries}).encode())
    stranger, known = verify(changed, bundle(), artifacts=[ARTIFACT], now=NOW).report.signatures
    assert stranger.timestamp is None
    assert known.timestamp is not None
    assert (known.code, known.timestamp.code) == (None, "timestamp-invalid")


def test_a_window_is_each_anchors_own() -> None:
    """One time is proven, and every entry of the key is judged at it."""
    envelope = signed()
    stamped = token(envelope.signatures[0].sig, TIME.isoformat())
    document = json.loads(envelope.to_json())
    document["signatures"][0]["timestamps"] = [{"type": "tsp", "data": b64encode(stamped)}]
    before, after = (format_time(TIME + timedelta(days=days)) for days in (-1, 1))
    trust = bundle(
        {
            "ended": anchor(key(ALICE, not_after=after)),
            "too-early": anchor(key(ALICE, not_after=before)),
            "retired": anchor(key(ALICE, status="retired", status_since=after)),
            "later": anchor(key(ALICE, not_before=after)),
            "open": anchor(ALICE),
        },
        timestamp_authorities={"tsa": authority(ROOT)},
    )
    verified = verify(json.dumps(document).encode(), trust, artifacts=[ARTIFACT], now=NOW)
    assert verified.anchors == ("ended", "retired", "open")
    packed = pickle.loads(pickle.dumps(_pack(verified)))  # noqa: S301  # as one of our processes sends it
    assert _unpack(packed) == verified


def test_a_trust_bundle_keeps_its_authorities() -> None:
    trust = bundle(timestamp_authorities={"tsa": authority(ROOT, not_after="2030-01-01T00:00:00Z")})
    assert [(one.name, one.certificates) for one in trust.timestamp_authorities] == [("tsa", (ROOT.der,))]
    assert pickle.loads(pickle.dumps(trust)) == trust  # noqa: S301
    grown = add(trust, "release", [describe_key(BOB.public_key)], now=NOW)
    assert grown.timestamp_authorities == without_signers(trust).timestamp_authorities == trust.timestamp_authorities
    assert bundle().timestamp_authorities == ()


def test_a_check_warns_of_certificates_that_end() -> None:
    old = party("Old Root", ca=True, end="2026-06-30T00:00:00Z")
    soon = party("Soon Root", ca=True, end="2026-07-10T00:00:00Z")
    closed = authority(old, not_after="2026-01-01T00:00:00Z")
    listed = {"a": authority(ROOT, old), "soon": authority(soon), "closed": closed}
    findings = lint.check(bundle(timestamp_authorities=listed), now=NOW)
    assert [(one.code, one.where) for one in findings] == [
        ("timestamp-authority-expired", "/timestamp_authorities/a/certificates/1"),
        ("timestamp-authority-expires-soon", "/timestamp_authorities/soon/certificates/0"),
    ]


def test_the_faults_of_an_authority_are_placed() -> None:
    for name, entries, where in (
        ("certificate-invalid", authority(ROOT) | {"certificates": [ROOT.pem, "x"]}, "certificates/1"),
        ("certificate-invalid", authority(TSA), "certificates"),
        ("time-invalid", authority(ROOT, not_before="x"), "not_before"),
    ):
        with refused(InputError, name, where=f"/timestamp_authorities/tsa/{where}"):
            bundle(timestamp_authorities={"tsa": entries})


@pytest.mark.parametrize("seed", range(4))
def test_a_certificate_that_any_parser_refuses_is_refused_with_the_trust_bundle(seed: int) -> None:
    """What is listed is read again for each token, by OpenSSL, and must not fail then."""
    random = Random(seed)
    refusals = 0
    for _ in range(150):
        der = bytearray(BETWEEN.der)
        der[random.randrange(len(der))] = random.choice([0, 1, 3, 5, 0x13, 0x14, 0x1C, 0x1E, 0x30, 0x80, 0xFF])
        pem = f"-----BEGIN CERTIFICATE-----\n{b64encode(bytes(der))}\n-----END CERTIFICATE-----\n"
        try:
            listed = read_authorities({"tsa": {"certificates": [ROOT.pem, pem]}})
        except InputError as error:
            refusals += error.code == "certificate-invalid"
        else:
            assert outcome(GOOD, listed) == (TIME, "tsa") or isinstance(outcome(GOOD, listed), str)
    assert refusals > 20


def test_nothing_that_a_library_warns_of_in_a_token_is_printed(tmp_path: Path) -> None:
    envelope = signed()
    sig = envelope.signatures[0].sig
    stamped = bytearray(token(sig, TIME.isoformat(), TSA_BELOW, embedded=[TSA_BELOW, BETWEEN]))
    serial = BETWEEN.certificate.serial_number.to_bytes(8, "big")
    stamped[stamped.index(serial)] |= 0x80  # negative, which RFC 5280 forbids
    document = json.loads(envelope.to_json())
    document["signatures"][0]["timestamps"] = [{"type": "tsp", "data": b64encode(bytes(stamped))}]
    (tmp_path / "a.json").write_text(json.dumps(document))
    (tmp_path / "trust.json").write_bytes(bundle(timestamp_authorities={"tsa": authority(ROOT)}).to_json())
    ran = program("verify", "a.json", "--trust", "trust.json", "--artifact", ARTIFACT, cwd=tmp_path)
    assert b"timestamp not counted: " in ran.done().stdout


def test_nothing_of_timestamps_is_loaded_without_them() -> None:
    trust = bundle().to_json().decode()
    code = f"import attest; attest.TrustBundle.from_json({trust!r}.encode()); import attest.verifying, attest.signing"
    assert not modules_after(code) & {"rfc3161_client", "asn1crypto", "http.client", "cryptography"}
