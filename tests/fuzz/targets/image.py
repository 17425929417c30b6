"""Manifests, indexes and names of images, as registries answer and layouts hold them, and what is attached to an image.

Rule: a document is read as one thing, its digest is that of its bytes, and no answer leads to a yes.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest.building.images import parse_image
from attest.errors import InputError
from attest.oci import attachments, layers, platforms, reference
from attest.oci.documents import OCI_INDEX, OCI_MANIFEST, ImageDocument, digest_of, read_document
from attest.oci.layout import LayoutStore
from attest.oci.statements import read_statement
from attest.sources._attachment import envelope_in
from tests.fuzz.oracle import attempt, refusal
from tests.support.making.layouts import Layout
from tests.vectors.keys import ALICE
from tests.vectors.parts import compact, envelope_of, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.oci.attachments import Attachment

A = f"sha256:{'a' * 64}"


def check(data: bytes) -> None:
    _name(data)
    found = attempt(lambda: read_document(data))
    if found is None:
        return
    assert (found.data, found.digest) == (data, digest_of(data))
    members = json.loads(data)
    assert ("manifests" in members) == (found.kind == "index") == (found.config is None)
    assert read_document(data, expected=found.descriptor, media_type=found.media_type) == found
    with tempfile.TemporaryDirectory() as folder:
        _attached(Layout(Path(folder) / "layout"), found)


def _name(data: bytes) -> None:
    text = data.decode(errors="replace")[:1000]
    parsed = attempt(lambda: reference.parse(text))
    if parsed is not None:
        assert reference.parse(str(parsed)) == parsed
    attempt(lambda: parse_image(text))


def _attached(made: Layout, document: ImageDocument) -> None:
    """The document as an image with something attached, and as what is attached to another one."""
    made.add(made.blob(document.data, document.media_type), "1")
    subject = made.image(1, "2")
    made.blob(compact(envelope_of(ALICE)), layers.DSSE)
    listed = {"mediaType": document.media_type, "digest": document.digest, "size": len(document.data)}
    made.add(made.index(listed), attachments.referrers_tag(subject["digest"]))
    made.add(listed, attachments.cosign_tag(subject["digest"]))
    store = LayoutStore(made.root)
    for tag in ("1", "2"):
        image = store.manifest(tag)
        for one in attempt(lambda image=image: list(attachments.find(store, image))) or ():  # type: ignore[misc]
            _one(store, one)
    attempt(lambda: list(platforms.each(store, store.manifest("1"))))
    attempt(lambda: platforms.select(store, store.manifest("1"), "linux/amd64"))


def _one(store: LayoutStore, one: Attachment) -> None:
    if one.error is not None:
        refusal(one.error)
    if one.kind == "statement":
        attempt(lambda: read_statement(store, one))
    content = attempt(lambda: attachments.read(store, one))
    if content is not None:
        assert one.layer is not None
        assert digest_of(content, one.layer.digest.partition(":")[0]) == one.layer.digest
        attempt(lambda: envelope_in(content, one), InputError)


def seeds() -> Iterator[bytes]:
    signed = compact(envelope_of(ALICE))
    layer = {"mediaType": layers.DSSE, "digest": digest_of(signed), "size": len(signed), "annotations": {"a": "b"}}
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2, "data": "e30="}
    manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
    yield compact(manifest)
    yield compact({**manifest, "subject": layer, "artifactType": "a/b", "annotations": {"c": "d"}})
    yield compact({**manifest, "layers": [{**layer, "mediaType": layers.STATEMENT, "digest": digest_of(statement())}]})
    yield compact({**manifest, "manifests": []})
    child = {"mediaType": OCI_MANIFEST, "digest": A, "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": A}
    yield compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child, {**child, "annotations": notes}]})
    yield from (
        b"alpine",
        b"ghcr.io/acme/app:1@" + A.encode(),
        b"name=oci-layout:out:1",
        b"oci://localhost:5000/a",
        b"oci:a:b",
    )
