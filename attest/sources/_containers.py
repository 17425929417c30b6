"""From a document to its envelopes: a container that is recognised, or the envelope that the document is.

Rule: a plug-in is asked only about what is none of ours: no container, no envelope, and no JSON that is broken.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from attest._base.registry import Registry
from attest.envelope import Envelope, check_size
from attest.errors import InputError
from attest.limits import Limits
from attest.sources._document import Document, UnverifiedEnvelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest._base.plugins import Offer, Plugin

# A plug-in of this name would look as if it read envelopes, which need no container.
REGISTRY: Final = Registry(
    "attest.sources", "attest.sources", InputError, needs=["recognises", "read"], reserved=["dsse"]
)


def read(data: bytes, limits: Limits | None = None) -> Sequence[UnverifiedEnvelope]:
    """The envelopes in one document: it is one, or a container has at least one.

    Raises InputError as `Envelope.from_json` does, `sigstore-unsupported`, and `plugin-failed` or `plugin-ambiguous`
    for a container of a plug-in; also if only one of several envelopes cannot be read.
    """
    found = []
    for one in read_each(data, limits):
        if isinstance(one, InputError):
            raise one
        found.append(one)
    return tuple(found)


def read_each(data: bytes, limits: Limits | None = None) -> Sequence[UnverifiedEnvelope | InputError]:
    """As `read`, but with an error in the place of each envelope of several that cannot be read."""
    bounds = limits or Limits()
    check_size(len(data), bounds.envelope)
    document = Document(data, bounds)
    for container in _ours():
        if container.recognises(document):
            found: Sequence[UnverifiedEnvelope] = container.read(document)
            return found
    try:
        return (UnverifiedEnvelope(_envelope(data, bounds)),)
    except InputError as error:
        # Looked for only now: where there are envelopes, nobody waits for the list of what is installed.
        offer = _theirs(document, error)
        if offer is None or offer.plugin is None:
            raise
    with offer.guarded():
        read = [
            one if isinstance(one, InputError) else (one.envelope.to_json(), tuple(map(str, one.unchecked)))
            for one in offer.value.read(document)
        ]
    return _demanded(read, bounds, offer.plugin)


def _theirs(document: Document, error: InputError) -> Offer | None:
    """The plug-in that recognises what could not be read as an envelope because of `error`."""
    if error.code not in ("json-invalid", "envelope-invalid") or not REGISTRY.plugins():
        return None
    try:
        members = document.members
    except InputError:
        return None
    if members is not None and "payloadType" in members:
        return None  # a DSSE envelope that is broken
    found = REGISTRY.plugins_recognising(lambda container: container.recognises(document))
    if len(found) > 1:
        names = " and the ".join(sorted(str(offer.plugin) for offer in found))
        hint = "Uninstall all but one of them."
        raise InputError("plugin-ambiguous", f"the document is recognised by the {names}", hint=hint)
    return found[0] if found else None


def _demanded(
    read: list[InputError | tuple[Any, tuple[str, ...]]], limits: Limits, plugin: Plugin
) -> list[UnverifiedEnvelope | InputError]:
    """What a plug-in read, parsed like any other envelope: the limits hold, and what is shown is what is verified."""
    if not read:
        raise plugin.fault("found no envelope in a document that it recognises")
    found: list[UnverifiedEnvelope | InputError] = []
    for one in read:
        try:
            if isinstance(one, InputError):
                raise one
            data, unchecked = one
            plugin.demand(data, bytes, "the JSON of an envelope")
            check_size(len(data), limits.envelope)
            found.append(UnverifiedEnvelope(_envelope(data, limits), unchecked))
        except InputError as error:
            if len(read) == 1:
                raise
            found.append(error)
    return found


def _envelope(data: bytes, limits: Limits) -> Envelope:
    return Envelope.from_json(data, max_size=limits.envelope, max_signatures=limits.signatures, max_depth=limits.depth)


@cache
def _ours() -> tuple[Any, ...]:
    """The containers of this folder: found once, because a file of lines asks for each of them."""
    return tuple(offer.value for name in REGISTRY.ours() if (offer := REGISTRY.find(name)) is not None)
