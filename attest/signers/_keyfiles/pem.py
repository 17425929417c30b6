"""Private keys in PEM: which blocks there are, and who reads the one with the private key.

Rule: a text with two private keys is refused, whatever they are, because only one can be meant.
"""

from __future__ import annotations

import binascii
import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.signers._keyfiles import binary, chains, cosign, openssh, plain
from attest.signers._keyfiles.reading import PrivateKeyFile

if TYPE_CHECKING:
    from attest.signers._keyfiles.reading import Reading

_LISTED: Final = "docs/sign/files.md lists what attest reads."
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----")
_HEADER = re.compile(rb"(?:Proc-Type|DEK-Info):", re.IGNORECASE)


class _Block(NamedTuple):
    """One block of PEM: its label, its text between the lines, and all of it."""

    label: str
    body: bytes
    whole: bytes


def read(data: bytes, reading: Reading) -> PrivateKeyFile:
    """The private key in PEM, with the certificates in the same text. Raises SignerError as `_keyfiles.read`."""
    blocks = _blocks(data)
    keys = [block for block in blocks if block.label.endswith("PRIVATE KEY")]
    if len(keys) > 1:
        hint = "Put the key that you mean into a file of its own."
        raise reading.unreadable(f"it contains {len(keys)} private keys, expected one", hint)
    if not keys:
        raise _none(blocks, reading)
    [key] = keys
    if not key.whole:
        raise reading.unreadable(f"the PEM block {key.label} has no end")
    certificates = [der for block in blocks if block.label == "CERTIFICATE" and (der := _der(block.body))]
    private = _private(key, reading)
    return PrivateKeyFile(private, chains.of(private, certificates))


def _private(key: _Block, reading: Reading) -> Any:
    if key.label in _TRADITIONAL and _HEADER.search(key.body):
        return plain.read_traditional(key.whole, reading)
    reader = _READERS.get(key.label)
    if reader is None:
        raise reading.unsupported(f"keys of the kind {key.label} are not supported")
    der = _der(key.body)
    if der is None:
        raise reading.unreadable(f"the PEM block {key.label} is not base64")
    return reader(der, reading)


_TRADITIONAL: Final = ("RSA PRIVATE KEY", "EC PRIVATE KEY")
_READERS: Final = {
    "PRIVATE KEY": plain.read,
    "RSA PRIVATE KEY": plain.read,
    "EC PRIVATE KEY": plain.read,
    "ENCRYPTED PRIVATE KEY": binary.read_encrypted,
    "OPENSSH PRIVATE KEY": openssh.read,
    cosign.LABEL: cosign.read,
    cosign.OLD_LABEL: cosign.read_old,
}


def _blocks(data: bytes) -> list[_Block]:
    """All blocks that begin in `data`, in order; one without an end is empty."""
    found = []
    begins = list(_BEGIN.finditer(data))
    # A block ends before the next one begins: otherwise a small file could have thousands of large blocks.
    for match, following in zip_longest(begins, begins[1:]):
        end = b"-----END " + match[1] + b"-----"
        stop = data.find(end, match.end(), following.start() if following else len(data))
        whole = b"" if stop < 0 else data[match.start() : stop + len(end)] + b"\n"
        found.append(_Block(match[1].decode(), data[match.end() : max(stop, match.end())], whole))
    return found


def _der(body: bytes) -> bytes | None:
    """The bytes of a block, or None."""
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error:
        return None


def _none(blocks: list[_Block], reading: Reading) -> Exception:
    labels = {block.label for block in blocks}
    if "PGP PRIVATE KEY BLOCK" in labels:
        return reading.unsupported("keys of PGP are not supported", "Make a key: attest key generate file:NAME.pem.")
    public = next((one for one in blocks if "PUBLIC KEY" in one.label or "CERTIFICATE" in one.label), None)
    return reading.unreadable("it contains no private key", binary.public_hint(public.whole) if public else _LISTED)
