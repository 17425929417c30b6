"""The `openssl` program, which knows nothing of attest, verifies what attest signs, and attest what openssl signs."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from attest import PublicKey, sign
from attest.signers import _software
from tests.support.making.keys import file_signer, private_key
from tests.support.making.statements import read_statement
from tests.support.missing import missing

if TYPE_CHECKING:
    from pathlib import Path

RAW = ["pkeyutl", "-rawin"]
PSS = ["-sigopt", "rsa_padding_mode:pss"]

# By algorithm, how openssl is told of it when it verifies. ML-DSA is not in OpenSSL 3.0.
WAYS = {
    "ed25519": RAW,
    "ecdsa-sha2-nistp256": ["dgst", "-sha256"],
    "ecdsa-sha2-nistp384": ["dgst", "-sha384"],
    **{f"rsa-pkcs1v15-{digest}": ["dgst", f"-{digest}"] for digest in ("sha256", "sha384", "sha512")},
    **{f"rsassa-pss-{digest}": ["dgst", f"-{digest}", *PSS] for digest in ("sha256", "sha384", "sha512")},
}
every_algorithm = pytest.mark.parametrize("algorithm", WAYS)


@pytest.fixture(scope="module")
def openssl() -> str:
    path = shutil.which("openssl")
    if path is None:
        missing("the openssl program is not installed, so what it says of our signatures can't be asked")
    return path


def run(openssl: str, *arguments: str | Path) -> tuple[int, str]:
    ran = subprocess.run([openssl, *arguments], capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode, ran.stdout.strip()


def verify(openssl: str, algorithm: str, folder: Path, *options: str) -> tuple[int, str]:
    """Ask openssl of the files `public.pem`, `sig` and `pae`."""
    key, signature, data = folder / "public.pem", folder / "sig", folder / "pae"
    if WAYS[algorithm] is RAW:
        return run(openssl, *RAW, "-verify", "-pubin", "-inkey", key, "-sigfile", signature, "-in", data)
    return run(openssl, *WAYS[algorithm], *options, "-verify", key, "-signature", signature, data)


@every_algorithm
def test_openssl_verifies_our_signature_over_the_pae(algorithm: str, openssl: str, tmp_path: Path) -> None:
    with file_signer(tmp_path, algorithm) as signer:
        envelope = sign(read_statement(), [signer])
        (tmp_path / "public.pem").write_text(signer.public_key.to_pem())
    (tmp_path / "sig").write_bytes(envelope.signatures[0].sig)
    # Spelt out here, so that attest's own PAE is under test too.
    kind, body = b"application/vnd.in-toto+json", read_statement().raw
    pae = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body])
    (tmp_path / "pae").write_bytes(pae)
    code, said = verify(openssl, algorithm, tmp_path)
    assert (code, said) in [(0, "Verified OK"), (0, "Signature Verified Successfully")]

    (tmp_path / "pae").write_bytes(body)
    code, said = verify(openssl, algorithm, tmp_path)
    assert code != 0
    assert "Verified OK" not in said


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_our_pss_salt_is_exactly_as_long_as_the_digest(digest: str, openssl: str, tmp_path: Path) -> None:
    algorithm = f"rsassa-pss-{digest}"
    with file_signer(tmp_path, algorithm) as signer:
        (tmp_path / "public.pem").write_text(signer.public_key.to_pem())
        (tmp_path / "sig").write_bytes(signer.sign(b"data").sig)
    (tmp_path / "pae").write_bytes(b"data")
    assert verify(openssl, algorithm, tmp_path, "-sigopt", "rsa_pss_saltlen:digest") == (0, "Verified OK")
    assert verify(openssl, algorithm, tmp_path, "-sigopt", "rsa_pss_saltlen:20")[0] == 1


@every_algorithm
def test_attest_verifies_what_openssl_signs(algorithm: str, openssl: str, tmp_path: Path) -> None:
    key, signature, data = tmp_path / "private.pem", tmp_path / "sig", tmp_path / "pae"
    key.write_bytes(_software.to_pem(private_key(algorithm)))
    data.write_bytes(b"signed by openssl")
    if WAYS[algorithm] is RAW:
        ended = run(openssl, *RAW, "-sign", "-inkey", key, "-in", data, "-out", signature)
    else:  # where PSS is asked for, openssl takes the longest salt that fits
        ended = run(openssl, *WAYS[algorithm], "-sign", key, "-out", signature, data)
    assert ended == (0, "")
    code, public = run(openssl, "pkey", "-in", key, "-pubout")
    assert code == 0
    PublicKey.parse(public.encode(), algorithm=algorithm).verify(signature.read_bytes(), data.read_bytes())


@every_algorithm
def test_the_keyid_is_what_openssl_makes_of_the_key(algorithm: str, openssl: str, tmp_path: Path) -> None:
    with file_signer(tmp_path, algorithm) as signer:
        keyid = signer.public_key.keyid
        (tmp_path / "public.pem").write_text(signer.public_key.to_pem())
    pem, der = tmp_path / "public.pem", tmp_path / "public.der"
    assert run(openssl, "pkey", "-pubin", "-in", pem, "-outform", "DER", "-out", der) == (0, "")
    assert run(openssl, "dgst", "-sha256", "-r", der) == (0, f"{keyid} *{der}")
