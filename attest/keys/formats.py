"""The formats of public keys: PEM, DER and certificates, and the type of the key in them.

Rule: input with two keys, or with a key that is too weak or not supported, is refused before there is a key object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base.json import b64decode
from attest._base.times import format_time
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 4096
NEW_RSA_BITS: Final = 3072

# The line before the PEM of a simulated key.
SIMULATED_NOTE: Final = "# simulated key: anyone can sign with it\n"

# The hint for a key of another type.
SUPPORTED: Final = "Use a key of Ed25519, P-256, P-384, RSA (2,048 to 4,096 bits) or ML-DSA."

# The hint for what is in none of the formats that are read.
FORMATS: Final = (
    "Give one key in PEM or DER (SubjectPublicKeyInfo or an X.509 certificate), a line of OpenSSH, a JWK, a public key "
    "of minisign or signify, or a securesystemslib JSON key."
)

# The DER of an Ed25519 SubjectPublicKeyInfo up to its 32 key bytes (RFC 8410 section 4): there is only this encoding.
ED25519_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
# The same of ML-DSA (RFC 9881 section 4), by the name of the algorithm, and the size of its key in bytes.
ML_DSA_SPKI: Final[Mapping[str, tuple[bytes, int]]] = {
    "ml-dsa-44": (bytes.fromhex("30820532300b06096086480165030403110382052100"), 1312),
    "ml-dsa-65": (bytes.fromhex("308207b2300b0609608648016503040312038207a100"), 1952),
    "ml-dsa-87": (bytes.fromhex("30820a32300b060960864801650304031303820a2100"), 2592),
}


def without_note(data: bytes) -> tuple[bool, bytes]:
    """Whether `data` contains the note of a simulated key anywhere, and `data` without it.

    Editors and version control change line ends and may add lines before it; none of that may remove the mark.
    """
    note = SIMULATED_NOTE.strip().encode()
    if note not in data:
        return False, data
    lines = data.removeprefix(b"\xef\xbb\xbf").splitlines()
    return True, b"\n".join(line for line in lines if note not in line)


def ed25519_spki(data: bytes) -> bytes | None:
    """The SPKI if `data` is exactly one Ed25519 public key in PEM or DER, found without loading any library."""
    text = data.strip()
    begin, end = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
    if text.startswith(begin) and text.endswith(end):
        try:
            data = b64decode(b"".join(text[len(begin) : -len(end)].split()).decode("ascii"), where="")
        except (InputError, UnicodeDecodeError):
            return None
    is_ed25519 = len(data) == len(ED25519_SPKI) + 32 and data.startswith(ED25519_SPKI)
    return data if is_ed25519 else None


def load(data: bytes, what: str) -> PublicKeyTypes:
    """The key in PEM or DER. Raises InputError `key-invalid` or `key-unsupported`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        if b"-----BEGIN " not in data:
            try:
                return load_der_public_key(data)
            except ValueError:
                return certified(data)
        if b"PRIVATE KEY-----" in data:
            raise InputError(
                "key-invalid",
                f"{what} is a private key",
                hint="Give the public key: a file with `.pub`, or what `attest key export file:PATH` prints.",
            )
        if data.count(b"-----BEGIN ") > 1:
            raise InputError("key-invalid", f"{what} has several PEM blocks, expected one")
        if b"-----BEGIN CERTIFICATE-----" in data:
            return certified(data)
        return load_pem_public_key(data)
    except UnsupportedAlgorithm:
        raise InputError("key-unsupported", f"the type of {what} is not supported") from None
    except ValueError:
        raise InputError(
            "key-invalid",
            f"{what} cannot be read as a public key",
            hint=FORMATS,
        ) from None


def certified(data: bytes) -> PublicKeyTypes:
    """The key of an X.509 certificate, in PEM or DER; nothing else in it is used. Raises ValueError."""
    return load_certificate(data).public_key()


def load_certificate(data: bytes) -> x509.Certificate:
    """The X.509 certificate in PEM or DER; its parts are parsed at their first use. Raises ValueError."""
    from asn1crypto import pem
    from cryptography import x509  # takes as long to import as the rest of `cryptography`, and few need it

    try:
        if b"-----BEGIN " not in data:
            _demand_positive_serial(data)
            found = x509.load_der_x509_certificate(data)
        else:
            for name, _, der in pem.unarmor(data, multiple=True):
                if name.endswith("CERTIFICATE"):
                    _demand_positive_serial(der)
            found = x509.load_pem_x509_certificate(data)
    except (x509.InvalidVersion, TypeError):
        raise ValueError from None
    return found


def load_named_certificate(data: bytes) -> x509.Certificate:
    """As `load_certificate`, with subject and issuer parsed: they can be used without an error. Raises ValueError."""
    found = load_certificate(data)
    try:
        _ = found.subject, found.issuer
    except TypeError:  # a type of text that this attribute of a name cannot have
        raise ValueError from None
    return found


def _demand_positive_serial(der: bytes) -> None:
    """Raises ValueError for what RFC 5280 (section 4.1.2.2) forbids, and cryptography reads with a warning."""
    from asn1crypto import parser

    first = fields = parser.parse(parser.parse(der)[4])[4]
    if fields[:1] == b"\xa0":  # [0], the version
        first = fields[parser.peek(fields) :]
    if int.from_bytes(parser.parse(first)[4], "big", signed=True) <= 0:
        raise ValueError("the serial number is not positive")


class Certificate(NamedTuple):
    """The validity period of an X.509 certificate, and whether it is a CA certificate."""

    not_before: datetime
    not_after: datetime
    is_ca: bool

    def demand_valid(self, now: datetime, what: str = "the file") -> None:
        """Raises InputError `certificate-expired` or `certificate-not-yet-valid` outside the validity period."""
        if now > self.not_after:
            raise InputError(
                "certificate-expired", f"{what} is a certificate that expired at {format_time(self.not_after)}"
            )
        if now < self.not_before:
            message = f"{what} is a certificate that is not valid before {format_time(self.not_before)}"
            raise InputError("certificate-not-yet-valid", message)


def read_certificate(data: bytes) -> Certificate | None:
    """The certificate in PEM or DER, or None if `data` is something else."""
    begins = b"-----BEGIN " in data
    if begins and b"-----BEGIN CERTIFICATE-----" not in data:
        return None
    from cryptography import x509

    try:
        found = load_certificate(data)
    except ValueError:
        return None
    try:
        is_ca = found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        is_ca = False
    return Certificate(found.not_valid_before_utc, found.not_valid_after_utc, is_ca)


def classify(key: PublicKeyTypes, what: str) -> tuple[str, str]:
    """The type of a key (a family, or `rsa`) and its curve or parameter set.

    Raises InputError `key-unsupported` or `key-too-weak`.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

    match key:
        case ed25519.Ed25519PublicKey():
            return "ed25519", ""
        case ec.EllipticCurvePublicKey():
            return "ecdsa", key.curve.name
        case rsa.RSAPublicKey():
            _check_rsa_size(key, what)
            return "rsa", ""
        case mldsa.MLDSA44PublicKey():
            return "ml-dsa", "44"
        case mldsa.MLDSA65PublicKey():
            return "ml-dsa", "65"
        case mldsa.MLDSA87PublicKey():
            return "ml-dsa", "87"
    name = type(key).__name__.removesuffix("PublicKey")
    raise InputError("key-unsupported", f"the type of {what} is not supported: {name}", hint=SUPPORTED)


def _check_rsa_size(key: rsa.RSAPublicKey, what: str) -> None:
    has = f"{what} has {key.key_size:,} bits, expected"
    if key.key_size < MIN_RSA_BITS:
        raise InputError("key-too-weak", f"{has} at least {MIN_RSA_BITS:,} for RSA", hint=SUPPORTED)
    if key.key_size > MAX_RSA_BITS:
        raise InputError("key-unsupported", f"{has} at most {MAX_RSA_BITS:,} for RSA", hint=SUPPORTED)
