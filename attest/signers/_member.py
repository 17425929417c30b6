"""A member of a failover group of any schemes: a signer, its state, and when it is tried again.

Rule: a mistake in the setup is never treated like a signer that is not available.
"""

from __future__ import annotations

import os
from collections import Counter
from copy import copy
from time import monotonic
from typing import TYPE_CHECKING, Final

from attest._base import notices
from attest.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.keys import PublicKey
    from attest.signers._base import BaseSigner
    from attest.signers._protocol import AttributeCheck, KeyHealth

# These are mistakes in the setup of a member, and not signers that are not available.
NEVER_SKIPPED: Final = frozenset(
    {"key-mismatch", "key-ambiguous", "key-not-allowed", "key-algorithm-mismatch", "signer-uri-invalid"}
)
# The PIN was refused, or the next wrong one would lock the token. Each new process would send it again.
PIN_REFUSED: Final = frozenset({"pin-wrong", "pin-locked", "pin-expired", "login-failed"})
# These are about the request, and say nothing about the next request.
_OF_THE_REQUEST: Final = frozenset({"data-too-large", "mechanism-missing", "capability-missing"})
# What a person must enter: no member that lacks it is tried in the background.
_ASKED: Final = ("pin-", "passphrase-", "login-")

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds that a member that failed is left alone, doubled with each failure


class FailoverMember:
    """One signer of the key; its state is in the words of docs/sign/hsm-production.md."""

    def __init__(self, signer: BaseSigner) -> None:
        self.signer = signer
        self.name = str(signer.uri)
        self.state = "new"
        self.reason: SignerError | None = None
        self.errors: Counter[str] = Counter()
        self.worked = False
        self.tried_by: int | None = None  # the process, because a child of fork does not have the thread that tries
        self._pause = _FIRST_PAUSE
        self._again = 0.0

    def up(self) -> None:
        """It did what was requested of it."""
        if self.state not in ("new", "up"):
            notices.info("%s: available again", self.name)
        self.state, self.reason, self.worked, self._pause = "up", None, True, _FIRST_PAUSE

    def reached(self) -> None:
        """Its public key was read, and it has signed nothing yet."""
        if self.state != "up":
            self.state, self.reason = "new", None

    def failed(self, error: SignerError) -> None:
        """It failed. A copy of the error is kept, unless the request itself was wrong."""
        if error.code in _OF_THE_REQUEST:
            return
        if error.code in PIN_REFUSED and (self.reason is None or self.reason.code != error.code):
            warn_of_pin(f"{error} ({error.code})")
        # An error that is kept would keep the frames of its traceback, and what is in them.
        self.reason = copy(error)
        self.errors[error.code] += 1
        self.state = "latched" if error.code.startswith(_ASKED) else "down"
        if error.code in NEVER_SKIPPED:
            self.state = "wrong"
        self._again = monotonic() + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def is_due(self) -> bool:
        """Whether to try it again in the background."""
        may_be_tried = self.worked or not self.signer.asks
        is_tried = self.tried_by == os.getpid()
        return self.state == "down" and may_be_tried and not is_tried and monotonic() >= self._again

    def health(self) -> list[tuple[KeyHealth, tuple[AttributeCheck, ...]]]:
        """Its own health, or what is known here."""
        own = self.signer.health()
        if own:
            return own
        reason = None if self.reason is None else f"{self.reason.message} ({self.reason.code})"
        state = "closed" if self.signer.closed else self.state
        found: KeyHealth = {
            "token": self.name,
            "state": state,
            "reason": reason,
            "sessions": 0,
            "connections": int(self.worked),
            "errors": dict(self.errors),
            "warnings": [],
        }
        return [(found, ())]


def warn_of_pin(why: str) -> None:
    """Log a refused PIN, which no caller gets to know while another signer of the key signs."""
    notices.warn(f"{why}; the token is not used until you correct its PIN")


def warn_of_mistake(member: FailoverMember) -> None:
    """Log a mistake that was found in the background, where no caller gets the error."""
    if member.state == "wrong" and member.reason is not None:
        notices.warn(f"{member.name}: {member.reason.message} ({member.reason.code}); the signer is not used")


def demand_same(member: FailoverMember, found: PublicKey, key: PublicKey) -> None:
    """Raises SignerError `key-mismatch`, which names the member."""
    if (found.spki, found.algorithm, found.simulated) == (key.spki, key.algorithm, key.simulated):
        return
    expected, other = (
        (key.keyid, found.keyid) if found.keyid != key.keyid else (key.algorithm.name, found.algorithm.name)
    )
    raise SignerError(
        "key-mismatch",
        f"expected key {expected}, as in the other signers, found {other}",
        where=member.name,
        hint="Use only signers that hold the same key and sign with the same algorithm.",
    )


def listed(failed: Mapping[FailoverMember, SignerError]) -> str:
    """What is wrong with each, for a message."""
    return "; ".join(f"{member.name}: {error.message} ({error.code})" for member, error in failed.items())
