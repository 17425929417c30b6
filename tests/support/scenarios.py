"""How a scenario of fixtures/vectors is put to the package: through Python calls, and as a command line.

Rule: both answer in the words of a scenario's `expect`, so that a test compares and does not translate.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attest
from attest._base.times import parse_time
from attest.collection import decide
from attest.policy import Decisions
from attest.results.collection import by_code
from attest.results.report import Report
from attest.sources import read_all
from attest.trust import history
from tests.vectors.scenarios import ENVELOPE, TRUST

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vectors.scenarios import Scenario

EXITS = {"verified": 0, "rejected": 1, "error": 3}


def verdict(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """What the Python calls answer about a scenario whose files are in `folder`."""
    if "collection" in scenario.document["options"]:
        return _of_collection(scenario, folder)
    try:
        outcome, code, report = "verified", None, _verify(scenario, folder).report
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


def _of_collection(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """What `attest.collection.decide` answers."""
    options = dict(scenario.document["options"])
    given = scenario.document["artifacts"]
    policy, _ = options.pop("policy", None), options.pop("also", None)
    report = decide(
        read_all([str(folder / options.pop("collection"))]),
        attest.TrustBundle.load(folder / TRUST),
        artifacts=None if given is None else [one if ":" in one else folder / one for one in given],
        now=parse_time(scenario.document["now"], where="now"),
        policy=None if policy is None else attest.Policy.load(folder / policy),
        **options,
    )
    kinds = {attest.Rejected: "rejected", attest.InputError: "error"}
    found: dict[str, Any] = {"outcome": "verified", "code": None, "ignored": by_code(report.ignored)}
    if report.refusal is not None:
        found |= {"outcome": kinds[type(report.refusal)], "code": report.refusal.code}
    return found


def _verify(scenario: Scenario, folder: Path) -> attest.Verified:
    """What `attest.verify` says; with a policy over several envelopes, what it says of the first of them."""
    options = dict(scenario.document["options"])
    envelopes = [scenario.files[name] for name in (ENVELOPE, *options.pop("also", ()))]
    accept_vsa = options.pop("accept_vsa", False)
    given_policy = options.pop("policy", None)
    parameters = options.pop("set", {})
    given = scenario.document["artifacts"]
    root = options.pop("trust_root", None)
    trust = history.load(
        folder / TRUST,
        root=None if root is None else history.load_root(folder / root),
        min_version=options.pop("trust_min_version", None),
        allow_simulated=options.get("allow_simulated", False),
    )
    artifacts = None if given is None else [one if ":" in one else folder / one for one in given]
    now = parse_time(scenario.document["now"], where="now")
    limits = attest.Limits(**options.pop("limits", {}))
    ask = partial(attest.verify, trust=trust, now=now, limits=limits, **options)
    policy = None if given_policy is None else attest.Policy.load(folder / given_policy, parameters)
    if policy is None or not (len(envelopes) > 1 or accept_vsa):
        return ask(envelope=envelopes[0], artifacts=artifacts, policy=policy)
    verified = [ask(envelope=data, artifacts=artifacts, cover="none") for data in envelopes]
    wanted = None if artifacts is None else [attest.Artifact.of(one) for one in artifacts]
    decision = policy.decide(verified, artifacts=wanted, now=now, accept_vsa=accept_vsa)
    if not decision.yes:
        raise attest.Rejected(
            "policy-failed", decision.summary, report=verified[0].report._replace(policy=Decisions((decision,)))
        )
    return verified[0]


def command_line(scenario: Scenario) -> list[str]:
    """The arguments that ask the same in the folder with the scenario's files."""
    document, options = scenario.document, scenario.document["options"]
    arguments = ["verify", options.get("collection", ENVELOPE), *options.get("also", ()), "--trust", TRUST]
    arguments += ["--now", document["now"], "--format", "json"]
    if document["artifacts"] is None:
        arguments.append("--no-artifact")
    for artifact in document["artifacts"] or ():
        arguments += ["--artifact", artifact]
    for name, option in {
        "trust_root": "--trust-root",
        "trust_min_version": "--trust-min-version",
        "policy": "--policy",
        "predicate_type": "--type",
    }.items():
        if name in options:
            arguments += [option, str(options[name])]
    for name, option in {"set": "--set", "limits": "--limit"}.items():
        for key, value in options.get(name, {}).items():
            arguments += [option, f"{key}={value}"]
    for name, option in {"subject_names": "--subject-name", "anchors": "--anchor"}.items():
        for value in options.get(name, ()):
            arguments += [option, value]
    flags = {
        "--statement-v0.1": options.get("statement_v0_1"),
        "--allow-simulated": options.get("allow_simulated"),
        "--no-schema": options.get("check_predicate") is False,
        "--accept-vsa": options.get("accept_vsa"),
        "--strict": options.get("strict"),
    }
    return arguments + [flag for flag, wanted in flags.items() if wanted]
