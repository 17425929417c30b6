"""The exception for each answer of a module, for the calls that are not made through python-pkcs11.

Rule: it is the one that python-pkcs11 raises for the same CKR_ number, so an error means the same wherever it is from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pkcs11.exceptions as p11

if TYPE_CHECKING:
    from collections.abc import Mapping

_ERRORS: Final[Mapping[int, type[p11.PKCS11Error]]] = {
    0x02: p11.HostMemory,
    0x03: p11.SlotIDInvalid,
    0x05: p11.GeneralError,
    0x06: p11.FunctionFailed,
    0x07: p11.ArgumentsBad,
    0x08: p11.NoEvent,
    0x10: p11.AttributeReadOnly,
    0x11: p11.AttributeSensitive,
    0x12: p11.AttributeTypeInvalid,
    0x13: p11.AttributeValueInvalid,
    0x20: p11.DataInvalid,
    0x21: p11.DataLenRange,
    0x30: p11.DeviceError,
    0x31: p11.DeviceMemory,
    0x32: p11.DeviceRemoved,
    0x40: p11.EncryptedDataInvalid,
    0x41: p11.EncryptedDataLenRange,
    0x50: p11.FunctionCancelled,
    0x54: p11.FunctionNotSupported,
    0x60: p11.KeyHandleInvalid,
    0x62: p11.KeySizeRange,
    0x63: p11.KeyTypeInconsistent,
    0x64: p11.KeyNotNeeded,
    0x66: p11.KeyNeeded,
    0x67: p11.KeyIndigestible,
    0x69: p11.KeyNotWrappable,
    0x6A: p11.KeyUnextractable,
    0x70: p11.MechanismInvalid,
    0x71: p11.MechanismParamInvalid,
    0x82: p11.ObjectHandleInvalid,
    0x90: p11.OperationActive,
    0x91: p11.OperationNotInitialized,
    0xA0: p11.PinIncorrect,
    0xA1: p11.PinInvalid,
    0xA2: p11.PinLenRange,
    0xA3: p11.PinExpired,
    0xA4: p11.PinLocked,
    0xB0: p11.SessionClosed,
    0xB1: p11.SessionCount,
    0xB3: p11.SessionHandleInvalid,
    0xB5: p11.SessionReadOnly,
    0xB6: p11.SessionExists,
    0xB7: p11.SessionReadOnlyExists,
    0xB8: p11.SessionReadWriteSOExists,
    0xC0: p11.SignatureInvalid,
    0xC1: p11.SignatureLenRange,
    0xD0: p11.TemplateIncomplete,
    0xD1: p11.TemplateInconsistent,
    0xE0: p11.TokenNotPresent,
    0xE1: p11.TokenNotRecognised,
    0xE2: p11.TokenWriteProtected,
    0xF0: p11.UnwrappingKeyHandleInvalid,
    0xF1: p11.UnwrappingKeySizeRange,
    0xF2: p11.UnwrappingKeyTypeInconsistent,
    0x100: p11.UserAlreadyLoggedIn,
    0x101: p11.UserNotLoggedIn,
    0x102: p11.UserPinNotInitialized,
    0x104: p11.AnotherUserAlreadyLoggedIn,
    0x105: p11.UserTooManyTypes,
    0x110: p11.WrappedKeyInvalid,
    0x112: p11.WrappedKeyLenRange,
    0x113: p11.WrappingKeyHandleInvalid,
    0x114: p11.WrappingKeySizeRange,
    0x115: p11.WrappingKeyTypeInconsistent,
    0x120: p11.RandomSeedNotSupported,
    0x121: p11.RandomNoRNG,
    0x130: p11.DomainParamsInvalid,
    0x1B5: p11.ExceededMaxIterations,
    0x1B8: p11.PinTooWeak,
    0x1B9: p11.PublicKeyInvalid,
    0x200: p11.FunctionRejected,
}


def error(code: int) -> p11.PKCS11Error:
    """The exception for an answer other than CKR_OK."""
    return _ERRORS.get(code, lambda: p11.PKCS11Error(f"Unmapped error code {code:#x}"))()


def demand_ok(code: int) -> None:
    """Raises the exception for an answer other than CKR_OK."""
    if code:
        raise error(code)
