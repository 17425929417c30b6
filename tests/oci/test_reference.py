"""Names of images: what is read, what is refused, and what comes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import InputError
from attest.oci.reference import ImageReference, is_probable, parse, repository_of
from tests.fuzz.oracle import attempt
from tests.support.examples import examples

A = f"sha256:{'a' * 64}"
LONG = f"sha512:{'b' * 128}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("acme/app:1", "docker.io/acme/app:1"),
        ("docker.io/alpine:3", "docker.io/library/alpine:3"),
        ("index.docker.io/acme/app", "docker.io/acme/app:latest"),
        ("foo:5000", "docker.io/library/foo:5000"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
        ("GHCR.io/org/image", "ghcr.io/org/image:latest"),
        (f"ghcr.io/o/i@{A}", f"ghcr.io/o/i@{A}"),
        (f"ghcr.io/o/i:1@{LONG}", f"ghcr.io/o/i:1@{LONG}"),
        ("oci://ghcr.io/o/i:1", "ghcr.io/o/i:1"),
        ("docker://alpine", "docker.io/library/alpine:latest"),
    ],
)
def test_a_name_in_a_registry(text: str, expected: str) -> None:
    found = parse(text)
    assert (found.scheme, str(found)) == ("registry", expected)
    assert parse(str(found)) == found


def test_the_digest_decides_over_the_tag_and_the_name_has_neither() -> None:
    found = parse(f"ghcr.io/o/i:1@{A}")
    assert (found.reference, found.name) == (A, "ghcr.io/o/i")
    assert parse(f"ghcr.io/o/i@{A}").tag is None
    assert str(parse("ghcr.io/o/i:1").at(A)) == f"ghcr.io/o/i@{A}"


@pytest.mark.parametrize(
    ("text", "path", "tag", "digest"),
    [
        ("oci-layout:out", "out", None, None),
        ("oci-layout:./a b:1.2", "./a b", "1.2", None),
        ("oci-layout:/x/y:docker.io/acme/app:1", "/x/y", "docker.io/acme/app:1", None),
        (f"oci-layout:out@{A}", "out", None, A),
        ("oci-layout:a@b", "a@b", None, None),
    ],
)
def test_a_name_in_a_layout(text: str, path: str, tag: str | None, digest: str | None) -> None:
    assert parse(text) == ImageReference("layout", path=path, tag=tag, digest=digest)
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Alpine",
        "ghcr.io/",
        "ghcr.io/a//b",
        "ghcr.io/../a",
        "ghcr.io/a/.b",
        "a:b:c",
        "a b",
        "alpine\n",
        "a@sha256:12",
        f"a@md5:{'a' * 32}",
        f"a@sha256:{'A' * 64}",
        f"a@{A}@{A}",
        "user@ghcr.io/a",
        "[zz]/a",
        "[127.0.0.1]/a",
        "host:99999/a",
        "host:0/a",
        "-a.b/c",
        "gh\u212ar.io/a",  # its lower case is ASCII
        "a" * 300,
        "x/" * 200 + "a",
        "https://ghcr.io/a",
        "oci:dir:tag",
        "docker-archive:a.tar",
        "oci-layout:",
        "oci-layout::tag",
        "oci-layout:a\0b",
        "oci-layout:a:b c",
        f"oci-layout:out@sha256:{'a' * 63}",
        f"sha256:{'a' * 64}",
        f"oci://sha256:{'a' * 64}",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.code == "image-reference-invalid"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ghcr.io/acme/app", True),
        ("acme/app:1", True),
        (f"acme/app@sha256:{'a' * 64}", True),
        ("oci-layout:out", True),
        ("dist/app.whl", False),
        ("app.intoto.json", False),
        (f"sha256:{'a' * 64}", False),
        ("./acme/app:1", False),
    ],
)
def test_what_is_more_probably_an_image_than_a_file(text: str, *, expected: bool) -> None:
    assert is_probable(text) is expected


@pytest.mark.parametrize("text", ["./plain", "../plain", "/abs/plain", "/plain:1"])
def test_a_path_is_no_image_and_the_hint_is_its_layout(text: str) -> None:
    with pytest.raises(InputError, match="a path is not the name of an image") as caught:
        parse(text)
    assert caught.value.hint == f"Write oci-layout:{text} for a layout."


@pytest.mark.parametrize("text", ["docker-archive:a.tar", "oci:dir:tag", "https://ghcr.io/a", "ocidir://x"])
def test_names_of_other_programs_are_explained(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.hint


def test_docker_hub_is_asked_under_another_name() -> None:
    assert parse("alpine").api_host == "registry-1.docker.io"
    assert parse("ghcr.io/a").api_host == "ghcr.io"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("docker.io/library/test-image:test", "docker.io/library/test-image"),
        ("localhost:5000/org/image", "localhost:5000/org/image"),
        (f"ghcr.io/org/image@{A}", "ghcr.io/org/image"),
        ("v1.51.0", None),
        ("latest", None),
        ("oci-layout:a/b", None),
        ("A/B", None),
    ],
)
def test_which_names_in_a_layout_are_repositories(text: str, name: str | None) -> None:
    found = repository_of(text)
    assert (found.name if found else None) == name


@given(st.text(alphabet="aB0.:/@-_[]\u212a sha256", max_size=60))
@examples(400)
def test_whatever_is_read_reads_the_same_again(text: str) -> None:
    found = attempt(lambda: parse(text))
    if found is not None:
        assert parse(str(found)) == found
        assert "/../" not in f"/{found.repository}/"
