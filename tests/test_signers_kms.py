"""What the KMS schemes share: time that is bounded, libraries that may be absent, and errors in words of our own."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from attest import SignerError, open_signer
from attest.signers import SignerURI, _kms
from tests import kms
from tests.builders import refused
from tests.servers import absent, answering, silent, trickling

URIS = ["awskms:alias/release", "hv:release/1"]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=URIS)
def uri(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


def at(patch: pytest.MonkeyPatch, url: str) -> None:
    kms.use(patch, aws=url, vault=url)


def test_opening_imports_nothing_and_a_module_that_is_not_used_costs_nothing(uri: str) -> None:
    code = f"""
import sys
from attest import open_signer
open_signer({uri!r}).close()
print(sorted({{"boto3", "botocore", "hvac", "requests", "securesystemslib"}} & sys.modules.keys()))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("uri", "library", "extra"),
    [
        ("awskms:alias/release", "boto3", "attest-dsse[aws]"),
        ("hv:release/1", "hvac", "attest-dsse[vault]"),
    ],
)
def test_a_library_that_is_missing_is_named_with_what_to_install(uri: str, library: str, extra: str) -> None:
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
    assert ran.stdout == f"library-missing|{uri}|{library} is not installed|Install it: pip install '{extra}'.\n"


def test_a_service_that_is_down_is_unreachable_at_once(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, absent())
    with open_signer(uri) as signer, refused(SignerError, "kms-unreachable", uri):
        _ = signer.public_key


def test_a_service_that_never_answers_is_waited_for_in_bounds(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent() as url:
        at(monkeypatch, url)
        began = time.monotonic()
        with open_signer(f"{uri}?timeout=1") as signer, refused(SignerError, "kms-timeout", f"{uri}?timeout=1"):
            _ = signer.public_key
    assert time.monotonic() - began < 5


def test_an_answer_that_never_ends_is_waited_for_in_bounds(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait of it is too long, so that no limit of a library ends it."""
    with trickling() as url:
        at(monkeypatch, url)
        began = time.monotonic()
        with open_signer(f"{uri}?timeout=1") as signer, refused(SignerError, "kms-timeout", f"{uri}?timeout=1"):
            signer.sign(b"")
    assert time.monotonic() - began < 5


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

        def _connect(self) -> _kms.Held:
            raise RuntimeError("hunter2")

        def _fault(self, error: Exception) -> _kms.Fault | None:
            return None

    with refused(SignerError, "kms-failed") as caught:
        _ = Broken(SignerURI.parse("broken:x")).public_key
    assert "RuntimeError" in caught.value.message
    assert "hunter2" not in repr(caught.value) + str(caught.value.hint)
