"""python-pkcs11's library object, initialised with locking.

Rule: never `C_Initialize(NULL)`, which tells a module that there is only one thread. python-pkcs11 does that and then
lets other threads run during every call; with SoftHSM that ends in a crash.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import _pkcs11

from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki.answers import error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pkcs11 import Attribute
    from pkcs11.types import Slot

# python-pkcs11's own type lacks the handle that its objects have.
Session = Any

_OS_LOCKING_OK: Final = 0x2
USER: Final = 1  # CKU_USER
CONTEXT_SPECIFIC: Final = 2  # CKU_CONTEXT_SPECIFIC
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


class Mechanism(ctypes.Structure):
    """CK_MECHANISM."""

    _fields_ = (("mechanism", ctypes.c_ulong), ("parameter", ctypes.c_void_p), ("parameter_bytes", ctypes.c_ulong))


class _Info(ctypes.Structure):
    """CK_INFO."""

    _fields_ = (
        ("cryptoki_version", ctypes.c_ubyte * 2),
        ("manufacturer", ctypes.c_ubyte * 32),
        ("flags", ctypes.c_ulong),
        ("description", ctypes.c_ubyte * 32),
        ("library_version", ctypes.c_ubyte * 2),
    )


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
    # Known once it is initialised. Those of python-pkcs11 cannot be set from here.
    manufacturer_id = library_description = ""
    library_version = cryptoki_version = (0, 0)
    _reserved: bytes | None
    _table: _FunctionList

    @classmethod
    def load(cls, path: str, reserved: str | None = None) -> Library:
        """Load a module, which is not initialised yet. Raises SignerError `module-invalid`."""
        listed = _function_list(path)
        # Only the C half of the constructor: the other half calls C_GetInterface, and no other thread runs meanwhile.
        library = cls.__new__(cls, path)  # type: ignore[call-arg]
        address = _address_of_functions(library)
        library._reserved = reserved.encode() if reserved is not None else None
        library._table = _FunctionList.from_address(address)
        library.own_instance = address != listed
        return library

    def initialize(self) -> None:
        """C_Initialize, with operating-system locking, and C_GetInfo. Raises StartFailed, or the module's error."""
        arguments = _InitializeArgs(flags=_OS_LOCKING_OK, reserved=self._reserved)
        # A child of fork finds some modules as its parent left them; every session is opened anew all the same.
        code = _code(self._table, "Initialize", ctypes.byref(arguments))
        if code not in (0, _ALREADY_INITIALIZED):
            raise StartFailed(f"C_Initialize returned {_START_ERRORS.get(code, 'an error')} ({code:#x})")
        info = _Info()
        self._call("GetInfo", ctypes.byref(info))
        self.manufacturer_id, self.library_description = (
            bytes(text).decode(errors="replace") for text in (info.manufacturer, info.description)
        )
        self.library_version, self.cryptoki_version = tuple(info.library_version), tuple(info.cryptoki_version)

    def finalize(self) -> None:
        """C_Finalize; other threads run meanwhile, which python-pkcs11 does not allow."""
        self._call("Finalize", None, accept=(_NOT_INITIALIZED,))

    def _call(self, name: str, *arguments: Any, accept: tuple[int, ...] = ()) -> None:
        _call(self._table, name, *arguments, accept=accept)


def call(session: Session, name: str, *arguments: Any) -> None:
    """Call C_`name` of the module that a session is of, where python-pkcs11 has no call that would do.

    Raises the module's error. The session has the function list of its own instance of the module, even if another
    instance has replaced that one.
    """
    _call(_functions_of(session), name, *arguments)


def function(session: Session, name: str, prototype: Any) -> Any:
    """C_`name` as a function of ctypes. It returns a CKR_ number, and other threads run meanwhile."""
    return prototype(getattr(_functions_of(session), name))


def manufacturer(session: Session) -> str:
    """Who made the module that a session is of: CK_INFO.manufacturerID, without blanks at its end."""
    info = _Info()
    call(session, "GetInfo", ctypes.byref(info))
    return bytes(info.manufacturer).decode(errors="replace").rstrip()


def is_logged_in(session: Session) -> bool:
    """Whether the user is logged in."""
    info = _SessionInfo()
    call(session, "GetSessionInfo", ctypes.c_ulong(session.handle), ctypes.byref(info))
    return info.state in (1, 3)  # CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS


def token_flags(slot: Slot) -> int:
    """The flags of the token in `slot`, as they are now."""
    flags: int = _token_info(slot).flags
    return flags


def token_texts(slot: Slot) -> tuple[bytes, bytes, bytes, bytes]:
    """The label, manufacturer, model and serial number of the token in `slot`, padded with blanks."""
    info = _token_info(slot)
    return bytes(info.label), bytes(info.manufacturer), bytes(info.model), bytes(info.serial)


def session_limit(slot: Slot) -> int | None:
    """The number of sessions that the token in `slot` allows, or None if it has no limit or reports none."""
    most: int = _token_info(slot).max_sessions
    return most if 0 < most < 1 << 31 else None


def log_in(session: Session, user: int, pin: bytes | None) -> int:
    """The answer of C_Login, a CKR_ number; without a PIN, the token itself asks for it, on its PIN pad.

    No error is raised, because a traceback would hold the PIN.
    """
    length = 0 if pin is None else len(pin)
    handle, kind = ctypes.c_ulong(session.handle), ctypes.c_ulong(user)
    return _code(_functions_of(session), "Login", handle, kind, pin, ctypes.c_ulong(length))


def _token_info(slot: Slot) -> _TokenInfo:
    info = _TokenInfo()
    _call(_functions_of(slot), "GetTokenInfo", ctypes.c_ulong(slot.slot_id), ctypes.byref(info))
    return info


def _functions_of(owner: Session | Slot) -> _FunctionList:
    address = ctypes.c_void_p.from_address(id(owner) + object.__basicsize__).value
    if address is None:
        raise p11.SessionHandleInvalid
    return _FunctionList.from_address(address)


def _call(table: _FunctionList, name: str, *arguments: Any, accept: tuple[int, ...] = ()) -> None:
    code = _code(table, name, *arguments)
    if code != 0 and code not in accept:
        raise error(code)


def _code(table: _FunctionList, name: str, *arguments: Any) -> int:
    code: int = ctypes.CFUNCTYPE(ctypes.c_ulong)(getattr(table, name))(*arguments)
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
        _load_code(path)
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


def _load_code(path: str) -> None:
    """Let the module's constructors run now, while other threads run too; those who load it after this find it there.

    An error here is one there too, with its text.
    """
    ctypes.CDLL(None).dlopen(os.fsencode(path), os.RTLD_NOW)


def _address_of_functions(library: Library) -> int:
    """The address of the function list that python-pkcs11 got for `library`, which is not initialised yet.

    python-pkcs11 has no public name for it. The first fields of its objects are pointers to function lists, of which
    only the first one is set before initialisation; `_functions_of` relies on that.
    """
    begin, end = object.__basicsize__, _HAS_FUNCTIONS.__basicsize__
    pointers = (ctypes.c_void_p * ((end - begin) // ctypes.sizeof(ctypes.c_void_p))).from_address(id(library) + begin)
    first, *others = pointers or [None]
    if not first or any(others):
        hint = "Install a version of python-pkcs11 that this version of attest was tested with."
        raise SignerError("module-invalid", "this version of python-pkcs11 is not supported", hint=hint)
    return first


def _reason(error: OSError, path: str) -> str:
    return str(error).removeprefix(f"{path}: ")
