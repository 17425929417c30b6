"""What the texts of the pipelines must say, as no test can run it: how they install, and what they start."""

from __future__ import annotations

import re
import tomllib

import yaml
from packaging.requirements import Requirement

from tests.cli.pipelines.machine import PIPELINES, ROOT
from tests.support.reading.pipelines import scripts_in


def texts() -> dict[str, str]:
    """Every file that a CI system reads."""
    found = [*PIPELINES.iterdir(), *(ROOT / "templates").iterdir(), ROOT / "action.yml"]
    return {path.name: path.read_text() for path in found if path.suffix != ".md"}


def test_whatever_is_installed_is_pinned() -> None:
    for name, text in texts().items():
        for line in (line for line in text.splitlines() if "pip install" in line):
            assert re.search(r'(--require-hashes|--no-index --no-deps) --only-binary ":all:" ', line), (name, line)
        for used in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", used), (name, used)


def test_no_module_is_imported_from_where_a_job_works() -> None:
    """`python -m` finds a module first in the current directory, in which others may have left a pip.py."""
    for name, text in texts().items():
        for command in re.findall(r"python3?\"? .*-m \w+", text):
            assert " -I " in command or command == "python -m build", (name, command)


def test_gitlab_ships_nothing_that_an_earlier_job_or_the_repository_left() -> None:
    """With the strategy `none` a job works where the one before it worked, and finds its files."""
    guide = (PIPELINES / "README.md").read_text()
    for text in (*texts().values(), *re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)):
        for job in re.split(r"\n(?=\S.*:\n)", text) if "$CI_" in text or "component:" in text else ():
            assert "GIT_STRATEGY: none" not in job
            ships = re.search(r"twine upload .*checked|attest verify ", job)
            assert ships is None or "GIT_STRATEGY: empty" in job, job


def test_no_expression_is_part_of_a_script() -> None:
    for name, text in texts().items():
        if name.endswith((".yml", ".yaml")) and name != "pre-commit-config.yaml":
            scripts = [scalar for document in yaml.safe_load_all(text) for scalar in scripts_in(document)]
            assert scripts or name.startswith("github") is False
            assert not [script for script in scripts if re.search(r"\$\{\{|\$\[\[|\$\((params|inputs)", script)], name


def test_the_lock_file_of_the_action_has_all_that_attest_needs() -> None:
    text = (ROOT / ".ci" / "action.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))
    assert len(locked) == len(
        re.findall(r"^\S+==.*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for line in (
        *project["dependencies"],
        *(one for extra in ("aws", "azure", "gcp", "vault") for one in extras[extra]),
    ):
        needed = Requirement(line)
        assert locked[needed.name.lower()] in needed.specifier, line
