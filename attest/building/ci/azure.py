"""Azure Pipelines, by a build type of our own (docs/reference/buildtypes.md): Microsoft publishes none.

Rule: agents hosted by Microsoft and self-hosted agents are two builders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.building.ci._build import Build, Caveat
from attest.building.ci._caveats import UNPROVEN, from_fork, maybe_from_fork, runner_unknown, self_hosted
from attest.building.ci._source import claimed
from attest.building.ci._variables import Variables, escaped, invalid, repository

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "urn:attest:buildtype:azure-pipelines:v1"
_AGENTS = {"0": "microsoft-hosted", "1": "self-hosted"}


def recognises(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of Azure Pipelines."""
    return environ.get("TF_BUILD", "").lower() == "true"


def describe(environ: Mapping[str, str], folder: str) -> Build:
    """The build of this job. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
    variables = Variables(environ)
    organization, project = variables.url("SYSTEM_COLLECTIONURI"), variables.want("SYSTEM_TEAMPROJECT")
    where = repository(variables.need("BUILD_REPOSITORY_URI"))
    if where is None:
        raise invalid("BUILD_REPOSITORY_URI", "the value is not the URL of a git repository")
    ref = variables.want("BUILD_SOURCEBRANCH")
    source = claimed(variables.commit("BUILD_SOURCEVERSION"), where, ref, folder, environ)
    agent = _AGENTS.get(variables.get("AGENT_ISSELFHOSTED") or "", "unknown-agent")
    build, job = variables.want("BUILD_BUILDID"), variables.want("SYSTEM_JOBID")
    run = None
    if project and build:
        run = f"{organization}/{escaped(project)}/_build/results?buildId={escaped(build)}"
        run += f"&j={escaped(job)}" if job else ""
    return Build(
        build_type=BUILD_TYPE,
        builder_id=f"{organization}#{agent}",
        invocation_id=run,
        external_parameters={
            "project": project,
            "pipeline": variables.want("BUILD_DEFINITIONNAME"),
            "job": variables.want("SYSTEM_JOBNAME"),
            "source": source.claims,
        },
        internal_parameters={
            "azure": {
                "reason": variables.want("BUILD_REASON"),
                "project_id": variables.want("SYSTEM_TEAMPROJECTID"),
                "definition_id": variables.want("SYSTEM_DEFINITIONID"),
                "repository_id": variables.want("BUILD_REPOSITORY_ID"),
            }
        },
        resolved_dependencies=(source.dependency,),
        caveats=(UNPROVEN, *_of_run(variables, agent), *variables.caveats, *source.caveats),
    )


def _of_run(variables: Variables, agent: str) -> list[Caveat]:
    caveats = []
    if agent == "self-hosted":
        caveats.append(self_hosted("the job ran on a self-hosted agent"))
    elif agent != "microsoft-hosted":
        caveats.append(runner_unknown("the agent is hosted by Microsoft or self-hosted"))
    fork = (variables.get("SYSTEM_PULLREQUEST_ISFORK") or "").lower()
    if fork == "true":
        caveats.append(from_fork("the pull request"))
    elif variables.get("BUILD_REASON") in ("PullRequest", None) and fork != "false":
        caveats.append(maybe_from_fork("the pull request"))
    return caveats
