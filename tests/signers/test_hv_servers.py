"""`hv:` and a server that ends, restarts, is sealed or has TLS: OpenBao with its keys on disk."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest import SignerError, open_signer
from tests.support.services import kms
from tests.support.services.bao_stored import StoredBao, stored_bao
from tests.support.services.servers import Request, Response, responding
from tests.support.services.tls import tls_server
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

URI = "hv:stored/1"


def use(patch: pytest.MonkeyPatch, bao: StoredBao) -> None:
    kms.use(patch, vault=bao.url)
    patch.setenv("VAULT_TOKEN", bao.token)
    patch.setenv("VAULT_CACERT", bao.ca)


@pytest.fixture
def bao(monkeypatch: pytest.MonkeyPatch) -> StoredBao:
    made = stored_bao()
    use(monkeypatch, made)
    made.ask("POST", "transit/keys/stored", type="ed25519")
    return made


def test_a_server_that_is_not_initialized_says_so_and_one_that_restarts_keeps_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bao = StoredBao()
    use(monkeypatch, bao)
    with open_signer(URI) as signer:
        with refused(SignerError, "kms-unreachable") as caught:
            _ = signer.public_key
        assert caught.value.message == "Vault is not initialized"
        bao.initialize()
        bao.ask("POST", "transit/keys/stored", type="ed25519")
        monkeypatch.setenv("VAULT_TOKEN", bao.token)
        key = signer.public_key
        bao.kill()
        with refused(SignerError, "kms-unreachable"):
            signer.sign(b"data")
        bao.start()
        with refused(SignerError, "kms-unreachable") as caught:
            signer.sign(b"data")
        assert caught.value.message == "Vault is sealed"
        bao.unseal()
        assert key.accepts(signer.sign(b"data").sig, b"data")
    bao.close()


@pytest.mark.parametrize("names", [("VAULT_CACERT",), ("BAO_CACERT",), ("VAULT_CAPATH",), ("REQUESTS_CA_BUNDLE",)])
def test_the_certificate_of_the_server_is_verified_with_the_configured_ca(
    bao: StoredBao, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VAULT_CACERT")
    with open_signer(URI) as signer, refused(SignerError, "kms-misconfigured") as caught:
        _ = signer.public_key
    assert "certificate is not valid" in caught.value.message
    assert "VAULT_CACERT" in str(caught.value.hint)
    (tmp_path / "ca.crt").write_bytes(Path(bao.ca).read_bytes())
    for name in names:
        monkeypatch.setenv(name, str(tmp_path if name.endswith("PATH") else tmp_path / "ca.crt"))
    with open_signer(URI) as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


def test_the_name_in_a_certificate_may_be_another_than_in_the_address(
    bao: StoredBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TLS_SERVER_NAME", "localhost")
    with open_signer(URI) as signer:
        _ = signer.public_key
    monkeypatch.setenv("VAULT_TLS_SERVER_NAME", "other.example")
    with open_signer(URI) as signer, refused(SignerError, "kms-misconfigured"):
        _ = signer.public_key


def test_a_client_certificate_is_shown_to_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import ssl

    context, ca = tls_server(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca)
    with responding(lambda _: Response(418), tls=context) as url:
        kms.use(monkeypatch, vault=url)
        monkeypatch.setenv("VAULT_CACERT", ca)
        with open_signer(URI) as signer, pytest.raises(SignerError) as hung_up:
            _ = signer.public_key
        assert hung_up.value.code in ("kms-misconfigured", "kms-unreachable")  # TLS 1.3: after the handshake
        monkeypatch.setenv("VAULT_CLIENT_CERT", ca)
        with open_signer(URI) as signer, refused(SignerError, "kms-misconfigured") as caught:
            _ = signer.public_key
        assert "VAULT_CLIENT_KEY is not set" in caught.value.message
        monkeypatch.setenv("VAULT_CLIENT_KEY", str(tmp_path / "tls-server.key"))
        with open_signer(URI) as signer, refused(SignerError, "kms-failed") as caught:
            _ = signer.public_key
        assert "418" in caught.value.message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"VAULT_ADDR": "https://a.example", "BAO_ADDR": "https://b.example"}, "BAO_ADDR and VAULT_ADDR"),
        ({"VAULT_TOKEN": "hunter2", "BAO_TOKEN": "hunter3"}, "BAO_TOKEN and VAULT_TOKEN"),
        ({"VAULT_SKIP_VERIFY": "true"}, "VAULT_SKIP_VERIFY"),
        ({"BAO_SKIP_VERIFY": "yes"}, "BAO_SKIP_VERIFY"),
        ({"VAULT_NAMESPACE": "a\r\nX-Evil: hunter2"}, "namespace"),
        ({"VAULT_CACERT": "/nowhere"}, "/nowhere"),
        ({"VAULT_CAPATH": "/nowhere"}, "VAULT_CAPATH"),
        ({"VAULT_CACERT": __file__}, "PEM"),
        ({"BAO_CLIENT_CERT": __file__, "BAO_CLIENT_KEY": __file__}, "BAO_CLIENT_KEY"),
    ],
)
def test_settings_that_contradict_or_can_not_be_kept_are_refused_by_name(
    settings: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with responding(_fail) as url:
        kms.use(monkeypatch, vault=url)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with open_signer(URI) as signer, refused(SignerError, "kms-misconfigured", URI) as caught:
            _ = signer.public_key
    assert words in caught.value.message
    assert "hunter" not in repr(caught.value)


def _fail(request: Request) -> Response:
    pytest.fail(f"nothing is sent: {request.path}")


@pytest.mark.parametrize("value", ["", "0", "false", "F"])
def test_a_variable_that_skips_nothing_is_no_fault(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kms.bao().key("skips-nothing")
    kms.use(monkeypatch, vault=kms.bao().url)
    monkeypatch.setenv("VAULT_SKIP_VERIFY", value)
    monkeypatch.setenv("BAO_ADDR", kms.bao().url)
    with open_signer("hv:skips-nothing") as signer:
        assert signer.public_key.algorithm.name == "ed25519"


def _cut() -> Iterator[bytes]:
    yield b'{"data": '


@pytest.mark.parametrize("body", [b"", b"<html>", _cut(), b"[" * 100_000, b" " * (5 << 20)])
def test_an_answer_that_is_cut_or_too_large_or_none_signs_nothing(
    body: bytes | Iterable[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with responding(lambda _: Response(200, {}, body)) as url:
        kms.use(monkeypatch, vault=url)
        with open_signer(URI) as signer, pytest.raises(SignerError) as caught:
            _ = signer.public_key
    assert caught.value.code in ("kms-failed", "kms-unreachable")


def test_a_server_that_ends_in_the_middle_of_requests_loses_no_key(
    bao: StoredBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request is a signature or a SignerError, and the signer works again after the restart."""
    codes: list[str] = []
    over = threading.Event()
    with open_signer(f"{URI}?timeout=30") as signer:
        key = signer.public_key

        def work() -> None:
            while not over.is_set():
                try:
                    assert key.accepts(signer.sign(b"data").sig, b"data")
                    codes.append("signed")
                except SignerError as error:
                    codes.append(error.code)
                    return

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        while codes.count("signed") < 8 and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        bao.kill()
        for thread in threads:
            thread.join(60)
        over.set()
        assert sorted(set(codes) - {"kms-timeout"}) == ["kms-unreachable", "signed"]
        bao.start()
        bao.unseal()
        assert key.accepts(signer.sign(b"data").sig, b"data")
