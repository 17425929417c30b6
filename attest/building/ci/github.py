"""GitHub Actions, by the build type that GitHub publishes and its own actions use.

Rule: what https://actions.github.io/buildtypes/workflow/v1 defines, and @actions/attest writes, is written as they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest._base import files
from attest._base.json import loads_object
from attest.building.ci._build import UNKNOWN_BUILDER, Build, Caveat
from attest.building.ci._caveats import (
    UNPROVEN,
    builder_unknown,
    from_fork,
    maybe_from_fork,
    runner_unknown,
    self_hosted,
)
from attest.building.ci._source import claimed
from attest.building.ci._variables import Variables, escaped, invalid
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"
_EVENTS = {"create", "release", "push", "workflow_dispatch"}
_PULL_REQUEST = {"pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"}
# They set GITHUB_ACTIONS too, and are not GitHub.
_LOOKALIKES = ("GITEA_ACTIONS", "FORGEJO_ACTIONS", "ACT")


def recognises(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitHub Actions."""
    return environ.get("GITHUB_ACTIONS") == "true" and not any(environ.get(name) for name in _LOOKALIKES)


def describe(environ: Mapping[str, str], folder: str) -> Build:
    """The build of this job. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
    variables = Variables(environ)
    name = variables.need("GITHUB_REPOSITORY")
    server = variables.url("GITHUB_SERVER_URL")
    home = f"{server}/{escaped(name)}"
    workflow = variables.want("GITHUB_WORKFLOW_REF")
    path, at, ref = (workflow or "").removeprefix(f"{name}/").partition("@")
    if workflow and not (path and at and ref):
        raise invalid("GITHUB_WORKFLOW_REF", "the value is not OWNER/REPOSITORY/PATH@REF")
    internal = {
        "event_name": variables.want("GITHUB_EVENT_NAME"),
        "repository_id": variables.want("GITHUB_REPOSITORY_ID"),
        "repository_owner_id": variables.want("GITHUB_REPOSITORY_OWNER_ID"),
        "runner_environment": variables.get("RUNNER_ENVIRONMENT"),
    }
    source = claimed(variables.commit("GITHUB_SHA"), home, variables.want("GITHUB_REF"), folder, environ)
    attempt = variables.want("GITHUB_RUN_ATTEMPT")
    run = f"{variables.need('GITHUB_RUN_ID')}{f'/attempts/{attempt}' if attempt else ''}"
    return Build(
        build_type=BUILD_TYPE,
        builder_id=f"{server}/{escaped(workflow)}" if workflow else UNKNOWN_BUILDER,
        invocation_id=f"{home}/actions/runs/{escaped(run)}",
        external_parameters={"workflow": {"ref": ref or None, "repository": home, "path": path or None}},
        internal_parameters={"github": internal},
        resolved_dependencies=(source.dependency,),
        caveats=(UNPROVEN, *_of_run(variables, internal), *variables.caveats, *source.caveats),
    )


def _of_run(variables: Variables, github: Mapping[str, str | None]) -> list[Caveat]:
    # GitHub's builder is the reusable workflow where there is one, which its token names and no variable does.
    caveats = [builder_unknown("the builder ID is that of the workflow that was started, not of one that it calls")]
    if github["runner_environment"] is None:  # GitHub Enterprise Server does not always set it
        caveats.append(runner_unknown("the runner is hosted by GitHub or self-hosted"))
    elif github["runner_environment"] != "github-hosted":
        caveats.append(self_hosted("the job ran on a self-hosted runner"))
    event = github["event_name"]
    if event is not None and event not in _EVENTS:
        message = f"the build type is not defined for event {event!r}"
        caveats.append(Caveat("event-undefined", message))
    # Without its name, the event may be a pull request.
    if event is None or event in _PULL_REQUEST:
        caveats += _of_pull_request(variables, github["repository_id"])
    return caveats


def _of_pull_request(variables: Variables, base: str | None) -> list[Caveat]:
    """No variable names the head's repository, but the event does that GitHub leaves in a file."""
    path = variables.get("GITHUB_EVENT_PATH")
    try:
        event: Any = loads_object(files.read(path), what="the event") if path else {}
        head = event["pull_request"]["head"]["repo"]
        if base is None:
            return [maybe_from_fork("the pull request")]
        same = head is not None and str(head["id"]) == base
    except (InputError, KeyError, TypeError):
        return [maybe_from_fork("the pull request")]
    return [] if same else [from_fork("the pull request")]
