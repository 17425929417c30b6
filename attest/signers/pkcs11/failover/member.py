"""One key in one token, as a member of a group: how it is used, and what follows from an error.

Rule: the meaning of an error decides the reaction, and only an operation that may be repeated is repeated.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

import pkcs11.exceptions as p11
from pkcs11 import Attribute, Mechanism, ObjectClass

from attest._base import files, notices
from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.binding import find
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut, abandoned
from attest.signers.pkcs11.cryptoki.codes import Reaction
from attest.signers.pkcs11.cryptoki.module import Stale
from attest.signers.pkcs11.failover.recovery import MemberUnavailable, RecoveringMember
from attest.signers.pkcs11.keys import finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers._protocol import AttributeCheck, KeyHealth
    from attest.signers.pkcs11.failover.recovery import Admission
    from attest.signers.pkcs11.tokens.pins import PinSource
    from attest.signers.pkcs11.tokens.pool import Entry, SessionPool
    from attest.signers.pkcs11.tokens.token import TokenConnection
    from attest.signers.pkcs11.uri import Pkcs11URI

_T = TypeVar("_T")

_NEW_SESSIONS = 2


class GroupMember(RecoveringMember):
    """A key that a URI names, in a token that comes and goes."""

    def __init__(
        self,
        uri: Pkcs11URI,
        connection: TokenConnection,
        pin: PinSource,
        *,
        algorithm: str | None,
        policy: str,
        timeout: float,
        group: Admission,
    ) -> None:
        super().__init__(uri, connection, pin, timeout=timeout, group=group)
        self.checks: tuple[AttributeCheck, ...] = ()
        self.seconds: float | None = None
        self._algorithm = algorithm
        self._policy = policy

    def perform(self, operation: Callable[[Entry], _T]) -> _T:
        """Run `operation` with a session of the token, and again if the meaning of the error allows it.

        Raises MemberUnavailable if another member may succeed, and SignerError if the request itself is wrong.
        """
        return self.repeat(lambda deadline, pool: self._once(operation, deadline, pool))

    def repeat(self, attempt: Callable[[Deadline, SessionPool], _T]) -> _T:
        """Make an attempt, with sessions of a pool and until a deadline, and more of them; otherwise as `perform`."""
        deadline = Deadline(self.timeout)
        tries: dict[Reaction, int] = {}
        while True:
            pool = self._ready()
            try:
                return attempt(deadline, pool)
            except Stale:
                tries[Reaction.DOWN] = tries.get(Reaction.DOWN, 0) + 1
                if tries[Reaction.DOWN] > _NEW_SESSIONS or deadline.over:
                    raise self._lost(Stale(), pool) from None
                notices.debug("%s: the connection is no longer valid; connecting again", self.connection.where)
                self.connect()
            except TimedOut as error:
                if not error.started:  # every session was in use, or too many calls hang
                    raise MemberUnavailable(self._error("token-busy", "no session became free in time")) from None
                raise self._lost(error, pool) from None
            except p11.PKCS11Error as error:
                self._react(error, tries, deadline, pool)

    def digest(self, data: bytes, algorithm: str) -> str:
        """A hex digest that the token computes. Raises as `perform`."""
        mechanism = Mechanism[algorithm.upper()]
        return self.perform(lambda entry: entry.session.digest(data, mechanism=mechanism)).hex()

    def key_object(self, entry: Entry, kind: ObjectClass) -> Any:
        """The key in a session; looked up once for each."""
        place = self._place(kind)
        key = entry.objects.get(place)
        if key is None:
            key = entry.objects[place] = self._find(entry, kind)
        return key

    def _place(self, what: object) -> object:
        """Where the objects of a session have something of this key: signers of different keys share the sessions."""
        return what, self.uri.object, self.uri.id, self.uri.type

    def health(self) -> KeyHealth:
        """The state of the member."""
        try:
            pool = self.connection.pool
            sessions, waiting = pool.opened, pool.waiting
        except Stale:
            sessions = waiting = 0
        exposed = None if self.uri.pin_file is None else files.exposure(self.uri.pin_file)
        return {
            "uri": str(self.uri),
            "state": self.state,
            "token": self.connection.where,
            "reason": None if self.reason is None else self.why(self.reason),
            "milliseconds": None if self.seconds is None else round(self.seconds * 1000, 3),
            "sessions": sessions,
            "waiting": waiting,
            "connections": self.connection.epoch,
            "errors": dict(self.errors),
            "abandoned_calls": abandoned(),
            "abandoned_instances": self.connection.left_behind,
            "warnings": [text for text in (self.connection.pin_warning, exposed) if text],
        }

    def _once(self, operation: Callable[[Entry], _T], deadline: Deadline, pool: SessionPool | None = None) -> _T:
        """Run `operation` with a session of `pool`, or of the last connection, which may not be checked yet."""
        with self.connection.turn(deadline):
            return self._run(operation, deadline, pool)

    def _run(self, operation: Callable[[Entry], _T], deadline: Deadline, pool: SessionPool | None) -> _T:
        """As `_once`, for a caller whose turn it is."""
        pool = pool or self.connection.pool
        entry = pool.take(deadline)
        try:
            result = self.connection.module.call(pool.generation, lambda: entry.use(operation), deadline)
        except BaseException:
            # The error may have left an operation active, and then the session cannot be used again.
            pool.discard(entry, deadline)
            raise
        pool.give_back(entry, deadline)
        return result

    def _react(self, error: p11.PKCS11Error, tries: dict[Reaction, int], deadline: Deadline, pool: SessionPool) -> None:
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
                pool.shrink()
                sleep(min(deadline.left(), random.uniform(0.01, 0.2)))  # noqa: S311
            case _ if deadline.over:
                raise self._lost(error, pool)
            case Reaction.NEW_SESSION if tries[meant] <= _NEW_SESSIONS:
                return
            case Reaction.LOG_IN if tries[meant] == 1:
                self._log_in_again(deadline, pool)
            case Reaction.PROBE if self._still_works(deadline):
                raise self._refused(error)
            case _:
                raise self._lost(error, pool)

    @abstractmethod
    def _still_works(self, deadline: Deadline) -> bool:
        """Whether the key works in another session: then an ambiguous error was about the request."""

    def _log_in_again(self, deadline: Deadline, pool: SessionPool) -> None:
        """Log in again if the login is gone. Otherwise, the next try looks up the key again."""
        try:
            if self.connection.is_logged_in(deadline):
                return
            notices.info("%s: the login is gone; logging in again", self.connection.where)
            self.connection.log_in_again(pool, self._pin, deadline)
        except SignerError as error:
            raise self._down(error) from None
        except (TimedOut, Stale, p11.PKCS11Error) as error:
            raise self._lost(error, pool) from None

    def _find(self, entry: Entry, kind: ObjectClass) -> Any:
        """The key that the URI names. Raises NoSuchKey or MultipleObjectsReturned, or the module's error."""
        found = finding.keys_named(entry.session, self.uri, kind)
        if len(found) == 1:
            return found[0]
        if found:
            raise p11.MultipleObjectsReturned(f"{len(found)} keys match: {finding.listed(found)}")
        there = finding.listed(find(entry.session, {Attribute.CLASS: kind}))
        words = (kind.name.lower().replace("_", " "), self.uri.describe_object())
        raise p11.NoSuchKey(f"the token has no {' with '.join(filter(None, words))}; it has {there or 'none'}")

    def _refused(self, error: p11.PKCS11Error) -> SignerError:
        """The request is wrong: the token works, and refuses it."""
        return self._error(*codes.refusal(error))
