"""The meaning of a code, from docs/reference/codes.md, which is part of the package.

Rule: the text is in one place; a missing code has a general text here, and fails a test.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

_ROW: Final = re.compile(r"\| (`.+?`) \| (.+) \|")
_NAME: Final = re.compile(r"`([a-z0-9-]+)`")
_RULE: Final = re.compile(r"[a-z]+(-[a-z]+)*: ")
_SECTIONS: Final = {
    "rejected": "Rejected",
    "signature": "Of a single signature",
    "requirement": "Of a policy's requirement",
    "error": "InputError",
}


Kind = Literal["rejected", "signature", "requirement", "error"]


def meaning(code: str, kind: Kind) -> str:
    """A sentence on what `code` means for a rejection, a signature, a requirement, or an error."""
    texts = _texts()
    for section in (_SECTIONS[kind], "SignerError"):
        if code in texts.get(section, {}):
            return texts[section][code]
    return _OWN.get(code, UNKNOWN)


def path() -> Path:
    """The document: in the installed package, or in the repository."""
    package = Path(__file__).parents[2]
    installed = package / "codes.md"
    return installed if installed.is_file() else package.parent / "docs" / "reference" / "codes.md"


UNKNOWN: Final = "See docs/reference/codes.md."
# What docs/reference/codes.md says in prose, about the program itself.
_OWN: Final = {
    "bug": "An internal error of attest. Nothing was decided.",
    "interrupted": "The program was interrupted. Nothing was decided.",
}


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    section = ""
    for line in path().read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").partition(":")[0]
        elif row := _ROW.fullmatch(line):
            text = f"{row[2]}.".replace("`", "")
            # A sentence, unless it begins with the name of a rule.
            text = text if _RULE.match(text) else text[0].upper() + text[1:]
            found.setdefault(section, {}).update(dict.fromkeys(_NAME.findall(row[1]), text))
    return found
