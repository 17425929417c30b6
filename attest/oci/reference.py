"""Names of images: in a registry, and in an OCI layout.

Rule: a name says one thing only; what two programs read differently is an error.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, Literal, NamedTuple

from attest.errors import InputError

LAYOUT: Final = "oci-layout:"
_REGISTRY: Final = ("oci://", "docker://")
_MAX_NAME: Final = 255
_DOCKER_HUB: Final = "docker.io"
# Other names that docker has for its own registry.
_DOCKER_HUB_TOO: Final = ("index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
# The grammars of distribution-spec ("Pulling manifests") and of docker, for a host.
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST: Final = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII)
# Names in a layout, annotations.md: `org.opencontainers.image.ref.name`.
_REF_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/+@-]{0,511})", re.ASCII)
# sha512 is allowed by image-spec (descriptor.md), and is rare. Everything else is refused.
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_PATHS: Final = ("/", "./", "../")
# Names of other programs, and what to write instead.
_ELSEWHERE: Final = {
    "docker-archive:": "The digest that a registry will give the image is not in the archive. Push the image, and name "
    "it in its registry.",
    "docker-daemon:": "Push the image, and name it in its registry.",
    "ocidir://": "Write oci-layout:DIRECTORY[:TAG|@DIGEST].",
    "oci-archive:": "Unpack the archive, and write oci-layout:DIRECTORY.",
    "oci:": "Write oci-layout:DIRECTORY for a layout, or oci://HOST/REPOSITORY for a registry.",
    "https://": "Write HOST/REPOSITORY without https://.",
    "http://": "Write HOST/REPOSITORY without http://.",
}


class ImageReference(NamedTuple):
    """The name of an image. `host` and `repository` are of a registry, `path` is the directory of a layout.

    `tag` is None if there is a digest alone, and for the only image of a layout. The digest decides over a tag.
    """

    scheme: Literal["registry", "layout"]
    host: str = ""
    repository: str = ""
    path: str = ""
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """HOST/REPOSITORY or the directory, without tag and digest."""
        return f"{self.host}/{self.repository}" if self.scheme == "registry" else self.path

    @property
    def reference(self) -> str | None:
        """What to ask a store for: the digest, else the tag; None for the only image of a layout."""
        return self.digest or self.tag

    @property
    def api_host(self) -> str:
        """The host to send requests to: that of Docker Hub has another name than the registry."""
        return "registry-1.docker.io" if self.host == _DOCKER_HUB else self.host

    def at(self, digest: str) -> ImageReference:
        """The same repository or layout, and the image with this digest."""
        return self._replace(tag=None, digest=digest)

    def __str__(self) -> str:
        prefix = LAYOUT if self.scheme == "layout" else ""
        tag = f":{self.tag}" if self.tag else ""
        return f"{prefix}{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def parse(text: str) -> ImageReference:
    """The name `[oci://][HOST[:PORT]/]PATH[:TAG][@DIGEST]`, or `oci-layout:DIR[:TAG|@DIGEST]`, that `text` is.

    `docker://` is read too. As docker does, `alpine` is docker.io/library/alpine:latest: the first part is a host only
    if it has a dot or a colon, or is `localhost`. The directory of a layout ends at the first colon. Raises InputError
    `image-reference-invalid`.
    """
    if text.startswith(LAYOUT):
        return _layout(text)
    rest = next((text.removeprefix(prefix) for prefix in _REGISTRY if text.startswith(prefix)), text)
    if rest == text:
        for prefix, hint in _ELSEWHERE.items():
            if text.startswith(prefix):
                raise _invalid(text, f"attest does not read images as {prefix}", hint)
    if DIGEST.fullmatch(rest):
        raise _invalid(text, "a digest alone names no repository", "Write HOST/REPOSITORY@DIGEST.")
    if text.startswith(_PATHS):
        raise _invalid(text, "a path is not the name of an image", f"Write {LAYOUT}{text} for a layout.")
    if not text.isascii():  # some other letters are ASCII in lower case
        raise _invalid(text, "the name has other characters than ASCII")
    rest, digest = _without_digest(text, rest)
    first, slash, path = rest.partition("/")
    if slash and (first.lower() == "localhost" or "." in first or ":" in first):
        host = _host(text, first)
    else:
        host, path = _DOCKER_HUB, rest
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _invalid(text, f"{tag!r} is not a tag", "A tag has letters, digits, `_`, `.` and `-`, 128 at most.")
    if host == _DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if not _REPOSITORY.fullmatch(path) or len(host) + 1 + len(path) > _MAX_NAME:
        hint = "Write [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], in lower case, or oci-layout:DIRECTORY for a layout."
        raise _invalid(text, "the name of the repository is not valid", hint)
    return ImageReference("registry", host, path, tag=tag or (None if digest else "latest"), digest=digest)


def is_probable(text: str) -> bool:
    """Whether `text` is more probably the name of an image than of a file: it has a host, a tag or a digest."""
    try:
        found = parse(text)
    except InputError:
        return False
    return found.host != _DOCKER_HUB or found.digest is not None or ":" in text


def is_tag(text: str) -> bool:
    """Whether `text` can be a tag in a registry."""
    return _TAG.fullmatch(text) is not None


def repository_of(text: str) -> ImageReference | None:
    """What a name that a tool wrote into a layout says, if it names a repository and not only a tag."""
    name = text.partition("@")[0]
    try:
        return parse(name) if "/" in name and not name.startswith(LAYOUT) else None
    except InputError:
        return None


def _layout(text: str) -> ImageReference:
    rest, digest = _without_digest(text, text.removeprefix(LAYOUT))
    path, colon, tag = rest.partition(":")
    if not path or "\0" in path:
        raise _invalid(text, "the directory is missing", "Write oci-layout:DIRECTORY[:TAG|@DIGEST].")
    if colon and not _REF_NAME.fullmatch(tag):
        raise _invalid(text, f"{tag!r} is not the name of an image in a layout")
    return ImageReference("layout", path=path, tag=tag or None, digest=digest)


def _without_digest(text: str, rest: str) -> tuple[str, str | None]:
    name, sign, digest = rest.rpartition("@")
    if not sign or (text.startswith(LAYOUT) and ":" not in digest):
        return rest, None
    if not DIGEST.fullmatch(digest):
        hint = "A digest is sha256: and 64 hex digits in lower case, or sha512: and 128."
        raise _invalid(text, f"{digest!r} is not a digest", hint)
    return name, digest


def _host(text: str, host: str) -> str:
    lower = host.lower()
    match = _HOST.fullmatch(lower)
    if match is None or not _is_address(match["name"]) or int(match["port"] or 1) not in range(1, 65536):
        raise _invalid(text, f"{host!r} is not a host", "Write HOST or HOST:PORT.")
    return _DOCKER_HUB if lower in _DOCKER_HUB_TOO else lower


def _is_address(name: str) -> bool:
    """Whether brackets have an IPv6 address in them."""
    if not name.startswith("["):
        return True
    try:
        return ip_address(name[1:-1]).version == 6
    except ValueError:
        return False


def _invalid(text: str, message: str, hint: str | None = None) -> InputError:
    return InputError("image-reference-invalid", message, where=repr(text), hint=hint)
