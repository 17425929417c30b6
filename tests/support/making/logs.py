"""A transparency log (Rekor) and a certificate log of the tests, with real keys, trees, and signatures of all kinds."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from asn1crypto.core import OctetString
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ObjectIdentifier

from attest._base.json import b64encode, dumps
from attest.certificates.entries import Signed
from attest.certificates.trusted_root import TransparencyLog
from attest.envelope import PAYLOAD_TYPE, pae
from tests.support.making.keys import certificate, private_key, software_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.signers._software import SoftwareKey

TIME = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAME = "log.example"
LEAF = x509.load_pem_x509_certificate(certificate(private_key("ecdsa-sha2-nistp256", 7)))
PAYLOAD = b'{"a statement": 1}'
SIGNED = Signed(PAYLOAD, PAYLOAD_TYPE, pae(PAYLOAD_TYPE, PAYLOAD), b"a signature", LEAF)


def dsse_body(signed: Signed = SIGNED) -> dict[str, Any]:
    """What Rekor v1 writes about an envelope."""
    digest = hashlib.sha256(signed.payload).hexdigest()
    verifier = b64encode(signed.certificate.public_bytes(Encoding.PEM))
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "payloadHash": {"algorithm": "sha256", "value": digest},
            "signatures": [{"signature": b64encode(signed.sig), "verifier": verifier}],
        },
    }


def intoto_body(signed: Signed = SIGNED) -> dict[str, Any]:
    """What Rekor v1 wrote about an envelope before, payload included."""
    key = b64encode(signed.certificate.public_bytes(Encoding.PEM))
    twice = [b64encode(b64encode(one).encode()) for one in (signed.payload, signed.sig)]
    digest = hashlib.sha256(signed.payload).hexdigest()
    envelope = {
        "payload": twice[0],
        "payloadType": signed.payload_type,
        "signatures": [{"publicKey": key, "sig": twice[1]}],
    }
    content = {"envelope": envelope, "payloadHash": {"algorithm": "sha256", "value": digest}}
    return {"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": content}}


def hashedrekord_body(signed: Signed = SIGNED, algorithm: str = "SHA2_256") -> dict[str, Any]:
    """What Rekor v2 writes about an envelope."""
    digest = hashlib.new(algorithm.lower().replace("sha2_", "sha"), signed.pae).digest()
    der = b64encode(signed.certificate.public_bytes(Encoding.DER))
    record = {
        "data": {"algorithm": algorithm, "digest": b64encode(digest)},
        "signature": {"content": b64encode(signed.sig), "verifier": {"x509Certificate": {"rawBytes": der}}},
    }
    return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": record}}


class Log:
    """A log, whose tree has some leaves before and after the entry."""

    def __init__(
        self, algorithm: str = "ecdsa-sha2-nistp256", number: int = 40, key: SoftwareKey | None = None
    ) -> None:
        self.key = key or software_key(algorithm, number)
        self.key_id = hashlib.sha256(self.key.public_key.spki).digest()
        self.before, self.after = 5, 3

    def trusted(self, begin: datetime | None = None, end: datetime | None = None) -> TransparencyLog:
        """The log as a trusted root has it."""
        return TransparencyLog(self.key_id, self.key_id[:4], self.key.public_key, begin, end, f"https://{NAME}")

    def entry(self, body: dict[str, Any] | bytes, *, time: datetime | None = TIME, index: int = 9) -> dict[str, Any]:
        """The TransparencyLogEntry about a body: with a SET, or without one if there is no `time`."""
        data = body if isinstance(body, bytes) else dumps(body)
        kind = body if isinstance(body, dict) else {"kind": "dsse", "apiVersion": "0.0.1"}
        entry: dict[str, Any] = {
            "logIndex": str(index if time is not None else self.before),
            "logId": {"keyId": b64encode(self.key_id)},
            "kindVersion": {"kind": kind["kind"], "version": kind["apiVersion"]},
            "canonicalizedBody": b64encode(data),
            "inclusionProof": self.proof(data),
        }
        if time is not None:
            seconds = int(time.timestamp())
            signed = dumps(
                {
                    "body": entry["canonicalizedBody"],
                    "integratedTime": seconds,
                    "logID": self.key_id.hex(),
                    "logIndex": index,
                }
            )
            entry["integratedTime"] = str(seconds)
            entry["inclusionPromise"] = {"signedEntryTimestamp": b64encode(self.key.sign(signed).sig)}
        return entry

    def proof(self, data: bytes) -> dict[str, Any]:
        """The inclusion proof of a leaf."""
        leaves = [*(b"before %d" % one for one in range(self.before)), data, *[b"after"] * self.after]
        root = tree_hash(leaves)
        note = f"{NAME} - 1\n{len(leaves)}\n{b64encode(root)}\n"
        return {
            "logIndex": str(self.before),
            "rootHash": b64encode(root),
            "treeSize": str(len(leaves)),
            "hashes": [b64encode(one) for one in path(self.before, leaves)],
            "checkpoint": {"envelope": self.note(note)},
        }

    def note(self, text: str, *, name: str = NAME, more: str = "") -> str:
        """A signed note, with more lines of signatures before the log's own."""
        return f"{text}\n{more}{self.line(text, name)}"

    def line(self, text: str, name: str = NAME) -> str:
        """The log's signature of a note."""
        return f"\u2014 {name} {b64encode(self.key_id[:4] + self.key.sign(text.encode()).sig)}\n"


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = _split(len(leaves))
    return hashlib.sha256(b"\1" + tree_hash(leaves[:half]) + tree_hash(leaves[half:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*path(index, leaves[:half]), tree_hash(leaves[half:])]
    return [*path(index - half, leaves[half:]), tree_hash(leaves[:half])]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
CA = private_key("ecdsa-sha2-nistp384", 41)
CA_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA")])


def ca_certificate(private: Any = CA) -> x509.Certificate:
    """A CA certificate, of which the log test needs the key alone."""
    return _builder(private.public_key()).sign(private, SHA256())


def with_scts(*scts: bytes) -> x509.Certificate:
    """A certificate by the CA with these SCTs in it; `precertificate` is what they are about."""
    listed = b"".join(len(one).to_bytes(2, "big") + one for one in scts)
    value = len(listed).to_bytes(2, "big") + listed
    der = OctetString(value).dump()
    return _builder(LEAF.public_key()).add_extension(x509.UnrecognizedExtension(SCTS, der), False).sign(CA, SHA256())


def sct(
    log: Log, *, time: datetime = TIME, extensions: bytes = b"", issuer: Any = CA, family: int | None = None
) -> bytes:
    """A SignedCertificateTimestamp (RFC 6962, 3.2) by `log` for the certificate that `with_scts` makes."""
    spki = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    tbs = _builder(LEAF.public_key()).sign(CA, SHA256()).tbs_certificate_bytes
    milliseconds = ((time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)).to_bytes(8, "big")
    tail = len(extensions).to_bytes(2, "big") + extensions
    precertificate = hashlib.sha256(spki).digest() + len(tbs).to_bytes(3, "big") + tbs
    signature = log.key.sign(b"\0\0" + milliseconds + b"\0\1" + precertificate + tail).sig
    algorithm = bytes([4, family or (1 if "rsa" in log.key.public_key.algorithm.name else 3)])
    return b"\0" + log.key_id + milliseconds + tail + algorithm + len(signature).to_bytes(2, "big") + signature


def _builder(key: Any) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(CA_NAME, CA_NAME, key, 1)
    return (
        builder.not_valid_before(TIME)
        .not_valid_after(TIME + timedelta(minutes=10))
        .add_extension(x509.BasicConstraints(False, None), True)
    )
