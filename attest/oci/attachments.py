"""Finds what is stored beside an image: referrers, the tags that stand in for them, cosign's tags, and BuildKit's.

Rule: a list only names candidates. Whether one is attached to the image is read in its own bytes, and what cannot be
read is reported and hides nothing beside it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar

from attest._base.json import dumps
from attest._base.threads import begin, in_order
from attest.envelope import check_size
from attest.errors import InputError
from attest.limits import Limits
from attest.oci.documents import MAX_REFERRERS, Descriptor, ImageDocument
from attest.oci.layers import LayerKind, kind_of
from attest.oci.options import PUSHED_BY_ANYONE
from attest.oci.reference import is_tag
from attest.oci.store import read_described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attest.oci.store import Store

Source = Literal["referrer", "fallback-tag", "cosign-tag", "in-index"]
Kind = LayerKind | Literal["unreadable"]

_T = TypeVar("_T")

THREADS: Final = 8  # requests for manifests at the same time, and as many for their content
MAX_ATTACHMENTS: Final = 10_000  # of one image
_BUILDKIT_TYPE: Final = "vnd.docker.reference.type"
_BUILDKIT_DIGEST: Final = "vnd.docker.reference.digest"
_BUILDKIT: Final = "attestation-manifest"


class Attachment(NamedTuple):
    """One thing that is stored beside an image; nothing in it is verified.

    `about` is the digest of the document that it is attached to: that of the image, or of one of its platforms.
    `manifest` is the document that has it, and `layer` the content; None if that is not known, or if there is none.
    `kind` is by the media type: a `statement` is unsigned, and `other` is no attestation. `artifact_type` is what the
    manifest says. For `unreadable` there is an `error`.
    """

    source: Source
    about: str
    manifest: Descriptor | None
    layer: Descriptor | None
    kind: Kind
    artifact_type: str | None = None
    error: InputError | None = None

    @property
    def is_envelope(self) -> bool:
        """Whether it should have signatures."""
        return self.kind in ("sigstore-bundle", "dsse")


class _Place(NamedTuple):
    """Where to look for attachments: a document, the descriptor of one, or why there is none."""

    source: Source
    about: str
    holder: Descriptor | ImageDocument | InputError


class Lists:
    """What lists the attachments of the document with a digest: asked for now, in the background, all at the same time.

    Each function waits for its answer. Whether a registry has a list of referrers is known only after it was asked, so
    the tag that stands in for it is asked for too; that answer is used only if there is no list.
    """

    referrers: Callable[[], list[Descriptor] | None]
    fallback: Callable[[], list[_Place]]
    cosign: Callable[[], list[_Place]]

    def __init__(self, store: Store, digest: str) -> None:
        start = _when_called if store.is_local else begin
        tag = cosign_tag(digest)
        self.digest = digest
        self.referrers = start(lambda: store.referrers(digest))
        self.fallback = start(lambda: _tagged(store, "fallback-tag", digest, referrers_tag(digest)))
        # With SHA-512 cosign's tag would be too long.
        self.cosign = start(lambda: _tagged(store, "cosign-tag", digest, tag) if is_tag(tag) else [])


def find(
    store: Store, image: ImageDocument, *, within: ImageDocument | None = None, lists: Lists | None = None
) -> Iterator[Attachment]:
    """What is stored beside an image, each once, in the order: referrers, cosign's tag, statements in an index.

    Statements in an index are those of its platforms if the image is an index, else those that the index `within` has
    about the image. Attachments of an index are not those of its platforms. `lists` are those of the image, if they
    were asked for earlier.
    Raises SignerError as Store does, InputError as `Store.referrers`, and `too-many-attestations`.
    """
    threads = 1 if store.is_local else THREADS
    seen: set[bytes] = set()

    def read(place: _Place) -> list[Attachment]:
        return _read(store, place)

    if lists is None or lists.digest != image.digest:
        lists = Lists(store, image.digest)
    for found in in_order(read, _each_once(_places(store, image, within, lists)), threads):
        for attachment in found:
            key = _key(attachment)
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MAX_ATTACHMENTS:
                raise _too_many(image.digest, MAX_ATTACHMENTS)
            yield attachment


def read(store: Store, attachment: Attachment, limits: Limits | None = None) -> bytes:
    """The content of an attachment that has a layer, with its digest checked.

    Raises as Store does, and InputError `envelope-too-large`.
    """
    if attachment.layer is None:
        raise attachment.error or InputError("image-invalid", "the attachment has no content")
    bounds = limits or Limits()
    check_size(attachment.layer.size, bounds.envelope)
    if attachment.layer.data is not None:  # it was checked when the descriptor was read
        return attachment.layer.data
    return store.blob(attachment.layer, bounds.envelope)


def referrers_tag(digest: str) -> str:
    """The tag of the list of referrers where there is no API for it (distribution-spec, "Referrers Tag Schema")."""
    algorithm, _, value = digest.partition(":")
    return f"{algorithm[:32]}-{value[:64]}"


def cosign_tag(digest: str) -> str:
    """The tag of the attestations that cosign v2 attaches."""
    return f"{digest.replace(':', '-')}.att"


def _places(store: Store, image: ImageDocument, within: ImageDocument | None, lists: Lists) -> Iterator[_Place]:
    """Where to look."""
    yield from _referrers(store, lists)
    yield from lists.cosign()
    within = image if image.kind == "index" else within
    if within is None:
        return
    listed = {entry.digest for entry in within.manifests}
    for entry in within.manifests:
        about = entry.annotations.get(_BUILDKIT_DIGEST)
        if entry.annotations.get(_BUILDKIT_TYPE) != _BUILDKIT or about not in listed:
            continue
        if image is within or about == image.digest:
            yield _Place("in-index", about, entry)


def _each_once(places: Iterator[_Place]) -> Iterator[_Place]:
    """The places, without those that say the same as another: to read one may cost much, and to list it little."""
    seen: set[object] = set()
    for place in places:
        if isinstance(place.holder, Descriptor):
            key = place.source, place.about, place.holder.identity
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MAX_ATTACHMENTS:
                raise _too_many(place.about, MAX_ATTACHMENTS)
        yield place


def _referrers(store: Store, lists: Lists) -> Iterator[_Place]:
    """The referrers that the store lists, or those that the tag lists where it has no list."""
    listed = lists.referrers()
    found = [_Place("referrer", lists.digest, one) for one in listed or ()]
    if listed is None or store.is_local:  # programs that write layouts use either
        known = {one.identity for one in listed or ()}
        for place in lists.fallback():
            if isinstance(place.holder, InputError):
                found.append(place)
            elif isinstance(place.holder, ImageDocument) and place.holder.kind == "index":
                found += [place._replace(holder=one) for one in place.holder.manifests if one.identity not in known]
    yield from found[:MAX_REFERRERS]
    if len(found) > MAX_REFERRERS:  # after the others, so that they can be listed
        raise _too_many(lists.digest, MAX_REFERRERS)


def _when_called(act: Callable[[], _T]) -> Callable[[], _T]:
    return act


def _tagged(store: Store, source: Source, digest: str, tag: str) -> list[_Place]:
    """The document with a tag; none if it does not exist, or is the image itself, which GitLab answers with."""
    try:
        found = store.manifest(tag)
    except InputError as error:
        return [] if error.code == "image-not-found" else [_Place(source, digest, error)]
    return [] if found.digest == digest else [_Place(source, digest, found)]


def _read(store: Store, place: _Place) -> list[Attachment]:
    """The attachments in one document, or why they cannot be read; none in one that is not attached to the image."""
    source, about, holder = place
    manifest = None
    try:
        if isinstance(holder, InputError):
            raise holder
        if isinstance(holder, ImageDocument):
            document = holder
        else:
            manifest = holder
            if not holder.is_document:  # a registry may refuse the request, and that would end everything
                message = f"{holder.media_type!r:.200} is not the media type of a manifest or an index"
                raise InputError("image-invalid", message, where=holder.digest)
            document = read_described(store, holder)
    except InputError as error:
        return [Attachment(source, about, manifest, None, "unreadable", error=error)]
    if source in ("referrer", "fallback-tag") and (document.subject is None or document.subject.digest != about):
        return []
    manifest = document.descriptor
    kind = manifest.artifact_type
    found = [Attachment(source, about, manifest, layer, kind_of(layer.media_type), kind) for layer in document.layers]
    return found or [Attachment(source, about, manifest, None, "other", kind)]


def _key(attachment: Attachment) -> bytes:
    """What is the same for two copies: the content and the annotations, which may bring what is needed to verify it."""
    layer = attachment.layer
    told: list[object] = [attachment.about, attachment.kind]
    if layer is not None:
        told += [*layer.identity, dict(sorted(layer.annotations.items())), layer.data is None]
    else:
        told += attachment.manifest.identity if attachment.manifest else [str(attachment.error)]
    return hashlib.sha256(dumps(told)).digest()


def _too_many(digest: str, most: int) -> InputError:
    message = f"more than {most:,} attachments of one image"
    return InputError("too-many-attestations", message, where=digest, hint=PUSHED_BY_ANYONE)
