"""Words around numbers in texts that people read.

Rule: a plural is made here, so that no text says `1 warnings`.
"""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """`1 artifact`, `2 artifacts`, `1,024 artifacts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
