"""Signatures that need a login of their own: CKA_ALWAYS_AUTHENTICATE, as PIV's slot 9c and the keys of identity cards.

Rule: C_SignInit, C_Login, C_Sign, in one session and with nothing between them (PKCS#11 v2.40 section 5.6, C_Login with
CKU_CONTEXT_SPECIFIC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pkcs11.exceptions as p11
from pkcs11 import Attribute

from attest.signers.pkcs11.cryptoki.binding import CONTEXT_SPECIFIC
from attest.signers.pkcs11.keys.attributes import flag

if TYPE_CHECKING:
    from attest.signers.pkcs11.cryptoki.binding import Session
    from attest.signers.pkcs11.keys.mechanisms import SignOperation
    from attest.signers.pkcs11.tokens.logins import Login


class LoginLost(Exception):
    """The token accepted the login, and did not sign: something came between, perhaps of another process."""


def needed(key: Any) -> bool:
    """Whether a private key needs a login for each operation; not if the token does not report it.

    Raises the module's error if the token is gone, or the login.
    """
    return flag(key, Attribute.ALWAYS_AUTHENTICATE) is True


def sign(operation: SignOperation, data: bytes, login: Login, session: Session) -> bytes:
    """A signature after `login`, in the session of `operation`.

    Raises LoginLost, as `Login.make`, or the module's error.
    """
    accepted = False

    def log_in() -> None:
        nonlocal accepted
        login.make(session, CONTEXT_SPECIFIC)
        accepted = True

    try:
        return operation.sign(data, log_in)
    except p11.UserNotLoggedIn:
        if not accepted:
            raise
        raise LoginLost from None
