"""The names of a package, imported when they are used: what its stub (`__init__.pyi`) lists.

Rule: the stub is read only when somebody asks the package for a name that is not a module in memory.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package; `__all__` is one of its lazy names.

    `lazy_loader` parses the stub as soon as it is called, which for ten packages took 4 ms of each command.
    """

    @cache
    def attached() -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
        import lazy_loader  # type: ignore[import-untyped]

        found: tuple[Callable[[str], Any], Callable[[], list[str]], list[str]] = lazy_loader.attach_stub(package, file)
        return found

    def get(name: str) -> Any:
        return attached()[2] if name == "__all__" else attached()[0](name)

    return get, lambda: attached()[1]()
