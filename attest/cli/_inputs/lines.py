"""Documents of a command that become one output, one in each line.

Rule: all of them are made before any is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base.json import loads_object
from attest.cli import _options, _output
from attest.cli._inputs.documents import check_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--limit` for attestations, `--format` and `--output`."""
    for option in (_options.output_option, _options.product_format_option, _options.limit_option("attestations")):
        function = option(function)
    return function


class DocumentLines:
    """The documents. `hint` says what to do if they are together more than is kept in memory."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._size = 0
        self._documents: list[bytes] = []

    def __len__(self) -> int:
        return len(self._documents)

    def add(self, documents: Iterable[bytes], where: str) -> None:
        """Keep documents of the input `where`. Raises InputError `file-too-large` for too much together."""
        for document in documents:
            self._documents.append(document)
            self._size += len(document)
        check_together(self._size, where, self._hint)

    def write(
        self,
        session: _output.OutputContext,
        output: str | None,
        name: str,
        *,
        inputs: Iterable[str] = (),
        **details: Any,
    ) -> _output.Completed:
        """Write them to `output`, which is none of the `inputs`; a result object has them as `name`, and `details`."""
        _output.product(session, output, b"\n".join(self._documents), inputs=inputs)
        return _output.made(
            session,
            output,
            name,
            lambda: [loads_object(one, what="the document") for one in self._documents],
            **details,
        )
