"""Signers of other packages, with three members or more, in the form that this package uses its own in.

Rule: what a foreign signer raises or returns is checked here, and nothing behind this meets it unchecked.
"""

from __future__ import annotations

from contextlib import contextmanager
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, Final

from attest._base.expected import demand, demand_several, wrong_type
from attest.envelope import Signature
from attest.errors import AttestError, SignerError
from attest.keys import PublicKey
from attest.signers._base import OPTIONAL, BaseSigner
from attest.signers._protocol import AttributeCheck
from attest.signers._uri import SignerURI

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import UnionType

    from attest.signers._protocol import KeyHealth, Signer

# The members of a KeyHealth that every signer has, and their types.
_HEALTH: Final[Mapping[str, tuple[type | UnionType, str]]] = {
    "token": (str, "text"),
    "state": (str, "text"),
    "reason": (str | None, "text or None"),
    "sessions": (int, "a number"),
    "connections": (int, "a number"),
    "errors": (dict, "a dict of numbers"),
    "warnings": (list, "a list of texts"),
}
_MEMBERS = "a signer (an object with `public_key`, `sign` and `close`)"


def adapt(signer: Signer, uri: SignerURI | None = None) -> BaseSigner:
    """`signer` itself if it belongs to this package, and otherwise a BaseSigner around it that checks its results.

    Errors name it by `uri`, and without that by its own `uri` or its class. Nothing is connected. Raises TypeError for
    something that is not a signer.
    """
    if isinstance(signer, BaseSigner):
        return signer
    # Looked up without asking: a property `public_key` may connect to something.
    lacking = [name for name in ("public_key", "sign", "close") if not _has(signer, name)]
    if lacking:
        hint = f"it has no {' and no '.join(lacking)}" if len(lacking) < 3 else ""
        raise wrong_type("signer", _MEMBERS, signer, hint=hint)
    return AdaptedSigner(signer, uri or _named(signer))


def adapt_all(signers: Iterable[Signer]) -> list[BaseSigner]:
    """Several signers. Raises TypeError as `adapt`, and for one that is not in a list."""
    return [adapt(signer) for signer in demand_several(signers, "signers", "signers")]


class AdaptedSigner(BaseSigner):
    """A signer of another package. Its capabilities are the methods that it has."""

    asks = True  # nobody knows

    def __init__(self, signer: Signer, uri: SignerURI) -> None:
        super().__init__(uri)
        self._signer: Any = signer
        self.files = tuple(getattr(signer, "files", ()))

    @property
    def capabilities(self) -> frozenset[str]:
        """Its own `capabilities` as far as it has the methods, and without that attribute all its methods."""
        found = {"sign", *(name for name in OPTIONAL if callable(getattr(self._signer, name, None)))}
        listed = getattr(self._signer, "capabilities", found)
        return frozenset(found.intersection(listed))

    @property
    def public_key(self) -> PublicKey:
        """Its public key. Raises SignerError `signer-failed`, or TypeError for something else."""
        self._demand_open()
        with self._failures("public_key"):
            key = self._signer.public_key
        self._demand(key, PublicKey, "public_key", "a PublicKey", hint="attest.PublicKey.parse reads one")
        return key  # type: ignore[no-any-return]

    def sign(self, data: bytes) -> Signature:
        """Its signature. Raises SignerError `signer-failed`, or TypeError for something else."""
        self._demand_open()
        with self._failures("sign"):
            made = self._signer.sign(data)
        self._demand_signature(made, "sign()")
        return made  # type: ignore[no-any-return]

    def sign_many(self, data: Sequence[bytes]) -> list[Signature | SignerError]:
        """Have it sign each of `data` at once if it can, and otherwise one after another."""
        if not callable(getattr(self._signer, "sign_many", None)):
            return super().sign_many(data)
        self._demand_open()
        with self._failures("sign_many"):
            made = self._signer.sign_many(data)
        self._demand(made, list, "sign_many()", "a list with a Signature or a SignerError for each")
        if len(made) != len(data):
            message = f"sign_many() returned {len(made)} results, expected {len(data)}"
            raise SignerError("signer-failed", message, where=str(self.uri))
        for one in made:
            if not isinstance(one, SignerError):
                self._demand_signature(one, "sign_many()")
        return list(made)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature with the public key and then where the key is, which can only reject it."""
        self._demand_able("verify")
        self.public_key.verify(signature, data)
        # A signer that returns False instead of raising must not count as a success.
        hint = "raise attest.Rejected for an invalid signature"
        self._ask("verify", type(None), "None", signature, data, hint=hint)

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Have it encrypt."""
        return self._ask("encrypt", bytes, "bytes", data, associated)  # type: ignore[no-any-return]

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Have it decrypt."""
        return self._ask("decrypt", bytes, "bytes", data, associated)  # type: ignore[no-any-return]

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """Have it compute a digest."""
        return self._ask("digest", str, "hex digits as text", data, algorithm)  # type: ignore[no-any-return]

    def health(self) -> list[tuple[KeyHealth, tuple[AttributeCheck, ...]]]:
        """What the signer reports, or an empty list."""
        if not callable(getattr(self._signer, "health", None)):
            return []
        with self._failures("health"):
            found = [(entry, tuple(checks)) for entry, checks in self._signer.health()]
        for entry, checks in found:
            self._demand(entry, dict, "health()", "a list of pairs: a KeyHealth, and AttributeChecks")
            for name, (kind, expected) in _HEALTH.items():
                self._demand(entry.get(name), kind, f"health()[{name!r}]", expected)
            for count in entry["errors"].values():
                self._demand(count, int, "health()['errors']", "numbers")
            for check in checks:
                self._demand(check, AttributeCheck, "health()", "AttributeChecks")
        return found

    def close(self) -> None:
        """Close it, once."""
        if self.closed:
            return
        super().close()
        with self._failures("close"):
            self._signer.close()

    def _ask(self, capability: str, kind: type, expected: str, *arguments: Any, hint: str = "") -> Any:
        self._demand_able(capability)
        with self._failures(capability):
            result = getattr(self._signer, capability)(*arguments)
        self._demand(result, kind, f"{capability}()", expected, hint=hint)
        return result

    def _demand_signature(self, made: Any, member: str) -> None:
        hint = "return attest.Signature(public_key.keyid, the bytes)"
        self._demand(made, Signature, member, "a Signature", hint=hint)
        self._demand(made.sig, bytes, f"{member}.sig", "bytes")
        self._demand(made.keyid, str, f"{member}.keyid", "text")

    def _demand_able(self, capability: str) -> None:
        self._demand_open()
        if capability not in self.capabilities:
            self._lacks(capability)

    def _demand(self, value: object, kind: type | UnionType, member: str, expected: str, *, hint: str = "") -> None:
        demand(value, kind, f"{type(self._signer).__name__}.{member}", expected, hint=hint)

    def _failures(self, name: str) -> AbstractContextManager[None]:
        return _failures(f"{type(self._signer).__name__}.{name}", str(self.uri))


@contextmanager
def _failures(member: str, where: str) -> Iterator[None]:
    """Turn what a signer raises into a SignerError without its message, which may contain a secret."""
    try:
        yield
    except AttestError:
        raise
    except Exception as error:
        hint = "Look at `__cause__` of the exception: it is the error of the signer."
        raise SignerError("signer-failed", f"{member} raised {type(error).__name__}", where=where, hint=hint) from error


def _has(signer: object, name: str) -> bool:
    """Whether there is such a member, also in an object that hands it on by `__getattr__`."""
    return getattr_static(signer, name, None) is not None or (
        hasattr(type(signer), "__getattr__") and getattr(signer, name, None) is not None
    )


def _named(signer: object) -> SignerURI:
    """The name of a signer in errors: its `uri`, or its class."""
    name = str(getattr(signer, "uri", None) or type(signer).__name__)
    return SignerURI(name, "", name, {})
