"""`attest.Rejected`, whose `report` is a Report to a type checker; `attest.errors` is too low a room to say so.

Rule: when a program runs there is one class of that name, that of `attest.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest import errors

if TYPE_CHECKING:
    from attest.results.report import Report, RootCheck

    class Rejected(errors.Rejected):
        """It was checked, and the answer is no."""

        report: Report | None
        roots: RootCheck | None

else:
    Rejected = errors.Rejected
