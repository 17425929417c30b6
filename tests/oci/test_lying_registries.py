"""What the client does when a registry, or who stands in its place, answers otherwise than it should."""

from __future__ import annotations

import base64
import json
from itertools import count
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from attest._base.http import HttpAnswer
from attest.errors import AttestError, InputError, SignerError
from attest.oci import auth
from attest.oci._http import Client, RegistryAnswer
from attest.oci.auth import Authenticator, read_challenges
from attest.oci.credentials import Credentials
from attest.oci.documents import OCI_INDEX, OCI_MANIFEST, Descriptor, digest_of
from attest.oci.options import StoreOptions
from attest.oci.reference import parse
from attest.oci.registry import RegistryStore
from tests.support.examples import examples
from tests.support.registries import docker_registry
from tests.support.servers import Request, Response, responding, silent, trickling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECRET = "a-secret-of-a-test"
EMPTY_INDEX = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
INDEX = Response(200, {"Content-Type": OCI_INDEX}, EMPTY_INDEX)
DIGEST = digest_of(EMPTY_INDEX)
BLOB = Descriptor("x/y", digest_of(b"content"), 7)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.oci._http._PAUSE", 0)


def host_of(url: str) -> str:
    """HOST:PORT of a URL."""
    return url.partition("://")[2]


def store(url: str, **options: Any) -> RegistryStore:
    """The client for a repository of the server at `url`."""
    return RegistryStore(parse(f"{host_of(url)}/acme/app"), StoreOptions(**{"timeout": 30.0, **options}))


def login(folder: Path, url: str, **entry: str) -> Credentials:
    """Credentials of the server at `url`."""
    file = folder / "auth.json"
    file.write_text(json.dumps({"auths": {host_of(url): entry or {"username": "alice", "password": SECRET}}}))
    file.chmod(0o600)
    return Credentials.of({}, file=str(file))


class Recorder:
    """Answers what a test says, and keeps what was asked."""

    def __init__(self, answer: Callable[[Request], Response] | Response) -> None:
        self._answer = answer
        self.asked: list[Request] = []

    def __call__(self, asked: Request) -> Response:
        self.asked.append(asked)
        return self._answer if isinstance(self._answer, Response) else self._answer(asked)

    @property
    def has_the_secret(self) -> bool:
        """Whether the secret arrived here in any form."""
        text = "".join(f"{one.path}{one.headers}{one.body.decode()}" for one in self.asked)
        return "Authorization" in text or SECRET in text


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


# Redirects


def test_a_redirect_to_another_port_gets_no_credentials(tmp_path: Path) -> None:
    storage = Recorder(Response(200, {"Content-Type": OCI_INDEX}, b"content"))
    with responding(storage) as other:

        def respond(asked: Request) -> Response:
            if "Authorization" not in asked.headers:
                return Response(401, {"WWW-Authenticate": 'Basic realm="t"'})
            return Response(307, {"Location": f"{other}/elsewhere"})

        with responding(respond) as url:
            client = store(url, credentials=login(tmp_path, url))
            assert client.blob(BLOB, 100) == b"content"
            with pytest.raises(InputError) as raised:
                client.manifest(DIGEST)
            assert raised.value.code == "digest-mismatch"
    assert len(storage.asked) == 2
    assert not storage.has_the_secret


def test_the_target_of_a_redirect_cannot_ask_for_a_token(tmp_path: Path) -> None:
    def respond(asked: Request) -> Response:
        return Response(307, {"Location": f"{other}/elsewhere"}) if "/v2/" in asked.path else Response(200, {}, b"{}")

    registry = Recorder(respond)
    with responding(registry) as url:
        asks = Recorder(Response(401, {"WWW-Authenticate": f'Bearer realm="{url}/token"'}))
        with responding(asks) as other, pytest.raises(SignerError) as raised:
            store(url, credentials=login(tmp_path, url)).manifest("1")
    assert raised.value.code == "registry-unauthorized"
    assert [len(registry.asked), len(asks.asked)] == [1, 1]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_no_redirect_of_a_push_is_followed(method: str) -> None:
    storage = Recorder(Response(201))
    with responding(storage) as other:

        def respond(asked: Request) -> Response:
            if asked.method == "HEAD":
                return Response(404)
            if asked.method == "POST" and method == "PUT":
                return Response(202, {"Location": "/v2/acme/app/blobs/uploads/1"})
            return Response(307, {"Location": f"{other}/elsewhere"})

        with responding(respond) as url, pytest.raises(SignerError, match="HTTP status 307") as raised:
            store(url).push_blob(b"content", "x/y")
    assert (raised.value.code, storage.asked) == ("registry-refused", [])


def test_an_upload_to_another_host_is_refused() -> None:
    storage = Recorder(Response(201))
    with responding(storage) as other:

        def respond(asked: Request) -> Response:
            location = f"{other}/upload?state={SECRET}"
            return Response(404) if asked.method == "HEAD" else Response(202, {"Location": location})

        with responding(respond) as url, pytest.raises(SignerError, match="another host") as raised:
            store(url).push_blob(b"content", "x/y")
    assert (raised.value.code, storage.asked) == ("registry-refused", [])
    assert other in str(raised.value)
    assert SECRET not in str(raised.value.__dict__)


def test_https_never_leads_to_http(tmp_path: Path) -> None:
    with docker_registry(tmp_path, tls=True) as running:  # for its certificate
        assert running.ca is not None
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(running.ca, running.ca.with_suffix(".key"))
    plain = Recorder(INDEX)
    with responding(plain) as other:
        lead = Recorder(Response(302, {"Location": f"{other}/x"}))
        with responding(lead, tls=context) as url, pytest.raises(SignerError, match="from https to another") as raised:
            store(url, ca_file=str(running.ca)).manifest("1")
    assert (raised.value.code, plain.asked) == ("registry-refused", [])


@pytest.mark.parametrize("target", ["http://registry.example/x", "file:///etc/passwd", "http://a:b@127.0.0.1/x", "//["])
def test_a_redirect_to_where_nothing_may_be_asked_is_refused(target: str) -> None:
    with responding(Recorder(Response(302, {"Location": target}))) as url, pytest.raises(SignerError) as raised:
        store(url).manifest("1")
    assert raised.value.code == "registry-refused"


def test_a_registry_elsewhere_does_not_lead_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    local = Recorder(INDEX)
    with responding(local) as url:
        received = HttpAnswer(302, HTTPHeaderDict({"Location": url}), b"")
        monkeypatch.setattr(Client, "send", lambda _, __, asked, *___, **____: RegistryAnswer(asked, received))
        client = RegistryStore(parse("registry.example/acme/app"), StoreOptions(plain_http=True))
        with pytest.raises(SignerError, match="on this machine"):
            client.manifest("1")
    assert local.asked == []


def test_redirects_have_an_end() -> None:
    recorder = Recorder(Response(302, {"Location": "/again"}))
    with responding(recorder) as url, pytest.raises(SignerError, match="more than 5 redirects"):
        store(url).manifest("1")
    assert len(recorder.asked) == 6


# Tokens


def test_a_realm_at_another_host_gets_no_credentials(tmp_path: Path) -> None:
    realm = Recorder(Response(200, {}, json.dumps({"token": "for-everyone"}).encode()))
    with responding(realm) as other:
        challenge = f'Bearer realm="{other}/token",service="s",scope="repository:other/secret:pull,push"'

        def respond(asked: Request) -> Response:
            known = asked.headers["Authorization"] == "Bearer for-everyone"
            return INDEX if known else Response(401, {"WWW-Authenticate": challenge})

        with responding(respond) as url:
            credentials = login(tmp_path, url)
            assert store(url, credentials=credentials).manifest("1").digest == DIGEST
            assert not realm.has_the_secret
            # Its own scope is not asked for: a registry could name any repository.
            assert [one.path for one in realm.asked] == ["/token?service=s&scope=repository%3Aacme%2Fapp%3Apull"]
            assert store(url, credentials=credentials, auth_hosts=(host_of(other),)).manifest("1").digest == DIGEST
            assert realm.has_the_secret


@pytest.mark.parametrize("auth_hosts", [(), ("auth.example",)])
@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example/token",
        "http://127.0.0.1:1/token",
        "https://u:p@auth.example/t",
        "ftp://auth.example",
        "",
        "https://[",
    ],
)
def test_a_realm_without_tls_is_not_asked(tmp_path: Path, realm: str, auth_hosts: tuple[str, ...]) -> None:
    with pytest.raises(SignerError) as raised:
        challenged(tmp_path, f'Bearer realm="{realm}"', auth_hosts=auth_hosts)
    assert raised.value.code == "registry-unauthorized"
    assert "for tokens" in raised.value.message


class NoClient:
    """A client that keeps what it would send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any, bytes | None]] = []

    def send(self, method: str, url: str, headers: Any, *, body: bytes | None = None, **_: Any) -> Any:
        self.sent.append((method, url, headers, body))
        return Told(200, {}, b'{"access_token": "t"}')


class Told:
    """An answer, without a request."""

    def __init__(self, status: int, headers: dict[str, str], data: bytes = b"") -> None:
        self.status, self.data = status, data
        self.headers: HTTPHeaderDict = HTTPHeaderDict(headers)


def challenged(
    folder: Path,
    challenge: str,
    *,
    name: str = "registry.example/acme/app",
    base: str = "",
    auth_hosts: Any = (),
    **entry: str,
) -> NoClient:
    """What is sent where after a challenge of a registry, with credentials for it."""
    reference, client = parse(name), NoClient()
    credentials = login(folder, f"x://{reference.host}", **entry)
    base = base or f"https://{reference.api_host}"
    authenticator = Authenticator(client, reference, base, credentials, auth_hosts)  # type: ignore[arg-type]
    authenticator.renew(Told(401, {"WWW-Authenticate": challenge}), "pull", None)  # type: ignore[arg-type]
    return client


BASIC = {"Authorization": f"Basic {base64.b64encode(f'alice:{SECRET}'.encode()).decode()}"}


@pytest.mark.parametrize(
    ("name", "realm", "auth_hosts", "trusted"),
    [
        ("registry.example/a/b", "https://registry.example/token", (), True),
        ("registry.example/a/b", "https://registry.example:8443/token", (), False),
        ("registry.example:5000/a/b", "https://registry.example/token", (), False),
        ("registry.example/a/b", "https://auth.example/token", (), False),
        ("registry.example/a/b", "https://auth.example/token", ("auth.example",), True),
        ("registry.example/a/b", "https://auth.example:443/token", ("AUTH.example",), True),
        ("registry.example/a/b", "https://auth.example:444/token", ("auth.example",), False),
        ("registry.example/a/b", "https://auth.example.org/token", ("auth.example",), False),
        ("registry.example/a/b", "https://my.auth.example/token", ("auth.example",), False),
        ("alpine", "https://auth.docker.io/token", (), True),
        ("registry.gitlab.com/a/b", "https://gitlab.com/jwt/auth", (), True),
        ("registry.example/a/b", "https://auth.docker.io/token", (), False),
        ("registry.gitlab.com.example/a/b", "https://gitlab.com/jwt/auth", (), False),
    ],
)
def test_credentials_go_to_the_registry_and_to_hosts_that_the_user_names(
    tmp_path: Path, name: str, realm: str, auth_hosts: tuple[str, ...], trusted: bool
) -> None:
    ((_, _, headers, _),) = challenged(tmp_path, f'Bearer realm="{realm}"', name=name, auth_hosts=auth_hosts).sent
    assert headers == (BASIC if trusted else {})


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("", "repository:acme/app:pull"),
        ("repository:other/secret:pull,push", "repository:acme/app:pull"),
        ("x repository:other/secret:pull", "repository:acme/app:pull"),
        ("registry:catalog:*", "repository:acme/app:pull"),
        ("read", "read"),
    ],
)
def test_a_registry_cannot_get_a_token_for_something_else(tmp_path: Path, scope: str, asked: str) -> None:
    challenge = f'Bearer realm="https://registry.example/token",scope="{scope}"'
    ((_, url, _, _),) = challenged(tmp_path, challenge).sent
    assert parse_qs(urlsplit(url).query) == {"scope": [asked]}


def test_an_identity_token_is_sent_in_the_body(tmp_path: Path) -> None:
    realm = 'Bearer realm="https://registry.example/oauth2/token",service="s"'
    ((method, url, headers, body),) = challenged(tmp_path, realm, identitytoken=SECRET).sent
    assert (method, url, "Authorization" in headers) == ("POST", "https://registry.example/oauth2/token", False)
    assert body is not None
    assert f"refresh_token={SECRET}" in body.decode()


def test_a_registry_without_tls_gets_no_credentials(tmp_path: Path) -> None:
    for challenge in ('Basic realm="t"', 'Bearer realm="https://registry.example/token"'):
        with pytest.raises(SignerError, match="plain HTTP"):
            challenged(tmp_path, challenge, base="http://registry.example")


def test_a_password_that_was_denied_is_not_sent_twice_for_a_request(tmp_path: Path) -> None:
    registry = Recorder(Response(401, {"WWW-Authenticate": 'Basic realm="t"'}))
    with responding(registry) as url:
        client = store(url, credentials=login(tmp_path, url))
        for _ in range(2):
            with pytest.raises(SignerError, match="denies access"):
                client.manifest("1")
    assert ["Authorization" in asked.headers for asked in registry.asked] == [False, True, True]


@pytest.mark.parametrize("answer", [b"{}", b"no", b'{"token": "a\\nb"}', b'{"token": ["a"]}', b'{"token": ""}'])
def test_what_is_no_token_is_refused(answer: bytes) -> None:
    def respond(asked: Request) -> Response:
        realm = f'Bearer realm="http://{asked.headers["Host"]}/token"'
        return Response(200, {}, answer) if "/token" in asked.path else Response(401, {"WWW-Authenticate": realm})

    with responding(respond) as url, pytest.raises(SignerError, match="has no token"):
        store(url).manifest("1")


def test_a_token_that_has_ended_is_renewed() -> None:
    numbers = count()

    def respond(asked: Request) -> Response:
        if asked.path.startswith("/token"):
            return Response(200, {}, json.dumps({"token": f"t{next(numbers)}", "expires_in": 3600}).encode())
        realm = f'Bearer realm="http://{asked.headers["Host"]}/token"'
        return INDEX if asked.headers["Authorization"] == "Bearer t1" else Response(401, {"WWW-Authenticate": realm})

    with responding(respond) as url:
        client = store(url)
        with pytest.raises(SignerError, match="denies access"):
            client.manifest("1")
        assert client.manifest("1").digest == DIGEST


@given(st.lists(st.text(st.characters(codec="latin-1"), max_size=60), max_size=3))
@examples(200)
def test_any_challenge_is_read_to_some_end(values: list[str]) -> None:
    for challenge in read_challenges(values):
        assert challenge.scheme == challenge.scheme.lower()


def test_several_challenges_are_told_apart() -> None:
    value = 'Negotiate abc==, Basic realm="a, b\\"c" , Bearer realm="https://r/t",service=s, scope="x:y:pull,push"'
    bearer = ("bearer", {"realm": "https://r/t", "service": "s", "scope": "x:y:pull,push"})
    assert read_challenges([value]) == [("negotiate", {}), ("basic", {"realm": 'a, b"c'}), bearer]
    assert read_challenges(["Basic", 'Bearer realm="https://r/t"']) == [
        ("basic", {}),
        ("bearer", {"realm": "https://r/t"}),
    ]


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
