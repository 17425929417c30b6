"""How one key signs in one session: C_SignInit and C_Sign, with what stays the same prepared once.

Rule: the signature is written into a buffer that holds the longest one, so its length is not requested in a third call.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

from attest.signers.pkcs11 import binding

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers.pkcs11.mechanisms import Plan

_MAX_SIGNATURE: Final = 8192  # bytes; those of ML-DSA-87 are the longest, with 4,627

_SIGN_INIT: Final = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong)
_SIGN: Final = ctypes.CFUNCTYPE(
    ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p
)


class SignOperation:
    """A private key, the session in which it was found, and a plan. One thread at a time may use it."""

    def __init__(self, key: Any, plan: Plan) -> None:
        session = key.session
        self._plan = plan
        self._session: int = session.handle
        self._key: int = key.handle
        self._parameter = ctypes.create_string_buffer(plan.packed_parameter or b"")
        size = len(plan.packed_parameter or b"")
        pointer = ctypes.addressof(self._parameter) if size else None
        self._mechanism = binding.Mechanism(plan.mechanism, pointer, size)
        self._begin = binding.function(session, "SignInit", _SIGN_INIT)
        self._end = binding.function(session, "Sign", _SIGN)
        self._signature = ctypes.create_string_buffer(_MAX_SIGNATURE)
        self._length = ctypes.c_ulong()

    def sign(self, data: bytes, between: Callable[[], None] | None = None) -> bytes:
        """A signature over `data`; `between` is called between C_SignInit and C_Sign.

        Raises the module's error, or what `between` raises.
        """
        prepared = self._plan.prepare(data)
        binding.demand_ok(self._begin(self._session, ctypes.addressof(self._mechanism), self._key))
        if between is not None:
            between()
        self._length.value = _MAX_SIGNATURE
        code = self._end(self._session, prepared, len(prepared), self._signature, ctypes.addressof(self._length))
        binding.demand_ok(code)
        return self._plan.finish(ctypes.string_at(self._signature, min(self._length.value, _MAX_SIGNATURE)))
