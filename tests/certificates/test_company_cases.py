"""All of data/identity/ca-cases.json through `attest.verify`: certificates of a company's CA, good and bad."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from attest import InputError, Rejected, TrustBundle, verify
from tests.support.making.identity_cases import DATA

CASES = json.loads((DATA / "ca-cases.json").read_text())

# What the code of a refusal is, by the beginning of the case's name. The longest one that fits counts.
CODES = {
    "": "certificate-untrusted",
    "bundle-two-signatures": "unreadable: container-invalid",
    "certificate-": "certificate-invalid",
    "certificate-of-another-key": "signature-invalid",
    "common-name-only": "certificate-invalid",
    "critical-unknown-leaf": "certificate-invalid",
    "email-": "certificate-invalid",
    "ended-a-second-ago": "certificate-expired",
    "expired": "certificate-expired",
    "glob-": "certificate-invalid",
    "glob-host": "identity-unknown",
    "good-now-timestamped-before-begin": "certificate-not-yet-valid",
    "identity-longer": "certificate-invalid",
    "identity-prefix": "identity-unknown",
    "leaf-is-ca": "certificate-invalid",
    "no-": "certificate-invalid",
    "not-yet-valid": "certificate-not-yet-valid",
    "payload-changed": "signature-invalid",
    "real-model-signing-common-name": "certificate-invalid",
    "real-model-signing-no-identity": "trust bundle: threshold-unreachable /anchors/builder/threshold",
    "rsa-1024": "certificate-invalid",
    "server-eku": "certificate-invalid",
    "signature-of-another-key": "signature-invalid",
    "threshold-two-certificates-one-identity": "None identity-already-counted",
    "timestamp-of-another": "timestamp-mismatch",
    "timestamped-after-end": "certificate-expired",
    "timestamping-eku": "certificate-invalid",
    "uri-": "certificate-invalid",
    "uri-case": "identity-unknown",
    "uri-in-dns": "identity-unknown",
    "wrong-identity": "identity-unknown",
}
# The cases that may be decided either way, as docs/adr/0047 decides them.
EITHER = {
    "anchor-expired": "certificate-untrusted",
    "any-eku": "certificate-invalid",
    "ed25519-leaf": "valid",
    "ends-now": "valid",
    "leaf-is-anchor": "trust bundle: certificate-invalid /authorities/ca/certificates/0",
    "no-eku": "certificate-invalid",
    "thirty-unrelated": "certificate-invalid",
    "two-intermediates-swapped": "valid",
    "two-sans-one-right": "certificate-invalid",
}


def outcome(case: dict[str, Any]) -> str:
    """`valid`, or the code of the signature, or of the error if there is no signature to speak of."""
    try:
        trust = trust_for(case)
    except InputError as error:
        return f"trust bundle: {error.code} {error.where}"
    try:
        verified = verify(
            json.dumps(case["document"]).encode(), trust, artifacts=None, now=datetime.fromisoformat(case["now"])
        )
    except InputError as error:
        return f"unreadable: {error.code}"
    except Rejected as error:
        return " ".join(sorted(str(check.code) for check in error.report.signatures)) if error.report else error.code
    assert verified.report.signatures[0].identity is not None
    return "valid"


def trust_for(case: dict[str, Any]) -> TrustBundle:
    pems = CASES["certificates"]
    authority = {
        "kind": "x509",
        "certificates": [pems[name] for name in case["anchors"]],
        "intermediates": [pems[name] for name in case["intermediates"]],
        "time": "now-or-timestamp",
    }
    asked = case["identity"]
    identities = [] if asked is None else [{"authority": "ca", "san": {asked["type"]: asked["value"]}}]
    if case.get("threshold") == 2:
        identities.append({"authority": "ca", "san": {"uri": "https://nobody.test/"}})
    anchor = {"threshold": case.get("threshold", 1), "identities": identities}
    timing = {
        f"tsa-{number}": {"certificates": [pems[name]]}
        for number, name in enumerate(case.get("timestamp_authorities", ()))
    }
    return TrustBundle.from_document(
        {
            "mediaType": "application/vnd.attest.trust-bundle.v1+json",
            "version": 1,
            "authorities": {"ca": {key: value for key, value in authority.items() if value}},
            "timestamp_authorities": timing,
            "anchors": {"builder": anchor},
        }
    )


@pytest.mark.parametrize("name", [case["id"] for case in CASES["cases"]])
def test_a_case_of_a_company_ca(name: str) -> None:
    [case] = [case for case in CASES["cases"] if case["id"] == name]
    match case["expect"]:
        case "valid":
            expected = "valid"
        case "invalid":
            expected = CODES[max((begin for begin in CODES if name.startswith(begin)), key=len)]
        case _:
            expected = EITHER[name]
    assert outcome(case) == expected
