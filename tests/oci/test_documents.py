"""Manifests, indexes and descriptors: read strictly, and only with the bytes that were named."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import InputError
from attest.oci import documents
from attest.oci.documents import Descriptor, check_content, demand_described, digest_of, read_descriptor, read_document
from tests.fuzz.oracle import attempt
from tests.support.examples import examples

A = f"sha256:{'a' * 64}"
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": A, "size": 2}
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": documents.OCI_MANIFEST,
    "config": CONFIG,
    "layers": [{"mediaType": "text/plain", "digest": A, "size": 1, "annotations": {"a": "b"}}],
}
INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": documents.OCI_INDEX,
    "manifests": [
        {
            "mediaType": documents.OCI_MANIFEST,
            "digest": A,
            "size": 3,
            "platform": {"os": "linux", "architecture": "arm64"},
        }
    ],
}


def encoded(members: object) -> bytes:
    return json.dumps(members).encode()


def refused(data: bytes, **more: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_document(data, **more)
    return caught.value


def test_a_manifest() -> None:
    data = encoded({**MANIFEST, "subject": CONFIG, "artifactType": "x/y", "annotations": {"c": "d"}})
    found = read_document(data)
    assert (found.data, found.digest) == (data, f"sha256:{hashlib.sha256(data).hexdigest()}")
    assert (found.kind, found.media_type, found.artifact_type) == ("manifest", documents.OCI_MANIFEST, "x/y")
    assert (found.annotations, found.layers[0].annotations) == ({"c": "d"}, {"a": "b"})
    assert found.subject == found.config == read_descriptor(CONFIG)
    assert found.descriptor == Descriptor(documents.OCI_MANIFEST, found.digest, len(data), "x/y", {"c": "d"})


def test_an_index() -> None:
    found = read_document(encoded(INDEX))
    assert (found.kind, found.config, found.layers) == ("index", None, ())
    assert [(one.size, one.platform) for one in found.manifests] == [(3, {"os": "linux", "architecture": "arm64"})]


def test_the_type_of_the_config_stands_in_for_an_artifact_type() -> None:
    assert read_document(encoded(MANIFEST)).descriptor.artifact_type == CONFIG["mediaType"]
    assert read_document(encoded(INDEX)).descriptor.artifact_type is None


@pytest.mark.parametrize("members", [MANIFEST, INDEX])
def test_a_document_without_a_media_type_is_what_it_is_called_or_what_it_looks_like(members: dict[str, Any]) -> None:
    untyped = {name: value for name, value in members.items() if name != "mediaType"}
    assert read_document(encoded(untyped)).media_type == members["mediaType"]
    docker = documents.DOCKER_INDEX if "manifests" in members else documents.DOCKER_MANIFEST
    assert read_document(encoded(untyped), media_type=docker).media_type == docker
    other = documents.OCI_MANIFEST if "manifests" in members else documents.OCI_INDEX
    assert refused(encoded(untyped), media_type=other).code == "image-invalid"


def test_layers_may_be_null_as_go_writes_them() -> None:
    assert read_document(encoded({**MANIFEST, "layers": None})).layers == ()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schemaVersion": 1}, "/schemaVersion"),
        ({"schemaVersion": True}, "/schemaVersion"),
        ({"schemaVersion": 2.0}, "/schemaVersion"),
        ({"mediaType": 3}, "/mediaType"),
        ({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"}, None),
        ({"manifests": []}, None),
        ({"manifests": None}, None),
        ({"fsLayers": [], "manifests": []}, None),
        ({"Layers": []}, "/Layers"),
        ({"SUBJECT": CONFIG}, "/SUBJECT"),
        ({"layers": {}}, "/layers"),
        ({"layers": [[]]}, "/layers/0"),
        ({"config": None}, "/config"),
        ({"subject": "x"}, "/subject"),
        ({"annotations": {"a": 1}}, "/annotations"),
        ({"annotations": []}, "/annotations"),
        ({"artifactType": []}, "/artifactType"),
    ],
)
def test_a_manifest_that_is_refused(change: dict[str, Any], where: str | None) -> None:
    error = refused(encoded({**MANIFEST, **change}))
    assert (error.code, error.where) == ("image-invalid", where)


@pytest.mark.parametrize("name", ["config", "layers"])
def test_an_index_with_parts_of_a_manifest_is_refused(name: str) -> None:
    assert "could be an index or a manifest" in refused(encoded({**INDEX, name: MANIFEST[name]})).message
    lost = {key: value for key, value in MANIFEST.items() if key != name}
    assert refused(encoded(lost)).code == "image-invalid"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"digest": "sha256:../../../etc/passwd"}, "/digest"),
        ({"digest": f"sha256:{'A' * 64}"}, "/digest"),
        ({"digest": f"md5:{'a' * 32}"}, "/digest"),
        ({"digest": f"{A}\n"}, "/digest"),
        ({"digest": None}, "/digest"),
        ({"size": -1}, "/size"),
        ({"size": True}, "/size"),
        ({"size": 1.0}, "/size"),
        ({"size": "1"}, "/size"),
        ({"size": 1 << 63}, "/size"),
        ({"size": None}, "/size"),
        ({"mediaType": ""}, "/mediaType"),
        ({"mediaType": None}, "/mediaType"),
        ({"Digest": A}, "/Digest"),
        ({"platform": []}, "/platform"),
        ({"platform": {"os": 1}}, "/platform/os"),
        ({"data": "!"}, "/data"),
        ({"data": base64.b64encode(b"no").decode()}, "/data"),
        ({"annotations": {"a": None}}, "/annotations"),
    ],
)
def test_a_descriptor_that_is_refused(change: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        read_descriptor({**CONFIG, **change}, "/x")
    assert (caught.value.code, caught.value.where) == ("image-invalid", f"/x{where}")


def test_embedded_content_has_the_digest_and_size() -> None:
    value = {"mediaType": "a/b", "digest": digest_of(b"ok"), "size": 2, "data": base64.b64encode(b"ok").decode()}
    assert read_descriptor(value).data == b"ok"
    assert read_descriptor({**value, "digest": digest_of(b"ok", "sha512")}).data == b"ok"


def test_what_was_expected_is_checked_before_it_is_parsed() -> None:
    good = encoded(MANIFEST)
    expected = Descriptor(documents.OCI_MANIFEST, digest_of(good), len(good))
    assert read_document(good, expected=expected).digest == expected.digest
    assert read_document(good, expected=digest_of(good, "sha512")).digest.startswith("sha512:")
    assert refused(b"[", expected=A).code == "digest-mismatch"
    assert refused(good, expected=expected._replace(size=1)).code == "digest-mismatch"
    assert refused(good + b" ", expected=expected).code == "digest-mismatch"
    assert refused(good, expected=expected._replace(media_type=documents.DOCKER_MANIFEST)).code == "image-invalid"
    assert refused(good, expected=expected, media_type=documents.DOCKER_MANIFEST).code == "image-invalid"
    assert refused(good, expected=f"md5:{'a' * 32}").code == "image-invalid"


def test_a_document_that_was_had_by_its_digest_is_as_its_descriptor_says() -> None:
    found = read_document(encoded(MANIFEST))
    demand_described(found, found.descriptor)
    for change, code in (({"size": 1}, "digest-mismatch"), ({"media_type": "a/b"}, "image-invalid")):
        with pytest.raises(InputError) as caught:
            demand_described(found, found.descriptor._replace(**change))
        assert caught.value.code == code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"schemaVersion":2,"schemaVersion":2}',
        b'{"schemaVersion":2,"x":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"schemaVersion":2,"x":"' + b"a" * documents.MAX_MANIFEST + b'"}',
    ],
)
def test_what_is_no_document(data: bytes) -> None:
    assert refused(data).code == "image-invalid"


@given(st.binary(max_size=40), st.binary(max_size=40))
@examples(200)
def test_content_is_taken_only_under_its_own_digest_and_size(one: bytes, other: bytes) -> None:
    descriptor = Descriptor("a/b", digest_of(one), len(one))
    if one == other:
        check_content(other, descriptor)
        return
    with pytest.raises(InputError) as caught:
        check_content(other, descriptor)
    assert caught.value.code == "digest-mismatch"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([A, "x", documents.OCI_INDEX, documents.OCI_MANIFEST]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*MANIFEST, *INDEX, "digest", "size", "subject", "annotations"]), inner)
    ),
    max_leaves=12,
)


@given(st.sampled_from([MANIFEST, INDEX]), st.dictionaries(st.sampled_from([*MANIFEST, "manifests", "subject"]), JSON))
@examples(400)
def test_what_is_read_is_one_thing_and_no_other(base: dict[str, Any], change: dict[str, Any]) -> None:
    data = encoded({**base, **change})
    found = attempt(lambda: read_document(data))
    if found is None:
        return
    members = json.loads(data)
    assert found.data == data
    assert ("manifests" in members) == (found.kind == "index") == (found.config is None)
    assert members["mediaType"] in (found.media_type, None)
