"""Google Cloud KMS that is away, slow or somebody else, and what the program prints of that."""

from __future__ import annotations

import os
import subprocess
import sys
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from attest import SignerError, open_signer
from tests.support.making.keys import private_key
from tests.support.making.statements import statement
from tests.support.services.servers import Request, Response, absent, responding, silent, trickling
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.services import gcp


class TestTroublesOfTheNetwork:
    def test_a_service_that_is_down_is_unreachable_at_once(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there.lead(monkeypatch, absent())
        with open_signer(f"gcpkms:{there.new()}") as signer, refused(SignerError, "kms-unreachable"):
            _ = signer.public_key

    def test_a_service_that_says_nothing_is_waited_for_in_bounds(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with silent() as url:
            there.lead(monkeypatch, url)
            with (
                without_waiting(),
                open_signer(f"gcpkms:{there.new()}?timeout=1") as signer,
                refused(SignerError, "kms-timeout"),
            ):
                _ = signer.public_key

    def test_a_service_that_is_slow_is_waited_for_in_bounds(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = there.new()
        monkeypatch.setattr(there.server, "slow", 8)
        with open_signer(f"gcpkms:{name}?timeout=3") as signer:
            _ = signer.public_key
            there.server.trouble(name, "slow", times=1)
            with without_waiting(), refused(SignerError, "kms-timeout"):
                signer.sign(b"")
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")

    def test_what_is_not_the_service_is_unreachable(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        with trickling() as url:
            there.lead(monkeypatch, url)
            with open_signer(f"gcpkms:{there.new()}?timeout=3") as signer, pytest.raises(SignerError) as caught:
                _ = signer.public_key
        assert caught.value.code in ("kms-unreachable", "kms-timeout")

    def test_a_certificate_that_is_not_trusted_gets_no_token(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.support.services.gcp_server import Server

        other = Server(trusted=False)
        try:
            there.lead(monkeypatch, other.address)
            with open_signer(f"gcpkms:{there.new()}") as signer, refused(SignerError, "kms-unreachable") as caught:
                _ = signer.public_key
            assert "certificate" in caught.value.message
            assert other.log == []
        finally:
            other.close()

    def test_a_web_server_with_the_right_certificate_gets_no_token(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from tests.support.services.gcp_server import certified

        key, chain = certified()
        (tmp_path / "both.pem").write_bytes(key + chain)
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "both.pem")
        asked: list[Request] = []

        def respond(request: Request) -> Response:
            asked.append(request)
            return Response(200, {}, b"hello")

        with responding(respond, tls=context) as url:
            there.lead(monkeypatch, url.removeprefix("https://"))
            with open_signer(f"gcpkms:{there.new()}") as signer, refused(SignerError, "kms-unreachable"):
                _ = signer.public_key
        assert asked == []

    def test_a_service_that_dies_in_a_request_and_comes_back_goes_on(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.support.services.gcp_server import Server

        private = private_key("ecdsa-sha2-nistp256")
        first, second = Server(), Server()
        try:
            name = first.key("chaos", private=private)
            second.key("chaos", private=private)
            there.lead(monkeypatch, first.address)
            with open_signer(f"gcpkms:{name}?timeout=10") as signer:
                key = signer.public_key
                first.trouble(name, "slow")
                dies = Timer(0.3, first.stop)
                dies.start()
                with refused(SignerError, "kms-unreachable"):
                    signer.sign(b"lost")
                dies.join()
                there.lead(monkeypatch, second.address)
                assert key.accepts(signer.sign(b"data").sig, b"data")
        finally:
            first.close()
            second.close()


@pytest.mark.parametrize("trusted", [True, False])
def test_the_program_prints_its_own_lines_alone(
    there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusted: bool
) -> None:
    """In a process of its own, where nobody has set up logging: gRPC and google-auth print nothing."""
    from tests.support.services.gcp_server import Server

    (tmp_path / "statement.json").write_bytes(statement().raw)
    name = there.new()
    monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
    command = [sys.executable, "-m", "attest", "sign", str(tmp_path / "statement.json"), "--signer", f"gcpkms:{name}"]
    other = None if trusted else Server(trusted=False)
    try:
        there.lead(monkeypatch, absent() if other is None else other.address)
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    finally:
        if other is not None:
            other.close()
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "(kms-unreachable)" in ran.stderr
    assert [line for line in ran.stderr.splitlines() if not line.startswith("attest: ")] == []
