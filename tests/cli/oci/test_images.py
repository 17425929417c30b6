"""`attest oci` and `attest verify --image`, with a registry on loopback and with layouts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from attest.certificates.material import KIND
from attest.converting import attachable
from attest.errors import InputError
from attest.oci.attaching import attach
from attest.oci.attachments import referrers_tag
from attest.oci.documents import OCI_MANIFEST, digest_of
from attest.oci.reference import parse
from attest.oci.store import open_store, parse_unambiguous
from attest.sources import image
from attest.timestamps.authorities import EXTENSION
from tests.support.cli.calls import SCHEMA, call
from tests.support.making.images import (
    STRANGER,
    about,
    empty_layout,
    made,
    push_image,
    put_as_others,
    put_image,
    put_index,
    put_referrers,
    trust,
)
from tests.support.missing import missing
from tests.support.services.registries import docker_registry, forward, forwarding, with_referrers
from tests.support.services.servers import Response, absent, silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.oci.documents import ImageDocument
    from attest.oci.store import Store
    from tests.support.services.registries import Registry
    from tests.support.services.servers import Request

RESULT = Draft202012Validator(json.loads(SCHEMA.read_text()))
NOW = ("--now", "2026-06-01T13:00:00Z")
REPOSITORY = Path(__file__).parents[3]
# In a process of its own: other threads and tests of this one would be measured too.
MEASURED = """
import sys, tracemalloc
from tests.support.cli.calls import call
tracemalloc.start()
found = call("verify", "--image", sys.argv[1], "--trust", "trust.json", *sys.argv[2:])
print(found.stdout.count(b"verified: "), tracemalloc.get_traced_memory()[1])
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_trust_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trust.json").write_bytes(trust().to_json())


def verify(image: str, *options: str) -> Any:
    return call("verify", "--image", image, "--trust", "trust.json", *NOW, *options)


def write(image: ImageDocument, *numbers: int) -> list[str]:
    for number in numbers:
        Path(f"{number}.json").write_bytes(about(image.digest, number).to_json())
    return [f"{number}.json" for number in numbers]


def layout(*tags: str) -> tuple[str, Store, list[ImageDocument]]:
    """A new layout with an image for each tag."""
    name = empty_layout(Path(f"layout-{'-'.join(tags)}"))
    store = open_store(parse(name))
    return name, store, [put_image(store, tag, number) for number, tag in enumerate(tags)]


def test_an_image_from_attaching_to_verifying(registry: Registry) -> None:
    name = registry.name("acme/whole")
    image = push_image(name)
    files = write(image, 1, 2)
    attached = call("oci", "attach", f"{name}:1", *files, "--as", "both", "--format", "json").done().json
    assert attached["image"] == {"name": f"{name}@{image.digest}", "digest": image.digest, "mediaType": OCI_MANIFEST}
    assert [(one["attestation"], one["place"], one["new"]) for one in attached["attached"]] == [
        *((file, "referrer", True) for file in files),
        *((file, "tag", True) for file in files),
    ]
    again = call("oci", "attach", f"oci://{name}:1", *files).done().stdout.decode()
    assert again.splitlines()[0] == f"image: {name}@{image.digest}"
    assert again.count("already attached: ") == 2
    listed = call("oci", "list", f"{name}:1", "--format", "json").done().json["unverified"]["attachments"]
    assert [(one["source"], one["kind"]) for one in listed] == [
        ("fallback-tag", "sigstore-bundle"),
        ("fallback-tag", "sigstore-bundle"),
        ("cosign-tag", "dsse"),
        ("cosign-tag", "dsse"),
    ]
    assert {one["predicateType"] for one in listed} == {"https://example.com/predicate/v1"}
    shown = call("oci", "fetch", f"{name}:1", "--format", "json").json
    for result in (attached, shown, verify(f"{name}:1", "--format", "json").json):
        RESULT.validate(result)
    assert [one.get("mediaType", "")[:39] for one in shown["fetched"]] == [
        *["application/vnd.dev.sigstore.bundle.v0."] * 2,
        "",
        "",
    ]
    fetched = call("oci", "fetch", f"{name}:1", "-o", "all.jsonl")
    assert (fetched.code, fetched.prose) == (0, [f"attest: note: image: {name}@{image.digest}"])
    read = call("verify", "all.jsonl", "--trust", "trust.json", *NOW, "--artifact", image.digest, "--format", "json")
    verified = verify(f"{name}:1", "--format", "json")
    assert read.code == verified.code == 0
    assert verified.json["image"]["digest"] == image.digest
    assert [one["artifact"] for one in verified.json["artifacts"]] == [f"{name}@{image.digest}"]
    for result in (read.json, verified.json):
        good = [one for one in result["envelopes"] if one["result"] == "verified"]
        assert [one["statement"]["predicate"]["number"] for one in good] == [1, 2]
        assert result["ignored"] == {"number": 2, "codes": {"attestation-repeated": 2}}
    text = verify(f"{name}:1")
    assert text.stdout.decode().splitlines()[-1] == f"image: {name}@{image.digest}"
    assert text.prose[0] == f"attest: note: image: {name}@{image.digest}"


def test_what_is_attached_is_a_collection_beside_files_and_artifacts() -> None:
    name, store, [image] = layout("1")
    attach(store, image, made(image, 1))
    attach(store, image, [attachable(about(image.digest, 2, by=STRANGER))])
    attach(store, image, [attachable(about("sha256:" + "0" * 64, 3))], any_subject=True)
    found = verify(name, "--format", "json").json
    assert (found["result"], found["ignored"]["codes"]) == (
        "verified",
        {"artifact-mismatch": 1, "threshold-not-met": 1},
    )
    assert verify(name, "--strict").code == 1
    assert verify(name, "--jobs", "2", "--format", "json").json["ignored"] == found["ignored"]
    Path("app.whl").write_bytes(b"app")
    assert verify(name, "--artifact", "app.whl", "--format", "json").json["code"] == "artifact-not-covered"
    covering = about(digest_of(b"app"), 4)
    Path("app.json").write_bytes(covering.to_json())
    both = call("verify", "app.json", "--image", name, "--artifact", "app.whl", "--trust", "trust.json", *NOW)
    assert both.code == 0
    assert call("verify", "app.json", "--image", name, "--trust", "trust.json", *NOW).code == 1  # it is about neither
    Path("policy.toml").write_text(
        '[[require]]\nid = "p"\ntype = "https://example.com/predicate/v1"\nanchors = ["release"]\n'
    )
    assert verify(name, "--policy", "policy.toml").code == 0
    refused = verify(name, "--type", "https://example.com/other/v1")
    assert (refused.code, "predicate-type-mismatch" in refused.prose[-2]) == (1, True)


def test_an_image_without_attestations_is_undecided_and_says_where_to_look() -> None:
    name, _, [image] = layout("1")
    none = verify(name, "--format", "json")
    assert (none.code, none.json["code"]) == (3, "envelope-missing")
    assert none.json["image"]["digest"] == image.digest
    assert "attest oci list" in none.json["hint"]
    assert call("oci", "list", name).done().stdout.decode().splitlines()[1] == "nothing is attached"
    fetched = call("oci", "fetch", name)
    fetched.refused(3, "envelope-missing", hint=True)
    assert f"Run `attest oci list {name}@{image.digest}`" in fetched.stderr.decode()


@pytest.mark.parametrize("name", ["registry.example.com/acme/app:1", "oci-layout:out/app:1"])
def test_an_image_that_is_named_as_a_file_is_told_the_option(name: str) -> None:
    layout("1")
    Path("some.json").write_bytes(about(digest_of(b"app")).to_json())
    Path("some.jsonl").write_bytes(about(digest_of(b"app")).to_json())
    command = ("--trust", "trust.json", *NOW)
    for arguments in (
        (name, "--no-artifact"),
        ("some.json", "--artifact", name),
        ("some.jsonl", "--artifact", name),
    ):
        ran = call("verify", *arguments, *command)
        ran.refused(3, "(file-unreadable)", hint=True)
        assert f"--image {name}" in ran.prose[-1]
    assert f"--image {name}" in call("verify", name, *command).prose[-1]
    missing = call("verify", "some.json", "--artifact", "dist/missing.whl", *command)
    missing.refused(3, "(file-unreadable)", hint=True)
    assert "--image" not in missing.prose[-1]


def test_a_layout_that_is_named_as_a_directory_is_told_the_option() -> None:
    layout("1")
    ran = call("verify", "layout-1", "--no-artifact", "--trust", "trust.json", *NOW)
    assert ran.code == 3
    assert any("--image oci-layout:DIRECTORY" in line for line in ran.prose), ran.prose


def test_an_index_and_its_platforms_are_different_images() -> None:
    name = empty_layout(Path("index"))
    store = open_store(parse(name))
    index = put_index(store, "1", "linux/amd64", "linux/arm64")
    attach(store, index, made(index, 1))
    assert verify(f"{name}:1").code == 0
    child = verify(f"{name}:1", "--platform", "linux/arm64", "--format", "json")
    assert (child.code, child.json["code"]) == (3, "envelope-missing")
    assert child.json["image"]["digest"] == index.manifests[1].digest
    alone = put_index(store, "2", "linux/amd64", "linux/s390x")
    assert "--platform" in verify(f"{name}:2", "--format", "json").json["hint"], alone.digest
    write(index, 9)
    refused = call("oci", "attach", f"{name}:1", "9.json", "--platform", "linux/arm64")
    refused.refused(1, "(artifact-mismatch)", hint=True)
    Path("child.json").write_bytes(about(index.manifests[1].digest, 2).to_json())
    call("oci", "attach", f"{name}:1", "child.json").refused(1, "linux/arm64", hint=True)
    call("oci", "attach", f"{name}:1", "child.json", "--platform", "linux/arm64").done()
    assert verify(f"{name}:1", "--platform", "linux/arm64").code == 0
    assert verify(f"{name}:1", "--platform", "linux/s390x").code == 3
    call("verify", "child.json", "--platform", "linux/arm64", "--trust", "trust.json", "--no-artifact").refused(
        2, "--platform requires --image"
    )


def test_statements_of_each_platform_are_attached_in_one_call() -> None:
    name = empty_layout(Path("platforms"))
    store = open_store(parse(name))
    index = put_index(store, "1", "linux/amd64", "linux/arm64")
    digests = [one.digest for one in index.manifests]
    attestations = [about(digest, number).to_json() for number, digest in enumerate(digests)]
    Path("each.jsonl").write_bytes(b"\n".join(attestations))
    subjects = [{"name": digest, "digest": {"sha256": digest.removeprefix("sha256:")}} for digest in digests]
    Path("all.json").write_bytes(about(index.digest, subject=subjects).to_json())
    write(index, 7)
    Path("none.json").write_bytes(about("sha256:" + "0" * 64).to_json())
    for other, hint in (("7.json", "leave out --each-platform"), ("none.json", "Name the image")):
        refused = call("oci", "attach", f"{name}:1", "each.jsonl", other, "--each-platform")
        refused.refused(1, "(artifact-mismatch)", hint=True)
        assert hint in refused.stderr.decode()
    for digest in digests:
        assert call("oci", "list", f"{name}@{digest}").done().stdout.count(b"\n") == 2  # nothing was attached
    given = ("oci", "attach", f"{name}:1", "each.jsonl", "all.json", "--each-platform")
    attached = call(*given, "--as", "both", "--format", "json").done().json
    RESULT.validate(attached)
    assert [(one["attestation"], one["image"], one["place"]) for one in attached["attached"]] == [
        (file, digest, place)
        for number, digest in enumerate(digests)
        for place in ("referrer", "tag")
        for file in (f"each.jsonl:{number + 1}", "all.json")
    ]
    again = call(*given).done().stdout.decode().splitlines()
    assert [line for line in again if line.startswith("already attached: ")] == [
        *("already attached: each.jsonl:1", "already attached: all.json"),
        *("already attached: each.jsonl:2", "already attached: all.json"),
    ]
    assert f"  platform        {digests[0]} (linux/amd64)" in again
    for platform in ("linux/amd64", "linux/arm64"):
        assert verify(f"{name}:1", "--platform", platform, "--format", "json").json["result"] == "verified"
    assert verify(f"{name}:1").code == 3  # nothing is about the index
    call("oci", "attach", f"{name}@{digests[0]}", "each.jsonl", "--each-platform").refused(3, "(platform-unknown)")
    for option in (("--platform", "linux/amd64"), ("--any-subject",)):
        call(*given, *option).refused(2, "cannot be used together")


def test_what_cosign_v2_cannot_see_under_its_tag_is_named() -> None:
    name, _, [image] = layout("1")
    [signature] = about(image.digest).signatures
    material = {"kind": f"{KIND}0.3", "ext": {"publicKey": {}, "tlogEntries": [{"logIndex": "1"}]}}
    entry = {**signature.to_dict(), EXTENSION: material}
    envelope = replace(about(image.digest), signatures=(replace(signature, fields=entry),), raw=None)
    Path("app.json").write_bytes(envelope.to_json())
    attached = call("oci", "attach", f"{name}:1", "app.json", "--as", "tag")
    assert (attached.code, attached.prose) == (
        0,
        [
            "attest: warning: app.json: cosign v2 will not see this under the tag: a log entry without a signed entry "
            "timestamp"
        ],
    )
    assert call("oci", "attach", f"{name}:1", "app.json").prose == []


def test_the_short_name_of_an_image_that_is_a_layout_too_is_not_asked_for() -> None:
    name, _, _ = layout("1")
    plain = name.removeprefix("oci-layout:")
    Path("statements").mkdir()  # a folder that is no layout is in nobody's way
    for text in (plain, f"{plain}:1", f"{plain}@sha256:{'0' * 64}"):
        refused = call("oci", "list", text)
        refused.refused(2, "is both an image of the registry docker.io and an OCI image layout")
        assert f"oci-layout:{text}" in refused.stderr.decode()
        assert f"oci://{text}" in refused.stderr.decode()
        call("build", "--image", text, "--type", "release").refused(2, "OCI image layout")
        with pytest.raises(InputError) as caught:
            image(text)
        assert caught.value.code == "name-ambiguous"
    assert parse_unambiguous(f"oci://{plain}").host == parse_unambiguous("statements").host == "docker.io"


def test_a_layout_is_no_directory_to_verify() -> None:
    name, _, [found] = layout("1")
    write(found, 1)
    verified = ("verify", "1.json", "--trust", "trust.json", *NOW, "--artifact", name.removeprefix("oci-layout:"))
    call(*verified).refused(3, "(directory-is-layout)", hint=True)


def test_wrong_command_lines() -> None:
    call("verify", "--trust", "trust.json").refused(2, "--image")
    call("verify", "--trust", "trust.json", "--image", "app", "--no-artifact").refused(2, "cannot be used together")
    call("verify", "--trust", "trust.json", "--image", "UPPER/app").refused(2, "--image")
    call("oci", "list", "https://registry.example.com/app").refused(2, "IMAGE")
    call("oci", "attach", "oci-layout:x", "-", "-").refused(2, "only once")


def test_a_registry_that_is_away_is_never_a_no(registry: Registry) -> None:
    away = absent().removeprefix("http://")
    for words in (["verify", "--trust", "trust.json", "--image"], ["oci", "list"], ["oci", "fetch"]):
        call(*words, f"{away}/app:1").refused(4, "(registry-unavailable)")
    with silent() as url:
        name = f"{url.removeprefix('http://')}/app:1"
        call("oci", "list", name, "--registry-timeout", "1").refused(4, "(registry-unavailable)")
    nothing = call("oci", "list", registry.name("acme/nothing", ":1"), "--registry-auth-file", "none.json")
    nothing.refused(3, "(image-not-found)", hint=True)
    assert "if you are not allowed to see the image" in nothing.stderr.decode()
    assert "Files that would be read: none.json (missing)" in nothing.stderr.decode()


@pytest.mark.parametrize("part", ["/referrers/", "/manifests/sha256-", "/blobs/", "/manifests/sha256:"])
def test_a_registry_that_fails_in_the_middle_is_never_a_no(registry: Registry, part: str) -> None:
    name = f"acme/middle-{len(part)}"
    image = push_image(registry.name(name))
    attach(open_store(parse(registry.name(name))), image, made(image, 1, 2), as_="both")

    def fail(asked: Request) -> Response | None:
        return Response(502, {}, b"") if part in asked.path else None

    with forwarding(registry, fail) as front:
        failed = verify(front.name(name, ":1"), "--format", "json")
    assert (failed.code, failed.json["code"]) == (4, "registry-unavailable")
    assert failed.json["image"]["digest"] == image.digest


def test_wrong_bytes_of_an_attestation_are_set_aside_and_of_the_image_end_the_call(registry: Registry) -> None:
    name = "acme/wrong"
    image = push_image(registry.name(name))

    def lie(asked: Request) -> Response | None:
        return Response(200, {}, given[1].data.ljust(len(given[0].data))) if asked.path.endswith(wrong) else None

    with with_referrers(registry) as api, forwarding(api, lie) as front:
        given = put_as_others(open_store(parse(api.name(name))), image, 1, 2)
        wrong = digest_of(given[0].data)
        found = verify(front.name(name, ":1"), "--format", "json").json
        assert (found["result"], found["ignored"]["codes"]) == ("verified", {"digest-mismatch": 1})
    wrong = image.digest
    with forwarding(registry, lie) as front:
        verify(front.name(name, f"@{image.digest}")).refused(3, "(digest-mismatch)")


def test_a_tag_is_resolved_once(registry: Registry) -> None:
    """Whoever moves the tag after that changes nothing: what is verified is what is printed."""
    name = "acme/moves"
    store = open_store(parse(registry.name(name)))
    image, other = put_image(store, "1", 1), put_image(store, "2", 2)
    attach(store, image, made(image, 1))
    asked_for = 0

    def move(asked: Request) -> Response | None:
        nonlocal asked_for
        if not asked.path.endswith("/manifests/1"):
            return None
        asked_for += 1
        moved = asked._replace(path=asked.path[:-1] + "2")
        return forward(registry, moved) if asked_for > 1 else None

    with forwarding(registry, move) as front:
        found = verify(front.name(name, ":1"), "--format", "json").json
        assert (found["result"], found["image"]["digest"], asked_for) == ("verified", image.digest, 1)
        attach_again = call("oci", "attach", front.name(name, ":1"), *write(other, 7))
        assert (attach_again.code, asked_for) == (0, 2)


def test_an_image_is_fetched_before_a_yes(registry: Registry) -> None:
    """Attestations stay when an image is deleted."""
    name = "acme/deleted"
    store = open_store(parse(registry.name(name)))
    image = put_image(store)
    attach(store, image, made(image, 1))

    def gone(asked: Request) -> Response | None:
        return Response(404, {}, b"") if asked.path.endswith(f"/manifests/{image.digest}") else None

    with forwarding(registry, gone) as front:
        verify(front.name(name, f"@{image.digest}")).refused(3, "(image-not-found)")


def test_what_verifying_asks_a_registry_for(registry: Registry) -> None:
    """The image, three lists, and each attestation's manifest, and its content if it is not in that: nothing twice."""
    name, number = "acme/counted", 16
    together = Barrier(4)

    def wait(asked: Request) -> Response | None:
        if "/blobs/" in asked.path and asked.method == "GET":
            together.wait(timeout=30)
        return None

    with with_referrers(registry) as api:
        store = open_store(parse(api.name(name)))
        image = put_image(store)
        attach(store, image, made(image, *range(100, 104)))
        with forwarding(api, wait) as front:
            assert verify(front.name(name, ":1")).code == 0
            assert len(front.asked) == len(set(front.asked)) == 4 + 4
        put_as_others(store, image, *range(number))
        with forwarding(api, wait) as front:
            assert verify(front.name(name, ":1")).code == 0
            assert len(front.asked) == len(set(front.asked)) == 4 + 4 + 2 * number


@pytest.mark.parametrize("has_digest", [False, True])
def test_what_is_asked_for_at_the_same_time(registry: Registry, has_digest: bool) -> None:
    """The lists, and with a digest the image too; what stands in for a list that there is is not waited for."""
    name = f"acme/at-once-{has_digest}".lower()
    together = Barrier(4 if has_digest else 3)
    over = Event()

    def wait(asked: Request) -> Response | None:
        is_list = "/referrers/" in asked.path or "/manifests/sha256-" in asked.path
        if is_list or asked.path.endswith(f"/manifests/{pushed.digest}"):
            together.wait(timeout=30)
        if asked.path.endswith(referrers_tag(pushed.digest)):
            over.wait(timeout=30)
            return Response(502, {}, b"")
        return None

    with with_referrers(registry) as api:
        store = open_store(parse(api.name(name)))
        pushed = put_image(store)
        attach(store, pushed, made(pushed, 1))
        with forwarding(api, wait) as front:
            reference = f"@{pushed.digest}" if has_digest else ":1"
            try:
                assert verify(front.name(name, reference)).code == 0
            finally:
                over.set()


def test_too_much_beside_an_image_is_undecided_and_can_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    name, store, [image] = layout("1")
    put_referrers(store, image, 3)
    monkeypatch.setattr("attest.oci.attachments.MAX_REFERRERS", 2)
    undecided = verify(name, "--format", "json")
    assert (undecided.code, undecided.json["code"]) == (3, "too-many-attestations")
    listed = call("oci", "list", name, "--format", "json")
    assert (listed.code, listed.json["code"]) == (3, "too-many-attestations")
    assert len(listed.json["unverified"]["attachments"]) == 2
    RESULT.validate(listed.json)
    text = call("oci", "list", name)
    text.refused(3, "(too-many-attestations)", hint=True)
    assert text.stdout.count(b"Sigstore bundle: ") == 2


def test_a_manifest_with_too_many_layers_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    name, store, [image] = layout("1")
    attach(store, image, made(image, 1))
    attach(store, image, made(image, 2, 3), as_="tag")
    monkeypatch.setattr("attest.oci.documents.MAX_LAYERS", 1)
    found = verify(name, "--format", "json").json
    # What cannot be read may be a referrer too.
    assert (found["result"], found["ignored"]["codes"]) == ("verified", {"image-invalid": 2})
    problem = call("oci", "list", name).done().stdout.decode()
    assert "more than 1 layers" in problem


@pytest.mark.slow
def test_five_hundred_attestations_need_no_more_memory_than_fifty() -> None:
    """But for what is remembered of each to find copies; each attestation has 20 KiB, the 450 more have 9 MiB."""
    peaks = []
    for number in (50, 500):
        name, store, [image] = layout(str(number))
        put_referrers(store, image, number, text="x" * 10_000)
        command = [sys.executable, "-c", MEASURED, name, *NOW]
        ran = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
        verified, peak = map(int, ran.stdout.split())
        assert verified == number
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 3 << 20, peaks


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("blob-bytes-changed", "(digest-mismatch)"),
        ("predicate-annotation-lies", "but the statement has another type"),
        ("reference-swapped", "it is attached to sha256:"),
    ],
)
def test_a_list_of_unsigned_statements_shows_what_is_in_them(name: str, shown: str) -> None:
    data = Path(__file__).parents[4] / "shared" / "data" / "oci" / "derived" / name
    if not data.is_dir():
        missing("the layouts in shared/data/oci")
    listed = call("oci", "list", f"oci-layout:{data}").done().stdout.decode()
    assert shown in listed
    assert "statement: application/" not in listed
