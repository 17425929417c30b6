"""What an error of a module means, and the reaction to it: only the table, not the code that acts on it.

Rule: an error that can mean two things is resolved by a test, never by a guess.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

import pkcs11.exceptions as p11

from attest.signers.pkcs11.cryptoki.binding import StartFailed

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reaction(Enum):
    """The reaction to an error of a module."""

    NEW_SESSION = "the session is not usable: try again in a new one"
    LOG_IN = "the login or the handles may be gone: check, log in again, try again"
    LATCH = "the PIN or its state is wrong: never send it again"
    BUSY = "the token is busy: wait and try again"
    DOWN = "the module or token is gone: fail over and reconnect"
    PROBE = "the cause is unknown: a test signature in a new session decides"
    FINAL = "the request is wrong: no retry and no failover"
    DEAD = "the token needs repair: no reconnect"


class LoginAnswer(Enum):
    """What an answer of C_Login says about the PIN that was sent."""

    LOGGED_IN = "the token accepted the PIN"
    WAS_LOGGED_IN = "the user was logged in before, so the token did not look at the PIN"
    NOT_LOOKED = "the token did not look at the PIN: it may be sent again"
    REFUSED = "the token refused the PIN: never send it again"
    UNKNOWN = "the token may have looked at the PIN"


_R = Reaction
_LOSSES: Final = frozenset({_R.NEW_SESSION, _R.LOG_IN, _R.BUSY, _R.DOWN})
_A = LoginAnswer

# By the exception that python-pkcs11 makes of the code, which carries no number.
REACTIONS: Final[Mapping[type[BaseException], Reaction]] = {
    p11.SessionHandleInvalid: _R.NEW_SESSION,
    p11.SessionClosed: _R.NEW_SESSION,
    p11.OperationActive: _R.NEW_SESSION,
    p11.OperationNotInitialized: _R.NEW_SESSION,
    p11.FunctionCancelled: _R.NEW_SESSION,
    p11.SessionReadOnly: _R.NEW_SESSION,
    p11.UserNotLoggedIn: _R.LOG_IN,
    p11.ObjectHandleInvalid: _R.LOG_IN,
    p11.KeyHandleInvalid: _R.LOG_IN,
    p11.NoSuchKey: _R.LOG_IN,
    p11.MultipleObjectsReturned: _R.LOG_IN,
    p11.AnotherUserAlreadyLoggedIn: _R.DOWN,
    p11.UserTooManyTypes: _R.DOWN,
    p11.PinIncorrect: _R.LATCH,
    p11.PinInvalid: _R.LATCH,
    p11.PinLenRange: _R.LATCH,
    p11.PinExpired: _R.LATCH,
    p11.PinLocked: _R.LATCH,
    p11.UserPinNotInitialized: _R.LATCH,
    p11.SessionCount: _R.BUSY,
    p11.DeviceMemory: _R.BUSY,
    p11.HostMemory: _R.BUSY,
    p11.DeviceError: _R.DOWN,
    p11.DeviceRemoved: _R.DOWN,
    p11.TokenNotPresent: _R.DOWN,
    p11.TokenNotRecognised: _R.DOWN,
    p11.SlotIDInvalid: _R.DOWN,
    p11.NoSuchToken: _R.DOWN,
    StartFailed: _R.DOWN,
    p11.GeneralError: _R.PROBE,
    p11.FunctionFailed: _R.PROBE,
    p11.FunctionRejected: _R.PROBE,
    p11.MechanismInvalid: _R.FINAL,
    p11.MechanismParamInvalid: _R.FINAL,
    p11.KeyTypeInconsistent: _R.FINAL,
    p11.KeySizeRange: _R.FINAL,
    p11.DataInvalid: _R.FINAL,
    p11.DataLenRange: _R.FINAL,
    p11.ArgumentsBad: _R.FINAL,
    p11.EncryptedDataInvalid: _R.FINAL,
    p11.EncryptedDataLenRange: _R.FINAL,
    p11.SignatureInvalid: _R.FINAL,
    p11.SignatureLenRange: _R.FINAL,
    p11.AttributeTypeInvalid: _R.FINAL,
    p11.AttributeValueInvalid: _R.FINAL,
    p11.AttributeReadOnly: _R.FINAL,
    p11.AttributeSensitive: _R.FINAL,
    p11.TemplateIncomplete: _R.FINAL,
    p11.TemplateInconsistent: _R.FINAL,
    p11.DomainParamsInvalid: _R.FINAL,
    p11.FunctionNotSupported: _R.FINAL,
    p11.TokenWriteProtected: _R.DEAD,
}

# By the number, where python-pkcs11 has only a text for it.
_NUMBERS: Final[Mapping[int, Reaction]] = {
    0x1B: _R.FINAL,  # ACTION_PROHIBITED
    0x42: _R.FINAL,  # AEAD_DECRYPT_FAILED
    0x68: _R.FINAL,  # KEY_FUNCTION_NOT_PERMITTED
    0x140: _R.FINAL,  # CURVE_NOT_SUPPORTED
    0x150: _R.FINAL,  # BUFFER_TOO_SMALL
    0x190: _R.DOWN,  # CRYPTOKI_NOT_INITIALIZED
    0x191: _R.DOWN,  # CRYPTOKI_ALREADY_INITIALIZED
    0x1B6: _R.DEAD,  # FIPS_SELF_TEST_FAILED
    0x1B7: _R.DEAD,  # LIBRARY_LOAD_FAILED
    0x200: _R.PROBE,  # FUNCTION_REJECTED
    0x201: _R.BUSY,  # TOKEN_RESOURCE_EXCEEDED
    0x202: _R.NEW_SESSION,  # OPERATION_CANCEL_FAILED
    0x203: _R.FINAL,  # KEY_EXHAUSTED
}
# By its text, where there is not even a number.
_PHRASES: Final[Mapping[str, Reaction]] = {
    "not initialized": _R.DOWN,
    "already initialized": _R.DOWN,
    "Buffer was too small": _R.FINAL,
}
# What the token does not have, and what the key does not allow; every other refusal is about the request.
_MISSING: Final = (p11.MechanismInvalid, p11.MechanismParamInvalid, p11.FunctionNotSupported)
_KEY_FUNCTION_NOT_PERMITTED: Final = 0x68
# PKCS#11 v2.40 section 5.6, C_Login. Only what is decided before a token can see the PIN proves that it did not look;
# cards answer a wrong PIN with GENERAL_ERROR, and modules any error with DEVICE_ERROR or a code of their own.
_LOGIN: Final[Mapping[int, LoginAnswer]] = {
    0x00: _A.LOGGED_IN,
    0x100: _A.WAS_LOGGED_IN,
    0x91: _A.NOT_LOOKED,  # OPERATION_NOT_INITIALIZED
    0xB0: _A.NOT_LOOKED,  # SESSION_CLOSED
    0xB3: _A.NOT_LOOKED,  # SESSION_HANDLE_INVALID
    0x104: _A.NOT_LOOKED,  # USER_ANOTHER_ALREADY_LOGGED_IN
    0x105: _A.NOT_LOOKED,  # USER_TOO_MANY_TYPES
    0x190: _A.NOT_LOOKED,  # CRYPTOKI_NOT_INITIALIZED
    0xA0: _A.REFUSED,  # PIN_INCORRECT
    0xA1: _A.REFUSED,  # PIN_INVALID
    0xA2: _A.REFUSED,  # PIN_LEN_RANGE
    0xA3: _A.REFUSED,  # PIN_EXPIRED
    0xA4: _A.REFUSED,  # PIN_LOCKED
}
_UNMAPPED = re.compile(r"Unmapped error code (0x[0-9a-f]+)")


def reaction(error: BaseException) -> Reaction:
    """The reaction to `error`. An unknown error is probed."""
    for kind in type(error).__mro__:
        if kind in REACTIONS:
            return REACTIONS[kind]
    text = str(error)
    for phrase, meant in _PHRASES.items():
        if phrase in text:
            return meant
    number = _number(error)
    return Reaction.PROBE if number is None else _NUMBERS.get(number, Reaction.PROBE)


def is_loss(error: BaseException) -> bool:
    """Whether an error is about the session, the login or the token, and so says nothing about what was asked for."""
    return isinstance(error, p11.PKCS11Error) and reaction(error) in _LOSSES


def refusal(error: p11.PKCS11Error) -> tuple[str, str]:
    """The SignerError code and the message for a request that a working token refuses."""
    if isinstance(error, _MISSING):
        return "mechanism-missing", f"the token does not support the operation: {name(error)}"
    if isinstance(error, p11.KeyTypeInconsistent) or _number(error) == _KEY_FUNCTION_NOT_PERMITTED:
        return "key-not-allowed", f"the key does not allow the operation: {name(error)}"
    return "token-refused", f"the token refused the request: {name(error)}"


def failure(error: p11.PKCS11Error) -> str:
    """The message of the SignerError `module-failed`, for a module that fails before it has shown a token."""
    return (
        f"the module did not start: {error}" if isinstance(error, StartFailed) else f"the module failed: {name(error)}"
    )


def loss(error: p11.PKCS11Error) -> tuple[str, str]:
    """The SignerError code and the message for a token or module that is gone."""
    if isinstance(error, StartFailed):
        return "module-failed", failure(error)
    return "token-lost", f"the connection was lost: {name(error)}"


def login_answer(code: int) -> LoginAnswer:
    """What a CKR_ number of C_Login says. Everything that proves nothing is unknown."""
    return _LOGIN.get(code, LoginAnswer.UNKNOWN)


def name(error: BaseException) -> str:
    """The name of an error, for messages: python-pkcs11 leaves most of its messages empty."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _number(error: BaseException) -> int | None:
    """The number of an error for which python-pkcs11 has no class."""
    found = _UNMAPPED.search(str(error))
    return int(found[1], 16) if found else None
