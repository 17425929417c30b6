"""A connection to one token: found by its attributes, logged in once, with a pool of sessions.

Rule: a process requests a PIN once and sends it once; a refused PIN is never sent again.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pkcs11.exceptions as p11

from attest._base import notices
from attest.errors import SignerError
from attest.signers._secrets import TokenName
from attest.signers.pkcs11 import codes, matching
from attest.signers.pkcs11.calls import TimedOut
from attest.signers.pkcs11.module import Module, Stale
from attest.signers.pkcs11.pool import SessionPool
from attest.signers.pkcs11.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pkcs11.types import Token

    from attest.signers.pkcs11.binding import Session
    from attest.signers.pkcs11.calls import Deadline
    from attest.signers.pkcs11.environment import Environment
    from attest.signers.pkcs11.matching import SeenToken, TokenTexts

_T = TypeVar("_T")

# CK_TOKEN_INFO flags; python-pkcs11 has no names for those of the PIN.
_LOGIN_REQUIRED: Final = 0x4
PIN_COUNT_LOW: Final = 0x10000
PIN_FINAL_TRY: Final = 0x20000
PIN_LOCKED: Final = 0x40000
PIN_TO_BE_CHANGED: Final = 0x80000

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

    `epoch` counts the connections: sessions and objects of another epoch are not valid. While it is in use, the token,
    and the module if it was searched, stay the ones of the first connection.
    """

    def __init__(self, module: Module | Environment, attributes: Mapping[str, str], pool_size: int) -> None:
        """`module` is the module, or the environment in which all configured modules are searched for the token."""
        self._given = self._module = module
        self._identity: TokenTexts | None = None
        self._settled = False
        self.attributes = dict(attributes)
        self.epoch = 0
        self.pin_warning: str | None = None
        self._pool_size = pool_size
        self._pool: SessionPool | None = None
        self._anchor: Session | None = None
        self._token: Token | None = None
        self._generation = 0
        self._restart = False
        self._latched: SignerError | None = None
        self._pin: str | None = None
        self._doubted = False
        self._lock = threading.RLock()

    @property
    def module(self) -> Module:
        """The module. Raises Stale as long as it was not found."""
        if not isinstance(self._module, Module):
            raise Stale
        return self._module

    @property
    def left_behind(self) -> int:
        """The number of instances of the module that hang and were abandoned."""
        return self._module.left_behind if isinstance(self._module, Module) else 0

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

    def connect(self, pin: Callable[[TokenName], str | None], deadline: Deadline) -> int:
        """Make sure that there is a connection, and return its epoch.

        Raises SignerError (`token-not-found`, `token-ambiguous`, `pin-wrong`, `pin-locked`, `pin-expired`,
        `pin-missing`), TimedOut, Stale, or the module's error.
        """
        with self._lock:
            if self._latched is not None:
                raise copy(self._latched)
            generation = self._found_module(deadline).start(deadline)
            if self._pool is not None and generation == self._generation and not self._restart:
                return self.epoch
            if self._restart and generation == self._generation:
                notices.debug("%s: restarting the module", self.where)
                generation = self.module.start_over(generation, deadline)
            self._pool = self._anchor = None
            # Restart the module at the next try, unless all of this succeeds: it may have started and see no tokens.
            self._generation, self._restart = generation, True
            found = self._find(generation, deadline)
            self._token = found.token
            self._anchor = self._log_in(self._token, generation, pin, deadline)
            allowed = self._sessions_allowed(self._token, generation, deadline)
            self._pool = SessionPool(self.module, generation, self._token, allowed)
            self._restart, self._identity, self._settled = False, found.texts, True
            self.epoch += 1
            notices.debug("%s: connected (connection %s, session limit %s)", self.where, self.epoch, allowed)
            return self.epoch

    def lost(self, epoch: int) -> None:
        """The module or token of `epoch` is gone: the next connection restarts the module."""
        with self._lock:
            if self.epoch == epoch:
                self._restart = True

    def log_in_again(self, epoch: int, pin: Callable[[TokenName], str | None], deadline: Deadline) -> int:
        """Handles or login of `epoch` are gone, but not the module: a new login, new sessions, and a new epoch."""
        with self._lock:
            if self.epoch == epoch:
                pool, self._pool = self._pool, None
                if pool is not None:
                    pool.close(deadline)
                if self._anchor is not None:
                    anchor = self._anchor
                    with suppress(p11.PKCS11Error, Stale):
                        self.module.call(self._generation, anchor.close, deadline)
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
        """Close all sessions; with the last one the token logs out."""
        with self._lock:
            pool, self._pool = self._pool, None
            anchor, self._anchor = self._anchor, None
            if pool is not None:
                pool.close(deadline)
            if anchor is not None:
                with suppress(p11.PKCS11Error, Stale, TimedOut):
                    self.module.call(self._generation, anchor.close, deadline)
            self._module, self._settled = self._given, False

    def mechanisms(self, deadline: Deadline) -> set[Any]:
        """The mechanisms that the token lists."""
        token = self._token
        if token is None:
            raise Stale
        return set(self.module.call(self._generation, token.slot.get_mechanisms, deadline))

    def look(self, act: Callable[[Session], _T], deadline: Deadline) -> _T:
        """What `act` reads through a session without a login.

        Raises SignerError (`token-not-found`, `token-ambiguous`), TimedOut, Stale, or the module's error.
        """
        with self._lock:
            generation = self._found_module(deadline).start(deadline)
            token = self._find(generation, deadline).token
        return self.module.call(generation, lambda: _with_session(token, act), deadline)

    def change(
        self, pin: Callable[[TokenName], str | None], act: Callable[[Session], None], deadline: Deadline
    ) -> None:
        """Let `act` change the content of the token, through a read-write session; nothing is tried twice.

        Raises SignerError: as `connect` does, and `token-lost` or `token-refused` for an error of the module.
        """
        try:
            self.connect(pin, deadline)
            token = self._token
            if token is None:
                raise Stale
            self.module.call(self._generation, lambda: _with_session(token, act, rw=True), deadline)
        except (TimedOut, Stale):
            raise SignerError("token-timeout", "the token did not answer in time", where=self.where) from None
        except p11.PKCS11Error as error:
            final = codes.reaction(error) is codes.Reaction.FINAL
            code, message = codes.refusal(error) if final else codes.loss(error)
            raise SignerError(code, message, where=self.where) from None

    def _found_module(self, deadline: Deadline) -> Module:
        if not isinstance(self._module, Module):
            from attest.signers.pkcs11 import discovery

            self._module = discovery.module_with(self.attributes, self._module, self.where, deadline)
        return self._module

    def _find(self, generation: int, deadline: Deadline) -> SeenToken:
        seen = matching.see(self.module, generation, deadline)
        found = matching.matching(seen, self.module.binding, self.attributes)
        same = [one for one in found if one.initialised and one.texts == self._identity]
        if same and self._identity is not None:
            return same[0]
        if self._settled:
            message = f"the token is not there; the module has {matching.listed(seen) or 'none'}"
            raise SignerError("token-not-found", message, where=self.where)
        one = matching.only(found, seen, self.where)
        if self._identity is not None:
            self._pin = None  # it is for the token that was here before
        return one

    def _log_in(
        self, token: Token, generation: int, ask: Callable[[TokenName], str | None], deadline: Deadline
    ) -> Session:
        flags = int(token.flags)
        if not flags & _LOGIN_REQUIRED:
            return self.module.call(generation, lambda: open_session(token), deadline)
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


def _with_session(token: Token, act: Callable[[Session], _T], *, rw: bool = False) -> _T:
    session = open_session(token, rw=rw)
    try:
        return act(session)
    finally:
        session.close()
