"""`attest.Rejected` for type checkers: its `report` is a Report, which `attest.errors` may not import.

Rule: at run time only the class in `attest.errors` exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest import errors

if TYPE_CHECKING:
    from attest.results.report import Report, RootCheck

    class Rejected(errors.Rejected):
        """The attestation was checked and is rejected."""

        report: Report | None
        roots: RootCheck | None

else:
    Rejected = errors.Rejected
