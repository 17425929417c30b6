"""Several tokens that hold one key: the next one signs when one can't.

Rule: failing over is silent only because every member holds the same public key; one with another is refused by name.
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

# A member that is wrong is a mistake of somebody's, and not a token that is away.
_NEVER_SKIPPED: Final = frozenset({"key-mismatch", "key-ambiguous", "key-not-allowed"})
_SETTLING: Final = 1.0  # seconds that the first connection of all may take longer
_HOPELESS: Final = frozenset({"latched", "dead", "closed"})


class Group:
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
        """The key; connects at first. Raises SignerError."""
        if self._key is None:
            self._connect()
        assert self._key is not None  # noqa: S101
        return self._key

    def sign(self, data: bytes) -> bytes:
        """A signature by whichever member can. Raises SignerError."""
        signature: bytes = self.perform(lambda member: member.sign(data))
        return signature

    def perform(self, act: Callable[[Any], Any]) -> Any:
        """Let one member after another try `act`, until one can, none will, or the time is over. Raises SignerError."""
        with self._change:
            if self._closed:
                raise SignerError("signer-closed", "this signer was closed")
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
        """Said by a member that can sign again."""
        with self._change:
            self._change.notify_all()

    def close(self) -> None:
        """Wait for what is in flight, no longer than a call may take, and start nothing more."""
        with self._change:
            self._closed = True
            self._change.wait_for(lambda: self._in_flight == 0, self._timeout)
        for member in self.members:
            member.close()

    def _try(self, act: Callable[[Any], Any], deadline: Deadline) -> Any:
        said: dict[GroupMember, SignerError] = {}
        while True:
            for member in self._ordered():
                try:
                    done = act(member)
                except MemberUnavailable as down:
                    said[member] = down.reason
                    self.failovers += 1
                    continue
                self._tell_of_failover(said, member)
                return done
            with self._change:
                states = [member.state for member in self.members]
                if all(state in _HOPELESS for state in states) or deadline.over:
                    raise self._nobody(said)
                if "up" not in states:
                    for member in self.members:
                        member.hurry()
                    self._change.wait(min(deadline.left(), 0.5))

    def _tell_of_failover(self, said: Mapping[GroupMember, SignerError], member: GroupMember) -> None:
        if said and member not in said:
            reasons = "; ".join(f"{reason.message} ({reason.code})" for reason in said.values())
            notices.info("failover to %s: %s", member.connection.where, reasons)

    def _ordered(self) -> list[GroupMember]:
        if self._prefer == "round-robin":
            first = next(self._turn) % len(self.members)
            return self.members[first:] + self.members[:first]
        if self._prefer == "fastest":
            return sorted(self.members, key=lambda member: member.seconds or 0.0)
        return self.members

    def _connect(self) -> None:
        """Connect all members at the same time; they must hold one key, and one of them must be there."""
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
                    f"{member.connection.where} holds another key ({key.keyid}) than "
                    f"{found[0][0].connection.where} ({found[0][1].keyid})",
                    where=str(member.uri),
                    hint="The members of a failover group must hold one and the same key.",
                )
        if len(failed) == len(self.members):
            raise self._nobody(failed)
        for member in self.members if found else ():
            member.pinned = self._key = found[0][1]
        self._connected = True

    def _settle(self) -> None:
        """Give those that have gone a moment to come back: a token that others connect to too looks lost for a while.

        SoftHSM writes a token's file at each login, and whoever reads it meanwhile finds no token, or half of one.
        """
        deadline = Deadline(min(self._timeout, _SETTLING))
        with self._change:
            while not deadline.over and (states := {member.state for member in self.members}) & {"down"} == states:
                for member in self.members:
                    member.hurry()
                self._change.wait(min(deadline.left(), 0.05))

    def _nobody(self, said: Mapping[GroupMember, SignerError]) -> SignerError:
        """The error where no member can: the first member's, with what the others say."""
        reasons = [said[member] for member in self.members]
        if len(reasons) == 1:
            return copy(reasons[0])
        listed = "; ".join(f"{reason.message} ({reason.code})" for reason in reasons)
        codes = {reason.code for reason in reasons}
        code = codes.pop() if len(codes) == 1 else "token-lost"
        return SignerError(code, f"none of {len(self.members)} tokens can sign: {listed}")
