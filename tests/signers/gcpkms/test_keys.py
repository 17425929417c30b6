"""Keys in Google Cloud KMS: which there are, which version signs, which is refused, and how a new one is made."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from attest import InputError, SignerError, generate_key, open_signer, sign
from attest.signers.gcpkms.algorithms import NEW, crc32c, mldsa_spki
from attest.signers.gcpkms.faults import not_enabled
from tests.support.cli.calls import call
from tests.support.making.keys import private_key
from tests.support.making.statements import statement
from tests.support.services import gcp
from tests.support.watching import refused


@pytest.mark.parametrize("kind", [*gcp.KINDS, *(f"PQ_SIGN_ML_DSA_{size}_EXTERNAL_MU" for size in (44, 65, 87))])
def test_each_algorithm_of_google_signs_under_our_name(there: gcp.Gcp, kind: str) -> None:
    name = there.new(kind)
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
    name = there.new()
    short = name.replace("cryptoKeyVersions", "versions")
    with open_signer(written.format(name=name, short=short)) as signer:
        assert signer.version_uri == f"gcpkms:{name}"


@pytest.mark.parametrize(
    "path",
    [
        "projects/p/locations/l/keyRings/r",
        f"{gcp.RING}/cryptoKeys/k/cryptoKeyVersions/0",
        f"{gcp.RING}/cryptoKeys/k/cryptoKeyVersions/latest",
        f"{gcp.RING}/cryptoKeys/k/cryptoKeyVersions/",
        f"{gcp.RING}/cryptoKeys/k%0a",
        f"{gcp.RING}/cryptoKeys/../cryptoKeys/k",
        f"///{gcp.RING}/cryptoKeys/k",
        f"//kms.example/{gcp.RING}/cryptoKeys/k",
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
        open_signer(f"gcpkms:{gcp.RING}/cryptoKeys/k?{query}")


class TestTheNewestVersion:
    def test_the_greatest_number_that_is_enabled_is_used_and_reported_once(
        self, there: gcp.Gcp, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = "newest"
        names = [there.server.key(key, private=private_key("ecdsa-sha2-nistp256")) for _ in range(11)]
        there.server.state(names[10], "DISABLED")
        uri = f"gcpkms:{gcp.RING}/cryptoKeys/{key}"
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
        with open_signer(f"gcpkms:{gcp.RING}/cryptoKeys/mixed") as signer:
            assert signer.version_uri == f"gcpkms:{first}"

    def test_many_versions_come_in_pages(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        from attest.signers.gcpkms import service

        monkeypatch.setattr(service, "_PAGE", 2)
        names = [there.server.key("pages", "EC_SIGN_ED25519") for _ in range(5)]
        with open_signer(f"gcpkms:{gcp.RING}/cryptoKeys/pages") as signer:
            assert signer.version_uri == f"gcpkms:{names[4]}"
        monkeypatch.setattr(service, "_MAX_PAGES", 2)
        with open_signer(f"gcpkms:{gcp.RING}/cryptoKeys/pages") as signer, refused(SignerError, "key-unsupported"):
            _ = signer.public_key

    def test_without_one_there_is_nothing_to_sign_with(self, there: gcp.Gcp) -> None:
        there.server.state(there.server.key("off", "EC_SIGN_ED25519"), "DISABLED")
        there.server.key("crypt", purpose="ENCRYPT_DECRYPT")
        for name, code in (("off", "key-disabled"), ("crypt", "key-not-allowed"), ("missing", "key-not-found")):
            uri = f"gcpkms:{gcp.RING}/cryptoKeys/{name}"
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
        uri = f"gcpkms:{there.new('RSA_SIGN_PSS_2048_SHA256')}?algorithm=rsa-pkcs1v15-sha256"
        with open_signer(uri) as signer, refused(SignerError, "key-algorithm-mismatch", uri):
            _ = signer.public_key

    @pytest.mark.parametrize("state", ["DISABLED", "DESTROYED", "DESTROY_SCHEDULED", "PENDING_GENERATION"])
    def test_a_version_that_is_not_enabled(self, there: gcp.Gcp, state: str) -> None:
        name = there.new()
        with open_signer(f"gcpkms:{name}") as opened:
            _ = opened.public_key
            there.server.state(name, state)
            with open_signer(f"gcpkms:{name}") as fresh:
                for signer in (opened, fresh):
                    with refused(SignerError, "key-disabled", f"gcpkms:{name}") as caught:
                        signer.sign(b"")
                    assert caught.value.message == not_enabled(state).message

    def test_a_state_that_may_not_be_read(self, there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
        name = there.new()
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
        name = there.new("EC_SIGN_ED25519" if trouble == "not-verified" else "EC_SIGN_P256_SHA256")
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
        name = there.new()
        there.server.trouble(name, trouble, times=1)
        with open_signer(f"gcpkms:{name}") as signer:
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        there.server.trouble(name, trouble)
        code = "kms-unreachable" if trouble == "unavailable" else "kms-failed"
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, code):
            _ = signer.public_key

    @pytest.mark.parametrize("trouble", ["empty-key", "garbage-key"])
    def test_a_public_key_that_is_none(self, there: gcp.Gcp, trouble: str) -> None:
        name = there.new()
        there.server.trouble(name, trouble)
        with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, "key-invalid", f"gcpkms:{name}"):
            _ = signer.public_key

    @pytest.mark.parametrize("trouble", ["other-key", "empty-signature", "truncated-signature"])
    def test_a_signature_that_is_not_the_keys_is_found_out(self, there: gcp.Gcp, trouble: str) -> None:
        name = there.new()
        with open_signer(f"gcpkms:{name}") as signer:
            _ = signer.public_key
            there.server.trouble(name, trouble)
            with refused(SignerError, "signature-faulty", f"gcpkms:{name}"):
                sign(statement(), [signer])

    def test_data_that_is_too_large_is_not_sent(self, there: gcp.Gcp) -> None:
        large = bytes((64 << 10) + 1)
        for kind, code in (("EC_SIGN_ED25519", "data-too-large"), ("PQ_SIGN_ML_DSA_44", "data-too-large")):
            name = there.new(kind)
            with open_signer(f"gcpkms:{name}") as signer, refused(SignerError, code) as caught:
                signer.sign(large)
            assert "65,537 bytes" in caught.value.message
            assert there.server.asked(name) == ["GetPublicKey"]
        for kind in ("EC_SIGN_P256_SHA256", "PQ_SIGN_ML_DSA_44_EXTERNAL_MU"):
            with open_signer(f"gcpkms:{there.new(kind)}") as signer:
                assert signer.public_key.accepts(signer.sign(large).sig, large)


def test_an_mldsa_key_is_read_in_the_form_of_fips_204_too(there: gcp.Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(there.server, "pem", False)
    with open_signer(f"gcpkms:{there.new('PQ_SIGN_ML_DSA_65')}") as signer:
        assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")
        with refused(InputError, "key-invalid"):
            mldsa_spki(signer.public_key.algorithm, b"short")


class TestNewKeys:
    @pytest.mark.parametrize("algorithm", [None, "ed25519", "ecdsa-sha2-nistp384", "ml-dsa-44"])
    def test_a_key_is_made_and_signs(self, there: gcp.Gcp, algorithm: str | None) -> None:
        name = f"made-{algorithm}"
        there.server.pending[f"{gcp.RING}/cryptoKeys/{name}"] = 2
        with generate_key(f"gcpkms:{gcp.RING}/cryptoKeys/{name}?timeout=30", algorithm) as signer:
            assert signer.uri.text == f"gcpkms:{gcp.RING}/cryptoKeys/{name}/cryptoKeyVersions/1?timeout=30"
            assert signer.public_key.algorithm.name == (algorithm or "ecdsa-sha2-nistp256")
            assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")

    def test_every_algorithm_that_google_has_can_be_made(self) -> None:
        assert set(NEW) == set(gcp.KINDS.values())
        assert NEW["rsassa-pss-sha256"] == "RSA_SIGN_PSS_3072_SHA256"
        assert NEW["rsa-pkcs1v15-sha512"] == "RSA_SIGN_PKCS1_4096_SHA512"
        assert NEW["ml-dsa-65"] == "PQ_SIGN_ML_DSA_65"

    def test_a_key_that_exists_is_not_changed(self, there: gcp.Gcp) -> None:
        name = there.new()
        key = name.partition("/cryptoKeyVersions/")[0]
        with refused(SignerError, "key-exists", f"gcpkms:{key}"):
            generate_key(f"gcpkms:{key}")
        assert there.server.asked(key) == []
        assert list(there.server.versions).count(name) == 1

    @pytest.mark.parametrize(
        ("uri", "algorithm", "secret", "code"),
        [
            (f"gcpkms:{gcp.RING}-2/cryptoKeys/k", None, None, "key-not-found"),
            (f"gcpkms:{gcp.RING}/cryptoKeys/k/cryptoKeyVersions/2", None, None, "signer-uri-invalid"),
            (f"gcpkms:{gcp.RING}/cryptoKeys/k", "rsassa-pss-sha384", None, "algorithm-unsupported"),
            (f"gcpkms:{gcp.RING}/cryptoKeys/k", None, "hunter2", "capability-missing"),
        ],
    )
    def test_what_cannot_be_made_is_refused(
        self, there: gcp.Gcp, uri: str, algorithm: str | None, secret: str | None, code: str
    ) -> None:
        with refused(SignerError, code, uri):
            generate_key(uri, algorithm, secret=secret)
        assert f"{gcp.RING}/cryptoKeys/k" not in there.server.purposes

    def test_a_key_that_takes_longer_than_the_timeout_is_named(self, there: gcp.Gcp) -> None:
        key = f"{gcp.RING}/cryptoKeys/takes-long"
        there.server.pending[key] = 1 << 30
        with refused(SignerError, "kms-timeout") as caught:
            generate_key(f"gcpkms:{key}?timeout=3")
        assert "created" in caught.value.message
        assert f"gcpkms:{key}/cryptoKeyVersions/1" in str(caught.value.hint)


def test_the_command_line_makes_a_key_and_names_its_version(there: gcp.Gcp) -> None:
    uri = f"gcpkms:{gcp.RING}/cryptoKeys/by-command"
    version = f"{uri}/cryptoKeyVersions/1"
    made = call("key", "generate", uri, "--algorithm", "ed25519", "--format", "json").done().json
    assert (made["signer"], made["key"]["algorithm"]) == (version, "ed25519")
    checked = call("key", "check", uri, "--format", "json").done().json
    assert (checked["signer"], checked["version"]) == (uri, version)
    call("key", "generate", uri).refused(4, "key-exists")
