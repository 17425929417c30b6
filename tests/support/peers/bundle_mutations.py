"""Mutations of Sigstore bundles: one field is changed, removed, or taken from another bundle, also in its base64."""

from __future__ import annotations

import base64
import binascii
import json
from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, Any

from attest._base.json import b64encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STRANGE: tuple[Any, ...] = (None, "", "x", "AA==", 0, -1, True, [], {}, "0", "1")


def mutations(bundle: Any, others: Sequence[Any], seed: int) -> Iterator[tuple[str, Any]]:
    """Without end: the JSON pointer of the field that was changed, and the changed bundle."""
    random = Random(seed)
    fields = list(_fields(bundle, ()))
    while True:
        path = random.choice(fields)
        changed = deepcopy(bundle)
        place = _at(changed, path[:-1])
        found = _change(place, path, others, random)
        if found is not None and changed != bundle:
            yield "/" + "/".join(map(str, path)) + found, changed


def _fields(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _fields(item, (*path, key))


def _at(value: Any, path: Sequence[Any]) -> Any:
    for key in path:
        value = value[key]
    return value


def _change(place: Any, path: Sequence[Any], others: Sequence[Any], random: Random) -> str | None:
    """Change one field; what was done, or None if nothing was."""
    key = path[-1]
    value = place[key]
    match random.randrange(6):
        case 0:
            del place[key]
            return " removed"
        case 1:
            place[key] = random.choice(_STRANGE)
            return f" = {place[key]!r}"
        case 2:
            try:
                place[key] = deepcopy(_at(random.choice(others), path))
            except (KeyError, IndexError, TypeError):
                return None
            return " of another"
        case 3 if isinstance(value, list) and value:
            value.insert(random.randrange(len(value) + 1), deepcopy(random.choice(value)))
            return " repeated"
        case 3 if isinstance(value, dict):
            value["".join(random.choices("abcxyz", k=3))] = 1
            return " with another field"
    if isinstance(value, str):
        place[key] = _text(value, key, random)
        return " changed"
    return None


def _text(text: str, key: Any, random: Random) -> str:
    if text.isdigit():
        return str(max(0, int(text) + random.choice([-(10**9), -2, -1, 1, 2, 10**9])))
    if key == "envelope":
        return _lines(text, random)
    try:
        data = bytearray(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        data = bytearray()
    if not data:
        place = random.randrange(len(text) + 1)
        return text[:place] + random.choice("a 0+/%") + text[place + random.randrange(2) :]
    if key == "canonicalizedBody" and random.randrange(2):
        return b64encode(json.dumps(next(mutations(json.loads(data), [json.loads(data)], random.random()))[1]).encode())  # type: ignore[arg-type]
    place = random.randrange(len(data))
    match random.randrange(4):
        case 0:
            del data[place]
        case 1:
            data.append(0)
        case _:
            data[place] ^= 1 << random.randrange(8)
    return b64encode(bytes(data))


def _lines(text: str, random: Random) -> str:
    lines = text.split("\n")
    place = random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, lines[place])
        case 2:
            other = random.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        case _:
            line = lines[place]
            at = random.randrange(len(line) + 1)
            lines[place] = line[:at] + random.choice("a 0+/\r") + line[at + random.randrange(2) :]
    return "\n".join(lines)
