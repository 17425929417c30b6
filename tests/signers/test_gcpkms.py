"""`gcpkms:` through the real google-cloud-kms, against a server on loopback that has Google's own messages."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, SignerError, generate_key, open_signer, sign
from attest.signers.gcpkms.algorithms import NEW, crc32c, mldsa_spki
from attest.signers.gcpkms.faults import not_enabled
from tests.support.cli.calls import call
from tests.support.making.keys import private_key
from tests.support.making.statements import statement
from tests.support.services import gcp
from tests.support.services.servers import Request, Response, absent, responding, silent, trickling
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RING = "projects/example/locations/europe-west3/keyRings/ring"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server of this process, which Google's library finds."""
    gcp.use(monkeypatch)
    return gcp.gcp()


def new(there: gcp.Gcp, kind: str = "EC_SIGN_P256_SHA256") -> str:
    """The name of a key whose private half is one of the tests', because new RSA keys take seconds."""
    return there.key(kind, private=private_key(gcp.ours(kind)))


def leads(there: gcp.Gcp, patch: pytest.MonkeyPatch, address: str) -> None:
    """Let the proxy lead to another address than the server's."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    patch.setitem(there.proxy.routes, f"{gcp.HOST}:443", (host, int(port)))


@pytest.mark.parametrize("kind", [*gcp.KINDS, *(f"PQ_SIGN_ML_DSA_{size}_EXTERNAL_MU" for size in (44, 65, 87))])
def test_each_algorithm_of_google_signs_under_our_name(there: gcp.Gcp, kind: str) -> None:
    name = new(there, kind)
    ours = gcp.ours(kind)
    with open_signer(f"gcpkms:{name}?algorithm={ours}") as signer:
        key = signer.public_key
        assert key.algorithm.name == ours
        assert signer.version_uri == f"gcpkms:{name}"
        assert key.accepts(signer.sign(b"data").sig, b"data")
        assert sign(statement(), [signer]).signatures
    assert there.server.asked(name) == ["GetPublicKey", "AsymmetricSign", "AsymmetricSign"]


def test_the_checksum_is_that_of_the_rfc() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, B.4 has others; this one is of the catalogue of CRCs
    assert crc32c(bytes(32)) == 0x8A9136AA


@pytest.mark.parametrize(
    "written", ["gcpkms:{name}", "gcpkms://{name}", "gcpkms://{short}", "GCPKMS:{short}?timeout=5"]
)
def test_every_spelling_is_the_same_version(there: gcp.Gcp, written: str) -> None:
    name = new(there)
    short = name.replace("cryptoKeyVersions", "versions")
    with open_signer(written.format(name=name, short=short)) as signer:
        assert signer.version_uri == f"gcpkms:{name}"


@pytest.mark.parametrize(
    "path",
    [
        "projects/p/locations/l/keyRings/r",
        f"{RING}/cryptoKeys/k/cryptoKeyVersions/0",
        f"{RING}/cryptoKeys/k/cryptoKeyVersions/latest",
        f"{RING}/cryptoKeys/k/cryptoKeyVersions/",
        f"{RING}/cryptoKeys/k%0a",
        f"{RING}/cryptoKeys/../cryptoKeys/k",
        f"///{RING}/cryptoKeys/k",
        f"//kms.example/{RING}/cryptoKeys/k",
        "alias/release",
        "k" * 5000,
    ],
)
def test_what_cannot_name_a_key_is_refused_at_once(path: str) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        open_signer(f"gcpkms:{path}")


@pytest.mark.parametrize("query", ["endpoint=https://kms.example", "timeout=0", "algorithm=md5", "universe=example"])
def test_an_attribute_that_makes_no_sense_is_refused_at_once(query: str) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        open_signer(f"gcpkms:{RING}/cryptoKeys/k?{query}")


class TestTheNewestVersion:
    def test_the_greatest_number_that_is_enabled_is_used_and_reported_once(
        self, there: gcp.Gcp, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = "newest"
        names = [there.server.key(key, private=private_key("ecdsa-sha2-nistp256")) for _ in range(11)]
        there.server.state(names[10], "DISABLED")
        uri = f"gcpkms:{RING}/cryptoKeys/{key}"
        with caplog.at_level(logging.INFO, "attest"), open_signer(uri) as signer:
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
            assert signer.version_uri == f"gcpkms:{names[9]}"
            there.server.state(names[10], "ENABLED")
            signer.sign(b"more")
        assert [one.getMessage() for one in caplog.records if one.levelno == logging.INFO] == [
            f"{uri}: uses version gcpkms:{names[9]}"
        ]
        assert there.server.asked(names[9]) == ["GetPublicKey", "AsymmetricSign", "AsymmetricSign"]

    def test_a_version_that_cannot_sign_is_passed_over(self, there: gcp.Gcp) -> None:
        first = there.server.key("mixed", private=private_key("ecdsa-sha2-nistp256"))
        there.server.key("mixed", "EC_SIGN_SECP256K1_SHA256", private=private_key("ecdsa-sha2-nistp256"))
        with open_signer(f"gcpkms:{RING}/cryptoKeys/mixed") as signer:
            assert signer.version_uri == f"gcpkms:{first}"

    def test_many_versions_come_in_pages(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        from attest.signers.gcpkms import service

        monkeypatch.setattr(service, "_PAGE", 2)
        names = [there.server.key("pages", "EC_SIGN_ED25519") for _ in range(5)]
        with open_signer(f"gcpkms:{RING}/cryptoKeys/pages") as signer:
            assert signer.version_uri == f"gcpkms:{names[4]}"
        monkeypatch.setattr(service, "_MAX_PAGES", 2)
        with open_signer(f"gcpkms:{RING}/cryptoKeys/pages") as signer, refused(SignerError, "key-unsupported"):
            _ = signer.public_key

    def test_without_one_there_is_nothing_to_sign_with(self, there: gcp.Gcp) -> None:
        there.server.state(there.server.key("off", "EC_SIGN_ED25519"), "DISABLED")
        there.server.key("crypt", purpose="ENCRYPT_DECRYPT")
        for name, code in (("off", "key-disabled"), ("crypt", "key-not-allowed"), ("missing", "key-not-found")):
            uri = f"gcpkms:{RING}/cryptoKeys/{name}"
            with open_signer(uri) as signer, refused(SignerError, code, uri):
                _ = signer.public_key


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "settings", "code"),
        [
            ("EC_SIGN_SECP256K1_SHA256", {}, "key-unsupported"),
            ("RSA_SIGN_RAW_PKCS1_2048", {}, "key-unsupported"),
            ("PQ_SIGN_SLH_DSA_SHA2_128S", {}, "key-unsupported"),
            ("GOOGLE_SYMMETRIC_ENCRYPTION", {"purpose": "ENCRYPT_DECRYPT"}, "key-not-allowed"),
        ],
    )
    def test_a_key_that_is_of_no_use_here(self, there: gcp.Gcp, kind: str, settings: dict[str, Any], code: str) -> None:
        private = None if settings else private_key("ecdsa-sha2-nistp256")
        uri = f"gcpkms:{there.key(kind, private=private, **settings)}"
        with open_signer(uri) as signer, refused(SignerError, code, uri) as caught:
            signer.sign(b"")
        assert kind in caught.value.message

    def test_an_algorithm_that_the_key_is_not_for(self, there: gcp.Gcp) -> None:
        uri = f"gcpkms:{new(there, 'RSA_SIGN_PSS_2048_SHA256')}?algorithm=rsa-pkcs1v15-sha256"
        with open_signer(uri) as signer, refused(SignerError, "key-algorithm-mismatch", uri):
            _ = signer.public_key

    @pytest.mark.parametrize("state", ["DISABLED", "DESTROYED", "DESTROY_SCHEDULED", "PENDING_GENERATION"])
    def test_a_version_that_is_not_enabled(self, there: gcp.Gcp, state: str) -> None:
        name = new(there)
        with open_signer(f"gcpkms:{name}") as opened:
            _ = opened.public_key
            there.server.state(name, state)
            with open_signer(f"gcpkms:{name}") as fresh:
                for signer in (opened, fresh):
                    with refused(SignerError, "key-disabled", f"gcpkms:{name}") as caught:
                        signer.sign(b"")
                    assert caught.value.message == not_enabled(state).message

    def test_a_state_that_may_not_be_read(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        name = new(there)
        there.server.state(name, "DISABLED")
        monkeypatch.setattr(there.server, "hidden", True)
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, "key-disabled") as caught:
            _ = signer.public_key
        assert "cryptoKeyVersions.get" in str(caught.value.hint)

    @pytest.mark.parametrize(
        ("trouble", "code", "tries"),
        [
            ("not-found", "key-not-found", 1),
            ("permission-denied", "access-denied", 1),
            ("unauthenticated", "access-denied", 1),
            ("unavailable", "kms-unreachable", 2),
            ("exhausted", "kms-busy", 2),
            ("aborted", "kms-busy", 2),
            ("internal", "kms-failed", 1),
            ("deadline", "kms-timeout", 1),
            ("bad-signature-crc", "kms-failed", 2),
            ("no-crc", "kms-failed", 2),
            ("not-verified", "kms-failed", 2),
            ("other-name", "kms-failed", 2),
        ],
    )
    def test_each_trouble_has_its_code_and_shows_nothing_of_googles(
        self, there: gcp.Gcp, trouble: str, code: str, tries: int, capfd: pytest.CaptureFixture[str]
    ) -> None:
        name = new(there, "EC_SIGN_ED25519" if trouble == "not-verified" else "EC_SIGN_P256_SHA256")
        with open_signer(f"gcpkms:{name}") as signer:
            _ = signer.public_key
            there.server.trouble(name, trouble)
            with refused(SignerError, code, f"gcpkms:{name}") as caught:
                signer.sign(b"")
            assert there.server.asked(name) == ["GetPublicKey"] + ["AsymmetricSign"] * tries
            shown = caught.value.message + str(caught.value.hint)
            assert not {text for text in ("Permission '", "Quota", "OAuth", "encountered") if text in shown}
            assert caught.value.__cause__ is None
            there.server.trouble(name, trouble, times=tries - 1)
            if tries == 2:
                assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("trouble", ["bad-key-crc", "no-crc", "other-name", "unavailable"])
    def test_a_public_key_that_is_damaged_is_requested_once_more(self, there: gcp.Gcp, trouble: str) -> None:
        name = new(there)
        there.server.trouble(name, trouble, times=1)
        with open_signer(f"gcpkms:{name}") as signer:
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        there.server.trouble(name, trouble)
        code = "kms-unreachable" if trouble == "unavailable" else "kms-failed"
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, code):
            _ = signer.public_key

    @pytest.mark.parametrize("trouble", ["empty-key", "garbage-key"])
    def test_a_public_key_that_is_none(self, there: gcp.Gcp, trouble: str) -> None:
        name = new(there)
        there.server.trouble(name, trouble)
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, "key-invalid", f"gcpkms:{name}"):
            _ = signer.public_key

    @pytest.mark.parametrize("trouble", ["other-key", "empty-signature", "truncated-signature"])
    def test_a_signature_that_is_not_the_keys_is_found_out(self, there: gcp.Gcp, trouble: str) -> None:
        name = new(there)
        with open_signer(f"gcpkms:{name}") as signer:
            _ = signer.public_key
            there.server.trouble(name, trouble)
            with refused(SignerError, "signature-faulty", f"gcpkms:{name}"):
                sign(statement(), [signer])

    def test_data_that_is_too_large_is_not_sent(self, there: gcp.Gcp) -> None:
        large = bytes((64 << 10) + 1)
        for kind, code in (("EC_SIGN_ED25519", "data-too-large"), ("PQ_SIGN_ML_DSA_44", "data-too-large")):
            name = new(there, kind)
            with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, code) as caught:
                signer.sign(large)
            assert "65,537 bytes" in caught.value.message
            assert there.server.asked(name) == ["GetPublicKey"]
        for kind in ("EC_SIGN_P256_SHA256", "PQ_SIGN_ML_DSA_44_EXTERNAL_MU"):
            with open_signer(f"gcpkms:{new(there, kind)}") as signer:
                assert signer.public_key.accepts(signer.sign(large).sig, large)


def test_an_mldsa_key_is_read_in_the_form_of_fips_204_too(there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(there.server, "pem", False)
    with open_signer(f"gcpkms:{new(there, 'PQ_SIGN_ML_DSA_65')}") as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        with refused(InputError, "key-invalid"):
            mldsa_spki(signer.public_key.algorithm, b"short")


class TestNewKeys:
    @pytest.mark.parametrize("algorithm", [None, "ed25519", "ecdsa-sha2-nistp384", "ml-dsa-44"])
    def test_a_key_is_made_and_signs(self, there: gcp.Gcp, algorithm: str | None) -> None:
        name = f"made-{algorithm}"
        there.server.pending[f"{RING}/cryptoKeys/{name}"] = 2
        with generate_key(f"gcpkms:{RING}/cryptoKeys/{name}?timeout=30", algorithm) as signer:
            assert signer.uri.text == f"gcpkms:{RING}/cryptoKeys/{name}/cryptoKeyVersions/1?timeout=30"
            assert signer.public_key.algorithm.name == (algorithm or "ecdsa-sha2-nistp256")
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")

    def test_every_algorithm_that_google_has_can_be_made(self) -> None:
        assert set(NEW) == set(gcp.KINDS.values())
        assert NEW["rsassa-pss-sha256"] == "RSA_SIGN_PSS_3072_SHA256"
        assert NEW["rsa-pkcs1v15-sha512"] == "RSA_SIGN_PKCS1_4096_SHA512"
        assert NEW["ml-dsa-65"] == "PQ_SIGN_ML_DSA_65"

    def test_a_key_that_exists_is_not_changed(self, there: gcp.Gcp) -> None:
        name = new(there)
        key = name.partition("/cryptoKeyVersions/")[0]
        with refused(SignerError, "key-exists", f"gcpkms:{key}"):
            generate_key(f"gcpkms:{key}")
        assert there.server.asked(key) == []
        assert list(there.server.versions).count(name) == 1

    @pytest.mark.parametrize(
        ("uri", "algorithm", "secret", "code"),
        [
            (f"gcpkms:{RING}-2/cryptoKeys/k", None, None, "key-not-found"),
            (f"gcpkms:{RING}/cryptoKeys/k/cryptoKeyVersions/2", None, None, "signer-uri-invalid"),
            (f"gcpkms:{RING}/cryptoKeys/k", "rsassa-pss-sha384", None, "algorithm-unsupported"),
            (f"gcpkms:{RING}/cryptoKeys/k", None, "hunter2", "capability-missing"),
        ],
    )
    def test_what_cannot_be_made_is_refused(
        self, there: gcp.Gcp, uri: str, algorithm: str | None, secret: str | None, code: str
    ) -> None:
        with refused(SignerError, code, uri):
            generate_key(uri, algorithm, secret=secret)
        assert f"{RING}/cryptoKeys/k" not in there.server.purposes

    def test_a_key_that_takes_longer_than_the_timeout_is_named(self, there: gcp.Gcp) -> None:
        key = f"{RING}/cryptoKeys/takes-long"
        there.server.pending[key] = 1 << 30
        with refused(SignerError, "kms-timeout") as caught:
            generate_key(f"gcpkms:{key}?timeout=3")
        assert "created" in caught.value.message
        assert f"gcpkms:{key}/cryptoKeyVersions/1" in str(caught.value.hint)


def test_the_command_line_makes_a_key_and_names_its_version(there: gcp.Gcp) -> None:
    uri = f"gcpkms:{RING}/cryptoKeys/by-command"
    version = f"{uri}/cryptoKeyVersions/1"
    made = call("key", "generate", uri, "--algorithm", "ed25519", "--format", "json").done().json
    assert (made["signer"], made["key"]["algorithm"]) == (version, "ed25519")
    checked = call("key", "check", uri, "--format", "json").done().json
    assert (checked["signer"], checked["version"]) == (uri, version)
    call("key", "generate", uri).refused(4, "key-exists")


class TestCredentials:
    def test_they_go_to_google_alone_and_into_no_log(self, there: gcp.Gcp, caplog: pytest.LogCaptureFixture) -> None:
        name = new(there)
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
        name = new(there)
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, code) as caught:
            _ = signer.public_key
        assert "hunter2" not in repr(caught.value) + caught.value.message + str(caught.value.hint)
        assert there.server.asked(name) == []
        assert capfd.readouterr() == ("", "")

    def test_without_any_nobody_is_asked(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        name = new(there)
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

        name = new(there)
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
            with open_signer(f"gcpkms:{new(there)}") as signer, pytest.raises(SignerError) as caught:
                _ = signer.public_key
        assert caught.value.code == ("kms-misconfigured" if url.startswith("http:") else "kms-unreachable")
        assert by_proxy == []

    def test_a_token_service_that_is_down_is_unreachable(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        gcp.use(monkeypatch, account=workload(tmp_path, f"{absent()}/token"))
        with open_signer(f"gcpkms:{new(there)}") as signer, refused(SignerError, "kms-unreachable") as caught:
            _ = signer.public_key
        assert "tokens" in caught.value.message

    def test_workload_identity_exchanges_the_token_of_the_ci(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        asked: list[Request] = []

        def respond(request: Request) -> Response:
            asked.append(request)
            return Response(200, {"Content-Type": "application/json"}, EXCHANGED)

        name = new(there)
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
        with open_signer(f"gcpkms:{new(there)}") as signer, refused(SignerError, "kms-misconfigured"):
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


class TestTroublesOfTheNetwork:
    def test_a_service_that_is_down_is_unreachable_at_once(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leads(there, monkeypatch, absent())
        with open_signer(f"gcpkms:{new(there)}") as signer, refused(SignerError, "kms-unreachable"):
            _ = signer.public_key

    def test_a_service_that_says_nothing_is_waited_for_in_bounds(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with silent() as url:
            leads(there, monkeypatch, url)
            with (
                without_waiting(),
                open_signer(f"gcpkms:{new(there)}?timeout=1") as signer,
                refused(SignerError, "kms-timeout"),
            ):
                _ = signer.public_key

    def test_a_service_that_is_slow_is_waited_for_in_bounds(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = new(there)
        monkeypatch.setattr(there.server, "slow", 8)
        with open_signer(f"gcpkms:{name}?timeout=3") as signer:
            _ = signer.public_key
            there.server.trouble(name, "slow", times=1)
            with without_waiting(), refused(SignerError, "kms-timeout"):
                signer.sign(b"")
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")

    def test_what_is_not_the_service_is_unreachable(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        with trickling() as url:
            leads(there, monkeypatch, url)
            with open_signer(f"gcpkms:{new(there)}?timeout=3") as signer, pytest.raises(SignerError) as caught:
                _ = signer.public_key
        assert caught.value.code in ("kms-unreachable", "kms-timeout")

    def test_a_certificate_that_is_not_trusted_gets_no_token(
        self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.support.services.gcp_server import Server

        other = Server(trusted=False)
        try:
            leads(there, monkeypatch, other.address)
            with open_signer(f"gcpkms:{new(there)}") as signer, refused(SignerError, "kms-unreachable") as caught:
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
            leads(there, monkeypatch, url.removeprefix("https://"))
            with open_signer(f"gcpkms:{new(there)}") as signer, refused(SignerError, "kms-unreachable"):
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
            leads(there, monkeypatch, first.address)
            with open_signer(f"gcpkms:{name}?timeout=10") as signer:
                key = signer.public_key
                first.trouble(name, "slow")
                dies = Timer(0.3, first.stop)
                dies.start()
                with refused(SignerError, "kms-unreachable"):
                    signer.sign(b"lost")
                dies.join()
                leads(there, monkeypatch, second.address)
                assert key.accepts(signer.sign(b"data").sig, b"data")
        finally:
            first.close()
            second.close()


def test_threads_that_meet_at_the_first_use_ask_once(there: gcp.Gcp) -> None:
    name = new(there)
    made: list[bool] = []
    with open_signer(f"gcpkms:{name}") as signer:
        threads = [
            Thread(target=lambda: made.append(signer.public_key.accepts(signer.sign(b"data").sig, b"data")))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert made == [True] * 8
    assert sorted(there.server.asked(name)) == ["AsymmetricSign"] * 8 + ["GetPublicKey"]


def test_a_child_of_fork_connects_anew(there: gcp.Gcp) -> None:
    name = new(there)
    code = f"""
import os
from attest import open_signer
signer = open_signer("gcpkms:{name}")
assert signer.public_key.accepts(signer.sign(b"parent").sig, b"parent")
child = os.fork()
good = signer.public_key.accepts(signer.sign(b"both").sig, b"both")
if child == 0:
    os._exit(0 if good else 1)
assert good and os.waitpid(child, 0)[1] == 0
signer.close()
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert sorted(there.server.asked(name)) == ["AsymmetricSign"] * 3 + ["GetPublicKey"] * 2


def test_opening_imports_nothing_and_a_missing_library_is_named() -> None:
    code = f"""
import sys
from attest import SignerError, open_signer
signer = open_signer("gcpkms:{RING}/cryptoKeys/k")
assert not {{"grpc", "google", "google.auth", "requests"}} & sys.modules.keys()
sys.modules["google.cloud"] = None
try:
    signer.public_key
except SignerError as error:
    print(error.code, error.message, error.hint, sep="|")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    hint = "Install it: `pip install 'attest-dsse[gcp]'`."
    assert ran.stdout == f"library-missing|the package google-cloud-kms is not installed|{hint}\n"


@pytest.mark.parametrize("trusted", [True, False])
def test_the_program_prints_its_own_lines_alone(
    there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusted: bool
) -> None:
    """In a process of its own, where nobody has set up logging: gRPC and google-auth print nothing."""
    from tests.support.services.gcp_server import Server

    (tmp_path / "statement.json").write_bytes(statement().raw)
    name = new(there)
    monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
    command = [sys.executable, "-m", "attest", "sign", str(tmp_path / "statement.json"), "--signer", f"gcpkms:{name}"]
    other = None if trusted else Server(trusted=False)
    try:
        leads(there, monkeypatch, absent() if other is None else other.address)
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    finally:
        if other is not None:
            other.close()
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "(kms-unreachable)" in ran.stderr
    assert [line for line in ran.stderr.splitlines() if not line.startswith("attest: ")] == []
