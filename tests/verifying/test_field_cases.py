"""Real envelopes of thirteen projects get the verdict that was established for them, in Python and on the command line.

The verdict is about the DSSE signature alone, so what attest says of a good signature's payload is listed apart.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from attest import InputError, PublicKey, Rejected, verify
from tests.support.cli.calls import Ran, call
from tests.support.making.bundles import trust_in

if TYPE_CHECKING:
    from attest.results.report import Report, SignatureCheck

FIELD = Path(__file__).parents[3] / "shared" / "data" / "field"
CASES: list[dict[str, Any]] = json.loads((FIELD / "cases.json").read_bytes()) if FIELD.is_dir() else []

# Cases whose signature is good and whose payload is refused all the same: the code, and what is wrong with it.
NO_TYPE = ("statement-invalid", "its member `_type` is called `type`")
LINK = ("statement-invalid", "of the old format, not a statement")  # in-toto 0.9 links and layouts in an envelope
REFUSED_FOR_THE_PAYLOAD = {
    "carabiner-collector-002": ("payload-type-unsupported", "'https://in-toto.io/Statement/v1'"),
    "carabiner-collector-004": NO_TYPE,
    "carabiner-collector-006": NO_TYPE,
    "carabiner-collector-007": NO_TYPE,
    "carabiner-signer-001": ("payload-type-unsupported", "'text/plain'"),
    "carabiner-signer-003": NO_TYPE,
    "carabiner-signer-005": ("payload-type-unsupported", "'https://in-toto.io/Statement/v1'"),
    "carabiner-signer-006": NO_TYPE,
    "in-toto-golang-001": LINK,
    "in-toto-golang-002": LINK,
    "in-toto-golang-003": LINK,
    "in-toto-golang-004": LINK,
    "in-toto-golang-005": LINK,
    "witness-002": ("payload-type-unsupported", "'https://witness.testifysec.com/policy/v0.1'"),
}

# A key that signed none of the envelopes whose own key was never published.
UNRELATED = "keys/ed25519-afb671d00245abdf.pem"


def expecting(*verdicts: str) -> pytest.MarkDecorator:
    """The cases with one of these verdicts, by name."""
    chosen = [case for case in CASES if case["expect"] in verdicts]
    return pytest.mark.parametrize("case", chosen, ids=[case["id"] for case in chosen])


def in_python(case: dict[str, Any], data: Path) -> tuple[Report, Rejected | None]:
    """What attest established, and its refusal if it refused."""
    keys = [PublicKey.parse((data / name).read_bytes()) for name in case["keys"] or [UNRELATED]]
    trust = trust_in(*keys, threshold=case["threshold"])
    envelope = (data / case["envelope"]).read_bytes()
    try:
        return verify(envelope, trust, artifacts=None, check_predicate=False).report, None
    except Rejected as refusal:
        return cast("Report", refusal.report), refusal


def on_the_command_line(case: dict[str, Any], data: Path, folder: Path) -> Ran:
    """The trust bundle made and the envelope verified as a person would."""
    trust = str(folder / "trust.json")
    keys = [part for name in case["keys"] or [UNRELATED] for part in ("--key", str(data / name))]
    threshold = str(case["threshold"])
    made = call("trust", "init", "--anchor", "field", *keys, "--threshold", threshold, "-o", trust, "--format", "json")
    if made.code:
        return made
    options = ["--trust", trust, "--no-artifact", "--no-schema", "--format", "json"]
    return call("verify", str(data / case["envelope"]), *options)


def good_keys(signatures: tuple[SignatureCheck, ...]) -> set[str | None]:
    return {check.keyid for check in signatures if check.code is None}


@pytest.fixture(scope="session")
def field(shared_data: Path) -> Path:
    return shared_data / "field"


def test_all_the_cases_are_here(field: Path) -> None:
    verdicts = Counter(case["expect"] for case in json.loads((field / "cases.json").read_bytes()))
    assert verdicts == {"valid": 41, "invalid": 39, "schema-only": 11, "edge": 1}
    assert {case["id"] for case in CASES if case["expect"] == "valid"} >= REFUSED_FOR_THE_PAYLOAD.keys()


@expecting("valid")
def test_a_valid_signature_counts_and_only_the_payload_can_be_refused(case: dict[str, Any], field: Path) -> None:
    report, refusal = in_python(case, field)
    assert len(good_keys(report.signatures)) >= case["threshold"]
    assert report.anchors == ("release",)
    if case["id"] not in REFUSED_FOR_THE_PAYLOAD:
        assert refusal is None
        return
    code, reason = REFUSED_FOR_THE_PAYLOAD[case["id"]]
    assert refusal is not None
    assert refusal.code == code
    assert reason in refusal.message


@expecting("valid")
def test_a_valid_signature_counts_on_the_command_line(case: dict[str, Any], field: Path, tmp_path: Path) -> None:
    ran = on_the_command_line(case, field, tmp_path)
    [envelope] = ran.json["envelopes"]
    good = {signature["keyid"] for signature in envelope["signatures"] if signature["result"] == "good"}
    assert len(good) >= case["threshold"]
    assert envelope["anchors"] == ["field"]
    code, reason = REFUSED_FOR_THE_PAYLOAD.get(case["id"], (None, ""))
    assert (ran.code, ran.json["result"]) == ((0, "verified") if code is None else (1, "rejected"))
    assert envelope.get("code") == code
    assert reason in envelope.get("message", "")


@expecting("invalid", "schema-only")
def test_what_is_not_signed_by_the_key_is_refused_for_it(case: dict[str, Any], field: Path) -> None:
    report, refusal = in_python(case, field)
    assert refusal is not None
    assert refusal.code == "threshold-not-met"
    assert report.signatures
    assert good_keys(report.signatures) == set()
    # Nothing of a payload that no known key signed is looked at.
    assert (report.payload_type, report.statement) == (None, None)
    if case["expect"] == "schema-only":
        assert {check.code for check in report.signatures} == {"key-unknown"}


@expecting("invalid", "schema-only")
def test_what_is_not_signed_by_the_key_is_exit_1(case: dict[str, Any], field: Path, tmp_path: Path) -> None:
    ran = on_the_command_line(case, field, tmp_path)
    assert (ran.code, ran.json["result"], ran.json["code"]) == (1, "rejected", "threshold-not-met")
    [envelope] = ran.json["envelopes"]
    assert {signature["result"] for signature in envelope["signatures"]} == {"bad"}
    assert "predicateType" not in envelope


@expecting("edge")
def test_the_p_521_key_with_sha_256_is_not_offered(case: dict[str, Any], field: Path) -> None:
    with pytest.raises(InputError) as refusal:
        in_python(case, field)
    assert refusal.value.code == "key-unsupported"


@expecting("edge")
def test_the_p_521_key_with_sha_256_is_exit_3(case: dict[str, Any], field: Path, tmp_path: Path) -> None:
    ran = on_the_command_line(case, field, tmp_path)
    assert (ran.code, ran.json["result"], ran.json["code"]) == (3, "error", "key-unsupported")
    assert list(tmp_path.iterdir()) == []
