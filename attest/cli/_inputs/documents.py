"""Inputs that become envelopes: files and standard input, with one document or one in each line.

Rule: an input over its limit is not read to its end, and the error names the option that allows more.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from attest._base import files, json_lines
from attest.cli import _options
from attest.errors import AttestError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.limits import Limits

_MAX_INPUTS: Final = 1 << 30  # bytes of several inputs, all of which are kept until they are signed or converted


def read_within(name: str, limits: Limits) -> bytes:
    """The bytes of what becomes an envelope. Raises AttestError that names the file and the option."""
    try:
        return _options.read_input(name, limit=limits.envelope)
    except AttestError as error:
        raise (
            _too_large(limits, _options.shown(name)) if error.code == "file-too-large" else _options.locate(error, name)
        ) from None


def documents(sources: Sequence[str], limits: Limits) -> list[tuple[str, bytes]]:
    """The names and the bytes of what is in files and on standard input: one document, or one in each line.

    Raises AttestError that names the place.
    """
    found: list[tuple[str, bytes]] = []
    size = 0
    for source in sources:
        name, before = _options.shown(source), len(found)
        with _opened(source) as stream:
            for line, data in json_lines.documents(stream, limits.envelope, has_lines=source.endswith(".jsonl")):
                where = f"{name}:{line}" if line else name
                if data is None:
                    raise _too_large(limits, where)
                found.append((where if line else source, data))
                size += len(data)
                limits.check_attestations(len(found))
                if len(found) > 1:
                    check_together(size, where, "Sign them in several calls.")
        if len(found) == before:
            raise InputError("not-signable", "the input is empty", where=name)
    return found


def check_together(size: int, where: str, hint: str) -> None:
    """Raises InputError `file-too-large` if several inputs together are more bytes than are kept in memory."""
    if size > _MAX_INPUTS:
        message = f"the inputs are larger than {files.size(_MAX_INPUTS)}"
        raise InputError("file-too-large", message, where=where, hint=hint)


def _too_large(limits: Limits, where: str) -> InputError:
    """The error for an input that becomes an envelope, with the option that allows a larger one."""
    hint = "To allow larger inputs, use --limit envelope=BYTES."
    return InputError(
        "file-too-large", f"the input is larger than {files.size(limits.envelope)}", where=where, hint=hint
    )


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The file `name`, or standard input for `-`, open to be read. Raises InputError `file-unreadable`."""
    if name == "-":
        yield _options.stdin()
        return
    try:
        stream = open(name, "rb")  # noqa: SIM115  # closed below; an error of the name is one of opening
    except (OSError, ValueError) as error:
        raise files.unreadable(name, error) from None
    with stream:
        try:
            yield stream
        except OSError as error:
            raise files.unreadable(name, error) from None
