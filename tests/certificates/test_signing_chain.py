"""Certificate chains that are written beside new signatures, and those that are refused before anything is signed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from attest import InputError, Signature, SignerError, sign, verify
from attest.certificates import material_of
from attest.certificates.signing_chain import SigningChains
from attest.signing import sign_all
from tests.support.making.bundles import bundle
from tests.support.making.certified import BUILDER, SERVER, Holder, authority, leaf
from tests.support.making.keys import ALICE, BOB, MemorySigner, private_key
from tests.support.making.statements import statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.keys import PublicKey

NOW = datetime.now(UTC)
DAYS = timedelta(days=30)
TIMES: Any = {"begin": NOW - DAYS, "end": NOW + DAYS}
ROOT = authority("Acme Root", **TIMES)
CA = authority("Acme CA", ROOT, **TIMES)
OTHER = authority("Other CA", **TIMES)


def of(number: int, issuer: Holder = CA, **settings: Any) -> Holder:
    """A certificate for the key of a MemorySigner."""
    return leaf(f"Release {number}", issuer, **{"key": private_key("ed25519", number), **TIMES, **settings})


ALICES, BOBS = of(1), of(2)


def pem(*chain: Holder) -> bytes:
    return "".join(one.pem for one in chain).encode()


class Counting(MemorySigner):
    """A signer that counts its signatures."""

    made = 0

    def sign(self, data: bytes) -> Signature:
        self.made += 1
        return super().sign(data)


class Unplugged(MemorySigner):
    """A signer that is not available."""

    @property
    def public_key(self) -> PublicKey:
        raise SignerError("signer-failed", "unplugged")


def certificates_of(signature: Signature) -> list[bytes]:
    material = material_of(signature)
    assert material is not None
    return [one.public_bytes(Encoding.DER) for one in (material.certificate, *material.intermediates)]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (pem(ALICES), [ALICES]),
        (ALICES.der, [ALICES]),
        (pem(ALICES, CA), [ALICES, CA]),
        (pem(ALICES, CA, ROOT), [ALICES, CA]),
        (b"subject=/CN=Release\n" + pem(ALICES, CA).replace(b"\n", b"\r\n"), [ALICES, CA]),
    ],
)
def test_a_chain_is_written_without_its_root_and_makes_the_signature_count(
    given: bytes, written: Sequence[Holder]
) -> None:
    envelope = sign(statement(), [ALICE], certificate_chains=[given])
    assert certificates_of(envelope.signatures[0]) == [one.der for one in written]
    fields = envelope.signatures[0].to_dict()
    assert base64.b64decode(fields["certificate"]) == written[0].pem.encode()
    assert "intermediates" in fields or len(written) == 1
    trusted = [ROOT.pem] if len(written) > 1 else [CA.pem]
    acme = {"kind": "x509", "certificates": trusted, "time": "now-or-timestamp"}
    anchor = {"threshold": 1, "identities": [{"authority": "acme", "san": {"uri": BUILDER}}]}
    verified = verify(envelope.to_json(), bundle({"ci": anchor}, authorities={"acme": acme}), artifacts=None)
    assert verified.anchors == ("ci",)


def test_each_signer_gets_the_chain_of_its_key_and_some_have_none() -> None:
    both = sign(statement(), [ALICE, BOB], certificate_chains=[pem(BOBS), pem(ALICES, CA)])
    assert [certificates_of(one) for one in both.signatures] == [[ALICES.der, CA.der], [BOBS.der]]
    one = sign(statement(), [ALICE, BOB], certificate_chains=[pem(BOBS)])
    assert "certificate" not in one.signatures[0].to_dict()
    assert certificates_of(one.signatures[1]) == [BOBS.der]


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        (b"", "certificate-invalid"),
        (b"not a certificate", "certificate-invalid"),
        (pem(ALICES) + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "certificate-invalid"),
        (pem(BOBS), "certificate-key-mismatch"),
        (pem(CA, ALICES), "certificate-invalid"),
        (pem(ALICES, ALICES), "certificate-untrusted"),
        (pem(ALICES, OTHER), "certificate-untrusted"),
        (pem(ALICES, ROOT, CA), "certificate-invalid"),
        (pem(ALICES, *[CA] * 10), "certificate-invalid"),
        (pem(of(1, end=NOW - timedelta(days=1))), "certificate-expired"),
        (pem(of(1, begin=NOW + timedelta(days=1))), "certificate-not-yet-valid"),
        (pem(of(1, purposes=SERVER)), "certificate-invalid"),
        (pem(of(1, usage=("key_encipherment",))), "certificate-invalid"),
        (pem(of(1, ca=True)), "certificate-invalid"),
        (pem(of(1, sans=())), "certificate-invalid"),
        (pem(authority("Self", key=private_key("ed25519", 1), **TIMES)), "certificate-invalid"),
    ],
)
def test_a_chain_that_verifiers_would_refuse_is_refused_before_anything_is_signed(chain: bytes, code: str) -> None:
    signer = Counting("ed25519", 1)
    with refused(InputError, code):
        sign(statement(), [signer], certificate_chains=[chain])
    assert signer.made == 0


def test_chains_that_no_signer_has_are_refused() -> None:
    for chains in ([pem(ALICES), pem(ALICES, CA)], [pem(ALICES), pem(BOBS)]):
        with refused(InputError, "certificate-key-mismatch"):
            sign(statement(), [ALICE], certificate_chains=chains)
    with refused(InputError, "certificate-key-mismatch"):
        sign(statement(), [ALICE, BOB], certificate_chains=[pem(of(3))])


def test_the_chain_of_a_signer_that_is_missing_from_a_quorum_is_not_missed() -> None:
    signed = sign_all(statement(), [ALICE, Unplugged("ed25519", 2)], quorum=1, certificate_chains=[pem(BOBS)])
    assert list(signed.envelope.signatures[0].to_dict()) == ["keyid", "sig"]
    signers, strangers = [ALICE, BOB, Unplugged("ed25519", 4)], [pem(of(3)), pem(of(5))]
    with refused(InputError, "certificate-key-mismatch"):
        sign(statement(), signers, quorum=2, certificate_chains=strangers)


def test_a_chain_is_judged_at_the_time_of_signing() -> None:
    assert SigningChains([pem(ALICES)], 1, NOW).take(ALICE.public_key)
    with refused(InputError, "certificate-expired"):
        SigningChains([pem(ALICES)], 1, NOW + 2 * DAYS)


def test_a_path_is_no_chain() -> None:
    with pytest.raises(TypeError, match="certificate chain: expected bytes, found str; read the file first"):
        sign(statement(), [ALICE], certificate_chains=["chain.pem"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="certificate_chains"):
        sign(statement(), [ALICE], certificate_chains=pem(ALICES))  # type: ignore[arg-type]
