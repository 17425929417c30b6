"""Every code of docs/verify/rejected.md is met, and what the page advises is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.remedies import allowed, certificates, files, policies, signatures, trust  # noqa: F401  # the stories
from tests.cli.remedies.desk import STORIES, Desk

PAGE = Path(__file__).parents[3] / "docs" / "verify" / "rejected.md"
# No attestation of the public test data ends so; tests/certificates makes such logs and certificates.
NOT_MET = {"log-entry-unsupported", "sct-missing"}
ALL = {f"{story.__module__.rpartition('.')[2]}-{story.__name__}": story for told in STORIES.values() for story in told}


@pytest.mark.parametrize("name", ALL)
def test_the_remedy_helps(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ALL[name](Desk())


def test_each_code_of_the_page_has_a_story() -> None:
    titles = re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)
    assert {code for title in titles for code in re.findall(r"`([a-z0-9-]+)`", title)} == set(STORIES) | NOT_MET
