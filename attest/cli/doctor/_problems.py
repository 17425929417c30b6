"""The problems that `attest doctor` lists.

Rule: a problem has a code of docs/reference/codes.md, the part of the result that it is about, and a sentence.
"""

from __future__ import annotations

from typing import NamedTuple


class DoctorProblem(NamedTuple):
    """One problem: a code, the JSON pointer of the place, and a message."""

    code: str
    where: str
    message: str
