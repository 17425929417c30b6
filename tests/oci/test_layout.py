"""Layouts: what is found by which name, and what is written when several programs write at once."""

from __future__ import annotations

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import InputError
from attest.oci import layout
from attest.oci.documents import MAX_MANIFEST, Descriptor, digest_of, read_descriptor
from attest.oci.layout import LayoutStore, is_layout
from tests.support.examples import examples
from tests.support.making.layouts import MANIFEST, REF_NAME, Json, Layout


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def store(made: Layout) -> LayoutStore:
    return LayoutStore(made.root)


def code(made: Layout, reference: str | None) -> str:
    with pytest.raises(InputError) as caught:
        store(made).manifest(reference)
    return caught.value.code


def test_the_only_image_needs_no_name(made: Layout) -> None:
    image = made.add(made.image())
    assert store(made).manifest(None).digest == image["digest"]


def test_what_is_attached_is_not_an_image(made: Layout) -> None:
    image = made.image(tag="1")
    referrer = made.add(made.attached(image, b"{}", "text/plain"))
    made.add(made.index(referrer), image["digest"].replace(":", "-"))
    made.add(made.manifest(made.blob(b"x", "text/plain")), image["digest"].replace(":", "-") + ".att")
    assert store(made).manifest(None).digest == image["digest"]


def test_several_images_need_a_name(made: Layout) -> None:
    one, other = made.image(1, "1"), made.image(2, "docker.io/acme/app:2")
    assert code(made, None) == "image-ambiguous"
    assert store(made).manifest("1").digest == one["digest"]
    for name in ("2", "docker.io/acme/app:2", other["digest"]):
        assert store(made).manifest(name).digest == other["digest"]
    assert code(made, "3") == "image-not-found"


def test_a_name_of_two_images_is_refused_and_of_one_twice_is_not(made: Layout) -> None:
    image = made.image(1, "1")
    made.add(image, "1")
    assert store(made).manifest("1").digest == image["digest"]
    made.image(2, "1")
    assert code(made, "1") == "image-ambiguous"
    assert code(made, "latest") == "image-not-found"


def test_an_empty_layout_has_no_image(made: Layout) -> None:
    assert code(made, None) == "image-not-found"


def test_a_wrong_descriptor_is_refused(made: Layout) -> None:
    image = made.image()
    made.add({**image, "size": image["size"] + 1}, "size")
    made.add({**image, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}, "type")
    assert code(made, "size") == "digest-mismatch"
    assert code(made, "type") == "image-invalid"


def test_other_bytes_are_refused(made: Layout) -> None:
    image = made.image(tag="1")
    path = made.root / "blobs" / "sha256" / image["digest"][7:]
    path.write_bytes(path.read_bytes().replace(b"2", b"3", 1))
    for name in ("1", image["digest"]):
        assert code(made, name) == "digest-mismatch"
    path.unlink()
    assert code(made, "1") == "image-not-found"


def test_a_blob_is_no_larger_than_it_may_be(made: Layout) -> None:
    found = read_descriptor(made.blob(b"12345", "text/plain"))
    assert store(made).blob(found, 5) == b"12345"
    with pytest.raises(InputError) as caught:
        store(made).blob(found, 4)
    assert caught.value.code == "file-too-large"
    with pytest.raises(InputError) as caught:
        store(made).blob(found._replace(size=4), 5)
    assert caught.value.code == "digest-mismatch"


def test_a_pipe_in_the_place_of_a_blob_is_not_waited_for(made: Layout) -> None:
    image = made.image(tag="1")
    path = made.root / "blobs" / "sha256" / image["digest"][7:]
    path.unlink()
    os.mkfifo(path)
    assert code(made, "1") == "file-unreadable"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("oci-layout", '{"imageLayoutVersion":"2.0.0"}'),
        ("oci-layout", "[]"),
        ("index.json", "{}"),
        ("index.json", '{"schemaVersion":2,"manifests":[{"digest":"sha256:..","mediaType":"a","size":1}]}'),
        ("index.json", '{"schemaVersion":2,"manifests":[],"manifests":[]}'),
        ("index.json", " " * (MAX_MANIFEST + 1)),
    ],
)
def test_a_broken_layout(made: Layout, name: str, content: str) -> None:
    (made.root / name).write_text(content)
    assert code(made, None) == "image-invalid"


def test_what_is_no_layout(tmp_path: Path) -> None:
    for path, expected in ((tmp_path, "image-invalid"), (tmp_path / "absent", "file-unreadable")):
        assert not is_layout(path)
        with pytest.raises(InputError) as caught:
            LayoutStore(path)
        assert caught.value.code == expected


def test_the_file_that_marks_a_layout_may_be_missing(made: Layout) -> None:
    image = made.image(tag="1")
    (made.root / "oci-layout").unlink()
    assert is_layout(made.root)
    assert store(made).manifest(None).digest == image["digest"]


def test_a_folder_with_names_of_a_layout_is_none(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "index.json").write_text("{}")
    assert not is_layout(tmp_path)


def test_the_repository_is_what_one_name_says(made: Layout) -> None:
    image = made.image(tag="docker.io/acme/app:1")
    document = store(made).manifest(None)
    assert store(made).repository(document) == "docker.io/acme/app"
    made.add(image, "ghcr.io/acme/app:1")
    assert store(made).repository(document) is None


def pushed(made: Layout, number: int, tag: str | None = None, if_match: str | None = None) -> str:
    here = store(made)
    config = here.push_blob(json.dumps({"number": number}).encode(), "application/json")
    members: Json = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "annotations": {"number": str(number)}}
    members["config"] = {"mediaType": config.media_type, "digest": config.digest, "size": config.size}
    data = json.dumps(members).encode()
    result = here.push_manifest(data, MANIFEST, tag=tag, if_match=if_match)
    assert result.descriptor.digest == digest_of(data)
    return result.descriptor.digest


def listed(made: Layout) -> list[Json]:
    return list(json.loads((made.root / "index.json").read_text())["manifests"])


def test_what_is_pushed_can_be_read_and_is_listed_once(made: Layout) -> None:
    digest = pushed(made, 1)
    assert pushed(made, 1) == digest
    assert [entry["digest"] for entry in listed(made)] == [digest]
    assert listed(made)[0]["annotations"] == {"number": "1"}
    assert store(made).manifest(None).digest == digest
    pushed(made, 1, "1")
    assert pushed(made, 2, "1") != digest
    assert [entry.get("annotations", {}).get(REF_NAME) for entry in listed(made)] == [None, "1"]
    assert store(made).manifest("1").annotations == {"number": "2"}


def test_a_tag_that_changed_is_not_overwritten(made: Layout) -> None:
    pushed(made, 1, "1")
    seen = store(made).manifest("1").etag
    pushed(made, 2, "1")
    for tag in ("1", "absent"):
        with pytest.raises(InputError) as caught:
            pushed(made, 3, tag, if_match=seen)
        assert caught.value.code == "image-changed"
    assert store(made).manifest("1").annotations == {"number": "2"}
    pushed(made, 3, "1", if_match=store(made).manifest("1").etag)
    assert store(made).manifest("1").annotations == {"number": "3"}


def test_several_writers_lose_nothing(made: Layout) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda number: pushed(made, number), range(24)))
    assert {entry["digest"] for entry in listed(made)} == digests
    assert len(digests) == 24
    assert not list(made.root.rglob("*.tmp"))


def test_other_members_and_entries_stay_as_they_are(made: Layout) -> None:
    kept = {"mediaType": "a/b", "digest": f"sha256:{'a' * 64}", "size": 1, "urls": ["https://example.com"], "x": 1}
    members = {"schemaVersion": 2, "x": {"y": 1}, "manifests": [kept]}
    (made.root / "index.json").write_text(json.dumps(members))
    digest = pushed(made, 1, "1")
    found = json.loads((made.root / "index.json").read_text())
    assert (found["x"], found["manifests"][0]) == ({"y": 1}, kept)
    assert found["manifests"][1]["digest"] == digest


def test_a_broken_blob_becomes_whole_when_it_is_pushed_again(made: Layout) -> None:
    descriptor = store(made).push_blob(b"whole", "text/plain")
    path = made.root / "blobs" / "sha256" / descriptor.digest[7:]
    path.write_bytes(b"broken")
    assert store(made).blob(store(made).push_blob(b"whole", "text/plain"), 5) == b"whole"


def test_referrers_are_those_whose_own_subject_is_the_document(made: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    image, other = made.image(1, "1"), made.image(2, "2")
    right = made.add(made.attached(image, b"{}", "text/plain"))
    made.add({**made.attached(other, b"{}", "text/plain"), "artifactType": "lie"})
    made.add({"mediaType": MANIFEST, "digest": f"sha256:{'a' * 64}", "size": 1})  # absent: its subject is not known
    found = store(made).referrers(image["digest"])
    assert found == [store(made).manifest(right["digest"]).descriptor]
    assert store(made).referrers(f"sha256:{'b' * 64}") == []
    broken = made.add(made.blob(b"no JSON", MANIFEST))  # its subject is not known either
    assert store(made).referrers(f"sha256:{'b' * 64}") == [read_descriptor(broken)]
    monkeypatch.setattr(layout, "MAX_REFERRERS", 0)
    assert (
        len(store(made).referrers(image["digest"]) or ()) == 1
    )  # one more than the limit says that there are too many


@given(st.text(max_size=80) | st.text("./", max_size=20).map(lambda path: f"sha256:{path}"))
@examples(200)
def test_no_digest_leads_out_of_the_layout(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Layout(Path(folder) / "layout")
        with pytest.raises(InputError) as caught:
            store(made).blob(Descriptor("a/b", text, 1), 10)
        assert caught.value.code == "image-invalid"
        assert code(made, f"sha256:{text}") == "image-not-found"
