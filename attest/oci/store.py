"""What a registry and a layout have in common: documents and blobs by digest, and lists of what refers to a document.

Rule: what a store returns has the digest that was asked for; what cannot be read is never taken for what is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attest.errors import InputError
from attest.oci.documents import demand_described
from attest.oci.options import PushResult, StoreOptions
from attest.oci.reference import LAYOUT, parse

if TYPE_CHECKING:
    from attest.oci.documents import Descriptor, ImageDocument
    from attest.oci.reference import ImageReference


class Store(Protocol):
    """A repository in a registry, or a layout. It may be used by several threads at once.

    Every method raises SignerError if the registry is not available or refuses: `registry-unavailable`,
    `registry-unauthorized` or `registry-refused`. Never is that taken for "there is none".
    """

    name: str  # HOST/REPOSITORY or the directory, for messages
    is_local: bool  # a directory: nothing is gained by asking for several things at once

    def manifest(self, reference: str | None) -> ImageDocument:
        """The document with a tag or digest; None is the only image of a layout.

        By a tag it comes with its `etag`, if the store has such a thing. Raises InputError `image-not-found` if it does
        not exist, `image-invalid` and `digest-mismatch`.
        """

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """The content that a descriptor names, with its size and digest checked.

        Raises InputError as `manifest`, and `file-too-large` if the descriptor says more than `limit` bytes.
        """

    def referrers(self, digest: str) -> list[Descriptor] | None:
        """What is said to refer to the document with this digest; None: there is no such list.

        If there is more than MAX_REFERRERS, only one more than that is returned, or a few more.
        Nothing in it is checked: a referrer is one if its own `subject` says so.
        """

    def push_blob(self, data: bytes, media_type: str) -> Descriptor:
        """Store a blob, which may be there already."""

    def push_manifest(
        self, data: bytes, media_type: str, *, tag: str | None = None, if_match: str | None = None
    ) -> PushResult:
        """Store a document, by its digest or as `tag`.

        Raises InputError `image-changed` if the store sees that the tag no longer has the ETag `if_match`.
        """

    def absence(self) -> str:
        """What may be the reason that an image does not exist here, and what to do: a hint."""

    def close(self) -> None:
        """Let connections go."""


def parse_unambiguous(text: str) -> ImageReference:
    """The name of an image, as `attest.oci.reference.parse` reads it.

    Raises InputError as that, and `name-ambiguous` for a name without host or scheme (`app`, `app:1`) that is also the
    name of a layout: nobody expects that a registry is asked for it.
    """
    from attest.oci.layout import is_layout

    reference = parse(text)
    path = text.partition("@")[0].partition(":")[0]
    if reference.scheme == "registry" and is_layout(path):
        message = f"{text!r} is both an image of the registry {reference.host} and an OCI image layout"
        hint = f"Write {LAYOUT}{text} for the layout, or oci://{text} for the registry."
        raise InputError("name-ambiguous", message, hint=hint)
    return reference


def read_named(store: Store, reference: str | None) -> ImageDocument:
    """The document with a tag or digest that somebody named. Raises as `Store.manifest`, with a hint."""
    try:
        return store.manifest(reference)
    except InputError as error:
        if error.code == "image-not-found" and error.hint is None:
            error.hint = store.absence()
        raise


def read_if_there(store: Store, reference: str) -> ImageDocument | None:
    """The document with a tag or digest, or None if there is none. Otherwise raises as `Store.manifest`."""
    try:
        return store.manifest(reference)
    except InputError as error:
        if error.code != "image-not-found":
            raise
        return None


def read_described(store: Store, descriptor: Descriptor) -> ImageDocument:
    """The document that a descriptor names, if it is as the descriptor says. Raises as `Store.manifest`."""
    found = store.manifest(descriptor.digest)
    demand_described(found, descriptor)
    return found


def open_store(reference: ImageReference, options: StoreOptions | None = None) -> Store:
    """The registry or layout that an image is in. Raises InputError `image-invalid` for a directory that is no layout.

    Nothing is sent to a registry yet.
    """
    if reference.scheme == "layout":
        from attest.oci.layout import LayoutStore

        return LayoutStore(reference.path)
    from attest.oci.registry import RegistryStore

    return RegistryStore(reference, options or StoreOptions())
