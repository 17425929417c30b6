"""What a result can be printed as: one module a format, found by its name.

Rule: a format is a pure function from the one result object (schemas/result.json) to the bytes of one whole document.

A module has `render(result)` and, where a pipeline takes something in a file as well, `APPENDED_TO`, the environment
variable that names the file, and `appended(result)`, the bytes for it.
"""

from __future__ import annotations

from typing import Any

from attest._base import registry


def names() -> list[str]:
    """The formats there are, beside the text that each command prints for itself."""
    return registry.names(__name__)


def render(name: str, result: dict[str, Any]) -> bytes:
    """The document that the format `name` makes of a result; it ends with a line feed."""
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
