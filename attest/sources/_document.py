"""What every container works with: a document that was not read yet, and the envelopes that come of it.

Rule: a document is parsed at most once, and what cannot be read in it hides nothing that stands beside it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from attest._base.json import loads_object
from attest.envelope import Envelope
from attest.errors import InputError, out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from attest.limits import Limits


class UnverifiedEnvelope(NamedTuple):
    """An envelope out of a container; `unchecked` are sentences on what else the container claims and nobody checks."""

    envelope: Envelope
    unchecked: tuple[str, ...] = ()


class Document:
    """The bytes of a document, which are not more than `limits` allow, or a JSON object that stands in another one."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.limits = limits

    @classmethod
    def of(cls, members: dict[str, Any], limits: Limits) -> Document:
        """The document that a JSON object is; it has no bytes of its own."""
        document = cls(b"", limits)
        document.members = members
        return document

    @cached_property
    def members(self) -> dict[str, Any] | None:
        """The members of the JSON object that it is; None if it does not begin as one.

        Raises InputError `json-invalid` or `json-too-deep`.
        """
        if self.data.lstrip()[:1] != b"{":
            return None
        return loads_object(self.data, what="the envelope", max_depth=self.limits.depth)

    def envelope(self) -> Envelope:
        """The envelope that it is. Raises InputError as `Envelope.from_json` does."""
        if self.members is None:  # says why it is no JSON object
            return Envelope.from_json(self.data, max_depth=self.limits.depth)
        return envelope_of(self.members, self.limits, raw=self.data or None)


class Container(Protocol):
    """What an entry point of `attest.sources` names, and each module of this folder is.

    One whose `IS_COLLECTION` is true is a collection even with one envelope.
    """

    def recognises(self, document: Document) -> bool:
        """Whether it is such a container, of whatever version; nothing is raised."""

    def read(self, document: Document) -> Iterable[UnverifiedEnvelope | InputError]:
        """The envelopes in it, `limits.attestations` at most; an error in the place of one that cannot be read.

        Raises InputError for a container that is broken, or that is not supported.
        """


def envelope_of(members: dict[str, Any], limits: Limits, *, raw: bytes | None = None) -> Envelope:
    """The envelope that a parsed JSON object is. Raises InputError as `Envelope.from_json` does."""
    return Envelope.from_document(members, raw=raw, max_signatures=limits.signatures)


def attempt(where: str, read: Callable[..., UnverifiedEnvelope], *what: Any) -> UnverifiedEnvelope | InputError:
    """What `read` reads of `what`, which is at the JSON pointer `where`, or why it cannot be read."""
    try:
        return read(*what)
    except InputError as error:
        error.below(where)
        return error
    except MemoryError:
        return out_of_memory()


def demand_object(value: Any, what: str) -> dict[str, Any]:
    """`value`, if it is a JSON object. Raises InputError `container-invalid`."""
    if not isinstance(value, dict):
        raise InputError("container-invalid", f"expected {what}, a JSON object")
    return value


def demand_list(value: Any, what: str) -> list[Any]:
    """`value`, if it is a list. Raises InputError `container-invalid`."""
    if not isinstance(value, list):
        raise InputError("container-invalid", f"expected {what}, a list")
    return value
