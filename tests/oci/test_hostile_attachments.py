"""What somebody who can write beside an image, or who made the layout, can do to those who read it or attach to it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from attest.errors import InputError, SignerError
from attest.oci.attaching import attach
from attest.oci.attachments import cosign_tag, find, read, referrers_tag
from attest.oci.layout import LayoutStore
from tests.oci.test_attachments import DSSE, Repository, signed
from tests.support.making.images import made as attestations
from tests.support.making.layouts import EMPTY, INDEX, MANIFEST, Json, Layout
from tests.support.services.lying_registries import store as registry
from tests.support.services.servers import Request, Response, responding

if TYPE_CHECKING:
    from pathlib import Path

    from attest.oci.attachments import Attachment
    from attest.oci.documents import ImageDocument
    from attest.oci.store import Store


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def contents(store: Store, image: ImageDocument) -> list[bytes]:
    """What can be read of what is found."""

    def content(one: Attachment) -> bytes:
        try:
            return read(store, one)
        except InputError:
            return b""

    return [data for one in find(store, image) if (data := content(one))]


@pytest.mark.parametrize("wrong", [{"size": 1}, {"size": 1 << 40}])
def test_a_wrong_copy_does_not_hide_the_right_one(made: Layout, wrong: Json) -> None:
    image = made.image(tag="1")
    layer = made.blob(signed(), DSSE)
    made.add(made.manifest({**layer, **wrong}, artifactType=DSSE, subject=image))
    made.add(made.manifest(layer, artifactType=DSSE, subject=image))
    store = LayoutStore(made.root)
    assert contents(store, store.manifest("1")) == [signed()]


def test_a_copy_whose_content_is_absent_does_not_hide_the_one_that_has_it(made: Layout) -> None:
    image = made.image(tag="1")
    layer = made.blob(signed(), DSSE)
    (made.root / "blobs" / "sha256" / layer["digest"].removeprefix("sha256:")).unlink()
    for entry in (layer, {**layer, "data": base64.b64encode(signed()).decode()}):
        made.add(made.manifest(entry, artifactType=DSSE, subject=image))
    store = LayoutStore(made.root)
    assert contents(store, store.manifest("1")) == [signed()]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_wrong_entry_of_a_layout_does_not_hide_the_right_one(made: Layout, *, is_first: bool) -> None:
    image = made.image(tag="1")
    right = made.attached(image, signed(), DSSE)
    for entry in sorted([right, {**right, "size": 1}], key=lambda one: (one["size"] == 1) is not is_first):
        made.add(entry)
    store = LayoutStore(made.root)
    assert contents(store, store.manifest("1")) == [signed()]


def test_a_wrong_entry_of_a_layout_does_not_hide_that_of_the_tag(made: Layout) -> None:
    image = made.image(tag="1")
    right = made.attached(image, signed(), DSSE)
    made.add({**right, "size": 1})
    made.add(made.index(right), referrers_tag(image["digest"]))
    store = LayoutStore(made.root)
    assert contents(store, store.manifest("1")) == [signed()]


@pytest.mark.parametrize("place", ["referrer", "referrers tag", "cosign's tag", "annotation"])
def test_a_wrong_copy_is_not_taken_for_what_is_attached_already(made: Layout, place: str) -> None:
    made.image(tag="1")
    store = Repository(made)
    image = store.manifest("1")
    [given] = attestations(image, 1)
    as_: Any = "referrer" if place.startswith("referrer") else "tag"
    [attached] = attach(store, image, [given], as_=as_)
    layer = {"mediaType": given.media_type, "digest": attached.layer, "size": 1}
    subject = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.data)}
    if place == "referrer":
        decoy = made.manifest(layer, artifactType=given.media_type, subject=subject)
        listed, tag = made.index(decoy), referrers_tag(image.digest)
    elif place == "referrers tag":
        listed, tag = (
            made.index({**made.blob(store.manifest(attached.manifest).data, "x"), "size": 1}),
            referrers_tag(image.digest),
        )
    else:
        layer["mediaType"] = DSSE
        if place == "annotation":
            layer |= {"size": len(given.envelope.to_json()), "annotations": {"dev.sigstore.cosign/certificate": "none"}}
        listed, tag = made.manifest(layer), cosign_tag(image.digest)
    made.add(listed, tag)
    again = attach(store, image, [given], as_=as_)
    assert [one.is_new for one in again] == [True]
    expected = given.data if as_ == "referrer" else given.envelope.to_json()
    assert expected in contents(store, image)


def test_what_a_layout_lists_often_is_read_once(made: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    image = made.image(tag="1")
    one = made.attached(image, signed(), DSSE)
    made.entries += [{**one, "annotations": {"number": str(number)}} for number in range(500)]
    made.entries += [{**one, "size": 1_000_000 + number} for number in range(500)]
    made.write()
    store = LayoutStore(made.root)
    read_so_far = []
    original = LayoutStore._bytes

    def counted(self: LayoutStore, digest: str, size: int) -> bytes:
        read_so_far.append(digest)
        return original(self, digest, size)

    monkeypatch.setattr(LayoutStore, "_bytes", counted)
    assert store.referrers(image["digest"]) is not None
    assert len(read_so_far) < 10


def test_what_an_index_lists_often_is_read_once(made: Layout) -> None:
    child = made.image(1)
    told = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": child["digest"]}
    statements = made.manifest(made.blob(b"{}", "application/vnd.in-toto+json"))
    entries = [{**statements, "annotations": {**told, "number": str(number)}} for number in range(500)]
    index = made.add(made.index(child, *entries), "1")
    store = Repository(made)
    assert [one.source for one in find(store, store.manifest(index["digest"]))] == ["in-index"]
    assert len(store.asked) < 10


def test_what_is_no_manifest_is_not_asked_for(made: Layout) -> None:
    """A registry may answer with an error that is not about this entry alone."""
    image = made.image(tag="1")
    foreign = made.blob(b"{}", "application/vnd.oci.artifact.manifest.v1+json")
    made.add(made.index(foreign), referrers_tag(image["digest"]))
    store = Repository(made)
    [one] = find(store, store.manifest("1"))
    assert (one.kind, one.error and one.error.code) == ("unreadable", "image-invalid")
    assert foreign["digest"] not in store.asked


def test_a_pipe_in_the_place_of_a_blob_is_not_written_to(made: Layout) -> None:
    os.mkfifo(made.root / "blobs" / "sha256" / hashlib.sha256(b"{}").hexdigest())
    reader = os.open(made.root / "blobs" / "sha256" / hashlib.sha256(b"{}").hexdigest(), os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(InputError) as refused:
            LayoutStore(made.root).push_blob(b"{}", EMPTY)
        assert refused.value.code == "file-unreadable"
        assert os.read(reader, 9) == b""
    finally:
        os.close(reader)


REFUSED = [(406, b""), (400, b'{"errors": [{"code": "DIGEST_INVALID"}]}')]


@pytest.mark.parametrize(("status", "body"), REFUSED)
def test_what_a_registry_cannot_serve_at_all_is_set_aside(made: Layout, status: int, body: bytes) -> None:
    """Anyone who may write can list another kind of manifest, or content with a digest that the registry lacks."""
    right = made.manifest(made.blob(signed(), DSSE), artifactType=DSSE, subject=made.image())
    without_content = made.manifest({**right, "mediaType": DSSE, "digest": f"sha512:{'b' * 128}"}, subject=made.image())
    listed = [right, {**right, "digest": f"sha512:{'a' * 128}"}, without_content]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()

    def respond(asked: Request) -> Response:
        name = asked.path.rpartition("/")[2]
        if "/referrers/" in asked.path:
            return Response(200, {"Content-Type": INDEX}, index)
        if name.startswith("sha512:"):
            return Response(status, {}, body)
        path = made.root / "blobs" / "sha256" / name.removeprefix("sha256:")
        kind = {"Content-Type": MANIFEST} if "/manifests/" in asked.path else {}
        return Response(200, kind, path.read_bytes()) if path.is_file() else Response(404, {}, b"")

    with responding(respond) as url:
        store = registry(url)
        image = store.manifest(made.image()["digest"])
        assert contents(store, image) == [signed()]


@pytest.mark.parametrize(("status", "body"), REFUSED)
def test_a_tag_that_a_registry_does_not_serve_is_not_absent(status: int, body: bytes) -> None:
    with responding(lambda _: Response(status, {}, body)) as url, pytest.raises(SignerError) as refused:
        registry(url).manifest("1")
    assert refused.value.code == "registry-refused"
