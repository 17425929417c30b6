"""How numbers are written in texts that people read.

Rule: a noun is never printed in the plural for one thing.
"""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """`1 artifact`, `2 artifacts`, `1,024 identities`."""
    several = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else several}"
