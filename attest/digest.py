"""Digest sets: known and strong algorithms, hashing, and the one function that compares two sets.

Rule: a file is read once for all its digests, and a file that changed while it was read has none.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from attest._base import filenames, files
from attest._base.files import FileState
from attest._base.text import nearest
from attest.errors import InputError

if TYPE_CHECKING:
    from attest._base.threads import TaskResult

DigestSet = Mapping[str, str]
# What two sets of digests say about the things that they are of, as `compare` tells it.
Agreement = Literal["same", "weak", "conflict", "different", "unrelated"]
Hashed = tuple[dict[str, str], FileState]  # the digests of a file, and what the file was like meanwhile
Progress = Callable[[int], object]

LARGE = 1 << 20  # bytes of a file that takes longer to hash than a thread to start
_CHUNK = 1 << 20
_EXPLICIT = "digest:"  # in front of a digest that is the name of a file too


# Length in hex digits of each algorithm that digest_set.md names with a fixed length. Values of algorithms that are
# not listed are opaque: kept as they are, and never matched.
HEX_LENGTHS: Mapping[str, tuple[int, ...]] = {
    "sha224": (56,),
    "sha256": (64,),
    "sha384": (96,),
    "sha512": (128,),
    "sha512_224": (56,),
    "sha512_256": (64,),
    "sha3_224": (56,),
    "sha3_256": (64,),
    "sha3_384": (96,),
    "sha3_512": (128,),
    "blake2b": (128,),
    "blake2s": (64,),
    "sm3": (64,),
    "ripemd160": (40,),
    "sha1": (40,),
    "md5": (32,),
    "dirHash": (64,),
    "gitCommit": (40, 64),
    "gitTree": (40, 64),
    "gitBlob": (40, 64),
    "gitTag": (40, 64),
}

# Collision resistance of 128 bits or more. The git algorithms are accepted as git has them, SHA-1 with collision
# detection included, because nobody can name a commit in any other way (docs/adr/0004-digests.md).
STRONG = frozenset(
    [
        "sha256",
        "sha384",
        "sha512",
        "sha512_256",
        "sha3_256",
        "sha3_384",
        "sha3_512",
        "blake2b",
        "blake2s",
        "dirHash",
        "gitCommit",
        "gitTree",
        "gitBlob",
        "gitTag",
    ]
)

COMPUTABLE = ("sha256", "sha384", "sha512", "sha512_256", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s")

# Those that every signer, token and verifier has: what is hashed once, before it is known which will be asked for.
COMMON = ("sha256", "sha384", "sha512")

_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)
# A digest with a name of its own, such as gce_image_id:8970095005306000053; and what a path or URI begins with instead.
_OTHER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*:[^/,\s]+")
_SCHEMES = frozenset({"file", "git", "oci", "oci-layout", "pkg", "urn"})
# What CycloneDX, SPDX, OpenVEX and IANA call the algorithms that a DigestSet has too, without `-`, `_`, `/` and case.
_FOREIGN: Mapping[str, str] = {
    **{name.lower().replace("_", ""): name for name in HEX_LENGTHS if not name.startswith(("git", "dir"))},
    "blake2b512": "blake2b",
    "blake2s256": "blake2s",
}
_IN_LOWER_CASE: Mapping[str, str] = {name.lower(): name for name in HEX_LENGTHS}


def compare(one: Mapping[str, str | None], other: Mapping[str, Any]) -> Agreement:
    """Compare two sets of digests: the one rule that decides whether two things are the same.

    `same`: at least one strong digest is in both, and none differs. `weak`: only weak ones are in both, and none
    differs. `conflict`: one is equal and another differs. `different`: all that are in both differ. `unrelated`: no
    algorithm is in both. Only `same` is a match. Hex of `one` must be in lower case; `other` may be in
    any case, and a value of it that is not text differs from everything.
    """
    equal = differing = strong = False
    for name, value in one.items():
        if name in other:
            claimed = other[name]
            # Text first: a value that is not may be equal to whatever it likes. To lower is slow and mostly not needed.
            if claimed.__class__ is str and (claimed == value or claimed.lower() == value):
                equal = True
                strong = strong or name in STRONG
            else:
                differing = True
    if not equal:
        return "different" if differing else "unrelated"
    if differing:
        return "conflict"
    return "same" if strong else "weak"


class DigestIndex(list[DigestSet]):
    """Many sets of digests, among which those that have a digest of a thing are found without a look at the others."""

    __slots__ = ("_places", "algorithms")

    def __init__(self, sets: Iterable[DigestSet]) -> None:
        super().__init__(sets)
        self.algorithms: frozenset[str] = frozenset().union(*self)
        self._places: dict[tuple[str, str], list[int]] = {}
        for place, one in enumerate(self):
            for name, value in one.items():
                for text in {value, value.lower()}:  # either is equal to `compare`
                    self._places.setdefault((name, text), []).append(place)

    def having(self, digests: Mapping[str, str]) -> list[int]:
        """The places of the sets with at least one of `digests`: to `compare`, all others are no match."""
        found = [self._places.get(one, ()) for one in digests.items()]
        return sorted(set().union(*found))


def algorithms_of(sets: Sequence[DigestSet]) -> frozenset[str]:
    """The algorithms that at least one of the sets has."""
    return sets.algorithms if isinstance(sets, DigestIndex) else frozenset().union(*sets)


def algorithm(label: str) -> str | None:
    """The algorithm of a DigestSet that another format calls `label` (SHA-256, SHA3-512, BLAKE2b-512), if it is one."""
    return _FOREIGN.get(label.lower().replace("-", "").replace("_", "").replace("/", ""))


def gather(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str | None]:
    """A set of digests from pairs of an algorithm, by whatever name, and a value, for `compare` and nothing else.

    Of two that differ, and of one that is not text, there is None, which differs from everything.
    """
    found: dict[str, str | None] = {}
    for label, value in pairs:
        name = algorithm(label) or label if isinstance(label, str) else None
        if name is None:
            continue
        text = value.lower() if isinstance(value, str) else None
        found[name] = text if found.get(name, text) == text else None
    return found


def is_well_formed(algorithm: str, value: str) -> bool:
    """Whether `value` has the form that digest_set.md gives `algorithm`; upper-case hex is read, unknown ones pass."""
    lengths = HEX_LENGTHS.get(algorithm)
    return lengths is None or (len(value) in lengths and _HEX.fullmatch(value) is not None)


def is_usual(digests: DigestSet) -> bool:
    """Whether all are of known algorithms, by their exact names, and well-formed."""
    for name, value in digests.items():
        if len(value) not in HEX_LENGTHS.get(name, ()) or _HEX.fullmatch(value) is None:
            return False
    return True


def meant(name: str) -> str | None:
    """The algorithm that `name` is in another case, such as sha256 for SHA256, or None."""
    return None if name in HEX_LENGTHS else _IN_LOWER_CASE.get(name.lower())


def parse_digest(text: str, *, others: bool = False) -> dict[str, str]:
    """Read `[digest:]ALGORITHM:HEX[,ALGORITHM:HEX...]` into a DigestSet, hex in lower case.

    With `others`, digests with names of their own are read too, as digest_set.md allows; their values stay as they are.
    Raises InputError `digest-invalid` for an unknown algorithm, a wrong length, and anything that is not hex.
    """
    digests: dict[str, str] = {}
    for part in text.removeprefix(_EXPLICIT).split(","):
        name, _, value = part.partition(":")
        if name in HEX_LENGTHS:
            if not is_well_formed(name, value):
                digits = " or ".join(map(str, HEX_LENGTHS[name]))
                raise InputError("digest-invalid", f"{part!r} is not a {name} digest of {digits} hex digits")
            value = value.lower()
        elif not others or (meant := _meant(name)) or not _OTHER.fullmatch(part):
            hint = f"Use one of these algorithms: {', '.join(HEX_LENGTHS)}."
            hint = f"Did you mean {meant}?" if others and meant else hint
            raise InputError("digest-invalid", f"{part!r} is not ALGORITHM:HEX", hint=hint)
        if digests.setdefault(name, value) != value:
            raise InputError("digest-invalid", f"{text!r} has two different {name} digests")
    return digests


def is_digest(text: str, *, others: bool = False) -> bool:
    """Whether `text` is meant as ALGORITHM:HEX, with `others` also as NAME:VALUE, rather than as the name of a file.

    Raises InputError `name-ambiguous` where it is the name of a file as well.
    """
    name, colon, _ = text.partition(":")
    known = text.startswith(_EXPLICIT) or (colon and name in HEX_LENGTHS)
    if not known and not (others and name not in _SCHEMES and all(map(_OTHER.fullmatch, text.split(",")))):
        return False
    filenames.demand_no_file(text, "a digest", f"{_EXPLICIT}{text.removeprefix(_EXPLICIT)}")
    return True


def _meant(name: str) -> str | None:
    """The known algorithm that a name with a typo, or in another spelling, probably means."""
    near = nearest(name, HEX_LENGTHS, cutoff=0.8)
    return algorithm(name) or (near[0] if near else None)


def check_algorithms(algorithms: Iterable[str]) -> tuple[str, ...]:
    """The `algorithms`, each once and in order. Raises InputError `digest-unsupported` for one not COMPUTABLE."""
    chosen = tuple(dict.fromkeys(algorithms))
    for algorithm in chosen:
        if algorithm not in COMPUTABLE:
            raise InputError(
                "digest-unsupported",
                f"attest does not compute {algorithm!r} digests",
                hint=f"Choose from {', '.join(COMPUTABLE)}.",
            )
    return chosen


def hash_stream(stream: BinaryIO, algorithms: Iterable[str], progress: Progress | None = None) -> dict[str, str]:
    """The digests of the rest of `stream`; `progress` is called with the number of bytes of each piece."""
    hashers = {algorithm: hashlib.new(algorithm, usedforsecurity=True) for algorithm in algorithms}
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    read = getattr(stream, "readinto", None)
    while count := read(buffer) if read else _copy_into(buffer, stream.read(_CHUNK)):
        for hasher in hashers.values():
            hasher.update(view[:count])
        if progress:
            progress(count)
    return {algorithm: hasher.hexdigest() for algorithm, hasher in hashers.items()}


def hash_file(
    path: str | os.PathLike[str], algorithms: Iterable[str], progress: Progress | None = None
) -> dict[str, str]:
    """The digests of the regular file at `path`, which may be a link to one.

    Raises InputError: `file-unreadable` if it cannot be read or is not a file, `file-changed` if it changed meanwhile.
    """
    return hash_named(path, algorithms, progress)[0]


def hash_named(path: str | os.PathLike[str], algorithms: Iterable[str], progress: Progress | None = None) -> Hashed:
    """`hash_file`; also what the file was like meanwhile."""
    try:
        return hash_handle(os.open(path, files.READ), os.fspath(path), algorithms, progress)
    except (OSError, ValueError) as error:
        raise files.unreadable(path, error) from None


def hash_several(
    paths: Sequence[str | os.PathLike[str]], algorithms: Iterable[str], progress: Progress | None = None
) -> Iterator[Hashed]:
    """`hash_named` of each, in order, and raising in its place. At the first, all large files are hashed in threads."""
    chosen = check_algorithms(algorithms)
    large = [path for path in dict.fromkeys(paths) if files.length(path) >= LARGE] if len(paths) > 1 else []
    ahead: dict[str | os.PathLike[str], TaskResult[Hashed]] = {}
    if len(large) > 1:
        from attest._base.threads import share_out

        outcomes = share_out(lambda path, paced: hash_named(path, chosen, paced(progress)), large)
        ahead.update(zip(large, outcomes, strict=True))
    for path in paths:
        found = ahead[path].settled() if path in ahead else None
        yield found or hash_named(path, chosen, progress)


def hash_handle(handle: int, where: str, algorithms: Iterable[str], progress: Progress | None = None) -> Hashed:
    """`hash_file` for a file that was opened already, and is closed here; also what the file was like meanwhile."""
    try:
        with open(handle, "rb", buffering=0) as stream:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise InputError("file-unreadable", "the path is not a regular file", where=where)
            digests = hash_stream(stream, algorithms, progress)
            after = FileState.of(os.fstat(handle))
    except OSError as error:
        raise files.unreadable(where, error) from None
    if FileState.of(before) != after:
        raise InputError(
            "file-changed",
            "the file changed while it was read",
            where=where,
            hint="Wait until no other program writes to the file.",
        )
    return digests, after


def hash_directory(path: str | os.PathLike[str], progress: Progress | None = None) -> dict[str, str]:
    """The dirHash of a directory: Go's Hash1 over its files in lower-case hex (digest_set.md).

    Links and special files are errors, because their content is not in the directory. Raises InputError:
    `directory-unhashable`, `file-unreadable` or `file-changed`.
    """
    root = Path(path)
    lines: dict[bytes, str] = {}
    try:
        for file in _files_below(root):
            name = os.fsencode(file.relative_to(root).as_posix())
            if b"\n" in name:
                raise InputError("directory-unhashable", "the file name contains a line break", where=repr(str(file)))
            lines[name] = hash_file(file, ["sha256"], progress)["sha256"]
    except (OSError, ValueError) as error:
        raise files.unreadable(path, error) from None
    if not lines:
        raise InputError("directory-unhashable", "the directory has no files", where=os.fspath(path))
    listing = b"".join(lines[name].encode() + b"  " + name + b"\n" for name in sorted(lines))
    return {"dirHash": hashlib.sha256(listing).hexdigest()}


def _files_below(folder: Path) -> Iterable[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
            else:
                kind = "a link" if entry.is_symlink() else "neither a file nor a directory"
                raise InputError("directory-unhashable", f"the entry is {kind}", where=entry.path)


def _copy_into(buffer: bytearray, data: bytes) -> int:
    buffer[: len(data)] = data
    return len(data)
