"""`--format github`: annotations of a GitHub Actions run, and the summary of its step.

Rule: text of an input is only data for the runner: no character of it ends a property, a message or a line.
"""

from __future__ import annotations

from typing import Any, Final

from attest.cli.formats import _view, markdown
from attest.cli.formats._text import brief

APPENDED_TO: Final = "GITHUB_STEP_SUMMARY"

# GitHub shows ten of a kind for each step; the others are in the log anyway, from standard error.
_MOST: Final = 10
_NOWHERE: Final = (None, None)


def render(result: dict[str, Any]) -> bytes:
    """One workflow command a line: an error for each problem, or a notice of the result; and notices of the rest."""
    failed = [
        _command(
            "error",
            failure.code,
            failure.message,
            failure.hint,
            _view.place(failure.about, result) if failure.kind in ("envelope", "requirement") else _NOWHERE,
        )
        for failure in _view.failures(result)
    ]
    if not failed:
        failed = [_command("notice", _view.VERDICT[result["result"]].lower(), _view.headline(result))]
    signed = [_command("notice", "signed by", who) for who in _view.identities(result)]
    policies = _view.policies(result)
    each = [
        _command("notice", "policy", f"{one['file']}: {one['summary']} (sha256:{one['sha256']})")
        for one in (policies if len(policies) > 1 else ())  # of a single one it is the verdict
    ]
    aside = [
        _command(
            "notice",
            f"ignored: {code}",
            reason if number == 1 else f"{reason} ({number:,} times)",
            place=_view.place(names[0], result),
        )
        for code, reason, names, number in _view.ignored_alike(result)
    ]
    return "\n".join(
        [*_shown("error", failed), *_shown("notice", signed), *_shown("notice", each), *_shown("notice", aside), ""]
    ).encode()


def appended(result: dict[str, Any]) -> bytes:
    """The summary of the step."""
    return markdown.render(result)


def _shown(kind: str, commands: list[str]) -> list[str]:
    """As many as GitHub shows; if there are more, the last one says how many."""
    if len(commands) <= _MOST:
        return commands
    more = f"{len(commands) - _MOST + 1:,} more; standard error and the summary of this step list them"
    return [*commands[: _MOST - 1], _command(kind, "more", more)]


def _command(
    kind: str, title: str, message: str, hint: str | None = None, place: tuple[str | None, int | None] = _NOWHERE
) -> str:
    """A workflow command, on the file and line of an envelope that has them."""
    name, line = place
    properties = {} if name in (None, "-") else {"file": name, "line": str(line or 1)}
    properties["title"] = f"attest: {title}"
    told = ",".join(f"{key}={_escaped(brief(value), ':,')}" for key, value in properties.items())
    text = "%0A".join(_escaped(brief(part, 2000)) for part in (message, hint) if part)
    return f"::{kind} {told}::{text}"


def _escaped(text: str, more: str = "") -> str:
    """As the runner reads it back (actions/toolkit, command.ts); line ends are escapes by now."""
    for character in "%" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
