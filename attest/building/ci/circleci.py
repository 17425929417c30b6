"""CircleCI, by a build type of our own (docs/reference/buildtypes.md): CircleCI publishes none.

Rule: the builder is the CircleCI that gives the job its URL: the cloud, or a self-hosted server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.building.ci._build import Build
from attest.building.ci._caveats import UNPROVEN, from_fork, runner_unknown
from attest.building.ci._source import named
from attest.building.ci._variables import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "urn:attest:buildtype:circleci:v1"


def recognises(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of CircleCI."""
    return environ.get("CIRCLECI") == "true"


def describe(environ: Mapping[str, str], folder: str) -> Build:
    """The build of this job. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
    variables = Variables(environ)
    source = named("CIRCLE_REPOSITORY_URL", "CIRCLE_SHA1", _ref(variables), folder, environ)
    url = variables.url("CIRCLE_BUILD_URL")
    caveats = [UNPROVEN, runner_unknown("the runner is hosted by CircleCI or self-hosted")]
    if variables.get("CIRCLE_PR_REPONAME"):
        caveats.append(from_fork("the pull request"))
    return Build(
        build_type=BUILD_TYPE,
        builder_id="/".join(url.split("/")[:3]),
        invocation_id=url,
        external_parameters={
            "organization": variables.want("CIRCLE_PROJECT_USERNAME"),
            "project": variables.want("CIRCLE_PROJECT_REPONAME"),
            "job": variables.want("CIRCLE_JOB"),
            "source": source.claims,
        },
        internal_parameters={
            "circleci": {
                "build_number": variables.want("CIRCLE_BUILD_NUM"),
                "workflow_id": variables.want("CIRCLE_WORKFLOW_ID"),
                "job_id": variables.want("CIRCLE_WORKFLOW_JOB_ID"),
            }
        },
        resolved_dependencies=(source.dependency,),
        caveats=(*caveats, *variables.caveats, *source.caveats),
    )


def _ref(variables: Variables) -> str | None:
    tag, branch = variables.get("CIRCLE_TAG"), variables.get("CIRCLE_BRANCH")
    if tag is not None:
        return f"refs/tags/{tag}"
    if branch is None:
        return None
    # A pull request from a fork is named so, and is no branch.
    return f"refs/{branch}/head" if branch.startswith("pull/") else f"refs/heads/{branch}"
