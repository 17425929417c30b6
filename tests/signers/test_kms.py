"""What the KMS schemes share: time that is bounded, libraries that may be absent, and errors in words of our own."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TYPE_CHECKING, NamedTuple

import pytest

from attest import SignerError, open_signer
from attest.signers import SignerURI, _kms, generate_key
from tests.support.services import azure, gcp, kms
from tests.support.services.aws_script import HEADERS, Scripted
from tests.support.services.servers import absent, answering, silent, trickling
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

# Those whose server a variable names, so that any server can take its place.
URIS = ["awskms:alias/release", "hv:release/1"]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=URIS)
def uri(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


def at(patch: pytest.MonkeyPatch, url: str) -> None:
    kms.use(patch, aws=url, vault=url)


EVERY_URI = {
    "awskms": "awskms:alias/release",
    "azurekms": "azurekms:example.vault.azure.net/keys/release",
    "gcpkms": f"gcpkms:{gcp.RING}/cryptoKeys/release",
    "hv": "hv:release/1",
}
LIBRARIES = {"boto3", "botocore", "azure", "msal", "google", "grpc", "hvac", "requests", "securesystemslib"}


@pytest.mark.parametrize("uri", EVERY_URI.values(), ids=EVERY_URI)
def test_opening_imports_nothing_and_a_module_that_is_not_used_costs_nothing(uri: str) -> None:
    code = f"""
import sys
from attest import open_signer
open_signer({uri!r}).close()
print(sorted({{"cryptography.hazmat", *{LIBRARIES!r}}} & sys.modules.keys()))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("scheme", "library", "package", "extra"),
    [
        ("awskms", "boto3", "boto3", "attest-dsse[aws]"),
        ("azurekms", "azure.identity", "azure-identity", "attest-dsse[azure]"),
        ("gcpkms", "google.cloud", "google-cloud-kms", "attest-dsse[gcp]"),
        ("hv", "hvac", "hvac", "attest-dsse[vault]"),
    ],
)
def test_a_library_that_is_missing_is_named_with_what_to_install(
    scheme: str, library: str, package: str, extra: str
) -> None:
    uri = EVERY_URI[scheme]
    code = f"""
import sys
sys.modules[{library!r}] = None
from attest import SignerError, open_signer
try:
    open_signer({uri!r}).public_key
except SignerError as error:
    print(error.code, error.where, error.message, error.hint, sep="|")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    expected = f"library-missing|{uri}|the package {package} is not installed|Install it: `pip install '{extra}'`.\n"
    assert ran.stdout == expected


class Service(NamedTuple):
    """The URI of a key, the requests about it so far, and what the two requests are called there."""

    uri: str
    asked: Callable[[], list[str]]
    for_the_key: str
    for_a_signature: str


@contextmanager
def of_aws(patch: pytest.MonkeyPatch) -> Iterator[Service]:
    script = Scripted()
    with answering(script.answer, headers=HEADERS) as url:
        kms.use(patch, aws=url)
        yield Service(EVERY_URI["awskms"], lambda: script.asked, "GetPublicKey", "Sign")


@contextmanager
def of_azure(patch: pytest.MonkeyPatch) -> Iterator[Service]:
    there = azure.azure()
    there.use(patch)
    uri = there.uri()
    yield Service(uri, lambda: there.asked(uri.split("/")[2]), "GET", "POST sign")


@contextmanager
def of_google(patch: pytest.MonkeyPatch) -> Iterator[Service]:
    there = gcp.gcp()
    gcp.use(patch)
    name = there.new()
    yield Service(f"gcpkms:{name}", lambda: there.server.asked(name), "GetPublicKey", "AsymmetricSign")


@pytest.fixture(params=[of_aws, of_azure, of_google])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with request.param(monkeypatch) as made:
        yield made


def test_threads_that_meet_at_the_first_use_ask_once_and_sign_together(service: Service) -> None:
    with open_signer(service.uri) as signer, ThreadPoolExecutor(8) as pool:
        barrier = Barrier(8)

        def signs(_: int) -> bool:
            barrier.wait(60)
            return signer.public_key.accepts(signer.sign(b"data").sig, b"data")

        assert list(pool.map(signs, range(8))) == [True] * 8
    assert sorted(service.asked()) == sorted([service.for_the_key, *[service.for_a_signature] * 8])


def test_a_child_of_fork_connects_anew(service: Service) -> None:
    code = f"""
import os
from attest import open_signer
signer = open_signer({service.uri!r})
assert signer.public_key.accepts(signer.sign(b"parent").sig, b"parent")
child = os.fork()
good = signer.public_key.accepts(signer.sign(b"both").sig, b"both")
if child == 0:
    os._exit(0 if good else 1)
assert good and os.waitpid(child, 0)[1] == 0
signer.close()
"""
    command = [sys.executable, "-W", "error", "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert sorted(service.asked()) == sorted([*[service.for_the_key] * 2, *[service.for_a_signature] * 3])


def test_a_service_that_is_down_is_unreachable_at_once(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, absent())
    with open_signer(uri) as signer, refused(SignerError, "kms-unreachable", uri):
        _ = signer.public_key


def test_a_service_that_never_answers_is_waited_for_in_bounds(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent() as url:
        at(monkeypatch, url)
        where = f"{uri}?timeout=1"
        with without_waiting(), open_signer(where) as signer, refused(SignerError, "kms-timeout", where):
            _ = signer.public_key


def test_an_answer_that_never_ends_is_waited_for_in_bounds(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait of it is too long, so that no limit of a library ends it."""
    with trickling() as url:
        at(monkeypatch, url)
        where = f"{uri}?timeout=1"
        with without_waiting(), open_signer(where) as signer, refused(SignerError, "kms-timeout", where):
            signer.sign(b"")


@pytest.mark.parametrize(
    "body", [b"", b"<html>not a service</html>", b"{}", b"[]", b"null", b'{"data": {"type": 1}}', b"\xff\xfe"]
)
@pytest.mark.parametrize("status", [200, 204, 299])
def test_an_answer_that_is_none_is_a_failure_of_the_service(
    uri: str, status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(lambda *_: (status, b"" if status == 204 else body), headers=JSON) as url:
        at(monkeypatch, url)
        with open_signer(uri) as signer, pytest.raises(SignerError) as caught:
            _ = signer.public_key
    assert caught.value.code in ("kms-failed", "key-unsupported")


@pytest.mark.parametrize("body", [b"", b"<html>an error</html>", b"{}", b"[]", b'{"errors": 7}', b"\xff\xfe"])
@pytest.mark.parametrize("status", [400, 418, 500])
def test_a_refusal_that_says_nothing_is_a_failure_of_the_service(
    uri: str, status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(lambda *_: (status, body), headers=JSON) as url:
        at(monkeypatch, url)
        with open_signer(uri) as signer, refused(SignerError, "kms-failed", uri):
            _ = signer.public_key


@pytest.mark.parametrize("address", ["nonsense", "http://"])
def test_an_address_that_is_none_is_a_fault_of_the_configuration(
    uri: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, address)
    with open_signer(uri) as signer, refused(SignerError, "kms-misconfigured", uri):
        _ = signer.public_key


@pytest.mark.parametrize("query", ["timeout=0", "timeout=601", "timeout=soon", "timeout=nan", "timeout=", "key=1"])
def test_a_query_that_makes_no_sense_is_refused_at_once(uri: str, query: str) -> None:
    with refused(SignerError, "signer-uri-invalid", f"{uri}?{query}"):
        open_signer(f"{uri}?{query}")


def test_an_algorithm_that_is_none_is_refused_at_once(uri: str) -> None:
    with refused(SignerError, "signer-uri-invalid") as caught:
        open_signer(f"{uri}?algorithm=md5")
    assert "ed25519" in str(caught.value.hint)


def test_a_bug_of_a_library_is_a_failure_and_shows_nothing_that_it_said() -> None:
    class Broken(_kms.KmsSigner):
        libraries = ()
        extra = "broken"

        def _connect(self) -> _kms.KmsKey:
            raise RuntimeError("hunter2")

        def _fault(self, error: Exception) -> _kms.KmsError | None:
            return None

    with refused(SignerError, "kms-failed") as caught:
        _ = Broken(SignerURI.parse("broken:x")).public_key
    assert "RuntimeError" in caught.value.message
    assert "hunter2" not in repr(caught.value) + str(caught.value.hint)


def test_a_child_of_fork_uses_the_version_and_the_key_of_the_first_use(caplog: pytest.LogCaptureFixture) -> None:
    keys = [generate_key(f"sim:{name}").public_key for name in ("first", "second")]
    closed: list[str] = []

    class Rotating(_kms.KmsSigner):
        libraries = ()

        def _connect(self) -> _kms.KmsKey:
            version = self._version or "1"
            key = keys[len(closed)]
            return self._hold(key, bytes, lambda: closed.append(version), f"rotating:x/{version}", version)

        def _fault(self, error: Exception) -> None:
            return None

    with caplog.at_level("INFO", "attest"), Rotating(SignerURI.parse("rotating:x")) as signer:
        assert (signer.public_key, signer.version_uri, signer._version) == (keys[0], "rotating:x/1", "1")
        signer._held = signer._held._replace(process=0)  # type: ignore[union-attr]  # as after a fork
        assert signer.public_key == keys[0]
        closed.append("")
        signer._held = None
        with refused(SignerError, "key-mismatch", "rotating:x"):
            signer.sign(b"data")
        assert closed == ["", "1"], "the connection of the other key is closed"
    assert [record.getMessage() for record in caplog.records] == ["rotating:x: uses version rotating:x/1"]


def _noted(paths: list[str], path: str, status: int) -> tuple[int, bytes]:
    paths.append(path)
    return status, b"{}"


@contextmanager
def witness(patch: pytest.MonkeyPatch, headers: Mapping[str, str] = JSON) -> Iterator[list[str]]:
    """What a proxy was asked that every library is told to use."""
    asked: list[str] = []
    with answering(lambda path, *_: _noted(asked, path, 418), headers=headers) as url:
        for name in ("NO_PROXY", "no_proxy"):
            patch.delenv(name, raising=False)
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, url)
        yield asked


@pytest.mark.parametrize(
    "address",
    [
        "http://kms.example:8200",
        "HTTP://10.0.0.1:8200",
        "http://127.0.0.1.example:8200",
        "http://localhost.example",
        "http://127.0.0.1@kms.example",
        "http://127.0.0.1:80\\@kms.example",
        "http://[::2]:8200",
        "http://0x7f.1",
        "ftp://127.0.0.1",
        "//127.0.0.1",
    ],
)
def test_nothing_is_sent_unencrypted_to_another_machine(
    uri: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, address)
    with witness(monkeypatch) as asked:
        with open_signer(uri) as signer, refused(SignerError, "kms-misconfigured", uri):
            _ = signer.public_key
        assert asked == []


def test_this_machine_is_not_asked_by_way_of_a_proxy(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    direct: list[str] = []
    with answering(lambda path, *_: _noted(direct, path, 418), headers=JSON) as url:
        at(monkeypatch, url)
        with witness(monkeypatch) as asked:
            with open_signer(uri) as signer, refused(SignerError, "kms-failed", uri):
                _ = signer.public_key
            assert asked == []
    assert direct != []


# botocore doesn't follow a 303 either, and leaves its socket to the collector.
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(uri: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere: list[str] = []
    with answering(lambda path, *_: _noted(elsewhere, path, 200), headers=JSON) as other:
        host = other.replace("127.0.0.1", "localhost")
        with answering(lambda *_: (status, b"{}"), headers={**JSON, "Location": f"{host}/v1/x"}) as url:
            at(monkeypatch, url)
            with open_signer(uri) as signer, pytest.raises(SignerError) as caught:
                _ = signer.public_key
    if uri.startswith("hv:"):
        assert caught.value.code == "kms-misconfigured"
        assert "redirect" in caught.value.message
    else:
        assert caught.value.code == "kms-failed"
    assert elsewhere == []


@pytest.mark.parametrize("address", [None, ""])
def test_without_an_address_of_vault_nothing_is_asked(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    kms.use(monkeypatch, vault=address)
    monkeypatch.setenv("VAULT_TOKEN", kms.TOKEN)
    with witness(monkeypatch) as asked:
        with open_signer("hv:release/1") as signer, refused(SignerError, "kms-misconfigured", "hv:release/1") as caught:
            _ = signer.public_key
        assert asked == []
    assert caught.value.message == "VAULT_ADDR is not set"
    assert "Set `VAULT_ADDR`" in str(caught.value.hint)


def test_what_asks_for_credentials_of_aws_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    with answering(lambda *_: (418, b"{}"), headers=JSON) as url:
        kms.use(monkeypatch, aws=url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/release")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example")
        with witness(monkeypatch) as asked:
            with open_signer(URIS[0]) as signer, refused(SignerError, "kms-misconfigured", URIS[0]) as caught:
                _ = signer.public_key
            assert asked == []
    assert "hunter2" not in repr(caught.value)
