"""Remedies for the trust bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.remedies.desk import VERIFY, Desk, remedy

ROOTED = "trust init --anchor release --key release.pub --root file:second.pem"


def versions(desk: Desk, number: int, *, expires: str = "2090-01-01") -> None:
    """Signed versions 1.signed.json and so on, as their owner makes them."""
    desk.do(f"{ROOTED} --expires {expires} -o 1.json")
    desk.do("trust sign 1.json --signer file:second.pem -o 1.signed.json")
    for version in range(2, number + 1):
        desk.do(f"trust show {version - 1}.json --public -o {version}.json")
        desk.do(f"trust limit {version}.json --anchor release --subject '*.bin' --subject '*.v{version}'")
        signing = f"trust sign {version}.json --signer file:second.pem --trust-root {version - 1}.signed.json"
        desk.do(f"{signing} -o {version}.signed.json")


@remedy("trust-expired")
def a_newer_version(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    versions(desk, 1, expires="2090-01-01")
    desk.do("trust show 1.json --public -o 2.json")
    desk.change("2.json", lambda one: one.update(version=2, expires="2095-01-01T00:00:00Z"))
    desk.do("trust sign 2.json --signer file:second.pem --trust-root 1.signed.json -o 2.signed.json")
    desk.do("trust update mine.jsonl --from 1.signed.json --trust-root 1.json")
    verify = "verify app.json --trust mine.jsonl --trust-root 1.json --artifact app.bin --now 2091-01-01T00:00:00Z"
    desk.no("trust-expired", verify)
    desk.do("trust update mine.jsonl --from 2.signed.json")
    desk.do(verify)


@remedy("root-threshold-not-met")
def a_root_has_not_signed(desk: Desk) -> None:
    begin = ROOTED.replace("file:second.pem", "file:second.pem --root file:other.pem --root-threshold 2")
    desk.do(f"{begin} -o 1.json")
    desk.do("trust sign 1.json --signer file:second.pem --signer file:other.pem -o 1.signed.json")
    desk.do("trust show 1.json --public -o 2.json")
    desk.do("trust limit 2.json --anchor release --subject '*.bin'")
    desk.do("trust sign 2.json --signer file:second.pem --trust-root 1.signed.json -o 2.half.json")
    desk.attested("app.json", "app.bin")
    verify = "verify app.json --trust {} --trust-root 1.json --artifact app.bin"
    desk.no("root-threshold-not-met", verify.format("2.half.json"))
    desk.do("trust check 2.half.json", says="1 of 2")
    desk.do("trust diff 1.json 2.half.json", says="*.bin")
    desk.do("trust sign 2.half.json --signer file:other.pem --trust-root 1.signed.json -o 2.signed.json")
    desk.do(verify.format("2.signed.json"))


@remedy("trust-version-gap")
def a_version_is_missing(desk: Desk) -> None:
    versions(desk, 3)
    desk.attested("app.json", "app.bin")
    verify = "verify app.json --trust {} --trust-root 1.signed.json --artifact app.bin"
    desk.no("trust-version-gap", verify.format("3.signed.json"))
    desk.do("trust update mine.jsonl --from 2.signed.json --trust-root 1.signed.json")
    desk.do("trust update mine.jsonl --from 3.signed.json")
    desk.do(verify.format("mine.jsonl"))


@remedy("trust-rollback")
def an_older_version(desk: Desk) -> None:
    versions(desk, 2)
    desk.attested("app.json", "app.bin")
    verify = "verify app.json --trust {} --trust-root 2.signed.json --artifact app.bin"
    desk.no("trust-rollback", verify.format("1.signed.json"))
    desk.do(verify.format("2.signed.json"))
    desk.do("trust update mine.jsonl --from 2.signed.json --trust-root 2.signed.json")
    desk.no("trust-rollback", "trust update mine.jsonl --from 1.signed.json")


@remedy("trust-fork")
def two_versions_with_one_number(desk: Desk) -> None:
    versions(desk, 2)
    desk.do("trust show 1.json --public -o fork.json")
    desk.do("trust limit fork.json --anchor release --subject '*.whl'")
    desk.do("trust sign fork.json --signer file:second.pem --trust-root 1.signed.json -o fork.signed.json")
    desk.do("trust update mine.jsonl --from 2.signed.json --trust-root 1.signed.json")
    desk.no("trust-fork", "trust update mine.jsonl --from fork.signed.json")
    # The holders of the roots publish the right content under a new number.
    desk.do("trust show 2.json --public -o 3.json")
    desk.do("trust limit 3.json --anchor release --subject '*.whl'")
    desk.do("trust sign 3.json --signer file:second.pem --trust-root 2.signed.json -o 3.signed.json")
    desk.do("trust update mine.jsonl --from 3.signed.json")


@remedy("trust-unsigned")
def not_signed(desk: Desk) -> None:
    versions(desk, 1)
    desk.attested("app.json", "app.bin")
    verify = "verify app.json --trust {} --trust-root 1.json --artifact app.bin"
    desk.no("trust-unsigned", verify.format("1.json"))
    desk.do(verify.format("1.signed.json"))


@remedy("trust-findings", "trust-differs", "doctor-findings")
def findings(desk: Desk) -> None:
    Path("trust.json").unlink()
    desk.do(f"{ROOTED} -o trust.json")
    desk.no("trust-findings", "trust check trust.json --strict")
    Path("trust.json").unlink()
    desk.do("trust init --anchor release --key release.pub --expires 2090-01-01 -o trust.json")
    desk.do("trust check trust.json --strict")
    shutil.copy("trust.json", "old.json")
    desk.do("trust limit trust.json --anchor release --subject '*.bin'")
    desk.no("trust-differs", "trust diff old.json trust.json --exit-code")
    desk.do("trust diff old.json old.json --exit-code")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTEST_TRUTS", "trust.json")
        desk.no("doctor-findings", "doctor --no-modules --strict")


@remedy("signer-not-of-anchor")
def a_key_that_no_anchor_has(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    resign = "trust resign trust.json app.json --signer file:second.pem"
    desk.ends(3, resign, says="key-unknown")
    desk.do("trust add trust.json --anchor whl --key second.pub --subject '*.whl'")
    desk.no("signer-not-of-anchor", resign)
    desk.do("trust add trust.json --anchor release --key second.pub")
    desk.do(resign)
    desk.do(VERIFY)
