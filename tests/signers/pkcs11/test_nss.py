"""Keys that NSS's own tools made: with a certificate and an id, without a name, and free to leave the database."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

import attest
from attest.signers.pkcs11.uri import percent_encode
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.hsm import NSS

KINDS = {"RSA": ("rsa", "-g", "3072"), "EC": ("ec", "-q", "nistp256")}


@pytest.fixture(scope="module")
def nss(tmp_path_factory: pytest.TempPathFactory) -> NSS:
    folder = tmp_path_factory.mktemp("nss")
    made = NSS.make(folder / folder.name)
    noise = folder / "noise"
    noise.write_bytes(os.urandom(2048))
    for name, (kind, *size) in KINDS.items():
        certificate = ("-S", "-x", "-n", name, "-s", f"CN={name}", "-t", "u,u,u", "-k", kind, *size)
        where = ("-d", f"sql:{made.folder}/db", "-f", str(made.pin_file), "-z", str(noise))
        subprocess.run(["certutil", *certificate, *where], capture_output=True, check=True)
    return made


def refused(uri: str) -> attest.SignerError:
    with attest.open_signer(uri) as signer:
        return refusal(signer)


@pytest.fixture(scope="module")
def ids(nss: NSS) -> dict[str, str]:
    """The keys' ids, from where a user has them: the error for a key that isn't there."""
    error = refused(nss.uri("elsewhere"))
    assert error.code == "key-not-found"
    return {kind: identifier for identifier, kind in re.findall(r"'' \(id ([0-9a-f]{40}), (\w+)\)", error.message)}


def uri(nss: NSS, identifier: str, **query: str) -> str:
    return nss.uri("x", **query).replace("object=x", f"id={percent_encode(bytes.fromhex(identifier))}")


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "rsassa-pss-sha256"), ("EC", "ecdsa-sha2-nistp256")])
def test_a_key_without_a_name_signs_by_its_id(kind: str, algorithm: str, nss: NSS, ids: dict[str, str]) -> None:
    with attest.open_signer(uri(nss, ids[kind], key_policy="off")) as signer:
        assert signer.public_key.algorithm.name == algorithm
        check(signer)


@pytest.mark.parametrize(
    ("policy", "bad", "instead"),
    [
        ("standard", ["EXTRACTABLE is true"], "key-policy=off"),
        ("strict", ["EXTRACTABLE is true", "NEVER_EXTRACTABLE is false", "LOCAL is false"], "key-policy=standard"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_may_leave_the_database_is_refused(
    kind: str, policy: str, bad: list[str], instead: str, nss: NSS, ids: dict[str, str]
) -> None:
    error = refused(uri(nss, ids[kind], key_policy=policy))
    assert (error.code, error.message) == ("key-not-allowed", f"the key violates key-policy={policy}: {', '.join(bad)}")
    assert instead in str(error.hint)


def test_a_wrong_password_is_a_wrong_pin(nss: NSS, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("wrong")
    other = NSS.make(folder / folder.name)
    other.pin_file.write_text("wrong-735519")
    error = refused(other.uri("any"))
    assert error.code == "pin-wrong"
    assert "735519" not in f"{error} {error!r} {error.hint}"
