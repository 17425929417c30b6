"""What breaks a specification and is accepted all the same: the warnings about it, and the error of `--strict`.

Rule: nothing is accepted without a warning, and of many the first are printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.cli import _output
from attest.errors import InputError
from attest.schema import DEVIATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.schema import Violation

_FEW: Final = 4


def warn(deviations: Sequence[Violation], place: str = "") -> list[dict[str, str | None]]:
    """Warn about what an input breaks, after its name in `place`, and return it for a result object."""
    for one in deviations[:_FEW]:
        where = f"{place}{one.pointer}: " if one.pointer else place
        _output.prose("warning", f"{where}{one.message} ({DEVIATION})")
    if len(deviations) > _FEW:
        _output.prose("warning", f"{place}{len(deviations) - _FEW} more; --format json shows them ({DEVIATION})")
    return [{"code": DEVIATION, "message": one.message, "pointer": one.pointer or None} for one in deviations]


def refusal(deviations: Sequence[Violation]) -> InputError:
    """The error of `--strict` about what would be a warning without it."""
    first, *others = deviations
    more = f" (and {len(others)} more)" if others else ""
    message = f"the predicate breaks a specification: {first.message}{more}"
    hint = "Without --strict, this is a warning."
    return InputError("predicate-invalid", message, where=first.pointer or None, hint=hint)
