"""Text that is safe to show anywhere: it cannot control a terminal, and is no command to a CI runner.

Rule: what cannot be shown is shown as an escape, and never left out.
"""

from __future__ import annotations

import re
from typing import Any, Final

# `##[command]` anywhere in a line is a command to a runner of GitHub, `##vso[` to Azure's, `##teamcity[` to TeamCity.
_COMMAND: Final = re.compile(r"##(?=[A-Za-z]*\[)")


def clean(text: str) -> str:
    """`text` with escapes for what is not printable, and for what a CI runner would take for a command."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return _COMMAND.sub(r"#\\x23", text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode()


def brief(text: str, limit: int = 300) -> str:
    """`clean` text for people: a long text loses its middle, and an empty one is shown as `(empty)`."""
    if not text.strip(" "):
        return f"({len(text)} x space)" if text else "(empty)"
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]} ... ({len(text) - 2 * half} characters) ... {text[-half:]}"
    return clean(text)


def dumps(document: dict[str, Any]) -> bytes:
    """JSON in ASCII, so that no input can control a terminal, and a name that is not UTF-8 can be shown."""
    import json  # which --help does without

    text = json.dumps(document, indent=2, allow_nan=False).replace("\x7f", "\\u007f")
    return _COMMAND.sub(r"#\\u0023", text).encode() + b"\n"
