"""The certificate chains that a caller gives to be written beside new signatures, each for the key of one signer.

Rule: a chain that verifiers would refuse is refused before anything is signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base.expected import demand_bytes, demand_several
from attest._base.json import b64encode
from attest.certificates.chain import demand_signers_chain, is_self_signed, spki_of
from attest.certificates.facts import facts_of
from attest.certificates.material import MAX_CERTIFICATES
from attest.errors import InputError, Rejected
from attest.keys import PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from cryptography.x509 import Certificate


_FIRST: Final = "The first certificate must be that of the signer, as docs/sign/certificates.md describes it."
_NEXT: Final = {"certificate-expired": "Have the CA issue a new certificate for this key."}


class SigningChain(NamedTuple):
    """Certificates from that of a signer upwards, without a root, and the public key in the first one."""

    certificates: tuple[Certificate, ...]
    key: PublicKey

    @classmethod
    def read(cls, data: bytes, now: datetime) -> SigningChain:
        """The certificates in PEM or in DER, one after the other, leaf first; a root at the end is left out.

        Raises InputError as `demand_signers_chain` does at the time `now`, and `certificate-invalid` for other content.
        """
        demand_bytes(data, "certificate chain")
        certificates = _read(data)
        if is_self_signed(certificates[0]):
            raise InputError("certificate-invalid", "the first certificate is self-signed: no CA has issued it")
        try:
            demand_signers_chain(certificates, now)
        except InputError as error:
            error.hint = error.hint or _NEXT.get(error.code, _FIRST)
            raise
        if is_self_signed(certificates[-1]):
            certificates.pop()
        return cls(tuple(certificates), PublicKey.parse(spki_of(certificates[0])))

    def fields(self) -> dict[str, str | list[str]]:
        """The chain as go-witness writes it beside a signature: base64 of PEM, the other certificates apart."""
        from cryptography.hazmat.primitives.serialization import Encoding

        leaf, *others = [b64encode(one.public_bytes(Encoding.PEM)) for one in self.certificates]
        return {"certificate": leaf, **({"intermediates": others} if others else {})}


class SigningChains:
    """The chains for some of several signers, found by their keys."""

    def __init__(self, several: Iterable[bytes], signers: int, now: datetime) -> None:
        """Raises InputError as `SigningChain.read`, and `certificate-key-mismatch` for more chains than signers."""
        chains = [SigningChain.read(one, now) for one in demand_several(several, "certificate_chains", "bytes")]
        self._left = {chain.key.spki: chain for chain in chains}
        if len(self._left) < len(chains):
            raise _mismatch("two certificate chains are for the same key")
        if len(chains) > signers:
            raise _mismatch("there are more certificate chains than signers")
        self._each = len(chains) == signers

    def take(self, key: PublicKey) -> dict[str, str | list[str]]:
        """The fields for a signature by `key`, without any if it has no chain.

        Raises InputError `certificate-key-mismatch` if it must have one, because there are as many as signers.
        """
        chain = self._left.pop(key.spki, None)
        if chain is None and self._each:
            raise _mismatch(f"no certificate chain is for the key of the signer ({key.keyid})")
        return {} if chain is None else chain.fields()

    def demand_taken(self, missing: int) -> None:
        """Raises InputError `certificate-key-mismatch` if more chains are left than the `missing` signers can have."""
        if len(self._left) > missing:
            keyid = next(iter(self._left.values())).key.keyid
            raise _mismatch(f"the certificate chain for the key {keyid} is not for the key of a signer")


def _read(data: bytes) -> list[Certificate]:
    from cryptography import x509

    try:
        if b"-----BEGIN " not in data:
            found = [x509.load_der_x509_certificate(one) for one in _in_der(data)]
        elif data.count(b"-----BEGIN ") > data.count(b"-----BEGIN CERTIFICATE-----"):
            raise ValueError
        else:
            found = x509.load_pem_x509_certificates(data)
        for one in found[: MAX_CERTIFICATES + 1]:
            facts_of(one)  # so that nothing in them is read for the first time later
    except (ValueError, x509.InvalidVersion, Rejected):
        raise InputError(
            "certificate-invalid",
            "the certificate chain cannot be read",
            hint="Give only certificates in PEM: first that of the signer, then that of the CA that issued it.",
        ) from None
    if len(found) > MAX_CERTIFICATES:
        message = f"the certificate chain has {len(found)} certificates, expected at most {MAX_CERTIFICATES}"
        raise InputError("certificate-invalid", message)
    return found


def _in_der(data: bytes) -> Iterator[bytes]:
    """The values in DER that follow each other. Raises ValueError."""
    from asn1crypto import parser

    if not data:
        raise ValueError
    while data:
        size = parser.peek(data)
        yield data[:size]
        data = data[size:]


def _mismatch(message: str) -> InputError:
    hint = "Give one --certificate-chain for each signer that has a certificate, with its own certificate first."
    return InputError("certificate-key-mismatch", message, hint=hint)
