"""The attestations of an image, out of its registry or layout.

Rule: a name is resolved once, and everything after that is asked for by digest.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Self

from attest._base.documents import STATEMENT
from attest._base.threads import in_order
from attest.artifacts import Artifact
from attest.errors import AttestError, InputError, out_of_memory
from attest.limits import Limits
from attest.oci.attachments import THREADS, Lists, find
from attest.oci.attachments import read as read_content
from attest.oci.platforms import select
from attest.oci.reference import LAYOUT
from attest.oci.store import open_store, parse_unambiguous, read_named
from attest.sources._attachment import envelope_in
from attest.sources._reading import ReadEnvelope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.oci.attachments import Attachment
    from attest.oci.documents import ImageDocument
    from attest.oci.options import StoreOptions
    from attest.oci.reference import ImageReference
    from attest.oci.store import Store


class StoredAttestation(NamedTuple):
    """Something stored beside an image, unverified; `entry` has an error for what is no envelope.

    `document` are the bytes of the layer, if they are an attestation.
    """

    attachment: Attachment
    entry: ReadEnvelope
    document: bytes | None = None


class Image:
    """An image, whose bytes were fetched, and the attestations beside it: iterating fetches them.

    `name` is HOST/REPOSITORY@DIGEST or oci-layout:DIRECTORY@DIGEST. Close it, or use it in a `with` block.
    """

    def __init__(
        self,
        reference: ImageReference,
        store: Store,
        document: ImageDocument,
        limits: Limits,
        index: ImageDocument | None = None,
        lists: Lists | None = None,
    ) -> None:
        self.name: str = str(reference.at(document.digest))
        self.document: ImageDocument = document
        self._reference = reference
        self.store: Store = store
        self._index = index
        self._lists = lists
        self._limits = limits

    @property
    def digest(self) -> str:
        """The digest of the exact bytes, `sha256:HEX`."""
        return self.document.digest

    @property
    def artifact(self) -> Artifact:
        """The image, for the `artifacts` of a verification."""
        algorithm, _, value = self.digest.partition(":")
        return Artifact(self.name, {algorithm: value})

    def __iter__(self) -> Iterator[ReadEnvelope]:
        """Each attestation as an entry of a collection; its name is REPOSITORY@DIGEST of the manifest that has it.

        Unsigned statements are entries with an error; what is no attestation is left out. Raises as `stored`.
        """
        return (one.entry for one in self.stored() if one.attachment.kind != "other")

    def stored(self) -> Iterator[StoredAttestation]:
        """Everything that is stored beside the image, each fetched as it is needed, a few at the same time.

        Raises SignerError if the registry is not available, and InputError for a list that cannot be read.
        """
        numbers: Counter[str] = Counter()
        lists, self._lists = self._lists, None  # whoever looks again wants to know what there is then
        found = find(self.store, self.document, within=self._index, lists=lists)
        threads = 1 if self.store.is_local else THREADS
        for one in in_order(self._read, found, threads):
            name = one.entry.name
            numbers[name] += 1
            number = numbers[name]
            yield one if number == 1 else one._replace(entry=one.entry._replace(name=f"{name}#{number}"))

    def close(self) -> None:
        """Close the connections to the registry."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, one: Attachment) -> StoredAttestation:
        stored = one.manifest or one.layer
        name = self.name if stored is None else str(self._reference.at(stored.digest))
        data: bytes | None = None
        try:
            if one.error is not None:
                raise one.error
            if not one.is_envelope:
                raise InputError(
                    "envelope-invalid", f"this is {STATEMENT.name}", hint="Only signed attestations count."
                )
            data = read_content(self.store, one, self._limits)
            found = envelope_in(data, one, self._limits)
        except InputError as error:
            return StoredAttestation(one, ReadEnvelope(name, None, error, True))
        except MemoryError:
            return StoredAttestation(one, ReadEnvelope(name, None, out_of_memory(), True))
        return StoredAttestation(one, ReadEnvelope(name, found.envelope, None, True, found.unchecked), data)


def image(
    reference: str,
    *,
    platform: str | None = None,
    options: StoreOptions | None = None,
    limits: Limits | None = None,
    ahead: bool = True,
) -> Image:
    """The image with a name, in a registry or an `oci-layout:DIRECTORY`, resolved now.

    `platform` (`linux/arm64`) is one image of an index; without it the index is meant that was named. If the name has a
    digest, the lists of attestations are asked for at the same time, unless `ahead` is false. Raises InputError
    `image-reference-invalid`, `name-ambiguous`, `image-not-found`, `image-invalid`, `digest-mismatch` and
    `platform-unknown`, and SignerError if the registry is not available or refuses.
    """
    named = parse_unambiguous(reference)
    store = open_store(named, options)
    try:
        lists = Lists(store, named.digest) if ahead and named.digest is not None and platform is None else None
        found, index = read_named(store, named.reference), None
        if platform is not None:
            _, found, index = select(store, found, platform)
        return Image(named, store, found, limits or Limits(), index, lists)
    except BaseException as error:
        store.close()
        if isinstance(error, AttestError) and named.scheme == "registry" and os.path.isdir(reference):
            # Most often a registry was not meant, so this comes before what the registry's error suggests.
            layout = f"{reference} is a directory here: if you mean a layout, write {LAYOUT}{reference}."
            error.hint = " ".join(filter(None, [layout, error.hint]))
        raise
