"""Images and attestations about them, for tests that store both in a registry or a layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest._base.json import dumps
from attest.converting import attachable
from attest.oci.documents import OCI_INDEX, OCI_MANIFEST, ImageDocument, digest_of
from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.support.making.bundles import trust_in
from tests.support.making.keys import software_key
from tests.support.making.statements import envelope_by, statement_json

if TYPE_CHECKING:
    from attest import Envelope, TrustBundle
    from attest.oci.attachable import Attachable
    from attest.oci.store import Store

TYPE = "https://example.com/predicate/v1"
KEY = software_key("ed25519", 16)
EMPTY = "application/vnd.oci.empty.v1+json"
STRANGER = software_key("ed25519", 17)


def trust() -> TrustBundle:
    """A trust bundle with the key that signs the attestations."""
    return trust_in(KEY.public_key)


def empty_layout(folder: Path) -> str:
    """The name of a layout without images."""
    folder.mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    return f"oci-layout:{folder}"


def push_image(name: str, tag: str = "1", number: int = 0) -> ImageDocument:
    """Put an image into a registry or layout; another number is another image."""
    store = open_store(parse(name))
    try:
        return put_image(store, tag, number)
    finally:
        store.close()


def put_image(store: Store, tag: str = "1", number: int = 0) -> ImageDocument:
    """The same, into a store."""
    config = store.push_blob(dumps({"number": number}), "application/vnd.oci.image.config.v1+json")
    members = {"mediaType": config.media_type, "digest": config.digest, "size": config.size}
    return _put(store, {"mediaType": OCI_MANIFEST, "config": members, "layers": []}, tag)


def put_index(store: Store, tag: str = "1", *platforms: str) -> ImageDocument:
    """An index of an image for each platform."""
    entries = []
    for number, platform in enumerate(platforms):
        child = put_image(store, f"{tag}-{number}", 1000 + number)
        system, _, architecture = platform.partition("/")
        named = {"platform": {"architecture": architecture, "os": system}}
        entries.append({"mediaType": OCI_MANIFEST, "digest": child.digest, "size": len(child.data), **named})
    return _put(store, {"mediaType": OCI_INDEX, "manifests": entries}, tag)


def _put(store: Store, members: dict[str, Any], tag: str) -> ImageDocument:
    store.push_manifest(json.dumps({"schemaVersion": 2, **members}).encode(), members["mediaType"], tag=tag)
    return store.manifest(tag)


def put_referrers(store: Store, image: ImageDocument, number: int, **predicate: str) -> None:
    """Attestations about an image of a layout; index.json, which would be written for each, is written once."""
    index = Path(store.name) / "index.json"
    document = json.loads(index.read_bytes())
    subject = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.data)}
    config = _blob(store, b"{}", EMPTY)
    for one in range(number):
        given = attachable(about(image.digest, predicate={"number": one, **predicate}))
        layer = _blob(store, given.data, given.media_type)
        members = {"config": config, "layers": [layer], "subject": subject, "artifactType": given.media_type}
        data = dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, **members})
        document["manifests"].append(_blob(store, data, OCI_MANIFEST))
    index.write_bytes(dumps(document))


def put_as_others(store: Store, image: ImageDocument, *numbers: int) -> list[Attachable]:
    """Referrers as cosign writes them: the content is in a blob, and not in the manifest too. They need the API."""
    subject = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.data)}
    given = made(image, *numbers)
    for one in given:
        parts = [store.push_blob(data, kind) for data, kind in ((b"{}", EMPTY), (one.data, one.media_type))]
        config, layer = ({"mediaType": it.media_type, "digest": it.digest, "size": it.size} for it in parts)
        members = {"config": config, "layers": [layer], "subject": subject, "artifactType": one.media_type}
        store.push_manifest(dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, **members}), OCI_MANIFEST)
    return given


def _blob(store: Store, data: bytes, media_type: str) -> dict[str, Any]:
    """A blob that is written without waiting for the disk."""
    digest = digest_of(data)
    (Path(store.name) / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def about(digest: str, number: int = 0, *, by: Any = KEY, **fields: Any) -> Envelope:
    """An attestation about an image, signed by the key that is trusted; another number is another statement."""
    subject = [{"name": "app", "digest": {"sha256": digest.removeprefix("sha256:")}}]
    payload = statement_json(**{"subject": subject, "predicate": {"number": number}, **fields})
    return envelope_by(by, payload=payload)


def made(image: ImageDocument, *numbers: int) -> list[Attachable]:
    """Attestations about an image, to be attached."""
    return [attachable(about(image.digest, number), name=f"{number}.json") for number in numbers]
