"""Every scenario of fixtures/vectors ends as it says, through the Python calls and on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

import attest
from attest.cli import main
from attest.policy import rules
from tests.support.scenarios import EXITS, command_line, verdict
from tests.vectors import __main__
from tests.vectors.scenarios import ENVELOPE, FOLDER, load, paths

REPOSITORY = Path(__file__).parents[2]
RESULT = jsonschema.Draft202012Validator(
    json.loads((REPOSITORY / "schemas" / "result.json").read_bytes()), format_checker=jsonschema.FormatChecker()
)
SCENARIO = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "fixtures" / "scenario.schema.json").read_bytes()))
NAMES = list(paths())

# The rows of pitfalls.md that can be put to a verifier of plain keys. Not among them: 23, as no config is read from the
# current directory; 25, as verifying changes no state; 30, as there is no OIDC.
ROWS = {*range(1, 23), 24, 26, 27, 28, 29}

each_vector = pytest.mark.parametrize("name", NAMES)


@each_vector
def test_a_vector_ends_as_it_says_in_python(name: str, tmp_path: Path) -> None:
    scenario = load(name)
    scenario.lay_out(tmp_path)
    assert verdict(scenario, tmp_path) == scenario.document["expect"]


@each_vector
def test_a_vector_ends_as_it_says_on_the_command_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    scenario = load(name)
    scenario.lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    expect = scenario.document["expect"]
    code = main(command_line(scenario))
    stdout = capsysbinary.readouterr().out
    # No artifact, a digest that isn't one and a short name that nobody knows are a wrong command line there.
    if scenario.document["artifacts"] == [] or expect["code"] in {"digest-invalid", "predicate-type-unknown"}:
        assert (code, stdout) == (2, b"")
        return
    assert code == EXITS[expect["outcome"]]
    result = json.loads(stdout)
    RESULT.validate(result)
    assert (result["result"], result["exit"], result.get("code")) == (expect["outcome"], code, expect["code"])
    if "failures" in expect:
        unmet = [one for one in result["policy"]["requirements"] if not one["met"]]
        assert [failure["code"] for one in unmet for failure in one["failures"]] == expect["failures"]
    if "vsa" in expect:
        assert [failure["code"] for failure in result["policy"]["vsa"]["failures"]] == expect["vsa"]
    if "ignored" in expect:
        assert result["ignored"]["codes"] == expect["ignored"]
    if "signatures" in expect:
        assert [entry["code"] for entry in result["envelopes"][0]["signatures"]] == expect["signatures"]


def test_an_envelope_that_can_be_read_is_written_as_it_was() -> None:
    read = 0
    for scenario in map(load, NAMES):
        data = scenario.files[ENVELOPE]
        try:
            envelope = attest.Envelope.from_json(data)
        except attest.InputError as error:
            assert scenario.document["expect"] == {"outcome": "error", "code": error.code}, scenario.name  # noqa: PT017
        else:
            assert envelope.to_json() == data, scenario.name
            read += 1
    assert read > 700


def test_a_vector_says_what_it_is() -> None:
    for name, path in paths().items():
        SCENARIO.validate(json.loads(path.read_bytes()))
        assert re.fullmatch(r"[a-z0-9._-]+", name)
        document = load(name).document
        options, artifacts = document["options"], document["artifacts"] or ()
        named = {
            *options.get("also", ()),
            *filter(None, [options.get("policy"), options.get("trust_root"), options.get("collection")]),
        }
        named |= {one for one in artifacts if ":" not in one and document["expect"]["code"] != "file-unreadable"}
        assert named <= {part for file in load(name).files for part in (file, file.partition("/")[0])}, name


def test_the_vectors_are_what_their_makers_make() -> None:
    made = __main__.files()
    stored = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    assert sorted(made) == sorted(stored)
    assert [path for path in made if made[path] != stored[path]] == []


def test_every_bug_that_others_shipped_is_put_to_this_verifier() -> None:
    whys = [load(name).document["why"] for name in NAMES]
    assert {int(row) for why in whys for row in re.findall(r"pitfalls\.md row (\d+)", why)} == ROWS
    assert len(NAMES) >= 80


def test_every_rule_has_a_yes_and_more_noes() -> None:
    outcomes: dict[str, list[str]] = {name: [] for name in rules.names()}
    for scenario in map(load, NAMES):
        policy = json.loads(scenario.files.get("policy.json", b"{}"))
        for rule in {rule for requirement in policy.get("require", ()) for rule in requirement.get("rules", ())}:
            outcomes[rule].append(scenario.document["expect"]["outcome"])
    for rule, found in outcomes.items():
        assert found.count("verified") >= 1, rule
        assert found.count("rejected") > found.count("verified"), rule
