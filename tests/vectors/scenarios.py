"""How a scenario is stored in one file of fixtures/vectors, and how it is read and laid out as files again.

Rule: fixtures/README.md describes the format, and this file reads and writes it; nothing of the package is used here.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parents[2] / "fixtures" / "vectors"
# The files that every scenario has, by the names under which they are laid out.
ENVELOPE, TRUST, TRUST_ROOT = "envelope.json", "trust.json", "trust-root.json"
# The folder of the files of trust that scenarios share; each other folder has the scenarios of one subject.
SHARED = "trust"

_MOST_EXACT = 2**53  # above it, and with fractions, JSON libraries disagree about numbers


class Scenario(NamedTuple):
    """One scenario: its name, what is asked and expected, and the bytes of its files by the paths that it names.

    `document` has title, why, now, artifacts, options and expect, as fixtures/README.md describes them.
    """

    name: str
    document: dict[str, Any]
    files: dict[str, bytes]

    def trusts(self) -> dict[str, bytes]:
        """The trust bundle and, if there is one, the file with the roots or the version before, by their paths."""
        return {path: self.files[path] for path in (TRUST, TRUST_ROOT) if path in self.files}

    def lay_out(self, folder: Path) -> None:
        """Write the files below `folder`, where the names in `document` then lead to them."""
        for path, data in self.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


@cache
def paths() -> dict[str, Path]:
    """Where each scenario is stored, by its name, sorted."""
    found = {path.stem: path for path in FOLDER.glob("*/*.json") if path.parent.name != SHARED}
    return dict(sorted(found.items()))


@cache
def load(name: str) -> Scenario:
    """The scenario of that name, as it is stored. Raises KeyError if there is none."""
    document = json.loads(paths()[name].read_bytes())
    files = {ENVELOPE: document.pop("envelope"), TRUST: document.pop("trust"), **document.pop("files")}
    return Scenario(name, document, {path: _bytes(content) for path, content in files.items()})


def stored(scenario: Scenario, shared: Mapping[bytes, str]) -> bytes:
    """The file of a scenario; what is in `shared` is referred to by its path there."""
    contents = {
        path: {"file": shared[data]} if data in shared else _content(data) for path, data in scenario.files.items()
    }
    document = dict(scenario.document)
    expect = document.pop("expect")
    document |= {"envelope": contents.pop(ENVELOPE), "trust": contents.pop(TRUST), "files": contents, "expect": expect}
    return json.dumps(document, indent=2).encode() + b"\n"


def indented(value: object) -> bytes:
    """JSON as people read it: of a content with the member `json`."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _bytes(content: Mapping[str, Any]) -> bytes:
    [(kind, value)] = content.items()
    match kind:
        case "file":
            return _shared(value)
        case "json":
            return indented(value)
        case "text":
            return str(value).encode()
        case "base64":
            return base64.b64decode(value, validate=True)
    raise ValueError(f"a content is file, json, text or base64, and not {kind}")


@cache
def _shared(path: str) -> bytes:
    return (FOLDER / path).read_bytes()


def _content(data: bytes) -> dict[str, Any]:
    """The most readable form that leads back to `data` with every JSON library."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    try:
        value = json.loads(text, parse_float=_refuse, parse_int=_exact, parse_constant=_refuse)
        return {"json": value} if indented(value) == data else {"text": text}
    except (ValueError, RecursionError):
        return {"text": text}


def _exact(number: str) -> int:
    if abs(int(number)) >= _MOST_EXACT:
        raise ValueError(number)
    return int(number)


def _refuse(number: str) -> Any:
    raise ValueError(number)
