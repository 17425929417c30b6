"""What can complete the value of an option or argument, by what its help calls it.

Rule: nothing is connected, and no file is read but a trust bundle that the line names.
"""

from __future__ import annotations

import json
import os
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from attest._base import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_FILES: Final = frozenset("ATTESTATION ENVELOPE FILE GLOB OLD PEM REPORT RESULT STATEMENT".split())
_DIRECTORIES: Final = frozenset({"DIR", "DIRECTORY"})
# Options and arguments whose URI is that of a signer.
_SIGNERS: Final = frozenset({"signer", "signers", "uri", "wrapping", "connect"})
_MAX_TRUST: Final = 1 << 20
_MAX_NAMES: Final = 1000


class _KnownText(click.types.StringParamType):
    """A text with the items that complete it."""

    def __init__(self, complete: Callable[[click.Context, str], Iterable[CompletionItem]]) -> None:
        self._complete = complete

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """What begins so."""
        return list(self._complete(ctx, incomplete))


def know(params: Iterable[click.Parameter]) -> None:
    """Give the parameters of a command that take a text the items that complete it."""
    for param in params:
        if param.type is click.STRING:
            complete = _for(param)
            if complete is not None:
                param.type = _KnownText(complete)


def _for(param: click.Parameter) -> Callable[[click.Context, str], Iterable[CompletionItem]] | None:
    name = param.name or ""
    called = param.metavar or ("" if isinstance(param, click.Option) else name)
    words = set(re.findall("[A-Z]+", called.upper()))
    if words == {"NAME", "URI"}:
        return _predicate_types
    if name in ("anchor", "anchors"):
        return _anchors
    if "URI" in words and ("FILE" in words or name in _SIGNERS):
        return _keys if "FILE" in words else _signers
    if words & _DIRECTORIES:
        return lambda _, begin: [CompletionItem(begin, type="dir")]
    return (lambda _, begin: [CompletionItem(begin, type="file")]) if words & _FILES else None


def _items(names: Iterable[str], begin: str) -> Iterator[CompletionItem]:
    return (CompletionItem(name) for name in names if name.startswith(begin))


def _predicate_types(_: click.Context, begin: str) -> Iterator[CompletionItem]:
    from attest.schema.predicate_types import OURS

    return _items(OURS.documents, begin)


def _signers(_: click.Context, begin: str) -> Iterator[CompletionItem]:
    from attest.signers import schemes

    if begin.startswith("file:"):
        return _items((f"file:{path}" for path in _paths(begin.removeprefix("file:"))), begin)
    return _items((f"{scheme}:" for scheme in schemes()), begin)


def _keys(ctx: click.Context, begin: str) -> Iterator[CompletionItem]:
    yield from _signers(ctx, begin)
    yield CompletionItem(begin, type="file")


def _paths(begin: str) -> Iterator[str]:
    """The paths of the files and directories that begin so."""
    folder, name = os.path.split(begin)
    with os.scandir(folder or ".") as found:
        seen = sorted((one.name, one.is_dir()) for one in islice(found, _MAX_NAMES))
    for one, is_folder in seen:
        if one.startswith(name) and (name.startswith(".") or not one.startswith(".")):
            yield os.path.join(folder, one) + ("/" if is_folder else "")


def _anchors(ctx: click.Context, begin: str) -> Iterator[CompletionItem]:
    """The anchors of the trust bundle that the line names, if it is not signed."""
    # An option without its value ends the parsing, so what FILE is would be known only then.
    file = ctx.params.get("trust") or ctx.params.get("file") or next(iter(ctx.args), None)
    if not isinstance(file, str) or not os.path.isfile(file):  # a pipe would be waited for
        return iter(())
    document: Any = json.loads(files.read(file, limit=_MAX_TRUST))
    return _items(sorted(document["anchors"]), begin)
