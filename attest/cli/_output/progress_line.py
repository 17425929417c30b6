"""How far something is that takes more than a second: one line on a terminal, with a rate, which is erased at the end.

Rule: it is shown on standard error, and only if that is a terminal which can erase a line.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DELAY: Final = 1.0  # seconds before anything is shown
_EVERY: Final = 0.1  # seconds
_ERASE: Final = "\r\x1b[K"


@contextmanager
def shown(label: str, total: int | None, unit: str | None) -> Iterator[Callable[[int], None]]:
    """A function to call with what was done; the line is erased at the end, also that of an error."""
    line = _ProgressLine(label, total, unit)
    try:
        yield line.add
    finally:
        line.erase()


class _ProgressLine:
    """A line such as `hashing: 1,536.0 MiB of 4,096.0 MiB, 512.0 MiB/s, 5 s left`; without a `unit`, of bytes."""

    def __init__(self, label: str, total: int | None, unit: str | None) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done, self._shown = 0, False
        self._begin = monotonic()
        self._next = self._begin + _DELAY

    def add(self, number: int) -> None:
        """Count `number` more, and show it if it is time."""
        self._done += number
        now = monotonic()
        if now < self._next:
            return
        self._next, self._shown = now + _EVERY, True
        rate = self._done / (now - self._begin)
        of = f" of {self._amount(self._total)}" if self._total else ""
        rest = (self._total or 0) - self._done
        left = f", {rest / rate:,.0f} s left" if rate and rest > 0 else ""
        text = f"{self._label}: {self._amount(self._done)}{of}, {self._amount(int(rate))}/s{left}"
        self._write(f"{_ERASE}{text[: os.get_terminal_size(sys.stderr.fileno()).columns - 1 or None]}")

    def erase(self) -> None:
        """Remove the line, if there is one."""
        if self._shown:
            self._write(_ERASE)
            self._shown = False

    def _amount(self, number: int) -> str:
        return f"{number / (1 << 20):,.1f} MiB" if self._unit is None else f"{number:,} {self._unit}"

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
