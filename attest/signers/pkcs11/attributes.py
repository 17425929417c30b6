"""What a token reports about a key: its attributes, which a key policy checks, and its public key.

Rule: an attribute that the token does not report is unknown, and an unknown attribute fails the check.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.exceptions import PKCS11Error

from attest.errors import SignerError
from attest.keys.formats import certified

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class AttributeCheck(NamedTuple):
    """One attribute of a private key: its value (None if the token does not report it) and the required value."""

    name: str
    value: bool | None
    wanted: bool

    @property
    def good(self) -> bool:
        """Whether the attribute has the required value."""
        return self.value is self.wanted


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
    try:
        value = key[name]
    except (PKCS11Error, ValueError):
        return None
    return value if isinstance(value, bool) else None


def public_key_of(objects: Mapping[ObjectClass, list[Any]]) -> bytes | None:
    """The DER SubjectPublicKeyInfo of a key pair: from its public object, its certificate, or the private key."""
    for key in objects.get(ObjectClass.PUBLIC_KEY, ()):
        with suppress(PKCS11Error, ValueError):
            return _spki(key)
    for certificate in objects.get(ObjectClass.CERTIFICATE, ()):
        with suppress(PKCS11Error, ValueError):
            return _der(certified(certificate[Attribute.VALUE]))
    for key in objects.get(ObjectClass.PRIVATE_KEY, ()):
        with suppress(PKCS11Error, ValueError):
            return _spki(key)
    return None


def _spki(key: Any) -> bytes:
    public: Any
    match key.key_type:
        case KeyType.RSA:
            modulus, exponent = key[Attribute.MODULUS], key[Attribute.PUBLIC_EXPONENT]
            public = rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()
        case KeyType.EC:
            curve = getattr(ec, _named(CURVES, bytes(key[Attribute.EC_PARAMS])).upper(), None)
            if curve is None:
                raise ValueError("curve")
            point = _unwrapped(key[Attribute.EC_POINT], {65, 97})
            public = ec.EllipticCurvePublicKey.from_encoded_point(curve(), point)
        case KeyType.EC_EDWARDS:
            public = ed25519.Ed25519PublicKey.from_public_bytes(_unwrapped(key[Attribute.EC_POINT], {32}))
        case KeyType.ML_DSA:
            parameter = _named(PARAMETER_SETS, int(key[Attribute.PARAMETER_SET]))
            public = getattr(mldsa, f"MLDSA{parameter}PublicKey").from_public_bytes(key[Attribute.VALUE])
        case _:
            raise ValueError("type")
    return _der(public)


def _der(public: PublicKeyTypes) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _named(table: Mapping[str, Any], value: Any) -> str:
    """The name of a value in a table. Raises ValueError for a value that is not in it."""
    for name, known in table.items():
        if known == value:
            return name
    raise ValueError("not supported")


def _unwrapped(point: bytes, sizes: set[int]) -> bytes:
    """A point out of its OCTET STRING (v2.40), its BIT STRING (v3.0), or bare (v3.1), told apart by length."""
    for skipped in (0, 2, 3):
        if len(point) - skipped in sizes:
            return point[skipped:]
    raise ValueError("point")
