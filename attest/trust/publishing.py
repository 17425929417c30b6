"""Publishing: the signed versions of a trust bundle, stored in a registry or a layout for `attest trust update`.

Rule: what is stored is what those who follow the versions there would accept; an older version never replaces a newer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attest._base.json import dumps
from attest.errors import InputError, Rejected
from attest.oci.documents import OCI_EMPTY, OCI_MANIFEST, described
from attest.oci.options import StoreOptions
from attest.oci.store import open_store, read_if_there
from attest.trust import fetching, updating
from attest.trust.bundle import TrustBundle
from attest.trust.history import read, roots_of

if TYPE_CHECKING:
    from attest.oci.reference import ImageReference
    from attest.oci.store import Store
    from attest.trust.updating import Update


class Published(NamedTuple):
    """What the tag `name` names now: the artifact with this digest. `update` says what is new in it."""

    name: str
    digest: str
    update: Update


def publish(
    data: bytes, target: str, *, file: str, options: StoreOptions | None = None, allow_simulated: bool = False
) -> Published:
    """Store the signed versions in `data` as `target`: `oci:HOST/REPOSITORY:TAG` or `oci-layout:DIR:TAG`.

    They must follow from what is there, if there is something, as `updating.update` demands; older versions that are
    there stay. If nothing is there, the first version must have the signatures of its own roots. `file` names `data` in
    errors. Nothing is stored if the newest version is there.

    Raises as `updating.update` and `Store`; InputError `trust-source-invalid` if `target` is no tag, or the tag names
    something else, and `image-changed` if another program wrote the tag at the same time.
    """
    reference = fetching.image_named(target)
    is_unnamed = reference is not None and reference.tag == "latest" and not target.endswith(":latest")
    if reference is None or reference.tag is None or reference.digest is not None or is_unnamed:
        hint = "Write oci:HOST/REPOSITORY:TAG, or oci-layout:DIRECTORY:TAG."
        raise InputError("trust-source-invalid", "a version is published under a tag", where=target, hint=hint)
    store = open_store(reference, options or StoreOptions())
    try:
        return _publish(store, reference, data, target, file, allow_simulated=allow_simulated)
    except InputError as error:
        raise error.at(target) if error.where is None else error from None
    finally:
        store.close()


def _publish(
    store: Store, reference: ImageReference, data: bytes, target: str, file: str, *, allow_simulated: bool
) -> Published:
    tag = str(reference.tag)
    there = read_if_there(store, tag)
    root = None
    if there is None:
        try:
            found = read(data)
            if isinstance(found, TrustBundle):
                hint = "Sign it first: attest trust sign."
                raise Rejected("trust-unsigned", "the trust bundle is not signed", where=file, hint=hint)
            root = roots_of(found[0].unverified)
        except InputError as error:
            raise error.at(file) from None
    current = None if there is None else fetching.content(store, there)
    new = updating.update(current, data, root, file=target, source=file, allow_simulated=allow_simulated)
    if there is not None and not new.changed:
        return Published(str(reference), there.digest, new)
    layer = store.push_blob(new.data, fetching.MEDIA_TYPE)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": fetching.MEDIA_TYPE,
        "config": described(store.push_blob(b"{}", OCI_EMPTY)),
        "layers": [described(layer)],
    }
    etag = None if there is None else there.etag
    pushed = store.push_manifest(dumps(manifest), OCI_MANIFEST, tag=tag, if_match=etag).descriptor
    # Most registries let the last writer win.
    if (after := read_if_there(store, tag)) is None or after.digest != pushed.digest:
        hint = "Run the command again."
        raise InputError("image-changed", "another program wrote the tag at the same time", hint=hint)
    return Published(str(reference), pushed.digest, new)
