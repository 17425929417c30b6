"""PyPI publish attestations: the one subject is a distribution, and its file name counts besides its digest.

Rule: as pypi-attestations compares them: names are normalised, and everything else in them must be equal.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from attest.artifacts import ArtifactCheck, match

if TYPE_CHECKING:
    from attest.artifacts import Artifact
    from attest.statement import Statement

# No file system has a longer name, and a short one has few tags: they are multiplied.
_LONGEST: Final = 255


def match_statement(artifact: Artifact, statement: Statement) -> ArtifactCheck:
    """Whether the artifact is the distribution; of digests, which have no name, only the digest counts."""
    subjects = statement._content.subjects()
    check = match(artifact, statement._content.digests())
    if check.code is not None:
        return check
    names = [subject.get("name") for subject in subjects]
    if len(names) != 1 or not isinstance(names[0], str) or (named := _parsed(names[0])) is None:
        message = "expected one subject with the name of a wheel or sdist, as PyPI requires"
        return ArtifactCheck(artifact, (), "package-name-mismatch", message)
    file = os.path.basename(os.path.abspath(artifact.name))
    if artifact.is_file and _parsed(file) != named:
        message = f"the attestation is about {names[0]!r}, which is another distribution than {file!r}"
        return ArtifactCheck(artifact, (), "package-name-mismatch", message)
    return check


def _parsed(name: str) -> Any:
    """The project, version, build and tags in a file name, or None."""
    if len(name) > _LONGEST:
        return None
    try:
        if name.endswith(".whl"):
            return parse_wheel_filename(name)
        return parse_sdist_filename(name) if name.endswith((".tar.gz", ".zip")) else None
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
