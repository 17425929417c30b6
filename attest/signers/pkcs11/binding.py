"""python-pkcs11's library object, initialised with locking.

Rule: never `C_Initialize(NULL)`, which tells a module that there is only one thread. python-pkcs11 does that and then
lets other threads run during every call; with SoftHSM that ends in a crash.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import _pkcs11

from attest.errors import SignerError
from attest.signers.pkcs11.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pkcs11 import Attribute
    from pkcs11.types import Slot, Token


# python-pkcs11's own type lacks the handle that its objects have.
Session = Any

_OS_LOCKING_OK: Final = 0x2
_USER: Final = 1
_NOT_INITIALIZED: Final = 0x190
_ALREADY_INITIALIZED: Final = 0x191

# CK_FUNCTION_LIST, PKCS#11 v2.40 section 3.6: the functions in their order, without C_.
_FUNCTIONS: Final = """
Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList GetMechanismInfo
InitToken InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo GetOperationState SetOperationState
Login Logout CreateObject CopyObject DestroyObject GetObjectSize GetAttributeValue SetAttributeValue FindObjectsInit
FindObjects FindObjectsFinal EncryptInit Encrypt EncryptUpdate EncryptFinal DecryptInit Decrypt DecryptUpdate
DecryptFinal DigestInit Digest DigestUpdate DigestKey DigestFinal SignInit Sign SignUpdate SignFinal SignRecoverInit
SignRecover VerifyInit Verify VerifyUpdate VerifyFinal VerifyRecoverInit VerifyRecover DigestEncryptUpdate
DecryptDigestUpdate SignEncryptUpdate DecryptVerifyUpdate GenerateKey GenerateKeyPair WrapKey UnwrapKey DeriveKey
SeedRandom GenerateRandom GetFunctionStatus CancelFunction WaitForSlotEvent
""".split()

_LOGIN_ERRORS: Final[dict[int, type[p11.PKCS11Error]]] = {
    0x05: p11.GeneralError,
    0x06: p11.FunctionFailed,
    0x30: p11.DeviceError,
    0x32: p11.DeviceRemoved,
    0xA0: p11.PinIncorrect,
    0xA1: p11.PinInvalid,
    0xA2: p11.PinLenRange,
    0xA3: p11.PinExpired,
    0xA4: p11.PinLocked,
    0xB0: p11.SessionClosed,
    0xB3: p11.SessionHandleInvalid,
    0x100: p11.UserAlreadyLoggedIn,
    0x102: p11.UserPinNotInitialized,
    0x104: p11.AnotherUserAlreadyLoggedIn,
    0x105: p11.UserTooManyTypes,
}

_START_ERRORS: Final = {
    0x02: "CKR_HOST_MEMORY",
    0x05: "CKR_GENERAL_ERROR",
    0x06: "CKR_FUNCTION_FAILED",
    0x07: "CKR_ARGUMENTS_BAD",
    0x09: "CKR_NEED_TO_CREATE_THREADS",
    0x0A: "CKR_CANT_LOCK",
    0x30: "CKR_DEVICE_ERROR",
    0x32: "CKR_DEVICE_REMOVED",
    0xE0: "CKR_TOKEN_NOT_PRESENT",
}

# python-pkcs11's base of everything that has function lists; it has no fields but pointers to them.
_HAS_FUNCTIONS: Final = _pkcs11.lib.__mro__[1]


class _InitializeArgs(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_char_p),
    )


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", ctypes.c_ubyte * 2), *((name, ctypes.c_void_p) for name in _FUNCTIONS))


class _SessionInfo(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_ulong) for name in ("slot", "state", "flags", "error"))


class _TokenInfo(ctypes.Structure):
    _fields_ = (
        ("label", ctypes.c_ubyte * 32),
        ("manufacturer", ctypes.c_ubyte * 32),
        ("model", ctypes.c_ubyte * 16),
        ("serial", ctypes.c_ubyte * 16),
        ("flags", ctypes.c_ulong),
        ("max_sessions", ctypes.c_ulong),
        ("rest", ctypes.c_ubyte * 256),
    )


class StartFailed(p11.PKCS11Error):
    """C_Initialize failed: the module is there, and does not start."""


class Library(_pkcs11.lib):
    """A loaded module, and the function list that python-pkcs11 uses.

    The client and proxy of p11-kit return a new instance, with its own function list, at every C_GetFunctionList:
    `own_instance`. Such a module can be loaded again while another instance of it hangs.
    """

    own_instance: bool
    _reserved: bytes | None
    _table: _FunctionList

    @classmethod
    def load(cls, path: str, reserved: str | None = None) -> Library:
        """Load and initialise. Raises SignerError `module-invalid`, StartFailed, or the module's error in C_GetInfo."""
        listed = _function_list(path)
        # In two steps, because the C half of the constructor takes the path alone, and the other half initialises.
        library = cls.__new__(cls, path)  # type: ignore[call-arg]
        address = _address_of_functions(library)
        library._reserved = reserved.encode() if reserved is not None else None
        library._table = _FunctionList.from_address(address)
        library.own_instance = address != listed
        _pkcs11.lib.__init__(library, path)
        return library

    def initialize(self) -> None:
        """C_Initialize, with operating-system locking. Raises StartFailed."""
        arguments = _InitializeArgs(flags=_OS_LOCKING_OK, reserved=self._reserved)
        # A child of fork finds some modules as its parent left them; every session is opened anew all the same.
        code = self._code("Initialize", ctypes.byref(arguments))
        if code not in (0, _ALREADY_INITIALIZED):
            raise StartFailed(f"C_Initialize returned {_START_ERRORS.get(code, 'an error')} ({code:#x})")

    def finalize(self) -> None:
        """C_Finalize; other threads run meanwhile, which python-pkcs11 does not allow."""
        self._call("Finalize", None, accept=(_NOT_INITIALIZED,))

    def log_in(self, token: Token, pin: str | None) -> Session:
        """A session that holds the login of the user, or an earlier login of this process.

        Raises the module's error; no session is then left open.
        """
        session = open_session(token)
        if pin is None:
            return session
        data = pin.encode()
        try:
            self._call("Login", ctypes.c_ulong(session.handle), ctypes.c_ulong(_USER), data, ctypes.c_ulong(len(data)))
        except p11.UserAlreadyLoggedIn:
            pass
        except BaseException:
            session.close()
            raise
        return session

    def token_texts(self, slot: Slot) -> tuple[bytes, bytes, bytes, bytes]:
        """The label, manufacturer, model and serial number of the token in `slot`, padded with blanks."""
        info = _TokenInfo()
        self._call("GetTokenInfo", ctypes.c_ulong(slot.slot_id), ctypes.byref(info))
        return bytes(info.label), bytes(info.manufacturer), bytes(info.model), bytes(info.serial)

    def session_limit(self, slot: Slot) -> int | None:
        """The number of sessions that the token in `slot` allows, or None if it has no limit or reports none."""
        info = _TokenInfo()
        self._call("GetTokenInfo", ctypes.c_ulong(slot.slot_id), ctypes.byref(info))
        most: int = info.max_sessions
        return most if 0 < most < 1 << 31 else None

    def is_logged_in(self, session: Session) -> bool:
        """Whether the user is logged in."""
        info = _SessionInfo()
        self._call("GetSessionInfo", ctypes.c_ulong(session.handle), ctypes.byref(info))
        return info.state in (1, 3)  # CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS

    def _call(self, name: str, *arguments: Any, accept: tuple[int, ...] = ()) -> None:
        code = self._code(name, *arguments)
        if code != 0 and code not in accept:
            raise _LOGIN_ERRORS.get(code, lambda: p11.PKCS11Error(f"Unmapped error code {code:#x}"))()

    def _code(self, name: str, *arguments: Any) -> int:
        """Call a function of the module, and return its CK_RV."""
        code: int = ctypes.CFUNCTYPE(ctypes.c_ulong)(getattr(self._table, name))(*arguments)
        return code


def find(session: Session, attributes: Mapping[Attribute, Any]) -> list[Any]:
    """The objects in a session that have these attributes. Raises the module's error.

    The search is finalised here: python-pkcs11 would do so again at garbage collection, and print to standard error if
    that fails too.
    """
    search = _pkcs11.SearchIter(session, dict(attributes), 10)  # type: ignore[attr-defined]
    try:
        with search:
            return [found for batch in search for found in batch]
    except p11.PKCS11Error:
        with suppress(p11.PKCS11Error):
            search._finalize()
        raise


def _function_list(path: str) -> int | None:
    """The address of the module's function list. Raises SignerError `module-invalid`."""
    try:
        get_list = ctypes.CDLL(path).C_GetFunctionList
    except OSError as error:
        raise SignerError(
            "module-invalid", f"the module cannot be loaded: {_reason(error, path)}", where=path
        ) from None
    except AttributeError:
        raise SignerError(
            "module-invalid", "the library is not a PKCS#11 module: it has no C_GetFunctionList", where=path
        ) from None
    listed = ctypes.c_void_p()
    if get_list(ctypes.byref(listed)) or not listed:
        raise SignerError("module-invalid", "the module returned no function list", where=path)
    return listed.value


def _address_of_functions(library: Library) -> int:
    """The address of the function list that python-pkcs11 got for `library`, which is not initialised yet.

    python-pkcs11 has no public name for it. The first fields of its object are pointers to function lists, of which
    only this one is set before initialisation.
    """
    begin, end = object.__basicsize__, _HAS_FUNCTIONS.__basicsize__
    pointers = (ctypes.c_void_p * ((end - begin) // ctypes.sizeof(ctypes.c_void_p))).from_address(id(library) + begin)
    found = [pointer for pointer in pointers if pointer]
    if len(found) != 1:
        hint = "Install a version of python-pkcs11 that this version of attest was tested with."
        raise SignerError("module-invalid", "this version of python-pkcs11 is not supported", hint=hint)
    return found[0]


def _reason(error: OSError, path: str) -> str:
    return str(error).removeprefix(f"{path}: ")
