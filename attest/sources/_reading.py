"""Envelopes from where pipelines keep them: files, folders, JSON Lines, Sigstore bundles, standard input.

Rule: what cannot be read is returned with its reason, and never ends the reading of what is beside it.
"""

from __future__ import annotations

import io
import os
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from attest._base import documents, files
from attest._base.json import loads_object
from attest.envelope import Envelope, check_size
from attest.errors import InputError, out_of_memory
from attest.limits import Limits
from attest.sources._containers import read_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from attest.sources._document import UnverifiedEnvelope

# Names that are looked at in a folder; the rest of it may be what the attestations are about.
SUFFIXES: Final = (".json", ".jsonl", ".sigstore", ".intoto", ".dsse", ".att", ".attestation", ".bundle", ".slsa")
# A name of attestations (model.sig) and, more often, of signatures that are none: the content decides.
_MAYBE: Final = ".sig"
_PIECE: Final = 1 << 16
_NAME_IT: Final = "If it has one attestation in each line, name it .jsonl."
_NOT_LINES: Final = "If the file is one JSON document in several lines, its name must not end in .jsonl: name it .json."


class ReadEnvelope(NamedTuple):
    """One envelope, its signatures unverified, or the reason why it couldn't be read.

    `name` is its file's, with the line where a file holds several, and with # and a number where a container does.
    `is_one_of_many` says that it is from a collection: a folder, a file of lines, a container with several, or a
    registry's answer. `unchecked` are sentences: what a container brings that nothing here checks. `unread` is the
    content of a document that came alone and could not be read.
    """

    name: str
    envelope: Envelope | None
    error: InputError | None = None
    is_one_of_many: bool = False
    unchecked: tuple[str, ...] = ()
    unread: bytes | None = None

    @property
    def content(self) -> Envelope | InputError:
        """The envelope, or why there is none."""
        return self.envelope or self.error or InputError("envelope-invalid", "no attestation found")

    def demand(self) -> Envelope:
        """The envelope. Raises the InputError that says why there is none."""
        content = self.content
        if isinstance(content, InputError):
            raise content
        return content


def read_all(
    names: Iterable[str],
    *,
    limits: Limits | None = None,
    stdin: BinaryIO | None = None,
    passed_over: Callable[[str], object] | None = None,
) -> Iterator[ReadEnvelope]:
    """The envelopes in files, in folders and, for `-`, on `stdin`, in their order; no more than one is held at a time.

    A file holds one envelope or container (a Sigstore bundle), or one in each line: if its name ends in `.jsonl` (an
    in-toto attestation bundle), or if it has several lines and each is a JSON object. Standard input has lines if one
    of several is an envelope, or the first of them is a JSON object. Of a folder and those below it every file is read
    whose name ends in one of SUFFIXES, sorted, and of those that end in `.sig` each that begins as a JSON object; links
    to folders are not followed. `passed_over` is called with the name of each other file. A folder that cannot be
    listed is named like a file that cannot be read.
    """
    limits = limits or Limits()
    for name in names:
        if name == "-" and stdin is not None:
            yield from _of_stream("-", stdin, limits, many=False)
        elif os.path.isdir(name):
            for path in _files_below(name):
                if isinstance(path, str) and not _may_be_read(path):
                    if passed_over is not None:
                        passed_over(path)
                elif isinstance(path, OSError):
                    where = os.fspath(path.filename)
                    yield ReadEnvelope(where, None, files.unreadable(where, path), where != name)
                else:
                    yield from _of_file(path, limits, many=True)
        else:
            yield from _of_file(name, limits, many=False)


def read_document(name: str, data: bytes, limits: Limits | None = None) -> Iterator[ReadEnvelope]:
    """The envelopes in a document that is an entry of a collection, such as one attestation of a registry's answer."""
    yield from _one(name, data, limits or Limits(), many=True)


def _of_file(path: str, limits: Limits, *, many: bool) -> Iterator[ReadEnvelope]:
    try:
        with open(path, "rb") as stream:
            yield from _of_stream(path, stream, limits, many=many)
    except (OSError, ValueError) as error:
        yield ReadEnvelope(path, None, files.unreadable(path, error), many)


def _of_stream(name: str, stream: BinaryIO, limits: Limits, *, many: bool) -> Iterator[ReadEnvelope]:
    if name == "-":
        yield from _of_stdin(stream, limits)
    elif name.endswith(".jsonl"):
        yield from _of_lines(name, b"", stream, limits)
    else:
        yield from _of_document(name, files.read_stream(stream, limits.envelope), limits, many=many)


def _of_document(name: str, data: bytes | None, limits: Limits, *, many: bool) -> Iterator[ReadEnvelope]:
    """A file whose name says that it is one document. `cosign download attestation` is often written to such a file.

    It is a collection only if every line is an object: of a file that is meant as one envelope and got more, by mistake
    or by somebody else, nothing is passed over. In a directory, which is a collection, one line is enough.
    """
    found = list(_one(name, data, limits, many=many))
    if found and found[0].error is not None and found[0].error.code in ("json-invalid", "envelope-too-large"):
        lines = [line for line in (data or b"").split(b"\n") if line.strip()]
        enough = (
            any(_is_envelope(line, limits) for line in lines)
            if many
            else all(_is_object(line, limits) for line in lines)
        )
        if len(lines) > 1 and enough:
            yield from _of_lines(name, b"", io.BytesIO(data or b""), limits)
            return
        if data is None or (len(lines) > 1 and _is_object(lines[0], limits)):
            found[0].error.hint = " ".join(filter(None, [found[0].error.hint, _NAME_IT]))
    yield from found


def _of_stdin(stream: BinaryIO, limits: Limits) -> Iterator[ReadEnvelope]:
    """One document or lines, which standard input has no name to say."""
    begun = _beginning(stream, limits.envelope)
    if _is_object(begun, limits):
        after = _beginning(stream, limits.envelope)
        if after.strip():
            yield from _of_lines("-", begun + after, stream, limits)
        else:
            yield from _one("-", begun, limits, many=False)
        return
    # An object that is written over several lines, or lines of which the first is no good. A line that is an envelope
    # decides: others could be added so that all of them together are an object, which would hide it.
    whole = begun + files.read_up_to(stream, limits.envelope + 1 - len(begun))
    if len(whole) <= limits.envelope and not any(_is_envelope(line, limits) for line in whole.split(b"\n")):
        yield from _one("-", whole, limits, many=False)
        return
    lines = _of_lines("-", whole, stream, limits)
    first = list(islice(lines, 2))
    is_read = False
    is_one = len(first) == 1 and first[0].envelope is None  # one document, which is too large
    for one in chain(first, lines) if not is_one else ():
        is_read = is_read or one.envelope is not None
        yield one
    if not is_read:
        yield from _one("-", None, limits, many=False)


def _beginning(stream: BinaryIO, limit: int) -> bytes:
    """What there is up to the end of the first line that is not blank, or more than `limit` bytes of it."""
    read = b""
    while len(read) <= limit and (line := stream.readline(limit + 1 - len(read))):
        read += line
        if line.strip():
            break
    return read


def _of_lines(name: str, begun: bytes, stream: BinaryIO, limits: Limits) -> Iterator[ReadEnvelope]:
    """One envelope a line, of what was read already and of what comes."""
    head, most = io.BytesIO(begun), limits.envelope + 2
    number = 0
    while line := _line(head, stream, most):
        number += 1
        whole = line.endswith(b"\n")
        if line.strip():
            found = _one(f"{name}:{number}", line.removesuffix(b"\n"), limits, many=True)
            begins = name.endswith(".jsonl") and line.strip() in (b"{", b"[")
            yield from _hinted(found, _NOT_LINES) if begins else found
        while not whole and (rest := _line(head, stream, _PIECE)):  # of a line that is too long
            whole = rest.endswith(b"\n")


def _hinted(found: Iterable[ReadEnvelope], hint: str) -> Iterator[ReadEnvelope]:
    for one in found:
        if one.error is not None:
            one.error.hint = hint
        yield one


def _line(head: BinaryIO, stream: BinaryIO, most: int) -> bytes:
    """A line, or the first `most` bytes of it, that may begin in `head` and end in `stream`."""
    line = head.readline(most)
    if len(line) < most and not line.endswith(b"\n"):
        line += stream.readline(most - len(line))
    return line


def _one(name: str, data: bytes | None, limits: Limits, *, many: bool) -> Iterator[ReadEnvelope]:
    """The envelopes in the document `data`, which is None where it is more than there may be."""
    try:
        if data is None:
            check_size(limits.envelope + 1, limits.envelope)
        found, is_collection = read_each(data or b"", limits)
    except InputError as error:
        shown = documents.named(error, data or b"", "an attestation", *documents.ATTESTATIONS)
        yield ReadEnvelope(name, None, shown, many, unread=None if many else data)
    except MemoryError:
        yield ReadEnvelope(name, None, out_of_memory(), many)
    else:
        yield from _numbered(name, found, many=many or is_collection or len(found) > 1, alone=not is_collection)


def _numbered(
    name: str, found: Sequence[UnverifiedEnvelope | InputError], *, many: bool, alone: bool
) -> Iterator[ReadEnvelope]:
    for number, one in enumerate(found, 1):
        called = name if alone and len(found) == 1 else f"{name}#{number}"
        if isinstance(one, InputError):
            yield ReadEnvelope(called, None, one, many)
        else:
            yield ReadEnvelope(called, one.envelope, None, many, one.unchecked)


def _is_envelope(line: bytes, limits: Limits) -> bool:
    """Whether a line can be read as an attestation."""
    return line.lstrip().startswith(b"{") and any(one.envelope is not None for one in _one("", line, limits, many=True))


def _is_object(line: bytes, limits: Limits) -> bool:
    if not line.strip().startswith(b"{") or len(line) > limits.envelope:
        return False
    try:
        loads_object(line, what="the line", max_depth=limits.depth)
    except (InputError, MemoryError):
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
            if not name.endswith(SUFFIXES) or os.path.isfile(path):  # what others are is not asked
                yield path
    yield from refused


def _may_be_read(path: str) -> bool:
    """Whether a file of a folder is looked at."""
    if not path.endswith(_MAYBE):
        return path.endswith(SUFFIXES)
    try:
        if not os.path.isfile(path):  # opening a pipe would wait
            return False
        with open(path, "rb") as stream:
            return stream.read(_PIECE).lstrip().startswith(b"{")
    except OSError:
        return True  # and is then said to be unreadable
