"""The files of the transcripts, which most tests of the command line begin with, and keys that only a name decides."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

INPUTS = Path(__file__).parents[3] / "fixtures" / "transcripts" / "inputs"
# The keyid of release.pem.
RELEASE: Final = "ce2c5e04e8e894da925578c56a8ac9b264fbde9ecee944f4c7d544509292f937"


@cache
def _inputs() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in INPUTS.iterdir()}


def copy_inputs(folder: Path) -> None:
    """Put the inputs of the transcripts into a folder, with the permissions that a version control doesn't keep."""
    for name in _inputs():
        copy_input(name, folder / name)


def copy_input(name: str, copy: Path) -> None:
    """The same for one of them."""
    copy.write_bytes(_inputs()[name])
    copy.chmod(0o600 if copy.suffix == ".pem" or name == "passphrase.txt" else 0o644)


def copy_layout(folder: Path) -> None:
    """Put the OCI layout of the transcripts, an image for two platforms, into a new folder."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for name in ("oci-layout", "index.json"):
        copy_input(name, folder / name)
    for path in INPUTS.glob("?" * 64):
        copy_input(path.name, blobs / path.name)


def key_pem(name: str) -> bytes:
    """A private key that only `name` decides, for files that must come out the same every time."""
    private = Ed25519PrivateKey.from_private_bytes(sha256(f"attest fixture {name}".encode()).digest())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
