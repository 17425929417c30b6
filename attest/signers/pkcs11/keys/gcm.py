"""AES-GCM in a token: nonce, ciphertext and tag in one, by calls of C_Encrypt and C_Decrypt of our own.

Rule: every encryption has a new nonce, and the length of the output is computed here, never requested: NSS forgets the
tag in its answer, and python-pkcs11 then hands over a buffer that is too small.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

from pkcs11 import Mechanism

from attest.signers.pkcs11.cryptoki import binding

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


class _Parameters(ctypes.Structure):
    """CK_GCM_PARAMS, PKCS#11 v3.0 section 2.13.3."""

    _fields_ = (
        ("nonce", ctypes.c_void_p),
        ("nonce_bytes", ctypes.c_ulong),
        ("nonce_bits", ctypes.c_ulong),
        ("associated", ctypes.c_char_p),
        ("associated_bytes", ctypes.c_ulong),
        ("tag_bits", ctypes.c_ulong),
    )


def encrypt(key: Any, data: bytes, associated: bytes) -> bytes:
    """A new nonce, the ciphertext and the tag. Raises the module's error."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _in_one_part("Encrypt", key, nonce, data, associated, len(data) + TAG_BYTES)


def decrypt(key: Any, sealed: bytes, associated: bytes) -> bytes:
    """What was encrypted. Raises the module's error, for anything that was changed too."""
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    return _in_one_part("Decrypt", key, nonce, rest, associated, len(rest))


def _in_one_part(operation: str, key: Any, nonce: bytes, data: bytes, associated: bytes, room: int) -> bytes:
    # A copy, because a module that makes its own nonce writes it there, and Python's bytes must not change.
    own_nonce = ctypes.create_string_buffer(nonce, len(nonce))
    parameters = _Parameters(
        nonce=ctypes.addressof(own_nonce),
        nonce_bytes=len(nonce),
        nonce_bits=len(nonce) * 8,
        associated=associated or None,
        associated_bytes=len(associated),
        tag_bits=TAG_BYTES * 8,
    )
    mechanism = binding.Mechanism(Mechanism.AES_GCM, ctypes.addressof(parameters), ctypes.sizeof(parameters))
    session = key.session
    handle = ctypes.c_ulong(session.handle)
    binding.call(session, f"{operation}Init", handle, ctypes.byref(mechanism), ctypes.c_ulong(key.handle))
    output, length = ctypes.create_string_buffer(room), ctypes.c_ulong(room)
    binding.call(session, operation, handle, data, ctypes.c_ulong(len(data)), output, ctypes.byref(length))
    return output.raw[: length.value]
