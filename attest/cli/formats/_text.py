"""Text as it may be shown anywhere: nothing in it draws on a terminal, or is a command to whoever reads the log.

Rule: what can't be shown is shown as an escape, and never left out.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

# `##[command]` anywhere in a line is a command to a runner of GitHub, `##vso[` to Azure's, `##teamcity[` to TeamCity.
_COMMAND: Final = re.compile(r"##(?=[A-Za-z]*\[)")


def clean(text: str) -> str:
    """`text` with everything that isn't printable escaped, and what a pipeline would take for a command."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return _COMMAND.sub(r"#\\x23", text)


def brief(text: str, limit: int = 300) -> str:
    """`clean` text for people: what is too long to be read loses its middle, and what is empty is said to be."""
    if not text.strip(" "):
        return f"({len(text)} x space)" if text else "(empty)"
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]} ... ({len(text) - 2 * half} characters) ... {text[-half:]}"
    return clean(text)


def dumps(document: dict[str, Any]) -> bytes:
    """JSON in ASCII, so that no input can draw on a terminal, and a name that isn't UTF-8 can be told."""
    text = json.dumps(document, indent=2, allow_nan=False).replace("\x7f", "\\u007f")
    return _COMMAND.sub(r"#\\u0023", text).encode() + b"\n"
