"""The images of an index, one for each platform.

Rule: a platform is what the user asks for, never that of the machine, and means exactly one image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.text import plural
from attest.errors import InputError
from attest.oci.documents import MAX_NESTING, MEDIA_TYPES
from attest.oci.store import read_described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from attest.oci.documents import Descriptor, ImageDocument
    from attest.oci.store import Store

MAX_ENTRIES: Final = 1_000
_UNKNOWN: Final = "unknown"


class PlatformImage(NamedTuple):
    """An image of an index: its platform as `os/architecture[/variant]`, and the index that lists it.

    The platform is empty if the index does not say it.
    """

    platform: str
    document: ImageDocument
    within: ImageDocument


class _Listed(NamedTuple):
    platform: str
    entry: Descriptor
    within: ImageDocument


def select(store: Store, image: ImageDocument, platform: str) -> PlatformImage:
    """The one image of an index for a platform, `os/architecture[/variant]`.

    Raises InputError `platform-unknown` if there is none or more than one, `image-invalid` for indexes that are nested
    too deeply or have too many entries, and as Store does.
    """
    parts = parse_platform(platform)
    listed = _listed(store, image)
    found = {one.entry.digest: one for one in listed if one.platform.split("/")[: len(parts)] == parts}
    if len(found) != 1:
        names = ", ".join(sorted({f"{one.platform} {one.entry.digest}" for one in listed if one.platform})[:16])
        several = plural(len(found), "image") if found else "no image"
        message = f"the index has {several} for the platform {platform!r}"
        hint = f"It has {names}." if names else "It has no platforms."
        raise InputError("platform-unknown", message, where=image.digest, hint=hint)
    return _read(store, *found.values())


def parse_platform(text: str) -> list[str]:
    """The parts of `os/architecture[/variant]`. Raises InputError `platform-unknown` for anything else."""
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        message = f"{text!r:.80} is not a platform"
        raise InputError("platform-unknown", message, hint="Write OS/ARCHITECTURE[/VARIANT]: linux/amd64.")
    return parts


def each(store: Store, image: ImageDocument, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[PlatformImage]:
    """The images of an index whose digests are `wanted`, each once, without the attestations that BuildKit adds to it.

    Raises as `select`.
    """
    listed = {one.entry.digest: one for one in _listed(store, image)}
    if not listed:
        raise InputError("platform-unknown", "the index has no images", where=image.digest)
    for one in listed.values():
        if wanted(one.entry.digest):
            yield _read(store, one)


def _read(store: Store, one: _Listed) -> PlatformImage:
    return PlatformImage(one.platform, read_described(store, one.entry), one.within)


def _listed(store: Store, image: ImageDocument) -> list[_Listed]:
    """What an index lists, and what indexes in it list."""
    if image.kind != "index":
        message = "the image is not an index, so it has no platforms"
        raise InputError("platform-unknown", message, where=image.digest, hint="Leave out the platform.")
    found: list[_Listed] = []
    level, looked_at = [image], 0
    for _ in range(MAX_NESTING):
        below = []
        for index in level:
            looked_at += len(index.manifests)
            if looked_at > MAX_ENTRIES:
                raise InputError(
                    "image-invalid", f"the index has more than {MAX_ENTRIES:,} entries", where=image.digest
                )
            for entry in index.manifests:
                platform = platform_name(entry.platform or {})
                if MEDIA_TYPES.get(entry.media_type) == "index" and not platform:
                    below.append(read_described(store, entry))
                elif platform is not None and entry.is_document:
                    found.append(_Listed(platform, entry, index))
        if not below:
            return found
        level = below
    raise InputError("image-invalid", f"indexes are nested more than {MAX_NESTING} deep", where=image.digest)


def platform_name(platform: Mapping[str, Any]) -> str | None:
    """A platform in a word, empty if there is none; None for that of BuildKit's attestations."""
    parts = [platform.get(name) for name in ("os", "architecture")]
    if _UNKNOWN in parts:
        return None
    return "/".join(map(str, [*parts, platform["variant"]] if platform.get("variant") else parts)) if all(parts) else ""
