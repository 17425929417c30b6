"""Strict JSON in, stable JSON out, and base64 in both alphabets.

Rule: input that two parsers could read differently is an error.
"""

from __future__ import annotations

import json
import re
from itertools import count
from math import isinf
from typing import TYPE_CHECKING, Any, Final

import jiter
import pybase64

from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 64
PARSER_DEPTH = 200  # that the parser itself goes down to
MAX_VALUES: Final = 1 << 20
MISSING: Final = object()  # what stands nowhere, where null would be a value
_MAX_EXPLAINED = 1 << 20
_SMALL = 64 << 10
_SHARES = {b",": 96, b"[": 128, b"{": 160, b":": 300}
_BYTES_EACH: Final = 16  # of a long document, for each value beyond MAX_VALUES
# Also matches a text that does not end: each byte is looked at once.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+["\\]?'
# tomllib takes a time that grows with the square of the parts of a key.
_LONG_KEY = r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*\.[ \t]*){64}"""

_TO_STANDARD = str.maketrans("-_", "+/")
# How base64 with padding ends if the unused bits of its last character are zero (RFC 4648 section 3.5).
_ZERO_BITS: Final = (*(f"{last}==" for last in "AQgw"), *(f"{last}=" for last in "AEIMQUYcgkosw048"))
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

# A schema is compiled in the time that it saves with this many documents, and most commands read fewer.
_FEW: Final = 128


def loads(data: bytes, *, what: str, max_depth: int = MAX_DEPTH) -> Any:
    """Parse `data` as I-JSON (RFC 7493): UTF-8, no duplicate keys, no NaN, finite numbers, at most `max_depth` deep.

    It has at most MAX_VALUES values, or one for each 16 bytes if that is more.

    `what` names the document in errors. Raises InputError with the codes `json-invalid`, `json-too-deep` or
    `json-too-many-values`, and MemoryError if there is not enough memory.
    """
    if len(data) > _SMALL:
        demand_few(data, what)
        _demand_memory(data)
    try:
        value = jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise _explain(data, what, str(error)) from None
    # Whatever is not plain, or cannot be told quickly, is looked at level by level, which also says what is wrong.
    if max_depth != MAX_DEPTH or not _is_plain(value):
        _check_values(value, what, max_depth)
    return value


def loads_object(data: bytes, *, what: str, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """`loads` for a document that must be a JSON object."""
    value = loads(data, what=what, max_depth=max_depth)
    if value.__class__ is not dict:
        raise InputError("json-invalid", f"{what} is not a JSON object")
    return value


def loads_toml(data: bytes, *, what: str, code: str) -> dict[str, Any]:
    """Parse `data` as TOML that can be written as JSON: no dates, no infinities, at most MAX_DEPTH levels.

    Raises InputError `code`, and `json-too-deep`.
    """
    import tomllib

    try:
        text = data.decode()
        if re.search(_LONG_KEY, text):
            raise InputError(code, f"{what} has a key of more than {MAX_DEPTH} parts")
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError also for an integer of more digits than Python reads
        raise InputError(code, f"{what} is not valid TOML: {_sentence(str(error))}") from None
    try:
        data = dumps(document)
    except InputError as error:
        raise InputError(code, f"{what} has a value that JSON does not have, such as a date: {error.message}") from None
    return loads_object(data, what=what)


def dumps(value: object, *, indent: int | None = None) -> bytes:
    """JSON as UTF-8 bytes: same value, same bytes, keys in their order. Raises InputError for other values."""
    encoder = _COMPACT if indent is None else json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        return encoder.encode(value).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError("json-invalid", f"the value cannot be written as JSON: {error}") from None


def b64encode(data: bytes | memoryview) -> str:
    """Standard base64 with padding, RFC 4648 section 4."""
    return pybase64.b64encode_as_string(data)


def b64decode(text: object, *, where: str) -> bytes:
    """Decode standard or URL-safe base64 (RFC 4648 sections 4 and 5), padded and canonical.

    DSSE v1.0.2 lets signers use either alphabet. Mixed alphabets, white space, missing padding and non-zero trailing
    bits are refused: one value has one spelling in each alphabet. Raises InputError `base64-invalid` at `where`.
    """
    if not isinstance(text, str):
        raise InputError("base64-invalid", "expected a base64 string", where=where)
    standard = text
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise InputError("base64-invalid", "the text mixes the two alphabets of base64", where=where)
        standard = text.translate(_TO_STANDARD)
    try:
        data = pybase64.b64decode(standard, validate=True)
    except ValueError as error:
        raise InputError("base64-invalid", f"the text is not base64: {_sentence(str(error))}", where=where) from None
    if standard.endswith("=") and not standard.endswith(_ZERO_BITS):
        raise InputError("base64-invalid", "the text is not base64: the unused bits are not zero", where=where)
    return data


def pointer(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) made of `steps`; `/` for the document itself, where the RFC has an empty string."""
    return "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def steps(text: str) -> tuple[str, ...]:
    """The steps of a JSON pointer, the inverse of `pointer`."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def at(value: Any, *steps: str) -> Any:
    """The value at these steps in a JSON value, or MISSING."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(value):
            value = value[int(step[:9])]
        else:
            return MISSING
    return value


def demand_few(data: bytes, what: str) -> None:
    """Raises InputError `json-too-many-values` for many tiny values, which take far more memory and time than bytes."""
    most = max(MAX_VALUES, len(data) // _BYTES_EACH)
    # More than there are, because texts have commas and brackets too; only then is it worth leaving the texts out.
    if _values(data) <= most:
        return
    # After so many texts there are too many values, because an item is one text, or two with its name.
    if _values(b"".join(re.split(_TEXT, data, maxsplit=2 * most + 2, flags=re.DOTALL))) > most:
        hint = "Split it, or leave out what is not needed."
        raise InputError("json-too-many-values", f"{what} has more than {most:,} values", hint=hint)


def _values(data: bytes) -> int:
    return 1 + data.count(b",") + data.count(b"[") + data.count(b"{")


def _demand_memory(data: bytes) -> None:
    """Raises MemoryError where reading `data`, and checking it against a schema, could need more memory than there is.

    Both are done in Rust, which ends the whole process then. So this much is allocated first, and let go without being
    touched: a share for each character, list, object, item and member, three times what was measured for any input.
    """
    wide = not data.isascii() or b"\\u" in data
    need = len(data) * (6 if wide else 2) + sum(data.count(mark) * each for mark, each in _SHARES.items())
    bytes(need)  # not a bytearray, whose every byte is written


def _explain(data: bytes, what: str, reason: str) -> InputError:
    if not data.strip():
        return InputError(
            "json-invalid", f"{what} is empty", hint="Check the command that wrote it: it may have failed."
        )
    if reason.startswith("recursion limit"):
        return InputError("json-too-deep", f"{what} is nested too deeply")
    hint = "The end is missing. Copy it again, or write it again." if reason.startswith("EOF") else None
    if data.startswith(b"\xef\xbb\xbf"):
        reason, hint = "it begins with a byte order mark", "Write it in UTF-8 without a byte order mark (BOM)."
    elif data.lstrip()[:1] not in b'{["':
        hint = "Check that it is the right file; it does not look like JSON."
    where = _place_of_duplicate(data) if "duplicate key" in reason else None
    return InputError("json-invalid", f"{what} is not valid JSON: {_sentence(reason)}", where=where, hint=hint)


class _Twice(dict[str, Any]):
    """An object in which a name stands twice."""

    name = ""


def _place_of_duplicate(data: bytes) -> str | None:
    """The pointer of a name that stands twice in its object; None where finding it would cost too much."""

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found, names = dict(pairs), set[str]()
        for name, _ in pairs:
            if name in names:
                found = _Twice(pairs)
                found.name = name
                break
            names.add(name)
        return found

    if len(data) > _MAX_EXPLAINED:
        return None
    # Each with its place: a step below another place. A path each would take as much as the input is deep and wide.
    try:
        level: list[tuple[Any, Any]] = [((), json.loads(data, object_pairs_hook=keep))]
    except (ValueError, RecursionError):
        return None
    while level:
        below: list[tuple[Any, Any]] = []
        for place, value in level:
            if isinstance(value, _Twice):
                return pointer(*_path(place), value.name)
            items = value.items() if isinstance(value, dict) else enumerate(value)
            below += [((place, step), item) for step, item in items if isinstance(item, dict | list)]
        level = below
    return None


def _path(place: Any) -> list[str | int]:
    steps = []
    while place:
        place, step = place
        steps.append(step)
    return steps[::-1]


def _sentence(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _walk_first(value: Any) -> bool:
    """What `_is_plain` is for the first documents: nothing is told quickly yet."""
    global _is_plain
    if next(_walked) >= _FEW:
        from attest._base.plain_json import compiled

        _is_plain = compiled(MAX_DEPTH)
    return False


_walked = count(1)
_is_plain: Callable[[Any], bool] = _walk_first


def _check_values(value: Any, what: str, max_depth: int) -> None:
    """Refuse what the parser let pass: too many levels, and numbers like 1e999 that were read as infinity."""
    level: list[Any] = [(value,)]
    for _ in range(max_depth + 1):
        below = []
        for container in level:
            for item in container.values() if container.__class__ is dict else container:
                kind = item.__class__
                if kind is str:
                    continue
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is float and isinf(item):
                    raise InputError("json-invalid", f"{what} has a number that is out of range")
        if not below:
            return
        level = below
    raise InputError("json-too-deep", f"{what} is nested more than {max_depth} levels deep")
