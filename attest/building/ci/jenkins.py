"""Jenkins, by a build type of our own (docs/reference/buildtypes.md): there is no official one for SLSA provenance v1.

Rule: the builder is the controller, by the URL that its administrator configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.building.ci._build import UNKNOWN_BUILDER, Build
from attest.building.ci._caveats import UNPROVEN, builder_unknown, from_fork, self_hosted
from attest.building.ci._source import named
from attest.building.ci._variables import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "urn:attest:buildtype:jenkins:v1"
_CONTROLLER = {"built-in", "master"}


def recognises(environ: Mapping[str, str]) -> bool:
    """Whether this is a build of Jenkins; an agent alone has JENKINS_URL, and no build."""
    return environ.get("BUILD_TAG", "").startswith("jenkins-") and bool(environ.get("BUILD_NUMBER"))


def describe(environ: Mapping[str, str], folder: str) -> Build:
    """The build of this job. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
    variables = Variables(environ)
    node, controller = variables.want("NODE_NAME"), variables.want_url("JENKINS_URL")
    tag, branch = variables.get("TAG_NAME"), variables.get("BRANCH_NAME") or variables.get("GIT_LOCAL_BRANCH")
    ref = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}" if branch and not variables.get("CHANGE_ID") else None
    source = named("GIT_URL", "GIT_COMMIT", ref, folder, environ)
    caveats = [
        UNPROVEN,
        self_hosted(f"the build ran on {'the controller' if node in _CONTROLLER else 'an agent'} of Jenkins"),
    ]
    if controller is None:  # its administrator has not set it
        caveats.append(builder_unknown("no variable names the controller"))
    if variables.get("CHANGE_FORK"):
        caveats.append(from_fork("the change request"))
    return Build(
        build_type=BUILD_TYPE,
        builder_id=controller or UNKNOWN_BUILDER,
        invocation_id=variables.want_url("BUILD_URL"),
        external_parameters={"job": variables.want("JOB_NAME"), "source": source.claims},
        internal_parameters={"jenkins": {"build_number": variables.want("BUILD_NUMBER"), "node": node}},
        resolved_dependencies=(source.dependency,),
        caveats=(*caveats, *variables.caveats, *source.caveats),
    )
