"""One key in one token, as a member of a group: it connects, is used, is lost, and reconnects.

Rule: the meaning of an error decides the reaction, and only an operation that may be repeated is repeated.
"""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from copy import copy
from time import sleep
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import pkcs11.exceptions as p11
from pkcs11 import Attribute, Mechanism, ObjectClass

from attest._base import notices
from attest.errors import SignerError
from attest.signers.pkcs11 import codes, finding
from attest.signers.pkcs11.binding import find
from attest.signers.pkcs11.calls import Deadline, TimedOut, abandoned
from attest.signers.pkcs11.codes import Reaction
from attest.signers.pkcs11.module import Stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.keys import PublicKey
    from attest.signers.pkcs11.attributes import AttributeCheck
    from attest.signers.pkcs11.pins import PinSource
    from attest.signers.pkcs11.pool import Entry
    from attest.signers.pkcs11.token import TokenConnection
    from attest.signers.pkcs11.uri import Pkcs11URI

_T = TypeVar("_T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 30.0
_NEW_SESSIONS = 2
_RECONNECT: Final = frozenset({"token-lost", "token-timeout", "token-not-found", "token-busy", "module-failed"})


class MemberUnavailable(Exception):
    """The member cannot sign now, for `reason`; another member may."""

    def __init__(self, reason: SignerError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Health(NamedTuple):
    """The state of a member, as `attest signer check` prints it."""

    uri: str
    state: str
    token: str
    reason: str | None
    milliseconds: float | None
    sessions: int
    waiting: int
    connections: int
    errors: dict[str, int]
    abandoned_calls: int
    abandoned_instances: int


class GroupMember(ABC):
    """A key that a URI names, in a token that comes and goes.

    `pinned` is the public key that it must have, once it is known.
    """

    def __init__(
        self,
        uri: Pkcs11URI,
        connection: TokenConnection,
        pin: PinSource,
        *,
        algorithm: str | None,
        policy: str,
        timeout: float,
        came_up: Callable[[], object],
    ) -> None:
        self.uri = uri
        self.connection = connection
        self.pinned: PublicKey | None = None
        self.checks: tuple[AttributeCheck, ...] = ()
        self.state = "new"
        self.reason: SignerError | None = None
        self.seconds: float | None = None
        self.errors: Counter[str] = Counter()
        self._pin = pin
        self._algorithm = algorithm
        self._policy = policy
        self._timeout = timeout
        self._came_up = came_up
        self._epoch = -1
        self._lock = threading.Lock()
        self._pause = _FIRST_PAUSE
        self._closed = threading.Event()
        self._awaited = threading.Event()

    def connect(self) -> None:
        """Make the member ready: token, login, key, policy, test signature.

        Raises MemberUnavailable, whose reason is a SignerError.
        """
        deadline = Deadline(self._timeout)
        if not self._lock.acquire(timeout=deadline.left()):
            raise MemberUnavailable(self._error("token-timeout", f"connecting took longer than {self._timeout:g} s"))
        try:
            if self._closed.is_set():
                raise MemberUnavailable(self._error("signer-closed", "the signer is closed"))
            epoch = self.connection.connect(self._pin, deadline)
            if epoch != self._epoch or self.state != "up":
                self._check(deadline)
                self._epoch = epoch
        except SignerError as error:
            raise self._down(error) from None
        except (TimedOut, Stale, p11.PKCS11Error) as error:
            raise self._lost(error) from None
        finally:
            self.connection.forget(self._pin)
            self._lock.release()
        if self.state == "down":
            notices.info("%s: connected again", self.connection.where)
        self.state, self.reason, self._pause = "up", None, _FIRST_PAUSE
        self._came_up()

    def perform(self, operation: Callable[[Entry], _T]) -> _T:
        """Run `operation` with a session of the token, and again if the meaning of the error allows it.

        Raises MemberUnavailable if another member may succeed, and SignerError if the request itself is wrong.
        """
        return self.repeat(lambda deadline: self._once(operation, deadline))

    def repeat(self, attempt: Callable[[Deadline], _T]) -> _T:
        """Make an attempt, which calls the module until the deadline, and more of them; otherwise as `perform`."""
        deadline = Deadline(self._timeout)
        tries: dict[Reaction, int] = {}
        while True:
            self._be_up()
            try:
                return attempt(deadline)
            except Stale:
                tries[Reaction.DOWN] = tries.get(Reaction.DOWN, 0) + 1
                if tries[Reaction.DOWN] > _NEW_SESSIONS or deadline.over:
                    raise self._lost(Stale()) from None
                notices.debug("%s: the connection is no longer valid; connecting again", self.connection.where)
                self.connect()
            except TimedOut as error:
                if not error.started:  # every session was in use, or too many calls hang
                    raise MemberUnavailable(self._error("token-busy", "no session became free in time")) from None
                raise self._lost(error) from None
            except p11.PKCS11Error as error:
                self._react(error, tries, deadline)

    def digest(self, data: bytes, algorithm: str) -> str:
        """A hex digest that the token computes. Raises as `perform`."""
        mechanism = Mechanism[algorithm.upper()]
        return self.perform(lambda entry: entry.session.digest(data, mechanism=mechanism)).hex()

    def key_object(self, entry: Entry, kind: ObjectClass) -> Any:
        """The key in a session; looked up once for each."""
        # Signers of different keys share the sessions of a token, so the key's own name is part of its place here.
        place = (kind, self.uri.object, self.uri.id)
        key = entry.objects.get(place)
        if key is None:
            key = entry.objects[place] = self._find(entry, kind)
        return key

    def hurry(self) -> None:
        """No other member is available: if this one is down, reconnect now and not only after the pause."""
        self._awaited.set()

    def close(self) -> None:
        """Stop reconnecting; its opener closes the connection."""
        self._closed.set()
        self._awaited.set()
        self.state = "closed"

    def health(self) -> Health:
        """The state of the member."""
        try:
            pool = self.connection.pool
            sessions, waiting = pool.opened, pool.waiting
        except Stale:
            sessions = waiting = 0
        return Health(
            str(self.uri),
            self.state,
            self.connection.where,
            None if self.reason is None else f"{self.reason.message} ({self.reason.code})",
            None if self.seconds is None else round(self.seconds * 1000, 3),
            sessions,
            waiting,
            self.connection.epoch,
            dict(self.errors),
            abandoned(),
            self.connection.left_behind,
        )

    def _be_up(self) -> None:
        if self.state == "new" or (self.state == "up" and self._epoch != self.connection.epoch):
            self.connect()
        elif self.state != "up":
            raise MemberUnavailable(self.reason or self._error("token-lost", "the token is not connected"))

    def _once(self, operation: Callable[[Entry], _T], deadline: Deadline) -> _T:
        with self.connection.turn(deadline):
            return self._run(operation, deadline)

    def _run(self, operation: Callable[[Entry], _T], deadline: Deadline) -> _T:
        pool = self.connection.pool
        entry = pool.take(deadline)
        try:
            result = self.connection.module.call(pool.generation, lambda: entry.use(operation), deadline)
        except BaseException:
            # The error may have left an operation active, and then the session cannot be used again.
            pool.discard(entry, deadline)
            raise
        pool.give_back(entry, deadline)
        return result

    def _react(self, error: p11.PKCS11Error, tries: dict[Reaction, int], deadline: Deadline) -> None:
        """Return if the operation should be tried again. Raises MemberUnavailable or SignerError if not."""
        meant = codes.reaction(error)
        self.errors[type(error).__name__] += 1
        tries[meant] = tries.get(meant, 0) + 1
        notices.debug("%s: %s (%s)", self.connection.where, codes.name(error), meant.name.lower())
        match meant:
            case Reaction.FINAL:
                raise self._refused(error)
            case Reaction.LATCH:
                raise self._down(self.connection.latch(error))
            case Reaction.DEAD:
                raise self._down(
                    self._error("token-refused", f"the token is not usable: {codes.name(error)}"), final=True
                )
            case Reaction.BUSY if deadline.over:
                raise MemberUnavailable(self._error("token-busy", f"the token is still busy: {codes.name(error)}"))
            case Reaction.BUSY:
                with suppress(Stale):
                    self.connection.pool.shrink()
                sleep(min(deadline.left(), random.uniform(0.01, 0.2)))  # noqa: S311
            case _ if deadline.over:
                raise self._lost(error)
            case Reaction.NEW_SESSION if tries[meant] <= _NEW_SESSIONS:
                return
            case Reaction.LOG_IN if tries[meant] == 1:
                self._log_in_again(deadline)
            case Reaction.PROBE if self._still_works(deadline):
                raise self._refused(error)
            case _:
                raise self._lost(error)

    @abstractmethod
    def _check(self, deadline: Deadline) -> None:
        """Everything that must hold before the key is used, each time it is connected."""

    @abstractmethod
    def _still_works(self, deadline: Deadline) -> bool:
        """Whether the key works in another session: then an ambiguous error was about the request."""

    def _log_in_again(self, deadline: Deadline) -> None:
        """Log in again if the login is gone. Otherwise, the next try looks up the key again."""
        try:
            if self.connection.is_logged_in(deadline):
                return
            notices.info("%s: the login is gone; logging in again", self.connection.where)
            self.connection.log_in_again(self._epoch, self._pin, deadline)
        except SignerError as error:
            raise self._down(error) from None
        except (TimedOut, Stale, p11.PKCS11Error) as error:
            raise self._lost(error) from None

    def _find(self, entry: Entry, kind: ObjectClass) -> Any:
        found = finding.keys_named(entry.session, self.uri, kind)
        if len(found) == 1:
            return found[0]
        if found:
            raise self._error(
                "key-ambiguous",
                f"{len(found)} keys match: {finding.listed(found)}",
                hint="Add `object=` or `id=` to the signer URI, so that only one key matches.",
            )
        if self._epoch >= 0 and self.state == "up":
            raise p11.NoSuchKey  # it was there: the login may be gone, or the key
        there = find(entry.session, {Attribute.CLASS: kind})
        words = (kind.name.lower().replace("_", " "), self.uri.describe_object())
        raise self._error(
            "key-not-found",
            f"the token has no {' with '.join(filter(None, words))}; it has {finding.listed(there) or 'none'}",
        )

    def _error(self, code: str, message: str, *, hint: str | None = None) -> SignerError:
        return SignerError(code, f"{self.connection.where}: {message}", where=str(self.uri), hint=hint)

    def _refused(self, error: p11.PKCS11Error) -> SignerError:
        """The request is wrong: the token works, and refuses it."""
        return self._error(*codes.refusal(error))

    def _lost(self, error: TimedOut | Stale | p11.PKCS11Error) -> MemberUnavailable:
        """Treat the token or module as gone."""
        self.connection.lost(self._epoch)
        if isinstance(error, TimedOut):
            self.errors["TimedOut"] += 1
            return self._down(self._error("token-timeout", f"the token did not answer within {self._timeout:g} s"))
        if isinstance(error, Stale):
            return self._down(self._error("token-lost", "the connection was lost"))
        return self._down(self._error(*codes.loss(error)))

    def _down(self, reason: SignerError, *, final: bool = False) -> MemberUnavailable:
        # An error that is kept and raised again would gather a traceback without end, and what its frames hold.
        self.reason = reason = copy(reason)
        if self._closed.is_set():
            return MemberUnavailable(reason)
        # A key that was there may come back with its token.
        may_return = reason.code in _RECONNECT or (reason.code == "key-not-found" and self._epoch >= 0)
        if may_return and not final:
            if self.state != "down":
                self.state = "down"
                notices.info("%s (%s); reconnecting in the background", reason.message, reason.code)
                threading.Thread(target=self._reconnect, name="attest-pkcs11-reconnect", daemon=True).start()
        else:
            notices.info("%s (%s); no reconnect", reason.message, reason.code)
            self.state = "latched" if reason.code.startswith(("pin-", "login-")) else "dead"
        return MemberUnavailable(reason)

    def _reconnect(self) -> None:
        """In the background: try until the member is up, with pauses that grow and are random."""
        while self.state == "down":
            if self._closed.wait(random.uniform(0, _FIRST_PAUSE)):  # noqa: S311
                return
            self._awaited.wait(random.uniform(0, self._pause))  # noqa: S311
            self._awaited.clear()
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            with suppress(MemberUnavailable):
                self.connect()
