"""Whether a statement tells of a command that failed, and that no policy takes it for one that succeeded."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from attest.predicates import _steps
from tests.support.cli.calls import call
from tests.support.making.policies import claim, codes, decide, policy

if TYPE_CHECKING:
    from pathlib import Path

LINK = "https://in-toto.io/attestation/link/v0.3"
V1 = "https://slsa.dev/provenance/v1"
TRACE = "https://in-toto.io/attestation/runtime-trace/v0.1"


@pytest.mark.parametrize(
    ("byproducts", "how"),
    [
        ({}, None),
        ({"return-value": 0}, None),
        ({"return-value": 0.0, "stdout": "x"}, None),
        ({"return-value": 3}, "exit 3"),
        ({"return-value": 3.0}, "exit 3"),
        ({"return-value": 137, "signal": "SIGKILL"}, "killed by SIGKILL"),
        ({"return-value": 0, "signal": "SIGTERM"}, "killed by SIGTERM"),
        ({"signal": 9}, "killed by a signal"),
        ({"signal": "\x1b[2J"}, "killed by a signal"),
        ({"return-value": -9}, "killed by signal 9"),
        ({"return-value": None}, "exit status unknown"),
        ({"return-value": "0"}, "exit status unknown"),
        ({"return-value": False}, "exit status unknown"),
        ({"return-value": []}, "exit status unknown"),
        ({"return-value": 0.5}, "exit status unknown"),
        ({"return-value": 10**4000}, "exit status unknown"),
        ({"return-value": 1e308}, "exit status unknown"),
    ],
)
def test_a_link_fails_by_what_it_says_of_the_end(byproducts: Any, how: str | None) -> None:
    failed = _steps.failed(LINK, {"name": "a", "byproducts": byproducts})
    assert (failed and failed.how) == how


def provenance(kind: object, outcome: object) -> dict[str, Any]:
    told = [{"name": "log"}, {"name": "outcome", "content": outcome}]
    return {"buildDefinition": {"buildType": kind}, "runDetails": {"byproducts": told}}


@pytest.mark.parametrize(
    ("kind", "outcome", "how", "pointer"),
    [
        (_steps.BUILD_TYPE, b'{"return-value":0}', None, None),
        (_steps.BUILD_TYPE, b'{"return-value":1}', "exit 1", "/predicate/runDetails/byproducts/1"),
        (_steps.BUILD_TYPE, b"{", "exit status unknown", "/predicate/runDetails/byproducts/1"),
        (_steps.FAILED_BUILD_TYPE, b'{"return-value":1}', "exit 1", "/predicate/buildDefinition/buildType"),
        (
            _steps.FAILED_BUILD_TYPE,
            b'{"return-value":0}',
            "exit status unknown",
            "/predicate/buildDefinition/buildType",
        ),
        ("https://example.com/build", b'{"return-value":1}', None, None),
        (None, b'{"return-value":1}', None, None),
    ],
)
def test_provenance_fails_by_the_build_type_of_a_failed_run_or_its_outcome(
    kind: object, outcome: bytes, how: str | None, pointer: str | None
) -> None:
    failed = _steps.failed(V1, provenance(kind, b64encode(outcome).decode()))
    assert (failed and failed.how, failed and failed.pointer) == (how, pointer)


def test_what_has_another_shape_says_nothing_or_fails() -> None:
    shapes: tuple[Any, ...] = (None, [], "x", {"byproducts": []}, {"buildDefinition": []}, {"monitoredProcess": 1})
    for predicate in shapes:
        assert [_steps.failed(kind, predicate) for kind in (LINK, V1, TRACE, "https://example.com/x")] == [None] * 4
    assert _steps.failed(V1, provenance(_steps.BUILD_TYPE, 5)) is not None
    assert _steps.failed(TRACE, {"monitoredProcess": {"type": _steps.FAILED_BUILD_TYPE}}) is not None
    assert _steps.failed("https://slsa.dev/provenance/v0.2", {"buildType": _steps.FAILED_BUILD_TYPE}) is not None


@pytest.mark.parametrize(
    "requirement",
    [
        {"type": LINK},
        {"type": LINK, "anchors": ["ci"], "schema": {"required": ["name"]}},
        {"type": LINK, "anchors": ["ci"], "subjects": "any"},
    ],
)
def test_a_link_of_a_failed_command_meets_no_requirement_of_any_kind(requirement: dict[str, Any]) -> None:
    failed = claim({"name": "a", "byproducts": {"return-value": 1}}, kind=LINK)
    good = claim({"name": "a", "byproducts": {"return-value": 0}}, kind=LINK)
    assert codes(decide(policy(requirement), failed)) == ["command-failed"]
    assert decide(policy({**requirement, "allow_failed": True}), failed).yes
    # One that succeeded, after another try, is enough.
    assert decide(policy(requirement), failed, good).yes


def test_it_is_shown_wherever_the_attestation_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call("key", "generate", "file:k.pem")
    call("trust", "init", "--anchor", "a", "--key", "file:k.pem", "-o", "t.json")
    for kind, options in (("link", ()), ("slsa-provenance", ("--builder-id", "https://example.com/b"))):
        ran = call(
            *("run", "--step", "s", "--products", "out", "--type", kind, *options, "--signer", "file:k.pem"),
            *("-o", f"{kind}.json", "--", "sh", "-c", f"echo {kind} >out; exit 3"),
        )
        assert ran.code == 3
        verify = ("verify", f"{kind}.json", "--trust", "t.json", "--artifact", "out")
        assert b"\n  outcome         the command failed (exit 3)\n" in call(*verify).done().stdout
        assert call(*verify, "--format", "json").json["envelopes"][0]["commandFailed"] == "exit 3"
        assert b"the command failed (exit 3)" in call(*verify, "--format", "html").stdout
        assert b"\n  outcome         the command failed (exit 3)\n" in call("inspect", f"{kind}.json").done().stdout
        assert call("inspect", f"{kind}.json", "--format", "json").json["unverified"]["commandFailed"] == "exit 3"
    call(
        *("run", "--step", "s", "--products", "out", "--signer", "file:k.pem", "-o", "killed.json"),
        *("--", "sh", "-c", "echo killed >out; kill -9 $$"),
    )
    assert b"the command failed (killed by SIGKILL)" in call("inspect", "killed.json").stdout
