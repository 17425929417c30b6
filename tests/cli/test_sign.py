"""`attest sign` with several inputs: one envelope a line, and what could be signed is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attest import Envelope, ResourceDescriptor, open_signer
from tests.support.cli.calls import call
from tests.support.making.bundles import anchor, bundle
from tests.support.making.statements import statement

SIGNER = "sim:release"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        about = ResourceDescriptor(f"{number}", {"sha256": f"{number:064x}"})
        Path(f"{number}.json").write_bytes(statement(about).to_json())


def test_several_statements_become_lines_that_verify() -> None:
    assert call("sign", "0.json", "1.json", "2.json", "--signer", SIGNER, "-o", "all.jsonl").code == 0
    lines = Path("all.jsonl").read_bytes().splitlines()
    payloads = [Envelope.from_json(line).unverified_payload for line in lines]
    assert payloads == [Path(f"{number}.json").read_bytes().rstrip(b"\n") for number in range(3)]
    with open_signer(SIGNER) as signer:
        Path("trust.json").write_bytes(bundle({"release": anchor(signer)}).to_json())
    ran = call("verify", "all.jsonl", "--trust", "trust.json", "--no-artifact", "--allow-simulated")
    assert ran.code == 0, ran.prose


def test_an_input_that_can_not_be_read_is_named_and_nothing_is_signed() -> None:
    ran = call("sign", "0.json", "missing.json", "--signer", SIGNER, "-o", "all.jsonl")
    ran.refused(3, "file-unreadable")
    assert "missing.json" in ran.prose[0]
    assert not Path("all.jsonl").exists()


def test_what_was_signed_is_written_and_the_rest_is_reported_with_its_name() -> None:
    call("sign", "1.json", "--signer", SIGNER, "-o", "signed.json")
    ran = call("sign", "0.json", "signed.json", "2.json", "--signer", SIGNER, "-o", "all.jsonl")
    ran.refused(3, "already-signed")
    assert ran.prose == [
        "attest: error: signed.json: sim:release: the key has already signed the envelope (already-signed)",
        "attest: hint: Nothing is missing: use the envelope as it is.",
    ]
    assert len(Path("all.jsonl").read_bytes().splitlines()) == 2


def test_a_signer_that_fails_on_everything_writes_nothing() -> None:
    ran = call("sign", "0.json", "1.json", "--signer", f"{SIGNER}?fail-rate=1", "-o", "all.jsonl")
    ran.refused(4, "token-failed", errors=2)
    assert [line.split(": ")[2] for line in ran.prose] == ["1.json", "0.json"]
    assert not Path("all.jsonl").exists()


def test_one_error_that_all_inputs_have_names_each_of_them() -> None:
    ran = call("sign", "0.json", "1.json", "--signer", "file:missing.pem", "-o", "all.jsonl")
    ran.refused(4, "key-unreadable", errors=2)
    named = [line.split(": ")[2:4] for line in ran.prose if line.startswith("attest: error: ")]
    assert named == [["1.json", "file:missing.pem"], ["0.json", "file:missing.pem"]]


def test_the_errors_of_many_inputs_are_short_and_verbose_names_all() -> None:
    names = [f"{number % 3}.json" for number in range(90)]
    ran = call("sign", *names, "--signer", f"{SIGNER}?fail-rate=1", "-o", "all.jsonl")
    assert (ran.code, len(ran.prose)) == (4, 2)
    assert ran.prose[0].endswith(" (token-failed); the same for 2.json, 0.json, 1.json and 85 more")
    every = call("-v", "sign", *names, "--signer", f"{SIGNER}?fail-rate=1", "-o", "all.jsonl").prose
    assert len([line for line in every if line.startswith("attest: error: ")]) == 90


def test_the_result_object_has_the_envelopes_in_the_order_of_the_inputs() -> None:
    call("sign", "1.json", "--signer", SIGNER, "-o", "signed.json")
    ran = call("sign", "0.json", "signed.json", "--signer", SIGNER, "--format", "json")
    assert (ran.code, ran.json["code"]) == (3, "already-signed")
    first, second = ran.json["signed_envelopes"]
    assert second is None
    assert Envelope.from_json(json.dumps(first).encode()).signatures


def test_standard_input_is_one_input() -> None:
    call("sign", "-", "-", "--signer", SIGNER).refused(2, "standard input can be read only once")
    ran = call("sign", "0.json", "-", "--signer", SIGNER, stdin=Path("1.json").read_bytes())
    assert len(ran.stdout.splitlines()) == 2
