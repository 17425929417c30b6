"""The settings in a `pkcs11:` URI besides the token and the key, checked before anything is connected.

Rule: a value that is not allowed is an error here that names it, and not an error of a token later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.errors import SignerError
from attest.keys import AES_ALGORITHMS, ALGORITHMS, HSM_ALGORITHMS

if TYPE_CHECKING:
    from attest.signers.pkcs11.uri import Pkcs11URI

TIMEOUT: Final = 10.0
POOL_SIZE: Final = 8

_PREFER: Final = ("first", "fastest", "round-robin")
_POLICIES: Final = ("strict", "standard", "off")
_YES_NO: Final = ("yes", "no")


def check(uri: Pkcs11URI) -> None:
    """Raises SignerError `signer-uri-invalid` for a setting that is not allowed."""
    algorithm = uri.query.get("x-algorithm")
    if algorithm is not None and algorithm not in (*ALGORITHMS, *HSM_ALGORITHMS, *AES_ALGORITHMS):
        raise wrong(uri, f"unknown algorithm x-algorithm={algorithm}")
    if "module-path" in uri.query and "module-name" in uri.query:
        raise wrong(uri, "module-path and module-name cannot be used together")
    if "x-init-args" in uri.query and not names_module(uri):
        raise wrong(uri, "x-init-args requires module-path or module-name")
    if uri.type == "data":
        hint = "Leave out `type`, or use `type=private` or `type=secret-key`."
        raise wrong(uri, "an object with type=data cannot sign", hint=hint)
    for other in ("failover", "public-key"):
        if uri.type == "secret-key" and other in uri.query:
            raise wrong(uri, f"type=secret-key and {other} cannot be used together")
    policy(uri)
    prefer(uri)
    timeout(uri)
    pool_size(uri)
    pin_cache(uri)
    pin_last_try(uri)
    environment(uri)


def policy(uri: Pkcs11URI, default: str = "standard") -> str:
    """`key-policy`."""
    return _choice(uri, "key-policy", _POLICIES, default)


def prefer(uri: Pkcs11URI) -> str:
    """`prefer`."""
    return _choice(uri, "prefer", _PREFER, "first")


def timeout(uri: Pkcs11URI) -> float:
    """`timeout`, in seconds."""
    return _number(uri, "timeout", TIMEOUT, 0.05, 600)


def pool_size(uri: Pkcs11URI) -> int:
    """`pool-size`."""
    return int(_number(uri, "pool-size", POOL_SIZE, 1, 1024))


def pin_cache(uri: Pkcs11URI) -> bool:
    """`pin-cache`: whether the PIN stays in memory for the next login."""
    return _choice(uri, "pin-cache", _YES_NO, "yes") == "yes"


def pin_last_try(uri: Pkcs11URI) -> bool:
    """`pin-last-try`: whether the PIN is sent although a wrong one would lock the token."""
    return _choice(uri, "pin-last-try", _YES_NO, "no") == "yes"


def environment(uri: Pkcs11URI) -> tuple[tuple[str, str], ...]:
    """`x-module-env`: the variable that is set while a module is initialised."""
    text = uri.query.get("x-module-env")
    if text is None:
        return ()
    name, equals, value = text.partition("=")
    if not equals or not name.replace("_", "").isalnum() or name.startswith(("LD_", "PYTHON")) or not name.isupper():
        hint = "Write the name in upper case; names that begin with `LD_` or `PYTHON` are not allowed."
        raise wrong(uri, f"expected x-module-env=NAME=VALUE, found {text!r}", hint=hint)
    return ((name, value),)


def names_module(uri: Pkcs11URI) -> bool:
    """Whether the URI names a module. If not, all modules that p11-kit is configured with are searched."""
    return not {"module-path", "module-name"}.isdisjoint(uri.query)


def module(uri: Pkcs11URI) -> tuple[str, str | None]:
    """The path of the module that the URI names, and its string for C_Initialize.

    Raises SignerError `module-not-found`.
    """
    path, reserved = uri.query.get("module-path"), uri.query.get("x-init-args")
    if path is not None:
        return path, reserved
    from attest.signers.pkcs11.configured import named

    found = named(uri.query["module-name"])
    return found.path, found.reserved if reserved is None else reserved


def wrong(uri: Pkcs11URI, message: str, *, hint: str | None = None) -> SignerError:
    """The SignerError `signer-uri-invalid`."""
    return SignerError("signer-uri-invalid", message, where=str(uri), hint=hint)


def _choice(uri: Pkcs11URI, name: str, known: tuple[str, ...], default: str) -> str:
    value = uri.query.get(name, default)
    if value not in known:
        raise wrong(uri, f"expected one of {', '.join(known)} for {name}, found {value!r}")
    return value


def _number(uri: Pkcs11URI, name: str, default: float, least: float, most: float) -> float:
    text = uri.query.get(name)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = -1.0
    if not least <= number <= most:
        raise wrong(uri, f"expected a number from {least:g} to {most:g} for {name}, found {text!r}")
    return number
