"""The one function that compares an artifact with a statement.

Rule: a predicate type that is not listed here adds nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from attest.artifacts import match

if TYPE_CHECKING:
    from attest.artifacts import Artifact, ArtifactCheck
    from attest.statement import Statement

_TYPES: Final = {
    "https://model_signing/signature/v1.0": "model_signing",
    "https://model_signing/Digests/v0.1": "model_signing",
    "https://docs.pypi.org/attestations/publish/v1": "pypi_publish",
}


def match_statement(artifact: Artifact, statement: Statement) -> ArtifactCheck:
    """Which subjects of a statement match an artifact, as its predicate type demands.

    Raises InputError for an artifact that cannot be read.
    """
    module = _TYPES.get(statement.predicate_type)
    if module is None:
        return match(artifact, statement._content.digests())
    check: ArtifactCheck = import_module(f"attest.matching.{module}").match_statement(artifact, statement)
    return check
