"""The table of modules in docs/sign/hsm-tokens.md, cell by cell: what each module can do with each kind of key.

Each module is tried in a process of its own, which must leave neither processes nor files behind.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from itertools import dropwhile, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.support.tokens.conformance import KINDS, LIMITED, MODULES, STRICT, WORKS
from tests.support.tokens.hsm import needs

if TYPE_CHECKING:
    from tests.support.tokens.conformance import Module

Outcomes = dict[str, dict[str, str]]

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "sign" / "hsm-tokens.md"
MARK = "ATTEST_CONFORMANCE"
# The rows that are about the generated keys, and not about a kind of key.
STRICT_ROW = "`key-policy=strict`"
LIMITED_ROW = "RSA keys can only sign"


@cache
def columns() -> dict[str, dict[str, str]]:
    """The columns of the table by their headings: a version under `version`, and a cell under the name of each row."""
    after = dropwhile(lambda line: not line.startswith("| key |"), PAGE.read_text().splitlines())
    lines = takewhile(lambda line: line.startswith("|"), after)
    heading, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    found = {}
    for number, title in enumerate(heading[1:], start=1):
        name, _, version = title.rpartition(" ")
        found[name] = {"version": version} | {row[0]: row[number] for row in rows}
    return found


def column_of(module: Module) -> dict[str, str]:
    return columns()[module.column]


def is_the_version_of_the_table(module: Module) -> bool:
    """Whether the Debian package has the version in the heading; another version may be able to do more."""
    command = ["dpkg-query", "--show", "--showformat=${Version}", module.package]
    installed = subprocess.run(command, capture_output=True, check=False, text=True).stdout
    return re.match(rf"(\d+:)?{re.escape(column_of(module)['version'])}(\D|$)", installed) is not None


def marked_processes(mark: str) -> list[str]:
    """The processes that inherited the environment of a run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # another user's, or it has just ended
    return found


@pytest.fixture(scope="module", params=MODULES)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Module, Outcomes]:
    """A module, and what it can do."""
    module = MODULES[request.param]
    needs(*module.needs)
    folder = tmp_path_factory.mktemp("conformance")
    command = [*module.command(), sys.executable, "-m", "tests.support.tokens.conformance", request.param, str(folder)]
    with TemporaryDirectory(prefix="c-") as temporary:  # a short name, for sockets
        environment = {**os.environ, "TMPDIR": temporary, MARK: temporary}
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=240, check=False, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert marked_processes(f"{MARK}={temporary}") == []
        assert os.listdir(temporary) == []
    return module, json.loads(ran.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_module_can_do_what_the_table_says_and_nothing_else(kind: str, tried: tuple[Module, Outcomes]) -> None:
    module, outcomes = tried
    expected = column_of(module)[kind].strip("`")
    found = {operation: outcome for operation, outcome in outcomes[kind].items() if operation not in (STRICT, LIMITED)}
    assert found
    if expected == WORKS or is_the_version_of_the_table(module):
        assert set(found.values()) == {expected}, found


@pytest.mark.slow
def test_a_key_that_attest_generated_fits_the_strict_policy_where_the_table_says_so(
    tried: tuple[Module, Outcomes],
) -> None:
    module, outcomes = tried
    expected = column_of(module)[STRICT_ROW].strip("`")
    found = {outcome[STRICT] for outcome in outcomes.values() if outcome.get("sign") == WORKS}
    if expected == WORKS or is_the_version_of_the_table(module):
        assert found == {expected}


@pytest.mark.slow
def test_a_key_that_attest_generated_can_only_sign_where_the_table_says_so(tried: tuple[Module, Outcomes]) -> None:
    module, outcomes = tried
    by_kind = {kind: outcome[LIMITED] for kind, outcome in outcomes.items() if LIMITED in outcome}
    rsa = {limited for kind, limited in by_kind.items() if kind.startswith("RSA")}
    assert rsa == {column_of(module)[LIMITED_ROW]}
    assert {limited for kind, limited in by_kind.items() if not kind.startswith("RSA")} <= {"yes"}


def test_the_table_has_a_cell_for_every_module_and_kind_of_key() -> None:
    assert set(columns()) == {module.column for module in MODULES.values()}
    for column in columns().values():
        assert set(column) == {"version", *KINDS, STRICT_ROW, LIMITED_ROW}
