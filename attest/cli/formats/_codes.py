"""The meaning of a code, from docs/reference/codes.md and docs/verify/rejected.md, which are part of the package.

Rule: a text is in one place; a missing code has a general text here, and fails a test.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

_ROW: Final = re.compile(r"\| (`.+?`) \| (.+?)(?: \|(?: (.+))?)? \|")
_NAME: Final = re.compile(r"`([a-z0-9-]+)`")
_RULE: Final = re.compile(r"[a-z]+(-[a-z]+)*: ")
_LINK: Final = re.compile(r"\[([^]]+)\]\([^)]+\)")
_SECTIONS: Final = {
    "rejected": "Rejected",
    "signature": "Of a single signature",
    "requirement": "Of a policy's requirement",
    "error": "InputError",
}
# What docs/verify/rejected.md is about.
_NO: Final = tuple(_SECTIONS[kind] for kind in ("rejected", "signature", "requirement"))

Kind = Literal["rejected", "signature", "requirement", "error"]


class CodeMeaning(NamedTuple):
    """What a code means in one section of the register, as plain sentences: why it happens, and what to do next."""

    code: str
    section: str
    meaning: str
    reason: str
    remedies: tuple[str, ...]


def meaning(code: str, kind: Kind) -> str:
    """A sentence on what `code` means for a rejection, a signature, a requirement, or an error."""
    for section in (_SECTIONS[kind], "SignerError", "The program itself"):
        for known in _register().get(code, ()):
            if known.section.partition(":")[0] == section:
                return _capital(known.meaning.replace("`", ""))
    return UNKNOWN


def meanings(code: str) -> tuple[CodeMeaning, ...]:
    """What `code` means in each section that has it; none for an unknown one."""
    return _register().get(code, ())


def codes() -> list[str]:
    """All codes, exit codes included, in the order of docs/reference/codes.md."""
    return list(_register())


def path() -> Path:
    """The document: in the installed package, or in the repository."""
    return _document("codes.md", "reference/codes.md")


UNKNOWN: Final = "See docs/reference/codes.md."


def _document(installed: str, page: str) -> Path:
    package = Path(__file__).parents[2]
    found = package / installed
    return found if found.is_file() else package.parent / "docs" / page


@cache
def _register() -> dict[str, tuple[CodeMeaning, ...]]:
    advice = _advice()
    found: dict[str, tuple[CodeMeaning, ...]] = {}
    section = ""
    for line in path().read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").replace("`", "")
        elif row := _ROW.fullmatch(line):
            for code in _NAME.findall(row[1]):
                reason, remedies = advice.get(code, ("", ())) if section.partition(":")[0] in _NO else ("", ())
                if row[3] and not remedies:
                    remedies = (_sentence(row[3]),)
                known = CodeMeaning(code, section, _sentence(row[2]), reason, remedies)
                found[code] = (*found.get(code, ()), known)
    return found


def _advice() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Why a code of a "no" happens and what to do, from the sections of docs/verify/rejected.md."""
    found = {}
    text = _document("rejected.md", "verify/rejected.md").read_text("utf-8")
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        reason, *remedies = re.split(r"^- ", body.partition("\n## ")[0], flags=re.MULTILINE)
        advice = _plain(reason), tuple(map(_plain, remedies))
        found.update(dict.fromkeys(_NAME.findall(title), advice))
    return found


def _sentence(cell: str) -> str:
    """The text of a cell as a sentence, which may begin with the name of a rule."""
    return _capital(_plain(cell).rstrip(".") + ".")


def _capital(text: str) -> str:
    return text if _RULE.match(text) else text[0].upper() + text[1:]


def _plain(text: str) -> str:
    """Markdown as one line of text, in which only literals are marked."""
    return " ".join(_LINK.sub(r"\1", text).replace("\\|", "|").split())
