"""Subjects that are images: named by their repository, with the digest of the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attest.building import images, subjects
from attest.errors import InputError
from attest.statement import ResourceDescriptor
from tests.support.making.layouts import Json, Layout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def on(descriptor: Json, architecture: str) -> Json:
    return {**descriptor, "platform": {"os": "linux", "architecture": architecture}}


def subject(name: str, descriptor: Json) -> ResourceDescriptor:
    return ResourceDescriptor(name, {"sha256": descriptor["digest"][7:]})


def test_the_subject_is_what_was_named(made: Layout) -> None:
    amd, arm = made.image(1), made.image(2)
    index = made.add(made.index(on(amd, "amd64"), on(arm, "arm64")), "ghcr.io/acme/app:1")
    name = f"oci-layout:{made.root}"
    assert images.from_images([name]) == [subject("ghcr.io/acme/app", index)]
    assert images.from_images([f"{name}:1"]) == [subject("ghcr.io/acme/app", index)]
    assert images.from_images([name], platform="linux/arm64") == [subject("ghcr.io/acme/app", arm)]
    assert images.from_images([name], each_platform=True) == [
        subject(f"ghcr.io/acme/app@{one['digest']}", one) for one in (amd, arm)
    ]
    assert images.from_images([f"mine={name}@{arm['digest']}"]) == [subject("mine", arm)]


def test_a_layout_without_the_name_of_a_repository_needs_one(made: Layout) -> None:
    image = made.image(1, "1.2")
    with pytest.raises(InputError) as caught:
        images.from_images([f"oci-layout:{made.root}"])
    assert caught.value.code == "subject-missing"
    assert caught.value.hint is not None
    assert f"--image HOST/REPOSITORY=oci-layout:{made.root}" in caught.value.hint
    assert images.from_images([f"pkg:oci/app?tag=1=oci-layout:{made.root}:1.2"]) == [
        subject("pkg:oci/app?tag=1", image)
    ]


@pytest.mark.parametrize(
    ("text", "name", "reference"),
    [
        ("alpine", None, "docker.io/library/alpine:latest"),
        ("app=ghcr.io/a:1", "app", "ghcr.io/a:1"),
        ("oci-layout:a=b", None, "oci-layout:a=b"),
        ("x=oci-layout:a=b:1", "x", "oci-layout:a=b:1"),
        ("pkg:oci/a?b=c=ghcr.io/a:1", "pkg:oci/a?b=c", "ghcr.io/a:1"),
    ],
)
def test_a_name_before_an_image(text: str, name: str | None, reference: str) -> None:
    found, image = images.parse_image(text)
    assert (found, str(image)) == (name, reference)


@pytest.mark.parametrize("text", ["=alpine", "=oci-layout:a", "a=", "a=b="])
def test_no_name_or_no_image(text: str) -> None:
    with pytest.raises(InputError):
        images.parse_image(text)


def test_an_error_names_the_image(made: Layout) -> None:
    name = f"oci-layout:{made.root}:absent"
    with pytest.raises(InputError) as caught:
        images.from_images([name])
    assert caught.value.code == "image-not-found"
    assert (caught.value.where or "").startswith(name)


def test_a_layout_is_not_hashed_as_a_directory(made: Layout) -> None:
    made.image(1, "1")
    for argument in (str(made.root), f"name={made.root}", f"{made.root}/"):
        with pytest.raises(InputError) as caught:
            subjects.from_arguments([argument])
        assert caught.value.code == "directory-is-layout"
        assert f"--image oci-layout:{made.root}" in (caught.value.hint or "")
    (made.root / "index.json").rename(made.root / "other.json")
    assert "dirHash" in subjects.from_arguments([str(made.root)])[0].digest
