"""`attest explain` knows every code, and for every "no" why it happens and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attest.cli.formats import _codes
from tests.repository.test_docs import codes_in_the_code
from tests.support.cli.calls import call

PAGE = Path(__file__).parents[2] / "docs" / "verify" / "rejected.md"


def test_every_code_of_the_program_is_explained() -> None:
    assert codes_in_the_code() <= set(_codes.codes())
    for code in _codes.codes():
        for known in _codes.meanings(code):
            assert known.meaning.endswith(".")
            assert "](" not in " ".join([known.meaning, known.reason, *known.remedies])


def test_every_no_has_a_reason_and_a_remedy_and_the_page_has_no_other_code() -> None:
    no = ("Rejected", "Of a single signature", "Of a policy's requirement")
    listed = {code for code in _codes.codes() for one in _codes.meanings(code) if one.section.startswith(no)}
    for code in listed:
        assert all(one.reason and one.remedies for one in _codes.meanings(code) if one.section.startswith(no)), code
    titles = re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)
    named = [code for title in titles for code in re.findall(r"`([a-z0-9-]+)`", title)]
    assert sorted(named) == sorted(listed)


def test_every_error_of_a_signer_says_what_to_do() -> None:
    rows = [one for code in _codes.codes() for one in _codes.meanings(code) if one.section.startswith("SignerError")]
    assert len(rows) > 60
    assert [one.code for one in rows if not one.remedies and "simulator was told" not in one.meaning] == []


@pytest.mark.parametrize("code", ["0", "1", "2", "3", "4", "70", "126", "127", "130", "141"])
def test_every_exit_code_is_explained(code: str) -> None:
    [known] = call("explain", code, "--format", "json").done().json["explained"]
    assert (known["code"], known["section"]) == (code, "Exit codes")


def test_lines_fit_a_terminal() -> None:
    lines = call("explain", *_codes.codes()).done().stdout.decode().splitlines()
    assert max(len(line) for line in lines if "[" not in line) <= 80


def test_a_long_text_is_not_a_code() -> None:
    assert "unknown code" in call("explain", "x" * 10_000).refused(2, "unknown code", hint=True)
