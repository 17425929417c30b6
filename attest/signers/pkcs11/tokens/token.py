"""A connection to one token: found by its attributes, logged in once, with a pool of sessions.

Rule: the login of a token belongs to the whole process (logins.py); a connection only holds a session for it.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pkcs11.exceptions as p11

from attest._base import notices
from attest.errors import SignerError
from attest.signers._secrets import TokenName
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.binding import is_logged_in, session_limit
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from attest.signers.pkcs11.cryptoki.module import Module, Stale
from attest.signers.pkcs11.tokens import logins, matching, turns
from attest.signers.pkcs11.tokens.logins import LOGIN_REQUIRED, PIN_COUNT_LOW, PIN_PAD, Reach, TokenIdentity
from attest.signers.pkcs11.tokens.pool import SessionPool
from attest.signers.pkcs11.tokens.sessions import in_session, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pkcs11.types import Token

    from attest.signers.pkcs11.cryptoki.binding import Session
    from attest.signers.pkcs11.cryptoki.environment import Environment
    from attest.signers.pkcs11.tokens.logins import Login, TokenLogin
    from attest.signers.pkcs11.tokens.matching import SeenToken, TokenTexts
    from attest.signers.pkcs11.tokens.pins import PinSource
    from attest.signers.pkcs11.tokens.turns import Lock

_CLOSING: Final = 2.0  # seconds

_T = TypeVar("_T")


class TokenConnection:
    """One token of one module, shared by all signers of this process that use it.

    A connection is its pool of sessions: sessions and objects of another pool are not valid. `epoch` counts them.
    `released` is whether no signer uses the token any more. While one does, the token, and the module if it was
    searched, stay the ones of the first connection.
    """

    def __init__(self, module: Module | Environment, attributes: Mapping[str, str], pool_size: int) -> None:
        """`module` is the module, or the environment in which all configured modules are searched for the token."""
        self._given = self._module = module
        self._identity: TokenTexts | None = None
        self._settled = False
        self.attributes = dict(attributes)
        self.epoch = 0
        self.released = False
        self.pin_warning: str | None = None
        self._pool_size = pool_size
        self._pool: SessionPool | None = None
        self._anchor: Session | None = None
        self._token: Token | None = None
        self._generation = 0
        self._failed = False
        self._login: TokenLogin | None = None
        self._reach: Reach | None = None
        self._sources: list[PinSource] = []
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

    @property
    def asking(self) -> bool:
        """Whether a person is asked for the PIN."""
        return self._login is not None and self._login.turns.person_is_asked

    def acquire(self, lock: Lock, deadline: Deadline) -> bool:
        """Acquire a lock before the deadline; the time of a person who is asked for the PIN does not count."""
        return turns.acquire(lock, deadline, lambda: self._login.turns.person_seconds if self._login else 0.0)

    def is_current(self, pool: SessionPool | None) -> bool:
        """Whether `pool` is that of the last connection."""
        return pool is not None and pool is self._pool

    def connect(self, pin: PinSource, deadline: Deadline, *, doubtful: bool = False) -> SessionPool:
        """Make sure that there is a connection, and return its sessions. The time to get a PIN does not count.

        The module is restarted if these sessions were reported as lost, if the last try to connect failed, or if it is
        `doubtful` that the token is still there and it is not. Raises SignerError (`token-not-found`,
        `token-ambiguous`, or as `TokenLogin.log_in`), TimedOut, Stale, or the module's error.
        """
        with self._named_for(pin), self._alone(deadline):
            if self._login is not None:
                self._login.demand()
            generation, pool = self._found_module(deadline).start(deadline), self._pool
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
            found = self._find(generation, deadline)
            self._token = found.token
            try:
                self._anchor = self._log_in(self._token, generation, pin, deadline)
            except SignerError:
                self._failed = False  # the module works: the PIN is what is missing or wrong
                raise
            allowed = self._sessions_allowed(self._token, generation, deadline)
            pool = self._pool = SessionPool(self.module, generation, self._token, allowed)
            self._failed, self._identity, self._settled = False, found.texts, True
            self.epoch += 1
            notices.debug("%s: connected (connection %s, session limit %s)", self.where, self.epoch, allowed)
            return pool

    def log_in_again(self, lost: SessionPool, pin: PinSource, deadline: Deadline) -> SessionPool:
        """Handles or login of the sessions in `lost` are gone, but not the module: a new login, and new sessions."""
        with self._alone(deadline):
            if self.is_current(lost):
                self._disconnect(deadline)
            return self.connect(pin, deadline)

    def latch(self, error: p11.PKCS11Error) -> SignerError:
        """The error after the token refused the PIN, in any call. The PIN is never sent again."""
        if self._login is None:
            raise Stale
        return self._login.refuse(error, self.where)

    def turn(self, deadline: Deadline) -> AbstractContextManager[object]:
        """For an operation: nothing else may come between a login for one operation and that operation."""
        return nullcontext() if self._login is None else self._login.turn(deadline)

    def log_in_each_time(self, pin: PinSource, deadline: Deadline) -> AbstractContextManager[Login]:
        """A login for one operation of a key with CKA_ALWAYS_AUTHENTICATE. Raises as `connect` does."""
        if self._login is None or self._reach is None:
            raise Stale
        self._login.one_by_one = True
        return self._login.for_one_operation(self._reach, pin, deadline)

    def forget(self, pin: PinSource) -> None:
        """Remove the PIN from memory, unless its source lets it be kept."""
        if self._login is not None and not pin.kept:
            self._login.forget()

    def is_logged_in(self, deadline: Deadline) -> bool | None:
        """Whether the token is still logged in, or None if that is unknown."""
        anchor = self._anchor
        if anchor is None:
            return False
        return self.module.call(self._generation, lambda: is_logged_in(anchor), deadline)

    def close(self, deadline: Deadline) -> None:
        """Close all sessions of a released token; with the last one it logs out.

        A thread that connects meanwhile does this when it is done, because that may take long.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._disconnect(deadline)
                self._module, self._settled = self._given, False
            finally:
                self._lock.release()

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
        with self._alone(deadline):
            generation = self._found_module(deadline).start(deadline)
            token = self._find(generation, deadline).token
        return self.module.call(generation, lambda: in_session(token, act), deadline)

    def change(
        self,
        pin: PinSource,
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
            session = self.module.call(generation, lambda: open_session(token, rw=True), deadline)
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
            code, message = codes.refusal(error) if final else codes.loss(error)
            raise SignerError(code, message, where=self.where) from None
        finally:
            self.forget(pin)

    @contextmanager
    def _alone(self, deadline: Deadline) -> Iterator[None]:
        """One thread at a time connects. Raises TimedOut."""
        if not self.acquire(self._lock, deadline):
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

    def _found_module(self, deadline: Deadline) -> Module:
        if not isinstance(self._module, Module):
            from attest.signers.pkcs11.tokens import discovery

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
        return matching.only(found, seen, self.where)

    @contextmanager
    def _named_for(self, pin: PinSource) -> Iterator[None]:
        """In the body, tell the source of a PIN which token this is, even while another one is asked for the PIN.

        That one may have to know whether both are for the same token.
        """
        self._sources.append(pin)
        try:
            if self._reach is not None:
                pin.found(self._reach.name, pad=self._reach.pad)
            yield
        finally:
            self._sources.remove(pin)

    def _log_in(self, token: Token, generation: int, pin: PinSource, deadline: Deadline) -> Session:
        """A session that holds the login, so that it lasts while other sessions come and go."""
        flags, name, module = int(token.flags), self._name(token), self.module
        identity = TokenIdentity(module.identity, name.label, name.serial, name.manufacturer, name.model)
        self._login = login = logins.at(identity)
        self._reach = reach = Reach(
            name, token.slot, bool(flags & PIN_PAD), lambda act, until: module.call(generation, act, until)
        )
        low = flags & PIN_COUNT_LOW
        self.pin_warning = f"{name}: few PIN tries are left, because a wrong PIN was sent" if low else None
        login.demand()
        session = module.call(generation, lambda: open_session(token), deadline)
        if not flags & LOGIN_REQUIRED:
            return session
        for source in list(self._sources):
            source.found(name, pad=reach.pad)
        try:
            login.log_in(reach, session, pin, deadline)
        except BaseException:
            with suppress(p11.PKCS11Error, Stale, TimedOut):
                module.call(generation, session.close, deadline)
            raise
        return session

    def _name(self, token: Token) -> TokenName:
        serial = token.serial.decode(errors="replace").rstrip()
        # NSS gives every token the serial number 0, and some give none.
        place = "" if serial.strip("0") else f"{self.module.path} slot {token.slot.slot_id}"
        return TokenName(token.label.rstrip(), serial, token.manufacturer_id.rstrip(), token.model.rstrip(), place)

    def _sessions_allowed(self, token: Token, generation: int, deadline: Deadline) -> int:
        """The size of the pool: `pool-size`, but not more than the token allows besides the login session."""
        most = self.module.call(generation, lambda: session_limit(token.slot), deadline)
        return self._pool_size if most is None else max(1, min(self._pool_size, most - 1))
