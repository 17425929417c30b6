"""Signers of other packages, with three members or more, in the form that this package uses its own in.

Rule: what a foreign signer raises or returns is checked here, and nothing behind this meets it unchecked.
"""

from __future__ import annotations

from contextlib import contextmanager
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

from attest._base.expected import demand, demand_several, wrong_type
from attest.envelope import Signature
from attest.errors import AttestError, SignerError
from attest.keys import PublicKey
from attest.signers._base import OPTIONAL, BaseSigner
from attest.signers._uri import SignerURI

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attest.signers._protocol import Signer

_MEMBERS = "a signer (an object with `public_key`, `sign` and `close`)"


def adapt(signer: Signer, uri: SignerURI | None = None) -> BaseSigner:
    """`signer`, if it is one of this package, and otherwise what stands for it and checks what it does.

    `uri` is where it was opened; without it, a signer is called by its own `uri` or by its class. Raises TypeError for
    what is no signer. Nothing is connected.
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

    def __init__(self, signer: Signer, uri: SignerURI) -> None:
        super().__init__(uri)
        self._signer: Any = signer
        self.files = tuple(getattr(signer, "files", ()))

    @property
    def capabilities(self) -> frozenset[str]:
        """What it says it can do, or else what it has methods for."""
        found = {"sign", *(name for name in OPTIONAL if callable(getattr(self._signer, name, None)))}
        said = getattr(self._signer, "capabilities", found)
        return frozenset(found.intersection(said))

    @property
    def public_key(self) -> PublicKey:
        """Its public key. Raises SignerError `signer-failed`, or TypeError for something else."""
        with self._failures("public_key"):
            key = self._signer.public_key
        demand(key, PublicKey, self._member("public_key"), "a PublicKey", hint="attest.PublicKey.parse reads one")
        return key  # type: ignore[no-any-return]

    def sign(self, data: bytes) -> Signature:
        """Its signature. Raises SignerError `signer-failed`, or TypeError for something else."""
        with self._failures("sign"):
            made = self._signer.sign(data)
        member = self._member("sign()")
        demand(made, Signature, member, "a Signature", hint="return attest.Signature(public_key.keyid, the bytes)")
        demand(made.sig, bytes, f"`sig` of {member}", "bytes")
        demand(made.keyid, str, f"`keyid` of {member}", "text")
        return made  # type: ignore[no-any-return]

    def verify(self, signature: bytes, data: bytes) -> None:
        """Have it check a signature; only a return without a value means that it is valid."""
        said = self._ask("verify", signature, data)
        if said is not None:  # a `False` that was meant as a no must not be a yes
            hint = "raise attest.Rejected for an invalid signature"
            raise wrong_type(self._member("verify()"), "None", said, hint=hint)

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Have it encrypt."""
        made = self._ask("encrypt", data, associated)
        demand(made, bytes, self._member("encrypt()"), "bytes")
        return made  # type: ignore[no-any-return]

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Have it decrypt."""
        made = self._ask("decrypt", data, associated)
        demand(made, bytes, self._member("decrypt()"), "bytes")
        return made  # type: ignore[no-any-return]

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """Have it compute a digest."""
        made = self._ask("digest", data, algorithm)
        demand(made, str, self._member("digest()"), "hex digits as text")
        return made  # type: ignore[no-any-return]

    def health(self) -> list[tuple[dict[str, Any], tuple[Any, ...]]]:
        """What it says of its health, or nothing."""
        if not callable(getattr(self._signer, "health", None)):
            return []
        with self._failures("health"):
            return list(self._signer.health())

    def close(self) -> None:
        """Close it."""
        super().close()
        with self._failures("close"):
            self._signer.close()

    def _ask(self, capability: str, *arguments: Any) -> Any:
        if capability not in self.capabilities:
            self._lacks(capability)
        with self._failures(capability):
            return getattr(self._signer, capability)(*arguments)

    def _member(self, name: str) -> str:
        return f"{type(self._signer).__name__}.{name}"

    @contextmanager
    def _failures(self, name: str) -> Iterator[None]:
        """What it raises as a SignerError; its own words may quote a secret, and stay in the cause alone."""
        try:
            yield
        except AttestError:
            raise
        except Exception as error:
            message = f"{self._member(name)} raised {type(error).__name__}"
            hint = "The error of the signer is the `__cause__` of this one."
            raise SignerError("signer-failed", message, where=str(self.uri), hint=hint) from error


def _has(signer: object, name: str) -> bool:
    """Whether there is such a member, also in an object that hands it on by `__getattr__`."""
    return getattr_static(signer, name, None) is not None or (
        hasattr(type(signer), "__getattr__") and getattr(signer, name, None) is not None
    )


def _named(signer: object) -> SignerURI:
    """What errors call a signer: its `uri`, or its class."""
    name = str(getattr(signer, "uri", None) or type(signer).__name__)
    return SignerURI(name, "", name, {})
