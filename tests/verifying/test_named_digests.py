"""A digest with a name of its own matches only what names it, and only to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest.artifacts import Artifact, match
from attest.errors import InputError

IMAGE = "gce_image_id:8970095005306000053"


def matched(artifact: str, subject: dict[str, str]) -> str | None:
    return match(Artifact.of(artifact), [subject]).code


def test_it_matches_to_the_letter() -> None:
    assert matched(IMAGE, {"gce_image_id": "8970095005306000053"}) is None
    assert matched("build.id:AbC", {"build.id": "AbC", "sha1": "0" * 40}) is None
    assert matched("build.id:abc", {"build.id": "ABC"}) == "digest-weak"
    assert matched(IMAGE, {"gce_image_id": "1"}) == "artifact-mismatch"
    assert matched(IMAGE, {"sha256": "0" * 64}) == "artifact-mismatch"


def test_a_digest_that_differs_beside_it_is_a_conflict() -> None:
    both = f"{IMAGE},sha256:{'0' * 64}"
    assert matched(both, {"gce_image_id": "8970095005306000053", "sha256": "1" * 64}) == "digest-conflict"


def test_a_weak_algorithm_stays_weak_and_a_file_never_matches_by_another_name(tmp_path: Path) -> None:
    assert matched(f"sha1:{'0' * 40}", {"sha1": "0" * 40, "x": "1"}) == "digest-weak"
    file = tmp_path / "app.whl"
    file.write_bytes(b"app")
    assert matched(str(file), {"gce_image_id": "8970095005306000053"}) == "artifact-mismatch"


@pytest.mark.parametrize(
    "text", [f"SHA256:{'0' * 64}", f"sha265:{'0' * 64}", f"SHA-256:{'0' * 64}", "sha256:1", "digest:x"]
)
def test_what_looks_like_a_known_algorithm_is_an_error(text: str) -> None:
    with pytest.raises(InputError) as raised:
        Artifact.of(text)
    assert raised.value.code == "digest-invalid"


@pytest.mark.parametrize("text", ["pkg:npm/app", "file:app", "oci:app", "https://example.com/x", "a:b/c", "app.whl"])
def test_paths_and_uris_are_no_digests(text: str) -> None:
    assert Artifact.of(text).is_file


def test_a_file_of_that_name_makes_it_ambiguous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(IMAGE).write_bytes(b"app")
    with pytest.raises(InputError) as raised:
        Artifact.of(IMAGE)
    assert raised.value.code == "name-ambiguous"
    assert Artifact.of(f"./{IMAGE}").is_file
    assert not Artifact.of(f"digest:{IMAGE}").is_file
