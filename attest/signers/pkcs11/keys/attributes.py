"""What a token reports about a key: its attributes, which a key policy checks, and its public key.

Rule: an attribute that the token does not report is unknown, and an unknown attribute fails the check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, KeyType
from pkcs11.types import Certificate, PrivateKey

from attest.errors import SignerError
from attest.keys.formats import certified
from attest.signers._protocol import AttributeCheck
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.keys.finding import UNREADABLE, fetch, read
from attest.signers.pkcs11.tokens.sessions import PUBLIC_KEY_INFO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

Policy = Literal["strict", "standard", "off"]

POLICIES: Final[Mapping[str, Mapping[Attribute, bool]]] = {
    "strict": {
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.ALWAYS_SENSITIVE: True,
        Attribute.NEVER_EXTRACTABLE: True,
        Attribute.LOCAL: True,
        Attribute.SIGN: True,
    },
    "standard": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.SIGN: True},
    "off": {},
}

_INSTEAD: Final[Mapping[str, str]] = {
    "strict": "`key-policy=standard` for an imported key",
    "standard": "`key-policy=off` for an extractable key",
}

# The curves by their object identifiers in DER, which is what CKA_EC_PARAMS holds.
CURVES: Final[Mapping[str, bytes]] = {
    "secp256r1": bytes.fromhex("06082a8648ce3d030107"),
    "secp384r1": bytes.fromhex("06052b81040022"),
    "ed25519": bytes.fromhex("06032b6570"),
}
# CKA_PARAMETER_SET of ML-DSA, PKCS#11 v3.2.
PARAMETER_SETS: Final[Mapping[str, int]] = {"44": 1, "65": 2, "87": 3}


class Unsupported(Exception):
    """A public key of a type that attest does not use; the text says which."""


def check_policy(key: Any, policy: str) -> tuple[AttributeCheck, ...]:
    """The attributes that `policy` requires, as the token reports them."""
    return tuple(AttributeCheck(name.name, flag(key, name), wanted) for name, wanted in POLICIES[policy].items())


def demand(checks: tuple[AttributeCheck, ...], policy: str, where: str) -> None:
    """Raises SignerError `key-not-allowed`, which names every attribute without the required value."""
    bad = [check for check in checks if not check.good]
    if bad:
        words = {True: "true", False: "false", None: "unknown"}
        named = ", ".join(f"{check.name} is {words[check.value]}" for check in bad)
        raise SignerError(
            "key-not-allowed",
            f"the key violates key-policy={policy}: {named}",
            where=where,
            hint=f"Generate the key in the token, or use {_INSTEAD[policy]}.",
        )


def flag(key: Any, name: Attribute) -> bool | None:
    """A boolean attribute of a key; None if the token does not report it."""
    value = read(key, name)
    return value if isinstance(value, bool) else None


def public_key_of(one: Any) -> bytes:
    """The DER SubjectPublicKeyInfo in a public key object, a certificate, or the attributes of a private key.

    Raises Unsupported, or UNREADABLE if the object does not report it.
    """
    if isinstance(one, Certificate):
        return _der(certified(fetch(one, Attribute.VALUE)))
    if isinstance(one, PrivateKey) and (info := read(one, PUBLIC_KEY_INFO)):
        return bytes(info)  # read strictly later, as every public key is
    return _spki(one)


def public_keys_of(objects: Iterable[Any]) -> tuple[list[bytes], list[str]]:
    """The different keys of some objects, and why others are not supported; what is not reported is left out.

    Raises the module's error if the token is gone, or the login.
    """
    found: dict[bytes, None] = {}
    unsupported = []
    for one in objects:
        try:
            found[public_key_of(one)] = None
        except Unsupported as error:
            unsupported.append(str(error))
        except UNREADABLE as error:
            if codes.is_loss(error):
                raise
    return list(found), unsupported


def _spki(key: Any) -> bytes:
    public: Any
    match key.key_type:
        case KeyType.RSA:
            modulus, exponent = fetch(key, Attribute.MODULUS), fetch(key, Attribute.PUBLIC_EXPONENT)
            public = rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()
        case KeyType.EC:
            curve = getattr(ec, _named(CURVES, bytes(fetch(key, Attribute.EC_PARAMS)), _curve_name).upper())
            point = _unwrapped(fetch(key, Attribute.EC_POINT), {65, 97})
            public = ec.EllipticCurvePublicKey.from_encoded_point(curve(), point)
        case KeyType.EC_EDWARDS:
            point = _unwrapped(fetch(key, Attribute.EC_POINT), {32, 57})
            if len(point) == 57:
                raise Unsupported("curve Ed448 is not supported")
            public = ed25519.Ed25519PublicKey.from_public_bytes(point)
        case KeyType.ML_DSA:
            parameter = _named(PARAMETER_SETS, int(fetch(key, Attribute.PARAMETER_SET)), "parameter set {}".format)
            public = getattr(mldsa, f"MLDSA{parameter}PublicKey").from_public_bytes(fetch(key, Attribute.VALUE))
        case other:
            raise Unsupported(f"key type {other.name} is not supported")
    return _der(public)


def _der(public: PublicKeyTypes) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _named(table: Mapping[str, Any], value: Any, describe: Callable[[Any], str]) -> str:
    """The name of a value in a table. Raises Unsupported for a value that is not in it."""
    for name, known in table.items():
        if known == value:
            return name
    raise Unsupported(f"{describe(value)} is not supported")


def _curve_name(parameters: bytes) -> str:
    """The name of a curve for a message, by its object identifier in DER."""
    from cryptography.x509 import ObjectIdentifier  # slow to import, and only for this message

    try:
        identifier = _dotted(parameters)
        return f"curve {ec.get_curve_for_oid(ObjectIdentifier(identifier)).name}"
    except LookupError:
        return f"curve {identifier}"
    except ValueError:
        return "a curve that is not named by an object identifier"


def _dotted(encoded: bytes) -> str:
    """An OBJECT IDENTIFIER in DER in dotted form, X.690 section 8.19. Raises ValueError."""
    if len(encoded) < 3 or encoded[0] != 0x06 or encoded[1] != len(encoded) - 2 or encoded[-1] & 0x80:
        raise ValueError("not an object identifier")
    numbers = [0]
    for byte in encoded[2:]:
        numbers[-1] = numbers[-1] << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(0)
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:-1]]))


def _unwrapped(point: bytes, sizes: set[int]) -> bytes:
    """A point out of its OCTET STRING (v2.40), its BIT STRING (v3.0), or bare (v3.1), told apart by length."""
    for skipped in (0, 2, 3):
        if len(point) - skipped in sizes:
            return point[skipped:]
    raise ValueError("point")
