"""Buildkite, by the build type of Buildkite's own plugin for provenance.

Rule: what the plugin generate-provenance-attestation writes is written as it does; the builder is not that plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.building.ci._build import Build, Caveat
from attest.building.ci._caveats import UNPROVEN, from_fork, runner_unknown, self_hosted
from attest.building.ci._source import Source, named
from attest.building.ci._variables import Variables, escaped, repository

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "https://buildkite.github.io/slsa-buildtypes/job/v1"
_AGENTS = {"hosted", "self-hosted"}


def recognises(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of Buildkite."""
    return environ.get("BUILDKITE") == "true"


def describe(environ: Mapping[str, str], folder: str) -> Build:
    """The build of this job. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
    variables = Variables(environ)
    tag = variables.get("BUILDKITE_TAG")
    branch = variables.want("BUILDKITE_BRANCH")
    ref = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}" if branch else None
    source = named("BUILDKITE_REPO", "BUILDKITE_COMMIT", ref, folder, environ)
    organization = f"https://buildkite.com/{escaped(variables.need('BUILDKITE_ORGANIZATION_SLUG'))}"
    pipeline = f"{organization}/{escaped(variables.need('BUILDKITE_PIPELINE_SLUG'))}"
    number, job = variables.want("BUILDKITE_BUILD_NUMBER"), variables.want("BUILDKITE_JOB_ID")
    run = f"{pipeline}/builds/{escaped(number)}{f'#{escaped(job)}' if job else ''}" if number else None
    agent = variables.get("BUILDKITE_COMPUTE_TYPE") or ""
    return Build(
        build_type=BUILD_TYPE,
        builder_id=f"{organization}#{agent if agent in _AGENTS else 'unknown-agent'}",
        invocation_id=run,
        external_parameters={"pipeline": pipeline, **_parameters(variables, source), "job": {"id": job}},
        internal_parameters={
            "buildkite": {
                "organization_id": variables.want("BUILDKITE_ORGANIZATION_ID"),
                "pipeline_id": variables.want("BUILDKITE_PIPELINE_ID"),
                "build_id": variables.want("BUILDKITE_BUILD_ID"),
                "build_number": number,
            }
        },
        resolved_dependencies=(source.dependency,),
        caveats=(UNPROVEN, *_of_run(variables, agent), *variables.caveats, *source.caveats),
    )


def _parameters(variables: Variables, source: Source) -> dict[str, object]:
    """A build's and a step's own, as the plugin has them; a tag and a key are empty where there are none."""
    step = {
        "id": variables.want("BUILDKITE_STEP_ID"),
        "command": variables.get("BUILDKITE_COMMAND") or "",
        "key": variables.get("BUILDKITE_STEP_KEY") or "",
    }
    build = {
        "branch": variables.get("BUILDKITE_BRANCH"),
        "commit": source.commit,
        "tag": variables.get("BUILDKITE_TAG") or "",
    }
    return {"repository": source.repository or "", "build": build, "step": step}


def _of_run(variables: Variables, agent: str) -> list[Caveat]:
    caveats = []
    if agent == "self-hosted":
        caveats.append(self_hosted("the job ran on a self-hosted agent"))
    elif agent != "hosted":
        caveats.append(runner_unknown("the agent is hosted by Buildkite or self-hosted"))
    head = variables.get("BUILDKITE_PULL_REQUEST_REPO")
    if head is not None and _place(head) != _place(variables.get("BUILDKITE_REPO")):
        caveats.append(from_fork("the pull request"))
    return caveats


def _place(remote: str | None) -> str | None:
    """Host and path of a remote, whatever way leads there: the two are not given in the same form."""
    url = repository(remote) if remote else None
    return None if url is None else url.partition("://")[2].lower()
