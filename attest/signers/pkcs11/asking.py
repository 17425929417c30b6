"""The time in which a person, or a program, is asked for a PIN.

Rule: that time is part of no timeout, neither of the one who asks nor of those who wait for the answer.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers._secrets import TokenName
    from attest.signers.pkcs11.calls import Deadline

_LEAST, _MOST = 0.01, 0.2
_NOT: Final = -1.0


class Lock(Protocol):
    """A lock of `threading`, of whatever kind."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As those of `threading`."""


class Asking:
    """How long somebody was asked for the PIN of one token, by one thread at a time."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since = _NOT

    def __bool__(self) -> bool:
        """Whether somebody is asked now."""
        return self._since != _NOT

    @property
    def seconds(self) -> float:
        """The seconds until now."""
        since = self._since
        return self._before + (monotonic() - since if since != _NOT else 0.0)

    def ask(self, pin: Callable[[TokenName], str | None], deadline: Deadline, token: TokenName) -> str | None:
        """The answer of `pin` for `token`; the deadline moves meanwhile."""
        before, self._since = self._before, monotonic()
        try:
            return pin(token)
        finally:
            after, self._since = self.seconds, _NOT
            self._before = after
            deadline.extend(after - before)

    def acquire(self, lock: Lock, deadline: Deadline) -> bool:
        """Acquire a lock before the deadline, which moves meanwhile."""
        seen = self.seconds
        while not (acquired := lock.acquire(timeout=min(max(deadline.left(), _LEAST), _MOST))):
            before, seen = seen, self.seconds
            deadline.extend(seen - before)
            if deadline.over:
                break
        deadline.extend(self.seconds - seen)
        return acquired
