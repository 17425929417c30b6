"""Changes inputs by their structure: JSON by its nodes, DER by its lengths, and both where they stand in base64 or PEM.

Rule: what has no such structure is left to the fuzzer's own mutations, and so is a third of what has.
"""

from __future__ import annotations

import base64
import json
import re
from random import Random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Mutate = Callable[[bytes, int], bytes]

_EDGES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1.0, 1e308, -0.0, 2**31, 2**53 + 1, 2**64, 10**400, "", " ", "*", "**", "\x00", "/"),
    *(
        "é",
        "\U0001f600",
        "\u202e",
        "\x1b[2J",
        "~",
        "é" * 3000,
        "==",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
    ),
    *([], {}, [[]], [{}], {"": ""}),
)
_PEM: Final = re.compile(r"(-----BEGIN ([A-Z0-9 ]+)-----\n)([A-Za-z0-9+/=\s]+)(-----END \2-----)")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_MAX_POOL: Final = 4000
_DEEPEST: Final = 24  # levels of DER


class Mutator:
    """Mutations that know what the inputs in `seen` are made of; `mutate` is the fuzzer's own, over (data, most)."""

    def __init__(self, seen: Iterable[bytes], mutate: Mutate) -> None:
        self._mutate = mutate
        self._keys: list[str] = []
        self._values: list[Any] = list(_EDGES)
        for data in seen:
            self._learn(_json(data))
        self._keys = sorted({*self._keys}) or [""]
        self._texts = [value for value in self._values if isinstance(value, str)]

    def __call__(self, data: bytes, most: int, seed: int) -> bytes:
        """Another input of at most `most` bytes, which `seed` decides."""
        random = Random(seed)
        if random.random() < 0.33:
            return self._mutate(data, most)
        made = self._change(data, random)
        return made if made is not None and len(made) <= most else self._mutate(data, most)

    def _change(self, data: bytes, random: Random) -> bytes | None:
        value = _json(data)
        lines = data.split(b"\n")
        if value is None and any(line.startswith(b"{") for line in lines):  # JSON Lines
            index = random.randrange(len(lines))
            act = random.randrange(8)
            changed = self._change(lines[index], random) if act > 2 else None
            if changed is not None:
                lines[index] = changed
            elif act == 0:
                lines.insert(index, random.choice(lines))
            elif act == 1:
                del lines[index]
            elif act == 2:
                random.shuffle(lines)
            else:
                return None
            return b"\n".join(lines)
        if value is None:
            return change_pem(data, random, self._mutate) or change_der(data, random, self._mutate)
        holder = [value]
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            self._change_node(holder, random)
        indent = random.choice((None, None, None, 1))
        try:
            return json.dumps(holder[0], ensure_ascii=random.random() < 0.2, indent=indent).encode()
        except (ValueError, RecursionError):
            return None

    def _change_node(self, holder: list[Any], random: Random) -> None:
        """Change one place below `holder`."""
        places: list[tuple[Any, Any]] = []
        level: list[Any] = [holder]
        while level:
            at = level.pop()
            for step, item in at.items() if isinstance(at, dict) else enumerate(at):
                places.append((at, step))
                if isinstance(item, dict | list):
                    level.append(item)
        at, step = random.choice(places)
        item = at[step]
        act = random.randrange(10)
        if act == 0:
            at[step] = self._value(random)
        elif act == 1 and at is not holder:
            del at[step]
        elif act == 2:
            other, place = random.choice(places)
            at[step] = _copy(other[place])
        elif isinstance(item, dict) and act < 7:
            self._change_members(item, random)
        elif isinstance(item, list):
            item.insert(
                random.randint(0, len(item)), _copy(random.choice(item)) if item and act < 7 else self._value(random)
            )
        elif isinstance(at, dict) and act == 3:
            at[random.choice(self._keys)] = at.pop(step)
        elif isinstance(item, str):
            at[step] = self._text(item, random)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            at[step] = random.choice((item + 1, -item, item - 1, float(item) if abs(item) < 1e300 else 0, str(item)))
        else:
            at[step] = self._value(random)

    def _change_members(self, item: dict[str, Any], random: Random) -> None:
        if item and random.random() < 0.3:
            names = list(item)
            random.shuffle(names)
            renamed = random.choice(names)
            for name in names:
                item[random.choice(self._keys) if name == renamed else name] = item.pop(name)
        else:
            item[random.choice(self._keys)] = self._value(random)

    def _value(self, random: Random) -> Any:
        return _copy(random.choice(self._values))

    def _text(self, text: str, random: Random) -> str:
        if (pem := change_pem(text.encode("utf-8", "replace"), random, self._mutate)) is not None:
            return pem.decode("utf-8", "replace")
        if random.random() < 0.8 and _BASE64.fullmatch(text):
            try:
                inner = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))
            except ValueError:
                inner = b""
            changed = self._change(inner, random)
            if changed is not None:
                return base64.b64encode(changed).decode()
        act = random.randrange(4)
        if act == 0:
            return random.choice(self._texts)
        if act == 1:
            return text + random.choice(("*", "/", "?", "\x00", "\n", "é", "${", "#", "%", " ", text[-1:]))
        return self._mutate(text.encode("utf-8", "replace"), len(text) + 16).decode("utf-8", "replace")

    def _learn(self, value: Any) -> None:
        level = [value]
        while level and len(self._values) < _MAX_POOL:
            item = level.pop()
            if isinstance(item, dict):
                self._keys += item
                level += item.values()
            elif isinstance(item, list):
                level += item
            if item is not None and len(repr(item)) < 2000:
                self._values.append(item)


def _json(data: bytes) -> Any:
    """The JSON object or list in `data`, or None."""
    if data[:1] not in (b"{", b"["):
        return None
    try:
        value = json.loads(data)
        return value if isinstance(value, dict | list) else None
    except (ValueError, RecursionError):
        return None


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value)) if isinstance(value, dict | list) else value


def change_pem(data: bytes, random: Random, mutate: Mutate) -> bytes | None:
    """`data` with the DER in one of its PEM blocks changed, or None where there is none."""
    text = data.decode("latin-1")
    blocks = list(_PEM.finditer(text))
    if not blocks or random.random() < 0.2:
        return None
    block = random.choice(blocks)
    try:
        changed = change_der(base64.b64decode("".join(block[3].split())), random, mutate)
    except ValueError:
        return None
    if changed is None:
        return None
    body = base64.encodebytes(changed).decode()
    return (text[: block.start()] + block[1] + body + block[4] + text[block.end() :]).encode("latin-1")


def change_der(data: bytes, random: Random, mutate: Mutate) -> bytes | None:
    """DER with one of its values changed, left out or said twice, and every length around it right."""
    row = values(data)
    if row is None:
        return None
    index = random.randrange(len(row))
    tag, content = row[index]
    below = values(content) if tag[0] & 0x20 or tag[0] in (0x03, 0x04) else None
    act = random.randrange(12)
    if below is not None and act > 1:
        changed = change_der(content, random, mutate)
        if changed is not None:
            row[index] = (tag, changed)
    elif act == 0:
        row.insert(index, random.choice(row))
    elif act == 1 and len(row) > 1:
        del row[index]
    elif act == 2:
        row[index] = (bytes([random.randrange(256)]), content)
    elif act == 3:
        random.shuffle(row)
    else:
        row[index] = (tag, mutate(content, len(content) + 8))
    return b"".join(tag + _length(content) + content for tag, content in row)


def values(data: bytes) -> list[tuple[bytes, bytes]] | None:
    """The tags and contents that `data` is a row of, or None where it isn't."""
    found = []
    at = 0
    while at < len(data):
        tag, size, at = data[at : at + 1], data[at + 1] if at + 1 < len(data) else 0x80, at + 2
        if tag[0] & 0x1F == 0x1F or size == 0x80:
            return None
        if size > 0x80:
            more = size & 0x7F
            size, at = int.from_bytes(data[at : at + more], "big"), at + more
        if at + size > len(data):
            return None
        found.append((tag, data[at : at + size]))
        at += size
    return found or None


def _length(content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([size])
    length = size.to_bytes(4, "big").lstrip(b"\0")
    return bytes([0x80 | len(length)]) + length
