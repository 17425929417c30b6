"""What must be a subject: files, directories and digests, hashed once and compared by strong digests.

Rule: an artifact is a subject if one strong digest or more is common to both and none differs (docs/adr/0004).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from attest import digest
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from attest.digest import DigestSet, FileState


class Artifact:
    """Something that must be a subject: a file, a directory, or digests that somebody else computed.

    A file is hashed when it is first compared, with the algorithms that the statement has, and only once with each. All
    of its digests are of the same contents, so that no two attestations are about it each at another time.
    """

    def __init__(self, name: str, digests: DigestSet | None = None, *, progress: digest.Progress | None = None) -> None:
        self.name = name
        self.digests: dict[str, str] = dict(digests or {})
        self._is_file = digests is None
        self._progress = progress
        self._state: FileState | None = None  # of the file that `digests` are of

    @classmethod
    def of(cls, given: str | os.PathLike[str] | Artifact, *, progress: digest.Progress | None = None) -> Artifact:
        """An artifact from a path or from `[digest:]ALGORITHM:HEX[,...]`.

        Raises InputError `digest-invalid`, and `name-ambiguous` for a digest that is also the name of a file.
        """
        if isinstance(given, Artifact):
            return given
        if isinstance(given, str) and digest.is_digest(given):
            return cls(given, digest.parse_digest(given))
        return cls(os.fspath(given), progress=progress)

    @classmethod
    def of_stream(cls, name: str, stream: BinaryIO) -> Artifact:
        """An artifact that can be read only once, so that it is hashed now, for every statement that may come."""
        return cls(name, digest.hash_stream(stream, ("sha256", "sha384", "sha512")))

    def hash_for(self, algorithms: Collection[str]) -> DigestSet:
        """Its digests, those with `algorithms` among them that are strong and can be computed.

        Raises InputError as the functions of attest.digest do.
        """
        if not self._is_file:
            return self.digests
        if os.path.isdir(self.name):
            if not self.digests:
                self.digests.update(digest.hash_directory(self.name, self._progress))
            return self.digests
        wanted = digest.STRONG.intersection(algorithms, digest.COMPUTABLE).difference(self.digests)
        if wanted or not self.digests:
            self._hash(wanted or ["sha256"])
        return self.digests

    def _hash(self, algorithms: Collection[str]) -> None:
        digests, state = digest.hash_named(self.name, algorithms, self._progress)
        if self._state not in (None, state):
            hint = "Let the writer finish first."
            raise InputError("file-changed", "this changed since it was hashed before", where=self.name, hint=hint)
        self._state = state
        self.digests.update(digests)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artifact):
            return NotImplemented
        same = (self.name, self._is_file) == (other.name, other._is_file)
        return same and (self._is_file or self.digests == other.digests)

    def __hash__(self) -> int:
        return hash((self.name, self._is_file))

    def __getstate__(self) -> tuple[str, dict[str, str], bool, FileState | None]:
        return self.name, self.digests, self._is_file, self._state  # a progress bar stays where it is

    def __setstate__(self, state: tuple[str, dict[str, str], bool, FileState | None]) -> None:
        self.name, self.digests, self._is_file, self._state = state
        self._progress = None

    def __repr__(self) -> str:
        return f"Artifact({self.name!r})"


class ArtifactCheck(NamedTuple):
    """An artifact and the subjects that it is, by their index in the statement; none where `code` says why not."""

    artifact: Artifact
    subjects: tuple[int, ...]
    code: str | None = None


def match(artifact: Artifact, subjects: Sequence[DigestSet]) -> ArtifactCheck:
    """Which subjects an artifact is, by `digest.compare`; none if one agrees in one digest and differs in another."""
    algorithms: set[str] = set()
    digests = artifact.hash_for(algorithms.union(*subjects))
    found = []
    conflict = weak = False
    compare = digest.compare  # looked up once for many subjects
    for index, subject in enumerate(subjects):
        agreement = compare(digests, subject)
        if agreement == "same":
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


MISMATCH: Final = {
    "artifact-mismatch": "no subject of the statement has this artifact's digest",
    "digest-conflict": "a subject has one digest of this artifact and contradicts another",
    "digest-weak": "only digests that are too weak to rely on match a subject",
}
