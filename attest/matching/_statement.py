"""The one function that compares an artifact with a statement.

Rule: a predicate type that is not listed here adds nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from attest.artifacts import hash_large, match
from attest.digest import algorithms_of

if TYPE_CHECKING:
    from attest.artifacts import Artifact, ArtifactCheck, Artifacts
    from attest.statement import Statement

_TYPES: Final = {
    "https://model_signing/signature/v1.0": "model_signing",
    "https://model_signing/Digests/v0.1": "model_signing",
    "https://docs.pypi.org/attestations/publish/v1": "pypi_publish",
}


_FEW: Final = 4  # artifacts that are compared without looking for those that may match


def match_each(artifacts: Artifacts, statement: Statement) -> tuple[ArtifactCheck, ...]:
    """`match_statement` of each; it is `artifacts.unmatched` itself if the statement is about none of them.

    Raises InputError for an artifact that cannot be read.
    """
    subjects = statement._content.digests()
    if len(artifacts) <= _FEW or statement.predicate_type in _TYPES:
        if len(artifacts) > 1:
            hash_large(artifacts, algorithms_of(subjects))
        return tuple([match_statement(artifact, statement) for artifact in artifacts])
    near = artifacts.near(subjects)
    if not near:
        return artifacts.unmatched
    checks = list(artifacts.unmatched)
    for place in near:
        checks[place] = match(artifacts[place], subjects)
    return tuple(checks)


def match_statement(artifact: Artifact, statement: Statement) -> ArtifactCheck:
    """Which subjects of a statement match an artifact, as its predicate type demands.

    Raises InputError for an artifact that cannot be read.
    """
    module = _TYPES.get(statement.predicate_type)
    if module is None:
        return match(artifact, statement._content.digests())
    check: ArtifactCheck = import_module(f"attest.matching.{module}").match_statement(artifact, statement)
    return check
