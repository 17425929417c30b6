"""A key in a token that comes and goes: connected, lost, and connected again in the background.

Rule: what was right once is tried again for as long as the signer is open, but not what was wrong from the beginning,
and never a refused PIN.
"""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import pkcs11.exceptions as p11

from attest._base import notices
from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from attest.signers.pkcs11.cryptoki.module import Stale
from attest.signers.pkcs11.uri import if_cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.keys import PublicKey
    from attest.signers.pkcs11.tokens.pins import PinSource
    from attest.signers.pkcs11.tokens.pool import SessionPool
    from attest.signers.pkcs11.tokens.token import TokenConnection
    from attest.signers.pkcs11.uri import Pkcs11URI

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 30.0

# A token that is gone comes back, and so does a key. The first is waited for; a wrong key refuses at once.
_GONE: Final = frozenset({"token-lost", "token-timeout", "token-not-found", "token-busy", "module-failed"})
_WRONG: Final = frozenset(
    {"key-mismatch", "key-not-found", "key-ambiguous", "key-not-allowed", "mechanism-missing", "token-ambiguous"}
)
_RETURNING: Final = frozenset({"down", "wrong"})


class MemberUnavailable(Exception):
    """The member cannot sign now, for `reason`; another member may."""

    def __init__(self, reason: SignerError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Admission(Protocol):
    """The members among which one is."""

    def admit(self, member: RecoveringMember, enter: Callable[[], None]) -> None:
        """Call `enter` if the member holds the key of the group. Raises SignerError `key-mismatch` if not."""

    def changed(self, member: RecoveringMember) -> None:
        """The member is no longer what it was."""


class RecoveringMember(ABC):
    """A key that a URI names, and its state.

    `new`: not connected yet. `up`. `down`: the token is gone. `wrong`: the token is there, but not the key that was
    there before. `latched`: the PIN was refused. `dead`: it has never worked, or needs repair. `closed`.

    `pinned` is the public key that it must have, once it is known; `outcomes` counts what came of connecting.
    """

    def __init__(
        self,
        uri: Pkcs11URI,
        connection: TokenConnection,
        pin: PinSource,
        *,
        timeout: float,
        group: Admission,
    ) -> None:
        self.uri = uri
        self.connection = connection
        self.pinned: PublicKey | None = None
        self.state = "new"
        self.reason: SignerError | None = None
        self.errors: Counter[str] = Counter()
        self.outcomes = 0
        self.failure: BaseException | None = None
        self._pin = pin
        self.timeout = timeout
        self._group = group
        self._pool: SessionPool | None = None
        self._connecting = threading.Lock()
        self._transition = threading.Lock()
        self._pause = _FIRST_PAUSE
        self._recovering = False
        self._closed = threading.Event()
        self._awaited = threading.Event()

    def connect(self) -> None:
        """Make the member ready: token, login, key, policy, test signature.

        Raises MemberUnavailable, whose reason is a SignerError.
        """
        deadline = Deadline(self.timeout)
        if not self.connection.acquire(self._connecting, deadline):
            message = f"connecting took longer than {self.timeout:g} s"
            raise MemberUnavailable(self._error("token-timeout", message))
        pool = None
        try:
            if self._closed.is_set():
                raise MemberUnavailable(self._error("signer-closed", "the signer is closed"))
            pool = self.connection.connect(self._pin, deadline, doubtful=self.state == "wrong")
            if pool is not self._pool or self.state != "up":
                self._check(deadline)
                self._group.admit(self, partial(self._come_up, pool))
        except SignerError as error:
            raise self._down(error, pool) from None
        except p11.NoSuchKey as error:
            raise self._down(self._error("key-not-found", str(error)), pool) from None
        except p11.MultipleObjectsReturned as error:
            hint = f"Add `object=` or `id=` to the signer URI, so that only one key matches.{if_cut(str(self.uri))}"
            raise self._down(self._error("key-ambiguous", str(error), hint=hint), pool) from None
        except (TimedOut, Stale, p11.PKCS11Error) as error:
            raise self._lost(error, pool) from None
        finally:
            self.connection.forget(self._pin)
            self._connecting.release()

    def start(self) -> None:
        """Connect in the background, and go on as long as there is hope. No pause is waited for, but for a wrong key's.

        What else than MemberUnavailable connecting raises (a PIN's callback may) is kept in `failure`.
        """
        with self._transition:
            if self._recovering or self._closed.is_set() or self.state == "up":
                self._hurry()
                return
            self._recovering = True
        self._recover(pause=False)

    def hurry(self) -> None:
        """No other member is available: if this one is down, connect now and not only after the pause."""
        with self._transition:
            self._hurry()

    def refuse(self, reason: SignerError) -> None:
        """Do not use the member, for a reason that somebody else has found."""
        self._down(reason)

    def why(self, reason: SignerError) -> str:
        """The reason with its code and the name of the token, for a message about several of them."""
        where = self.connection.where
        place = "" if where in reason.message else f"{where}: "
        return f"{place}{reason.message} ({reason.code})"

    def close(self) -> None:
        """Stop reconnecting; its opener closes the connection."""
        with self._transition:
            self._closed.set()
            self._awaited.set()
            self.state = "closed"

    @abstractmethod
    def _check(self, deadline: Deadline) -> None:
        """Everything that must hold before the key is used, each time it is connected."""

    def _ready(self) -> SessionPool:
        """Sessions in which the key was checked. Raises MemberUnavailable."""
        if self.state == "new" or (self.state == "up" and not self.connection.is_current(self._pool)):
            self.connect()
        pool = self._pool
        if self.state != "up" or pool is None:
            raise MemberUnavailable(self.reason or self._error("token-lost", "the token is not connected"))
        return pool

    def _error(self, code: str, message: str, *, hint: str | None = None) -> SignerError:
        return SignerError(code, f"{self.connection.where}: {message}", where=str(self.uri), hint=hint)

    def _lost(self, error: TimedOut | Stale | p11.PKCS11Error, pool: SessionPool | None) -> MemberUnavailable:
        """Treat the token or module that the sessions of `pool` are from as gone."""
        if isinstance(error, TimedOut):
            self.errors["TimedOut"] += 1
            reason = self._error("token-timeout", f"the token did not answer within {self.timeout:g} s")
        elif isinstance(error, Stale):
            reason = self._error("token-lost", "the connection was lost")
        else:
            reason = self._error(*codes.loss(error))
        if pool is not None:
            pool.lost = True
            if self.state == "up" and pool is not self._pool:
                return MemberUnavailable(reason)  # too late: it is connected again
        return self._down(reason)

    def _down(self, reason: SignerError, pool: SessionPool | None = None, *, final: bool = False) -> MemberUnavailable:
        # An error that is kept and raised again would gather a traceback without end, and what its frames hold.
        reason = copy(reason)
        state = self._state_after(reason.code, final=final)
        if state == "wrong" and pool is not None:
            pool.forget_objects()
        said = self.reason.code if self.reason is not None else None
        if self._become(state, reason):
            if said != reason.code:
                notices.info("%s; %s", self.why(reason), _NEXT.get(state, "no reconnect"))
            self._group.changed(self)
        return MemberUnavailable(reason)

    def _state_after(self, code: str, *, final: bool) -> str:
        if code.startswith(("pin-", "login-")):
            return "latched"
        if code in _GONE and not final:
            return "down"
        was_right = self._pool is not None or self.pinned is not None
        return "wrong" if code in _WRONG and was_right and not final else "dead"

    def _come_up(self, pool: SessionPool) -> None:
        before, self._pool = self.state, pool
        if self._become("up", None):
            self._pause = _FIRST_PAUSE
            if before in _RETURNING:
                notices.info("%s: connected again", self.connection.where)

    def _become(self, state: str, reason: SignerError | None) -> bool:
        """Change the state. Returns False if the member is closed, and then it stays so."""
        with self._transition:
            if self._closed.is_set():
                return False
            self.state, self.reason = state, reason
            self.outcomes += 1
            begins = state in _RETURNING and not self._recovering
            self._recovering |= begins
        if begins:
            self._recover(pause=True)
        return True

    def _hurry(self) -> None:
        if self.state != "wrong":
            self._awaited.set()

    def _recover(self, *, pause: bool) -> None:
        threading.Thread(target=self._until_up, args=(pause,), name="attest-pkcs11-reconnect", daemon=True).start()

    def _until_up(self, pause: bool) -> None:
        """In the background: try until the member is up, with pauses that grow and are random."""
        while True:
            if pause:
                self._closed.wait(random.uniform(0, _FIRST_PAUSE))  # noqa: S311
                if not self._awaited.wait(random.uniform(0, self._pause)):  # noqa: S311
                    self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            self._awaited.clear()
            pause = True
            try:
                self.connect()
            except MemberUnavailable:
                pass
            except BaseException as error:  # noqa: BLE001
                self.failure = error
                self._down(self._error("signer-failed", "connecting failed"), final=True)
            with self._transition:
                if self.state not in _RETURNING:
                    self._recovering = False
                    return


_NEXT: Final = {
    "down": "reconnecting in the background",
    "wrong": "it is not used until its key is right again",
}
