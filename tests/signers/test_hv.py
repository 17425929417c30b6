"""`hv:` through the real hvac: against OpenBao, and against a server of the test's for what that one never does."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import SignerError, open_signer, sign
from tests.support import kms
from tests.support.builders import refused, statement
from tests.support.helpers import private_key
from tests.support.servers import answering

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message
    from pathlib import Path

    # What is made of the answer that would be right.
    Change = Callable[[dict[str, Any]], Any]

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def bao(monkeypatch: pytest.MonkeyPatch) -> kms.Bao:
    server = kms.bao()
    kms.use(monkeypatch, vault=server.url)
    return server


@pytest.fixture
def name(bao: kms.Bao) -> str:
    """The name of a new key."""
    made = uuid4().hex
    bao.key(made)
    return made


def test_each_version_is_a_key_of_its_own(bao: kms.Bao, name: str) -> None:
    bao.ask("POST", f"transit/keys/{name}/rotate")
    with open_signer(f"hv:{name}/1") as first, open_signer(f"hv:{name}/2") as second:
        assert first.public_key != second.public_key
        for signer in (first, second):
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


def test_a_signer_stays_with_its_version_when_the_key_is_rotated(bao: kms.Bao, name: str) -> None:
    with open_signer(f"hv:{name}/1") as signer:
        before = signer.public_key
        bao.ask("POST", f"transit/keys/{name}/rotate")
        assert signer.public_key == before
        assert before.accepts(signer.sign(b"data").sig, b"data")


def test_a_version_that_is_not_there_is_not_found_and_those_that_are_are_named(bao: kms.Bao, name: str) -> None:
    with open_signer(f"hv:{name}/7") as signer, refused(SignerError, "key-not-found", f"hv:{name}/7") as caught:
        _ = signer.public_key
    assert caught.value.message.endswith("it has 1")


def test_a_version_that_may_not_sign_any_more_is_disabled(bao: kms.Bao, name: str) -> None:
    bao.ask("POST", f"transit/keys/{name}/rotate")
    with open_signer(f"hv:{name}/1") as opened:
        _ = opened.public_key
        bao.ask("POST", f"transit/keys/{name}/config", min_encryption_version=2)
        with refused(SignerError, "kms-failed", f"hv:{name}/1"):
            opened.sign(b"")
    with open_signer(f"hv:{name}/1") as signer, refused(SignerError, "key-disabled", f"hv:{name}/1"):
        _ = signer.public_key


def test_a_key_that_was_deleted_softly_is_disabled(bao: kms.Bao, name: str) -> None:
    bao.ask("DELETE", f"transit/keys/{name}/soft-delete")
    with open_signer(f"hv:{name}/1") as signer, refused(SignerError, "key-disabled"):
        _ = signer.public_key


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048", "aes256-gcm96"])
def test_only_ed25519_is_used_in_vault(bao: kms.Bao, kind: str) -> None:
    bao.key(f"only-{kind}", kind)
    with open_signer(f"hv:only-{kind}/1") as signer, refused(SignerError, "key-unsupported") as caught:
        _ = signer.public_key
    assert kind in caught.value.message
    assert "ed25519" in caught.value.message


def test_a_key_that_is_derived_is_refused(bao: kms.Bao) -> None:
    bao.key("derived", derived=True)
    with open_signer("hv:derived/1") as signer, refused(SignerError, "key-unsupported") as caught:
        _ = signer.public_key
    assert "derived" in caught.value.message


def test_an_algorithm_that_the_key_is_not_for_is_refused(bao: kms.Bao, name: str) -> None:
    uri = f"hv:{name}/1?algorithm=ecdsa-sha2-nistp256"
    with open_signer(uri) as signer, refused(SignerError, "key-algorithm-mismatch", uri):
        _ = signer.public_key


def test_two_permissions_are_enough_and_without_either_access_is_denied(
    bao: kms.Bao, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = f'path "transit/keys/{name}" {{ capabilities = ["read"] }}'
    signs = f'path "transit/sign/{name}" {{ capabilities = ["update"] }}'
    for policy, good in ((f"{reads}\n{signs}", True), (reads, False), (signs, False)):
        token = bao.token(policy)
        monkeypatch.setenv("VAULT_TOKEN", token)
        with open_signer(f"hv:{name}/1") as signer:
            if good:
                assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
                continue
            with refused(SignerError, "access-denied") as caught:
                signer.sign(b"data")
            assert "transit/sign" in str(caught.value.hint)
            assert token not in repr(caught.value) + repr(signer)


def test_a_token_that_is_wrong_is_refused_and_not_shown(
    bao: kms.Bao, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token in ("hunter2-hunter2", "hunter2\nhunter2", "hunter2\u20ac"):
        monkeypatch.setenv("VAULT_TOKEN", token)
        with open_signer(f"hv:{name}/1") as signer, pytest.raises(SignerError) as caught:
            _ = signer.public_key
        assert caught.value.code in ("access-denied", "kms-misconfigured")
        assert "hunter2" not in repr(caught.value) + str(caught.value.hint)


def test_without_a_token_credentials_are_missing_and_one_at_home_is_found(
    bao: kms.Bao, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VAULT_TOKEN")
    with open_signer(f"hv:{name}/1") as signer:
        with refused(SignerError, "credentials-missing", f"hv:{name}/1"):
            _ = signer.public_key
        (tmp_path / ".vault-token").write_text(kms.TOKEN)
        assert signer.public_key.algorithm.name == "ed25519"


def test_a_token_file_that_can_not_be_read_is_a_fault_of_the_configuration(
    bao: kms.Bao, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VAULT_TOKEN")
    (tmp_path / ".vault-token").mkdir()
    with open_signer(f"hv:{name}/1") as signer, refused(SignerError, "kms-misconfigured"):
        _ = signer.public_key


def test_a_server_without_the_engine_has_no_keys_and_one_that_is_sealed_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = kms.Bao()
    kms.use(monkeypatch, vault=own.url)
    own.key("release")
    with open_signer("hv:release/1") as signer, open_signer("hv:release/1") as late:
        _ = signer.public_key
        own.ask("DELETE", "sys/mounts/transit")
        with refused(SignerError, "key-not-found", "hv:release/1") as caught:
            _ = late.public_key
        assert "no transit engine" in caught.value.message
        own.ask("PUT", "sys/seal")
        with refused(SignerError, "kms-unreachable", "hv:release/1") as caught:
            signer.sign(b"")
        assert "sealed" in caught.value.message
    own.close()


@pytest.mark.parametrize("written", ["release", "release/", "release/0", "release/latest", "/1", "a/b/1", "a%2F../1"])
def test_what_names_no_version_of_a_key_is_refused_at_once(written: str) -> None:
    with refused(SignerError, "signer-uri-invalid", f"hv:{written}"):
        open_signer(f"hv:{written}")


def answers(change: Change, signs_with: int = 0) -> Callable[[str, Message, bytes], tuple[int, bytes]]:
    """What transit says of an Ed25519 key and signs with it, after a `change` of each answer."""
    key, signing = private_key("ed25519"), private_key("ed25519", signs_with)

    def answer(path: str, headers: Message, body: bytes) -> tuple[int, bytes]:
        if path == "/v1/transit/sign/release":
            made = signing.sign(b64decode(json.loads(body)["input"]))
            data: dict[str, Any] = {"signature": f"vault:v1:{b64encode(made).decode()}"}
        else:
            assert path == "/v1/transit/keys/release"
            raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            versions = {"1": {"public_key": b64encode(raw).decode()}}
            data = {"type": "ed25519", "derived": False, "min_encryption_version": 0, "keys": versions}
        return 200, json.dumps({"data": change(data)}).encode()

    return answer


def test_a_server_that_signs_with_another_key_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(answers(dict, signs_with=1), headers=JSON) as url:
        kms.use(monkeypatch, vault=url)
        with open_signer("hv:release/1") as signer, refused(SignerError, "signature-faulty", "hv:release/1"):
            sign(statement(), [signer])


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("keys", {"1": {"public_key": "AAAA"}}, "key-invalid"),
        ("keys", {"1": {"public_key": "no base64!"}}, "kms-failed"),
        ("keys", {"1": 1795534500}, "kms-failed"),
        ("keys", {"one": {}}, "kms-failed"),
        ("keys", {}, "key-not-found"),
        ("keys", None, "kms-failed"),
        ("min_encryption_version", "1", "kms-failed"),
        ("signature", "vault:v1", "kms-failed"),
        ("signature", "vault:v1:AAA", "kms-failed"),
        ("signature", None, "kms-failed"),
    ],
)
def test_an_answer_that_is_not_whole_is_no_key_and_no_signature(
    field: str, value: object, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(data: dict[str, Any]) -> dict[str, Any]:
        return data | {field: value} if field in data else data

    with answering(answers(change), headers=JSON) as url:
        kms.use(monkeypatch, vault=url)
        with open_signer("hv:release/1") as signer, refused(SignerError, code, "hv:release/1"):
            signer.sign(b"")


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "kms-busy"), (501, "kms-unreachable"), (502, "kms-unreachable"), (503, "kms-unreachable")],
)
def test_a_status_that_says_what_is_wrong_has_a_code(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda *_: (status, b'{"errors": ["hunter2"]}'), headers=JSON) as url:
        kms.use(monkeypatch, vault=url)
        with open_signer("hv:release/1") as signer, refused(SignerError, code) as caught:
            _ = signer.public_key
    assert "hunter2" not in repr(caught.value)


def test_a_certificate_file_that_is_not_there_is_a_fault_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kms.use(monkeypatch, vault="https://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with open_signer("hv:release/1") as signer, refused(SignerError, "kms-misconfigured"):
        _ = signer.public_key
