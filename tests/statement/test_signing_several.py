"""Signing several statements at once: each has its own result, and what was signed is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest import InputError, ResourceDescriptor, Signature, SignerError
from attest.signing import Signing, sign_each
from tests.support.making.keys import ALICE, BOB, MemorySigner
from tests.support.making.statements import signed, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest import AttestError, Statement

SEVERAL = [statement(ResourceDescriptor(f"file-{number}", {"sha256": f"{number:064x}"})) for number in range(5)]


class Ending(MemorySigner):
    """A signer that signs some times, and then no more."""

    def __init__(self, seed: int, times: int) -> None:
        super().__init__("ed25519", seed)
        self.left = times
        self.asked = 0

    def sign(self, data: bytes) -> Signature:
        self.asked += 1
        if self.left == 0:
            raise SignerError("token-lost", "it is gone")
        self.left -= 1
        return super().sign(data)


class Mistaken(MemorySigner):
    """A signer of which one of several signatures is not valid."""

    def sign_many(self, data: Sequence[bytes]) -> list[Signature | SignerError]:
        made = super().sign_many(data)
        made[1] = Signature(self.public_key.keyid, b"\0" * 64)
        return made


def codes(results: Sequence[Signing | AttestError]) -> list[str | int]:
    """The code of each error, and the number of signatures of each envelope."""
    return [len(one.envelope.signatures) if isinstance(one, Signing) else one.code for one in results]


def payloads(results: Sequence[Signing | AttestError]) -> list[bytes]:
    return [one.envelope.unverified_payload for one in results if isinstance(one, Signing)]


def raws(statements: Sequence[Statement]) -> list[bytes]:
    return [one.raw for one in statements]


def test_every_statement_is_signed_by_every_signer_in_order() -> None:
    results = sign_each(SEVERAL, [ALICE, BOB])
    assert payloads(results) == raws(SEVERAL)
    for result in results:
        assert isinstance(result, Signing)
        for signature, signer in zip(result.envelope.signatures, (ALICE, BOB), strict=True):
            assert signer.public_key.accepts(signature.sig, result.envelope.pae())


def test_what_was_signed_before_a_signer_failed_is_kept_and_the_rest_is_not_tried() -> None:
    ending = Ending(7, times=2)
    results = sign_each(SEVERAL, [ending])
    assert codes(results) == [1, 1, "token-lost", "token-lost", "token-lost"]
    assert payloads(results) == raws(SEVERAL[:2])
    assert ending.asked == 3


def test_one_signature_that_is_not_valid_leaves_the_others() -> None:
    assert codes(sign_each(SEVERAL, [Mistaken("ed25519", 8)])) == [1, "signature-faulty", 1, 1, 1]


def test_a_quorum_is_counted_for_each_statement() -> None:
    """Two of the signers end early, so the third one is waited for."""
    results = sign_each(SEVERAL, [Ending(7, times=1), Ending(8, times=3), ALICE], quorum=2)
    assert codes(results) == [3, 2, 2, "quorum-not-met", "quorum-not-met"]
    assert [len(result.missing) for result in results[:3] if isinstance(result, Signing)] == [0, 1, 1]


def test_a_signer_that_signed_only_some_does_not_settle_a_quorum() -> None:
    """Another signer is still at work, and its signatures are waited for."""
    results = sign_each(SEVERAL, [Ending(7, times=4), ALICE], quorum=1)
    assert all(isinstance(result, Signing) for result in results)


def test_an_envelope_that_the_key_has_signed_already_stops_none_of_the_others() -> None:
    results = sign_each([SEVERAL[0], signed(ALICE), SEVERAL[1]], [ALICE])
    assert codes(results) == [1, "already-signed", 1]


def test_the_same_statement_twice_is_two_envelopes() -> None:
    assert codes(sign_each([SEVERAL[0], SEVERAL[0]], [ALICE])) == [1, 1]


def test_nothing_to_sign_is_an_empty_list() -> None:
    assert sign_each([], [ALICE]) == []
    with refused(InputError, "signer-missing"):
        sign_each(SEVERAL, [])
