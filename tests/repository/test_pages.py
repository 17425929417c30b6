"""The pages that lead a newcomer are executed, each in one fresh folder and with what only that page says.

Rule: a page assumes what its own `sh` blocks install or fetch, and nothing else.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.missing import missing
from tests.support.reading import pages
from tests.support.services.ports import reserve_two
from tests.support.tokens.hsm import SOFTHSM

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[2] / "docs"
# Pages that need nothing but the program.
PLAIN = [
    "start/five-minutes.md",
    "sign/several.md",
    "decide/policy.md",
    "verify/files.md",
    "verify/releases.md",
    "trust/ceremony.md",
    "trust/incident.md",
    "trust/problems.md",
    "verify/years-later.md",
    "trust/trust.md",
    "trust/trust-life.md",
]
STARTS = [
    "start/five-minutes.md",
    "start/softhsm-release.md",
    "start/openbao-release.md",
    "start/github-attestation.md",
]
# What no test can do: install, and ask GitHub. Each line of an `sh` block begins like this.
NOT_RUN = re.compile(r"sudo apt-get install |python3 -m venv |\.venv/bin/pip install |export PATH=|gh |curl -sSf ")


@pytest.mark.parametrize("page", PLAIN)
def test_the_commands_of_a_page_print_what_it_shows(page: str, tmp_path: Path) -> None:
    assert pages.play(DOCS / page, tmp_path, environ={}) >= 10


def test_softhsm_from_nothing_to_a_verified_release(tmp_path: Path) -> None:
    if not Path(SOFTHSM).exists() or shutil.which("softhsm2-util") is None:
        missing("SoftHSM is not there: apt-get install softhsm2")
    assert pages.play(DOCS / "start" / "softhsm-release.md", tmp_path, environ={}) == 25


def test_openbao_from_nothing_to_a_verified_release(tmp_path: Path) -> None:
    port = reserve_two()
    environ = {"BAO_DEV_LISTEN_ADDRESS": f"127.0.0.1:{port}"}
    page = DOCS / "start" / "openbao-release.md"
    assert pages.play(page, tmp_path, environ=environ, replace={":8200": f":{port}"}) == 30


def test_a_published_attestation_of_github(tmp_path: Path, shared_data: Path) -> None:
    data = shared_data / "identity"
    # As GitHub's API answers curl, and as `gh` writes: JSON Lines.
    answer = {"attestations": [{"bundle": json.loads((data / "files" / "gh-reusable-workflow.json").read_bytes())}]}
    (tmp_path / "attestations.json").write_text(json.dumps(answer, indent=2))
    roots = [json.loads((data / "roots" / name).read_bytes()) for name in ("public-good.json", "github.json")]
    (tmp_path / "trusted_root.jsonl").write_text("".join(f"{json.dumps(root)}\n" for root in roots))
    assert pages.play(DOCS / "start" / "github-attestation.md", tmp_path, environ={}) == 9


@pytest.mark.parametrize("page", STARTS)
def test_only_what_needs_a_network_is_not_run(page: str) -> None:
    lines = [line for block in pages.blocks(DOCS / page, "sh") for line in block.splitlines()]
    assert lines
    assert [line for line in lines if not NOT_RUN.match(line)] == []


@pytest.mark.parametrize(
    "shown",
    ["one\n", "", "two\n[exit 1]\n", "two\nthree\n"],
    ids=["another-line", "nothing", "another-code", "one-line-more"],
)
def test_a_page_that_shows_something_else_is_found(shown: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```console\n$ export WORD=two\n$ echo $WORD\n{shown}```\n")
    with pytest.raises(AssertionError, match="echo"):
        pages.play(page, tmp_path, environ={})


def test_one_shell_runs_a_whole_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ export WORD=two && cat > file <<'END'\n$WORD\nEND\n$ echo $WORD; \\\n    cat file; echo x >&2; "
        "false\ntwo\n...\nx\n[exit 1]\n```\nText\n```console\n$ exit 0\n```\n"
    )
    with pytest.raises(AssertionError, match="the shell ended"):
        pages.play(page, tmp_path, environ={})
