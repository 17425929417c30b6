"""JSON values that cannot be changed, but are otherwise ordinary: `json.dumps` and `isinstance(x, dict)` take them.

Rule: every change is a TypeError; `copy.deepcopy` makes an ordinary value.
"""

from __future__ import annotations

from typing import Any, NoReturn


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError("the value is read-only; change a copy of it (copy.deepcopy)")


class ReadOnlyDict(dict[str, Any]):
    """A JSON object that cannot be changed. Made by `read_only`."""

    __slots__ = ()

    __init__ = __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return dict, (dict(self),)


class ReadOnlyList(list[Any]):
    """A JSON array that cannot be changed. Made by `read_only`."""

    __slots__ = ()

    __init__ = __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return list, (list(self),)


def read_only(value: Any) -> Any:
    """A read-only copy of a JSON value, all that is inside it included."""
    kind = type(value)
    if kind is dict:
        made: Any = dict.__new__(ReadOnlyDict)
        dict.update(made, value)
        for name, item in value.items():
            if type(item) in _CONTAINERS:
                dict.__setitem__(made, name, read_only(item))
        return made
    if kind is list:
        made = list.__new__(ReadOnlyList)
        list.extend(made, value)
        for index, item in enumerate(value):
            if type(item) in _CONTAINERS:
                list.__setitem__(made, index, read_only(item))
        return made
    return value


_CONTAINERS = frozenset({dict, list})
