"""`hv:` through the real hvac: against OpenBao, and against a server of the test's for what that one never does."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from attest import SignerError, generate_key, open_signer, sign
from attest.signers.hv import signer as signing
from attest.signers.hv.signer import VaultSigner, key_name
from tests.support.examples import few
from tests.support.making.keys import private_key
from tests.support.making.statements import statement
from tests.support.services import kms
from tests.support.services.servers import answering
from tests.support.watching import refused

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


def vault(uri: str) -> VaultSigner:
    """The signer for a URI, as what it is."""
    signer = open_signer(uri)
    assert isinstance(signer, VaultSigner)
    return signer


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
        with refused(SignerError, "key-disabled", f"hv:{name}/1") as caught:
            opened.sign(b"")
        assert "min_encryption_version is 2" in caught.value.message
    with open_signer(f"hv:{name}/1") as signer, refused(SignerError, "key-disabled", f"hv:{name}/1"):
        _ = signer.public_key


def test_a_key_that_was_deleted_softly_is_disabled(bao: kms.Bao, name: str) -> None:
    bao.ask("DELETE", f"transit/keys/{name}/soft-delete")
    with open_signer(f"hv:{name}/1") as signer, refused(SignerError, "key-disabled"):
        _ = signer.public_key


@pytest.mark.parametrize("kind", ["ecdsa-p521", "aes256-gcm96"])
def test_a_key_of_another_type_is_refused(bao: kms.Bao, kind: str) -> None:
    bao.key(f"other-{kind}", kind)
    with open_signer(f"hv:other-{kind}/1") as signer, refused(SignerError, "key-unsupported") as caught:
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
    for policy, lacks in (
        (f"{reads}\n{signs}", None),
        (reads, f"`transit/sign/{name}`"),
        (signs, f"`transit/keys/{name}`"),
    ):
        token = bao.token(policy)
        monkeypatch.setenv("VAULT_TOKEN", token)
        with open_signer(f"hv:{name}/1") as signer:
            if lacks is None:
                assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
                continue
            with refused(SignerError, "access-denied") as caught:
                signer.sign(b"data")
            assert lacks in str(caught.value.hint)
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


@pytest.mark.parametrize(
    "written",
    ["release/", "release/0", "release/01", "/1", "7", "///a", "a//1", "../a/1", "a%2F../1", "a b", "a/" * 16 + "1"],
)
def test_what_names_no_version_of_a_key_is_refused_at_once(written: str) -> None:
    with refused(SignerError, "signer-uri-invalid", f"hv:{written}"):
        open_signer(f"hv:{written}")


def answers(change: Change, signs_with: int = 0) -> Callable[[str, Message, bytes], tuple[int, bytes]]:
    """What transit says of an Ed25519 key and signs with it, after a `change` of each answer."""
    key, signing = private_key("ed25519"), private_key("ed25519", signs_with)

    def answer(path: str, headers: Message, body: bytes) -> tuple[int, bytes]:
        if path == "/v1/transit/sign/release":
            made = signing.sign(b64decode(json.loads(body)["input"]))
            data: dict[str, Any] = {"signature": f"vault:v1:{b64encode(made).decode()}", "key_version": 1}
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
        ("signature", "vault:v2:AAAA", "kms-failed"),
        ("key_version", 2, "kms-failed"),
        ("type", "hunter2 " * 9, "key-unsupported"),
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
        with open_signer("hv:release/1") as signer, refused(SignerError, code, "hv:release/1") as caught:
            signer.sign(b"")
    assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "kms-failed"),
        (404, "key-not-found"),
        (405, "kms-failed"),
        (412, "kms-busy"),
        (413, "data-too-large"),
        (429, "kms-busy"),
        (472, "kms-unreachable"),
        (473, "kms-unreachable"),
        (500, "kms-failed"),
        (501, "kms-unreachable"),
        (502, "kms-unreachable"),
        (503, "kms-unreachable"),
        (504, "kms-unreachable"),
    ],
)
def test_a_status_that_says_what_is_wrong_has_a_code(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda *_: (status, b'{"errors": ["hunter2"]}'), headers=JSON) as url:
        kms.use(monkeypatch, vault=url)
        with open_signer("hv:release/1") as signer, refused(SignerError, code) as caught:
            _ = signer.public_key
    assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize(
    ("health", "words"),
    [(429, "standby"), (472, "disaster"), (473, "standby"), (501, "not initialized"), (503, "sealed")],
)
def test_a_node_that_can_not_answer_says_why_by_its_health(
    health: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that finds no active node answers 500; a real one is forwarded to, or is not quick to start."""

    def answer(path: str, headers: Message, body: bytes) -> tuple[int, bytes]:
        if path == "/v1/sys/health":
            assert "X-Vault-Token" not in headers
            return health, b"{}"
        return 500, b"{}"

    with answering(answer, headers=JSON) as url:
        kms.use(monkeypatch, vault=url)
        with open_signer("hv:release/1") as signer, refused(SignerError, "kms-unreachable") as caught:
            _ = signer.public_key
    assert words in caught.value.message


KINDS = [
    ("ed25519", "ed25519"),
    ("ecdsa-p256", "ecdsa-sha2-nistp256"),
    ("ecdsa-p384", "ecdsa-sha2-nistp384"),
    ("rsa-2048", "rsassa-pss-sha256"),
    *(("rsa-2048", f"{kind}-sha{bits}") for kind in ("rsassa-pss", "rsa-pkcs1v15") for bits in (256, 384, 512)),
    *few(0, [("rsa-4096", "rsa-pkcs1v15-sha512")]),  # which the server takes seconds to make
]


@pytest.mark.parametrize(("kind", "algorithm"), KINDS)
def test_every_algorithm_signs_in_its_modern_form(bao: kms.Bao, kind: str, algorithm: str) -> None:
    bao.mount("kinds")
    bao.key(kind, kind, mount="kinds")
    given = f"?algorithm={algorithm}" if kind.startswith("rsa") else ""
    with open_signer(f"hv:kinds/{kind}{given}") as signer:
        key = signer.public_key
        assert key.algorithm.name == algorithm
        made = signer.sign(b"data").sig
        assert key.accepts(made, b"data")
        if algorithm.startswith("rsassa-pss"):  # with a salt as long as the digest, which other verifiers demand
            digest = getattr(hashes, key.algorithm.digest.upper())()
            padding = PSS(MGF1(digest), digest.digest_size)
            public: Any = load_der_public_key(key.spki)
            public.verify(made, b"data", padding, digest)


@pytest.mark.parametrize(
    ("written", "mount", "name", "version"),
    [
        ("a", "", "a", None),
        ("//a", "", "a", None),
        ("a/1", "", "a", "1"),
        ("a/b", "a", "b", None),
        ("a/b/2", "a", "b", "2"),
        ("5/1", "", "5", "1"),
        ("transit/5/1", "transit", "5", "1"),
        ("kms/prod/a", "kms/prod", "a", None),
        ("//team1/kms/a/3", "team1/kms", "a", "3"),
    ],
)
def test_the_last_part_of_a_uri_is_the_version_if_it_is_a_number(
    written: str, mount: str, name: str, version: str | None
) -> None:
    assert key_name(written) == (mount, name, version)


def test_the_newest_version_is_chosen_once_reported_and_kept(
    bao: kms.Bao, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bao.ask("POST", f"transit/keys/{name}/rotate")
    with caplog.at_level("INFO", "attest"), vault(f"hv:{name}") as signer:
        before = signer.public_key
        bao.ask("POST", f"transit/keys/{name}/rotate")
        assert signer.version_uri == f"hv:{name}/2"
        assert before.accepts(signer.sign(b"data").sig, b"data")
        signer._held = None  # as after a fork
        assert signer.public_key == before
    assert [record.getMessage() for record in caplog.records].count(f"hv:{name}: uses version hv:{name}/2") == 1
    with vault(f"hv:{name}") as later:
        assert later.version_uri == f"hv:{name}/3"


def test_a_mount_with_slashes_and_a_namespace_before_it_or_in_a_variable(
    bao: kms.Bao, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = f"team-{name}"
    bao.ask("POST", f"sys/namespaces/{team}")
    bao.ask("POST", f"{team}/sys/mounts/kms/prod", type="transit")
    bao.key("5", mount=f"{team}/kms/prod")
    with vault(f"hv:{team}/kms/prod/5/1") as signer:
        whole = signer.public_key
        assert signer.version_uri == f"hv:{team}/kms/prod/5/1"
    monkeypatch.setenv("BAO_NAMESPACE", f"{team}/")
    with vault("hv:kms/prod/5/1") as signer:
        assert signer.public_key == whole
        assert whole.accepts(signer.sign(b"data").sig, b"data")
    monkeypatch.setenv("BAO_NAMESPACE", "nobody")
    with vault("hv:kms/prod/5/1") as signer, refused(SignerError, "kms-misconfigured") as caught:
        _ = signer.public_key
    assert "namespace" in caught.value.message


def test_versions_that_were_removed_or_archived_are_told_apart(bao: kms.Bao, name: str) -> None:
    for _ in range(2):
        bao.ask("POST", f"transit/keys/{name}/rotate")
    bao.ask("POST", f"transit/keys/{name}/config", min_decryption_version=2, min_encryption_version=2)
    with vault(f"hv:{name}/1") as signer, refused(SignerError, "key-disabled"):
        _ = signer.public_key
    bao.ask("POST", f"transit/keys/{name}/trim", min_available_version=2)
    bao.ask("POST", f"transit/keys/{name}/config", deletion_allowed=True)
    with vault(f"hv:{name}") as signer:
        _ = signer.public_key
        bao.ask("DELETE", f"transit/keys/{name}")
        with refused(SignerError, "key-not-found"):
            signer.sign(b"data")


def test_data_that_is_larger_than_a_request_is_refused_and_a_digest_has_no_limit(
    bao: kms.Bao, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "MAX_DATA", 1000)
    with open_signer(f"hv:{name}/1") as signer:
        with refused(SignerError, "data-too-large") as caught:
            signer.sign(bytes(1001))
        assert "1,001 bytes" in caught.value.message
        assert "1,000 bytes" in caught.value.message
        assert signer.public_key.accepts(signer.sign(bytes(1000)).sig, bytes(1000))
    bao.key(f"{name}.ec", "ecdsa-p256")
    with open_signer(f"hv:{name}.ec") as signer:
        assert signer.public_key.accepts(signer.sign(bytes(1001)).sig, bytes(1001))


@pytest.mark.parametrize("algorithm", [None, "ed25519", "ecdsa-sha2-nistp384", "rsa-pkcs1v15-sha256"])
def test_a_key_is_created_once_and_nobody_can_export_it(bao: kms.Bao, algorithm: str | None) -> None:
    name = f"made-{uuid4().hex}"
    with generate_key(f"hv:{name}", algorithm) as signer:
        assert str(signer.uri).partition("?")[0] == f"hv:{name}/1"
        made = signer.public_key
        assert made.algorithm.name == algorithm or algorithm is None
        assert made.accepts(signer.sign(b"data").sig, b"data")
    settings = bao.ask("GET", f"transit/keys/{name}")["data"]
    assert (settings["exportable"], settings["allow_plaintext_backup"], settings["latest_version"]) == (False, False, 1)
    with refused(SignerError, "key-exists"):
        generate_key(f"hv:{name}", algorithm)
    with refused(SignerError, "signer-uri-invalid"):
        generate_key(f"hv:{name}.2/2", algorithm)
    with refused(SignerError, "algorithm-unsupported"):
        generate_key(f"hv:{name}.2", "ml-dsa-65")
    with refused(SignerError, "key-not-found"):
        generate_key(f"hv:nowhere/{name}", algorithm)
    assert bao.ask("GET", f"transit/keys/{name}")["data"] == settings


def test_cosign_s_name_of_a_key_is_taken_and_its_variable_too(
    bao: kms.Bao, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bao.mount("cosign")
    bao.key(name, "ecdsa-p256", mount="cosign")
    monkeypatch.setenv("TRANSIT_SECRET_ENGINE_PATH", "cosign")
    with vault(f"hashivault://{name}") as theirs, vault(f"hv:{name}") as ours:
        assert theirs.version_uri == f"hv:cosign/{name}/1"
        assert ours.version_uri == f"hv:{name}/1"
    monkeypatch.setenv("TRANSIT_SECRET_ENGINE_PATH", "../sys")
    with open_signer(f"hashivault://{name}") as signer, refused(SignerError, "kms-misconfigured"):
        _ = signer.public_key


def test_a_certificate_file_that_is_not_there_is_a_fault_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kms.use(monkeypatch, vault="https://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with open_signer("hv:release/1") as signer, refused(SignerError, "kms-misconfigured"):
        _ = signer.public_key
