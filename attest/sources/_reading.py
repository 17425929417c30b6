"""Envelopes from where pipelines keep them: files, folders, JSON Lines, Sigstore bundles, standard input.

Rule: what is not understood is named and counted, never fatal where there are others beside it, and never lost.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from attest._base import documents, files, notices
from attest._base.json import loads_object
from attest.envelope import Envelope, check_size
from attest.errors import InputError
from attest.limits import Limits
from attest.sources import _answers
from attest.sources._containers import read
from attest.sources._document import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Names that are looked at in a folder; the rest of it may be what the attestations are about.
SUFFIXES: Final = (".json", ".jsonl", ".sigstore", ".intoto", ".dsse", ".att", ".bundle")
_PIECE: Final = 1 << 16
_LINES: Final = 16  # looked at, where the first line alone does not tell


class ReadEnvelope(NamedTuple):
    """One envelope, its signatures unverified, or the reason why it couldn't be read.

    `name` is its file's, with the line where a file holds several, and with # and a number where a container does.
    `is_one_of_many` says that it came with others, out of a folder, a file of lines or a container, where one that
    is not understood is no reason to stop. `unchecked` are sentences: what a container brings that nothing here checks.
    `unread` is the content of a document that came alone and could not be read.
    """

    name: str
    envelope: Envelope | None
    error: InputError | None = None
    is_one_of_many: bool = False
    unchecked: tuple[str, ...] = ()
    unread: bytes | None = None


def read_all(
    names: Iterable[str], *, bounds: Limits | None = None, stdin: BinaryIO | None = None
) -> Iterator[ReadEnvelope]:
    """The envelopes in files, in folders and, for `-`, on `stdin`, in their order; no more than one is held at a time.

    A file holds one envelope or container (a Sigstore bundle) or, if it is named so (`.jsonl`, an in-toto attestation
    bundle), one a line; standard input holds either. Of a folder and those below it every file is read whose name ends
    in one of SUFFIXES, sorted; links to folders are not followed, and what is no file is passed over. A folder that
    cannot be listed is named like a file that cannot be read.
    """
    chosen = bounds or Limits()
    for name in names:
        if name == "-" and stdin is not None:
            yield from _of_stream("-", stdin, chosen, many=False)
        elif os.path.isdir(name):
            for path in _files_below(name):
                if isinstance(path, OSError):
                    where = os.fspath(path.filename)
                    yield ReadEnvelope(where, None, files.unreadable(where, path), where != name)
                else:
                    yield from _of_file(path, chosen, many=True)
        else:
            yield from _of_file(name, chosen, many=False)


def _of_file(path: str, bounds: Limits, *, many: bool) -> Iterator[ReadEnvelope]:
    try:
        with open(path, "rb") as stream:
            yield from _of_stream(path, stream, bounds, many=many)
    except (OSError, ValueError) as error:
        yield ReadEnvelope(path, None, files.unreadable(path, error), many)


def _of_stream(name: str, stream: BinaryIO, bounds: Limits, *, many: bool) -> Iterator[ReadEnvelope]:
    if name.endswith(".jsonl"):
        yield from _of_lines(name, b"", stream, bounds)
        return
    if name != "-":
        # Two envelopes in a row are not one, and a caller that named the file as one gets an error.
        yield from _one(name, files.read_stream(stream, bounds.envelope), bounds, many=many)
        return
    begun = _beginning(stream, bounds.envelope)
    if _is_object(begun, bounds):
        after = _beginning(stream, bounds.envelope)
        if not after.strip():
            yield from _one(name, begun, bounds, many=many)
            return
    else:
        # An object written over several lines, or lines of which the first is no good.
        rest = files.read_stream(stream, max(0, bounds.envelope - len(begun)))
        after = rest or b""
        if rest is None or not any(_is_object(line, bounds) for line in after.split(b"\n", _LINES)[:_LINES]):
            yield from _one(name, None if rest is None else begun + rest, bounds, many=many)
            return
    yield from _of_lines(name, begun + after, stream, bounds)


def _beginning(stream: BinaryIO, limit: int) -> bytes:
    """What there is up to the end of the first line that is not blank, or more than `limit` bytes of it."""
    read = b""
    while len(read) <= limit and (line := stream.readline(limit + 1 - len(read))):
        read += line
        if line.strip():
            break
    return read


def _of_lines(name: str, begun: bytes, stream: BinaryIO, bounds: Limits) -> Iterator[ReadEnvelope]:
    """One envelope a line, of what was read already and of what comes."""
    head, most = io.BytesIO(begun), bounds.envelope + 2
    number = 0
    while line := _line(head, stream, most):
        number += 1
        whole = line.endswith(b"\n")
        if line.strip():
            yield from _one(f"{name}:{number}", line.removesuffix(b"\n"), bounds, many=True)
        while not whole and (rest := _line(head, stream, _PIECE)):  # of a line that is too long
            whole = rest.endswith(b"\n")


def _line(head: BinaryIO, stream: BinaryIO, most: int) -> bytes:
    """A line, or the first `most` bytes of it, that may begin in `head` and end in `stream`."""
    line = head.readline(most)
    if len(line) < most and not line.endswith(b"\n"):
        line += stream.readline(most - len(line))
    return line


def _one(name: str, data: bytes | None, bounds: Limits, *, many: bool) -> Iterator[ReadEnvelope]:
    """The envelopes in the document `data`, which is None where it is more than there may be."""
    try:
        if data is None:
            check_size(bounds.envelope + 1, bounds.envelope)
        document = Document(data or b"", bounds)
        if _answers.recognises(document):
            yield from _of_answer(name, document, bounds)
            return
        found = read(document.data, bounds)
    except InputError as error:
        if many:
            yield _not_understood(name, error)
        else:
            shown = documents.named(error, data or b"", "an attestation", documents.ENVELOPE, documents.SIGSTORE)
            yield ReadEnvelope(name, None, shown, unread=data)
        return
    if len(found) == 1:
        yield ReadEnvelope(name, found[0].envelope, None, many, found[0].unchecked)
        return
    for number, one in enumerate(found, 1):
        yield ReadEnvelope(f"{name}#{number}", one.envelope, None, True, one.unchecked)


def _of_answer(name: str, answer: Document, bounds: Limits) -> Iterator[ReadEnvelope]:
    for number, bundle in enumerate(_answers.bundles(answer), 1):
        place = f"{name}#{number}"
        try:
            if isinstance(bundle, InputError):
                raise bundle
            found = read(bundle, bounds)
        except InputError as error:
            yield _not_understood(place, error)
        else:
            yield from (ReadEnvelope(place, one.envelope, None, True, one.unchecked) for one in found)


def _not_understood(name: str, error: InputError) -> ReadEnvelope:
    notices.info("%s is ignored: %s (%s)", name, error, error.code)
    return ReadEnvelope(name, None, error, is_one_of_many=True)


def _is_object(line: bytes, bounds: Limits) -> bool:
    if not line.strip().startswith(b"{") or len(line) > bounds.envelope:
        return False
    try:
        loads_object(line, what="the line", max_depth=bounds.depth)
    except InputError:
        return False
    return True


def _files_below(folder: str) -> Iterator[str | OSError]:
    """The files in a folder and below it, and what the system said to listing one of the folders."""
    refused: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=refused.append):
        yield from refused
        refused.clear()
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if name.endswith(SUFFIXES) and os.path.isfile(path):
                yield path
    yield from refused
