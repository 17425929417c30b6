"""All that the field has, verified in one call and told in every format: the same envelopes, the same answers."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import pytest

from attest import InputError, PublicKey
from tests.cli.formats.test_formats import FORMATS, Rendered, command_in, sarif, valid, xml
from tests.cli.formats.test_html import ATTRIBUTES, TAGS, TELEPHONE, Page
from tests.support.cli.calls import call
from tests.support.making.bundles import trust_in
from tests.support.reading import browser

if TYPE_CHECKING:
    from pathlib import Path

    from jsonschema_rs import Draft4Validator

    from tests.support.cli.calls import Ran

__all__ = ["sarif"]  # a fixture

# Of 56 envelopes of thirteen projects, with all keys that were published trusted for everything; beside them are
# statements and an index, which are no envelopes.
VERIFIED, REFUSED, NOT_UNDERSTOOD = 27, 29, 23
SHOWN: Final = 10  # annotations of a kind that GitHub shows of a step


@pytest.fixture(scope="module")
def runs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """What one call over the whole folder says, by format."""
    folder = tmp_path_factory.mktemp("field")
    return {form: _verify(shared_data, folder, form, "--strict") for form in ("text", *FORMATS)}


def _verify(shared_data: Path, folder: Path, form: str, *options: str) -> Ran:
    keys = []
    for file in sorted((shared_data / "field" / "keys").glob("*.pem")):
        with suppress(InputError):  # of an algorithm that is not used here
            keys.append(PublicKey.parse(file.read_bytes()))
    trust = folder / "trust.json"
    trust.write_bytes(trust_in(*keys).to_json())
    options = ("--trust", str(trust), "--no-artifact", "--statement-v0.1", "--no-schema", *options, "--format", form)
    return call("verify", str(shared_data / "field"), *options)


@pytest.fixture
def told(runs: dict[str, Ran]) -> dict[str, str]:
    """The verdict on each envelope by its name, as JSON has it: all must verify."""
    result = runs["json"].json
    return {entry["envelope"]: entry["result"] for entry in result["envelopes"]}


def test_the_answer_is_the_same_in_every_format(runs: dict[str, Ran], told: dict[str, str]) -> None:
    assert {ran.code for ran in runs.values()} == {1}
    assert Counter(told.values()) == {
        "verified": VERIFIED,
        "rejected": REFUSED,
        "error": NOT_UNDERSTOOD,
    }


@pytest.mark.parametrize("form", FORMATS)
def test_it_is_one_valid_document(form: str, runs: dict[str, Ran], sarif: Draft4Validator) -> None:
    valid(form, runs[form], sarif)


def test_text_has_a_line_for_what_verifies_and_for_each_reason(runs: dict[str, Ran], told: dict[str, str]) -> None:
    ran = runs["text"]
    lines = ran.stdout.decode().splitlines()
    found = {line.split()[1] for line in lines if not line.startswith("  note ")}
    assert found == {name for name, verdict in told.items() if verdict == "verified"}
    codes = {entry["code"] for entry in runs["json"].json["envelopes"] if "code" in entry}
    first, *errors = [line for line in ran.prose if line.startswith("attest: error: ")]
    assert {re.findall(r" \(([a-z0-9-]+)\)", line)[-1] for line in errors} == codes
    assert len(errors) == len(codes)
    number, total = REFUSED + NOT_UNDERSTOOD, VERIFIED + REFUSED + NOT_UNDERSTOOD
    assert f"attest: error: {number} of {total} attestations did not verify (" in first


def test_what_is_ignored_is_named_by_reason_and_counted(shared_data: Path, tmp_path: Path) -> None:
    ran = _verify(shared_data, tmp_path, "text")
    lines = [line for line in ran.stdout.splitlines() if not line.startswith(b"  note ")]
    assert (ran.code, len(lines)) == (0, VERIFIED)
    assert f"attest: note: {VERIFIED} verified, {REFUSED + NOT_UNDERSTOOD} ignored" in ran.prose
    assert len(ran.prose) < 20
    said = _verify(shared_data, tmp_path, "json").json
    assert said["ignored"]["number"] == sum(said["ignored"]["codes"].values()) == REFUSED + NOT_UNDERSTOOD
    assert sum(entry.get("ignored", False) for entry in said["envelopes"]) == REFUSED
    assert said["not_understood_in_all"] == len(said["not_understood"]) == NOT_UNDERSTOOD


def test_sarif_has_them_all(runs: dict[str, Ran], told: dict[str, str]) -> None:
    [run] = runs["sarif"].json["runs"]
    found = {one["envelope"]: "verified" for one in run["properties"]["attest"]["verified"]}
    for result in run["results"]:
        uri = unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).removeprefix("file://")
        if result["level"] == "error":
            found[uri] = told[uri]
    assert found == told
    prints = [result["fingerprints"]["attest/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_junit_has_a_case_for_each(runs: dict[str, Ran], told: dict[str, str]) -> None:
    root = xml(runs["junit"].stdout)
    words = {"failure": "rejected", "error": "error"}
    found = {}
    for case in root.iter("testcase"):
        said = [words[part.tag] for part in case if part.tag in words]
        found[case.get("name")] = said[0] if said else "verified"
        texts = [part.text or "" for part in case if part.tag == "system-out"]
        assert not said or not any("vouched for by" in text for text in texts)
    assert found == told
    assert (root.get("tests"), root.get("failures")) == (str(len(told)), str(REFUSED))


def test_github_has_as_many_annotations_as_are_shown_and_says_how_many_more(
    runs: dict[str, Ran], told: dict[str, str]
) -> None:
    found = [command_in(line) for line in runs["github"].stdout.decode().splitlines()]
    *single, last = [one for one in found if one is not None and one[0] == "error"]
    assert len(single) == SHOWN - 1
    assert "verified" not in {told[one[1]["file"]] for one in single}
    assert last[2].startswith(f"{REFUSED + NOT_UNDERSTOOD - len(single)} more; ")


def test_html_has_a_card_for_each_and_is_no_longer_than_a_person_reads(
    runs: dict[str, Ran], told: dict[str, str]
) -> None:
    text = runs["html"].stdout.decode()
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= TAGS
    assert {attribute for _, attributes in page.tags for attribute in attributes} <= ATTRIBUTES
    cards = re.findall(r'<article class="card" id="a\d+">.*?</article>', text, re.DOTALL)
    words = {"verified": "verified", "rejected": "rejected", "not": "error"}  # not decided
    found = {}
    for card in cards:
        head = " ".join(Page(card.partition("</summary>")[0]).words).split()
        found[head[0]] = next(words[word] for word in head if word in words)
    assert found == told
    assert all(name in page.text for name, verdict in told.items() if verdict == "verified")
    assert "<details open>" not in text, "with so many, whoever reads unfolds what is of interest"
    assert text.count('<section class="card why') == len(_reasons(runs["json"].json))


def test_markdown_has_a_row_for_each_and_a_reason_once(runs: dict[str, Ran], told: dict[str, str]) -> None:
    text = runs["markdown"].stdout.decode()
    found = {}
    marks = {"✅": "verified", "❌": "rejected", "⚠️": "error"}
    for mark, name in re.findall(r"^\| (✅|❌|⚠️) \| `([^`]+)` \|", text, re.MULTILINE):
        found[name] = marks[mark]
    assert found == told
    why = text.partition("### Why")[2].partition("###")[0]
    assert len(re.findall(r"^- ", why, re.MULTILINE)) == len(_reasons(runs["json"].json))
    assert not re.search(r"[<>@#|`]", "".join(Rendered(text).plain))


@pytest.mark.slow
def test_a_browser_shows_it_and_a_telephone_fits_it(runs: dict[str, Ran], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(runs["html"].stdout)
    seen = browser.look(page, width=TELEPHONE)
    assert (seen.requests, seen.console) == ([], [])
    [shown] = seen.pages
    assert [tag for tag, _ in Page(shown.dom).tags] == [tag for tag, _ in Page(page.read_text()).tags]
    assert shown.out == []


def _reasons(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (entry["code"], entry["message"].removeprefix(entry["envelope"]))
        for entry in result["envelopes"]
        if entry["result"] != "verified"
    }
