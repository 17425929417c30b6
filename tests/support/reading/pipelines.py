"""The pipelines of each CI system, read as that system does: their jobs, and the scripts that a shell gets.

Rule: what a script says is not changed, apart from the lines that install, which are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

INSTALLS = re.compile(
    r"\s*(python3 -I -m venv --clear \.venv|\. \.venv/bin/activate"
    r'|pip install --require-hashes --only-binary ":all:" -r "?[\w./$]+"?)'
)


class Step(NamedTuple):
    """A script, and the variables that the pipeline sets for it."""

    script: str
    variables: dict[str, str]


Jobs = dict[str, list[Step]]


def steps(scripts: Iterable[str], variables: Mapping[str, Any] | None = None) -> list[Step]:
    """What is left of scripts without the lines that install; an expression of the CI system is a test's to set."""
    known = {name: str(value) for name, value in (variables or {}).items() if not re.search(r"\$[({]", str(value))}
    cut = ("\n".join(line for line in script.splitlines() if not INSTALLS.fullmatch(line)) for script in scripts)
    return [Step(script, known) for script in cut if script.strip()]


def flat(script: Iterable[Any]) -> Iterator[str]:
    """The lines of a script, of which some are lists that are used twice."""
    for line in script:
        yield from [line] if isinstance(line, str) else flat(line)


def github(text: str) -> Jobs:
    document = yaml.safe_load(text)
    outer = document.get("env", {})
    return {
        name: [
            one
            for step in job["steps"]
            for one in steps([step.get("run", "")], outer | job.get("env", {}) | step.get("env", {}))
        ]
        for name, job in document["jobs"].items()
    }


def gitlab(text: str) -> Jobs:
    jobs = {name: job for name, job in yaml.safe_load(text).items() if "script" in job}
    return {name: steps(["\n".join(flat(job["script"]))], job.get("variables")) for name, job in jobs.items()}


def jenkins(text: str) -> Jobs:
    found = {}
    does = {"deleteDir": "find . -mindepth 1 -delete", "unstash": 'cp -r "$ARTIFACTS/." .'}
    for part in re.split(r"stage\('", text)[1:]:
        called = re.findall(r"\b(sh|unstash|deleteDir)(?:\(\)| '''(.*?)'''| '([^'\n]*)')", part, re.DOTALL)
        scripts = [does.get(name) or one or other for name, one, other in called]
        found[part.partition("'")[0].lower()] = steps(scripts, dict(re.findall(r"(\w+) = '([^']*)'", part)))
    return found


def tekton(text: str) -> Jobs:
    tasks = {task["metadata"]["name"]: task["spec"]["steps"] for task in yaml.safe_load_all(text)}
    return {
        name: [
            one
            for step in found
            for one in steps([step["script"]], {variable["name"]: variable["value"] for variable in step["env"]})
        ]
        for name, found in tasks.items()
    }


def azure_pipelines(text: str) -> Jobs:
    found = {}
    for stage in yaml.safe_load(text)["stages"]:
        [job] = stage["jobs"]
        scripts = [step.get("bash") or step.get("inputs", {}).get("inlineScript", "") for step in job["steps"]]
        found[stage["stage"]] = steps(scripts, job.get("variables"))
    return found


def buildkite(text: str) -> Jobs:
    found = {}
    for step in yaml.safe_load(text)["steps"]:
        script = "\n".join(step["commands"])
        assert "$" not in script.replace("$$", ""), "what a `$` names is replaced at the upload"
        found[step["label"]] = steps([script.replace("$$", "$")], step.get("env"))
    return found


def scripts_in(node: Any) -> Iterator[str]:
    """What a shell is given, wherever it stands in a document."""
    if isinstance(node, list):
        for one in node:
            yield from scripts_in(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("run", "script", "bash", "inlineScript", "commands"):
                yield from flat([value])
            else:
                yield from scripts_in(value)
