"""Images in a directory: the image layout v1.0.0 of image-spec.

Rule: a blob is found by its checked digest alone; nothing else in a document becomes the name of a file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base import files
from attest._base.json import dumps, loads_object
from attest.errors import InputError
from attest.oci.documents import (
    MAX_DEPTH,
    MAX_MANIFEST,
    MAX_REFERRERS,
    Descriptor,
    ImageDocument,
    check_content,
    digest_of,
    read_document,
)
from attest.oci.options import PushResult
from attest.oci.reference import DIGEST, LAYOUT, repository_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK: Final = "oci-layout"
_INDEX: Final = "index.json"
_VERSION: Final = "1.0.0"
REF_NAME: Final = "org.opencontainers.image.ref.name"
_CONTAINERD: Final = "io.containerd.image.name"
# What `cosign save` writes beside an image, instead of a tag.
_KIND: Final = "kind"
_COSIGN: Final = "dev.cosignproject.cosign/"
_COSIGN_IMAGES: Final = (f"{_COSIGN}image", f"{_COSIGN}imageIndex")
_COSIGN_ATTACHED: Final = {".att": f"{_COSIGN}atts", ".sig": f"{_COSIGN}sigs"}


class _LayoutEntry(NamedTuple):
    """An entry of index.json, with the names that tools give it."""

    descriptor: Descriptor

    @property
    def names(self) -> tuple[str, ...]:
        found = self.descriptor.annotations
        return tuple(found[name] for name in (_CONTAINERD, REF_NAME) if found.get(name))

    @property
    def kind(self) -> str:
        return self.descriptor.annotations.get(_KIND, "")

    @property
    def is_attached(self) -> bool:
        """Whether it is beside an image, by its name: a list of referrers, or an attachment of cosign."""
        by_digest = any(DIGEST.match(name.replace("-", ":", 1)) for name in self.names)
        return by_digest or self.kind in _COSIGN_ATTACHED.values()


def is_layout(path: str | os.PathLike[str]) -> bool:
    """Whether a directory is an image layout, by the names in it; the file `oci-layout` is missing in some."""
    has_mark, has_index = (os.path.isfile(os.path.join(path, name)) for name in (_MARK, _INDEX))
    return has_index and (has_mark or os.path.isdir(os.path.join(path, "blobs", "sha256")))


def demand_no_layout(path: str) -> None:
    """Raises InputError `directory-is-layout` for a layout: its dirHash is of how a program wrote the image down."""
    if is_layout(path):
        hint = f"Name the image in it: --image {LAYOUT}{path}."
        message = "the directory is an OCI image layout, whose dirHash does not identify the image"
        raise InputError("directory-is-layout", message, where=path, hint=hint)


class LayoutStore:
    """A layout as a Store. What is pushed is on disk before index.json names it."""

    is_local = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises InputError `file-unreadable`, and `image-invalid` if the directory is no layout v1.0.0."""
        self.name: str = os.fspath(path)
        self._root = Path(path)
        if not os.path.isdir(path):
            raise InputError("file-unreadable", "the directory does not exist", where=self.name)
        try:
            mark = loads_object(self._file(_MARK, MAX_MANIFEST), what="the file", max_depth=MAX_DEPTH)
        except InputError as error:
            if error.code == "image-not-found" and is_layout(path):
                return  # some tools leave it out, and nothing else depends on it
            hint = "Name the directory of an OCI image layout."
            raise _invalid(error.message, str(self._root / _MARK), hint) from None
        if mark.get("imageLayoutVersion") != _VERSION:
            message = f"expected a layout of the version {_VERSION}, found {mark.get('imageLayoutVersion')!r:.80}"
            raise _invalid(message, str(self._root / _MARK))

    def manifest(self, reference: str | None) -> ImageDocument:
        """See Store. A tag is a whole name in index.json, or the tag in it."""
        if reference is not None and DIGEST.fullmatch(reference):
            return self._described(reference)
        entry = self._only() if reference is None else self._named(reference)
        found = self._described(entry)
        return found._replace(etag=found.digest)

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """See Store."""
        if descriptor.size > limit:
            message = f"the content has {files.size(descriptor.size)}, more than {files.size(limit)}"
            raise InputError("file-too-large", message, where=f"{self.name}: {descriptor.digest}")
        data = self._bytes(descriptor.digest, descriptor.size)
        try:
            check_content(data, descriptor)
        except InputError as error:
            raise error.at(f"{self.name}: {descriptor.digest}") from None
        return data

    def referrers(self, digest: str) -> list[Descriptor] | None:
        """See Store. In a layout: the documents in index.json with this subject, and those that cannot be read.

        Absent ones are left out.
        """
        listed: dict[str, dict[object, Descriptor]] = {}  # by digest, so that each is read once
        for entry in self._entries():
            if entry.descriptor.is_document:
                listed.setdefault(entry.descriptor.digest, {})[entry.descriptor.identity] = entry.descriptor
        found: dict[object, Descriptor] = {}
        for named, entries in listed.items():
            try:
                document = self._described(named)
            except InputError as error:
                if error.code != "image-not-found":  # its subject is not known; who reads it finds out why
                    found |= entries
            else:
                if document.subject is not None and document.subject.digest == digest:
                    own = document.descriptor
                    found |= {**entries, own.identity: own} if own.identity in entries else entries
            if len(found) > MAX_REFERRERS:
                break
        return list(found.values())

    def repository(self, document: ImageDocument) -> str | None:
        """The repository HOST/REPOSITORY that the layout names for a document; None if it names none, or several."""
        names = {
            reference.name
            for entry in self._entries()
            if entry.descriptor.digest == document.digest
            for name in entry.names
            if (reference := repository_of(name)) is not None
        }
        return names.pop() if len(names) == 1 else None

    def push_blob(self, data: bytes, media_type: str) -> Descriptor:
        """See Store. Raises InputError `output-failed`."""
        found = Descriptor(media_type, digest_of(data), len(data))
        path = self._path(found.digest)
        try:
            check_content(self._bytes(found.digest, found.size), found)
        except InputError as error:  # absent, or broken: then it becomes whole
            if error.code not in ("image-not-found", "digest-mismatch"):  # a pipe, which would be waited for
                raise
            _make_folder(path.parent)
            files.write(path, data)
        return found

    def push_manifest(
        self, data: bytes, media_type: str, *, tag: str | None = None, if_match: str | None = None
    ) -> PushResult:
        """See Store. The document is listed in index.json, with or without a tag. Raises as `files.update`."""
        document = read_document(data, media_type=media_type)
        pushed = document.descriptor
        self.push_blob(data, media_type)

        def listed(index: bytes) -> bytes | None:
            members, entries = _entries_in(index, self._root / _INDEX)
            tagged = {entry.descriptor.digest for _, entry in entries if tag is not None and tag in entry.names}
            if if_match is not None and tagged != {if_match}:
                raise InputError("image-changed", f"another program changed the tag {tag!r}", where=self.name)
            if tag is None and any(entry.descriptor.identity == pushed.identity for _, entry in entries):
                return None
            kept = [value for value, entry in entries if tag is None or tag not in entry.names]
            named = pushed.annotations if tag is None else {**pushed.annotations, REF_NAME: tag}
            kept.append(_plain(pushed._replace(annotations=named)))
            changed = dumps({**members, "manifests": kept})
            if len(changed) > MAX_MANIFEST:
                raise _invalid(f"index.json would be larger than {files.size(MAX_MANIFEST)}", self.name)
            return changed

        files.update(self._root / _INDEX, listed, limit=MAX_MANIFEST)
        return PushResult(pushed, document.subject is not None, pushed.digest)

    def absence(self) -> str:
        """See Store."""
        names = _listed(self._entries())
        return f"It has {names}." if names else "It has no images."

    def close(self) -> None:
        """See Store."""

    def _entries(self) -> list[_LayoutEntry]:
        return [entry for _, entry in _entries_in(self._file(_INDEX, MAX_MANIFEST), self._root / _INDEX)[1]]

    def _attached(self, entry: _LayoutEntry) -> ImageDocument | None:
        """The document of an entry; None if it is absent or is something else, which says nothing about referrers."""
        if not entry.descriptor.is_document:
            return None
        try:
            return self._described(entry.descriptor)
        except InputError as error:
            if error.code == "image-not-found":
                return None
            raise

    def _named(self, tag: str) -> Descriptor:
        """The entry with a name. Raises InputError `image-not-found`, and `image-ambiguous` for several images."""
        entries = self._entries()
        found = [entry for entry in entries if tag in entry.names]
        found = found or [entry for entry in entries if tag in map(_tag_of, entry.names)]
        found = found or list(_saved_by_cosign(tag, entries))
        if not found:
            names = _listed(entries)
            hint = f"It has {names}." if names else None
            raise InputError("image-not-found", f"the layout has no image {tag!r}", where=self.name, hint=hint)
        return self._single(found, f"{tag!r}")

    def _only(self) -> Descriptor:
        """The only image, without what is attached to it."""
        entries = [entry for entry in self._entries() if entry.descriptor.is_document and not entry.is_attached]
        entries = list({entry.descriptor.identity: entry for entry in reversed(entries)}.values())[::-1]
        if len({entry.descriptor.digest for entry in entries}) > 1:
            entries = [entry for entry in entries if (found := self._attached(entry)) is None or found.subject is None]
        if not entries:
            raise InputError("image-not-found", "the layout has no image", where=self.name)
        return self._single(entries, "a name without a tag")

    def _single(self, entries: list[_LayoutEntry], what: str) -> Descriptor:
        if len({(entry.descriptor.digest, entry.descriptor.media_type) for entry in entries}) > 1:
            hint = f"Name one of them with {LAYOUT}{self.name}@DIGEST: {_listed(entries)}."
            message = f"the layout has several images for {what}"
            raise InputError("image-ambiguous", message, where=self.name, hint=hint)
        return entries[0].descriptor

    def _described(self, expected: Descriptor | str) -> ImageDocument:
        """The document that a descriptor names, or that with a digest, under the media type that it states itself."""
        digest = expected if isinstance(expected, str) else expected.digest
        try:
            return read_document(self._bytes(digest, MAX_MANIFEST), expected=expected)
        except InputError as error:
            if error.code == "image-not-found":
                raise
            raise error.at(f"{self.name}: {digest}") from None

    def _bytes(self, digest: str, size: int) -> bytes:
        """The bytes of a blob, `size` and one more at most."""
        return _read(self._path(digest), size, missing=f"the layout has no {digest}", where=self.name)

    def _file(self, name: str, limit: int) -> bytes:
        return _read(self._root / name, limit, missing=f"the layout has no file {name}", where=self.name)

    def _path(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise _invalid(f"{digest!r:.200} is not a digest", self.name)
        algorithm, _, value = digest.partition(":")
        return self._root / "blobs" / algorithm / value


def _entries_in(data: bytes, path: Path) -> tuple[dict[str, Any], list[tuple[Any, _LayoutEntry]]]:
    """The members of index.json, and its entries as JSON and as they are read."""
    try:
        if len(data) > MAX_MANIFEST:
            raise _invalid(f"the file is larger than {files.size(MAX_MANIFEST)}", "")
        index = read_document(data)
        if index.kind != "index":
            raise _invalid("expected an index", "")
        members = loads_object(data, what="the file", max_depth=MAX_DEPTH)
    except InputError as error:
        raise error.at(str(path)) from None
    values = members["manifests"] or []
    return members, list(zip(values, map(_LayoutEntry, index.manifests), strict=True))


def _saved_by_cosign(tag: str, entries: list[_LayoutEntry]) -> Iterator[_LayoutEntry]:
    """What `cosign save` wrote where a registry has `sha256-HEX.att`: it is about the one image of the layout."""
    digest, suffix = tag[:-4].replace("-", ":", 1), tag[-4:]
    images = {entry.descriptor.digest for entry in entries if entry.kind in _COSIGN_IMAGES}
    if suffix in _COSIGN_ATTACHED and images == {digest}:
        yield from (entry for entry in entries if entry.kind == _COSIGN_ATTACHED[suffix])


def _tag_of(name: str) -> str | None:
    """The tag in a whole name, such as `1` in docker.io/acme/app:1."""
    reference = repository_of(name)
    return reference.tag if reference is not None and f":{reference.tag}" in name else None


def _listed(entries: list[_LayoutEntry]) -> str:
    found = [" ".join([*entry.names[:1], entry.descriptor.digest]) for entry in entries if not entry.is_attached]
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return ", ".join(found[:8]) + more


def _plain(descriptor: Descriptor) -> dict[str, Any]:
    """A descriptor as JSON."""
    found: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    if descriptor.artifact_type is not None:
        found["artifactType"] = descriptor.artifact_type
    if descriptor.annotations:
        found["annotations"] = dict(descriptor.annotations)
    return found


def _read(path: Path, limit: int, *, missing: str, where: str) -> bytes:
    """The bytes of a regular file, up to one more than `limit`; a pipe would be waited for."""
    try:
        handle = os.open(path, files.READ)
        with open(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InputError("file-unreadable", "the path is not a regular file", where=str(path))
            return files.read_up_to(stream, limit + 1)
    except FileNotFoundError:
        raise InputError("image-not-found", missing, where=where) from None
    except OSError as error:
        raise files.unreadable(path, error) from None


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the directory cannot be made: {files.reason(error)}"
        raise InputError("output-failed", message, where=str(path)) from None


def _invalid(message: str, where: str, hint: str | None = None) -> InputError:
    return InputError("image-invalid", message, where=where or None, hint=hint)
