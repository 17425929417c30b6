"""What Google's library takes for credentials: where they are sent, and what is refused and not shown."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, open_signer
from tests.support.services import gcp
from tests.support.services.servers import Request, Response, absent, responding
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestCredentials:
    def test_they_go_to_google_alone_and_into_no_log(self, there: gcp.Gcp, caplog: pytest.LogCaptureFixture) -> None:
        name = there.new()
        before = len(there.proxy.asked)
        with caplog.at_level(logging.DEBUG), open_signer(f"gcpkms:{name}") as signer:
            signer.sign(b"data")
        assert set(there.proxy.asked[before:]) == {f"{gcp.HOST}:443"}
        sent = [headers["authorization"] for _, about, headers in there.server.log if about == name]
        assert len(sent) == 2
        assert all(one.startswith("Bearer ") for one in sent)
        assert sent[0].removeprefix("Bearer ") not in repr([vars(record) for record in caplog.records])

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (None, "credentials-missing"),
            ("hunter2", "credentials-missing"),
            ('{"type": "hunter2"}', "credentials-missing"),
            ('{"type": "service_account", "private_key": "hunter2"}', "credentials-missing"),
            (json.dumps(gcp.service_account(private_key="hunter2")), "credentials-missing"),
            (json.dumps(gcp.service_account(universe_domain="hunter2.example")), "kms-misconfigured"),
        ],
    )
    def test_a_file_that_holds_none_is_refused_and_not_shown(
        self,
        there: gcp.Gcp,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        content: str | None,
        code: str,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        if content is not None:
            (tmp_path / "hunter2.json").write_text(content)
        gcp.use(monkeypatch, account=tmp_path / "hunter2.json")
        name = there.new()
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, code) as caught:
            _ = signer.public_key
        assert "hunter2" not in repr(caught.value) + caught.value.message + str(caught.value.hint)
        assert there.server.asked(name) == []
        assert capfd.readouterr() == ("", "")

    def test_without_any_nobody_is_asked(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        name = there.new()
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, "credentials-missing"):
            _ = signer.public_key
        assert there.server.asked(name) == []

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (Response(400, {}, b'{"error": "invalid_grant", "error_description": "hunter2"}'), "access-denied"),
            (Response(200, {}, b"hunter2"), "kms-failed"),
            (Response(307, {"Location": "http://127.0.0.1:1/hunter2"}), "kms-unreachable"),
        ],
    )
    def test_a_service_that_gives_tokens_is_believed_in_its_status_alone(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: Response, code: str
    ) -> None:
        asked: list[Request] = []

        def respond(request: Request) -> Response:
            asked.append(request)
            return answer

        name = there.new()
        with responding(respond) as url, witness(monkeypatch) as by_proxy:
            gcp.use(monkeypatch, account=workload(tmp_path, f"{url}/token"))
            with open_signer(f"gcpkms:{name}") as signer:
                with refused(SignerError, code) as caught:
                    _ = signer.public_key
                assert "hunter2" not in repr(caught.value) + caught.value.message
        assert {request.method for request in asked} == {"POST"}
        assert by_proxy == []

    @pytest.mark.parametrize("url", ["http://token.example/", "http://127.0.0.1.example/", "ftp://127.0.0.1/"])
    def test_they_are_not_sent_unencrypted_to_another_machine(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
    ) -> None:
        with witness(monkeypatch) as by_proxy:
            gcp.use(monkeypatch, account=workload(tmp_path, url))
            with open_signer(f"gcpkms:{there.new()}") as signer, pytest.raises(SignerError) as caught:
                _ = signer.public_key
        assert caught.value.code == ("kms-misconfigured" if url.startswith("http:") else "kms-unreachable")
        assert by_proxy == []

    def test_a_token_service_that_is_down_is_unreachable(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        gcp.use(monkeypatch, account=workload(tmp_path, f"{absent()}/token"))
        with open_signer(f"gcpkms:{there.new()}") as signer, refused(SignerError, "kms-unreachable") as caught:
            _ = signer.public_key
        assert "token service" in caught.value.message

    def test_workload_identity_exchanges_the_token_of_the_ci(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        asked: list[Request] = []

        def respond(request: Request) -> Response:
            asked.append(request)
            return Response(200, {"Content-Type": "application/json"}, EXCHANGED)

        name = there.new()
        with responding(respond) as url:
            gcp.use(monkeypatch, account=workload(tmp_path, url))
            with open_signer(f"gcpkms:{name}") as signer:
                assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        sent = {headers["authorization"] for _, about, headers in there.server.log if about == name}
        assert sent == {"Bearer exchanged"}
        assert {b"token-of-the-ci" in request.body for request in asked} == {True}

    def test_a_program_in_the_configuration_is_not_run(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        ran = tmp_path / "ran"
        program = {"executable": {"command": f"touch {ran}", "timeout_millis": 5000}}
        gcp.use(monkeypatch, account=workload(tmp_path, "https://127.0.0.1:1/", credential_source=program))
        with open_signer(f"gcpkms:{there.new()}") as signer, refused(SignerError, "kms-misconfigured"):
            _ = signer.public_key
        assert not ran.exists()


EXCHANGED = json.dumps(
    {
        "access_token": "exchanged",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
).encode()


def workload(folder: Path, token_url: str, **fields: Any) -> Path:
    """A configuration of identity federation: the token in a file is exchanged for one of Google's."""
    (folder / "token").write_text("token-of-the-ci hunter2")
    about = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/locations/global/workforcePools/pool/providers/ci",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": token_url,
        "credential_source": {"file": str(folder / "token")},
    }
    path = folder / "workload.json"
    path.write_text(json.dumps(about | fields))
    return path


@contextmanager
def witness(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a proxy is asked that google-auth is to use."""
    asked: list[str] = []

    def respond(request: Request) -> Response:
        asked.append(request.path)
        return Response(418)

    with responding(respond) as url:
        for name in ("NO_PROXY", "no_proxy"):
            patch.delenv(name, raising=False)
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, url)
        yield asked
