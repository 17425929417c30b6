"""The distribution is `attest-dsse`, the command `attest`: no text says to install the other project of that name."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import distribution, requires
from pathlib import Path
from typing import Any

import pytest

from tests.lowest import constraints, lowest
from tests.support.missing import missing

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = "attest-dsse"
WRONG = "attest"

# What installs or asks for a distribution, up to the end of that command, and our name without its second half.
WRONGS = {
    "an extra": r"(?<![\w.-])attest\[[\w{]",
    "installed": r"\b(?:pip[3x]?|uvx?|poetry|pdm|conda)\b(?: [a-z]+)? (?:[^&;|`]*[\s'\"])?attest(?=[\s'\"`,;=<>~!@]|$)",
    "in a list": r"(?:dependencies|requires)\"?\s*[:=]\s*\[(?:[^]\n]*[\s'\",])?attest(?=[\s'\"\],=<>~!])",
    "with a version": r"(?<![\w./-])attest ?[=<>~!]= ?\d",
    "looked up": r"\b(?:distribution|version|metadata|requires|files)\(['\"]attest['\"]",
    "a package URL": r"pkg:pypi/(?:attest)(?![\w-])",
    "a page": r"/(?:project|simple)/attest(?![\w-])",
}


def tracked() -> list[tuple[str, str]]:
    """The paths and texts of the files in git, but for the changelog, which says what things were called then."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        missing("this is no clone of the repository, whose tracked files are read")
    texts = []
    for name in set(listed.stdout.split("\0")) - {""}:
        path = ROOT / name
        if path.is_file():
            texts.append((name, path.read_bytes().decode("utf-8", "replace")))
    return texts


def test_nothing_tells_anybody_to_install_another_project() -> None:
    texts = tracked()
    assert len(texts) > 300
    lines = [(name, line) for name, text in texts for line in text.splitlines() if WRONG in line]
    found = [f"{name}: {m[0]!r}" for name, line in lines for wrong in WRONGS.values() if (m := re.search(wrong, line))]
    assert found == []


def test_every_extra_that_is_named_is_one() -> None:
    named = {m[1] for _, text in tracked() for m in re.finditer(rf"{NAME}\[([\w,-]+)\]", text)}
    assert {"aws", "vault", "cel", "sbom", "dask"} <= named <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize(
    "line",
    [
        "Install {}[aws].",
        "pip install {}",
        "pip install '{}[cel]'",
        "pip install -q foo {} && bar",
        'pipx run "{}"',
        "uvx {} verify",
        "uv add {}>=1",
        "RUN pip install --no-cache {}",
        "additional_dependencies: [{}]",
        'dependencies = ["click>=8", "{}>=0.1"]',
        "{}==1.0",
        "{} >= 1.0",
        "importlib.metadata.version('{}')",
        'distribution("{}")',
        "pkg:pypi/{}@1.0",
        "https://example.com/project/{}/",
    ],
)
def test_the_search_finds_the_wrong_name_and_lets_the_right_one_pass(line: str) -> None:
    def finds(name: str) -> bool:
        return any(re.search(pattern, line.format(name)) for pattern in WRONGS.values())

    assert finds(WRONG)
    assert not finds(NAME)


def test_what_is_installed_has_the_name_the_command_and_the_package() -> None:
    assert PROJECT["name"] == NAME
    assert PROJECT["scripts"] == {"attest": "attest.__main__:main"}
    installed = distribution(NAME)
    assert [(one.name, one.value) for one in installed.entry_points] == [("attest", "attest.__main__:main")]
    assert {"securesystemslib", "in-toto-attestation"} <= {
        re.split(r"[^\w-]", one)[0] for one in requires(NAME) or () if "extra ==" not in one
    }


def test_every_dependency_has_a_lower_bound_and_no_other() -> None:
    extras = [one for of_one in PROJECT["optional-dependencies"].values() for one in of_one]
    bounds = [lowest(one) for one in (*PROJECT["dependencies"], *extras)]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", bound) for bound in bounds)
    assert set(constraints(PROJECT)) < set(bounds)
