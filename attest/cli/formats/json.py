"""`--format json`: the result object itself.

Rule: it is complete; the other formats may leave things out.
"""

from __future__ import annotations

from typing import Any

from attest.cli.formats._text import dumps


def render(result: dict[str, Any]) -> bytes:
    """The object, indented, in ASCII."""
    return dumps(result)
