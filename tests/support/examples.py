"""How many examples a property is tried with: a quarter in every run, which draws others each time, or all of them.

Rule: properties that no change may ever break (more limits never turn a no into a yes) are tried in full in every run.
"""

from __future__ import annotations

import os

from hypothesis import settings

from tests import THOROUGH

_FEWEST = 25


def examples(number: int) -> settings:
    """Settings of hypothesis with `number` examples where all are wanted, and fewer otherwise."""
    return settings(max_examples=number if THOROUGH in os.environ else max(number // 4, _FEWEST), deadline=None)
