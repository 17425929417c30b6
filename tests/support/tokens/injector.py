"""Faults in a real PKCS#11 module: its table of functions is patched, so that any call can fail, wait, hang or lie.

The module stays what it is, and so does python-pkcs11, which reads the table at every call. Use a private copy of it.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Arguments = tuple[int, ...]

# CK_FUNCTION_LIST, PKCS#11 v2.40, with the number of each function's arguments; all of them fit a register.
_FUNCTIONS: Final = [
    (f"C_{name}", int(arity))
    for name, arity in (
        entry.split(":")
        for entry in """
        Initialize:1 Finalize:1 GetInfo:1 GetFunctionList:1 GetSlotList:3 GetSlotInfo:2 GetTokenInfo:2
        GetMechanismList:3 GetMechanismInfo:3 InitToken:4 InitPIN:3 SetPIN:5 OpenSession:5 CloseSession:1
        CloseAllSessions:1 GetSessionInfo:2 GetOperationState:3 SetOperationState:5 Login:4 Logout:1 CreateObject:4
        CopyObject:5 DestroyObject:2 GetObjectSize:3 GetAttributeValue:4 SetAttributeValue:4 FindObjectsInit:3
        FindObjects:4 FindObjectsFinal:1 EncryptInit:3 Encrypt:5 EncryptUpdate:5 EncryptFinal:3 DecryptInit:3 Decrypt:5
        DecryptUpdate:5 DecryptFinal:3 DigestInit:2 Digest:5 DigestUpdate:3 DigestKey:2 DigestFinal:3 SignInit:3 Sign:5
        SignUpdate:3 SignFinal:3 SignRecoverInit:3 SignRecover:5 VerifyInit:3 Verify:5 VerifyUpdate:3 VerifyFinal:3
        VerifyRecoverInit:3 VerifyRecover:5 DigestEncryptUpdate:5 DecryptDigestUpdate:5 SignEncryptUpdate:5
        DecryptVerifyUpdate:5 GenerateKey:5 GenerateKeyPair:8 WrapKey:6 UnwrapKey:8 DeriveKey:6 SeedRandom:3
        GenerateRandom:3
        """.split()
    )
]


class _Table(ctypes.Structure):
    _fields_ = (("version", ctypes.c_ubyte * 2), *((name, ctypes.c_void_p) for name, _ in _FUNCTIONS))


# A call may still be in one of these when the table is restored, and come back into it.
_kept: list[object] = []


@dataclass(eq=False)
class Fault:
    """What happens instead of calls `first` to `last` of a function, counted among those that `when` is true of."""

    function: str
    act: Callable[[Callable[..., int], Arguments], int]
    first: int
    last: float
    when: Callable[[Arguments], bool]
    matched: int = 0
    happened: int = 0
    entered: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def applies(self, arguments: Arguments) -> bool:
        """Whether it happens to this call, which is counted."""
        if not self.when(arguments):
            return False
        self.matched += 1
        if not self.first <= self.matched <= self.last:
            return False
        self.happened += 1
        return True

    def release(self) -> None:
        """Let the calls that hang go on."""
        self.released.set()


class FaultInjector:
    """The faults of one module, while it is a context; `calls` counts every call, `log` has each with its session."""

    def __init__(self, module: Path) -> None:
        self.calls: Counter[str] = Counter()
        self.log: list[tuple[str, int]] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        pointer = ctypes.POINTER(_Table)()
        assert ctypes.CDLL(str(module)).C_GetFunctionList(ctypes.byref(pointer)) == 0
        self._table = pointer.contents
        self._originals: dict[str, int] = {name: getattr(self._table, name) for name, _ in _FUNCTIONS}
        self._functions: dict[str, Callable[..., int]] = {}
        self._patches: dict[str, Any] = {}
        for name, arity in _FUNCTIONS:
            prototype = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_size_t] * arity)
            self._functions[name] = prototype(self._originals[name])
            self._patches[name] = prototype(partial(self._called, name))
        _kept.append(self._patches)

    def __enter__(self) -> Self:
        address, size = ctypes.addressof(self._table), ctypes.sizeof(self._table)
        start = address & -mmap.PAGESIZE
        libc = ctypes.CDLL(None, use_errno=True)
        # The linker may have made the page read-only once it had filled in the addresses.
        done = libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(address + size - start), 1 | 2)
        assert done == 0, f"mprotect: {ctypes.get_errno()}"
        for name, patch in self._patches.items():
            setattr(self._table, name, ctypes.cast(patch, ctypes.c_void_p).value)
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        for name, address in self._originals.items():
            setattr(self._table, name, address)

    def fail(self, function: str, code: int, **which: Any) -> Fault:
        """Return `code`, and do not make the call, as a lost connection would."""
        return self.on(function, lambda _call, _arguments: code, **which)

    def delay(self, function: str, seconds: float, **which: Any) -> Fault:
        """Wait before the call."""

        def act(call: Callable[..., int], arguments: Arguments) -> int:
            time.sleep(seconds)
            return call(*arguments)

        return self.on(function, act, **which)

    def hang(self, function: str, code: int | None = None, **which: Any) -> Fault:
        """Wait until the fault is released, its `entered` being set at once; then call, or return `code` instead."""

        def act(call: Callable[..., int], arguments: Arguments) -> int:
            fault.entered.set()
            fault.released.wait()
            return call(*arguments) if code is None else code

        fault = self.on(function, act, **which)
        return fault

    def on(
        self,
        function: str,
        act: Callable[[Callable[..., int], Arguments], int],
        *,
        first: int = 1,
        last: float = float("inf"),
        when: Callable[[Arguments], bool] = lambda _: True,
    ) -> Fault:
        """Do `act` instead of the call: it is given the module's own function, and the arguments."""
        fault = Fault(function, act, first, last, when)
        with self._lock:
            self._faults.append(fault)
        return fault

    def raise_token_flag(self, flag: int, **which: Any) -> Fault:
        """Let every token say that it has one flag more."""
        return self._in_token_info(0, lambda flags: flags | flag, **which)

    def set_session_limit(self, most: int) -> Fault:
        """Let every token say that it has so many sessions."""
        return self._in_token_info(1, lambda _: most)

    def _in_token_info(self, place: int, change: Callable[[int], int], **which: Any) -> Fault:
        def act(call: Callable[..., int], arguments: Arguments) -> int:
            answer = call(*arguments)
            # After four texts, of 96 bytes together, CK_TOKEN_INFO has the flags and the number of sessions.
            number = ctypes.c_ulong.from_address(arguments[1] + 96 + place * ctypes.sizeof(ctypes.c_ulong))
            number.value = change(number.value)
            return answer

        return self.on("C_GetTokenInfo", act, **which)

    def clear(self) -> None:
        """No faults any more, nothing hangs, and counting begins anew."""
        with self._lock:
            faults, self._faults = self._faults, []
            self.calls.clear()
            self.log.clear()
        for fault in faults:
            fault.release()

    def call(self, function: str, *arguments: Any) -> int:
        """Call the module past everybody's back, uncounted, as another library in the process would."""
        return self._functions[function](*arguments)

    def _called(self, name: str, *arguments: int) -> int:
        with self._lock:
            self.calls[name] += 1
            self.log.append((name, arguments[0]))
            fault = next((fault for fault in self._faults if fault.function == name and fault.applies(arguments)), None)
        call = self._functions[name]
        return call(*arguments) if fault is None else fault.act(call, arguments)
