"""Several tokens that hold one key: if one is not available, the next one signs.

Rule: a failover changes no result, because all members hold the same key; a member with another key is an error.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from copy import copy
from itertools import count
from typing import TYPE_CHECKING, Final, Literal

from attest._base import notices
from attest.errors import SignerError
from attest.signers._member import NEVER_SKIPPED, PIN_REFUSED, warn_of_pin
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.failover.recovery import MemberUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from attest.keys import PublicKey
    from attest.signers.pkcs11.failover.member import GroupMember
    from attest.signers.pkcs11.failover.recovery import RecoveringMember

Prefer = Literal["first", "fastest", "round-robin"]

# What does not change while somebody waits.
_HOPELESS: Final = frozenset({"wrong", "latched", "dead", "closed"})

# Seconds at the first use: what the first member is ahead of the others, so that none of them is in its way; how long
# the others may take once one can sign, so that a wrong key is found before the first signature; and how long lost
# ones are waited for.
_HEAD_START: Final = 0.1
_GRACE: Final = 0.5
_SETTLING: Final = 1.0


class FailoverGroup:
    """Members in their order of preference, and the key that all of them hold.

    If none can sign, it `waits` for one to come back, unless another signer of the same key is there.
    """

    def __init__(self, members: Sequence[GroupMember], *, prefer: Prefer, timeout: float, waits: bool = True) -> None:
        self.members = list(members)
        self.failovers = 0
        self._prefer = prefer
        self._timeout = timeout
        self._waits = waits
        self._turn = count()
        self._key: PublicKey | None = None
        self._connected = False
        self._late: set[RecoveringMember] = set()
        self._change = threading.Condition()
        self._in_flight = 0
        self._closed = False

    @property
    def public_key(self) -> PublicKey:
        """The key. The first use connects. Raises SignerError."""
        if not self._connected:
            self._connect()
        assert self._key is not None  # noqa: S101
        return self._key

    def sign(self, data: bytes) -> bytes:
        """A signature by the first member that can sign. Raises SignerError."""
        signature: bytes = self.perform(lambda member: member.sign(data))
        return signature

    def perform(self, act: Callable[[Any], Any]) -> Any:
        """Try `act` with one member after another, until one succeeds or the time is over. Raises SignerError."""
        with self._change:
            if self._closed:
                raise SignerError("signer-closed", "the signer is closed")
            self._in_flight += 1
        try:
            if not self._connected:
                self._connect()
            return self._try(act, Deadline(self._timeout * (len(self.members) + 1)))
        finally:
            with self._change:
                self._in_flight -= 1
                if self._closed:
                    self._change.notify_all()

    def settle(self) -> None:
        """Wait until every member is connected or has failed. Raises SignerError for one that holds a wrong key."""
        if not self._connected:
            self._connect()
        with self._change:
            while self._late and not self._closed:
                self._change.wait(_GRACE)
            self._demand_no_mistake()

    def admit(self, member: RecoveringMember, enter: Callable[[], None]) -> None:
        """Let a member `enter` if it holds the key. Raises SignerError `key-mismatch`, which names the member."""
        with self._change:
            key, found = self._key, member.pinned
            if key is not None and found is not None and found.spki != key.spki:
                member.pinned = key
                raise _mismatch(member, found, key)
            enter()
            self._late.discard(member)
            self._change.notify_all()

    def changed(self, member: RecoveringMember) -> None:
        """A member can no longer sign, or not yet."""
        with self._change:
            reason = member.reason
            if member in self._late and reason is not None:
                self._late.discard(member)
                if reason.code in NEVER_SKIPPED:
                    # Others have signed already, so there is no error that could say so.
                    notices.warn(f"{member.why(reason)}; the token is not used")
            if len(self.members) > 1 and reason is not None and reason.code in PIN_REFUSED:
                warn_of_pin(member.why(reason))
            self._change.notify_all()

    def close(self) -> None:
        """Wait for operations in progress, no longer than one call may take, and start no other."""
        with self._change:
            self._closed = True
            self._change.wait_for(lambda: self._in_flight == 0, self._timeout)
        for member in self.members:
            member.close()

    def _try(self, act: Callable[[Any], Any], deadline: Deadline) -> Any:
        failed: dict[RecoveringMember, SignerError] = {}
        while True:
            for member in self._ordered():
                if member in self._late:
                    continue
                try:
                    done = act(member)
                except MemberUnavailable as down:
                    failed[member] = down.reason
                    self.failovers += 1
                    continue
                self._log_failover(failed, member)
                return done
            with self._change:
                if self._is_hopeless() or deadline.over or not self._waits:
                    raise self._all_failed(failed)
                self._wait_for_one(min(deadline.left(), 0.5))

    def _log_failover(self, failed: Mapping[RecoveringMember, SignerError], member: GroupMember) -> None:
        if failed and member not in failed:
            reasons = "; ".join(member.why(reason) for member, reason in failed.items())
            notices.info("failover to %s: %s", member.connection.where, reasons)

    def _ordered(self) -> list[GroupMember]:
        if self._prefer == "round-robin":
            first = next(self._turn) % len(self.members)
            return self.members[first:] + self.members[:first]
        if self._prefer == "fastest":
            return sorted(self.members, key=lambda member: member.seconds or 0.0)
        return self.members

    def _connect(self) -> None:
        """Connect, until one member can sign. They must hold one key, as far as that is known by then."""
        deadline = Deadline(self._timeout)
        if len(self.members) == 1:
            # In this thread: if a person is asked for the PIN, that person can interrupt.
            with suppress(MemberUnavailable):
                self.members[0].connect()
        else:
            self._start_all()
        with self._change:
            self._raise_failures()
            if not self._up():
                self._settle(Deadline(min(deadline.left(), _SETTLING)))
            self._agree()

    def _start_all(self) -> None:
        """Connect all members in the background, and wait for the first, and a little for the others."""
        before = {member: member.outcomes for member in self.members}

        def answered(member: GroupMember) -> bool:
            return member.state in ("up", "wrong") or member.outcomes > before[member]

        first, *others = self.members
        with self._change:
            first.start()
            self._change.wait_for(lambda: answered(first), _HEAD_START)
            for member in others:
                member.start()
            end = Deadline(2 * max(member.timeout for member in self.members))  # each has answered by then
            while not all(map(answered, self.members)) and not end.over:
                if self._up() and end.left() > _GRACE:
                    end = Deadline(_GRACE)
                if any(member.connection.asking for member in self.members):
                    end = Deadline(end.left() + _GRACE)
                self._change.wait(min(end.left(), _GRACE))

    def _wait_for_one(self, seconds: float) -> None:
        """Hurry the members that are down, unless one can sign, and wait until one can or none will."""
        if not self._up():
            for member in self.members:
                member.hurry()
            self._change.wait_for(lambda: self._up() or self._is_hopeless(), seconds)

    def _is_hopeless(self) -> bool:
        return all(member.state in _HOPELESS for member in self.members)

    def _up(self) -> list[GroupMember]:
        return [member for member in self.members if member.state == "up"]

    def _raise_failures(self) -> None:
        """Raise here what the callback for a PIN has raised in another thread."""
        for member in self.members:
            failure, member.failure = member.failure, None
            if failure is not None:
                raise failure

    def _demand_no_mistake(self) -> None:
        for member in self.members:
            if member.state != "up" and member.reason is not None and member.reason.code in NEVER_SKIPPED:
                raise copy(member.reason)

    def _agree(self) -> None:
        """Pin the key of the first member that can sign. Raises SignerError if another holds another, or none can."""
        if self._connected:
            return
        self._demand_no_mistake()
        up = self._up()
        if not up:
            raise self._all_failed({})
        key = up[0].pinned
        for member in up[1:]:
            if key is not None and member.pinned is not None and member.pinned.spki != key.spki:
                found, member.pinned = member.pinned, key
                member.refuse(_mismatch(member, found, key))
        self._demand_no_mistake()
        for member in self.members:
            member.pinned = key
        self._late = {member for member in self.members if member.state == "new"}
        self._key, self._connected = key, True

    def _settle(self, deadline: Deadline) -> None:
        """Wait a moment for lost members: a token to which other processes connect may look lost for a short time.

        SoftHSM writes the file of a token at each login. A process that reads it meanwhile finds no token, or half of
        one.
        """
        while not deadline.over and all(member.state == "down" for member in self.members):
            self._wait_for_one(min(deadline.left(), 0.05))

    def _all_failed(self, failed: Mapping[RecoveringMember, SignerError]) -> SignerError:
        """The error if no member can sign: that of the only member, or all of them in one."""
        reasons = [member.reason or failed.get(member) or _not_yet(member) for member in self.members]
        if len(reasons) == 1:
            return copy(reasons[0])
        listed = "; ".join(member.why(reason) for member, reason in zip(self.members, reasons, strict=True))
        codes = {reason.code for reason in reasons}
        code = codes.pop() if len(codes) == 1 else "token-lost"
        return SignerError(code, f"none of {len(self.members)} tokens can sign: {listed}")


def _mismatch(member: RecoveringMember, found: PublicKey, key: PublicKey) -> SignerError:
    return SignerError(
        "key-mismatch",
        f"{member.connection.where}: expected key {key.keyid}, as in the other tokens, found {found.keyid}",
        where=str(member.uri),
        hint="Use only tokens that hold the same key.",
    )


def _not_yet(member: RecoveringMember) -> SignerError:
    message = f"{member.connection.where}: the token is not connected yet"
    return SignerError("token-timeout", message, where=str(member.uri))
