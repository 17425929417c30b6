"""All of data/identity/cases.json through `attest.verify`: real attestations and their mutations, with real roots."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from attest import InputError, Rejected, Report, verify
from tests.support.identity_cases import DATA, attestation, trust_for

NOW = datetime(2026, 11, 29, tzinfo=UTC)
CASES = {case["id"]: case for case in json.loads((DATA / "cases.json").read_text())["cases"]}
# A case is about the signature. The statements in four of the files break in-toto's rules, which comes after it.
CONTENT = ("statement-invalid", "predicate-invalid")


def outcome(case: dict[str, Any]) -> str:
    data = attestation(case)
    try:
        report: Report | None = verify(data, trust_for(case, data), artifacts=None, now=NOW).report
    except InputError as error:
        return f"unreadable ({error.code})"
    except Rejected as error:
        if error.code not in CONTENT:
            return f"refused ({error.code})"
        report = error.report
    assert report is not None
    assert report.signatures[0].identity is not None
    return "valid"


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["container"] != "cosign-att-layer"])
def test_a_case_of_real_bundles(name: str) -> None:
    case = CASES[name]
    found = outcome(case)
    match case["expect"]:
        case "valid":
            assert found == "valid"
        case "malformed" | "not-an-attestation":
            assert found.startswith("unreadable")
        case _:
            assert not found.startswith("valid"), case["reason"]
