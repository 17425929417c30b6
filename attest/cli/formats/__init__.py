"""Output formats of a result: one module a format, found by its name.

Rule: a format is a pure function from the result object (schemas/result.json) to the bytes of one document.

A module has `render(result)`. If a pipeline also reads a file, it has `APPENDED_TO`, the environment variable that
names the file, and `appended(result)`, the bytes for it.
"""

from __future__ import annotations

from typing import Any

from attest._base import registry


def names() -> list[str]:
    """The names of the formats, without the text that each command prints itself."""
    return registry.names(__name__)


def render(name: str, result: dict[str, Any]) -> bytes:
    """The document in the format `name`; it ends with a line feed."""
    data: bytes = _module(name).render(result)
    return data


def appended(name: str, result: dict[str, Any]) -> tuple[str, bytes] | None:
    """The environment variable that names a file, and what is appended to it; None for most formats."""
    module = _module(name)
    return (module.APPENDED_TO, module.appended(result)) if hasattr(module, "APPENDED_TO") else None


def _module(name: str) -> Any:
    module = registry.load(__name__, name)
    if module is None:
        raise KeyError(name)
    return module
