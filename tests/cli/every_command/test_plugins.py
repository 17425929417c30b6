"""What a third party's package adds to every registry, from the command line: used, listed, and broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attest._base import registry
from tests.support.cli.calls import Ran, call
from tests.support.plugins import acme, offer

__all__ = ["acme"]
SHA256 = "0" * 64
POLICY = """
[[require]]
type = "https://acme.example/review/v1"
anchors = ["acme"]
[require.rules.{rule}]
{settings}
"""


@pytest.fixture(autouse=True)
def _folder(acme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# The schemes of attest, and none of a plug-in.
OURS = registry.names("attest.signers")


def prepared(*approved: str) -> None:
    """A review, signed by the third party's signer, and the trust bundle that it verifies with."""
    Path("app.whl").write_bytes(b"app")
    Path("review.json").write_text(json.dumps({"acme_review": 1, "approved": approved}))
    call("build", "app.whl", "--from", "review.json", "-o", "statement.json").done()
    call("sign", "statement.json", "--signer", "acme:release", "-o", "envelope.json").done()
    call("trust", "init", "--anchor", "acme", "--key", "acme:release", "-o", "trust.json").done()


def verify(*options: str, envelope: str = "envelope.json") -> Ran:
    return call("verify", envelope, "--trust", "trust.json", "--artifact", "app.whl", *options)


def with_rule(rule: str, settings: str = "") -> Ran:
    Path("policy.toml").write_text(POLICY.format(rule=rule, settings=settings))
    return verify("--policy", "policy.toml", "--format", "json")


def test_a_statement_from_a_report_is_signed_and_verified() -> None:
    prepared("alice")
    statement = json.loads(Path("statement.json").read_bytes())
    assert (statement["predicateType"], statement["predicate"]) == (
        "https://acme.example/review/v1",
        {"approved": ["alice"]},
    )
    assert b"verified: envelope.json" in verify().done().stdout
    assert call("key", "check", "acme:release").done().stdout.startswith(b"valid: acme:release")
    call("key", "generate", "acme:other").done()


@pytest.mark.parametrize(("approved", "code"), [(["alice"], 1), (["alice", "bob"], 0)])
def test_a_policy_with_a_rule_of_a_plug_in_is_met_or_not(approved: list[str], code: int) -> None:
    prepared(*approved)
    ran = with_rule("acme-approved", "minimum = 2")
    assert ran.code == code
    failures = ran.json["policy"]["requirements"][0]["failures"]
    assert [(failure["code"], failure["rule"]) for failure in failures] == [
        ("acme-not-approved", "acme-approved")
    ] * code


def test_the_settings_of_a_rule_are_checked_as_those_of_ours() -> None:
    prepared("alice")
    for settings in ('minimum = "2"', "minimum = 0", "maximum = 1"):
        assert with_rule("acme-approved", settings).json["code"] == "policy-invalid"
    assert with_rule("acme-disapproved").json["code"] == "policy-invalid"


@pytest.mark.parametrize("rule", ["acme-crash", "acme-lie", "acme-meddle", "broken"])
def test_a_rule_that_fails_or_meddles_means_that_nothing_was_decided(rule: str) -> None:
    prepared("alice")
    ran = with_rule(rule)
    assert (ran.code, ran.json["code"]) == (3, "plugin-failed")
    assert f"'{rule}' (attest.policy_rules) of acme-attest" in ran.json["message"]
    assert b"1234" not in ran.stdout + ran.stderr


def test_a_rule_of_a_plug_in_establishes_no_level() -> None:
    prepared("alice")
    assert with_rule("acme-level").json["policy"]["levels"] == []


def test_a_report_that_is_neither_json_nor_xml_is_read_by_a_plug_in() -> None:
    Path("review.txt").write_text("approved by:\nalice\n")
    statement = call("build", f"app=sha256:{SHA256}", "--from", "review.txt").done().json
    assert statement["predicate"] == {"approved": ["alice"]}
    Path("review.txt").write_text("alice\n")
    call("build", f"app=sha256:{SHA256}", "--from", "review.txt").refused(3, "'broken' (attest.evidence)", hint=True)
    ran = call("build", f"app=sha256:{SHA256}", "--from", "review.txt", "--from-format", "junit")
    ran.refused(3, "(report-unknown)", hint=True)


def test_several_reports_are_combined_by_the_plug_in_that_can() -> None:
    for name in ("alice", "bob"):
        Path(f"{name}.review").write_text(json.dumps({"acme_review": 1, "approved": [name]}))
    build = ("build", f"app=sha256:{SHA256}", "--from", "*.review")
    assert call(*build).done().json["predicate"] == {"approved": ["alice", "bob"]}
    Path("one.txt").write_text("approved by:\nalice\n")
    Path("two.txt").write_text("approved by:\nbob\n")
    call("build", f"app=sha256:{SHA256}", "--from", "*.txt").refused(3, "(reports-not-combined)", hint=True)
    call(*build, "--from", "one.txt").refused(3, "(reports-not-combined)", hint=True)
    Path("bob.review").write_text('{"acme_review": 1, "approved": 7}')
    call(*build).refused(3, "(plugin-failed)", hint=True)


def test_details_and_errors_of_a_format_are_those_of_the_plug_in() -> None:
    Path("review.json").write_text('{"acme_review": 1, "approved": ["alice"]}')
    build = ("build", f"app=sha256:{SHA256}", "--from", "review.json", "--from-format", "acme-review")
    assert call(*build, "--detail", "team=red").done().json["predicate"] == {"approved": ["alice"], "team": "red"}
    call(*build, "--detail", "url=x").refused(3, "(option-invalid)")
    Path("review.json").write_text('{"acme_review": 1}')
    call(*build).refused(3, "review.json: /approved: a review must say who approved it (report-invalid)")


def test_a_build_is_described_by_a_plug_in_and_proves_no_more_than_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    build = ("build", f"app=sha256:{SHA256}", "--type", "slsa-provenance")
    monkeypatch.setenv("ACME_JOB", "release")
    named = call(*build, "--ci", "acme-ci")
    monkeypatch.setenv("ACME_CI", "true")
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    found = call(*build, "--ci", "auto")
    assert named == found
    definition = found.json["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"job": "release"}
    assert [one["code"] for one in definition["internalParameters"]["attest_doubts"]] == ["environment-unproven"]
    monkeypatch.delenv("ACME_JOB")
    call(*build, "--ci", "acme-ci").refused(3, "'acme-ci' (attest.ci) of acme-attest failed (KeyError)", hint=True)


def test_envelopes_in_a_container_of_a_plug_in_are_verified_like_lines() -> None:
    prepared("alice")
    one = json.loads(Path("envelope.json").read_bytes())
    Path("one.json").write_text(json.dumps({"box": [one]}))
    ran = verify("--format", "json", envelope="one.json").done()
    assert [(each["envelope"], each["unchecked"]) for each in ran.json["envelopes"]] == [
        ("one.json", ["the box was not checked"])
    ]
    forged = one | {"signatures": [{**one["signatures"][0], "sig": "AAAA"}]}
    Path("two.json").write_text(json.dumps({"box": [one, forged]}))
    ran = verify("--format", "json", envelope="two.json")
    assert [(each["envelope"], each.get("ignored")) for each in ran.json["envelopes"]] == [
        ("two.json#1", None),
        ("two.json#2", True),
    ]
    Path("three.json").write_text(
        json.dumps({"box": [{"payload": ""}, {**one, "signatures": one["signatures"] * 65}, one]})
    )
    ran = verify("--format", "json", envelope="three.json")
    assert ran.code == 0
    assert [(each["name"], each["code"]) for each in ran.json["not_understood"]] == [
        ("three.json#1", "envelope-invalid"),
        ("three.json#2", "too-many-signatures"),
    ]
    Path("none.json").write_text('{"box": []}')
    verify(envelope="none.json").refused(3, "found no envelope in a document that it recognises (plugin-failed)")
    Path("bad.json").write_text('{"box": [{"payload": ""}]}')
    verify(envelope="bad.json").refused(3, "(envelope-invalid)")


@pytest.mark.parametrize(
    "text",
    [
        '{"payloadType": "x", "box": []}',
        '{"box": [], "box": []}',
        '{"mediaType": "application/vnd.dev.sigstore.bundle+json;version=9", "box": []}',
        '{"box": ' + "[" * 100 + "]" * 100 + "}",
    ],
)
def test_no_plug_in_is_asked_about_what_is_ours_to_refuse(text: str) -> None:
    prepared("alice")
    Path("mine.json").write_text(text)
    assert "plugin" not in verify(envelope="mine.json").refused(3, "mine.json: ")


def test_limits_hold_for_what_a_plug_in_reads() -> None:
    prepared("alice")
    one = json.loads(Path("envelope.json").read_bytes())
    Path("box.json").write_text(json.dumps({"box": [one | {"signatures": one["signatures"] * 3}]}))
    verify("--limit", "signatures=2", envelope="box.json").refused(3, "(too-many-signatures)")


def test_names_are_listed_with_their_distribution_and_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    listed = call("signer", "list", "--module-path", "nowhere.so")
    assert b", acme (acme-attest), acme-crash (acme-attest)" in listed.stdout
    assert {"file", "acme", "broken"} <= set(
        call("signer", "list", "--module-path", "x.so", "--format", "json").json["schemes"]
    )
    page = call("build", "--help")
    assert b"|trivy|acme-list|acme-review|broken]" in page.stdout
    assert b"|tekton|acme-ci|broken]" in page.stdout
    ignored = [line for line in listed.prose if "is ignored" in line]
    assert [line.partition(" of ")[0] for line in ignored] == [
        f"attest: warning: the plug-in '{name}' (attest.signers)" for name in ("file", "FILE", "profile")
    ]
    for line in (listed, page):
        assert b"RuntimeError" not in line.stderr


def test_rules_are_listed_with_a_warning_for_the_one_that_is_broken() -> None:
    ran = call("policy", "list")
    assert ran.code == 0
    assert b"\nacme-approved (acme-attest)\n  At least `minimum` people approved it.\n" in ran.stdout
    assert [line for line in ran.prose if "'broken' (attest.policy_rules) of acme-attest failed (RuntimeError)" in line]
    rules = {
        rule["name"]: rule.get("distribution") for rule in call("policy", "list", "--format", "json").json["rules"]
    }
    assert (rules["slsa-build"], rules["acme-approved"]) == (None, "acme-attest")
    assert {"broken", "slsa_build"}.isdisjoint(rules)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("broken:x", "the plug-in 'broken' (attest.signers) of acme-attest failed (RuntimeError)"),
        ("acme-crash:x", "the plug-in 'acme-crash' (attest.signers) of acme-attest failed (ZeroDivisionError)"),
        ("acme-exit:x", "the plug-in 'acme-exit' (attest.signers) of acme-attest failed (SystemExit)"),
        (
            "acme-lie:x",
            "the plug-in 'acme-lie' (attest.signers) of acme-attest returned bytes as sign(), expected Signature",
        ),
        ("acme-empty:x", "the plug-in 'acme-empty' (attest.signers) of acme-attest does not have open_signer"),
    ],
)
def test_a_signer_that_is_broken_is_named_when_it_is_used(uri: str, message: str) -> None:
    ran = call("key", "check", uri)
    assert message in ran.refused(4, message, hint=True)
    assert b"1234" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("uri", "message"),
    [("acmee:x", f"Use one of: {', '.join(OURS)}, acme, "), ("acme:x?y=1", "unknown attribute 'y'")],
)
def test_a_uri_that_is_wrong_is_a_wrong_command_line(uri: str, message: str) -> None:
    ran = call("key", "check", uri)
    assert (ran.code, message in ran.stderr.decode()) == (2, True)


def test_what_is_ours_is_never_replaced() -> None:
    prepared("alice")
    call("key", "generate", "file:key.pem").done()
    call("sign", "statement.json", "--signer", "file:key.pem").done()
    sbom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    Path("sbom.json").write_text(json.dumps(sbom))
    made = call("build", "app.whl", "--from", "sbom.json", "--from-format", "cyclonedx")
    assert made.json["predicate"] == sbom
    Path("policy.toml").write_text(POLICY.format(rule="slsa_build", settings=""))
    verify("--policy", "policy.toml").refused(3, "'slsa_build' is not a rule (policy-invalid)")


def test_two_distributions_with_one_name_are_both_named_when_it_is_used(acme: Path) -> None:
    other: dict[str, Any] = {
        "attest.signers": {"acme-twice": "acme_attest:scheme"},
        "attest.sources": {"other-box": "acme_attest:box"},
    }
    offer(acme, "other-attest", other)
    line = call("key", "check", "acme-twice:x").refused(4, "(plugin-ambiguous)", hint=True)
    assert "'acme-twice' (attest.signers) of acme-attest, other-attest" in line
    prepared("alice")
    Path("box.json").write_text('{"box": []}')
    line = verify(envelope="box.json").refused(3, "(plugin-ambiguous)", hint=True)
    assert "acme-attest and the plug-in 'other-box' (attest.sources) of other-attest" in line
