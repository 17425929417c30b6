"""Time-stamping authorities of the vectors, and tokens (RFC 3161) by them: fixed keys, fixed times, fixed bytes.

Nothing of the package is used here, so that the vectors can't share a mistake with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST, LAST = "2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"
_STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)


def _seed(name: str) -> bytes:
    return hashlib.shake_256(f"attest vectors: {name}".encode()).digest(32)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Party:
    """A certificate and its private key, which only `seed` decides."""

    name: str
    certificate: x509.Certificate = field(repr=False)
    seed: str = ""
    ca: bool = False

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key(self) -> ed25519.Ed25519PrivateKey:
        return ed25519.Ed25519PrivateKey.from_private_bytes(_seed(self.seed or self.name))

    @property
    def stamping_key(self) -> ec.EllipticCurvePrivateKey:
        return _stamping_key(self.seed or self.name)


def _stamping_key(seed: str) -> ec.EllipticCurvePrivateKey:
    # CMS in OpenSSL 3.0 doesn't know Ed25519, so those who sign tokens have P-256 keys.
    return ec.derive_private_key(int.from_bytes(_seed(seed), "big") >> 1, ec.SECP256R1())


def party(
    name: str,
    issuer: Party | None = None,
    *,
    seed: str = "",
    ca: bool = False,
    path_length: int | None = None,
    signs_certificates: bool | None = None,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    critical: bool = True,
    begin: str = FIRST,
    end: str = LAST,
    serial: int = 0,
    padding: int = 0,
) -> Party:
    """A party with a certificate by `issuer`, or by itself; those that aren't CAs get keys to sign tokens with.

    `padding` is the size of an extension that means nothing.
    """
    made = Party(name, None, seed, ca)  # type: ignore[arg-type]  # what it is made from needs its key
    public = made.key.public_key() if ca else made.stamping_key.public_key()
    number = serial or int.from_bytes(hashlib.sha256(f"{name} {seed} {begin} {end}".encode()).digest()[:8], "big") >> 1
    builder = x509.CertificateBuilder(
        _name(issuer.name if issuer else name), _name(name), public, number, moment(begin), moment(end)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if signs_certificates is not None:
        usage = [True, *[False] * 4, signs_certificates, *[False] * 3]
        builder = builder.add_extension(x509.KeyUsage(*usage), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
    if padding:
        nothing = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), bytes(padding))
        builder = builder.add_extension(nothing, critical=False)
    by = issuer or made
    if not by.ca:
        return replace(made, certificate=builder.sign(by.stamping_key, hashes.SHA256(), ecdsa_deterministic=True))
    return replace(made, certificate=builder.sign(by.key, None))


def stamper(name: str, issuer: Party | None, **settings: Any) -> Party:
    """A time-stamping authority, with the one critical purpose that RFC 3161 asks for unless told otherwise."""
    return party(name, issuer, **{"purposes": _STAMPING, **settings})


ROOT = party("Vector Root", ca=True)
TSA = stamper("Vector TSA", ROOT)
BETWEEN = party("Vector Intermediate", ROOT, ca=True)
TSA_BELOW = stamper("Vector TSA Below", BETWEEN)
OTHER_ROOT = party("Other Root", ca=True)
OTHER_TSA = stamper("Other TSA", OTHER_ROOT)
# Somebody's own authority under the names of the listed one.
FALSE_ROOT = party("Vector Root", ca=True, seed="false root")
FALSE_TSA = stamper("Vector TSA", FALSE_ROOT, seed="false tsa")


def authority(*certificates: Party, **fields: Any) -> dict[str, Any]:
    """An entry of `timestamp_authorities`."""
    return {"certificates": [one.pem for one in certificates], **fields}


def token(
    over: bytes,
    time: str,
    signer: Party = TSA,
    *,
    embedded: Sequence[Party] | None = None,
    imprint: str = "sha256",
    digest: str = "sha256",
    names: Party | None = None,
    unnamed: bool = False,
    signers: int = 1,
    sort: bool = True,
    version: str = "v1",
    content_type: str = "tst_info",
) -> bytes:
    """The DER of a TimeStampToken by `signer`; what isn't told otherwise is as RFC 3161 and RFC 5816 want it.

    `names` is whose certificate the signing-certificate attribute is about, `unnamed` leaves it out.
    """
    stamp = tsp.TSTInfo(
        {
            "version": version,
            "policy": "1.2.3.4.1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": imprint},
                "hashed_message": hashlib.new(imprint, over).digest(),
            },
            "serial_number": 7,
            "gen_time": moment(time),
        }
    )
    content = stamp.dump()
    attributes = [
        {"type": "content_type", "values": [content_type]},
        {"type": "message_digest", "values": [hashlib.new(digest, content).digest()]},
    ]
    if not unnamed:
        identity = {"cert_hash": hashlib.sha256((names or signer).der).digest()}
        attributes.append({"type": "signing_certificate_v2", "values": [{"certs": [identity]}]})
    signed = cms.CMSAttributes(attributes)
    algorithm = hashes.SHA256() if digest == "sha256" else hashes.SHA1()  # noqa: S303
    scheme = ec.ECDSA(algorithm, deterministic_signing=True)
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                "issuer_and_serial_number",
                {
                    "issuer": cms.Certificate.load(signer.der)["tbs_certificate"]["issuer"],
                    "serial_number": signer.certificate.serial_number,
                },
            ),
            "digest_algorithm": {"algorithm": digest},
            "signed_attrs": signed,
            "signature_algorithm": {"algorithm": f"{digest}_ecdsa"},
            "signature": signer.stamping_key.sign(signed.dump(), scheme),
        }
    )
    certificates = [
        cms.CertificateChoices("certificate", cms.Certificate.load(one.der))
        for one in ((signer,) if embedded is None else embedded)
    ]
    parts: dict[str, Any] = {
        "version": "v3",
        "digest_algorithms": [{"algorithm": digest}],
        "encap_content_info": {"content_type": content_type, "content": core.ParsableOctetString(content)},
        "signer_infos": [info] * signers,
    }
    if certificates:
        parts["certificates"] = certificates
    return _whole(parts, sort)


def _whole(parts: dict[str, Any], sort: bool) -> bytes:
    made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(parts)}).dump()
    if sort:
        return made
    # A SET in another order than DER has, as real authorities write it: the same bytes, swapped.
    one, other = sorted(choice.chosen.dump() for choice in parts["certificates"])
    if one + other not in made:
        raise ValueError("there are not two certificates to swap")
    return made.replace(one + other, other + one)


def response(der: bytes) -> bytes:
    """A granted TimeStampResp around a token, which is not what stands in an envelope."""
    answer: bytes = tsp.TimeStampResp(
        {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(der)}
    ).dump()
    return answer
