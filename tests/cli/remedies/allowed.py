"""Remedies for what the signer is not allowed to say."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.cli.remedies.desk import REVIEW, VERIFY, Desk, remedy


def subject(name: str = "app.bin", **fields: object) -> dict[str, object]:
    return {"name": name, "digest": {"sha256": hashlib.sha256(Path("app.bin").read_bytes()).hexdigest()}, **fields}


PROVENANCE = {
    "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {"tag": "v1"}},
    "runDetails": {"builder": {"id": "https://example.com/builder"}},
}


@remedy("subject-not-allowed")
def the_owner_of_the_name_signs(desk: Desk) -> None:
    desk.do("trust limit trust.json --anchor release --subject '*.whl'")
    desk.do("trust add trust.json --anchor owner --key second.pub --subject '*.bin'")
    desk.attested("app.json", "app.bin")
    desk.no("subject-not-allowed", VERIFY)
    desk.do("trust show trust.json", says="*.bin")
    desk.attested("app.json", "app.bin", by=["second"])
    desk.do(VERIFY)


@remedy("subject-not-allowed", "predicate-type-not-allowed", "builder-not-allowed")
def the_owner_of_the_trust_bundle_allows_more(desk: Desk) -> None:
    limits = {
        "subject-not-allowed": ("--subject '*.whl'", "--subject '*.whl' --subject '*.bin'"),
        "predicate-type-not-allowed": ("--predicate-type sbom", "--predicate-type slsa-provenance"),
        "builder-not-allowed": ("--builder https://example.com/other", "--builder https://example.com/builder"),
    }
    desk.attested("app.json", "app.bin", kind="slsa-provenance", predicate=PROVENANCE)
    for code, (before, after) in limits.items():
        if "sbom" in before:
            before = f"--predicate-type {REVIEW}"
        desk.do(f"trust limit trust.json --anchor release {before}")
        desk.no(code, VERIFY)
        Path("old.json").write_bytes(Path("trust.json").read_bytes())
        desk.do(f"trust limit trust.json --anchor release {after}")
        desk.do("trust diff old.json trust.json")
        desk.do(VERIFY)


@remedy("payload-type-not-allowed", "payload-type-unsupported")
def another_kind_of_payload(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    desk.change("trust.json", lambda one: one["anchors"]["release"].update(payload_types=["application/json"]))
    desk.no("payload-type-not-allowed", VERIFY)
    desk.change("trust.json", lambda one: one["anchors"]["release"].pop("payload_types"))
    desk.do(VERIFY)
    desk.signed("app.json", b"{}", payload_type="application/json")
    desk.no("payload-type-unsupported", VERIFY)
    desk.do("inspect app.json", says="application/json")
    desk.attested("app.json", "app.bin")
    desk.do(VERIFY)


@remedy("subject-name-mismatch")
def another_name(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    desk.no("subject-name-mismatch", f"{VERIFY} --subject-name 'lib.*'")
    desk.do(f"{VERIFY} --subject-name 'app.*'")
    desk.write("policy.toml", f'[[require]]\ntype = "{REVIEW}"\nnames = ["lib.*"]\n')
    ran = desk.no("policy-failed", f"{VERIFY} --policy policy.toml")
    assert b"subject-name-mismatch" in ran.stderr
    desk.write("policy.toml", f'[[require]]\ntype = "{REVIEW}"\nnames = ["app.*"]\n')
    desk.do(f"{VERIFY} --policy policy.toml")


@remedy("anchor-not-accepted")
def another_anchor(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor people --key second.pub")
    desk.attested("app.json", "app.bin")
    desk.no("anchor-not-accepted", f"{VERIFY} --anchor people")
    desk.do("trust show trust.json", says="people")
    desk.do(f"{VERIFY} --anchor release")
    desk.attested("app.json", "app.bin", by=["second"])
    desk.do(f"{VERIFY} --anchor people")


@remedy("predicate-type-mismatch")
def another_type(desk: Desk) -> None:
    Path("all").mkdir()
    desk.attested("all/review.json", "app.bin")
    verify = "--trust trust.json --artifact app.bin --type slsa-provenance"
    desk.no("predicate-type-mismatch", f"verify all/review.json {verify}")
    desk.do("inspect all/review.json", says=REVIEW)
    desk.attested("all/provenance.json", "app.bin", kind="slsa-provenance", predicate=PROVENANCE)
    desk.do(f"verify all/provenance.json {verify}")
    desk.do(f"verify all {verify}")


@remedy("predicate-invalid")
def a_field_is_missing(desk: Desk) -> None:
    desk.foreign("app.json", subject(), predicateType="https://slsa.dev/provenance/v1", predicate={"runDetails": {}})
    desk.no("predicate-invalid", VERIFY)
    desk.ends(1, "predicate check app.json", says="buildDefinition")
    desk.attested("app.json", "app.bin", kind="slsa-provenance", predicate=PROVENANCE)
    desk.do(VERIFY)


@remedy("statement-invalid", "subject-missing")
def no_statement(desk: Desk) -> None:
    desk.signed("app.json", b'{"_type": "https://in-toto.io/Statement/v1"}')
    desk.no("statement-invalid", VERIFY)
    desk.do("inspect app.json", says="statement")
    desk.foreign("app.json")
    desk.no("subject-missing", VERIFY)
    desk.attested("app.json", "app.bin")
    desk.do(VERIFY)


@remedy("too-many-subjects", "too-many-digests")
def a_large_statement(desk: Desk) -> None:
    desk.foreign("app.json", *[subject(f"{number}") for number in range(1030)])
    desk.no("too-many-subjects", VERIFY)
    desk.do(f"{VERIFY} --limit subjects=2000")
    digests = {f"custom{number}": "00" for number in range(40)}
    desk.foreign("app.json", {"name": "app.bin", "digest": {**subject()["digest"], **digests}})  # type: ignore[dict-item]
    desk.no("too-many-digests", VERIFY)
    desk.do(f"{VERIFY} --limit digests=50")
