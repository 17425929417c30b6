"""Subjects from files of checksums, as sha256sum, shasum, `cksum -a` and `openssl dgst` write them.

Rule: every line is a subject, a comment or an error; the files that are named are not read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attest import digest
from attest.errors import InputError
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# GNU: HEX, a blank, then a blank or the mark of binary mode, and the name. A line whose name has escapes begins with a
# backslash (coreutils, "md5sum invocation").
_GNU: Final = re.compile(r"(?P<escaped>\\)?(?P<hex>[0-9A-Fa-f]+) [ *](?P<name>.+)", re.DOTALL)
# BSD, and OpenSSL without the blanks: ALGORITHM (NAME) = HEX.
_BSD: Final = re.compile(
    r"(?P<escaped>\\)?(?P<label>[A-Za-z0-9][A-Za-z0-9/_-]*) ?\((?P<name>.+)\) ?= (?P<hex>[0-9A-Fa-f]+)", re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPED: Final = {"\\": "\\", "n": "\n", "r": "\r"}
# What the tools write without a name for the algorithm, by the number of hex digits.
_BY_LENGTH: Final = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_BOM: Final = b"\xef\xbb\xbf"


def from_checksums(files: Iterable[tuple[str, bytes]]) -> list[ResourceDescriptor]:
    """The subjects in files, each a name for messages and its content: one for each name, with all its digests.

    Both forms are read: `HEX  NAME` (the algorithm by the number of digits: SHA-256, SHA-384 or SHA-512) and
    `ALGORITHM (NAME) = HEX`. A leading `./` of a name is left out. Raises InputError `checksums-invalid` with the line.
    """
    found: dict[str, dict[str, str]] = {}
    for file, data in files:
        lines = 0
        for number, line in _lines(data, file):
            where = f"{file}: line {number}"
            name, algorithm, value = _parse(line, where)
            digests = found.setdefault(name, {})
            if digests.setdefault(algorithm, value) != value:
                raise _invalid(f"{name!r} has two different {algorithm} digests", where)
            lines += 1
        if not lines:
            raise _invalid("the file has no checksum", file)
    return [ResourceDescriptor(name, digests) for name, digests in found.items()]


def _lines(data: bytes, file: str) -> Iterator[tuple[int, str]]:
    """The lines with a checksum, and their numbers."""
    try:
        text = data.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise _invalid("the file is not UTF-8", file) from None
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if line.strip() and not line.startswith("#"):
            yield number, line


def _parse(line: str, where: str) -> tuple[str, str, str]:
    """The name, the algorithm and the digest in a line."""
    if line.startswith("-----BEGIN PGP"):
        hint = "Verify the signature, and give what was signed: gpg --output SHA256SUMS --decrypt FILE"
        raise _invalid("the file is signed with PGP", where, hint)
    match = _GNU.fullmatch(line) or _BSD.fullmatch(line)
    if match is None:
        hint = "Write a line for each file: HEX  NAME, or ALGORITHM (NAME) = HEX."
        raise _invalid("the line is not a checksum", where, hint)
    value = match["hex"].lower()
    label = match.groupdict().get("label")
    algorithm = _BY_LENGTH.get(len(value)) if label is None else _algorithm(label)
    if algorithm is None:
        raise _invalid(f"{label or f'a digest of {len(value)} hex digits'} is not a known algorithm", where)
    if not digest.is_well_formed(algorithm, value):
        raise _invalid(f"the value is not a {algorithm} digest", where)
    if algorithm not in digest.STRONG:
        raise _invalid(f"{algorithm} is too weak to identify a file", where, "Use SHA-256, SHA-384 or SHA-512.")
    return _name(match["name"], where, is_escaped=match["escaped"] is not None), algorithm, value


def _algorithm(label: str) -> str | None:
    """The algorithm of a label in the BSD form; OpenSSL 3 writes SHA2-256 for SHA-256."""
    return digest.algorithm(re.sub(r"\ASHA2-", "SHA", label, flags=re.IGNORECASE))


def _name(written: str, where: str, *, is_escaped: bool) -> str:
    name = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], "\0"), written) if is_escaped else written
    name = name.removeprefix("./")
    if "\0" in name or not name:
        raise _invalid("the name is not valid", where)
    if name == "-":
        raise _invalid("the checksum is of standard input and has no name", where, "Name it: NAME=sha256:HEX.")
    return name


def _invalid(message: str, where: str, hint: str | None = None) -> InputError:
    return InputError("checksums-invalid", message, where=where, hint=hint)
