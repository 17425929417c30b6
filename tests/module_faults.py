"""Faults in a real module: any function of its table returns a code, or hangs until it is let go.

The module's CK_FUNCTION_LIST is patched in memory, so the real python-pkcs11 and the real SoftHSM run above and below.
"""

from __future__ import annotations

import ctypes
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# The order of CK_FUNCTION_LIST, PKCS#11 v2.40, without the C_ in front.
FUNCTIONS = (
    "Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList "
    "GetMechanismInfo InitToken InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo "
    "GetOperationState SetOperationState Login Logout CreateObject CopyObject DestroyObject GetObjectSize "
    "GetAttributeValue SetAttributeValue FindObjectsInit FindObjects FindObjectsFinal EncryptInit Encrypt "
    "EncryptUpdate EncryptFinal DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit Digest DigestUpdate "
    "DigestKey DigestFinal SignInit Sign"
).split()

# Enough for every function above: what is passed beyond a function's own arguments it never looks at.
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_void_p] * 6)


class FaultInjector:
    """The table of one module, patched; `calls` counts what was called, by function."""

    def __init__(self, module: Path) -> None:
        self.calls: Counter[str] = Counter()
        self._table = table_of(module)
        self._faults: dict[str, Callable[[], int | None]] = {}
        self._hangs: dict[str, threading.Event] = {}
        self._kept: dict[str, tuple[Any, int]] = {}
        self._lock = threading.Lock()

    def watch(self, *functions: str) -> None:
        """Count the calls of these functions, and let faults in."""
        for name in functions:
            if name in self._kept:
                continue
            place = place_of(self._table, name)
            original = place.value
            assert original is not None
            patched = _FUNCTION(self._patched(name, _FUNCTION(original)))
            self._kept[name] = (patched, original)
            place.value = ctypes.cast(patched, ctypes.c_void_p).value

    def restore(self) -> None:
        """Put everything back."""
        for name, (_, original) in self._kept.items():
            place_of(self._table, name).value = original

    def fail(self, function: str, code: int, *, times: int | None = 1, after: int = 0) -> None:
        """Let the function return `code`, so many times, after so many calls that go well."""
        self.watch(function)
        left = {"after": after, "times": times}

        def fault() -> int | None:
            if left["after"]:
                left["after"] -= 1
                return None
            if left["times"] is None:
                return code
            if left["times"] == 0:
                return None
            left["times"] -= 1
            return code

        self._faults[function] = fault

    @contextmanager
    def hang(self, function: str) -> Iterator[threading.Event]:
        """Let the function wait until the event is set, or the block is left."""
        self.watch(function)
        go = self._hangs[function] = threading.Event()
        try:
            yield go
        finally:
            self.mend()
            go.set()

    def mend(self) -> None:
        """No more faults; calls are still counted."""
        self._faults.clear()
        self._hangs.clear()

    def _patched(self, name: str, original: Callable[..., int]) -> Callable[..., int]:
        def function(*arguments: Any) -> int:
            with self._lock:
                self.calls[name] += 1
                fault, hang = self._faults.get(name), self._hangs.get(name)
                code = fault() if fault is not None else None
            if hang is not None:
                hang.wait(30)
            return original(*arguments) if code is None else code

        return function


def table_of(module: Path) -> int:
    """The address of a module's table of functions."""
    table = ctypes.c_void_p()
    ctypes.CDLL(str(module)).C_GetFunctionList(ctypes.byref(table))
    assert table.value is not None
    return table.value


def place_of(table: int, name: str) -> ctypes.c_void_p:
    """Where a function's pointer stands; the table begins with a version, padded to a pointer."""
    return ctypes.c_void_p.from_address(table + 8 + 8 * FUNCTIONS.index(name))
