"""Signing: statements and envelopes, by one key or several, and nothing leaves that its own key would refuse."""

from __future__ import annotations

import base64
import json
from threading import Event, current_thread

import pytest

from attest import Envelope, InputError, Limits, PublicKey, Signature, SignerError, Statement, sign
from attest._base.json import dumps
from attest.envelope import PAYLOAD_TYPE
from attest.signers import BaseSigner, SignerURI
from attest.signing import sign_all, signable
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner
from tests.support.making.statements import signed, statement
from tests.support.watching import refused


class Faulty(BaseSigner):
    """A signer whose signatures are not its key's, as a token with the wrong key would be."""

    def __init__(self, sig: bytes) -> None:
        super().__init__(SignerURI.parse("memory:faulty"))
        self._sig = sig

    @property
    def public_key(self) -> PublicKey:
        return BOB.public_key

    def sign(self, data: bytes) -> Signature:
        return Signature(self.public_key.keyid, self._sig)


def test_a_statement_is_signed_in_its_exact_bytes() -> None:
    about = Statement.from_json(b" " + statement().raw + b"\n")
    envelope = sign(about, [ALICE])
    assert envelope.payload_type == PAYLOAD_TYPE
    assert envelope.unverified_payload == about.raw
    [signature] = envelope.signatures
    assert signature.keyid == ALICE.public_key.keyid
    assert ALICE.public_key.accepts(signature.sig, envelope.pae())
    assert Envelope.from_json(envelope.to_json()) == envelope


def test_signatures_stand_in_the_order_of_the_signers() -> None:
    keyids = [signature.keyid for signature in signed(BOB, ALICE, MALLORY).signatures]
    assert keyids == [signer.public_key.keyid for signer in (BOB, ALICE, MALLORY)]


def test_a_counter_signature_leaves_everything_else_as_it_was() -> None:
    first = json.loads(signed(ALICE).to_json()) | {"x-note": [1.0]}
    first["payload"] = base64.urlsafe_b64encode(base64.b64decode(first["payload"])).decode()
    first["signatures"][0] |= {"keyid": "their own name for it", "x-cert": "kept"}
    second = json.loads(sign(Envelope.from_json(dumps(first)), [BOB]).to_json())
    added = second["signatures"].pop()
    assert second == first
    assert added["keyid"] == BOB.public_key.keyid


def test_without_signers_nothing_is_signed() -> None:
    with refused(InputError, "signer-missing"):
        sign(statement(), [])


def test_a_key_signs_once_whatever_keyid_stands_there() -> None:
    envelope = signed(ALICE)
    renamed = Envelope(
        envelope.unverified_payload, envelope.payload_type, (Signature("other", envelope.signatures[0].sig),)
    )
    for what, signers in ((envelope, [ALICE]), (renamed, [ALICE]), (renamed, [BOB, ALICE]), (statement(), [BOB, BOB])):
        with refused(InputError, "already-signed"):
            sign(what, signers)


def test_a_keyid_that_somebody_else_wrote_does_not_keep_a_key_from_signing() -> None:
    squatted = Envelope(statement().raw, PAYLOAD_TYPE, (Signature(ALICE.public_key.keyid, b"junk"),))
    assert len(sign(squatted, [ALICE]).signatures) == 2


@pytest.mark.parametrize(
    "sig",
    [b"", b"junk", ALICE.sign(signed().pae()).sig, BOB.sign(b"something else").sig],
    ids=["empty", "junk", "by another key", "over something else"],
)
def test_a_signature_that_its_own_key_refuses_never_leaves(sig: bytes) -> None:
    with refused(SignerError, "signature-faulty", "memory:faulty"):
        sign(statement(), [ALICE, Faulty(sig)])


@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp256", "rsassa-pss-sha256", "ml-dsa-44"])
def test_keys_of_different_kinds_sign_together(algorithm: str) -> None:
    other = MemorySigner(algorithm, 0)
    envelope = sign(statement(), [ALICE, other])
    assert other.public_key.accepts(envelope.signatures[1].sig, envelope.pae())


def test_what_may_be_signed_is_a_statement_or_an_envelope_around_one() -> None:
    assert signable(statement().raw) == statement()
    assert signable(signed().to_json()) == signed()


def test_a_statement_is_not_signed_into_an_envelope_that_the_same_limits_refuse() -> None:
    data = statement().raw
    size = len(data) * 4 // 3
    assert signable(data, limits=Limits(envelope=size * 2)) == statement()
    with refused(InputError, "envelope-too-large"):
        signable(data, limits=Limits(envelope=size))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{}", "not-signable"),
        (b'{"payload": ""}', "not-signable"),
        (b"[]", "json-invalid"),
        (b"hello", "json-invalid"),
        (dumps(statement().document | {"_type": "https://in-toto.io/Statement/v0.1"}), "statement-version"),
        (dumps(statement().document | {"subject": []}), "subject-missing"),
        (dumps(statement().document | {"predicateType": "https://slsa.dev/provenance/v1"}), "predicate-invalid"),
        (Envelope(b"hello", "text/plain").to_json(), "not-signable"),
        (Envelope(b"hello", PAYLOAD_TYPE).to_json(), "json-invalid"),
        (Envelope(b"{}", PAYLOAD_TYPE).to_json(), "statement-invalid"),
        (b'{"payload": "e30", "payloadType": "%s", "signatures": []}' % PAYLOAD_TYPE.encode(), "base64-invalid"),
        (b'{"payload": "", "signatures": []}', "envelope-invalid"),
    ],
)
def test_what_is_neither_is_not_signed(data: bytes, code: str) -> None:
    with refused(InputError, code):
        signable(data)


def test_an_old_statement_and_an_unchecked_predicate_are_signed_on_request() -> None:
    old = dumps(statement().document | {"_type": "https://in-toto.io/Statement/v0.1"})
    unchecked = dumps(statement().document | {"predicateType": "https://slsa.dev/provenance/v1"})
    assert signable(old, allow_v0_1=True).to_json() == old
    assert signable(unchecked, check_predicate=False).to_json() == unchecked


class Slow(MemorySigner):
    """A signer that signs when it is let, and fails if that is never."""

    def __init__(self, number: int) -> None:
        super().__init__("ed25519", number)
        self.let = Event()

    def sign(self, data: bytes) -> Signature:
        if not self.let.wait(60):
            raise SignerError("token-timeout", "nobody let it", where=str(self.uri))
        return super().sign(data)


class Broken(MemorySigner):
    """A signer whose token is away."""

    def sign(self, data: bytes) -> Signature:
        raise SignerError("token-lost", "it is gone", where=str(self.uri))


def test_signers_sign_at_the_same_time_and_stand_in_their_order() -> None:
    first, second = Slow(1), Slow(2)

    class Opens(MemorySigner):
        def sign(self, data: bytes) -> Signature:
            second.let.set()
            return super().sign(data)

    class Then(MemorySigner):
        def sign(self, data: bytes) -> Signature:
            assert second.let.wait(60)
            first.let.set()
            return super().sign(data)

    signers = [first, second, Opens("ed25519", 3), Then("ed25519", 4)]
    keyids = [signature.keyid for signature in sign(statement(), signers).signatures]
    assert keyids == [signer.public_key.keyid for signer in signers]


def test_one_signer_signs_in_the_thread_that_asks() -> None:
    seen = []

    class Here(MemorySigner):
        def sign(self, data: bytes) -> Signature:
            seen.append(current_thread())
            return super().sign(data)

    sign(statement(), [Here("ed25519", 1)])
    assert seen == [current_thread()]


def test_all_must_sign_unless_a_quorum_says_otherwise() -> None:
    broken = Broken("ed25519", 2)
    with refused(SignerError, "token-lost", "memory:ed25519-2"):
        sign(statement(), [ALICE, broken])
    signed_by_two = sign_all(statement(), [ALICE, broken, MALLORY], quorum=2)
    assert [one.keyid for one in signed_by_two.envelope.signatures] == [
        signer.public_key.keyid for signer in (ALICE, MALLORY)
    ]
    assert [(signer, error.code) for signer, error in signed_by_two.missing] == [(broken, "token-lost")]
    for signature, signer in zip(signed_by_two.envelope.signatures, (ALICE, MALLORY), strict=True):
        assert signer.public_key.accepts(signature.sig, signed_by_two.envelope.pae())


def test_a_quorum_that_is_missed_says_who_said_what() -> None:
    with refused(SignerError, "quorum-not-met") as caught:
        sign(statement(), [ALICE, Broken("ed25519", 4), Faulty(b"junk")], quorum=2)
    # Two that fail settle it, and whether Alice had signed by then is chance.
    for said in ("of 2 required signatures", "memory:ed25519-4: it is gone (token-lost)", "signature-faulty"):
        assert said in caught.value.message
    assert "others had signed" not in caught.value.message


@pytest.mark.parametrize("quorum", [0, 3, -1])
def test_a_quorum_that_can_not_be_had_is_refused(quorum: int) -> None:
    with refused(InputError, "option-invalid"):
        sign(statement(), [ALICE, BOB], quorum=quorum)


def test_a_quorum_does_not_wait_for_the_slowest() -> None:
    slow = Slow(4)
    result = sign_all(statement(), [slow, ALICE, BOB], quorum=2)
    assert [signature.keyid for signature in result.envelope.signatures] == [
        ALICE.public_key.keyid,
        BOB.public_key.keyid,
    ]
    [(missing, error)] = result.missing
    assert (missing, error.code) == (slow, "quorum-met")
    slow.let.set()


@pytest.mark.parametrize("signers", [[Slow(4)], [Slow(4), ALICE], [ALICE, Slow(4), BOB]], ids=len)
def test_a_signer_that_hangs_holds_nobody_up_beyond_the_time(signers: list[MemorySigner]) -> None:
    with refused(SignerError, "signer-timeout") as caught:
        sign(statement(), signers, timeout=0.05)
    assert "within 0.05 s" in caught.value.message
    for signer in signers:
        if isinstance(signer, Slow):
            signer.let.set()


def test_a_wrong_request_is_no_signers_fault() -> None:
    with refused(InputError, "already-signed"):
        sign(signed(ALICE), [BOB, ALICE, MALLORY], timeout=60)


def test_a_bug_in_a_signer_is_not_hidden_by_the_others() -> None:
    class Buggy(MemorySigner):
        def sign(self, data: bytes) -> Signature:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sign(statement(), [ALICE, Buggy("ed25519", 2)])
