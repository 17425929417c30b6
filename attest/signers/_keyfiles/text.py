"""Key files that are text: what CI variables put around a key, and files that are no key files.

Rule: what is changed to read a text (line ends, one layer of base64) cannot turn one key into another.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from attest.errors import SignerError
    from attest.signers._keyfiles.reading import Reading

BEGIN: Final = b"-----BEGIN "
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]++(?:=\s*+){0,2}")
_DER: Final = b"\x30"

# Files that people take for key files of ours: how they begin, what they are, and what to do.
_OTHERS: Final = (
    (b"PuTTY-User-Key-File", "a key of PuTTY", "Write it as OpenSSH does: `puttygen KEY -O private-openssh -o NEW`."),
    (b"\xfe\xed\xfe\xed", "a Java keystore", "Write it as PKCS#12: `keytool -importkeystore -deststoretype pkcs12`."),
    (b"untrusted comment:", "a key of minisign or signify", "Such keys sign in their own format. Use another key."),
    (b"AGE-SECRET-KEY-", "a key of age, which cannot sign", None),
    (b"ssh-", "a public key of OpenSSH", "Give the private key: the file without `.pub`."),
    (b"ecdsa-sha2-", "a public key of OpenSSH", "Give the private key: the file without `.pub`."),
    (b"{", "a JSON document", "Write the private key in PEM. JSON Web Keys are read as public keys only."),
)  # fmt: skip


def unpacked(data: bytes) -> bytes:
    r"""`data` without what a CI variable may put around a key: `\n` for line ends, or base64 of the whole file."""
    if BEGIN not in data and _BASE64.fullmatch(data):
        try:
            inner = binascii.a2b_base64(b"".join(data.split()), strict_mode=True)
        except binascii.Error:
            return data
        if not inner.startswith(_DER) and BEGIN not in inner:
            return data
        data = inner
    if data.startswith(_DER):
        return data
    # A backslash is not in base64, so this changes nothing but line ends.
    return data.replace(b"\\r", b"").replace(b"\\n", b"\n") if BEGIN in data else data


def refusal(data: bytes, reading: Reading) -> SignerError:
    """The error for `data` that is no key file."""
    from attest._base import documents  # only to word an error

    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        return reading.unreadable("it is empty", "Check the command that wrote it: it may have failed.")
    kind = documents.kind_of(data)
    for begins, what, hint in _OTHERS:
        if start.startswith(begins) and not (kind and begins == b"{"):
            return reading.unreadable(f"this is {what}, and not a private key that attest reads", hint)
    if kind is not None:
        return reading.unreadable(f"this is {kind.name}, not a private key", "Name the file with the private key.")
    return reading.unreadable(
        "this is not a private key in any form that attest reads", "docs/sign/files.md lists them."
    )
