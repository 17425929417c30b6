"""A build described by its environment: recorded ones in support/specimens/ci, and plain git in real repositories."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance

from attest import InputError, Statement, schema
from attest._base import registry
from attest.building import ci
from attest.building.ci._variables import repository
from attest.building.run.masking import Masker
from tests.support.cli.calls import program
from tests.support.watching import refused

ROOT = Path(__file__).parents[2]
SPECIMENS = Path(__file__).parents[1] / "support" / "specimens" / "ci"
SYSTEMS = sorted(path.stem for path in SPECIMENS.glob("*.env"))
COMMITS = {
    "azure": "BUILD_SOURCEVERSION",
    "buildkite": "BUILDKITE_COMMIT",
    "circleci": "CIRCLE_SHA1",
    "github": "GITHUB_SHA",
    "gitlab": "CI_COMMIT_SHA",
    "jenkins": "GIT_COMMIT",
    "tekton": "TEKTON_GIT_COMMIT",
}
# Without these there is no provenance: what was built, and by which organization, project or run.
REQUIRED = {"BUILDKITE_ORGANIZATION_SLUG", "BUILDKITE_PIPELINE_SLUG", "CIRCLE_BUILD_URL", "TEKTON_TASK_RUN_UID"}
REQUIRED |= {"BUILD_REPOSITORY_URI", "SYSTEM_COLLECTIONURI", "CI_PROJECT_URL", "CI_JOB_ID"}
REQUIRED |= {"GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_RUN_ID", *COMMITS.values()}
# Not every job has these.
OPTIONAL = {"BUILDKITE_COMMAND", "BUILDKITE_STEP_KEY", "CIRCLE_BRANCH", "CI_COMMIT_BRANCH", "CI_JOB_STARTED_AT"}
OPTIONAL |= {"CI_RUNNER_DESCRIPTION", "CI_RUNNER_EXECUTABLE_ARCH", "BRANCH_NAME", "TEKTON_GIT_REF", "TEKTON_PIPELINE"}
OPTIONAL |= {"TEKTON_PIPELINE_RUN", "BUILDKITE_REPO", "CIRCLE_REPOSITORY_URL", "GIT_URL", "TEKTON_GIT_URL"}
OPTIONAL |= {"AGENT_ISSELFHOSTED", "BUILDKITE_COMPUTE_TYPE", "GITHUB_EVENT_PATH", "GIT_LOCAL_BRANCH"}
OPTIONAL |= {"RUNNER_ENVIRONMENT"}


def recorded(system: str, **changes: str) -> dict[str, str]:
    """A recorded environment, with the machine's own git in reach."""
    lines = (SPECIMENS / f"{system}.env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables, **changes}


def described(environ: Mapping[str, str], folder: object = "/") -> ci.Build:
    build = ci.detect(environ, str(folder))
    assert build is not None
    return build


def codes(build: ci.Build) -> list[str]:
    return [caveat.code for caveat in build.caveats]


class Watched(Mapping[str, str]):
    """An environment that remembers which of its variables were asked for by name."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.environ)

    def __len__(self) -> int:
        return len(self.environ)

    def items(self) -> Any:
        return self.environ.items()


def asked(system: str) -> set[str]:
    """The variables that a description of the system's recorded environment is made from, and that are set there."""
    return {name for name in names_asked(system) if recorded(system).get(name)}


def names_asked(system: str) -> set[str]:
    """The variables that are asked for, set or not."""
    environ = Watched(recorded(system))
    module = registry.load("attest.building.ci", system)
    assert module is not None
    assert module.recognises(recorded(system))
    module.describe(environ, "/")
    return environ.asked - {"PATH", "HOME"}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A repository with one commit, a remote and a file."""
    folder = tmp_path / "sources"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "app.py").write_text("print()\n")
    git(folder, "add", "app.py")
    git(folder, "commit", "--quiet", "-m", "one")
    git(
        folder,
        "remote",
        "add",
        "origin",
        "https://user:SECRET-token@Example.com/acme/app.git?private_token=SECRET-query",
    )
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ran = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True, env=environ
    )
    return ran.stdout.strip()


def plain(folder: Path) -> ci.Build:
    return described({"PATH": os.environ["PATH"]}, folder)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_recorded_environment_is_recognised_and_described_to_the_letter(system: str) -> None:
    expected = json.loads((SPECIMENS / f"{system}.json").read_text())
    provenance = described(recorded(system)).provenance()
    assert provenance == expected
    Statement.build([ROOT / "README.md"], predicate_type="slsa-provenance", predicate=provenance)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_reader_that_refuses_unknown_fields_reads_it_with_its_caveats(system: str) -> None:
    provenance = described(recorded(system)).provenance()
    read = json_format.MessageToDict(json_format.ParseDict(provenance, Provenance()))
    assert read["buildDefinition"]["internalParameters"]["attest_doubts"]
    assert read == provenance


def test_every_system_has_a_recorded_environment() -> None:
    assert [*SYSTEMS, "git"] == sorted(ci.names(), key=lambda name: (name == "git", name))


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_variable_that_is_not_named_comes_into_the_provenance(system: str) -> None:
    named = names_asked(system) | {"PATH"}
    environ = recorded(system, SOME_TOKEN="x")
    secret = {name: value if name in named else f"SECRET-{name}" for name, value in environ.items()}
    build = ci.detect(secret, "/", system)
    assert build == described(environ)
    assert "SECRET" not in json.dumps(described(environ).provenance())


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_url_brings_its_credentials_or_its_query_along(system: str) -> None:
    environ = recorded(system)
    for name in asked(system):
        if re.match(r"https?://", environ[name]):
            bare = re.sub(r"://[^/@]*@", "://", environ[name])
            environ[name] = bare.replace("://", "://user:SECRET-1@") + "?token=SECRET-2#SECRET-3"
    assert described(environ).provenance() == described(recorded(system)).provenance()


@pytest.mark.parametrize("system", SYSTEMS)
def test_without_what_was_built_there_is_no_provenance(system: str) -> None:
    # Which system it is, is seen from other variables, or from none when it is chosen.
    for name in sorted(asked(system) & REQUIRED):
        environ = recorded(system)
        del environ[name]
        with refused(InputError, "ci-variable-missing", name):
            ci.detect(environ, "/", system)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("empty", [True, False])
def test_any_other_variable_that_is_missing_is_a_caveat_that_names_it(system: str, empty: bool) -> None:
    rest = asked(system) - REQUIRED
    for names in [*({name} for name in sorted(rest)), rest]:
        environ = {name: value for name, value in recorded(system).items() if name not in names}
        build = ci.detect(environ | (dict.fromkeys(names, "") if empty else {}), "/", system)
        assert build is not None
        said = build.provenance()
        assert schema.for_predicate("https://slsa.dev/provenance/v1").accepts(said), names  # type: ignore[union-attr]
        assert "None" not in json.dumps(said)
        assert "null" not in json.dumps(said)
        missed = [caveat.message for caveat in build.caveats if caveat.code == "variable-missing"]
        assert bool(missed) == bool(names - OPTIONAL), names
        assert len(names) > 1 or all(name in missed[0] for name in names - OPTIONAL)


@pytest.mark.parametrize(
    ("system", "name"), [("github", "GITHUB_WORKFLOW_REF"), ("gitlab", "CI_RUNNER_ID"), ("jenkins", "JENKINS_URL")]
)
def test_a_builder_that_no_variable_names_is_unknown(system: str, name: str) -> None:
    build = described(recorded(system, **{name: ""}))
    assert build.builder_id == "urn:attest:builder:unknown"
    assert "builder-unknown" in codes(build)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_variables_that_are_read_are_listed(system: str) -> None:
    listed = (ROOT / "docs" / "sign" / "ci.md").read_text()
    assert not {name for name in names_asked(system) if f"`{name}`" not in listed}


@pytest.mark.parametrize(("system", "name"), COMMITS.items())
def test_what_is_no_commit_is_refused_and_not_quoted(system: str, name: str) -> None:
    with refused(InputError, "ci-variable-invalid", name) as caught:
        ci.detect(recorded(system, **{name: "SECRET"}), "/")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("system", "name", "value"),
    [
        ("github", "GITHUB_SERVER_URL", "file:///etc"),
        ("github", "GITHUB_SERVER_URL", "https://[x"),
        ("github", "GITHUB_WORKFLOW_REF", "octocat/Hello-World"),
        ("gitlab", "CI_JOB_STARTED_AT", "yesterday"),
        ("gitlab", "CI_JOB_NAME", "\udcff"),
        ("azure", "BUILD_REPOSITORY_URI", "$/teamproject"),
    ],
)
def test_what_a_variable_can_not_hold_is_refused(system: str, name: str, value: str) -> None:
    with refused(InputError, "ci-variable-invalid", name):
        ci.detect(recorded(system, **{name: value}), "/")


def test_two_systems_at_once_are_no_guess() -> None:
    both = recorded("github") | recorded("gitlab")
    with refused(InputError, "ci-ambiguous") as caught:
        ci.detect(both, "/")
    assert "github and gitlab" in str(caught.value)
    forced = ci.detect(both, "/", "gitlab")
    assert forced == described(recorded("gitlab"))
    with refused(InputError, "ci-unknown"):
        ci.detect(both, "/", "../github")


@pytest.mark.parametrize("name", ["GITEA_ACTIONS", "FORGEJO_ACTIONS", "ACT"])
def test_what_only_looks_like_github_is_not(name: str) -> None:
    assert ci.detect(recorded("github", **{name: "true"}), "/") is None


@pytest.mark.parametrize(
    ("system", "changes", "caveat"),
    [
        ("github", {"RUNNER_ENVIRONMENT": "self-hosted"}, "runner-self-hosted"),
        ("github", {"RUNNER_ENVIRONMENT": ""}, "runner-unknown"),
        ("github", {"GITHUB_EVENT_NAME": "", "GITHUB_EVENT_PATH": ""}, "source-maybe-fork"),
        ("github", {"GITHUB_EVENT_NAME": "schedule"}, "event-undefined"),
        ("github", {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": ""}, "source-maybe-fork"),
        ("gitlab", {"CI_SHARED_ENVIRONMENT": "true"}, "runner-reused"),
        (
            "gitlab",
            {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "35", "CI_MERGE_REQUEST_PROJECT_ID": "34"},
            "source-from-fork",
        ),
        (
            "gitlab",
            {
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "stranger/app",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "acme/app",
            },
            "source-from-fork",
        ),
        ("jenkins", {"CHANGE_ID": "24", "CHANGE_FORK": "stranger/hello-world"}, "source-from-fork"),
        ("azure", {"AGENT_ISSELFHOSTED": "1"}, "runner-self-hosted"),
        ("azure", {"AGENT_ISSELFHOSTED": ""}, "runner-unknown"),
        ("azure", {"BUILD_REASON": "PullRequest", "SYSTEM_PULLREQUEST_ISFORK": "True"}, "source-from-fork"),
        ("azure", {"BUILD_REASON": "PullRequest"}, "source-maybe-fork"),
        ("buildkite", {"BUILDKITE_COMPUTE_TYPE": "self-hosted"}, "runner-self-hosted"),
        ("buildkite", {"BUILDKITE_COMPUTE_TYPE": ""}, "runner-unknown"),
        ("buildkite", {"BUILDKITE_PULL_REQUEST_REPO": "git://github.com/stranger/my-project.git"}, "source-from-fork"),
        ("buildkite", {"BUILDKITE_REPO": "/srv/git/my-project.git"}, "source-unnamed"),
        ("circleci", {"CIRCLE_PR_REPONAME": "hello-world", "CIRCLE_BRANCH": "pull/12"}, "source-from-fork"),
    ],
)
def test_what_the_environment_does_not_prove_is_said(system: str, changes: dict[str, str], caveat: str) -> None:
    assert caveat not in codes(described(recorded(system)))
    build = described(recorded(system, **changes))
    assert caveat in codes(build)
    said = build.provenance()["buildDefinition"]["internalParameters"]["attest_doubts"]
    assert said == [{"code": each.code, "message": each.message} for each in build.caveats]


@pytest.mark.parametrize(
    ("system", "changes"),
    [
        ("buildkite", {"BUILDKITE_PULL_REQUEST": "123", "BUILDKITE_PULL_REQUEST_REPO": "git://github.com/Acme-Inc/my-project"}),
        ("azure", {"BUILD_REASON": "PullRequest", "SYSTEM_PULLREQUEST_ISFORK": "False"}),
        ("gitlab", {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "34", "CI_MERGE_REQUEST_PROJECT_ID": "34"}),
        ("jenkins", {"CHANGE_ID": "24"}),
    ],
)  # fmt: skip
def test_a_pull_request_of_the_repository_itself_is_no_fork(system: str, changes: dict[str, str]) -> None:
    assert codes(described(recorded(system, **changes))) == codes(described(recorded(system)))


@pytest.mark.parametrize(
    ("head", "caveat"), [({"id": 123456789}, None), ({"id": 7}, "source-from-fork"), (None, "source-from-fork")]
)
def test_githubs_event_says_whether_a_pull_request_is_from_a_fork(
    head: dict[str, int] | None, caveat: str | None, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"action": "opened", "pull_request": {"head": {"ref": "x", "repo": head}}}))
    environ = recorded("github", GITHUB_EVENT_NAME="pull_request", GITHUB_EVENT_PATH=str(event))
    assert [code for code in codes(described(environ)) if code.startswith("source-")] == ([caveat] if caveat else [])
    event.write_text("[]")
    assert "source-maybe-fork" in codes(described(environ))


@pytest.mark.parametrize(
    ("system", "changes", "ref"),
    [
        ("gitlab", {"CI_COMMIT_TAG": "v1", "CI_COMMIT_BRANCH": ""}, "refs/tags/v1"),
        ("gitlab", {"CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_REF_PATH": "refs/mr/1/head"}, "refs/mr/1/head"),
        ("buildkite", {"BUILDKITE_TAG": "v1", "BUILDKITE_BRANCH": "v1"}, "refs/tags/v1"),
        ("circleci", {"CIRCLE_TAG": "v1", "CIRCLE_BRANCH": ""}, "refs/tags/v1"),
        ("circleci", {"CIRCLE_BRANCH": "pull/12"}, "refs/pull/12/head"),
        ("jenkins", {"TAG_NAME": "v1"}, "refs/tags/v1"),
        ("github", {"GITHUB_REF": "refs/heads/50%#ä"}, "refs/heads/50%25%23%C3%A4"),
    ],
)  # fmt: skip
def test_the_ref_is_in_the_uri_of_the_commit(system: str, changes: dict[str, str], ref: str) -> None:
    [dependency] = described(recorded(system, **changes)).resolved_dependencies
    assert dependency["uri"].partition("@")[2] == ref


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_commit_that_the_environment_says_is_compared_with_the_folders(system: str, sources: Path) -> None:
    head = git(sources, "rev-parse", "HEAD")
    environ = recorded(system)
    assert "commit-unchecked" in codes(described(environ, sources.parent / "nowhere"))
    differs = next(caveat for caveat in described(environ, sources).caveats if caveat.code == "commit-differs")
    assert head in differs.message
    assert environ[COMMITS[system]] in differs.message
    agreed = recorded(system, **{COMMITS[system]: head})
    assert not {"commit-differs", "commit-unchecked", "source-changed"} & set(codes(described(agreed, sources)))
    (sources / "app.py").write_text("changed\n")
    assert "source-changed" in codes(described(agreed, sources))


@pytest.mark.parametrize("system", ["buildkite", "circleci", "jenkins", "tekton"])
def test_where_the_environment_names_no_commit_the_folders_is_taken_and_that_is_said(
    system: str, sources: Path
) -> None:
    environ = recorded(system, **{COMMITS[system]: "HEAD" if system == "buildkite" else ""})
    build = described(environ, sources)
    assert "source-from-folder" in codes(build)
    assert build.resolved_dependencies[0]["digest"] == {"gitCommit": git(sources, "rev-parse", "HEAD")}
    assert "example.com" not in build.resolved_dependencies[0]["uri"]  # the repository was named


def test_without_git_nothing_is_compared(sources: Path) -> None:
    assert "commit-unchecked" in codes(described(recorded("github", PATH="/nonexistent"), sources))
    assert ci.detect({"PATH": "/nonexistent"}, str(sources)) is None


def test_plain_git_says_what_was_built_and_not_who_built_it(sources: Path) -> None:
    head = git(sources, "rev-parse", "HEAD")
    (sources / "dist").mkdir()
    (sources / "dist" / "app.whl").write_text("untracked, as what is built is\n")
    assert plain(sources).provenance() == {
        "buildDefinition": {
            "buildType": "urn:attest:buildtype:git:v1",
            "externalParameters": {
                "source": {"repository": "https://example.com/acme/app", "ref": "refs/heads/main", "commit": head}
            },
            "internalParameters": {
                "attest_doubts": [{"code": "builder-unknown", "message": "git does not record who builds"}]
            },
            "resolvedDependencies": [
                {"uri": "git+https://example.com/acme/app@refs/heads/main", "digest": {"gitCommit": head}}
            ],
        },
        "runDetails": {"builder": {"id": "urn:attest:builder:unknown"}},
    }
    assert plain(sources / "dist") == plain(sources)


def test_plain_git_tells_a_tag_from_a_branch_and_neither_from_a_guess(sources: Path) -> None:
    git(sources, "checkout", "--quiet", "--detach")
    assert "ref" not in plain(sources).external_parameters["source"]
    git(sources, "tag", "v1")
    assert plain(sources).external_parameters["source"]["ref"] == "refs/tags/v1"
    git(sources, "tag", "v1-again")
    assert "ref" not in plain(sources).external_parameters["source"]


def test_plain_git_says_what_is_changed_and_where_it_has_no_remote(sources: Path) -> None:
    git(sources, "remote", "remove", "origin")
    (sources / "app.py").write_text("changed\n")
    build = plain(sources)
    assert codes(build) == ["builder-unknown", "source-changed", "source-unnamed"]
    assert schema.for_predicate("https://slsa.dev/provenance/v1").accepts(build.provenance())  # type: ignore[union-attr]
    for name in ("one", "two"):
        git(sources, "remote", "add", name, f"git@example.com:acme/{name}.git")
    assert "source-unnamed" in codes(plain(sources))
    git(sources, "remote", "remove", "two")
    assert plain(sources).resolved_dependencies[0]["uri"].startswith("git+ssh://example.com/acme/one@")


def test_git_runs_nothing_that_the_repository_brings_along(sources: Path) -> None:
    trap = sources / "trap"
    trap.write_text(f"#!/bin/sh\ntouch '{sources}/sprung'\n")
    trap.chmod(0o755)
    for hook in ("post-index-change", "fsmonitor-watchman"):
        (sources / ".git" / "hooks" / hook).write_bytes(trap.read_bytes())
        (sources / ".git" / "hooks" / hook).chmod(0o755)
    git(sources, "config", "core.fsmonitor", str(trap))
    plain(sources)
    assert not (sources / "sprung").exists()


def test_who_knows_the_builder_names_it_and_that_is_said(sources: Path) -> None:
    build = plain(sources).by("https://builders.example.com/1")
    assert build.provenance()["runDetails"]["builder"] == {"id": "https://builders.example.com/1"}
    assert codes(build) == ["builder-claimed"]


def test_a_caller_adds_what_it_knows_of_the_build() -> None:
    build = described(recorded("gitlab"))
    tool = {"uri": "pkg:generic/make@4.4", "digest": {"sha256": "0" * 64}}
    log = {"name": "log", "digest": {"sha256": "1" * 64}}
    provenance = build.provenance(
        build_type="https://example.com/run/v1",
        external={"command": ["make"]},
        internal={"step": "build"},
        dependencies=[tool],
        byproducts=[log],
        started_on="2026-01-01T00:00:00Z",
        finished_on="2026-01-01T00:00:01Z",
    )
    definition, details = provenance["buildDefinition"], provenance["runDetails"]
    assert definition["buildType"] == "https://example.com/run/v1"
    assert definition["externalParameters"] == {**build.external_parameters, "command": ["make"]}
    assert definition["internalParameters"]["step"] == "build"
    assert definition["resolvedDependencies"] == [*build.resolved_dependencies, tool]
    assert details["byproducts"] == [log]
    assert details["metadata"]["startedOn"] == "2026-01-01T00:00:00Z"
    assert schema.for_predicate("https://slsa.dev/provenance/v1").accepts(provenance)  # type: ignore[union-attr]
    with refused(InputError, "option-invalid"):
        build.provenance(external={"command": ["make"]})
    with refused(InputError, "option-invalid"):
        build.provenance(build_type="https://example.com/run/v1", external={"source": "another"})


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://user:token@Example.com:8443/acme/app.git/?x=1#y", "https://example.com:8443/acme/app"),
        ("git@github.com:acme/app.git", "ssh://github.com/acme/app"),
        ("ssh://git@github.com:22/acme/app.git", "ssh://github.com:22/acme/app"),
        ("host:/srv/git/app", "ssh://host/srv/git/app"),
        ("https://[::1]/app", "https://[::1]/app"),
        ("https://example.com/a%20b/50%", "https://example.com/a%20b/50%25"),
        ("/srv/git/app.git", None),
        ("../app", None),
        ("file:///srv/git/app.git", None),
        ("https:///app", None),
        ("https://example.com:port/app", None),
        ("ext::sh -c touch", None),
    ],
)
def test_a_remote_is_a_url_without_its_credentials_or_none(remote: str, url: str | None) -> None:
    assert repository(remote) == url


@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_that_a_system_says_of_itself_is_taken_for_a_secret(system: str) -> None:
    environment = recorded(system)
    masker = Masker(environment)
    provenance = described(environment).provenance()
    assert masker.document(provenance) == provenance
    assert not masker.found


def test_secrets_in_the_command_of_a_step_are_masked_with_a_warning() -> None:
    secrets = {"DEPLOY_TOKEN": "S3cretS3cret", "BUILDKITE_COMMAND": "push --key S3cretS3cret https://u:hunter2@h"}
    environment = recorded("buildkite", **secrets)
    ran = program("build", str(__file__), "--ci", "buildkite", env=environment)
    assert ran.code == 0
    step = ran.json["predicate"]["buildDefinition"]["externalParameters"]["step"]
    assert step["command"] == "push --key ***($DEPLOY_TOKEN) https://***(password-in-a-URL)@h"
    assert "attest: warning: masked in the attestation: the value of $DEPLOY_TOKEN, password in a URL" in ran.prose
    public = ("--not-secret", "DEPLOY_TOKEN")
    ran = program("build", str(__file__), "--ci", "buildkite", *public, env=environment)
    assert "push --key S3cretS3cret https://***" in ran.stdout.decode()
    alone = ("build", str(__file__), "--type", "slsa-provenance", *public)
    assert "--not-secret requires --ci" in program(*alone, env=environment).refused(2, "", hint=True)
