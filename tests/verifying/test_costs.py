"""What verifying costs at most, counted and not timed: checks of signatures, hashes, tokens, and globs."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from attest import Envelope, InputError, Limits, PublicKey, Rejected, ResourceDescriptor, Signature, TrustBundle, verify
from attest._base.json import b64encode, dumps
from attest.envelope import PAYLOAD_TYPE
from attest.limits import MAX_SIGNATURES, MAX_TRIES
from attest.results.report import Report
from attest.timestamps import authorities
from attest.trust import history
from attest.trust.signatures import schemes
from attest.trust.signers import SignerChecks
from tests.support.cli.calls import program
from tests.support.making.bundles import NOW, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MemorySigner
from tests.support.making.statements import ARTIFACT, DIGEST, signed, statement
from tests.support.watching import refused
from tests.vectors.tokens import ROOT, authority, token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAMILIES = ("ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsassa-pss-sha256", "ml-dsa-44")
LARGE = b"{" + b" " * (1 << 20) + b"}"


class Work:
    """What was done: how often a key was asked about a signature, what that counts as, and what was hashed apart."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = self.tries = self.hashed = 0
        accepts, new = PublicKey.accepts, hashlib.new

        here = threading.get_ident()  # a test before this one may have left a thread that still signs

        def counting(key: PublicKey, signature: bytes, data: bytes, digests: dict[str, bytes] | None = None) -> bool:
            if threading.get_ident() == here:
                self.asked += 1
                self.tries += key.tries(len(data))
            return accepts(key, signature, data, digests)

        def hashing(name: str, data: bytes) -> Any:
            if threading.get_ident() == here:
                self.hashed += 1
            return new(name, data)

        monkeypatch.setattr(PublicKey, "accepts", counting)
        monkeypatch.setattr(hashlib, "new", hashing)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


@cache
def many_keys(algorithm: str, number: int = 100) -> TrustBundle:
    """A bundle of so many keys of one kind; of RSA of fewer, which stand in as many anchors."""
    if algorithm.startswith("rsa"):
        owners = [key(MemorySigner(algorithm, at)) for at in range(2)]
        return bundle({f"a{at}": anchor(owners[at % 2]) for at in range(number)})
    return bundle({"a": anchor(*[MemorySigner(algorithm, 100 + at) for at in range(number)])})


@cache
def foreign(algorithm: str, number: int = MAX_SIGNATURES) -> tuple[Signature, ...]:
    """Well-formed signatures over other things, by a key that no bundle has."""
    owner = MemorySigner(algorithm, 7)
    return tuple(Signature("", owner.sign(b"%d" % at).sig) for at in range(number))


def codes(error: BaseException) -> set[str | None]:
    assert isinstance(error, Rejected)
    assert isinstance(error.report, Report)
    return {check.code for check in error.report.signatures}


@pytest.mark.parametrize("algorithm", FAMILIES)
@pytest.mark.parametrize("payload", [b"{}", LARGE], ids=["small", "large"])
def test_bad_signatures_cost_no_more_than_the_limit(work: Work, algorithm: str, payload: bytes) -> None:
    trust = many_keys(algorithm)
    envelope = Envelope(payload, PAYLOAD_TYPE, foreign(algorithm))
    with pytest.raises((Rejected, InputError)) as caught:
        verify(envelope, trust, artifacts=None, now=NOW)
    assert work.tries <= MAX_TRIES
    if isinstance(caught.value, InputError):
        assert caught.value.code == "too-many-tries"
        assert work.tries > MAX_TRIES - 64
    else:
        # For a hint, other schemes of some keys are tried too.
        assert 0 <= work.asked - MAX_SIGNATURES * len(trust.candidates) <= schemes.MAX_TRIES
    # What can be hashed once for all keys is, and for a hint once more with each other digest.
    hashed_once = payload is LARGE and algorithm.startswith(("ecdsa", "rsa"))
    assert hashed_once <= work.hashed <= (4 if hashed_once else 0)


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_what_has_not_the_form_of_a_signature_is_no_try(work: Work, algorithm: str) -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    shapes = [b"", b"\x30", bytes(63), b"\xff" * 64, bytes(32) + order.to_bytes(32, "little"), b"\x31" + bytes(70)]
    shapes += [b"\x30\x45" + bytes(70), bytes(255), bytes(257), bytes(2419), bytes(4628)]
    if algorithm == "ecdsa-sha2-nistp256":  # r || s is any 64 bytes
        shapes = [shape for shape in shapes if len(shape) != 64]
    if algorithm == "ed25519":
        assert many_keys(algorithm).candidates[0].public_key.fits(bytes(32) + (order - 1).to_bytes(32, "little"))
    envelope = Envelope(LARGE, PAYLOAD_TYPE, tuple(Signature("", shape) for shape in shapes))
    with refused(Rejected, "threshold-not-met") as caught:
        verify(envelope, many_keys(algorithm), artifacts=None, now=NOW)
    assert codes(caught.value) == {"key-unknown"}
    assert work.asked == 0


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_a_good_signature_without_a_keyid_is_found_behind_bad_ones(algorithm: str) -> None:
    """cosign writes no keyids, and many another one than ours."""
    owner = MemorySigner(algorithm, 1 if algorithm.startswith("rsa") else 199)
    good = signed(owner)
    # Slower algorithms count for more: P-384 five times.
    bad = foreign(algorithm, 15 if algorithm in ("ecdsa-sha2-nistp384", "ml-dsa-44") else MAX_SIGNATURES - 1)
    for keyid in ("", "SHA256:something/else"):
        wanted = Signature(keyid, good.signatures[0].sig)
        envelope = Envelope(good.unverified_payload, good.payload_type, (*bad, wanted))
        verified = verify(envelope, many_keys(algorithm), artifacts=[ARTIFACT], now=NOW)
        assert verified.keyids == (owner.public_key.keyid,)


def test_a_signature_with_its_keyid_is_checked_whatever_others_cost(work: Work) -> None:
    trust = many_keys("ed25519")
    owner = MemorySigner("ed25519", 199)
    about = statement(predicate={"long": "x" * (1 << 20)})
    good = signed(owner, about=about)
    envelope = Envelope(good.unverified_payload, good.payload_type, (*foreign("ed25519", 63), good.signatures[0]))
    work.tries = 0  # a signer checks what it signs
    found = verify(envelope, trust, artifacts=[ARTIFACT], now=NOW).report.signatures
    assert [check.code for check in found[:2]] == ["key-unknown", "key-unknown"]
    assert {check.code for check in found[2:63]} == {"signature-not-tried"}
    assert (found[63].keyid, found[63].code) == (owner.public_key.keyid, None)
    assert work.tries <= MAX_TRIES + owner.public_key.tries(len(envelope.pae()))


def test_what_was_not_tried_is_no_answer(tmp_path: Path) -> None:
    trust = bundle({"a": anchor(ALICE, BOB)})
    good = signed(BOB)
    envelope = Envelope(good.unverified_payload, good.payload_type, (Signature("", good.signatures[0].sig),))
    with refused(InputError, "too-many-tries", "/signatures/0") as caught:
        verify(envelope, trust, artifacts=[ARTIFACT], now=NOW, limits=Limits(tries=1))
    assert "--limit tries=N" in (caught.value.hint or "")
    assert verify(envelope, trust, artifacts=[ARTIFACT], now=NOW, limits=Limits(tries=2))
    assert verify(good, trust, artifacts=[ARTIFACT], now=NOW, limits=Limits(tries=0))
    (tmp_path / "e.json").write_bytes(envelope.to_json())
    (tmp_path / "t.json").write_bytes(trust.to_json())
    arguments = ["verify", "e.json", "--trust", "t.json", "--artifact", ARTIFACT, "--now", "2026-06-01T12:00:00Z"]
    assert program(*arguments, cwd=tmp_path).code == 0
    ran = program(*arguments, "--limit", "tries=1", cwd=tmp_path)
    assert ran.code == 3
    assert b"(too-many-tries)" in ran.stderr


def test_a_keyid_that_nobody_has_is_tried_before_a_false_one() -> None:
    trust = bundle({"a": anchor(ALICE, BOB)})
    good = signed(BOB)
    lies = tuple(Signature(ALICE.public_key.keyid, one.sig) for one in foreign("ed25519", 3))
    envelope = Envelope(good.unverified_payload, good.payload_type, (*lies, Signature("", good.signatures[0].sig)))
    found = verify(envelope, trust, artifacts=[ARTIFACT], now=NOW, limits=Limits(tries=2)).report.signatures
    assert [check.code for check in found] == ["signature-not-tried"] * 3 + [None]


def test_the_same_bytes_are_judged_once(work: Work) -> None:
    trust = many_keys("ed25519")
    copies = (foreign("ed25519", 1)[0],) * MAX_SIGNATURES
    with refused(Rejected, "threshold-not-met"):
        verify(Envelope(b"{}", PAYLOAD_TYPE, copies), trust, artifacts=None, now=NOW)
    assert work.asked == len(trust.candidates)


def test_a_signer_is_asked_once_about_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def accepts(self: SignerChecks, candidate: object, signature: bytes, data: bytes) -> bool:
        asked.append(signature)
        return True

    monkeypatch.setattr(SignerChecks, "accepts", accepts)
    good = signed(ALICE)
    copies = Envelope(good.unverified_payload, good.payload_type, good.signatures * MAX_SIGNATURES)
    with SignerChecks() as signers:
        found = verify(copies, bundle(), artifacts=[ARTIFACT], now=NOW, signers=signers).report.signatures
    assert [check.code for check in found] == [None] + ["key-already-counted"] * (MAX_SIGNATURES - 1)
    assert len(asked) == 1


def test_a_token_is_verified_once_for_each_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []
    real = authorities.verify_token

    def counting(token: bytes, signed: bytes, *others: Any) -> Any:
        verified.append((token, signed))
        return real(token, signed, *others)

    monkeypatch.setattr(authorities, "verify_token", counting)
    trust = bundle(
        {"a": anchor(key(ALICE, not_after="2026-05-20T00:00:00Z"))}, timestamp_authorities={"tsa": authority(ROOT)}
    )
    good = signed(ALICE)
    sig = good.signatures[0].sig
    tokens = [token(sig, f"2026-05-1{day}T10:00:00+00:00") for day in range(4)]
    fields = {
        "keyid": "",
        "sig": b64encode(sig),
        "timestamps": [{"type": "tsp", "data": b64encode(one)} for one in tokens],
    }
    copies = Envelope(
        good.unverified_payload, good.payload_type, tuple(Signature("", sig, dict(fields)) for _ in range(64))
    )
    assert verify(copies, trust, artifacts=[ARTIFACT], now=NOW).anchors == ("a",)
    assert sorted(verified) == sorted((one, sig) for one in tokens)


def test_globs_are_compared_with_few_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 subjects with a name and a URI, 20 anchors with 5 globs each."""
    anchors = {
        f"a{at}": anchor(ALICE, subjects=[f"lib{at}-*", f"*-{at}.whl", f"pkg:pypi/a{at}/*", f"pkg:npm/a{at}/**", "**"])
        for at in range(20)
    }
    trust = bundle(anchors)
    subjects = [
        ResourceDescriptor(f"lib3-{number}", {"sha256": DIGEST}, f"pkg:pypi/a3/lib@{number}") for number in range(1_000)
    ]
    envelope = signed(ALICE, about=statement(*subjects))
    assert verify(envelope, trust, artifacts=None, now=NOW).anchors == ("a3",)
    assert trust.owners.compared == 2_000


def test_anchors_with_the_same_glob_are_listed_once_for_all_names() -> None:
    """1,000 subjects, and 100 anchors that are responsible for each of them."""
    owners = bundle({f"a{at}": anchor(ALICE, subjects=["lib-*"]) for at in range(100)}).owners
    found = [owners.who(f"lib-{number}") for number in range(1_000)]
    assert all(one is found[0] for one in found)
    assert found[0] == {f"a{at}": "lib-*" for at in range(100)}


def test_an_automaton_takes_one_step_for_each_character() -> None:
    class Name(str):
        read = 0

        def __getitem__(self, at: Any) -> Any:
            found = super().__getitem__(at)
            return Counted(found) if isinstance(at, slice) else found

    class Counted(str):
        def __iter__(self) -> Iterator[str]:
            for character in super().__iter__():
                Name.read += 1
                yield character

    from attest._base.globbing import chooses

    assert not chooses("*a" * 100 + "b*b", Name("a" * 1000 + "b"))
    assert Name.read <= 1_001


def test_roots_that_a_bundle_brings_along_are_not_asked_before_those_that_are_trusted(work: Work) -> None:
    keys = [key(MemorySigner("ed25519", 300 + at)) for at in range(64)]
    evil = bundle(version=2, roots={"threshold": 1, "keys": keys})
    payload = dumps(evil.document)
    envelope = Envelope(payload, history.PAYLOAD_TYPE, foreign("ed25519"))
    trusted = bundle(version=1, roots={"threshold": 1, "keys": [key(BOB)]})
    found = history.read(envelope.to_json())
    with refused(Rejected, "root-threshold-not-met"):
        history.accept(found, trusted)
    assert work.asked == MAX_SIGNATURES  # one key


def test_roots_too_many_to_try_are_no_answer() -> None:
    keys = [key(MemorySigner("ed25519", 300 + at)) for at in range(64)]
    trusted = bundle(version=1, roots={"threshold": 1, "keys": keys})
    long = bundle(version=2, roots={"threshold": 1, "keys": [key(BOB)]}).document
    payload = dumps({**long, "x-long": "x" * (1 << 20)})
    envelope = Envelope(payload, history.PAYLOAD_TYPE, foreign("ed25519"))
    with refused(InputError, "too-many-tries") as caught:
        history.accept(history.read(envelope.to_json()), trusted)
    assert "--limit" not in (caught.value.hint or "")


@pytest.mark.parametrize("algorithm", [*FAMILIES, "rsa-pkcs1v15-sha512", "rsassa-pss-sha384"])
def test_digests_that_are_kept_change_no_answer(algorithm: str) -> None:
    owner = MemorySigner(algorithm, 0)
    good, public = owner.sign(LARGE).sig, owner.public_key
    kept: dict[str, bytes] = {}
    assert public.accepts(good, LARGE, kept)
    assert public.accepts(good, LARGE, kept)
    assert not public.accepts(good[:-1] + bytes([good[-1] ^ 1]), LARGE, kept)
    assert not public.accepts(owner.sign(LARGE + b" ").sig, LARGE, kept)
    assert set(kept) == ({algorithm.rpartition("-")[2]} if "rsa" in algorithm else set(kept))
