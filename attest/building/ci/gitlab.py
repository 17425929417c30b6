"""GitLab CI, by the build type of the provenance that GitLab's own runner can write.

Rule: what the runner writes is written as it does, but for what no variable says, and for the commit's descriptor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.building.ci._build import UNKNOWN_BUILDER, Build, Caveat
from attest.building.ci._caveats import UNPROVEN, builder_unknown, from_fork, runner_unknown
from attest.building.ci._source import claimed
from attest.building.ci._variables import Variables, escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/{}/PROVENANCE.md"
# Pairs that name the same project unless a merge request, or a pull request mirrored from GitHub, is from a fork.
_ENDS = (
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
    ("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"),
)


def recognises(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitLab CI."""
    return environ.get("GITLAB_CI") == "true"


def describe(environ: Mapping[str, str], folder: str) -> Build:
    """The build of this job. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
    variables = Variables(environ)
    project = variables.url("CI_PROJECT_URL")
    version = variables.want("CI_RUNNER_VERSION")
    # As the runner does: a revision names a build of it that has no tag.
    if version and not version.startswith("v"):
        version = variables.want("CI_RUNNER_REVISION")
    job, runner = variables.need("CI_JOB_ID"), variables.want("CI_RUNNER_ID")
    internal = {
        "name": variables.get("CI_RUNNER_DESCRIPTION"),
        "architecture": variables.get("CI_RUNNER_EXECUTABLE_ARCH"),
        "job": job,
    }
    source = claimed(variables.commit("CI_COMMIT_SHA"), project, _ref(variables), folder, environ)
    return Build(
        build_type=BUILD_TYPE.format(escaped(version or "main")),
        builder_id=f"{project}/-/runners/{escaped(runner)}" if runner else UNKNOWN_BUILDER,
        builder_version={"gitlab-runner": version} if version else {},
        invocation_id=job,
        external_parameters={"source": project, "entryPoint": variables.want("CI_JOB_NAME")},
        internal_parameters=internal,
        resolved_dependencies=(source.dependency,),
        started_on=variables.time("CI_JOB_STARTED_AT"),
        caveats=(UNPROVEN, *_of_run(variables), *variables.caveats, *source.caveats),
    )


def _ref(variables: Variables) -> str | None:
    tag, branch = variables.get("CI_COMMIT_TAG"), variables.get("CI_COMMIT_BRANCH")
    if tag is not None:
        return f"refs/tags/{tag}"
    if branch is not None:
        return f"refs/heads/{branch}"
    return variables.get("CI_MERGE_REQUEST_REF_PATH") or variables.want("CI_COMMIT_REF_NAME")


def _of_run(variables: Variables) -> list[Caveat]:
    caveats = [runner_unknown("the runner is hosted by GitLab or self-managed")]
    if "CI_RUNNER_ID" in variables.missed:
        caveats.append(builder_unknown("no variable names the runner"))
    if variables.get("CI_SHARED_ENVIRONMENT") == "true":
        message = "the runner reuses its machine, and an earlier job may have changed it"
        caveats.append(Caveat("runner-reused", message))
    if any(variables.get(source) != variables.get(target) for source, target in _ENDS):
        caveats.append(from_fork("the merge request"))
    return caveats
