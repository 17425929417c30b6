"""What this process sent to which token, and what came of it: one memory for all names, threads and children of fork.

Rule: a PIN is sent once. It is sent again only if the token accepted it before, or cannot have looked at it; after an
answer that proves nothing, once more at most. Two logins at one token are never under way at the same time.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pkcs11.exceptions as p11

from attest._base.threads import at_fork
from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki import answers, binding, codes
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from attest.signers.pkcs11.cryptoki.codes import LoginAnswer
from attest.signers.pkcs11.tokens.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pkcs11.types import Slot

    from attest.signers._secrets import TokenName
    from attest.signers.pkcs11.tokens.pins import Pin, PinSource
    from attest.signers.pkcs11.tokens.turns import Turn

# CK_TOKEN_INFO flags; python-pkcs11 has no names for those of the PIN.
LOGIN_REQUIRED: Final = 0x4
PIN_PAD: Final = 0x100  # CKF_PROTECTED_AUTHENTICATION_PATH
INITIALIZED: Final = 0x400
PIN_COUNT_LOW: Final = 0x10000
PIN_FINAL_TRY: Final = 0x20000
PIN_LOCKED: Final = 0x40000
PIN_TO_BE_CHANGED: Final = 0x80000
_WRONG_PIN: Final = PIN_COUNT_LOW | PIN_FINAL_TRY | PIN_LOCKED

PAUSE: Final = 0.5  # seconds before a PIN is sent for the second time
PAD_SECONDS: Final = 120.0  # the time that a person has to enter a PIN on a PIN pad
_SENDS: Final = 2

_AWAY: Final = frozenset({0x30, 0x32, 0xE0, 0xE1})  # DEVICE_ERROR, DEVICE_REMOVED, TOKEN_NOT_PRESENT and _RECOGNIZED
_PAD_HINT: Final = "Try again, and enter the PIN on the PIN pad of the token."
_CANCELLED: Final = frozenset({0x01, 0x50})  # CANCEL, FUNCTION_CANCELED
_REFUSALS: Final[Mapping[type[p11.PKCS11Error], tuple[str, str]]] = {
    p11.PinLocked: ("pin-locked", "the PIN is locked"),
    p11.PinExpired: ("pin-expired", "the PIN has expired"),
    p11.UserPinNotInitialized: ("pin-wrong", "the token has no user PIN"),
}


class TokenIdentity(NamedTuple):
    """A token by what its module reports, and not by what a URI says; `module` is its module with all settings.

    A serial number is not enough, because many tokens have the number 0. The slot is no part of it: a restart of the
    module may change it, and a refusal must outlast that. A PIN, however, is kept for one slot only.
    """

    module: object
    label: str
    serial: str
    manufacturer: str
    model: str


class Reach(NamedTuple):
    """The way to a token for one connection; `call` runs a function in the module, until a deadline.

    `pad` is whether the token reported a PIN pad when it was found.
    """

    name: TokenName
    slot: Slot
    pad: bool
    call: Callable[[Callable[[], Any], Deadline], Any]


class TokenLogin:
    """The logins of this process at one token.

    If `one_by_one` is set, the token has a key with CKA_ALWAYS_AUTHENTICATE, and no operation may come between the
    login for another one and that one.
    """

    def __init__(self) -> None:
        self.one_by_one = False
        self._refused: SignerError | None = None
        self._pin: Pin | None = None
        self._slot = -1
        self._accepted = False
        self._unsure = 0
        self._again_at = 0.0
        self.turns = Turns()
        self._lock = threading.Lock()

    def demand(self) -> None:
        """Raises the SignerError of a PIN that was refused before."""
        if self._refused is not None:
            raise copy(self._refused)

    def refuse(self, error: p11.PKCS11Error, where: str) -> SignerError:
        """Remember that the token refused the PIN with `error`, in whatever call, and return what to raise."""
        return self._refuse(*_REFUSALS.get(type(error), ("pin-wrong", "the token refused the PIN")), where)

    def forget(self) -> None:
        """Remove the PIN from memory."""
        with self._lock:
            self._pin, self._accepted = None, False

    def log_in(self, reach: Reach, session: binding.Session, source: PinSource, deadline: Deadline) -> None:
        """Log in, unless this process is logged in already.

        Raises SignerError `pin-missing`, `pin-wrong`, `pin-locked`, `pin-expired` or `login-failed`, TimedOut, Stale,
        or the module's error after which a login may be tried again.
        """
        with self.turns.take(deadline) as turn:
            self.demand()
            if reach.call(lambda: _is_logged_in(session), deadline):
                return
            with self._prepared(turn, reach, source, deadline) as login:
                reach.call(lambda: login.make(session, binding.USER), login.deadline)

    @contextmanager
    def for_one_operation(self, reach: Reach, source: PinSource, deadline: Deadline) -> Iterator[Login]:
        """A login for the operation in the body, which makes it between C_SignInit and C_Sign. Raises as `log_in`."""
        with self.turns.take(deadline) as turn:
            self.demand()
            try:
                with self._prepared(turn, reach, source, deadline) as login:
                    yield login
            finally:
                if not source.kept:
                    self.forget()

    def turn(self, deadline: Deadline) -> AbstractContextManager[object]:
        """For an operation without a login of its own: alone, if the token needs that. Raises TimedOut."""
        return self.turns.take(deadline) if self.one_by_one else nullcontext()

    def learn(self, login: Login, code: int, flags: int | None) -> Exception | None:
        """Remember the answer to a login, and the flags of the token after it; return what to raise."""
        answer, error, where = codes.login_answer(code), answers.error(code), str(login.reach.name)
        with self._lock:
            match answer:
                case LoginAnswer.LOGGED_IN:
                    self._accepted = login.pin is not None and login.pin is self._pin
                    self._unsure = 0
                    return None
                case LoginAnswer.WAS_LOGGED_IN:
                    return None
                case LoginAnswer.REFUSED:
                    return self.refuse(error, where)
            wrong = (flags or 0) & _WRONG_PIN
            if wrong & ~login.flags or (wrong and answer is LoginAnswer.UNKNOWN):
                code_text = "pin-locked" if wrong & PIN_LOCKED else "pin-wrong"
                message = f"the login failed ({codes.name(error)}), and the token reports a wrong PIN"
                return self._refuse(code_text, message, where)
            if answer is LoginAnswer.NOT_LOOKED:
                return error
            if login.pin is None:
                return _not_entered(code, error, where)
            if self._accepted and (flags is None or code in _AWAY):
                return error  # a token that comes back slowly, and a PIN that was right
            return self._doubt(error, where)

    def renew(self) -> None:
        """In a child of fork: the same memory, and no other thread. What was under way then may have been seen."""
        self._unsure += self.turns.unanswered
        self.turns = Turns()
        self._lock = threading.Lock()

    def _doubt(self, error: p11.PKCS11Error, where: str) -> Exception:
        self._unsure += 1
        self._again_at = monotonic() + PAUSE
        if self._unsure < _SENDS:
            return error
        message = f"the login failed twice ({codes.name(error)}); the PIN may be wrong, so it is not sent again"
        return self._refuse(*_REFUSALS.get(type(error), ("login-failed", message)), where)

    def _refuse(self, code: str, message: str, where: str) -> SignerError:
        self._pin, self._accepted = None, False
        hint = "Check the PIN, and start the program again: it does not send it twice."
        self._refused = SignerError(code, message, where=where, hint=hint)
        return copy(self._refused)

    @contextmanager
    def _prepared(self, turn: Turn, reach: Reach, source: PinSource, deadline: Deadline) -> Iterator[Login]:
        """Everything up to the login itself: the flags of the token, and the PIN or the PIN pad."""
        flags = reach.call(lambda: binding.token_flags(reach.slot), deadline)
        _demand_safe(flags, source, str(reach.name))
        if not flags & PIN_PAD or source.named:
            login = Login(self, turn, reach, flags, deadline)
            login.pin = self._pin_for(login, turn, source)
            yield login
            return
        source.use_pad(reach.name)
        with self.turns.person(turn, deadline):
            try:
                yield Login(self, turn, reach, flags, Deadline(PAD_SECONDS))
            except TimedOut:
                if not turn.calls:
                    raise
                message = f"no PIN was entered on the PIN pad within {PAD_SECONDS:g} s"
                raise SignerError("pin-missing", message, where=str(reach.name), hint=_PAD_HINT) from None

    def _pin_for(self, login: Login, turn: Turn, source: PinSource) -> Pin:
        reach, where = login.reach, str(login.reach.name)
        pin = self._pin if self._slot == reach.slot.slot_id else None
        if pin is None:
            with self.turns.person(turn, login.deadline):
                pin = source(reach.name)
        if pin is None:
            hint = "Use `pin-source=file:PATH`, `ATTEST_PIN`, `ATTEST_PIN_<TOKEN>` or a terminal."
            raise SignerError("pin-missing", "no PIN was given", where=where, hint=hint)
        if self._unsure and login.flags & _WRONG_PIN:
            raise self._refuse("pin-wrong", "the login failed, and the token reports a wrong PIN", where)
        with self._lock:
            if pin is not self._pin:
                self._pin, self._slot, self._accepted = pin, reach.slot.slot_id, False
            # A PIN that the token accepted may be sent again while an abandoned instance still hangs with it.
            turn.may_overlap = self._accepted
        self._wait(login.deadline)
        return pin

    def _wait(self, deadline: Deadline) -> None:
        """The pause before a PIN is sent for the second time."""
        pause = self._again_at - monotonic() if self._unsure else 0.0
        if pause > deadline.left():
            raise TimedOut(started=False)
        sleep(max(0.0, pause))


class Login:
    """One login that is ready to be made, within `deadline`; without a `pin`, on the PIN pad."""

    def __init__(self, owner: TokenLogin, turn: Turn, reach: Reach, flags: int, deadline: Deadline) -> None:
        self.reach = reach
        self.flags = flags
        self.deadline = deadline
        self.pin: Pin | None = None
        self._owner = owner
        self._turn = turn

    def make(self, session: binding.Session, user: int) -> None:
        """C_Login, in the thread of a call into the module. Raises as `TokenLogin.log_in`."""
        with self._owner.turns.call(self._turn):
            code = binding.log_in(session, user, None if self.pin is None else self.pin.encode())
            flags = None if code == 0 else _flags_of(self.reach.slot)
            error = self._owner.learn(self, code, flags)
        if error is not None:
            raise error


def at(identity: TokenIdentity) -> TokenLogin:
    """The one TokenLogin of this process for a token."""
    with _registry_lock:
        return _registry.setdefault(identity, TokenLogin())


def _demand_safe(flags: int, source: PinSource, where: str) -> None:
    """Raises SignerError if the token reports that another wrong PIN would lock it, or that any PIN is useless."""
    if flags & PIN_LOCKED:
        raise SignerError("pin-locked", "the PIN is locked", where=where, hint="Unlock it with the tool of the token.")
    if flags & PIN_TO_BE_CHANGED:
        hint = "Change it with the tool of the token."
        raise SignerError("pin-expired", "the PIN must be changed first", where=where, hint=hint)
    if flags & PIN_FINAL_TRY and not source.last_try:
        hint = "Check the PIN. To send it anyway, add `pin-last-try=yes` to the signer URI."
        message = "the next wrong PIN would lock the token, so no PIN is sent"
        raise SignerError("pin-locked", message, where=where, hint=hint)


def _not_entered(code: int, error: p11.PKCS11Error, where: str) -> SignerError:
    if code in _CANCELLED:
        return SignerError("pin-missing", "the login was cancelled on the PIN pad", where=where, hint=_PAD_HINT)
    message = f"the login on the PIN pad failed ({codes.name(error)})"
    return SignerError("login-failed", message, where=where, hint=_PAD_HINT)


def _flags_of(slot: Slot) -> int | None:
    """The flags of the token after a failed login, or None if they cannot be read."""
    try:
        return binding.token_flags(slot)
    except p11.PKCS11Error:
        return None


def _is_logged_in(session: binding.Session) -> bool:
    try:
        return binding.is_logged_in(session)
    except p11.PKCS11Error:
        return False


def _after_fork() -> None:
    """A child of fork inherits the memory: what its parent sent, it must not send again."""
    global _registry_lock
    _registry_lock = threading.Lock()
    for login in _registry.values():
        login.renew()


_registry: dict[TokenIdentity, TokenLogin] = {}
_registry_lock = threading.Lock()
at_fork(_after_fork)
