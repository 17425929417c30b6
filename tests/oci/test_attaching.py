"""Attaching: in layouts, in a registry without the referrers API, and in one with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from attest import Rejected
from attest.converting import attachable
from attest.errors import InputError
from attest.oci.about import demand_about
from attest.oci.attaching import attach
from attest.oci.attachments import cosign_tag, find, read, referrers_tag
from attest.oci.documents import OCI_INDEX, ImageDocument
from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.support.making.images import about, empty_layout, made, put_image, put_index
from tests.support.services.registries import docker_registry, with_referrers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attest.oci.attaching import As
    from attest.oci.store import Store
    from tests.support.services.registries import Registry

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(params=["layout", "registry", "api"])
def store(request: pytest.FixtureRequest, tmp_path: Path, registry: Registry) -> Iterator[Store]:
    """A layout, a registry, and a registry with the referrers API, each in a repository of the test's own."""
    repository = f"acme/{request.function.__name__[:60].lower()}"
    if request.param == "layout":
        yield open_store(parse(empty_layout(tmp_path / "layout")))
    elif request.param == "registry":
        yield open_store(parse(registry.name(repository)))
    else:
        with with_referrers(registry) as front:
            yield open_store(parse(front.name(f"{repository}-api")))


def contents(store: Store, image: ImageDocument, source: str | None = None) -> list[bytes]:
    found = [one for one in find(store, image) if source in (None, one.source)]
    return [read(store, one) for one in found]


@pytest.mark.parametrize("as_", ["referrer", "tag", "both"])
def test_what_is_attached_is_found_once_and_a_second_call_changes_nothing(store: Store, as_: As) -> None:
    image = put_image(store, as_, len(as_))
    given = made(image, 1, 2)
    first = attach(store, image, given[:1], as_=as_)
    assert all(one.is_new for one in first)
    second = attach(store, image, [*given, given[1]], as_=as_)
    assert [one.is_new for one in second] == [False, True, True] * (2 if as_ == "both" else 1)
    again = attach(store, image, given, as_=as_)
    assert not any(one.is_new for one in again)
    expected = [one.data for one in given] if as_ != "tag" else []
    expected += [one.envelope.to_json() for one in given] if as_ != "referrer" else []
    assert contents(store, image) == expected
    for one in again:
        held = store.manifest(one.manifest)
        assert one.layer in [layer.digest for layer in held.layers]


def test_a_referrer_is_as_cosign_and_gh_read_it(store: Store) -> None:
    image = put_image(store)
    [attached] = attach(store, image, made(image, 1))
    manifest = json.loads(store.manifest(attached.manifest).data)
    [layer] = manifest["layers"]
    assert manifest["artifactType"] == layer["mediaType"] == BUNDLE
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert manifest["config"]["digest"].startswith("sha256:44136fa3")
    assert manifest["subject"] == {"mediaType": image.media_type, "digest": image.digest, "size": len(image.data)}
    assert manifest["annotations"]["dev.sigstore.bundle.content"] == "dsse-envelope"
    assert manifest["annotations"]["dev.sigstore.bundle.predicateType"] == "https://example.com/predicate/v1"
    listed = store.referrers(image.digest)
    if listed is None:
        listed = list(store.manifest(referrers_tag(image.digest)).manifests)
    assert [(one.digest, one.artifact_type) for one in listed] == [(attached.manifest, BUNDLE)]
    assert listed[0].annotations == manifest["annotations"]  # what gh and cosign choose by


def test_the_tag_is_as_cosign_v2_reads_it(store: Store) -> None:
    image = put_image(store)
    attach(store, image, made(image, 1), as_="tag")
    attach(store, image, made(image, 2), as_="tag")
    manifest = store.manifest(cosign_tag(image.digest))
    assert manifest.config is not None
    config = json.loads(store.blob(manifest.config, 1 << 20))
    assert config["rootfs"]["diff_ids"] == [layer.digest for layer in manifest.layers]
    assert [layer.media_type for layer in manifest.layers] == ["application/vnd.dsse.envelope.v1+json"] * 2
    for layer in manifest.layers:
        assert layer.annotations == {
            "dev.cosignproject.cosign/signature": "",
            "predicateType": "https://example.com/predicate/v1",
        }


def test_what_is_not_about_the_image_is_refused_and_nothing_is_stored(store: Store) -> None:
    image = put_index(store, "index", "linux/amd64", "linux/arm64")
    other = attachable(about("sha256:" + "0" * 64), name="other.json")
    with pytest.raises(Rejected, match=r"other\.json: it is not about the image") as refused:
        attach(store, image, [*made(image, 1), other])
    assert refused.value.code == "artifact-mismatch"
    child = attachable(about(image.manifests[1].digest), name="child.json")
    with pytest.raises(Rejected, match=r"child.json: it is about .* \(linux/arm64\), which is in the index") as refused:
        attach(store, image, [child])
    assert "--platform" in (refused.value.hint or "")
    assert list(find(store, image)) == []
    attached = attach(store, image, [other], any_subject=True)
    assert contents(store, image) == [other.data]
    assert attached[0].is_new


def test_what_is_no_statement_is_refused() -> None:
    from tests.support.making.images import KEY
    from tests.support.making.statements import envelope_by

    one = attachable(envelope_by(KEY, payload=b"[]"), name="list.json")
    with pytest.raises(InputError, match=r"list\.json"):
        demand_about(one, ImageDocument(b"", "", "sha256:" + "0" * 64, "manifest"))


def test_a_list_that_others_wrote_keeps_what_is_in_it(store: Store) -> None:
    image = put_image(store)
    if store.referrers(image.digest) is not None:
        return  # it needs no such tag
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "annotations": {"by": "others"}, "manifests": None}
    tag = referrers_tag(image.digest)
    store.push_manifest(json.dumps(index).encode(), OCI_INDEX, tag=tag)
    attach(store, image, made(image, 1))
    found = json.loads(store.manifest(tag).data)
    assert found["annotations"] == {"by": "others"}
    assert len(found["manifests"]) == 1


def test_a_tag_that_is_something_else_is_left_as_it_is(registry: Registry) -> None:
    store = open_store(parse(registry.name("acme/occupied")))
    image = put_image(store)
    other = put_image(store, referrers_tag(image.digest), 5)
    with pytest.raises(InputError, match="it is left as it is"):
        attach(store, image, made(image, 1))
    assert store.manifest(referrers_tag(image.digest)).digest == other.digest
    index = put_index(store, cosign_tag(image.digest), "linux/amd64")
    with pytest.raises(InputError, match="it is left as it is"):
        attach(store, image, made(image, 1), as_="tag")
    assert store.manifest(cosign_tag(image.digest)).digest == index.digest


def test_small_content_is_in_the_manifest_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    image = put_image(store, "embedded", 77)
    small, large = made(image, 1, 2)
    monkeypatch.setattr("attest.oci.attaching._EMBEDDED", len(small.data))
    larger = large._replace(data=large.data + b"\n")
    embedded = {}
    for one in (small, larger):
        [attached] = attach(store, image, [one])
        [layer] = store.manifest(attached.manifest).layers
        embedded[one.name] = layer.data
        assert store.blob(layer._replace(data=None), 1 << 20) == one.data  # for readers that do not know `data`
    assert embedded == {small.name: small.data, larger.name: None}
