"""The client, against real registries with each kind of authentication, and against recorded answers."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from attest.errors import AttestError, InputError, SignerError
from attest.oci.auth import read_challenges
from attest.oci.credentials import Credentials
from attest.oci.documents import OCI_MANIFEST, Descriptor, digest_of
from attest.oci.options import StoreOptions
from attest.oci.reference import parse
from attest.oci.registry import RegistryStore
from attest.oci.store import open_store
from tests.support.services.registries import PROGRAM, Registry, docker_registry, push, with_referrers, zuul_registry
from tests.support.services.servers import Request, Response, absent, responding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

EMPTY = "application/vnd.oci.empty.v1+json"


def store(registry: Registry, repository: str = "acme/app", **options: Any) -> RegistryStore:
    """The client for a repository, with all that the registry wants."""
    if registry.config is not None:
        options.setdefault("credentials", Credentials.of({"DOCKER_CONFIG": str(registry.config)}))
    if registry.auth_host is not None:
        options.setdefault("auth_hosts", (registry.auth_host,))
    options.setdefault("ca_file", registry.ca and str(registry.ca))
    return RegistryStore(parse(registry.name(repository)), StoreOptions(**options))


def manifest(config: Descriptor, **members: Any) -> bytes:
    """A manifest with nothing but a config."""
    described = {"mediaType": config.media_type, "digest": config.digest, "size": config.size}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": [], **members}
    ).encode()


def about(data: bytes) -> dict[str, Any]:
    """The subject that names a manifest."""
    return {"subject": {"mediaType": OCI_MANIFEST, "digest": digest_of(data), "size": len(data)}}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An open registry without the referrers API."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


KINDS: dict[str, Callable[[Path], AbstractContextManager[Registry]]] = {
    "open": docker_registry,
    "basic": partial(docker_registry, auth="basic"),
    "bearer": partial(docker_registry, auth="bearer"),
    "bearer over TLS": partial(docker_registry, auth="bearer", tls=True),
    # A second program, where tests.support.services.zuul_registry has installed it: a library of it needs a C compiler.
    **({"zuul": zuul_registry} if PROGRAM.is_file() else {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_pushed_is_read_again(tmp_path: Path, kind: str) -> None:
    with KINDS[kind](tmp_path) as running:
        client = store(running)
        config = client.push_blob(b"{}", EMPTY)
        assert client.push_blob(b"{}", EMPTY) == config
        data = manifest(config)
        pushed = client.push_manifest(data, OCI_MANIFEST, tag="1")
        assert (pushed.descriptor.digest, pushed.subject_acknowledged) == (digest_of(data), False)
        read = client.manifest("1")
        assert (read.data, read.digest, read.media_type) == (data, digest_of(data), OCI_MANIFEST)
        assert (read.etag is None) == (kind == "zuul")
        assert client.referrers(read.digest) is None
        assert client.manifest(read.digest).data == data
        assert client.blob(config, 10) == b"{}"
        for missing in ("2", digest_of(b"none")):
            with pytest.raises(InputError, match="no such image") as raised:
                client.manifest(missing)
            assert raised.value.code == "image-not-found"
        with pytest.raises(InputError, match="no such blob"):
            client.blob(Descriptor("x/y", digest_of(b"none"), 4), 10)
        client.close()


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_registry_that_wants_credentials_says_which_were_looked_for(tmp_path: Path, auth: Any) -> None:
    with docker_registry(tmp_path, auth=auth) as running:
        nowhere = Credentials.of({"HOME": str(tmp_path / "home")})
        with pytest.raises(SignerError) as raised:
            store(running, credentials=nowhere).manifest("1")
        assert raised.value.code == "registry-unauthorized"
        assert f"{tmp_path}/home/.docker/config.json (missing)" in str(raised.value.hint)
        assert f"docker login {running.host}" in str(raised.value.hint)
        with pytest.raises(SignerError, match=r"denies access|asks for a user name"):
            store(running, credentials=None).push_blob(b"{}", EMPTY)


def test_wrong_credentials_are_sent_once_and_named_without_the_secret(tmp_path: Path) -> None:
    with docker_registry(tmp_path, auth="basic") as running:
        wrong = {"auths": {running.host: {"username": "alice", "password": "wrong-secret"}}}
        (tmp_path / "wrong.json").write_text(json.dumps(wrong))
        with pytest.raises(SignerError, match="denies access") as raised:
            store(running, credentials=Credentials.of({}, file=str(tmp_path / "wrong.json"))).manifest("1")
        assert str(tmp_path / "wrong.json") in str(raised.value.hint)
        assert "wrong-secret" not in str(raised.value.__dict__)


def test_a_token_server_elsewhere_sees_credentials_only_by_the_users_word(tmp_path: Path) -> None:
    with docker_registry(tmp_path, auth="bearer") as running:
        assert running.auth_host is not None
        with pytest.raises(SignerError) as raised:
            store(running, auth_hosts=()).manifest("1")
        assert f"--registry-auth-host {running.auth_host}" in str(raised.value.hint)
        # Without credentials it may be asked: this is how public images are read.
        with pytest.raises(InputError, match="no such image"):
            store(running, "public/app", auth_hosts=()).manifest("1")


def test_threads_share_one_token(tmp_path: Path) -> None:
    with docker_registry(tmp_path, auth="bearer") as running:
        client = store(running)
        config = client.push_blob(b"{}", EMPTY)
        digest = client.push_manifest(manifest(config), OCI_MANIFEST).descriptor.digest
        running.asked.clear()
        client = store(running)
        with ThreadPoolExecutor(8) as pool:
            read = list(pool.map(client.manifest, [digest] * 40))
        assert {document.digest for document in read} == {digest}
        assert len(running.asked) == 1


def test_a_registry_below_another_ca_is_not_trusted(tmp_path: Path) -> None:
    with docker_registry(tmp_path, tls=True) as running:
        assert running.ca is not None
        own = RegistryStore(
            parse(f"localhost:{running.host.partition(':')[2]}/a/b"), StoreOptions(ca_file=str(running.ca))
        )
        with pytest.raises(InputError, match="no such image"):
            own.manifest("1")
        # The client's own CAs: of the system, in which this registry's is not.
        import certifi

        with pytest.raises(SignerError, match="certificate is not valid") as raised:
            store(running, ca_file=certifi.where()).manifest("1")
        assert raised.value.code == "registry-unavailable"


def test_referrers_are_none_without_the_api_and_a_list_with_it(registry: Registry) -> None:
    client = store(registry)
    image = manifest(client.push_blob(b"{}", EMPTY))
    client.push_manifest(image, OCI_MANIFEST)
    assert client.referrers(digest_of(image)) is None
    with with_referrers(registry, page=2) as front:
        client = store(front)
        assert client.referrers(digest_of(image)) == []
        pushed = []
        for number in range(5):
            config, annotations = client.push_blob(b"{}", EMPTY), {"n": str(number)}
            referrer = manifest(config, artifactType="x/y", annotations=annotations, **about(image))
            result = client.push_manifest(referrer, OCI_MANIFEST)
            assert result.subject_acknowledged
            pushed.append(result.descriptor)
        assert client.referrers(digest_of(image)) == pushed
        assert sum("/referrers/" in path for _, path in front.asked) == 1 + 3


def test_an_image_of_skopeo_is_read_byte_by_byte(registry: Registry, shared_data: Path) -> None:
    layout = shared_data / "oci/layouts/plain-image"
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    push(layout, registry.name("acme/plain", ":1"))
    read = store(registry, "acme/plain").manifest("1")
    assert read.digest == digest
    assert read.data == (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()


def test_nothing_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.oci._http._PAUSE", 0)
    host = absent().removeprefix("http://")
    with pytest.raises(SignerError, match="connection refused") as raised:
        open_store(parse(f"{host}/acme/app")).manifest("1")
    assert (raised.value.code, raised.value.where) == ("registry-unavailable", host)
    assert "No credentials were looked for." in str(raised.value.hint)
    (tmp_path / "config.json").write_text('{"auths": {"other.example": {"auth": "c2VjcmV0OnNlY3JldA=="}}}')
    known = Credentials.of({"DOCKER_CONFIG": str(tmp_path), "HOME": "/nowhere"})
    with pytest.raises(SignerError) as raised:
        open_store(parse(f"{host}/acme/app"), StoreOptions(credentials=known)).manifest("1")
    asked = f"{tmp_path}/config.json, /nowhere/.config/containers/auth.json (missing)"
    assert f"because it did not ask for any. Files that would be read: {asked}." in str(raised.value.hint)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_without_a_challenge_says_where_credentials_are_looked_for(status: int, tmp_path: Path) -> None:
    nowhere = Credentials.of({"HOME": str(tmp_path)})
    with responding(lambda _: Response(status, {}, b"")) as url:
        host = url.removeprefix("http://")
        with pytest.raises(SignerError) as raised:
            open_store(parse(f"{host}/acme/app"), StoreOptions(credentials=nowhere)).manifest("1")
    assert raised.value.code == "registry-unauthorized"
    assert f"{tmp_path}/.docker/config.json (missing)" in str(raised.value.hint)


def test_a_registry_is_asked_only_when_something_is_wanted() -> None:
    open_store(parse("registry.invalid/acme/app"), StoreOptions(credentials=Credentials([], os.environ))).close()


def _cases(data: Path) -> dict[str, Any]:
    cases = json.loads((data / "oci/cases.json").read_text())["cases"]
    return {case["id"].removeprefix("wire-"): case for case in cases if case["id"].startswith("wire-")}


def attached(client: RegistryStore) -> tuple[bool, str | None]:
    """Whether the manifest has a subject, and its type."""
    read = client.manifest("t")
    return read.subject is not None, read.artifact_type


def _ask(client: RegistryStore, digest: str) -> dict[str, Any]:
    """What each recorded answer is, as the client says it."""
    return {
        "dr282-referrers-404": partial(client.referrers, digest),
        "dr282-fallback-index-cosign": lambda: len(client.manifest("t").manifests),
        "dr282-fallback-index-sigstorejs": lambda: bool(client.manifest("t").manifests[0].annotations),
        "dr282-fallback-absent": partial(client.manifest, "t"),
        "dr282-att-manifest": lambda: client.manifest("t").layers[0].annotations["dev.cosignproject.cosign/signature"],
        "dr282-index-without-accept": partial(client.manifest, "t"),
        "dr282-challenge-bearer": partial(client.manifest, "t"),
        "dr282-challenge-basic": partial(client.manifest, "t"),
        "ggcr-referrers": lambda: len(client.referrers(digest) or []),
        "ggcr-referrers-filtered": lambda: len(client.referrers(digest) or []),
        "ggcr-referrers-none": partial(client.referrers, digest),
        "ggcr-referrers-unknown-repo": partial(client.referrers, digest),
        "ggcr-bundle-manifest-cosign": partial(attached, client),
        "dr282-bundle-manifest-sigstorejs": partial(attached, client),
    }


BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EXPECTED: dict[str, Any] = {
    "dr282-referrers-404": None,
    "dr282-fallback-index-cosign": 1,
    "dr282-fallback-index-sigstorejs": True,
    "dr282-fallback-absent": "image-not-found",
    "dr282-att-manifest": "",
    "dr282-index-without-accept": "image-not-found",
    "dr282-challenge-bearer": "registry-unavailable",  # the token server, that is
    "dr282-challenge-basic": "registry-unauthorized",
    # Two: beside the bundle one manifest of 5 MB, which is above the limit when it is fetched.
    "ggcr-referrers": 2,
    "ggcr-referrers-filtered": 2,
    "ggcr-referrers-none": [],
    "ggcr-referrers-unknown-repo": None,
    "ggcr-bundle-manifest-cosign": (True, BUNDLE),
    "dr282-bundle-manifest-sigstorejs": (True, BUNDLE),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_answer_is_read_as_it_is_meant(
    shared_data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attest.oci._http._PAUSE", 0)
    cases = _cases(shared_data)
    assert cases.keys() == EXPECTED.keys()
    case = cases[name]
    headers = {key: value for key, value in case["headers"].items() if key != "content-length"}
    if name == "dr282-challenge-bearer":
        challenge = headers["www-authenticate"]
        headers["www-authenticate"] = challenge.replace("http://127.0.0.1:15304", absent())
    body = (shared_data / "oci" / case["body"]).read_bytes()

    def respond(asked: Request) -> Response:
        if "/manifests/" in asked.path:
            assert "application/vnd.oci.image.index.v1+json" in asked.headers["Accept"]
        return Response(case["status"], headers, body)

    with responding(respond) as url:
        client = RegistryStore(parse(f"{url.removeprefix('http://')}/acme/app"), StoreOptions(timeout=30))
        try:
            found: Any = _ask(client, digest_of(b""))[name]()
        except AttestError as error:
            found = error.code
    assert found == EXPECTED[name]


def test_recorded_challenges_are_read(shared_data: Path) -> None:
    cases = _cases(shared_data)
    (bearer,) = read_challenges([cases["dr282-challenge-bearer"]["headers"]["www-authenticate"]])
    realm = {"realm": "http://127.0.0.1:15304/token", "service": "reg3", "scope": "repository:acme/img:pull"}
    assert bearer == ("bearer", realm)
    assert read_challenges([cases["dr282-challenge-basic"]["headers"]["www-authenticate"]]) == [
        ("basic", {"realm": "t"})
    ]
