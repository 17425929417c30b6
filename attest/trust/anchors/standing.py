"""Status and validity period: whether a key or an identity of an anchor counts at a time.

Rule: what is compromised never counts, and what has ended counts only at a proven time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from datetime import datetime

Status = Literal["active", "retired", "compromised"]


class Standing:
    """What keys and identities have in common. `noun` is what codes call it."""

    __slots__ = ()
    noun: ClassVar[str]
    status: Status
    not_before: datetime | None
    not_after: datetime | None
    status_since: datetime | None

    def objection(self, now: datetime, proven: datetime | None = None) -> str | None:
        """The code that says why a valid signature does not count, or None if it does.

        The time that matters is `proven`, if it is proven that the signature existed then, and otherwise `now`. What is
        retired counts only at a proven time, which is not after its retirement (`status_since`) and in its validity
        period. It never counts if neither of the two has an end.
        """
        if self.status == "compromised":
            return f"{self.noun}-compromised"
        moment = now if proven is None else proven
        if self.status == "retired" and (proven is None or not self.may_be_proven or _after(moment, self.status_since)):
            return f"{self.noun}-retired"
        if self.not_before is not None and moment < self.not_before:
            return f"{self.noun}-not-yet-valid"
        if _after(moment, self.not_after):
            return f"{self.noun}-expired"
        return None

    @property
    def may_be_proven(self) -> bool:
        """Whether a proven time can make a signature count that does not count now: there is a known end."""
        ends = self.status == "retired" and self.status_since is not None
        return self.status != "compromised" and (ends or self.not_after is not None)


def _after(moment: datetime, end: datetime | None) -> bool:
    return end is not None and moment > end
