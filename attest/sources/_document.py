"""What every container works with: a document that was not read yet, and the envelopes that come of it.

Rule: a document is parsed at most once, and only if its content is needed.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from attest._base.json import loads_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest.envelope import Envelope
    from attest.errors import InputError
    from attest.limits import Limits


class UnverifiedEnvelope(NamedTuple):
    """An envelope out of a container; `unchecked` are sentences on what else the container claims and nobody checks."""

    envelope: Envelope
    unchecked: tuple[str, ...] = ()


class Document:
    """The bytes of a document, which are not more than `limits` allow."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.limits = limits

    @cached_property
    def members(self) -> Mapping[str, Any] | None:
        """The members of the JSON object that it is; None if it does not begin as one.

        Raises InputError `json-invalid` or `json-too-deep`.
        """
        if self.data.lstrip()[:1] != b"{":
            return None
        return loads_object(self.data, what="this", max_depth=self.limits.depth)


class Container(Protocol):
    """What an entry point of `attest.sources` names, and each module of this folder is."""

    def recognises(self, document: Document) -> bool:
        """Whether it is such a container, of whatever version; nothing is raised."""

    def read(self, document: Document) -> Iterable[UnverifiedEnvelope | InputError]:
        """The envelopes in it; of several, an error in the place of one that cannot be read.

        Raises InputError for a container that is broken, or that is not supported.
        """
