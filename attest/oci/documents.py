"""Manifests and indexes of images, and the descriptors in them (image-spec: manifest, image index, descriptor).

Rule: the digest is that of the exact bytes, and a document that can be read as two things is neither.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from attest._base import files
from attest._base.json import b64decode, loads_object, pointer
from attest.errors import InputError
from attest.oci.reference import DIGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MANIFEST: Final = 4 << 20  # bytes; registries must accept that much (distribution-spec, "Pushing manifests")
MAX_LAYERS: Final = 1_000  # of a manifest
MAX_REFERRERS: Final = 1_000
MAX_PAGES: Final = 20
MAX_NESTING: Final = 3  # indexes in indexes
MAX_DEPTH: Final = 32  # levels of JSON

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"  # the config of what is no image: `{}`
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
# All that is read, and so what a registry must be asked for.
MEDIA_TYPES: Final[Mapping[str, Literal["index", "manifest"]]] = MappingProxyType(
    {OCI_INDEX: "index", OCI_MANIFEST: "manifest", DOCKER_INDEX: "index", DOCKER_MANIFEST: "manifest"}
)
# The members that decide what a document or descriptor is. Go's JSON reads them in any case of letters.
_MEMBERS: Final = {
    name.lower(): name
    for name in (
        *("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"),
        *("digest", "size", "platform", "data", "fsLayers", "history", "signatures"),
    )
}
_DAMAGED: Final = (
    "Try again. If this happens again, the stored copy is damaged, or a proxy changes it. Push the image again."
)
_MAX_SIZE: Final = (1 << 63) - 1
NO_ANNOTATIONS: Final[Mapping[str, str]] = MappingProxyType({})


class Descriptor(NamedTuple):
    """What a document says of another one or of a blob: `digest` is `sha256:HEX` or `sha512:HEX`, `size` in bytes.

    `artifact_type` and `annotations` are claims of whoever wrote the descriptor. `data` is the content, if it is
    embedded; it has the size and the digest.
    """

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] = NO_ANNOTATIONS
    platform: Mapping[str, Any] | None = None
    data: bytes | None = None

    @property
    def is_document(self) -> bool:
        """Whether it is of a manifest or an index."""
        return self.media_type in MEDIA_TYPES

    @property
    def identity(self) -> tuple[str, str, int]:
        """What must be right for the content to be read. A digest alone is not enough: a wrong copy has it too."""
        return self.media_type, self.digest, self.size


class ImageDocument(NamedTuple):
    """A manifest or an index: its exact bytes, their digest, and what was read from them.

    An index has `manifests`, a manifest has `config` and `layers`. Either may have a `subject`: the document that it is
    attached to. `annotations` and `artifact_type` are its own. `etag` is what a store calls this version of the tag
    that was asked for.
    """

    data: bytes
    media_type: str
    digest: str
    kind: Literal["index", "manifest"]
    subject: Descriptor | None = None
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    artifact_type: str | None = None
    annotations: Mapping[str, str] = NO_ANNOTATIONS
    etag: str | None = None

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor that names this document, with its artifactType and annotations, as a list of referrers has.

        Without an artifactType the media type of the config stands in (distribution-spec, "Listing Referrers").
        """
        kind = self.artifact_type or (self.config.media_type if self.config else None)
        return Descriptor(self.media_type, self.digest, len(self.data), kind, self.annotations)


def read_document(
    data: bytes, *, media_type: str | None = None, expected: Descriptor | str | None = None
) -> ImageDocument:
    """The manifest or index that `data` is, checked against the `expected` descriptor or digest before it is parsed.

    `media_type` is what a registry says that it is (Content-Type, without parameters). Without an expected digest the
    digest is computed with SHA-256. Raises InputError `digest-mismatch` for other bytes, and `image-invalid`, with the
    JSON pointer, for a document that is too large, ambiguous, of another media type than was said, or malformed.
    """
    if len(data) > MAX_MANIFEST:
        raise _invalid(f"the manifest or index is larger than {files.size(MAX_MANIFEST)}")
    said = media_type
    if isinstance(expected, Descriptor):
        check_content(data, expected)
        digest = expected.digest
        if said is not None and said != expected.media_type:
            raise _invalid(f"the media type is {said!r}, and its descriptor says {expected.media_type!r}")
        said = expected.media_type
    elif expected is not None:
        digest = expected
        check_digest(data, digest)
    else:
        digest = digest_of(data)
    return _read(_loads(data), data, digest, said)


def read_descriptor(value: Any, where: str = "") -> Descriptor:
    """The descriptor that a JSON value is; `where` is its pointer. Raises InputError `image-invalid`."""
    members = _object(value, where)
    media_type = _text(members, "mediaType", where, required=True) or ""
    digest = _text(members, "digest", where, required=True) or ""
    if not DIGEST.fullmatch(digest):
        hint = "Only sha256 and sha512 are accepted, in lower-case hex."
        raise _invalid(f"{digest!r:.200} is not a digest", where + "/digest", hint)
    size = members.get("size")
    if size.__class__ is not int or not 0 <= size <= _MAX_SIZE:
        raise _invalid("expected a number of bytes", where + "/size")
    platform = members.get("platform")
    if platform is not None:
        _object(platform, where + "/platform")
        for name in ("os", "architecture", "variant"):
            _text(platform, name, where + "/platform")
    found = Descriptor(
        media_type,
        digest,
        size,
        _text(members, "artifactType", where),
        _annotations(members, where),
        platform,
    )
    embedded = members.get("data")
    if embedded is None:
        return found
    try:
        data = b64decode(embedded, where=where + "/data")
        check_content(data, found)
    except InputError as error:
        raise _invalid(error.message, where + "/data") from None
    return found._replace(data=data)


def described(one: Descriptor) -> dict[str, Any]:
    """A descriptor as JSON (descriptor.md of image-spec)."""
    members: dict[str, Any] = {"mediaType": one.media_type, "digest": one.digest, "size": one.size}
    if one.artifact_type is not None:
        members["artifactType"] = one.artifact_type
    return {**members, "annotations": dict(one.annotations)} if one.annotations else members


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of `data` as documents write it: `sha256:HEX`."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def check_digest(data: bytes, digest: str) -> None:
    """Raises InputError `digest-mismatch` if `data` has another digest, and `image-invalid` for one of no use."""
    if not DIGEST.fullmatch(digest):
        raise _invalid(f"{digest!r:.200} is not a digest")
    found = digest_of(data, digest.partition(":")[0])
    if found != digest:
        raise InputError("digest-mismatch", f"the content has the digest {found}, not {digest}", hint=_DAMAGED)


def check_content(data: bytes, descriptor: Descriptor) -> None:
    """Raises InputError `digest-mismatch` if `data` has another size or digest than a descriptor says."""
    if len(data) != descriptor.size:
        message = f"the content of {descriptor.digest} has {len(data):,} bytes, not {descriptor.size:,}"
        raise InputError("digest-mismatch", message, hint=_DAMAGED)
    check_digest(data, descriptor.digest)


def demand_described(document: ImageDocument, descriptor: Descriptor) -> None:
    """Raises InputError `digest-mismatch` or `image-invalid` if a descriptor says other things of a document."""
    check_content(document.data, descriptor)
    if document.media_type != descriptor.media_type:
        message = f"the media type is {document.media_type!r}, and its descriptor says {descriptor.media_type!r:.200}"
        raise _invalid(message, descriptor.digest)


def _loads(data: bytes) -> dict[str, Any]:
    try:
        return loads_object(data, what="the manifest or index", max_depth=MAX_DEPTH)
    except InputError as error:
        raise _invalid(error.message, error.where or "", error.hint) from None


def _read(members: dict[str, Any], data: bytes, digest: str, said: str | None) -> ImageDocument:
    _object(members, "")
    version = members.get("schemaVersion")
    if version.__class__ is not int or version != 2:
        raise _invalid("expected version 2", "/schemaVersion")
    own = _text(members, "mediaType", "")
    if own is not None and said is not None and own != said:
        message = f"the media type is {own!r:.200}, but the reference to the document says {said!r:.200}"
        raise _invalid(message, "/mediaType")
    # Content-type confusion (image-spec, CVE-2021-41190): a document must not be both, whatever its media type says.
    parts = [name for name in ("config", "layers", "fsLayers", "history") if name in members]
    if "manifests" in members and parts:
        raise _invalid(f"the document has `manifests` and `{parts[0]}`, so it could be an index or a manifest")
    media_type = own or said or (OCI_INDEX if "manifests" in members else OCI_MANIFEST)
    kind = MEDIA_TYPES.get(media_type)
    if kind is None:
        raise _invalid(f"{media_type!r:.200} is not the media type of a manifest or an index")
    if kind == "index":
        found = ImageDocument(data, media_type, digest, kind, manifests=_list(members, "manifests"))
    else:
        if "config" not in members:
            raise _invalid("the manifest has no `config`")
        config = read_descriptor(members["config"], "/config")
        if isinstance(members.get("layers"), list) and len(members["layers"]) > MAX_LAYERS:
            raise _invalid(f"the manifest has more than {MAX_LAYERS:,} layers", "/layers")
        found = ImageDocument(data, media_type, digest, kind, config=config, layers=_list(members, "layers"))
    subject = members.get("subject")
    return found._replace(
        subject=None if subject is None else read_descriptor(subject, "/subject"),
        artifact_type=_text(members, "artifactType", ""),
        annotations=_annotations(members, ""),
    )


def _list(members: dict[str, Any], name: str) -> tuple[Descriptor, ...]:
    """The descriptors of a list; `null`, which Go writes for an empty one, is empty."""
    if name not in members:
        raise _invalid(f"the document has no `{name}`")
    listed = members[name]
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise _invalid("expected a list", pointer(name))
    return tuple([read_descriptor(item, pointer(name, index)) for index, item in enumerate(listed)])


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid("expected an object", where)
    for name in value:
        meant = _MEMBERS.get(name.lower())
        if meant is not None and meant != name:
            raise _invalid(f"some programs read {name!r} as {meant!r}", where + pointer(name))
    return value


def _text(members: Mapping[str, Any], name: str, where: str, *, required: bool = False) -> str | None:
    value = members.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or (required and not value):
        raise _invalid("expected a text", where + pointer(name))
    return value or None


def _annotations(members: Mapping[str, Any], where: str) -> Mapping[str, str]:
    value = members.get("annotations")
    if value is None:
        return NO_ANNOTATIONS
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _invalid("expected an object with texts", where + "/annotations")
    return value


def _invalid(message: str, where: str = "", hint: str | None = None) -> InputError:
    return InputError("image-invalid", message, where=where or None, hint=hint)
