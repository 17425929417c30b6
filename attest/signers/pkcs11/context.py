"""Signatures that need a login of their own: CKA_ALWAYS_AUTHENTICATE, as PIV's slot 9c and the keys of identity cards.

Rule: C_SignInit, C_Login, C_Sign, in one session and with nothing between them (PKCS#11 v2.40 section 5.6, C_Login with
CKU_CONTEXT_SPECIFIC).
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import Attribute

from attest.signers.pkcs11.attributes import flag
from attest.signers.pkcs11.binding import CONTEXT_SPECIFIC, Mechanism, call

if TYPE_CHECKING:
    from attest.signers.pkcs11.binding import Session
    from attest.signers.pkcs11.logins import Login
    from attest.signers.pkcs11.mechanisms import Plan

_MAX_SIGNATURE: Final = 8192  # bytes; those of ML-DSA-87 are the longest, with 4,627


class LoginLost(Exception):
    """The token accepted the login, and did not sign: something came between, perhaps of another process."""


def needed(key: Any) -> bool:
    """Whether a private key needs a login for each operation; not if the token does not report it.

    Raises the module's error if the token is gone, or the login.
    """
    return flag(key, Attribute.ALWAYS_AUTHENTICATE) is True


def sign(session: Session, key: Any, plan: Plan, data: bytes, login: Login) -> bytes:
    """A signature with a private key, after `login`. Raises LoginLost, as `Login.make`, or the module's error."""
    handle, prepared, parameter = ctypes.c_ulong(session.handle), plan.prepare(data), plan.packed_parameter
    mechanism = Mechanism(
        plan.mechanism, ctypes.cast(ctypes.c_char_p(parameter), ctypes.c_void_p), len(parameter or b"")
    )
    call(session, "SignInit", handle, ctypes.byref(mechanism), ctypes.c_ulong(key.handle))
    login.make(session, CONTEXT_SPECIFIC)
    signature, length = ctypes.create_string_buffer(_MAX_SIGNATURE), ctypes.c_ulong(_MAX_SIGNATURE)
    try:
        call(session, "Sign", handle, prepared, ctypes.c_ulong(len(prepared)), signature, ctypes.byref(length))
    except p11.UserNotLoggedIn:
        raise LoginLost from None
    return plan.finish(signature.raw[: length.value])
