"""`attest merge`: signatures over the same payload in one envelope, from whatever holds envelopes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli.calls import call

TRUST = ("--trust", "sim-trust.json", "--artifact", "app.whl", "--allow-simulated", "--now", "2026-01-31T12:00:00Z")


@pytest.fixture(autouse=True)
def _two_approvals(among_inputs: Path) -> None:
    for name in ("alice", "bob"):
        call("sign", "statement.json", "--signer", f"sim:{name}", "-o", f"{name}.json").done()


def signatures(path: str) -> list[Any]:
    found: list[Any] = json.loads(Path(path).read_bytes())["signatures"]
    return found


def test_approvals_that_are_signed_separately_meet_a_threshold_together() -> None:
    call("verify", "alice.json", *TRUST).refused(1, "threshold-not-met")
    call("merge", "alice.json", "bob.json", "alice.json", "-o", "both.json").done()
    assert signatures("both.json") == [*signatures("alice.json"), *signatures("bob.json")]
    call("verify", "both.json", *TRUST).done()


def test_lines_folders_and_standard_input_are_read() -> None:
    lines = Path("alice.json").read_bytes() + Path("bob.json").read_bytes()
    Path("both.jsonl").write_bytes(lines)
    Path("folder").mkdir()
    for name in ("alice", "bob"):
        Path("folder", f"{name}.json").write_bytes(Path(f"{name}.json").read_bytes())
    expected = call("merge", "alice.json", "bob.json").done().stdout
    for ran in (call("merge", "both.jsonl"), call("merge", "folder"), call("merge", "-", stdin=lines)):
        assert ran.done().stdout == expected
    shown = call("merge", "both.jsonl", "--format", "json").done().json
    assert (shown["command"], shown["envelope"]) == ("merge", json.loads(expected))


@pytest.mark.parametrize("other", ["other.intoto.json", "both.jsonl"])
def test_another_payload_is_refused_by_name(other: str) -> None:
    Path("both.jsonl").write_bytes(Path("bob.json").read_bytes() + Path("other.intoto.json").read_bytes())
    ran = call("merge", "alice.json", other, "-o", "out.json")
    ran.refused(3, "not-mergeable", hint=True)
    place = "both.jsonl:2" if other == "both.jsonl" else other
    assert f"{place}: /payload: expected a payload with sha256:" in ran.stderr.decode()
    assert not Path("out.json").exists()


def test_what_is_no_envelope_is_not_passed_over() -> None:
    Path("both.jsonl").write_bytes(Path("bob.json").read_bytes() + b"not an envelope\n")
    call("merge", "alice.json", "both.jsonl").refused(3, "json-invalid")
    call("merge", "alice.json", "statement.json").refused(3, "envelope-invalid")
    call("merge", "alice.json", "missing.json").refused(3, "file-unreadable")
    Path("empty").mkdir()
    call("merge", "empty").refused(3, "envelope-missing", hint=True)


def bundle(name: str, **material: Any) -> str:
    content = json.loads(Path(f"{name}.json").read_bytes())
    document = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "dsseEnvelope": content,
        "verificationMaterial": {"publicKey": {"hint": "x"}, **material},
    }
    Path(f"{name}.sigstore.json").write_text(json.dumps(document))
    return f"{name}.sigstore.json"


def test_what_a_sigstore_bundle_brings_is_kept_with_its_signature() -> None:
    call("merge", bundle("alice"), "bob.json", "-o", "both.json").done()
    call("verify", "both.json", *TRUST).done()
    entries = [{"logIndex": "1"}]
    merged = json.loads(call("merge", bundle("alice", tlogEntries=entries), "bob.json").done().stdout)
    alice, bob = merged["signatures"]
    kind = "application/vnd.dev.sigstore.verificationmaterial;version=0.3"
    assert alice["extension"] == {"kind": kind, "ext": {"publicKey": {"hint": "x"}, "tlogEntries": entries}}
    assert "extension" not in bob


def test_the_limits_hold_for_the_result() -> None:
    ran = call("merge", "alice.json", "bob.json", "--limit", "signatures=1")
    ran.refused(3, "too-many-signatures", hint=True)
    assert "--limit signatures=N" in ran.stderr.decode()
    size = len(Path("alice.json").read_bytes())
    call("merge", "alice.json", "bob.json", "--limit", f"envelope={size}").refused(3, "envelope-too-large", hint=True)


def test_no_input_is_overwritten() -> None:
    before = Path("alice.json").read_bytes()
    assert call("merge", "alice.json", "bob.json", "-o", "alice.json").code == 2
    assert Path("alice.json").read_bytes() == before
    assert call("merge").code == 2
    assert call("merge", "-", "-", stdin=before).code == 2
