"""A public key in the formats of other programs.

Rule: what is written is read again as the same key; a format that would lose something is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from attest._base.expected import demand
from attest._base.json import b64encode, dumps
from attest.errors import InputError
from attest.keys.documents import JWK_ALGORITHMS, base64url
from attest.keys.formats import ED25519_SPKI
from attest.keys.openssh import EC_SPKI, blob_of
from attest.keys.public_key import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.keys.public_key import PublicKey

KeyForm = Literal["pem", "ssh", "sslib", "jwk"]
KEY_FORMS: Final[tuple[KeyForm, ...]] = ("pem", "ssh", "sslib", "jwk")
_JWK_NAMES: Final = {name: alg for alg, name in reversed([*JWK_ALGORITHMS.items()])}
_CURVES: Final = {"secp256r1": ("P-256", "nistp256"), "secp384r1": ("P-384", "nistp384")}


def exported(key: PublicKey, form: KeyForm) -> str:
    """The key as text that ends with a line end, in a format of KEY_FORMS.

    `pem` is `key.to_pem()`; `ssh` a line of OpenSSH (RFC 4253 section 6.6), without a comment; `sslib` the JSON of
    securesystemslib, without its keyid; `jwk` a JWK (RFC 7517) whose `kid` is `key.keyid`. `sslib` and `jwk` pin the
    algorithm. Raises InputError `algorithm-unsupported` for a key that the format cannot hold, `simulated-key` for a
    simulated key in another format than `pem`, which alone can mark it, and `option-invalid` for another format.
    """
    demand(form, str, "form", "the name of a format")
    if form not in KEY_FORMS:
        raise InputError("option-invalid", f"expected one of {', '.join(KEY_FORMS)} as format of a key, found {form!r}")
    if form == "pem":
        return key.to_pem()
    if key.simulated:
        raise InputError(
            "simulated-key",
            f"the format {form} cannot mark the key as simulated",
            where=key.keyid,
            hint="Use pem: other programs could not tell the key from a real one.",
        )
    algorithm = key.algorithm
    if algorithm != ALGORITHMS[algorithm.name] or (algorithm.family == "ml-dsa" and form != "jwk"):
        raise InputError(
            "algorithm-unsupported",
            f"the format {form} cannot hold a key for {algorithm.described}",
            where=key.keyid,
            hint=f"Use one of: {', '.join(forms_of(key))}.",
        )
    return _WRITERS[form](key)


def forms_of(key: PublicKey) -> list[KeyForm]:
    """The formats that `exported` can write for this key."""
    if key.simulated or key.algorithm != ALGORITHMS[key.algorithm.name]:
        return ["pem"]
    return ["pem", "jwk"] if key.algorithm.family == "ml-dsa" else list(KEY_FORMS)


def _ssh(key: PublicKey) -> str:
    blob = blob_of(key.spki)
    return f"{blob[4 : 4 + blob[3]].decode()} {b64encode(blob)}\n"


def _sslib(key: PublicKey) -> str:
    family = key.algorithm.family
    public = key.spki[len(ED25519_SPKI) :].hex() if family == "ed25519" else key.to_pem()
    kind = "rsa" if family.startswith("rsa") else family
    return _text({"keytype": kind, "scheme": key.algorithm.name, "keyval": {"public": public}})


def _jwk(key: PublicKey) -> str:
    algorithm, spki = key.algorithm, key.spki
    members: dict[str, str]
    if algorithm.family == "ed25519":
        members = {"kty": "OKP", "crv": "Ed25519", "x": base64url(spki[len(ED25519_SPKI) :])}
    elif algorithm.family == "ecdsa":
        curve, name = _CURVES[algorithm.parameter]
        point = spki[len(EC_SPKI[name][0]) + 1 :]
        x, y = point[: len(point) // 2], point[len(point) // 2 :]
        members = {"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)}
    else:
        members = _numbers(key)
    return _text({**members, "alg": _JWK_NAMES[algorithm.name], "use": "sig", "kid": key.keyid})


def _numbers(key: PublicKey) -> dict[str, str]:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    public: Any = load_der_public_key(key.spki)
    if key.algorithm.family == "ml-dsa":
        return {"kty": "AKP", "pub": base64url(public.public_bytes_raw())}
    numbers = public.public_numbers()
    n, e = (base64url(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
    return {"kty": "RSA", "n": n, "e": e}


def _text(document: dict[str, Any]) -> str:
    return dumps(document, indent=2).decode() + "\n"


_WRITERS: Final[dict[str, Callable[[PublicKey], str]]] = {"ssh": _ssh, "sslib": _sslib, "jwk": _jwk}
