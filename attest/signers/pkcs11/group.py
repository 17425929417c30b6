"""Several tokens that hold one key: if one is not available, the next one signs.

Rule: a failover changes no result, because all members hold the same key; a member with another key is an error.
"""

from __future__ import annotations

import threading
from copy import copy
from itertools import count
from typing import TYPE_CHECKING, Final, Literal

from attest._base import notices
from attest.errors import SignerError
from attest.signers.pkcs11.calls import Deadline
from attest.signers.pkcs11.member import MemberUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from attest.keys import PublicKey
    from attest.signers.pkcs11.member import GroupMember

Prefer = Literal["first", "fastest", "round-robin"]

# These are mistakes in the setup of a member, and not tokens that are not available.
_NEVER_SKIPPED: Final = frozenset({"key-mismatch", "key-ambiguous", "key-not-allowed"})
_SETTLING: Final = 1.0  # seconds that the first connection of all may take longer
_HOPELESS: Final = frozenset({"latched", "dead", "closed"})


class FailoverGroup:
    """Members in their order of preference, and the key that all of them hold."""

    def __init__(self, members: Sequence[GroupMember], *, prefer: Prefer, timeout: float) -> None:
        self.members = list(members)
        self.failovers = 0
        self._prefer = prefer
        self._timeout = timeout
        self._turn = count()
        self._key: PublicKey | None = None
        self._connected = False
        self._change = threading.Condition(threading.Lock())
        self._in_flight = 0
        self._closed = False

    @property
    def public_key(self) -> PublicKey:
        """The key. The first use connects. Raises SignerError."""
        if self._key is None:
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

    def came_up(self) -> None:
        """A member calls this when it can sign again."""
        with self._change:
            self._change.notify_all()

    def close(self) -> None:
        """Wait for operations in progress, no longer than one call may take, and start no other."""
        with self._change:
            self._closed = True
            self._change.wait_for(lambda: self._in_flight == 0, self._timeout)
        for member in self.members:
            member.close()

    def _try(self, act: Callable[[Any], Any], deadline: Deadline) -> Any:
        failed: dict[GroupMember, SignerError] = {}
        while True:
            for member in self._ordered():
                try:
                    done = act(member)
                except MemberUnavailable as down:
                    failed[member] = down.reason
                    self.failovers += 1
                    continue
                self._log_failover(failed, member)
                return done
            with self._change:
                states = [member.state for member in self.members]
                if all(state in _HOPELESS for state in states) or deadline.over:
                    raise self._all_failed(failed)
                if "up" not in states:
                    for member in self.members:
                        member.hurry()
                    self._change.wait(min(deadline.left(), 0.5))

    def _log_failover(self, failed: Mapping[GroupMember, SignerError], member: GroupMember) -> None:
        if failed and member not in failed:
            reasons = "; ".join(f"{reason.message} ({reason.code})" for reason in failed.values())
            notices.info("failover to %s: %s", member.connection.where, reasons)

    def _ordered(self) -> list[GroupMember]:
        if self._prefer == "round-robin":
            first = next(self._turn) % len(self.members)
            return self.members[first:] + self.members[:first]
        if self._prefer == "fastest":
            return sorted(self.members, key=lambda member: member.seconds or 0.0)
        return self.members

    def _connect(self) -> None:
        """Connect all members at the same time. They must hold one key, and at least one must be available."""
        failed: dict[GroupMember, SignerError] = {}

        def connect(member: GroupMember) -> None:
            try:
                member.connect()
            except MemberUnavailable as down:
                failed[member] = down.reason

        threads = [threading.Thread(target=connect, args=(member,), daemon=True) for member in self.members[1:]]
        for thread in threads:
            thread.start()
        connect(self.members[0])
        for thread in threads:
            thread.join()
        if len(failed) == len(self.members):
            self._settle()
            failed = {member: member.reason for member in self.members if member.state != "up" and member.reason}
        found = [(member, member.pinned) for member in self.members if member not in failed and member.pinned]
        for reason in failed.values():
            if reason.code in _NEVER_SKIPPED:
                raise reason
        for member, key in found[1:]:
            if key.spki != found[0][1].spki:
                raise SignerError(
                    "key-mismatch",
                    f"{member.connection.where}: expected key {found[0][1].keyid}, as in "
                    f"{found[0][0].connection.where}, found {key.keyid}",
                    where=str(member.uri),
                    hint="Use only tokens that hold the same key.",
                )
        if len(failed) == len(self.members):
            raise self._all_failed(failed)
        for member in self.members if found else ():
            member.pinned = self._key = found[0][1]
        self._connected = True

    def _settle(self) -> None:
        """Wait a moment for lost members: a token to which other processes connect may look lost for a short time.

        SoftHSM writes the file of a token at each login. A process that reads it meanwhile finds no token, or half of
        one.
        """
        deadline = Deadline(min(self._timeout, _SETTLING))
        with self._change:
            while not deadline.over and (states := {member.state for member in self.members}) & {"down"} == states:
                for member in self.members:
                    member.hurry()
                self._change.wait(min(deadline.left(), 0.05))

    def _all_failed(self, failed: Mapping[GroupMember, SignerError]) -> SignerError:
        """The error if no member can sign: that of the only member, or all of them in one."""
        reasons = [failed[member] for member in self.members]
        if len(reasons) == 1:
            return copy(reasons[0])
        listed = "; ".join(f"{reason.message} ({reason.code})" for reason in reasons)
        codes = {reason.code for reason in reasons}
        code = codes.pop() if len(codes) == 1 else "token-lost"
        return SignerError(code, f"none of {len(self.members)} tokens can sign: {listed}")
