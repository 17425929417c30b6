"""`awskms:` through the real boto3: against moto's server, and against AWS's own words where moto has none."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from attest import SignerError, generate_key, open_signer, sign
from tests.support.making.keys import private_key
from tests.support.making.statements import statement
from tests.support.services import kms
from tests.support.services.aws_script import HEADERS, LEAK, Scripted
from tests.support.services.servers import answering
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

URI = "awskms:alias/release"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> kms.Moto:
    moto = kms.moto()
    kms.use(monkeypatch, aws=moto.url)
    return moto


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Any:
    script = Scripted()
    with answering(script.answer, headers=HEADERS) as url:
        kms.use(monkeypatch, aws=url)
        yield script


def test_a_key_is_asked_for_once_and_each_signature_takes_one_request(scripted: Scripted) -> None:
    with open_signer(URI) as signer:
        assert scripted.asked == []
        for data in (b"one", b"two"):
            assert signer.public_key.accepts(signer.sign(data).sig, data)
    assert scripted.asked == ["GetPublicKey", "Sign", "Sign"]


def test_an_rsa_key_signs_with_pss_unless_the_uri_says_otherwise(aws: kms.Moto) -> None:
    arn = aws.key("RSA_2048")
    for query, name in (("", "rsassa-pss-sha256"), ("?algorithm=rsa-pkcs1v15-sha512", "rsa-pkcs1v15-sha512")):
        with open_signer(f"awskms:{arn}{query}") as signer:
            assert signer.public_key.algorithm.name == name


def test_an_arn_says_which_region_is_asked(aws: kms.Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = aws.key()
    for region in (None, "us-west-2"):
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        if region is not None:
            monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        with open_signer(f"awskms:{arn}") as signer:
            assert signer.public_key.algorithm.name == "ecdsa-sha2-nistp256"
    with open_signer(f"awskms:{arn.rpartition('/')[2]}") as signer, refused(SignerError, "key-not-found"):
        _ = signer.public_key


def test_without_a_region_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    kms.use(monkeypatch)
    with open_signer(URI) as signer, refused(SignerError, "kms-misconfigured", URI) as caught:
        _ = signer.public_key
    assert "region" in caught.value.message


def test_without_credentials_nobody_is_asked(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with open_signer(URI) as signer, refused(SignerError, "credentials-missing", URI):
        _ = signer.public_key
    assert scripted.asked == []


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("[profile p]\ncredential_process = sh -c 'echo hunter2 >&2; exit 1'\n", "credentials-missing"),
        ("[profile p]\nsso_start_url = https://127.0.0.1/\nsso_region = eu-central-1\nsso_account_id = 1\n"
         "sso_role_name = r\n", "credentials-missing"),
        ("[profile q]\n", "kms-misconfigured"),
        ("[profile p\n", "kms-misconfigured"),
    ],
)  # fmt: skip
def test_a_profile_that_leads_to_no_credentials_says_so_and_not_why(
    scripted: Scripted, tmp_path: Path, written: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(written)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "p")
    with open_signer(URI) as signer, refused(SignerError, code, URI) as caught:
        _ = signer.public_key
    assert "hunter2" not in repr(caught.value) + str(caught.value.hint)


@pytest.mark.parametrize("name", ["alias/missing", "0f32ad13-ca13-491e-ab7c-78685ac16b88"])
def test_a_key_that_is_not_there_is_not_found(aws: kms.Moto, name: str) -> None:
    with open_signer(f"awskms:{name}") as signer, refused(SignerError, "key-not-found", f"awskms:{name}") as caught:
        _ = signer.public_key
    assert "region" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("spec", "usage", "code"),
    [
        ("ECC_NIST_P521", "SIGN_VERIFY", "key-unsupported"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY", "key-unsupported"),
        ("RSA_2048", "ENCRYPT_DECRYPT", "key-not-allowed"),
    ],
)
def test_a_key_that_is_of_no_use_here_is_refused(aws: kms.Moto, spec: str, usage: str, code: str) -> None:
    uri = f"awskms:{aws.key(spec, usage)}"
    with open_signer(uri) as signer, refused(SignerError, code, uri):
        signer.sign(b"")


@pytest.mark.parametrize(("spec", "algorithm"), [("ECC_NIST_P256", "ecdsa-sha2-nistp384"), ("RSA_2048", "ed25519")])
def test_an_algorithm_that_the_key_is_not_for_is_refused(aws: kms.Moto, spec: str, algorithm: str) -> None:
    uri = f"awskms:{aws.key(spec)}?algorithm={algorithm}"
    with open_signer(uri) as signer, refused(SignerError, "key-algorithm-mismatch", uri):
        _ = signer.public_key


def test_an_algorithm_that_the_service_does_not_offer_for_the_key_is_refused(scripted: Scripted) -> None:
    scripted.fields = {"SigningAlgorithms": ["ECDSA_SHA_384"]}
    with open_signer(URI) as signer, refused(SignerError, "key-algorithm-mismatch", URI):
        _ = signer.public_key


@pytest.mark.parametrize("algorithm", ["ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_a_key_that_signs_no_digest_signs_as_the_reference_of_aws_says(scripted: Scripted, algorithm: str) -> None:
    scripted.holds(algorithm)
    with open_signer(URI) as signer:
        for data in (b"", b"x" * 4096):
            assert signer.public_key.accepts(signer.sign(data).sig, data)


def test_data_above_the_limit_of_the_service_is_refused_with_the_limit(scripted: Scripted) -> None:
    scripted.holds("ed25519")
    with open_signer(URI) as signer, refused(SignerError, "data-too-large", URI) as caught:
        signer.sign(b"x" * 4097)
    assert "4,097 bytes" in caught.value.message
    assert "4,096 bytes" in caught.value.message
    scripted.holds("ml-dsa-65")
    with open_signer(URI) as signer:
        assert signer.public_key.accepts(signer.sign(b"x" * 100_000).sig, b"x" * 100_000)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [(None, "ecdsa-sha2-nistp256"), ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
     ("rsa-pkcs1v15-sha512", "rsa-pkcs1v15-sha512")],
)  # fmt: skip
def test_a_key_is_generated_under_a_new_alias_and_never_again(aws: kms.Moto, algorithm: str | None, name: str) -> None:
    uri = f"awskms:alias/{uuid4()}"
    with generate_key(uri, algorithm) as signer:
        assert signer.uri.text.partition("?")[0] == uri
        assert signer.public_key.algorithm.name == name
        assert signer.public_key.accepts(signer.sign(b"new").sig, b"new")
        key = signer.public_key
    with refused(SignerError, "key-exists", uri):
        generate_key(uri)
    with open_signer(signer.uri.text) as again:
        assert again.public_key == key


def test_a_key_whose_alias_cannot_be_made_is_deleted(scripted: Scripted) -> None:
    scripted.fields = {"KeyMetadata": {"KeyId": "1"}}
    scripted.refusals = {"DescribeKey": (400, "NotFoundException"), "CreateAlias": (400, "AlreadyExistsException")}
    with refused(SignerError, "key-exists", URI):
        generate_key(URI)
    assert scripted.asked == ["DescribeKey", "CreateKey", "CreateAlias", "ScheduleKeyDeletion"]


def test_a_region_that_has_no_such_type_of_key_says_so(scripted: Scripted) -> None:
    scripted.refusals = {"DescribeKey": (400, "NotFoundException"), "CreateKey": (400, "ValidationException")}
    with refused(SignerError, "algorithm-unsupported", URI):
        generate_key(URI, "ed25519")


@pytest.mark.parametrize("name", ["0f32ad13-ca13-491e-ab7c-78685ac16b88", "arn:aws:kms:eu-central-1:1:alias/x"])
def test_a_new_key_needs_the_name_of_an_alias(aws: kms.Moto, name: str) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        generate_key(f"awskms:{name}")


def test_a_key_in_a_service_has_no_passphrase(aws: kms.Moto) -> None:
    with refused(SignerError, "capability-missing"):
        generate_key("awskms:alias/x", secret="hunter2")


def test_cosigns_form_of_the_uri_is_read_without_an_address_in_it(scripted: Scripted) -> None:
    with open_signer("awskms:///alias/release") as signer:
        assert signer.public_key.accepts(signer.sign(b"").sig, b"")
        assert signer.version_uri is None  # AWS KMS has no versions of a key
    with refused(SignerError, "signer-uri-invalid") as caught:
        open_signer("awskms://kms.example/alias/release")
    assert "address" in caught.value.message


def test_a_key_that_is_not_a_key_is_refused(scripted: Scripted) -> None:
    scripted.fields = {"PublicKey": b64encode(b"no key").decode()}
    with open_signer(URI) as signer, refused(SignerError, "key-invalid", URI):
        _ = signer.public_key


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, "DisabledException", "key-disabled"),
        (400, "KMSInvalidStateException", "key-disabled"),
        (400, "UnsupportedOperationException", "key-not-allowed"),
        (400, "AccessDeniedException", "access-denied"),
        (400, "ExpiredTokenException", "access-denied"),
        (400, "UnrecognizedClientException", "access-denied"),
        (400, "InvalidSignatureException", "access-denied"),
        (400, "InvalidArnException", "key-not-found"),
        (400, "ThrottlingException", "kms-busy"),
        (500, "KeyUnavailableException", "kms-busy"),
        (500, "KMSInternalException", "kms-failed"),
        (400, "SomethingNewException", "kms-failed"),
    ],
)
@pytest.mark.parametrize("operation", ["GetPublicKey", "Sign"])
def test_what_aws_refuses_has_a_code_and_nothing_of_the_text(
    scripted: Scripted, operation: str, status: int, said: str, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    scripted.refusals = {operation: (status, said)}
    with open_signer(URI) as signer, refused(SignerError, code, URI) as caught:
        signer.sign(b"")
    assert said in caught.value.message
    assert LEAK not in repr(caught.value) + str(caught.value.hint)
    assert capfd.readouterr() == ("", "")


def test_a_busy_service_is_asked_once_more(scripted: Scripted) -> None:
    scripted.refusals = {"GetPublicKey": (400, "ThrottlingException")}
    with open_signer(URI) as signer:
        with refused(SignerError, "kms-busy"):
            _ = signer.public_key
        assert scripted.asked == ["GetPublicKey", "GetPublicKey"]
        scripted.refusals = {}
        assert signer.public_key.accepts(signer.sign(b"later").sig, b"later")


def test_a_service_that_signs_with_another_key_is_found_out(scripted: Scripted) -> None:
    scripted.private = private_key("ecdsa-sha2-nistp256", 1)
    with open_signer(URI) as signer, refused(SignerError, "signature-faulty", URI):
        sign(statement(), [signer])


def test_a_key_that_is_exchanged_behind_an_alias_does_not_become_the_signers(scripted: Scripted) -> None:
    with open_signer(URI) as signer:
        before = signer.public_key
        scripted.public = scripted.private = private_key("ecdsa-sha2-nistp256", 1)
        assert signer.public_key == before
        with refused(SignerError, "signature-faulty", URI):
            sign(statement(), [signer])


@pytest.mark.parametrize(
    "written",
    [
        "a b",
        "//alias/x",
        "////alias/x",
        "//",
        "alias/%00",
        "arn:aws:s3:eu-central-1:123456789012:key/1",
        "arn:aws:kms",
        "x" * 2049,
        "%2e",
    ],
)
def test_what_can_name_no_key_is_refused_at_once(written: str) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        open_signer(f"awskms:{written}")


def test_no_credential_is_said_by_the_program(scripted: Scripted, tmp_path: Path) -> None:
    """In a process of its own, where nobody has set up logging and all that is printed shows."""
    (tmp_path / "statement.json").write_bytes(statement().raw)
    scripted.refusals = {"Sign": (400, "InvalidSignatureException")}
    command = [sys.executable, "-m", "attest", "sign", str(tmp_path / "statement.json"), "--signer", URI]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "(access-denied)" in ran.stderr
    assert [line for line in ran.stderr.splitlines() if not line.startswith("attest: ")] == []
    assert not {secret for secret in (LEAK, kms.ACCESS, kms.SECRET) if secret in ran.stderr}
