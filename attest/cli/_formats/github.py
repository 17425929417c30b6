"""`--format github`: annotations of a GitHub Actions run, and the summary of its step.

Rule: whatever an input says is data to the runner: no character of it ends a property, a message or a line.
"""

from __future__ import annotations

from typing import Any, Final

from attest.cli._formats import _view, markdown
from attest.cli._formats._text import brief

APPENDED_TO: Final = "GITHUB_STEP_SUMMARY"

# GitHub shows ten of a step; the rest would only fill the log, which has them from standard error already.
_MOST: Final = 50


def render(result: dict[str, Any]) -> bytes:
    """One workflow command a line: an error for everything that failed, or a notice of the yes."""
    failed = _view.failures(result)
    said = [_command("error", failure.message, failure.hint, f"attest: {failure.code}", failure) for failure in failed]
    if not failed:
        said = [_command("notice", _view.headline(result), None, f"attest: {_view.VERDICT[result['result']].lower()}")]
    elif len(said) > _MOST:
        more = f"{len(said) - _MOST:,} more failed; attest says which on standard error"
        said = [*said[:_MOST], _command("error", more, None, "attest")]
    return "\n".join([*said, ""]).encode()


def appended(result: dict[str, Any]) -> bytes:
    """The summary of the step."""
    return markdown.render(result)


def _command(kind: str, message: str, hint: str | None, title: str, failure: _view.Failure | None = None) -> str:
    properties = {"title": title}
    if failure is not None and failure.kind == "envelope" and failure.about != "-":
        properties = {"file": failure.about, **properties}
    told = ",".join(f"{name}={_escaped(brief(value), ':,')}" for name, value in properties.items())
    text = "%0A".join(_escaped(brief(part, 2000)) for part in (message, hint) if part)
    return f"::{kind} {told}::{text}"


def _escaped(text: str, more: str = "") -> str:
    """As the runner reads it back (actions/toolkit, command.ts); line ends are escapes by now."""
    for character in "%" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
