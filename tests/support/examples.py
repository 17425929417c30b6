"""How much of what a test could try it does try: a part in every run, or all of it with `--thorough`.

Rule: properties that no change may ever break (more limits never turn a no into a yes) are tried in full in every run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from hypothesis import settings

from tests import THOROUGH

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST = 25
_Case = TypeVar("_Case")


def examples(number: int) -> settings:
    """Settings of hypothesis: `number` examples where all are wanted; otherwise a quarter, the same in each run."""
    return settings(max_examples=number if THOROUGH in os.environ else max(number // 4, _FEWEST), deadline=None)


def few(number: int, cases: Sequence[_Case]) -> Sequence[_Case]:
    """The first `number` of `cases`, which are more of the same; or all of them where all are wanted."""
    return cases if THOROUGH in os.environ else cases[:number]
