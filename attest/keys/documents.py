"""Public keys in JSON: those of securesystemslib, and JWK (RFC 7517) alone or as the only one of a set.

Rule: the document pins the algorithm if it names one; a private key, or one that may not verify, is refused.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from attest._base.json import b64decode, b64encode, loads_object
from attest.errors import InputError
from attest.keys.formats import ED25519_SPKI, MAX_RSA_BITS, ML_DSA_SPKI
from attest.keys.openssh import EC_SPKI, rsa_spki

if TYPE_CHECKING:
    from collections.abc import Mapping

# `alg` of RFC 7518, RFC 8037 (EdDSA), RFC 9864 (Ed25519) and RFC 9964 (ML-DSA), as attest's names; the first of a name
# is written.
JWK_ALGORITHMS: Final[Mapping[str, str]] = {
    "EdDSA": "ed25519",
    "Ed25519": "ed25519",
    "ES256": "ecdsa-sha2-nistp256",
    "ES384": "ecdsa-sha2-nistp384",
    "PS256": "rsassa-pss-sha256",
    "PS384": "rsassa-pss-sha384",
    "PS512": "rsassa-pss-sha512",
    "RS256": "rsa-pkcs1v15-sha256",
    "RS384": "rsa-pkcs1v15-sha384",
    "RS512": "rsa-pkcs1v15-sha512",
    "ML-DSA-44": "ml-dsa-44",
    "ML-DSA-65": "ml-dsa-65",
    "ML-DSA-87": "ml-dsa-87",
}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_CURVES: Final = {"P-256": "nistp256", "P-384": "nistp384"}
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")


def key_in(data: bytes, what: str) -> tuple[bytes, str | None]:
    """The key of a JSON document as PEM or DER, and the name of the algorithm that the document pins it to, if any.

    Raises InputError `json-invalid`, `key-invalid`, `key-unsupported`, `algorithm-unsupported` or
    `key-algorithm-mismatch`.
    """
    document = loads_object(data, what=what)
    forms = [name for name in ("kty", "keys", "keyval") if name in document]
    if forms == ["kty"]:
        return _jwk(document, what)
    if forms == ["keys"]:
        members = document["keys"]
        first = members[0] if isinstance(members, list) and members else None
        if isinstance(first, dict) and "kty" not in first and ("key" in first or "publicKey" in first):
            hint = (
                "Write one of its keys into a file of its own: its base64 (`key`, or `publicKey.rawBytes`) between the "
                "lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----."
            )
            raise InputError("key-invalid", f"{what} is a list of keys, such as npm publishes", hint=hint)
        if not isinstance(members, list) or len(members) != 1 or not isinstance(members[0], dict):
            hint = "Write the JWK of the key that you mean into its own file."
            raise InputError("key-invalid", f"{what} is not a JWK set with one key", hint=hint)
        return _jwk(members[0], what)
    return _securesystemslib(document, what)


def _securesystemslib(document: dict[str, Any], what: str) -> tuple[bytes, str]:
    scheme, value = document.get("scheme"), document.get("keyval")
    public = value.get("public") if isinstance(value, dict) else None
    if not isinstance(scheme, str) or not isinstance(public, str) or "kty" in document or "keys" in document:
        raise InputError(
            "key-invalid",
            f"{what} is JSON, but has no `scheme` and `keyval.public`",
            hint="Give a JWK, a JWK set with one key, or a securesystemslib JSON key.",
        )
    if value.get("private"):  # type: ignore[union-attr]
        message = f"{what} is a private key"
        raise InputError("key-invalid", message, hint="Give the public key alone: `keyval` without `private`.")
    if scheme == "ed25519" and "BEGIN" not in public:
        try:
            return ED25519_SPKI + binascii.unhexlify(public), scheme
        except ValueError:
            raise InputError("key-invalid", f"`keyval.public` of {what} is not hexadecimal") from None
    return public.encode(), scheme


def _jwk(jwk: dict[str, Any], what: str) -> tuple[bytes, str | None]:
    if jwk.get("kty") == "oct" or not _PRIVATE.isdisjoint(jwk):
        raise InputError(
            "key-invalid",
            f"{what} is a private or secret key",
            hint="Give the public key alone: a JWK without `d`, `priv`, `k` and the other private members.",
        )
    _check_use(jwk, what)
    algorithm, kind, curve = (jwk.get(name) for name in ("alg", "kty", "crv"))
    if not all(value is None or isinstance(value, str) for value in (algorithm, kind, curve)):
        raise InputError("key-invalid", f"`alg`, `kty` and `crv` of {what} must be text")
    if algorithm is not None and algorithm not in JWK_ALGORITHMS:
        known = ", ".join(JWK_ALGORITHMS)
        message = f"{what} has an `alg` that is not supported"
        raise InputError("algorithm-unsupported", message, hint=f"It can be one of: {known}.")
    if kind == "OKP" and curve == "Ed25519":
        return ED25519_SPKI + _octets(jwk, "x", 32, what), JWK_ALGORITHMS[algorithm or "Ed25519"]
    if kind == "EC" and curve in _CURVES:
        prefix, size = EC_SPKI[_CURVES[curve]]
        point = b"\x04" + b"".join(_octets(jwk, name, size // 2, what) for name in ("x", "y"))
        return prefix + point, JWK_ALGORITHMS.get(algorithm or "")
    if kind == "RSA":
        n, e = (_number(jwk, name, what) for name in ("n", "e"))
        try:
            return rsa_spki(n, e), JWK_ALGORITHMS.get(algorithm or "")
        except ValueError:
            raise InputError("key-invalid", f"`n` and `e` of {what} are not those of an RSA key") from None
    if kind == "AKP":  # RFC 9964 section 3: `alg` is required
        name = JWK_ALGORITHMS.get(algorithm or "", "")
        if name not in ML_DSA_SPKI:
            raise InputError("key-algorithm-mismatch", f"{what} has the `kty` AKP, and no `alg` of ML-DSA")
        prefix, size = ML_DSA_SPKI[name]
        return prefix + _octets(jwk, "pub", size, what), name
    raise InputError(
        "key-unsupported",
        f"the type of {what} is not supported (`kty`, `crv`)",
        hint="Supported are EC with P-256 or P-384, RSA, OKP with Ed25519, and AKP with ML-DSA.",
    )


def _check_use(jwk: dict[str, Any], what: str) -> None:
    """`use` and `key_ops` (RFC 7517 sections 4.2 and 4.3) must allow the key to verify."""
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        message = f"{what} is not for verifying, according to its `use` or `key_ops`"
        raise InputError("key-invalid", message)


def _octets(jwk: dict[str, Any], name: str, size: int | None, what: str) -> bytes:
    """A member in base64url without padding (RFC 7515 section 2), of exactly `size` bytes if one is given."""
    text = jwk.get(name)
    longest = 4 * MAX_RSA_BITS // 3  # more than the largest number or key that is used
    try:
        if not isinstance(text, str) or len(text) > longest or not _BASE64URL.fullmatch(text):
            raise ValueError
        data = b64decode(text + "=" * (-len(text) % 4), where="")
        if size not in (None, len(data)):
            raise ValueError
    except (InputError, ValueError):
        expected = "a number" if size is None else f"{size} bytes"
        raise InputError("key-invalid", f"`{name}` of {what} is not {expected} in base64url") from None
    return data


def _number(jwk: dict[str, Any], name: str, what: str) -> int:
    """A Base64urlUInt (RFC 7518 section 2): in as few bytes as possible."""
    data = _octets(jwk, name, None, what)
    if data[0] == 0:
        raise InputError("key-invalid", f"`{name}` of {what} begins with a zero byte")
    return int.from_bytes(data, "big")


def base64url(data: bytes) -> str:
    """`data` in base64url without padding."""
    return b64encode(data).rstrip("=").translate(str.maketrans("+/", "-_"))
