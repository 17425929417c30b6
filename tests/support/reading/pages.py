"""Pages that are executed: the commands of a page's `console` blocks run in one shell, and print what it shows.

Rule: a page is tried as a reader would: in one fresh folder, from its first command to its last.

A command begins with `$ ` and goes on after a `\\` at the end of a line, and to the end of a here-document. Under it is
all that it prints, on both streams; `...` is any text, and `[exit N]` its exit code. A block of `sh` is what only a
machine with a network, or someone with other rights, can run.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from tests.support.cli import forks

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

DOCS = Path(__file__).parents[3] / "docs"
# What is written, and not what the site makes.
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if page.parent.name not in ("adr", "commands")]
_HEX = re.compile(r"\b[0-9a-f]{64}\b")
# What differs from run to run: keys are fresh, and time goes by.
_VARYING = [
    (_HEX, "<hex>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<serial>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\d+(\.\d+)? ms"), "<ms>"),
]


class Command(NamedTuple):
    """What a reader types, with its lines, and what the page says that it prints and ends with."""

    line: str
    output: str
    code: int


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    found = re.finditer(rf"^( *)```{language}\n(.*?)^\1```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{block[1]}", "", block[2], flags=re.MULTILINE) for block in found]


def commands(page: Path) -> list[Command]:
    """Every command of the `console` blocks, in order."""
    found = []
    for part in re.split(r"^\$ ", "".join(blocks(page, "console")), flags=re.MULTILINE)[1:]:
        typed = re.match(r"(?:.*\\\n)*.*<<'END'.*\n(?:.*\n)*?END\n|(?:.*\\\n)*.*\n", part)
        assert typed is not None, part
        output = part[typed.end() :]
        code = re.search(r"^\[exit (\d+)\]\n", output, re.MULTILINE)
        output = re.sub(r"^\[exit \d+\]\n", "", output, flags=re.MULTILINE)
        found.append(Command(typed[0].rstrip("\n"), output.strip(), int(code[1]) if code else 0))
    return found


def play(
    page: Path,
    folder: Path,
    *,
    environ: Mapping[str, str],
    replace: Mapping[str, str] | None = None,
    leave_out: Container[str] = (),
    before: str = "",
) -> int:
    """Run the commands of a page in one shell, and return how many there were; AssertionError for a difference.

    `replace` has words of the page that are others here, such as a port that may be taken; `leave_out` has commands.
    `before` is what the same shell runs first: what a page says that its reader has already.
    """
    mark = f"<{uuid4().hex}>"
    expected = [command for command in commands(page) if command.line not in leave_out]
    script = f"{{ set -e\n{_replaced(before, replace)}\nset +e\n}} > {folder}/.before 2>&1\n" if before else ""
    script += "".join(f"{{ {_replaced(one.line, replace)}\n}} 2>&1\necho '{mark}' $?\n" for one in expected)
    env = {"HOME": str(folder), "LC_ALL": "C.UTF-8", **environ}
    env.setdefault("PATH", f"{forks.folder(env)}:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin")
    shell = subprocess.Popen(
        ["bash", "--norc", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        printed, _ = shell.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)  # what the page left running in the background
        shell.wait()
    rest = printed.decode()
    seen: dict[str, str] = {}
    for command in expected:
        shown, found, rest = rest.partition(mark)
        if not found:
            log = folder / ".before"
            raise AssertionError(command.line, "the shell ended", shown, log.read_text() if log.is_file() else "")
        code, _, rest = rest.partition("\n")
        wanted = re.escape(_normal(_replaced(command.output, replace))).replace(r"\.\.\.", "(?s:.*)")
        assert re.fullmatch(wanted, _normal(shown)), f"{command.line}\nprints\n{shown}\nand not\n{command.output}"
        assert int(code) == command.code, (command.line, shown)
        _compare_hex(command, _replaced(command.output, replace), shown, seen)
    return len(expected)


def _compare_hex(command: Command, output: str, shown: str, seen: dict[str, str]) -> None:
    """A keyid or digest of the page stands for one value of this run, and no other one stands for the same."""
    begin, end = (_HEX.findall(part) for part in (output.partition("...")[0], output.rpartition("...")[2]))
    found = _HEX.findall(shown)
    pairs = list(zip(begin, found, strict=False))
    if "..." in output:
        pairs += zip(reversed(end), reversed(found), strict=False)
    for written, value in pairs:
        assert seen.setdefault(written, value) == value, (command.line, written, "stands for two values")
        others = [other for other, its in seen.items() if its == value and other != written]
        assert not others, (command.line, written, "is also shown as", *others)


def _replaced(text: str, replace: Mapping[str, str] | None) -> str:
    for word, other in (replace or {}).items():
        text = text.replace(word, other)
    return text


def _normal(text: str) -> str:
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return text.strip()
