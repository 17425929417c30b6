"""The faults that a simulated token has on demand, so that a pipeline's reaction to them can be tested.

Rule: with the same seed the same operations fail, whatever the machine.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from attest.errors import SignerError
from attest.signers._secrets import SecretRequest, TokenName, announce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers._protocol import KeyHealth
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI

QUERY: Final = frozenset("latency fail-rate disconnect-after reconnect-after slots sessions timeout pin seed".split())


class _Slot:
    """One of the simulator's slots: how many operations it has left before it goes, and when it comes back."""

    def __init__(self, number: int, left: float | None) -> None:
        self.number = number
        self.left = left
        self.back_at: float | None = None
        self.operations = 0
        self.connections = 1


class Faults:
    """The state of a simulated token.

    Each operation takes `latency` milliseconds, and a share of them fails: `fail-rate`, 0 to 1. A slot disconnects
    after `disconnect-after` operations and is back after `reconnect-after` seconds, if that is given. All `slots` hold
    the same key, and the next one signs if one is not available. At most `sessions` operations run at the same time;
    others wait for `timeout` seconds. A `pin` is requested once; after a wrong one the token is locked. `seed` sets the
    random numbers.
    """

    def __init__(self, uri: SignerURI, secrets: Secrets | None) -> None:
        self._uri = uri
        self._secrets = secrets
        self._latency = uri.number("latency", 0, 60_000) / 1000
        self._fail_rate = uri.number("fail-rate", 0, 1)
        after = uri.number("disconnect-after", 0, 1e15) if "disconnect-after" in uri.query else None
        self._back_after = uri.number("reconnect-after", 0, 86_400) if "reconnect-after" in uri.query else None
        self._slots = [_Slot(number, after) for number in range(int(uri.number("slots", 1, 64, least=1)))]
        self._timeout = uri.number("timeout", 10, 600)
        self._sessions = threading.BoundedSemaphore(int(uri.number("sessions", 8, 1024, least=1)))
        self._random = random.Random(f"{uri.path}:{uri.query.get('seed', '0')}")  # noqa: S311
        self._lock = threading.Lock()
        self._logged_in = "pin" not in uri.query
        if not self._logged_in:
            announce(secrets, str(uri))
        self._refused: str | None = None
        self.failovers = 0

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Around each operation. Raises SignerError: `pin-*`, `token-busy`, `token-lost` or `token-failed`."""
        if not self._sessions.acquire(timeout=self._timeout):
            raise self._error("token-busy", "no simulated session became free in time")
        try:
            with self._lock:
                self._log_in()
                self._take_slot()
                fails = self._random.random() < self._fail_rate
            if self._latency:
                time.sleep(self._latency)
            if fails:
                raise self._error("token-failed", "simulated fault: the token failed")
            yield
        finally:
            self._sessions.release()

    def slots(self) -> list[KeyHealth]:
        """The state of each slot."""
        now = time.monotonic()
        with self._lock:
            return [
                {
                    "token": f"simulated slot {slot.number}",
                    "state": "up" if self._is_up(slot, now) else "down",
                    "reason": None if self._is_up(slot, now) else "simulated fault: the slot is gone (token-lost)",
                    "sessions": 0,
                    "connections": slot.connections,
                    "errors": {},
                    "warnings": [],
                }
                for slot in self._slots
            ]

    def _log_in(self) -> None:
        if self._logged_in:
            return
        if self._refused is None:
            token = TokenName(self._uri.path, manufacturer="attest", model="simulator")
            given = self._secrets(SecretRequest.pin(str(self._uri), token)) if self._secrets else None
            if given is None:
                raise self._error("pin-missing", "the simulated token requires a PIN; none was given")
            if given == self._uri.query["pin"]:
                self._logged_in = True
                return
            self._refused = "pin-wrong"
        raise self._error(self._refused, "the simulated token refused the PIN; it is not sent again")

    def _take_slot(self) -> None:
        now = time.monotonic()
        for position, slot in enumerate(self._slots):
            if not self._is_up(slot, now):
                continue
            if slot.back_at is not None:
                slot.back_at, slot.operations = None, 0
                slot.connections += 1
            slot.operations += 1
            if slot.left is not None and slot.operations > slot.left:
                slot.back_at = float("inf") if self._back_after is None else now + self._back_after
                continue
            self.failovers += position > 0
            return
        raise self._error("token-lost", "simulated fault: the token is gone")

    def _is_up(self, slot: _Slot, now: float) -> bool:
        return slot.back_at is None or now >= slot.back_at

    def _error(self, code: str, message: str) -> SignerError:
        return SignerError(code, message, where=str(self._uri))
