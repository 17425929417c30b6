"""From a document to its envelopes: a container that is recognised, or the envelope that the document is.

Rule: a plug-in is asked only about what is none of ours: no container, no envelope, and no JSON that is broken.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.registry import Registry
from attest.envelope import Envelope, check_size
from attest.errors import InputError
from attest.limits import Limits
from attest.sources import sigstore
from attest.sources._document import Document, UnverifiedEnvelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest._base.plugins import Offer, Plugin

# A plug-in of this name would look as if it read envelopes, which need no container.
REGISTRY: Final = Registry(
    "attest.sources", "attest.sources", InputError, needs=["recognises", "read"], reserved=["dsse"]
)


class ContainerContent(NamedTuple):
    """What is in one document; it `is_collection` whatever its number, if its container is one."""

    envelopes: Sequence[UnverifiedEnvelope | InputError]
    is_collection: bool = False


def read(data: bytes, limits: Limits | None = None) -> Sequence[UnverifiedEnvelope]:
    """The envelopes in one document: it is one, or a container has at least one.

    Raises InputError as `Envelope.from_json` does, `sigstore-unsupported`, `container-unsupported`,
    `container-invalid`, and `plugin-failed` or `plugin-ambiguous` for a container of a plug-in; also if only one of
    several envelopes cannot be read.
    """
    found = []
    for one in read_each(data, limits).envelopes:
        if isinstance(one, InputError):
            raise one
        found.append(one)
    return tuple(found)


def read_single(data: bytes, limits: Limits | None = None) -> UnverifiedEnvelope:
    """The one envelope in a document. Raises InputError as `read` does, and `several-attestations`."""
    envelopes, is_collection = read_each(data, limits)
    if len(envelopes) != 1 or is_collection:
        hint = "Use attest.verify_collection, or `attest verify`: they decide about several attestations."
        message = f"expected one attestation, found a collection of {len(envelopes):,}"
        raise InputError("several-attestations", message, hint=hint)
    [found] = envelopes
    if isinstance(found, InputError):
        raise found
    return found


def read_each(data: bytes, limits: Limits | None = None) -> ContainerContent:
    """As `read`, but with an error in the place of each envelope of several that cannot be read."""
    bounds = limits or Limits()
    check_size(len(data), bounds.envelope)
    document = Document(data, bounds)
    try:
        container = _recognising(document)
        if container is None:
            return ContainerContent((UnverifiedEnvelope(document.envelope()),))
    except InputError as error:
        # Looked for only now: where there are envelopes, nobody waits for the list of what is installed.
        offer = None if error.code == "container-ambiguous" else _theirs(document, error)
        if offer is None or offer.plugin is None:
            raise
    else:
        return ContainerContent(tuple(container.read(document)), getattr(container, "IS_COLLECTION", False))
    with offer.guarded():
        read = [
            one if isinstance(one, InputError) else (one.envelope.to_json(), tuple(map(str, one.unchecked)))
            for one in offer.value.read(document)
        ]
    return ContainerContent(_demanded(read, bounds, offer.plugin))


def _recognising(document: Document) -> Any:
    """The container of ours that a document is, or None where it is an envelope, or would have to be one.

    An envelope is never taken for another container. Raises InputError `container-ambiguous` for two containers at
    once, and what parsing raises.
    """
    members = document.members
    if members is None or ("payload" in members and not sigstore.recognises(document)):
        return None
    found = [container for container in _ours() if container.recognises(document)]
    if len(found) > 1:
        names = " and ".join(container.NAME for container in found)
        raise InputError("container-ambiguous", f"the document is {names} at once")
    return found[0] if found else None


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
            envelope = Envelope.from_json(data, max_signatures=limits.signatures, max_depth=limits.depth)
            found.append(UnverifiedEnvelope(envelope, unchecked))
        except InputError as error:
            if len(read) == 1:
                raise
            found.append(error)
    return found


@cache
def _ours() -> tuple[Any, ...]:
    """The containers of this folder: found once, because a file of lines asks for each of them."""
    return tuple(offer.value for name in REGISTRY.ours() if (offer := REGISTRY.find(name)) is not None)
