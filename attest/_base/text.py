"""How numbers are written in texts that people read.

Rule: a noun is never printed in the plural for one thing.
"""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """`1 artifact`, `2 artifacts`, `1,024 artifacts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
