"""Subjects that are images: in a registry, or in an OCI layout.

Rule: the digest is computed from the bytes of the manifest or index, and is never what a registry or a name says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.digest import parse_digest
from attest.errors import AttestError, InputError
from attest.oci import platforms
from attest.oci.layout import LayoutStore
from attest.oci.reference import LAYOUT, parse
from attest.oci.store import open_store, parse_unambiguous, read_named
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest.oci.documents import ImageDocument
    from attest.oci.options import StoreOptions
    from attest.oci.reference import ImageReference
    from attest.oci.store import Store

_NAMED_LAYOUT: Final = f"={LAYOUT}"


def from_images(
    images: Iterable[str],
    *,
    options: StoreOptions | None = None,
    platform: str | None = None,
    each_platform: bool = False,
) -> list[ResourceDescriptor]:
    """The subjects that `images` name, in their order: `[NAME=]REFERENCE`, as `attest.oci.reference.parse` reads it.

    The subject is what was named: of an image with several platforms it is the index, unless a `platform`
    (`os/architecture[/variant]`) or every image of it is asked for. Its name is the repository, HOST/REPOSITORY; with
    `each_platform`, HOST/REPOSITORY@DIGEST, because names must differ. Raises InputError `subject-missing` for a layout
    that does not name a repository, `image-reference-invalid`, `platform-unknown`, and as Store does.
    """
    found: list[ResourceDescriptor] = []
    for image in images:
        try:
            name, reference = parse_image(image)
            store = open_store(reference, options)
            try:
                found += _subjects(store, reference, name, platform, each_platform=each_platform)
            finally:
                store.close()
        except AttestError as error:
            raise error if image in (error.where or "") else error.at(image) from None
    return found


def parse_image(image: str) -> tuple[str | None, ImageReference]:
    """The name, if there is one, and the image of `[NAME=]REFERENCE`.

    Raises as `parse_unambiguous`, and `subject-missing`.
    """
    if image.startswith(LAYOUT):  # the directory may have a `=` in its name
        return None, parse(image)
    name, named, rest = image.partition(_NAMED_LAYOUT)
    if named:
        rest = LAYOUT + rest
    else:
        name, named, rest = image.rpartition("=")
    if named and not name:
        raise InputError("subject-missing", f"{image!r} has no name before the `=`")
    return name or None, parse_unambiguous(rest)


def _subjects(
    store: Store, reference: ImageReference, name: str | None, platform: str | None, *, each_platform: bool
) -> list[ResourceDescriptor]:
    image = read_named(store, reference.reference)
    called = name or _name(store, reference, image)
    if each_platform:
        return [
            ResourceDescriptor(f"{called}@{one.document.digest}", parse_digest(one.document.digest))
            for one in platforms.each(store, image)
        ]
    if platform is not None:
        image = platforms.select(store, image, platform).document
    return [ResourceDescriptor(called, parse_digest(image.digest))]


def _name(store: Store, reference: ImageReference, image: ImageDocument) -> str:
    """The name of the repository: a layout may have it in an annotation."""
    called = store.repository(image) if isinstance(store, LayoutStore) else reference.name
    if called is None:
        hint = f"Give it the name of its repository: --image HOST/REPOSITORY={reference}."
        raise InputError("subject-missing", "the layout does not say which repository the image is of", hint=hint)
    return called
