"""Artifacts: files, directories and digests, compared with the subjects of a statement.

Rule: an artifact is a subject if they have at least one equal strong digest and none that differs (docs/adr/0004).
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from attest import digest
from attest._base import files, globbing
from attest._base.expected import demand, demand_several, wrong_type
from attest._base.read_only import read_only
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from attest._base.files import FileState
    from attest.digest import DigestSet
    from attest.statement import Statement


class Artifact:
    """Something that must be a subject: a file, a directory, or digests that were computed elsewhere.

    A file is hashed when it is first compared, once with each algorithm that the statement has. All its digests are of
    the same contents, so that no two attestations match it at different times. It is read-only.
    """

    __slots__ = ("_below", "_digests", "_is_file", "_name", "_progress", "_state")

    def __init__(self, name: str, digests: DigestSet | None = None, *, progress: digest.Progress | None = None) -> None:
        self._name = name
        self._digests: dict[str, str] = dict(digests or {})
        self._is_file = digests is None
        self._progress = progress
        self._state: FileState | None = None  # of the file that `digests` are of
        self._below: dict[tuple[str, str], str] = {}

    @classmethod
    def of(cls, given: str | os.PathLike[str] | Artifact, *, progress: digest.Progress | None = None) -> Artifact:
        """An artifact from a path or from `[digest:]ALGORITHM:HEX[,...]`.

        The digest may have a name of its own: gce_image_id:8970095005306000053. Raises InputError `digest-invalid`, and
        `name-ambiguous` for a digest that is also the name of a file.
        """
        if isinstance(given, Artifact):
            return given
        if isinstance(given, str):
            if digest.is_digest(given, others=True):
                return cls(given, digest.parse_digest(given, others=True))
        elif not isinstance(given, os.PathLike):
            raise wrong_type("artifact", "a path, a digest as text, or an Artifact", given)
        return cls(os.fspath(given), progress=progress)

    @classmethod
    def of_stream(cls, name: str, stream: BinaryIO) -> Artifact:
        """An artifact that can be read only once, so it is hashed now, with all common algorithms."""
        return cls(name, digest.hash_stream(stream, digest.COMMON))

    @property
    def name(self) -> str:
        """The path or digests that it was made from."""
        return self._name

    @property
    def is_file(self) -> bool:
        """Whether it is a file or a directory, and not only digests."""
        return self._is_file

    @property
    def digests(self) -> dict[str, str]:
        """A read-only copy of its digests that are known so far."""
        found: dict[str, str] = read_only(self._digests)
        return found

    def hash_for(self, algorithms: Collection[str]) -> DigestSet:
        """Its digests, including those with `algorithms` that are strong and can be computed; read-only.

        Raises InputError as the functions of attest.digest do.
        """
        self._hash_for(algorithms)
        return self.digests

    def hash_below(self, name: str, algorithm: str) -> str:
        """The digest of a file in the directory that it is, hashed once; `.` is the file that it is itself.

        Raises InputError as the functions of attest.digest do.
        """
        if name == ".":
            return self._hash_for([algorithm])[algorithm]
        if (name, algorithm) not in self._below:
            digests = digest.hash_file(os.path.join(self._name, name), [algorithm], self._progress)
            self._below[name, algorithm] = digests[algorithm]
        return self._below[name, algorithm]

    def _hash_for(self, algorithms: Collection[str]) -> dict[str, str]:
        if not self._is_file:
            return self._digests
        if os.path.isdir(self._name):
            if not self._digests:
                self._digests.update(digest.hash_directory(self._name, self._progress))
            return self._digests
        wanted = digest.STRONG.intersection(algorithms, digest.COMPUTABLE).difference(self._digests)
        if wanted or not self._digests:
            self._hash(wanted or ["sha256"])
        return self._digests

    def _hash(self, algorithms: Collection[str]) -> None:
        self._keep(*digest.hash_named(self._name, algorithms, self._progress))

    def _keep(self, digests: DigestSet, state: FileState) -> None:
        if self._state not in (None, state):
            hint = "Wait until the program that writes the file has finished."
            raise InputError("file-changed", "the file changed after it was first hashed", where=self._name, hint=hint)
        self._state = state
        self._digests.update(digests)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artifact):
            return NotImplemented
        same = (self._name, self._is_file) == (other._name, other._is_file)
        return same and (self._is_file or self._digests == other._digests)

    def __hash__(self) -> int:
        return hash((self._name, self._is_file))

    def __getstate__(self) -> tuple[str, dict[str, str], bool, FileState | None]:
        return self._name, self._digests, self._is_file, self._state  # without the progress bar

    def __setstate__(self, state: tuple[str, dict[str, str], bool, FileState | None]) -> None:
        self._name, self._digests, self._is_file, self._state = state
        self._progress = None
        self._below = {}

    def __repr__(self) -> str:
        return f"Artifact({self._name!r})"


class Artifacts(tuple[Artifact, ...]):
    """Several artifacts, among which those that a statement may be about are found without a look at the others.

    `unmatched` is the check of each if no statement is about it.
    """

    unmatched: tuple[ArtifactCheck, ...]
    _indexes: dict[frozenset[str], digest.DigestIndex]

    def __new__(cls, artifacts: Iterable[Artifact] = ()) -> Artifacts:
        self = super().__new__(cls, artifacts)
        self.unmatched = tuple([ArtifactCheck(one, (), "artifact-mismatch") for one in self])
        self._indexes = {}
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (tuple(self),)

    def near(self, subjects: Sequence[DigestSet]) -> list[int]:
        """The places of those with a digest of a subject; to `match`, all others are an `artifact-mismatch`.

        Raises InputError for an artifact that cannot be read.
        """
        algorithms = digest.algorithms_of(subjects)
        # A file has no digests with others, and everything else has the digests that it always has.
        key = digest.STRONG.intersection(algorithms, digest.COMPUTABLE)
        index = self._indexes.get(key)
        if index is None:
            hash_large(self, algorithms)
            index = self._indexes[key] = digest.DigestIndex([one._hash_for(algorithms) for one in self])
        found: set[int] = set()
        for subject in subjects:
            found.update(index.having(subject))
            # The hex of an artifact is in lower case, and that of a subject in any.
            found.update(index.having({name: value.lower() for name, value in subject.items()}))
        return sorted(found)


def artifacts_of(given: Iterable[str | os.PathLike[str] | Artifact]) -> Artifacts:
    """The artifacts of an option. Raises as `Artifact.of`, and TypeError for one that is not in a list."""
    if isinstance(given, Artifacts):
        return given
    return Artifacts([Artifact.of(one) for one in demand_several(given, "artifacts", "paths, digests or Artifacts")])


def hash_large(artifacts: Sequence[Artifact], algorithms: Collection[str]) -> None:
    """Hash the large files among several artifacts at the same time. What cannot be hashed is left to `match`."""
    wanted = digest.STRONG.intersection(algorithms, digest.COMPUTABLE) or {"sha256"}
    fresh = [one for one in artifacts if one._is_file and not one._digests and one._progress == artifacts[0]._progress]
    large = {one._name: one for one in fresh if files.length(one._name) >= digest.LARGE}
    if len(large) > 1:
        with suppress(InputError):
            hashed = digest.hash_several([*large], wanted, artifacts[0]._progress)
            for artifact, found in zip(large.values(), hashed, strict=True):
                artifact._keep(*found)


class ArtifactCheck(NamedTuple):
    """An artifact and the indexes of the subjects that match it.

    If there are none, `code` says why, and `message` in a sentence where MISMATCH does not, with a `hint`.
    """

    artifact: Artifact
    subjects: tuple[int, ...]
    code: str | None = None
    message: str | None = None
    hint: str | None = None


def match(artifact: Artifact, subjects: Sequence[DigestSet]) -> ArtifactCheck:
    """Which subjects match an artifact, by `digest.compare`; none if a subject has one equal and one other digest.

    A digest with a name of its own matches only where it was named as the artifact, and exactly (docs/adr/0043). With
    a DigestIndex only the subjects that have a digest of the artifact are compared.
    """
    places: Iterable[int] = range(len(subjects))
    if isinstance(subjects, digest.DigestIndex):
        digests = artifact._hash_for(subjects.algorithms)
        places = subjects.having(digests)
    else:
        digests = artifact._hash_for(set[str]().union(*subjects)) if artifact._is_file else artifact._digests
    found = []
    conflict = weak = False
    compare = digest.compare  # looked up once for many subjects
    for index in places:
        subject = subjects[index]
        agreement = compare(digests, subject)
        if agreement == "same" or (agreement == "weak" and _is_named(artifact, subject)):
            found.append(index)
        elif agreement == "conflict":
            conflict = True
        elif agreement == "weak":
            weak = True
    if conflict:
        return ArtifactCheck(artifact, (), "digest-conflict")
    if found:
        return ArtifactCheck(artifact, tuple(found))
    return ArtifactCheck(artifact, (), "digest-weak" if weak else "artifact-mismatch")


def _is_named(artifact: Artifact, subject: DigestSet) -> bool:
    """Whether the artifact was named by a digest with a name of its own, and the subject has exactly that."""
    own = [] if artifact._is_file else [one for one in artifact._digests.items() if one[0] not in digest.HEX_LENGTHS]
    return any(subject.get(name) == value for name, value in own)


MISMATCH: Final = {
    "artifact-mismatch": "the attestation is not about this artifact: no subject has its digest",
    "digest-conflict": "a subject has one digest of the artifact, and another digest that differs",
    "digest-weak": "only weak digests match a subject, such as MD5 or SHA-1",
}


_HINTS: Final = {
    "digest-conflict": "Do not use the artifact. Ask who signed the attestation which of the digests is right.",
    "digest-weak": "Ask for an attestation with SHA-256 or a stronger digest.",
}


def hint_of_mismatch(code: str, artifact: Artifact, subjects: Sequence[Mapping[str, Any]]) -> str:
    """What to do if an attestation about `subjects` does not match an artifact; `code` says why not."""
    if code in _HINTS:
        return _HINTS[code]
    strong = [one for one in subjects if not digest.STRONG.isdisjoint(one.get("digest") or ())]
    if subjects and not strong:
        return "The attestation has only weak digests, such as SHA-1. Ask for one with SHA-256 or a stronger digest."
    theirs = set[str]().union(*(one.get("digest") or () for one in subjects))
    if not artifact.is_file and theirs.isdisjoint(artifact.digests):
        return f"Give a digest of another kind: the attestation has {', '.join(sorted(theirs)[:8])}."
    file = os.path.basename(artifact.name)
    if artifact.is_file and any(name.rpartition("/")[2] == file for one in strong for name in names(one)):
        about = f"The attestation is about other content of {file!r}: get both from the same release."
    else:
        about = f"The attestation is about {quoted_names(subjects)}: use the one that is about this artifact."
    return " ".join(filter(None, [hint_for(artifact), about]))


def hint_for(artifact: Artifact) -> str | None:
    """What to do if no attestation is about an artifact, if that depends on the artifact."""
    if not artifact.is_file or not os.path.isdir(artifact.name):
        return None
    pattern = os.path.join(artifact.name, "**")
    return f"A directory is one artifact, compared by its dirHash. For the files in it: --artifact '{pattern}'."


def names(subject: Mapping[str, Any]) -> list[str]:
    """The names of a subject: `name` and `uri`. In statement.md the name `_` means none."""
    return [name for name in (subject.get("name"), subject.get("uri")) if name and name != "_"]


def matches_all(subject: Mapping[str, Any], globs: Collection[str]) -> bool:
    """Whether each of the globs matches the name or URI of the subject."""
    return all(any(globbing.matches(glob, name) for name in names(subject)) for glob in globs)


def matches_any(subject: Mapping[str, Any], globs: Collection[str]) -> bool:
    """Whether one of the globs matches the name or URI of the subject."""
    return any(globbing.matches(glob, name) for name in names(subject) for glob in globs)


def quoted_names(subjects: Sequence[Mapping[str, Any]]) -> str:
    """The names of the subjects in a few words."""
    found = list(dict.fromkeys(name for subject in subjects for name in names(subject)))
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return (", ".join(repr(name)[:200] for name in found[:4]) + more) if found else "nothing (it has no name)"


def other_names(check: ArtifactCheck, statement: Statement) -> tuple[str, ...]:
    """The names of the subjects that match a file, if none of them is the name of the file.

    Only the last part of a name is compared, because the file may be in any directory. A purl is not a file name.
    """
    if not check.subjects or not check.artifact.is_file:
        return ()
    subjects = statement._content.subjects()
    file = os.path.basename(os.path.abspath(check.artifact.name))
    called = [subjects[index].get("name") for index in check.subjects]
    found = [name for name in called if name and name != "_" and not name.startswith("pkg:")]
    return () if any(name.rpartition("/")[2] == file for name in found) else tuple(dict.fromkeys(found))


def demand_listed(globs: Collection[str] | None, what: str) -> tuple[str, ...]:
    """The globs or names of an option, or none for None.

    Raises InputError `option-invalid` for an empty list, which would require nothing, and TypeError for a text.
    """
    if globs is None:
        return ()
    listed = tuple(demand_several(globs, what, "texts"))
    for text in listed:
        demand(text, str, f"each of {what}", "text")
    if not listed or not all(listed):
        raise InputError("option-invalid", f"`{what}` is empty or contains an empty text, which would require nothing")
    return listed
