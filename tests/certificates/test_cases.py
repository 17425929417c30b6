"""All of data/identity/cases.json through `attest.verify`: real attestations and their mutations, with real roots."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from attest import InputError, PublicKey, Rejected, Report, verify
from attest.sources import read_layer
from attest.trust.editing import describe_key
from tests.support.making.bundles import anchor, bundle
from tests.support.making.identity_cases import DATA, attestation, text, trust_for

NOW = datetime(2026, 11, 29, tzinfo=UTC)
CASES = {case["id"]: case for case in json.loads((DATA / "cases.json").read_text())["cases"]}
# A case is about the signature. The statements in four of the files break in-toto's rules, which comes after it.
CONTENT = ("statement-invalid", "predicate-invalid")


def envelope_of(case: dict[str, Any]) -> bytes:
    """The attestation of a case; a layer of cosign's has its certificate in annotations beside it."""
    found = attestation(case)
    if case["container"] != "cosign-att-layer":
        return found
    return read_layer(text(case["envelope_file"]).encode(), json.loads(found)["annotations"]).envelope.to_json()


def outcome(case: dict[str, Any]) -> str:
    data = envelope_of(case)
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


@pytest.mark.parametrize("name", CASES)
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


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["expect"] == "valid-with-key"])
def test_a_key_of_the_registry_signed_what_has_no_certificate(name: str) -> None:
    """The keys are those that npm publishes; a hint decides nothing, so all of them are tried."""
    listed = json.loads(text("roots/npm-keys.json"))["keys"]
    keys = {one["publicKey"]["rawBytes"] for one in listed}
    owners = [describe_key(PublicKey.parse(base64.b64decode(der))) for der in sorted(keys)]
    data = envelope_of(CASES[name])
    assert verify(data, bundle({"npm": anchor(*owners)}), artifacts=None, now=NOW).anchors == ("npm",)
    with pytest.raises(Rejected):
        verify(data, trust_for(CASES[name], data), artifacts=None, now=NOW)
