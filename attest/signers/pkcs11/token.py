"""A connection to one token: found by its attributes, logged in once, with a pool of sessions.

Rule: a process requests a PIN once and sends it once; a refused PIN is never sent again.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11

from attest._base import notices
from attest.errors import SignerError
from attest.signers._secrets import TokenName
from attest.signers.pkcs11 import codes
from attest.signers.pkcs11.asking import Asking
from attest.signers.pkcs11.calls import Deadline, TimedOut
from attest.signers.pkcs11.module import Stale
from attest.signers.pkcs11.pool import SessionPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pkcs11.types import Token

    from attest.signers.pkcs11.binding import Session
    from attest.signers.pkcs11.module import Module

# CK_TOKEN_INFO flags; python-pkcs11 has no names for those of the PIN.
_LOGIN_REQUIRED: Final = 0x4
INITIALIZED: Final = 0x400
PIN_COUNT_LOW: Final = 0x10000
PIN_FINAL_TRY: Final = 0x20000
PIN_LOCKED: Final = 0x40000
PIN_TO_BE_CHANGED: Final = 0x80000

_CLOSING: Final = 2.0  # seconds

_PIN_REFUSED: Final = {
    PIN_FINAL_TRY: ("pin-locked", "the next wrong PIN would lock the token, so no PIN is sent"),
    PIN_LOCKED: ("pin-locked", "the PIN is locked"),
    PIN_TO_BE_CHANGED: ("pin-expired", "the PIN must be changed first"),
}
_LOGIN_FAILED: Final[Mapping[type[p11.PKCS11Error], tuple[str, str]]] = {
    p11.PinLocked: ("pin-locked", "the PIN is locked"),
    p11.PinExpired: ("pin-expired", "the PIN has expired"),
    p11.UserPinNotInitialized: ("pin-wrong", "the token has no user PIN"),
}


class TokenConnection:
    """One token of one module, shared by all signers of this process that use it.

    A connection is its pool of sessions: sessions and objects of another pool are not valid. `epoch` counts them.
    `released` is whether no signer uses the token any more.
    """

    def __init__(self, module: Module, attributes: Mapping[str, str], pool_size: int) -> None:
        self.module = module
        self.attributes = dict(attributes)
        self.epoch = 0
        self.asking = Asking()
        self.released = False
        self.pin_warning: str | None = None
        self._pool_size = pool_size
        self._pool: SessionPool | None = None
        self._anchor: Session | None = None
        self._token: Token | None = None
        self._generation = 0
        self._failed = False
        self._latched: SignerError | None = None
        self._pin: str | None = None
        self._doubted = False
        self._lock = threading.RLock()

    @property
    def where(self) -> str:
        """The name of the token for messages."""
        token = self._token
        if token is not None:
            return str(self._name(token))
        return "token " + " ".join(f"{name}={value!r}" for name, value in self.attributes.items())

    @property
    def pool(self) -> SessionPool:
        """The sessions of this epoch. Raises Stale if there is no connection."""
        pool = self._pool
        if pool is None:
            raise Stale
        return pool

    def is_current(self, pool: SessionPool | None) -> bool:
        """Whether `pool` is that of the last connection."""
        return pool is not None and pool is self._pool

    def connect(
        self, pin: Callable[[TokenName], str | None], deadline: Deadline, *, doubtful: bool = False
    ) -> SessionPool:
        """Make sure that there is a connection, and return its sessions. The time to get a PIN does not count.

        The module is restarted if these sessions were reported as lost, if the last try to connect failed, or if it is
        `doubtful` that the token is still there and it is not. Raises SignerError (`token-not-found`,
        `token-ambiguous`, `pin-wrong`, `pin-locked`, `pin-expired`, `pin-missing`), TimedOut, Stale, or the module's
        error.
        """
        with self._alone(deadline):
            if self._latched is not None:
                raise copy(self._latched)
            generation, pool = self.module.start(deadline), self._pool
            if pool is not None and not pool.lost and pool.generation == generation:
                if not doubtful or self._is_there(deadline):
                    return pool
                pool.lost = True
            if self._generation == generation and (self._failed if pool is None else pool.lost):
                notices.debug("%s: restarting the module", self.where)
                generation = self.module.start_over(generation, deadline)
            self._pool = self._anchor = None
            # It may have started and see no tokens.
            self._generation, self._failed = generation, True
            self._token = self._find(generation, deadline)
            self._anchor = self._log_in(self._token, generation, partial(self.asking.ask, pin, deadline), deadline)
            allowed = self._sessions_allowed(self._token, generation, deadline)
            pool = self._pool = SessionPool(self.module, generation, self._token, allowed)
            self._failed = False
            self.epoch += 1
            notices.debug("%s: connected (connection %s, session limit %s)", self.where, self.epoch, allowed)
            return pool

    def log_in_again(
        self, lost: SessionPool, pin: Callable[[TokenName], str | None], deadline: Deadline
    ) -> SessionPool:
        """Handles or login of the sessions in `lost` are gone, but not the module: a new login, and new sessions."""
        with self._alone(deadline):
            if self.is_current(lost):
                self._disconnect(deadline)
            return self.connect(pin, deadline)

    def latch(self, error: p11.PKCS11Error) -> SignerError:
        """The error after the token refused the PIN, in any call. The PIN is never sent again."""
        return self._latch(*_LOGIN_FAILED.get(type(error), ("pin-wrong", "the token refused the PIN")))

    def is_logged_in(self, deadline: Deadline) -> bool | None:
        """Whether the token is still logged in, or None if that is unknown."""
        anchor = self._anchor
        if anchor is None:
            return False
        return self.module.call(self._generation, lambda: self.module.binding.is_logged_in(anchor), deadline)

    def close(self, deadline: Deadline) -> None:
        """Close all sessions of a released token; with the last one it logs out.

        A thread that connects meanwhile does this when it is done, because that may take long.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._disconnect(deadline)
            finally:
                self._lock.release()

    def mechanisms(self, deadline: Deadline) -> set[Any]:
        """The mechanisms that the token lists."""
        token = self._token
        if token is None:
            raise Stale
        return set(self.module.call(self._generation, token.slot.get_mechanisms, deadline))

    def change(
        self,
        pin: Callable[[TokenName], str | None],
        check: Callable[[Session], None],
        act: Callable[[Session], None],
        *,
        timeout: float,
        longer: float,
    ) -> None:
        """Let `act` change the content of the token through a read-write session, after `check`.

        Nothing is tried twice. Connecting and `check` have `timeout` seconds, and `act` has so many and `longer`.
        Raises SignerError: as `connect` does, and `token-lost` or `token-refused` for an error of the module.
        """
        deadline = Deadline(timeout)
        try:
            self.connect(pin, deadline)
            token, generation = self._token, self._generation
            if token is None:
                raise Stale
            session = self.module.call(generation, lambda: token.open(rw=True), deadline)
            try:
                self.module.call(generation, lambda: check(session), deadline)
                self.module.call(generation, lambda: act(session), Deadline(timeout + longer))
            finally:
                with suppress(p11.PKCS11Error, Stale, TimedOut):
                    self.module.call(generation, session.close, Deadline(_CLOSING))
        except (TimedOut, Stale):
            raise SignerError("token-timeout", "the token did not answer in time", where=self.where) from None
        except p11.PKCS11Error as error:
            final = codes.reaction(error) is codes.Reaction.FINAL
            code = "token-refused" if final else "token-lost"
            raise SignerError(code, f"the token reported {codes.name(error)}", where=self.where) from None

    @contextmanager
    def _alone(self, deadline: Deadline) -> Iterator[None]:
        """One thread at a time connects. Raises TimedOut."""
        if not self.asking.acquire(self._lock, deadline):
            raise TimedOut(started=False)
        try:
            yield
        finally:
            self._lock.release()
            if self.released:
                self.close(Deadline(_CLOSING))

    def _is_there(self, deadline: Deadline) -> bool:
        """Whether the token is still in its slot. A module may go on with one that was replaced, and find no keys."""
        token = self._token
        if token is None:
            return False
        try:
            now = self.module.call(self._generation, token.slot.get_token, deadline)
        except p11.PKCS11Error:
            return False
        return (now.label, now.serial) == (token.label, token.serial)

    def _disconnect(self, deadline: Deadline) -> None:
        pool, self._pool = self._pool, None
        anchor, self._anchor = self._anchor, None
        if pool is not None:
            pool.close(deadline)
        if anchor is not None:
            with suppress(p11.PKCS11Error, Stale, TimedOut):
                self.module.call(self._generation, anchor.close, deadline)

    def _find(self, generation: int, deadline: Deadline) -> Token:
        tokens = self.module.tokens(generation, deadline)
        found = [token for token in tokens if _matches(token, self.attributes)]
        if len(found) == 1:
            if not int(found[0].flags) & INITIALIZED:
                raise SignerError("token-not-found", "the token is not initialised", where=self.where)
            return found[0]
        there = ", ".join(f"{token.label!r} (serial {token.serial.decode(errors='replace')})" for token in tokens)
        if not found:
            raise SignerError(
                "token-not-found", f"no token matches; the module has {there or 'none'}", where=self.where
            )
        raise SignerError(
            "token-ambiguous",
            f"several tokens match: {there}",
            where=self.where,
            hint="Add `serial=` or `slot-id=` to the signer URI.",
        )

    def _log_in(
        self, token: Token, generation: int, ask: Callable[[TokenName], str | None], deadline: Deadline
    ) -> Session:
        flags = int(token.flags)
        if not flags & _LOGIN_REQUIRED:
            return self.module.call(generation, token.open, deadline)
        for flag, (code, message) in _PIN_REFUSED.items():
            if flags & flag:
                raise self._latch(code, message)
        if self._pin is None:
            self._pin = ask(self._name(token))
        if self._pin is None:
            raise SignerError(
                "pin-missing",
                "no PIN was given",
                where=self.where,
                hint="Use `pin-source=file:PATH`, `ATTEST_PIN`, `ATTEST_PIN_<TOKEN>` or a terminal.",
            )
        low = flags & PIN_COUNT_LOW
        self.pin_warning = "few PIN tries are left, because a wrong PIN was sent" if low else None
        try:
            # No frame of this one may hold the PIN: error trackers show the locals of each.
            anchor = self.module.call(generation, lambda: self.module.binding.log_in(token, self._pin), deadline)
        except p11.PKCS11Error as error:
            error.__traceback__ = error.__context__ = None  # the frames of the module's call hold it
            if isinstance(error, p11.UserPinNotInitialized) and not self._doubted:
                # No PIN was tried, and another process may be writing the token: try once more.
                self._doubted = True
                raise p11.TokenNotRecognised from None
            if codes.reaction(error) is codes.Reaction.LATCH:
                raise self.latch(error) from None
            raise
        self._doubted = False
        return anchor

    def _name(self, token: Token) -> TokenName:
        serial = token.serial.decode(errors="replace").rstrip()
        # NSS gives every token the serial number 0, and some give none.
        place = "" if serial.strip("0") else f"{self.module.path} slot {token.slot.slot_id}"
        return TokenName(token.label.rstrip(), serial, token.manufacturer_id.rstrip(), token.model.rstrip(), place)

    def _latch(self, code: str, message: str) -> SignerError:
        self._pin = None
        self._latched = SignerError(
            code,
            message,
            where=self.where,
            hint="Check the PIN, and start the program again: it does not send it twice.",
        )
        return copy(self._latched)

    def _sessions_allowed(self, token: Token, generation: int, deadline: Deadline) -> int:
        """The size of the pool: `pool-size`, but not more than the token allows besides the login session."""
        library = self.module.binding
        most = self.module.call(generation, lambda: library.session_limit(token.slot), deadline)
        return self._pool_size if most is None else max(1, min(self._pool_size, most - 1))


def _matches(token: Token, attributes: Mapping[str, str]) -> bool:
    values = {
        "token": token.label,
        "serial": token.serial.decode(errors="replace"),
        "manufacturer": token.manufacturer_id,
        "model": token.model,
        "slot-id": str(token.slot.slot_id),
    }
    # PKCS#11 pads these fields with blanks.
    return all(values[name].rstrip() == wanted.rstrip() for name, wanted in attributes.items())
