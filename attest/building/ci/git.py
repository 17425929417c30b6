"""Plain git, where no CI system is: what git says of the folder (docs/reference/buildtypes.md).

Rule: a folder says what was built, and never who built it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.building.ci._build import UNKNOWN_BUILDER, Build
from attest.building.ci._caveats import builder_unknown
from attest.building.ci._source import in_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "urn:attest:buildtype:git:v1"


def recognises(environ: Mapping[str, str]) -> bool:
    """Never: no environment says that there is nothing but git, so it is what is left where nothing else is."""
    return False


def describe(environ: Mapping[str, str], folder: str) -> Build | None:
    """The build of what is checked out in `folder`, or None where git finds no commit there."""
    source = in_folder(folder, environ)
    if source is None:
        return None
    return Build(
        build_type=BUILD_TYPE,
        builder_id=UNKNOWN_BUILDER,
        external_parameters={"source": {**source.claims, "commit": source.commit}},
        resolved_dependencies=(source.dependency,),
        caveats=(builder_unknown("git does not record who builds"), *source.caveats),
    )
