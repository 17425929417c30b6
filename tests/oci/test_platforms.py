"""The images of an index: exactly one for a platform, and every one without BuildKit's attestations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attest.errors import InputError
from attest.oci import platforms
from attest.oci.layout import LayoutStore
from tests.support.making.layouts import Json, Layout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def on(descriptor: Json, platform: str) -> Json:
    return {**descriptor, "platform": dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))}


def code(made: Layout, platform: str) -> tuple[str, str | None]:
    store = LayoutStore(made.root)
    with pytest.raises(InputError) as caught:
        platforms.select(store, store.manifest("1"), platform)
    return caught.value.code, caught.value.hint


def selected(made: Layout, platform: str) -> str:
    store = LayoutStore(made.root)
    return platforms.select(store, store.manifest("1"), platform).document.digest


def each(made: Layout) -> list[tuple[str, str]]:
    store = LayoutStore(made.root)
    return [(one.platform, one.document.digest) for one in platforms.each(store, store.manifest("1"))]


def test_a_platform_is_exactly_one_image(made: Layout) -> None:
    amd, v7, v8 = (made.image(number) for number in range(3))
    made.add(made.index(on(amd, "linux/amd64"), on(v7, "linux/arm/v7"), on(v8, "linux/arm/v8")), "1")
    assert selected(made, "linux/amd64") == amd["digest"]
    assert selected(made, "linux/arm/v7") == v7["digest"]
    for platform in ("linux/arm", "linux/amd64/v2", "windows/amd64", "linux/am"):
        found, hint = code(made, platform)
        assert found == "platform-unknown"
        assert hint
        assert "linux/arm/v7" in hint
    for malformed in ("linux", "", "/", "a/b/c/d", "linux//v7"):
        assert code(made, malformed)[0] == "platform-unknown"


def test_what_buildkit_adds_is_no_image(made: Layout) -> None:
    image, added = made.image(1), made.image(2)
    made.add(made.index(on(image, "linux/amd64"), on(added, "unknown/unknown")), "1")
    assert each(made) == [("linux/amd64", image["digest"])]
    assert code(made, "unknown/unknown")[0] == "platform-unknown"


def test_an_image_without_a_platform_is_not_left_out(made: Layout) -> None:
    image, plain = made.image(1), made.image(2)
    made.add(made.index(on(image, "linux/amd64"), plain, image), "1")
    assert {digest for _, digest in each(made)} == {image["digest"], plain["digest"]}


def test_indexes_in_an_index(made: Layout) -> None:
    image = made.image(1)
    made.add(made.index(made.index(made.index(on(image, "linux/amd64")))), "1")
    assert each(made) == [("linux/amd64", image["digest"])]


def test_indexes_that_are_nested_too_deeply(made: Layout) -> None:
    index = made.index(on(made.image(1), "linux/amd64"))
    for _ in range(3):
        index = made.index(index)
    made.add(index, "1")
    assert code(made, "linux/amd64")[0] == "image-invalid"


def test_an_index_with_too_many_entries(made: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "MAX_ENTRIES", 3)
    image = made.image(1)
    made.add(made.index(on(image, "linux/amd64"), made.index(image, image)), "1")
    assert code(made, "linux/amd64")[0] == "image-invalid"


def test_an_image_that_is_no_index_has_no_platforms(made: Layout) -> None:
    made.image(1, "1")
    assert code(made, "linux/amd64")[0] == "platform-unknown"


def test_an_index_without_images(made: Layout) -> None:
    made.add(made.index(), "1")
    with pytest.raises(InputError) as caught:
        each(made)
    assert caught.value.code == "platform-unknown"


def test_a_platform_whose_descriptor_is_wrong(made: Layout) -> None:
    image = made.image(1)
    made.add(made.index(on({**image, "size": 1}, "linux/amd64")), "1")
    assert code(made, "linux/amd64")[0] == "digest-mismatch"
