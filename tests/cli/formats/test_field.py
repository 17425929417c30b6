"""All that the field has, verified in one call and told in every format: the same envelopes, the same answers."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from html import escape, unescape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import pytest

from attest import InputError, PublicKey
from tests.cli.formats.test_formats import FORMATS, Rendered, command_in, sarif, valid, xml
from tests.cli.formats.test_html import ATTRIBUTES, FRAME, TAGS, Page
from tests.support import browser
from tests.support.cli import call
from tests.support.helpers import trust_in

if TYPE_CHECKING:
    from pathlib import Path

    from jsonschema_rs import Draft4Validator

    from tests.support.cli import Ran

__all__ = ["sarif"]  # a fixture

# Of 56 envelopes of thirteen projects, with all keys that were published trusted for everything; beside them are
# statements and an index, which are no envelopes.
VERIFIED, REFUSED, NOT_UNDERSTOOD = 27, 29, 23
SHOWN: Final = 10  # annotations of a kind that GitHub shows of a step


@pytest.fixture(scope="module")
def runs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """What one call over the whole folder says, by format."""
    keys = []
    for file in sorted((shared_data / "field" / "keys").glob("*.pem")):
        with suppress(InputError):  # of an algorithm that is not used here
            keys.append(PublicKey.parse(file.read_bytes()))
    trust = tmp_path_factory.mktemp("field") / "trust.json"
    trust.write_bytes(trust_in(*keys).to_json())
    options = ["--trust", str(trust), "--no-artifact", "--statement-v0.1", "--no-schema", "--format"]
    return {form: call("verify", str(shared_data / "field"), *options, form) for form in ("text", *FORMATS)}


@pytest.fixture
def told(runs: dict[str, Ran]) -> dict[str, str]:
    """The verdict on each envelope by its name, as JSON has it; and what is none."""
    result = runs["json"].json
    found = {entry["envelope"]: entry["result"] for entry in result["envelopes"]}
    return found | {entry["name"]: "not understood" for entry in result["not_understood"]}


def test_the_answer_is_the_same_in_every_format(runs: dict[str, Ran], told: dict[str, str]) -> None:
    assert {ran.code for ran in runs.values()} == {1}
    assert Counter(told.values()) == {
        "verified": VERIFIED,
        "rejected": REFUSED,
        "not understood": NOT_UNDERSTOOD,
    }


@pytest.mark.parametrize("form", FORMATS)
def test_it_is_one_valid_document(form: str, runs: dict[str, Ran], sarif: Draft4Validator) -> None:
    valid(form, runs[form], sarif)


def test_text_has_a_line_for_each(runs: dict[str, Ran], told: dict[str, str]) -> None:
    ran = runs["text"]
    lines = ran.stdout.decode().splitlines()
    found = {line.split()[1]: "verified" for line in lines if not line.startswith("  note ")}
    for line in ran.prose:
        if refused := re.match(r"attest: error: (\S+\.json): ", line):
            found[refused[1]] = "rejected"
        elif ignored := re.match(r"attest: warning: (\S+\.json): ignored: ", line):
            found[ignored[1]] = "not understood"
    assert found == told
    assert ran.prose[-1].startswith(f"attest: error: {REFUSED} of {VERIFIED + REFUSED} attestations did not verify (")


def test_sarif_has_them_all(runs: dict[str, Ran], told: dict[str, str]) -> None:
    [run] = runs["sarif"].json["runs"]
    found = {one["envelope"]: "verified" for one in run["properties"]["attest"]["verified"]}
    for result in run["results"]:
        uri = unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).removeprefix("file://")
        if result["level"] == "error":
            found[uri] = "rejected"
    told_of = run["invocations"][0]["toolExecutionNotifications"]
    for notification in [one for one in told_of if one["level"] != "note"]:
        found[notification["message"]["text"].partition(": ")[0]] = "not understood"
    assert found == told
    prints = [result["fingerprints"]["attest/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_junit_has_a_case_for_each(runs: dict[str, Ran], told: dict[str, str]) -> None:
    root = xml(runs["junit"].stdout)
    words = {"failure": "rejected", "skipped": "not understood"}
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
    for kind, verdict, number in (("error", "rejected", REFUSED), ("warning", "not understood", NOT_UNDERSTOOD)):
        *single, last = [one for one in found if one is not None and one[0] == kind]
        assert len(single) == SHOWN - 1
        assert {told[one[1]["file"]] for one in single} == {verdict}
        assert last[2].startswith(f"{number - len(single)} more; ")


def test_html_has_a_card_for_each_and_is_no_longer_than_a_person_reads(
    runs: dict[str, Ran], told: dict[str, str]
) -> None:
    text = runs["html"].stdout.decode()
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= TAGS
    assert {attribute for _, attributes in page.tags for attribute in attributes} <= ATTRIBUTES
    cards = re.findall(r'<article class="card" id="a\d+">.*?</article>', text, re.DOTALL)
    words = ("verified", "rejected")
    found = {}
    for card in cards:
        head = " ".join(Page(card.partition("</summary>")[0]).words).split()
        found[head[0]] = next(word for word in head if word in words)
    assert found == {name: verdict for name, verdict in told.items() if verdict != "not understood"}
    assert all(name in page.text for name, verdict in told.items() if verdict == "verified")
    assert "<details open>" not in text, "with so many, whoever reads unfolds what is of interest"
    assert text.count('<section class="card why') == len(_reasons(runs["json"].json))


def test_markdown_has_a_row_for_each_and_a_reason_once(runs: dict[str, Ran], told: dict[str, str]) -> None:
    text = runs["markdown"].stdout.decode()
    found = {}
    for mark, name in re.findall(r"^\| (✅|❌) \| `([^`]+)` \|", text, re.MULTILINE):
        found[name] = "verified" if mark == "✅" else "rejected"
    assert found == {name: verdict for name, verdict in told.items() if verdict != "not understood"}
    why = text.partition("### Why")[2].partition("###")[0]
    assert len(re.findall(r"^- ", why, re.MULTILINE)) == len(_reasons(runs["json"].json))
    assert "23 files or lines ignored" in text or "23 files or lines i" in text
    assert not re.search(r"[<>@#|`]", "".join(Rendered(text).plain))


@pytest.mark.slow
def test_a_browser_shows_it_and_a_telephone_fits_it(runs: dict[str, Ran], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(runs["html"].stdout)
    seen = browser.look(page)
    assert (seen.requests, seen.console) == ([], [])
    assert [tag for tag, _ in Page(seen.dom).tags] == [tag for tag, _ in Page(page.read_text()).tags]
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME % escape(page.read_text()))
    [said] = re.findall(r"<title>(\{.*?\})</title>", browser.look(frame).dom)
    assert '"out":[]' in unescape(said)


def _reasons(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (entry["code"], entry["message"].removeprefix(entry["envelope"]))
        for entry in result["envelopes"]
        if entry["result"] != "verified"
    }
