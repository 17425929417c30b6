"""`attest build --image`: the options, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import pytest

from tests.support.cli.calls import call
from tests.support.making.layouts import Layout
from tests.support.services.registries import docker_registry, push

if TYPE_CHECKING:
    from pathlib import Path

TYPE = ("--type", "https://example.com/review/v1")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.chdir(tmp_path)
    made = Layout(tmp_path / "out")
    platforms = [
        {**made.image(number), "platform": {"os": "linux", "architecture": name}}
        for number, name in enumerate(("amd64", "arm64"))
    ]
    made.add(made.index(*platforms), "ghcr.io/acme/app:1")
    return made


def test_a_statement_about_an_image(layout: Layout) -> None:
    result = call("build", "--image", "oci-layout:out", *TYPE)
    assert result.code == 0
    [subject] = json.loads(result.stdout)["subject"]
    assert subject == {"name": "ghcr.io/acme/app", "digest": {"sha256": layout.entries[0]["digest"][7:]}}


def test_a_statement_about_each_platform(layout: Layout) -> None:
    result = call("build", "--image", "oci-layout:out", "--each-platform", "--each", *TYPE)
    assert result.code == 0
    statements = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(statements) == 2
    for statement in statements:
        [subject] = statement["subject"]
        assert subject["name"] == f"ghcr.io/acme/app@sha256:{subject['digest']['sha256']}"


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--image", "oci-layout:out", "--platform", "linux/s390x"], 3, "platform-unknown"),
        (["--image", "oci-layout:absent", "--platform", "linux"], 2, "'linux' is not a platform"),
        (["--image", "oci-layout:out:2"], 3, "image-not-found"),
        (["--image", "oci-layout:absent"], 3, "file-unreadable"),
        (["out"], 3, "directory-is-layout"),
        (["oci-layout:out"], 3, "hint: For an image: --image oci-layout:out."),
        (["--image", "Alpine"], 2, "repository is not valid"),
        (["--image", "=alpine"], 2, "no name before"),
        (["--image", "docker-archive:a.tar"], 2, "not in the archive"),
        (["--platform", "linux/amd64", "x"], 2, "require --image"),
        (["--each-platform", "x"], 2, "require --image"),
        (["--image", "oci-layout:out", "--platform", "linux/amd64", "--each-platform"], 2, "together"),
        (["--image", "oci-layout:out", "--purl"], 2, "together"),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, error: str) -> None:
    result = call("build", *arguments, *TYPE)
    assert (result.code, result.stdout) == (code, b"")
    assert error in result.stderr.decode()


@pytest.mark.parametrize("auth", [None, "basic"])
def test_an_image_in_a_registry(
    auth: Literal["basic"] | None, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with docker_registry(tmp_path / "registry", auth=auth) as registry:
        name = registry.name("acme/app", ":1")
        push(layout.root, name, registry=registry)
        if registry.config is not None:
            refused = call("build", "--image", name, *TYPE)
            assert (refused.code, refused.stdout) == (4, b"")
            monkeypatch.setenv("DOCKER_CONFIG", str(registry.config))
        index = layout.entries[0]["digest"]
        for image in (name, registry.name("acme/app", f"@{index}")):
            [subject] = json.loads(call("build", "--image", image, *TYPE).done().stdout)["subject"]
            assert subject == {"name": registry.name("acme/app"), "digest": {"sha256": index[7:]}}
        one = call("build", "--image", name, "--platform", "linux/arm64", *TYPE).done()
        [subject] = json.loads(one.stdout)["subject"]
        assert subject["digest"] != {"sha256": index[7:]}
        assert call("build", "--image", registry.name("acme/app", ":absent"), *TYPE).code == 3
    assert call("build", "--image", name, *TYPE).code == 4
