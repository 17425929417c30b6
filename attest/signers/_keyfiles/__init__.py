"""Private key files of every common form, known by their content and not by their names.

Rule: what a passphrase may cost is checked before anything is derived from it, and a file has exactly one private key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.signers._keyfiles.reading import PrivateKeyFile, Reading

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PrivateKeyFile", "certificates", "is_cosign", "is_pkcs12", "read"]


def read(data: bytes, ask: Callable[[], str | None], *, where: str) -> PrivateKeyFile:
    """The private key in `data`, with the certificates beside it; docs/sign/files.md lists the forms.

    `ask` is called for the passphrase, once, and only if the key is encrypted: None means that there is none, and ""
    is the empty passphrase. Raises SignerError at `where`: `key-unreadable`, `key-unsupported`, `passphrase-missing` or
    `passphrase-wrong`, and what `ask` raises.
    """
    from attest.signers._keyfiles import binary, pem, text

    reading = Reading(where, ask)
    packed, data = data, text.unpacked(data)
    if packed.lstrip().startswith(b"{") and b"PRIVATE KEY" not in data:  # such as a trust bundle, with PEM in it
        raise text.refusal(packed, reading)
    if text.BEGIN in data:
        return pem.read(data, reading)
    if binary.is_der(data):
        return binary.read(data, reading)
    raise text.refusal(data, reading)


def is_cosign(data: bytes) -> bool:
    """Whether `data` is meant as a key file of cosign."""
    from attest.signers._keyfiles import cosign, text

    unpacked = text.unpacked(data)
    return any(label.encode() in unpacked for label in (cosign.LABEL, cosign.OLD_LABEL))


def is_pkcs12(data: bytes) -> bool:
    """Whether `data` is meant as a PKCS#12 file."""
    from attest.signers._keyfiles import binary, text

    return binary.is_pkcs12(text.unpacked(data))


def certificates(data: bytes, ask: Callable[[], str | None], *, where: str) -> tuple[bytes, ...]:
    """The certificates of `read`. Raises SignerError as `read`, and `key-unreadable` if none is for the key."""
    found = read(data, ask, where=where).certificates
    if not found:
        raise Reading(where, ask).unreadable("the file has no certificate for its private key")
    return found
