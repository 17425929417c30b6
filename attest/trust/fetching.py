"""Published versions of a trust bundle: at a URL, in a registry, in an OCI layout or in a file.

Rule: what is fetched is trusted as little as any file; only attest.trust.updating decides about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from attest._base import files, http
from attest._base.filenames import demand_no_file
from attest.errors import InputError, SignerError
from attest.oci import reference as references
from attest.oci.options import StoreOptions
from attest.oci.store import open_store, read_named
from attest.trust.history import MAX_HISTORY

if TYPE_CHECKING:
    from attest.oci.documents import ImageDocument
    from attest.oci.store import Store

# The artifactType of the manifest, and the media type of its layer: signed versions, one a line (docs/trust/signed.md).
MEDIA_TYPE: Final = "application/vnd.attest.trust-history.v1+jsonl"
SECONDS: Final = 60.0

_URLS: Final = ("https:", "http:")
_IMAGES: Final = ("oci:", references.LAYOUT)


def fetch(source: str, *, options: StoreOptions | None = None, seconds: float = SECONDS) -> bytes:
    """The bytes at `source`: `https://...`, `oci:REF`, `oci-layout:DIR[:TAG]` or a path; not checked in any way.

    A URL is asked without credentials, and has `seconds`; of `options`, it uses `ca_file` and `proxies`. Plain http is
    for this machine alone.

    Raises SignerError `trust-source-unavailable`, and what `attest.oci.store.Store` raises. Raises InputError
    `trust-source-invalid`, `file-too-large` above MAX_HISTORY, `file-unreadable`, and `name-ambiguous`.
    """
    options = options or StoreOptions()
    if source.lower().startswith(_URLS):
        demand_no_file(source, "a URL")
        return _download(source, http.HttpClient(ca_file=options.ca_file, proxies=options.proxies), seconds)
    reference = image_named(source)
    if reference is not None:
        store = open_store(reference, options)
        try:
            return pull(store, reference.reference)
        except InputError as error:
            raise (error if error.where else error.at(str(reference))) from None
        finally:
            store.close()
    return files.read(source, limit=MAX_HISTORY)


def image_named(source: str) -> references.ImageReference | None:
    """The name in `oci:REF` or `oci-layout:DIR[:TAG]`; None for anything else.

    Raises InputError `image-reference-invalid`, and `name-ambiguous` for one that is also the name of a file.
    """
    if not source.startswith(_IMAGES):
        return None
    demand_no_file(source, "the name of an image")
    return references.parse(source if source.startswith(("oci://", references.LAYOUT)) else source.removeprefix("oci:"))


def shown(source: str) -> str:
    """A source for people: a URL without what may be a secret, its query and a password."""
    if not source.lower().startswith(_URLS):
        return source
    clear, at, rest = source.partition("?")[0].rpartition("@")
    if not at and "@" in source:  # a password with a question mark, which is no query then
        return f"{source.partition('//')[0]}//..."
    return f"{clear.partition('//')[0]}//...@{rest}" if at else rest


def pull(store: Store, reference: str | None) -> bytes:
    """The layer of the artifact with this tag or digest; None is the only one of a layout.

    Raises as `content`.
    """
    return content(store, read_named(store, reference))


def content(store: Store, document: ImageDocument) -> bytes:
    """The layer of an artifact.

    Raises InputError `trust-source-invalid` unless it is a manifest with one layer of MEDIA_TYPE, and as the store.
    """
    if document.kind != "manifest":
        raise _not_an_artifact("it is an index")
    layers = document.layers
    if len(layers) != 1 or layers[0].media_type != MEDIA_TYPE:
        types = ", ".join(repr(layer.media_type) for layer in layers[:3]) or "none"
        raise _not_an_artifact(f"its layers are {types}")
    return store.blob(layers[0], MAX_HISTORY)


def _download(url: str, client: http.HttpClient, seconds: float) -> bytes:
    try:
        http.demand_url(url)
    except http.HttpError as error:
        hint = "Write an https: URL. Credentials in a URL are not supported."
        raise InputError("trust-source-invalid", str(error), where=shown(url), hint=hint) from None
    try:
        answer = client.get(url, limit=MAX_HISTORY, seconds=seconds)
    except http.TooLargeError as error:
        raise InputError("file-too-large", str(error), where=shown(url)) from None
    except http.HttpError as error:
        _unavailable(url, str(error), error.hint)
    finally:
        client.close()
    if answer.status != 200:
        _unavailable(url, f"it answered with HTTP status {answer.status}")
    return answer.body


def _unavailable(url: str, why: str, hint: str | None = None) -> NoReturn:
    raise SignerError(
        "trust-source-unavailable",
        f"the newer versions cannot be fetched: {why}",
        where=shown(url),
        hint=hint or "Check the address, or try again later. Nothing was changed.",
    ) from None


def _not_an_artifact(why: str) -> InputError:
    return InputError(
        "trust-source-invalid",
        f"this is not a published trust bundle: {why}",
        hint=f"Publish an artifact with one layer of media type {MEDIA_TYPE} (docs/trust/signed.md).",
    )
