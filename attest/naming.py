"""What subjects are called, beside the name of the file that was asked about and the globs that a name must match.

Rule: a digest says what an artifact is, and a name only what whoever signed calls it (docs/trust.md).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attest import _globs
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from attest.artifacts import ArtifactCheck
    from attest.statement import Statement


def names(subject: Mapping[str, Any]) -> list[str]:
    """Everything that a subject calls itself: `name` and `uri`. statement.md lets `_` stand for no name."""
    return [name for name in (subject.get("name"), subject.get("uri")) if name and name != "_"]


def matches_all(subject: Mapping[str, Any], globs: Collection[str]) -> bool:
    """Whether each of the globs matches the subject's name or its URI."""
    return all(any(_globs.matches(glob, name) for name in names(subject)) for glob in globs)


def matches_any(subject: Mapping[str, Any], globs: Collection[str]) -> bool:
    """Whether one of the globs matches the subject's name or its URI."""
    return any(_globs.matches(glob, name) for name in names(subject) for glob in globs)


def said(subjects: Sequence[Mapping[str, Any]]) -> str:
    """What the subjects call themselves, in a few words."""
    found = list(dict.fromkeys(name for subject in subjects for name in names(subject)))
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return (", ".join(repr(name)[:200] for name in found[:4]) + more) if found else "nothing, since it has no name"


def other_names(check: ArtifactCheck, statement: Statement) -> tuple[str, ...]:
    """What the subjects that a file is are called, where none of them has the file's own name.

    Only the last part of a name is compared, because the file may be anywhere. A purl isn't the name of a file.
    """
    if not check.subjects or not check.artifact.is_file:
        return ()
    subjects = statement._plain()["subject"]
    file = os.path.basename(os.path.abspath(check.artifact.name))
    called = [subjects[index].get("name") for index in check.subjects]
    found = [name for name in called if name and name != "_" and not name.startswith("pkg:")]
    return () if any(name.rpartition("/")[2] == file for name in found) else tuple(dict.fromkeys(found))


def demand_listed(globs: Collection[str] | None, what: str) -> tuple[str, ...]:
    """The globs or names that an option lists, or none for None.

    Raises InputError `option-invalid` for an empty list, which would ask nothing, and TypeError for a text.
    """
    if globs is None:
        return ()
    if isinstance(globs, str):
        raise TypeError(f"`{what}` is a list of texts, and not one text")
    if not globs or not all(globs):
        raise InputError("option-invalid", f"`{what}` is empty or has an empty text, which would ask nothing")
    return tuple(globs)
