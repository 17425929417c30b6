"""The cases of data/oci: layouts, indexes and bundles that other programs made, and what a careful reader says of them.

Rule: answers of registries (`wire`) are tried in test_wire.py.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from attest import sources
from attest.errors import InputError
from attest.oci import platforms
from attest.oci.attachments import Attachment, find, read, referrers_tag
from attest.oci.documents import OCI_INDEX, ImageDocument, read_document
from attest.oci.layout import LayoutStore
from attest.oci.reference import parse, repository_of
from attest.oci.statements import read_statement
from attest.oci.store import open_store
from attest.sources._attachment import envelope_in
from tests.support.missing import missing
from tests.support.services.registries import docker_registry, push, with_referrers

DATA: Final = Path(__file__).parents[3] / "shared" / "data" / "oci"
TOP: Final = "sha256:db8f2a6e112ea6396f57d073269ecfac61e8dcdad3a4a643dcb577522492f898"  # of buildkit-two-platforms


@cache
def cases() -> list[dict[str, Any]]:
    path = DATA / "cases.json"
    if not path.is_file():
        missing("the published images in shared/data/oci")
    return list(json.loads(path.read_text())["cases"])


def of(*kinds: str) -> list[Any]:
    path = DATA / "cases.json"
    listed = json.loads(path.read_text())["cases"] if path.is_file() else []
    found = [case for case in listed if case.get("layout", case.get("file", "")).startswith(kinds)]
    return [pytest.param(case, id=case["id"]) for case in found]


def opened(case: dict[str, Any]) -> LayoutStore:
    return LayoutStore(DATA / case["layout"])


def derived(name: str) -> tuple[LayoutStore, dict[str, Any]]:
    [case] = [case for case in cases() if case["id"] == f"derived-{name}"]
    return opened(case), case["expect"]


def test_no_case_is_left_out() -> None:
    tried = {parameter.id for kind in ("layouts/", "derived/", "indexes/", "files/") for parameter in of(kind)}
    assert {case["id"] for case in cases() if not case["id"].startswith("wire-")} == tried
    names = {
        name.removeprefix("test_derived_").replace("_", "-") for name in globals() if name.startswith("test_derived_")
    }
    assert names == {parameter.id.removeprefix("derived-") for parameter in of("derived/")}


# Layouts


@pytest.mark.parametrize("case", of("layouts/"))
def test_the_image_that_a_name_stands_for(case: dict[str, Any]) -> None:
    store, expected = opened(case), case["expect"]
    if "image" in expected:
        assert store.manifest(None).digest == expected["image"]
    for entry in expected["entries"]:
        document = store.manifest(entry["digest"])
        assert (document.digest, document.media_type) == (entry["digest"], entry["mediaType"])
        name = entry["annotations"].get("org.opencontainers.image.ref.name")
        if name:
            assert store.manifest(name).digest == entry["digest"]


@pytest.mark.parametrize("case", of("layouts/"))
def test_the_statements_in_an_index(case: dict[str, Any]) -> None:
    store, expected = opened(case), case["expect"].get("inIndexAttestations", [])
    if not expected:
        return
    found = defaultdict(list)
    for attachment in find(store, store.manifest(case["expect"]["image"])):
        if attachment.source == "in-index":
            found[attachment.about].append(attachment)
    assert set(found) == {one["refersTo"] for one in expected}
    for one in expected:
        assert {attachment.manifest.digest for attachment in found[one["refersTo"]] if attachment.manifest} == {
            one["attestationManifest"]
        }
        assert [layer_of(attachment) for attachment in found[one["refersTo"]]] == [
            statement["blob"] for statement in one["statements"]
        ]
        for attachment, statement in zip(found[one["refersTo"]], one["statements"], strict=True):
            unsigned = read_statement(store, attachment)
            assert unsigned.statement.predicate_type == statement["predicateType"]
            assert unsigned.statement.type == statement["_type"]
            assert unsigned.is_about is statement["namesTarget"]
            assert unsigned.unchecked == ()
            subjects = {f"sha256:{subject.digest['sha256']}" for subject in unsigned.statement.subjects}
            assert subjects == set(statement["subjectDigests"])


@pytest.mark.parametrize("case", of("layouts/"))
def test_what_cosign_saved_beside_an_image(case: dict[str, Any]) -> None:
    store = opened(case)
    saved = {one["kind"]: one for one in case["expect"].get("cosignSaved", [])}
    if not saved:
        return
    image = store.manifest(None)
    found = [one for one in find(store, image) if one.source == "cosign-tag"]
    assert [layer_of(one) for one in found] == [envelope["blob"] for envelope in saved["atts"]["envelopes"]]
    for attachment, expected in zip(found, saved["atts"]["envelopes"], strict=True):
        assert attachment.manifest
        assert attachment.manifest.digest == saved["atts"]["digest"]
        assert (attachment.kind, attachment.about) == ("dsse", image.digest)
        envelope = envelope_in(read(store, attachment), attachment).envelope
        payload = json.loads(envelope.unverified_payload)
        assert (payload["_type"], payload["predicateType"]) == (expected["_type"], expected["predicateType"])
        assert len(envelope.signatures) == expected["signatures"]
        assert b"verificationMaterial" in envelope.to_json() or b"verificationmaterial" in envelope.to_json()
        subjects = {f"sha256:{subject['digest']['sha256']}" for subject in payload["subject"]}
        assert subjects == set(expected["subjectDigests"]) == {image.digest}


@pytest.mark.parametrize("case", of("layouts/"))
def test_every_referrer_is_found_from_its_subject(case: dict[str, Any]) -> None:
    store, expected = opened(case), case["expect"]
    of_subject = defaultdict(set)
    for one in expected.get("referrers", []):
        of_subject[one["subject"]].add(one["referrer"])
    listed = {entry["digest"] for entry in expected["entries"]}
    tagged = {digest for tag in expected.get("fallbackTags", []) for digest in tag["listedAndTrue"]}
    for subject, referrers in of_subject.items():
        attached = attachments_of(store, store.manifest(subject))
        # What neither index.json nor a tag lists cannot be found, in a registry either.
        assert {one.manifest.digest for one in attached if one.manifest} == referrers & (listed | tagged)
        for one in attached:
            [told] = [each for each in expected["referrers"] if each["referrer"] == (one.manifest or one).digest]  # type: ignore[union-attr]
            assert one.artifact_type == told["artifactType"]


@pytest.mark.parametrize("case", of("layouts/"))
def test_a_tag_of_referrers_is_not_believed(case: dict[str, Any]) -> None:
    store = opened(case)
    for tag in case["expect"].get("fallbackTags", []):
        [subject] = [f"sha256:{tag['tag'].removeprefix('sha256-')}"]
        assert referrers_tag(subject) == tag["tag"]
        assert store.manifest(tag["tag"]).digest == tag["target"]
        attached = {one.manifest.digest for one in attachments_of(store, store.manifest(subject)) if one.manifest}
        assert attached >= set(tag["listedAndTrue"])
        assert not attached & set(tag["listedButSubjectDiffers"])
        assert subject not in attached


def test_an_image_without_attestations_has_none() -> None:
    [case] = [case for case in cases() if case["id"] == "plain-image"]
    store = opened(case)
    assert list(find(store, store.manifest(None))) == []


def test_a_missing_platform_is_named() -> None:
    [case] = [case for case in cases() if case["id"] == "multi-arch-sparse"]
    store = opened(case)
    with pytest.raises(InputError) as caught:
        list(platforms.each(store, store.manifest(None)))
    assert caught.value.code == "image-not-found"
    assert any(absent in caught.value.message for absent in case["absentBlobs"])


@pytest.mark.parametrize("case", of("indexes/"))
def test_the_names_that_tools_write(case: dict[str, Any]) -> None:
    index = read_document((DATA / case["file"]).read_bytes())
    assert len(index.manifests) == len(case["expect"]["entries"])
    for found, expected in zip(index.manifests, case["expect"]["entries"], strict=True):
        assert (found.digest, found.media_type) == (expected["digest"], expected["mediaType"])
        assert found.annotations.get("org.opencontainers.image.ref.name") == expected["refName"]
        full = found.annotations.get("io.containerd.image.name")
        assert full == expected["containerdName"]
        assert full is None or repository_of(full) is not None
        assert expected["refName"] is None or repository_of(expected["refName"]) is None


@pytest.mark.parametrize("case", of("files/"))
def test_a_bundle_that_cosign_attached(case: dict[str, Any]) -> None:
    data, expected = (DATA / case["file"]).read_bytes(), case["expect"]
    [found] = sources.read(data)
    payload = json.loads(found.envelope.unverified_payload)
    assert json.loads(data)["mediaType"] == expected["mediaType"]
    assert len(found.envelope.signatures) == expected["signatures"]
    assert (payload["_type"], payload["predicateType"]) == (expected["_type"], expected["predicateType"])
    assert [subject["name"] for subject in payload["subject"]] == expected["subjectNames"]
    assert [f"sha256:{subject['digest']['sha256']}" for subject in payload["subject"]] == expected["subjectDigests"]


@pytest.mark.parametrize("has_list", [False, True])
@pytest.mark.parametrize("name", ["buildkit-two-platforms", "referrers-repository:v2"])
def test_a_layout_and_the_registry_it_is_pushed_to_have_the_same(name: str, tmp_path: Path, *, has_list: bool) -> None:
    folder, _, tag = name.partition(":")
    cases()
    local = LayoutStore(DATA / "layouts" / folder)
    image = local.manifest(tag or None)
    with docker_registry(tmp_path / "registry") as registry:
        push(DATA / "layouts" / name, registry.name("acme/app", ":1"))
        with with_referrers(registry) as front:
            store = open_store(parse((front if has_list else registry).name("acme/app", ":1")))
            attached = {one.manifest.digest for one in find(local, image) if one.manifest and one.source != "in-index"}
            for document in map(local.manifest, attached):
                for part in (*document.layers, document.config):
                    if part is not None:
                        store.push_blob(local.blob(part, 1 << 20), part.media_type)
                store.push_manifest(document.data, document.media_type)
            if attached and not has_list:
                tag = referrers_tag(image.digest)
                store.push_manifest(local.manifest(tag).data, OCI_INDEX, tag=tag)
            found = list(find(store, store.manifest("1")))
            store.close()
    here = list(find(local, image))
    assert here
    assert sorted(map(told, found), key=str) == sorted(map(told, here), key=str)
    if attached:
        assert {one.source for one in found} == {"referrer" if has_list else "fallback-tag"}


# Derived: one defect in each


def test_derived_blob_bytes_changed() -> None:
    store, expected = derived("blob-bytes-changed")
    [bad] = [one for one in find(store, store.manifest(None)) if layer_of(one) == expected["badBlob"]]
    with pytest.raises(InputError) as caught:
        read(store, bad)
    assert caught.value.code == "digest-mismatch"


def test_derived_size_differs() -> None:
    store, _ = derived("size-differs")
    with pytest.raises(InputError) as caught:
        platforms.select(store, store.manifest(None), "linux/amd64")
    assert caught.value.code == "digest-mismatch"


def test_derived_reference_swapped() -> None:
    store, _ = derived("reference-swapped")
    found = list(find(store, store.manifest(None)))
    assert len(found) == 4
    assert not any(read_statement(store, one).is_about for one in found)


def test_derived_predicate_annotation_lies() -> None:
    store, expected = derived("predicate-annotation-lies")
    for one in find(store, store.manifest(None)):
        unsigned = read_statement(store, one)
        lies = layer_of(one) == expected["layer"]
        assert bool(unsigned.unchecked) is lies
        if lies:
            assert unsigned.statement.predicate_type == "https://spdx.dev/Document"


def test_derived_reference_type_unknown() -> None:
    store, _ = derived("reference-type-unknown")
    assert list(find(store, store.manifest(None))) == []


@pytest.mark.parametrize(
    "name", ["digest-is-a-path", "index-and-manifest", "mediatype-differs", "duplicate-key", "weak-digest"]
)
def test_what_is_refused(name: str) -> None:
    store, _ = derived(name)
    for reference in (None, store_entry(store)):
        with pytest.raises(InputError) as caught:
            store.manifest(reference)
        assert caught.value.code == "image-invalid"


test_derived_digest_is_a_path = test_derived_index_and_manifest = test_what_is_refused
test_derived_mediatype_differs = test_derived_duplicate_key = test_derived_weak_digest = test_what_is_refused


def test_derived_sha512_top() -> None:
    store, expected = derived("sha512-top")
    assert store.manifest(None).digest == store.manifest(expected["image"]).digest == expected["image"]


def test_derived_fallback_lists_foreign() -> None:
    store, expected = derived("fallback-lists-foreign")
    assert store.manifest(expected["listedReferrer"]).subject.digest == expected["itsSubject"]  # type: ignore[union-attr]
    assert attachments_of(store, store.manifest(expected["askedFor"])) == []


def test_derived_fallback_is_subject() -> None:
    store, expected = derived("fallback-is-subject")
    assert expected["askedFor"] == TOP
    assert attachments_of(store, store.manifest(expected["askedFor"])) == []


def attachments_of(store: LayoutStore, document: ImageDocument) -> list[Attachment]:
    """What refers to a document, without what is in an index."""
    return [one for one in find(store, document) if one.source in ("referrer", "fallback-tag")]


def told(attachment: Attachment) -> tuple[object, ...]:
    """An attachment without where it was found."""
    return attachment.about, attachment.kind, attachment.layer, attachment.manifest


def layer_of(attachment: Attachment) -> str | None:
    return attachment.layer.digest if attachment.layer else None


def store_entry(store: LayoutStore) -> str:
    return str(json.loads((Path(store.name) / "index.json").read_text())["manifests"][0]["digest"])
