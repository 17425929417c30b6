"""Attaching to registries that refuse, forget, are late, or say what is not so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from attest.errors import SignerError
from attest.oci import attaching
from attest.oci.attaching import attach
from attest.oci.attachments import find, referrers_tag
from attest.oci.documents import OCI_INDEX
from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.support.making.images import made, put_image
from tests.support.services.registries import docker_registry, forward, forwarding, with_referrers
from tests.support.services.servers import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.services.registries import Registry
    from tests.support.services.servers import Request


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def has_subject(asked: Request) -> bool:
    return asked.method == "PUT" and "/manifests/" in asked.path and "subject" in json.loads(asked.body)


def test_a_registry_that_acknowledges_the_subject_and_has_no_list_gets_the_tag(registry: Registry) -> None:
    with with_referrers(registry, api=False) as front:  # as ECR did
        store = open_store(parse(front.name("acme/acknowledges")))
        image = put_image(store)
        [attached] = attach(store, image, made(image, 1))
        listed = store.manifest(referrers_tag(image.digest)).manifests
        assert [one.digest for one in listed] == [attached.manifest]


def test_a_registry_with_the_list_that_does_not_say_so_gets_no_tag(registry: Registry) -> None:
    with with_referrers(registry, acknowledges=False) as front:  # as go-containerregistry's
        store = open_store(parse(front.name("acme/silent")))
        image = put_image(store)
        attach(store, image, made(image, 1))
        assert not [path for method, path in front.asked if method == "PUT" and referrers_tag(image.digest) in path]


@pytest.mark.parametrize("status", [405, 400, 403])
def test_a_registry_that_takes_no_subject_says_so_and_has_nothing_listed(registry: Registry, status: int) -> None:
    def refuse(asked: Request) -> Response | None:
        return Response(status, {}, b'{"errors": [{"code": "UNSUPPORTED"}]}') if has_subject(asked) else None

    with forwarding(registry, refuse) as front:  # ECR 405, GitLab 400
        store = open_store(parse(front.name(f"acme/refuses-{status}")))
        image = put_image(store)
        with pytest.raises(SignerError) as refused:
            attach(store, image, made(image, 1))
        assert refused.value.code == ("registry-unauthorized" if status == 403 else "registry-refused")
        assert status == 403 or "--as tag" in (refused.value.hint or "")
        assert list(find(store, image)) == []
        attach(store, image, made(image, 1), as_="tag")
        assert [one.source for one in find(store, image)] == ["cosign-tag"]


def test_a_tag_that_may_not_change_is_named_with_what_is_stored(registry: Registry) -> None:
    written: list[str] = []

    def immutable(asked: Request) -> Response | None:
        if asked.method != "PUT" or "/manifests/sha256-" not in asked.path:
            return None
        written.append(asked.path)
        return Response(400, {}, b'{"errors": [{"code": "TAG_INVALID"}]}') if len(written) > 1 else None

    with forwarding(registry, immutable) as front:
        store = open_store(parse(front.name("acme/immutable")))
        image = put_image(store)
        attach(store, image, made(image, 1))
        with pytest.raises(SignerError, match="TAG_INVALID") as refused:
            attach(store, image, made(image, 2))
    assert refused.value.code == "registry-refused"
    assert "Stored, and not listed: sha256:" in (refused.value.hint or "")


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_list_that_cannot_be_had_is_never_taken_for_none(registry: Registry, status: int) -> None:
    def fail(asked: Request) -> Response | None:
        return Response(status, {"Retry-After": "0"}, b"") if "/referrers/" in asked.path else None

    with forwarding(registry, fail) as front:
        store = open_store(parse(front.name(f"acme/fails-{status}")))
        image = put_image(store)
        with pytest.raises(SignerError):
            attach(store, image, made(image, 1))
        assert not [path for method, path in front.asked if method == "PUT" and "sha256-" in path]


def test_a_list_that_is_late_is_waited_for_and_one_that_never_comes_is_an_error(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attaching, "_WAIT", (0.0, 0.001))
    late = 3
    empty = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()

    with with_referrers(registry) as api:

        def slow(asked: Request) -> Response | None:
            nonlocal late
            if "/referrers/" not in asked.path:
                return None
            late -= 1
            return Response(200, {"Content-Type": OCI_INDEX}, empty) if late > 0 else None

        with forwarding(api, slow) as front:
            store = open_store(parse(front.name("acme/late")))
            image = put_image(store)
            attach(store, image, made(image, 1))
            late = 1000
            with pytest.raises(SignerError, match="does not list it") as refused:
                attach(store, image, made(image, 2))
    assert refused.value.code == "attachment-not-listed"
    assert "sha256:" in (refused.value.hint or "")


def test_a_registry_that_heeds_if_match_is_asked_again(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "_WAIT", (0.0, 0.001))
    refused: list[str] = []

    def strict(asked: Request) -> Response | None:
        if asked.method != "PUT" or "/manifests/sha256-" not in asked.path or "If-Match" not in asked.headers:
            return None
        refused.append(asked.headers["If-Match"])
        return Response(412, {}, b"") if len(refused) < 3 else None

    with forwarding(registry, strict) as front:
        store = open_store(parse(front.name("acme/if-match")))
        image = put_image(store)
        attach(store, image, made(image, 1))
        attach(store, image, made(image, 2))
        assert len(refused) == 3
        assert len(list(find(store, image))) == 2


def test_others_that_never_stop_are_an_error_that_names_what_is_stored(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attaching, "_WAIT", (0.0, 0.001))

    monkeypatch.setattr(attaching, "_ROUNDS", 5)

    def forgets(asked: Request) -> Response | None:
        return Response(201, {}, b"") if asked.method == "PUT" and "/manifests/sha256-" in asked.path else None

    with forwarding(registry, forgets) as front:
        store = open_store(parse(front.name("acme/forgets")))
        image = put_image(store)
        with pytest.raises(SignerError, match="others keep changing the tag") as refused:
            attach(store, image, made(image, 1))
    assert refused.value.code == "attachment-not-listed"


def test_an_answer_of_the_tag_that_is_the_image_itself_is_no_list(registry: Registry) -> None:
    def resolve(asked: Request) -> Response | None:  # as GitLab: the tag is taken for the digest in it
        path = asked.path
        if asked.method != "GET" or "/manifests/sha256-" not in path or path.endswith(".att"):
            return None
        answer = forward(registry, asked)
        return (
            answer
            if answer.status == 200
            else forward(registry, asked._replace(path=path.replace("sha256-", "sha256:")))
        )

    with forwarding(registry, resolve) as front:
        store = open_store(parse(front.name("acme/resolves")))
        image = put_image(store)
        attach(store, image, made(image, 1))
        assert len(list(find(store, image))) == 1
