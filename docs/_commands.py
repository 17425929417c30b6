"""Pages about commands, made from click and from sessions that the tests replay.

Rule: nothing is written here that a command does not say itself.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from attest.cli import attest
from attest.cli._commands import every

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER: Final = Path("reference", "commands")
TRANSCRIPTS: Final = Path(__file__).parents[1] / "fixtures" / "transcripts"
_SESSIONS: Final = 2  # of each command
_LINES: Final = 20  # of what a command prints
_WIDTH: Final = 200
_CODE: Final = re.compile(r"(`[^`]+`)")
_SPECIAL: Final = re.compile(r"([\\*_\[\]<>#|~$])")
_PAGE: Final = re.compile(r"docs/([\w/-]+\.md)")


class Step(NamedTuple):
    """One command of a transcript."""

    line: str
    printed: list[str]
    code: int


def steps() -> list[Step]:
    """What the transcripts show, those of errors apart."""
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.txt")):
        if path.stem.startswith(("help", "usage")) or path.stem.endswith("refusals"):
            continue
        for part in re.split(r"^\$ ", path.read_text(), flags=re.MULTILINE)[1:]:
            line, *rest = part.strip().splitlines()
            printed = [one[2:] for one in rest if one.startswith(("|", "!"))]
            code = re.search(r"^exit (\d+)$", part, re.MULTILINE)
            found.append(Step(line, printed, int(code[1]) if code else 0))
    return found


def write(site: Path) -> None:
    """Write a page for each command into the sources of the site, where nothing else is in the folder."""
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    sessions = steps()
    written = set()
    for name in attest.list_commands(click.Context(attest)):
        below = every(attest.commands[name], "attest", name)
        sections = [_section(path, command, sessions) for path, command in below]
        page = folder / f"{name}.md"
        text = "\n".join(sections)
        if not page.is_file() or page.read_text() != text:  # what did not change is not read again
            page.write_text(text)
        written.add(page)
    for page in set(folder.glob("*.md")) - written:
        page.unlink()


def _section(path: tuple[str, ...], command: click.Command, sessions: Iterable[Step]) -> str:
    context = click.Context(command, info_name=" ".join(path))
    usage = command.get_usage(context).removeprefix("Usage: ")
    lines = [f"{'#' * (len(path) - 1)} {' '.join(path)}", ""]
    if not isinstance(command, click.Group):
        lines += ["```text", " ".join(usage.split()), "```", ""]
    lines += [*_prose(command.help or ""), ""]
    if not isinstance(command, click.Group):
        lines += [line for param in command.get_params(context) for line in _param(param, context)]
    for step in _examples(" ".join(path), sessions) if not isinstance(command, click.Group) else ():
        lines += ["```console", f"$ {step.line}", *step.printed, "```", ""]
    return "\n".join(lines)


def _prose(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if "\b" not in paragraph:
            yield _escaped(paragraph)
        else:
            _, title, *lines = paragraph.splitlines()
            yield from (_escaped(title), "", "```text", *(line.strip() for line in lines), "```")
        yield ""


def _param(param: click.Parameter, context: click.Context) -> Iterator[str]:
    if not isinstance(param, click.Option) or param.hidden:
        return
    metavar = "" if param.is_flag or param.count else f" {param.make_metavar(context)}"
    names = ", ".join(f"`{name}{metavar}`" for name in (*param.opts, *param.secondary_opts))
    extra = param.get_help_extra(context)
    yield from (names, f": {_escaped(param.help or '')}")
    facts = ["Required." if "required" in extra else ""]
    facts += [f"Default: {_escaped(extra['default'].strip('()'))}." if "default" in extra else ""]
    facts += [f"Range: {_escaped(extra['range'])}." if "range" in extra else ""]
    facts += [f"Variable: [`{name}`](../environment.md)." for name in extra.get("envvars", ())]
    if any(facts):
        yield from ("", f"  {' '.join(fact for fact in facts if fact)}")
    yield ""


def _escaped(text: str) -> str:
    """Plain text as Markdown, with what is in backquotes as code and pages of the documentation as links."""
    parts = _CODE.split(" ".join(text.split()))
    prose = (part if part.startswith("`") else _SPECIAL.sub(r"\\\1", part) for part in parts)
    return _PAGE.sub(lambda found: f"[{_title(found[1])}](../../{found[1]})", "".join(prose))


def _title(page: str) -> str:
    return Path(__file__).parent.joinpath(page).read_text().partition("\n")[0].removeprefix("# ")


def _examples(path: str, sessions: Iterable[Step]) -> list[Step]:
    """The first sessions that show a command, and that a reader can take in."""
    called = re.compile(rf"(^|[|;&]\s*){re.escape(path)}(\s|$)")
    short = (
        step
        for step in sessions
        if step.code == 0
        and called.search(step.line)
        and len(step.printed) <= _LINES
        and all(len(line) <= _WIDTH for line in (step.line, *step.printed))
    )
    return list(short)[:_SESSIONS]
