"""Every scenario of fixtures/vectors ends as its case.json says, through the Python calls and on the command line."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import attest
from attest._base.times import parse_time
from attest.cli import main
from attest.policy import Decisions, rules
from attest.results.report import Report
from attest.trust import history
from tests.vectors import __main__

FOLDER = Path(__file__).parents[2] / "fixtures" / "vectors"
RESULT = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "schemas" / "result.json").read_bytes()),
    format_checker=jsonschema.FormatChecker(),
)
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/case.json"))
EXITS = {"verified": 0, "rejected": 1, "error": 3}

# The rows of pitfalls.md that can be put to a verifier of plain keys. Not among them: 23, as no config is read from the
# current directory; 25, as verifying changes no state; 30, as there is no OIDC.
ROWS = {*range(1, 23), 24, 26, 27, 28, 29}

each_vector = pytest.mark.parametrize("name", NAMES)


@cache
def case_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / name / "case.json").read_bytes())
    return document


def envelope_path(name: str) -> Path:
    (path,) = (FOLDER / name).glob("envelope.*")
    return path


def envelope_paths(name: str) -> list[Path]:
    return [envelope_path(name), *(FOLDER / name / one for one in case_of(name)["options"].get("also", ()))]


def verify(name: str) -> attest.Verified:
    """What the Python call says; with a policy over several envelopes, what it says of the first of them."""
    case = case_of(name)
    options = dict(case["options"])
    also = options.pop("also", ())
    accept_vsa = options.pop("accept_vsa", False)
    given_policy = options.pop("policy", None)
    parameters = options.pop("set", {})
    given = case["artifacts"]
    root = options.pop("trust_root", None)
    trust = history.load(
        FOLDER / name / "trust.json",
        root=None if root is None else history.load_root(FOLDER / name / root),
        min_version=options.pop("trust_min_version", None),
        allow_simulated=options.get("allow_simulated", False),
    )
    artifacts = None if given is None else [one if ":" in one else FOLDER / name / one for one in given]
    now = parse_time(case["now"], where="now")
    limits = attest.Limits(**options.pop("limits", {}))
    ask = partial(attest.verify, trust=trust, now=now, limits=limits, **options)
    policy = None if given_policy is None else attest.Policy.load(FOLDER / name / given_policy, parameters)
    if policy is None or not (also or accept_vsa):
        return ask(envelope=envelope_path(name).read_bytes(), artifacts=artifacts, policy=policy)
    verified = [ask(envelope=path.read_bytes(), artifacts=artifacts, cover="none") for path in envelope_paths(name)]
    wanted = None if artifacts is None else [attest.Artifact.of(one) for one in artifacts]
    decision = policy.decide(verified, artifacts=wanted, now=now, accept_vsa=accept_vsa)
    if not decision.yes:
        raise attest.Rejected(
            "policy-failed", decision.summary, report=verified[0].report._replace(policy=Decisions((decision,)))
        )
    return verified[0]


def verdict(name: str) -> dict[str, Any]:
    """What the Python call says, in the words of case.json."""
    try:
        outcome, code, report = "verified", None, verify(name).report
    except attest.InputError as error:
        return {"outcome": "error", "code": error.code}
    except attest.Rejected as error:
        if not isinstance(error.report, Report):  # of the trust bundle, before anything it could be used for
            return {"outcome": "rejected", "code": error.code}
        outcome, code, report = "rejected", error.code, error.report
    said: dict[str, Any] = {"outcome": outcome, "code": code, "signatures": [check.code for check in report.signatures]}
    if outcome == "rejected" and report.policy is not None:
        said["failures"] = [
            failure.code for one in report.policy.requirements if not one.met for failure in one.failures
        ]
        if report.policy.vsa is not None:
            said["vsa"] = [failure.code for failure in report.policy.vsa.failures]
    return said


def command_line(name: str) -> list[str]:
    case = case_of(name)
    options = case["options"]
    envelopes = [path.name for path in envelope_paths(name)]
    arguments = ["verify", *envelopes, "--trust", "trust.json", "--now", case["now"], "--format", "json"]
    if case["artifacts"] is None:
        arguments.append("--no-artifact")
    for artifact in case["artifacts"] or ():
        arguments += ["--artifact", artifact]
    if "trust_root" in options:
        arguments += ["--trust-root", options["trust_root"]]
    if "trust_min_version" in options:
        arguments += ["--trust-min-version", str(options["trust_min_version"])]
    if "policy" in options:
        arguments += ["--policy", options["policy"]]
    for parameter, value in options.get("set", {}).items():
        arguments += ["--set", f"{parameter}={value}"]
    for limit, number in options.get("limits", {}).items():
        arguments += ["--limit", f"{limit}={number}"]
    if "predicate_type" in options:
        arguments += ["--type", options["predicate_type"]]
    for glob in options.get("subject_names", ()):
        arguments += ["--subject-name", glob]
    for anchor in options.get("anchors", ()):
        arguments += ["--anchor", anchor]
    flags = {
        "--statement-v0.1": options.get("statement_v0_1"),
        "--allow-simulated": options.get("allow_simulated"),
        "--no-schema": options.get("check_predicate") is False,
        "--accept-vsa": options.get("accept_vsa"),
    }
    return arguments + [flag for flag, wanted in flags.items() if wanted]


@each_vector
def test_a_vector_ends_as_it_says_in_python(name: str) -> None:
    assert verdict(name) == case_of(name)["expect"]


@each_vector
def test_a_vector_ends_as_it_says_on_the_command_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(FOLDER / name)
    expect = case_of(name)["expect"]
    code = main(command_line(name))
    stdout = capsysbinary.readouterr().out
    # No artifact, a digest that isn't one and a short name that nobody knows are a wrong command line there.
    if case_of(name)["artifacts"] == [] or expect["code"] in {"digest-invalid", "predicate-type-unknown"}:
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
    if "signatures" in expect:
        assert [entry["code"] for entry in result["envelopes"][0]["signatures"]] == expect["signatures"]


@each_vector
def test_an_envelope_that_can_be_read_is_written_as_it_was(name: str) -> None:
    data = envelope_path(name).read_bytes()
    try:
        envelope = attest.Envelope.from_json(data)
    except attest.InputError as error:
        assert case_of(name)["expect"] == {"outcome": "error", "code": error.code}  # noqa: PT017
    else:
        assert envelope.to_json() == data


@each_vector
def test_a_vector_says_what_it_is(name: str) -> None:
    case = case_of(name)
    assert set(case) == {"title", "why", "now", "artifacts", "options", "expect"}
    options = {"statement_v0_1", "allow_simulated", "check_predicate", "predicate_type", "limits"}
    assert set(case["options"]) <= options | {
        *("trust_root", "trust_min_version", "policy", "also", "set", "accept_vsa", "subject_names", "anchors"),
    }
    assert case["title"].endswith(".")
    assert case["why"]
    assert re.fullmatch(r"[a-z0-9._-]+", name)


def test_the_vectors_are_what_their_makers_make(tmp_path: Path) -> None:
    __main__.write(tmp_path / "vectors")
    made, stored = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "vectors", FOLDER)
    )
    assert sorted(made) == sorted(stored)
    assert [str(path) for path in made if made[path] != stored[path]] == []


def test_every_bug_that_others_shipped_is_put_to_this_verifier() -> None:
    named = {int(row) for name in NAMES for row in re.findall(r"pitfalls\.md row (\d+)", case_of(name)["why"])}
    assert named == ROWS
    assert len(NAMES) >= 80


def test_every_rule_has_a_yes_and_more_noes() -> None:
    outcomes: dict[str, list[str]] = {name: [] for name in rules.names()}
    for name in NAMES:
        policy = FOLDER / name / "policy.json"
        requirements = json.loads(policy.read_bytes())["require"] if policy.exists() else []
        for rule in {rule for requirement in requirements for rule in requirement.get("rules", ())}:
            outcomes[rule].append(case_of(name)["expect"]["outcome"])
    for rule, found in outcomes.items():
        assert found.count("verified") >= 1, rule
        assert found.count("rejected") > found.count("verified"), rule
