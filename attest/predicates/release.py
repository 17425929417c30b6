"""in-toto Release v0.2: which artifacts make up a release of a package.

Rule: sections are those of spec/predicates/release.md; the artifacts are the statement's subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from attest.predicates._base import Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Predicate):
    """A release of a package (Fields).

    purl: of the package and, always, its version (Fields, predicate.purl).
    package_id: what stays the same through all versions and names of the package (Fields, predicate.packageId).
    """

    PREDICATE_TYPE: ClassVar[str] = "https://in-toto.io/attestation/release/v0.2"

    purl: str
    package_id: str | None = None


BUILDER: Final = Release
