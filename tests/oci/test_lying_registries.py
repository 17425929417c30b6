"""What the client does when a registry, or who stands in its place, answers otherwise than it should."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from attest.errors import AttestError, InputError, SignerError
from attest.oci import auth
from attest.oci.documents import OCI_INDEX, OCI_MANIFEST, digest_of
from tests.support.services.lying_registries import BLOB, DIGEST, EMPTY_INDEX, INDEX, SECRET, Recorder, store
from tests.support.services.servers import Request, Response, responding, silent, trickling

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_pauses")


# Bytes


@pytest.mark.parametrize("body", [b"contenT", b"content and more", b"", b"x" * (1 << 17)])
def test_other_bytes_than_the_digest_are_refused(body: bytes) -> None:
    with responding(Recorder(Response(200, {"Content-Type": OCI_INDEX}, body))) as url:
        for read in (lambda: store(url).manifest(DIGEST), lambda: store(url).blob(BLOB, 100)):
            with pytest.raises(InputError) as raised:
                read()
            assert raised.value.code in ("digest-mismatch", "image-invalid")


def test_what_a_registry_says_of_the_digest_is_not_used() -> None:
    headers = {"Content-Type": OCI_INDEX, "Docker-Content-Digest": digest_of(b"another")}
    with responding(Recorder(Response(200, headers, EMPTY_INDEX))) as url:
        assert store(url).manifest("1").digest == DIGEST


def test_a_manifest_without_end_is_refused() -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1 << 12):
            sent += 1 << 16
            yield b" " * (1 << 16)

    def endless(_: Request) -> Response:
        return Response(200, {"Content-Type": OCI_INDEX}, pieces())

    with responding(endless) as url:
        for read in (lambda: store(url).manifest("1"), lambda: store(url).referrers(DIGEST)):
            with pytest.raises(InputError, match="larger than 4 MiB"):
                read()
        # Of the rest only what the buffers of two connections hold.
        assert sent < 64 << 20


def test_a_blob_above_the_limit_is_not_asked_for() -> None:
    recorder = Recorder(INDEX)
    with responding(recorder) as url, pytest.raises(InputError) as raised:
        store(url).blob(BLOB, 6)
    assert (raised.value.code, recorder.asked) == ("file-too-large", [])


def test_nothing_is_decompressed() -> None:
    recorder = Recorder(Response(200, {"Content-Type": OCI_INDEX, "Content-Encoding": "gzip"}, EMPTY_INDEX))
    with responding(recorder) as url, pytest.raises(AttestError, match="compressed"):
        store(url).manifest("1")
    assert {asked.headers["Accept-Encoding"] for asked in recorder.asked} == {"identity"}


# Status


@pytest.mark.parametrize("status", [400, 404, 406])
def test_there_is_no_referrers_api(status: int) -> None:
    with responding(Recorder(Response(status))) as url:
        assert store(url).referrers(DIGEST) is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "registry-unauthorized"),
        (403, "registry-unauthorized"),
        (405, "registry-refused"),
        (418, "registry-refused"),
        (204, "registry-refused"),
        (429, "registry-unavailable"),
        (500, "registry-unavailable"),
        (503, "registry-unavailable"),
    ],
)
def test_an_error_is_never_taken_for_none(status: int, code: str) -> None:
    with responding(Recorder(Response(status))) as url:
        for read in (
            lambda: store(url).referrers(DIGEST),
            lambda: store(url).manifest("1"),
            lambda: store(url).blob(BLOB, 9),
        ):
            with pytest.raises(SignerError) as raised:
                read()
            assert raised.value.code == code
            assert "--as" not in (raised.value.hint or ""), "only attaching has that option"
            assert (raised.value.hint or "").startswith("Try again later") is (code == "registry-unavailable")


def test_what_may_be_tried_again_is_tried_again() -> None:
    answers = iter([Response(503), Response(429, {"Retry-After": "0"}), INDEX])
    with responding(lambda _: next(answers)) as url:
        assert store(url).manifest("1").digest == DIGEST


def test_a_tag_and_an_upload_are_written_once() -> None:
    recorder = Recorder(lambda asked: Response(404 if asked.method == "HEAD" else 500))
    with responding(recorder) as url:
        client = store(url)
        for push in (
            lambda: client.push_manifest(EMPTY_INDEX, OCI_INDEX, tag="1"),
            lambda: client.push_blob(b"content", "x/y"),
        ):
            with pytest.raises(SignerError):
                push()
        assert [asked.method for asked in recorder.asked] == ["PUT", "HEAD", "POST"]
        recorder.asked.clear()
        with pytest.raises(SignerError):
            client.push_manifest(EMPTY_INDEX, OCI_INDEX)
        assert [asked.method for asked in recorder.asked] == ["PUT"] * 3


def test_a_tag_is_not_written_again_after_the_connection_broke() -> None:
    def drop(_: Request) -> Response:
        raise ConnectionResetError

    recorder = Recorder(drop)
    with responding(recorder) as url:
        for tag, times in (("1", 1), (None, 3)):
            recorder.asked.clear()
            with pytest.raises(SignerError) as raised:
                store(url).push_manifest(EMPTY_INDEX, OCI_INDEX, tag=tag)
            assert (raised.value.code, len(recorder.asked)) == ("registry-unavailable", times)


def test_a_long_wait_is_not_waited_for() -> None:
    recorder = Recorder(Response(429, {"Retry-After": "3600"}))
    with responding(recorder) as url, pytest.raises(SignerError, match="asks to wait 3,600 seconds"):
        store(url).manifest("1")
    assert len(recorder.asked) == 1


def test_a_tag_that_was_changed_says_so() -> None:
    recorder = Recorder(Response(412))
    with responding(recorder) as url, pytest.raises(InputError) as raised:
        store(url).push_manifest(EMPTY_INDEX, OCI_INDEX, tag="1", if_match='"old"')
    assert raised.value.code == "image-changed"
    assert recorder.asked[0].headers["If-Match"] == '"old"'


def test_the_text_of_an_error_is_not_shown() -> None:
    body = json.dumps({"errors": [{"code": "TAG_INVALID", "message": SECRET}]}).encode()
    with (
        responding(Recorder(Response(400, {}, body))) as url,
        pytest.raises(SignerError, match="TAG_INVALID") as raised,
    ):
        store(url).push_manifest(EMPTY_INDEX, OCI_INDEX, tag="1")
    assert SECRET not in str(raised.value.__dict__)
    assert "sha256-" in str(raised.value.hint)


# Lists


def page(link: str) -> Response:
    """A page of referrers that names the next one."""
    return Response(200, {"Content-Type": OCI_INDEX, "Link": link}, EMPTY_INDEX)


def test_pages_have_an_end() -> None:
    recorder = Recorder(page('</v2/acme/app/referrers/x?n=1>; rel="next"'))
    with responding(recorder) as url, pytest.raises(InputError, match="20 pages"):
        store(url).referrers(DIGEST)
    assert len(recorder.asked) == 20


def test_referrers_have_an_end() -> None:
    entry = {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 1}
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 1500}).encode()
    many = Recorder(Response(200, {"Content-Type": OCI_INDEX, "Link": '</v2/next>; rel="next"'}, body))
    with responding(many) as url:
        assert len(store(url).referrers(DIGEST) or ()) == 1001  # so many that whoever asks knows that there are more
    assert len(many.asked) == 1


def test_all_answers_together_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.oci._http.MAX_IN_ALL", 20)
    with responding(Recorder(Response(200, {}, b"content"))) as url:
        registry = store(url)
        for _ in range(2):
            assert registry.blob(BLOB, 100) == b"content"
        with pytest.raises(SignerError, match="together are larger than 20 bytes") as raised:
            registry.blob(BLOB, 100)
    assert (raised.value.code, "oci list" in str(raised.value.hint)) == ("registry-unavailable", True)


def test_the_next_page_is_not_looked_for_at_another_host() -> None:
    elsewhere = Recorder(page('<http://127.0.0.1:9/next>; rel="next"'))
    with responding(elsewhere) as url, pytest.raises(InputError, match="another host"):
        store(url).referrers(DIGEST)


def test_a_link_that_is_too_long_is_not_taken_for_the_last_page() -> None:
    with responding(Recorder(page("<>;" * 20_000))) as url, pytest.raises(InputError, match="too long"):
        store(url).referrers(DIGEST)


def test_a_list_that_fails_in_the_middle_is_no_list() -> None:
    answers = iter([page('</next>; rel="next"'), Response(404)])
    with responding(lambda _: next(answers)) as url, pytest.raises(SignerError, match="404"):
        store(url).referrers(DIGEST)


@pytest.mark.parametrize("body", [b"<html></html>", b"[]", b"{}", b'{"manifests": {}}'])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with responding(Recorder(Response(200, {"Content-Type": OCI_INDEX}, body))) as url, pytest.raises(InputError):
        store(url).referrers(DIGEST)


# Time


def test_a_registry_that_says_nothing_or_goes_on_for_ever_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.oci._http._TRIES", 1)
    for server in (silent, trickling):
        with server() as url, pytest.raises(SignerError) as raised:
            store(url, timeout=0.3).manifest("1")
        assert raised.value.code == "registry-unavailable"


def test_all_requests_together_have_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.oci._http.IN_ALL", 0.0)
    recorder = Recorder(INDEX)
    with responding(recorder) as url, pytest.raises(SignerError, match="all requests together"):
        store(url).manifest("1")
    assert recorder.asked == []


def test_the_known_token_servers_have_the_operator_of_their_registry() -> None:
    assert {("registry-1.docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")} == auth.KNOWN_AUTH_HOSTS
