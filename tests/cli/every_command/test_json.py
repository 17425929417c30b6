"""`--format json` prints exactly one object that schemas/result.json accepts, however the program ends."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from attest.cli import attest
from attest.errors import InputError, Rejected, SignerError
from tests.support.cli.calls import SCHEMA, Ran, call, program
from tests.support.cli.inputs import copy_layout
from tests.support.examples import few

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import click

RESULT = Draft202012Validator(json.loads(SCHEMA.read_text()), format_checker=FormatChecker())
VERIFY = "verify app.intoto.json --trust trust.json --artifact app.whl"

# Every command that has the option, done; what follows behind `|` is its `result`.
DONE = [
    f"{VERIFY} | verified",
    "verify app.intoto.json --trust trust.json --no-artifact | verified",
    "verify app.intoto.json other.intoto.json --trust trust.json --artifact app.whl --artifact other.whl | verified",
    "verify sim.intoto.json --trust sim-trust.json --artifact app.whl --allow-simulated --no-schema | verified",
    "oci attach oci-layout:app app.intoto.json --any-subject | done",
    "oci list oci-layout:app | done",
    "doctor --trust trust.json --no-modules --connect sim:a --connect hv:a | done",
    "explain artifact-mismatch 4 | done",
    "inspect app.intoto.json | done",
    "inspect statement.json | done",
    "key generate file:new.pem | done",
    "key generate sim:alice | done",
    "key check file:release.pem | done",
    "key check sim:alice | done",
    "trust init --anchor release --key release.pub.pem -o new.json | done",
    "trust add trust.json --anchor release --key stranger.pub.pem | done",
    "trust show trust.json | done",
    "trust check past-trust.json | done",
    "trust limit trust.json --expires 2099-01-01 | done",
    "trust retire trust.json --anchor release --key release.pub.pem | done",
    "trust revoke trust.json --key release.pub.pem | done",
    "trust rotate trust.json app.intoto.json --anchor release --old-key release.pub.pem --key stranger.pub.pem | done",
    "trust authority list identity-trust.json | done",
    "trust authority add trust.json sigstore --from trusted-root.json | done",
    "trust authority revoke identity-trust.json acme --serial 1 | done",
    "trust authority remove identity-trust.json acme | done",
    "trust show identity-trust.json | done",
    "trust check identity-trust.json | done",
    "trust diff trust.json identity-trust.json | done",
    "trust revoke identity-trust.json --identity email:ann@acme.example | done",
    "trust resign trust.json app.intoto.json --signer file:release.pem | done",
    "trust diff trust.json past-trust.json | done",
    "predicate list | done",
    "predicate show slsa-provenance | done",
    "predicate check statement.json app.intoto.json | done",
    "predicate show vsa --schema | done",
    "build app.whl --type slsa-provenance --predicate provenance.json | done",
    "build app.whl --type slsa-provenance --predicate provenance.json -o new.json | done",
    "sign statement.json --signer file:release.pem | done",
    "sign app.intoto.json --signer file:stranger.pem -o new.json | done",
    "merge app.intoto.json app.intoto.json | done",
    "merge app.intoto.json app.intoto.json -o new.json | done",
    "convert app.intoto.json --to sigstore | done",
    "convert app.intoto.json --to sigstore -o new.json | done",
    "run --step pack --products app.whl --signer file:release.pem -- true | done",
    "key export file:release.pem | done",
    "key wrap file:release.pem --with sim:vault | done",
    "trust init --anchor release --key release.pub.pem | done",
    "trust init --anchor release --key release.pub.pem --root sim:ann | done",
    "trust show trust.json --public | done",
    "trust show trust.json --public -o public.json | done",
    "policy list | done",
    "policy check policy.toml | done",
    "signer list --module-path nothing.so | done",
    "signer check sim:alice | done",
]
REJECTED = [
    "verify app.intoto.json --trust trust.json --artifact other.whl | artifact-mismatch",
    "verify stranger.intoto.json --trust trust.json --artifact app.whl | threshold-not-met",
    "verify sim.intoto.json --trust sim-trust.json --artifact app.whl | threshold-not-met",
    f"{VERIFY} --type vsa | predicate-type-mismatch",
    "verify app.intoto.json nothing.json other.intoto.json --trust trust.json --artifact app.whl | artifact-mismatch",
    "verify app.intoto.json other.intoto.json --trust trust.json --artifact app.whl --artifact statement.json"
    " | artifact-mismatch",
    "verify app.intoto.json app.intoto.json --trust trust.json --artifact app.whl --artifact other.whl"
    " | artifact-not-covered",
    "trust check past-trust.json --strict | trust-findings",
    "trust resign trust.json app.intoto.json stranger.intoto.json --signer file:release.pem | threshold-not-met",
    "trust diff trust.json past-trust.json --exit-code | trust-differs",
    "predicate check wrong-provenance.json nothing.json --type slsa-provenance | predicate-invalid",
]
UNREADABLE = [
    "verify nothing.json --trust trust.json --artifact app.whl | file-unreadable",
    "verify app.whl --trust trust.json --artifact app.whl | json-invalid",
    "verify app.intoto.json --trust nothing.json --artifact app.whl | file-unreadable",
    "verify app.intoto.json --trust provenance.json --artifact app.whl | trust-invalid",
    "verify app.intoto.json --trust trust.json --artifact nothing.whl | file-unreadable",
    f"{VERIFY} --limit envelope=10 | envelope-too-large",
    "inspect nothing.json | file-unreadable",
    "inspect provenance.json | not-an-attestation",
    "key generate file:release.pem | output-exists",
    "trust init --anchor release --key release.pub.pem -o trust.json | output-exists",
    "trust init --anchor release --key nothing.pem | file-unreadable",
    "trust add trust.json --anchor release --key release.pub.pem | key-duplicate",
    "trust show app.whl | json-invalid",
    "trust check nothing.json | file-unreadable",
    "trust retire trust.json --anchor release --key stranger.pub.pem | key-unknown",
    "trust revoke app.whl --key release.pub.pem | json-invalid",
    "trust rotate trust.json --anchor release --old-key release.pub.pem --key release.pub.pem | key-duplicate",
    "trust resign trust.json app.intoto.json --signer file:stranger.pem | key-unknown",
    "trust resign trust.json app.whl --signer file:release.pem | json-invalid",
    "merge app.intoto.json other.intoto.json | not-mergeable",
    "convert app.intoto.json --to pep740 | not-convertible",
    "trust diff trust.json nothing.json | file-unreadable",
    "predicate list --schema-dir nothing | file-unreadable",
    "predicate show nothing | predicate-type-unknown",
    "predicate check provenance.json | not-an-attestation",
    "predicate check provenance.json --type https://example.com/own/v1 | predicate-type-unknown",
]
UNAVAILABLE = [
    "key generate file:new.pem --encrypt | passphrase-missing",
    "key check file:nothing.pem | key-unreadable",
    "key check sim:alice?fail-rate=1 | token-failed",
    "trust init --anchor release --key file:nothing.pem | key-unreadable",
    "trust add trust.json --anchor release --key file:nothing.pem | key-unreadable",
    "trust rotate trust.json --anchor release --old-key release.pub.pem --key file:nothing.pem | key-unreadable",
    "trust resign trust.json app.intoto.json --signer file:nothing.pem | key-unreadable",
]
WRONG = [
    "verify",
    "verify app.intoto.json --trust trust.json",
    f"{VERIFY} --no-artifact",
    f"{VERIFY} --now soon",
    f"{VERIFY} --limit size=1",
    f"{VERIFY} --nothing",
    "inspect",
    "inspect app.intoto.json statement.json",
    "key generate rot13:x",
    "key check nothing",
    "trust init --anchor release",
    "trust add trust.json --anchor release --key release.pub.pem --threshold 0",
    "trust show trust.json -o copy.json",
    "trust check trust.json --soon month",
    "trust retire trust.json --key release.pub.pem",
    "trust revoke trust.json --keyid 12",
    "trust rotate trust.json --anchor release --key stranger.pub.pem",
    "trust resign trust.json app.intoto.json",
    "trust diff trust.json",
    "predicate list nothing",
    "predicate show",
    "predicate check",
    "predicate check provenance.json --type nothing",
]
# One line for each command.
COMMANDS = list({line.partition(" ")[0] + line.split()[1].partition(".")[0]: line for line in DONE}.values())


@pytest.fixture(autouse=True)
def _among_the_inputs(among_inputs: Path) -> None:
    copy_layout(among_inputs / "app")


def one_object(ran: Ran, line: str) -> Any:
    """The object that was printed, having made sure that it is the only one, valid, and true to the exit code."""
    assert ran.stdout.endswith(b"\n")
    result = ran.json
    faults = [f"{error.json_path}: {error.message}" for error in RESULT.iter_errors(result)]
    assert not faults
    assert result["exit"] == ran.code
    assert line.startswith(result["command"] + " ")
    return result


def ask(line: str) -> tuple[Ran, str]:
    """Run a line of the lists above as JSON, and hand back what is expected of it."""
    words, _, expected = line.partition(" | ")
    before, separator, after = words.partition(" -- ")  # behind `--` stands the command of `run`
    return call(*shlex.split(before), "--format", "json", *shlex.split(separator + after)), expected


@pytest.mark.parametrize("line", DONE)
def test_what_was_done_is_one_object(line: str) -> None:
    ran, expected = ask(line)
    assert (ran.code, one_object(ran, line)["result"]) == (0, expected)


@pytest.mark.parametrize("line", REJECTED)
def test_a_no_is_one_object_with_a_code(line: str) -> None:
    ran, expected = ask(line)
    result = one_object(ran, line)
    assert (ran.code, result["result"], result["code"]) == (1, "rejected", expected)


@pytest.mark.parametrize(("code", "line"), [(3, line) for line in UNREADABLE] + [(4, line) for line in UNAVAILABLE])
def test_what_was_not_decided_is_one_object_with_a_code(code: int, line: str) -> None:
    ran, expected = ask(line)
    result = one_object(ran, line)
    assert (ran.code, result["result"], result["code"]) == (code, "error", expected)


@pytest.mark.parametrize("line", WRONG)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_wrong_command_line_prints_nothing_on_standard_output(line: str, first: bool) -> None:
    words = shlex.split(line)
    at = len(words) if not first else 2 if words[0] in ("key", "predicate", "trust") else 1
    ran = call(*words[:at], "--format", "json", *words[at:])
    assert (ran.code, ran.stdout) == (2, b"")
    assert ran.prose[0].startswith("attest: error: ")


def command_of(line: str) -> click.Command:
    """The command that a line runs."""
    found: Any = attest
    for word in line.split():
        if not hasattr(found, "commands"):
            break
        found = found.commands[word]
    command: click.Command = found
    return command


def misbehave(monkeypatch: pytest.MonkeyPatch, line: str, outcome: object) -> None:
    """Make the command of `line` raise or return `outcome`."""

    def instead(**_: object) -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(command_of(line), "callback", instead)


OUTCOMES = [ValueError("hunter2"), 0, RecursionError("hunter2"), None, "done", 0.0, [], True]
# What comes of an outcome is decided in one place for all commands, which this shows with two of them for each.
FORESEEN_BY_NONE = [(line, one) for line in COMMANDS for one in OUTCOMES[:2]]
FORESEEN_BY_NONE += [(VERIFY, one) for one in OUTCOMES[2:]]
FORESEEN_BY_NONE += few(0, [(line, one) for line in COMMANDS for one in OUTCOMES[2:] if line != VERIFY])


@pytest.mark.parametrize(("line", "outcome"), FORESEEN_BY_NONE, ids=repr)
def test_whatever_is_not_foreseen_is_a_bug_and_never_a_yes(
    line: str, outcome: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave(monkeypatch, line, outcome)
    ran, _ = ask(line)
    result = one_object(ran, line)
    assert (ran.code, result["result"], result["code"]) == (70, "error", "bug")
    assert "hunter2" not in ran.stdout.decode() + ran.stderr.decode()
    assert ran.refused(70, "(bug)", hint=True)


@pytest.mark.parametrize(
    ("outcome", "code", "result"),
    [
        (Rejected("some-code", "no"), 1, "rejected"),
        (InputError("some-code", "what"), 3, "error"),
        (MemoryError(), 3, "error"),
        (SignerError("some-code", "where"), 4, "error"),
        (KeyboardInterrupt(), 130, "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_the_class_of_an_error_decides_the_exit_code(
    outcome: BaseException, code: int, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave(monkeypatch, VERIFY, outcome)
    ran, _ = ask(VERIFY)
    assert (ran.code, one_object(ran, VERIFY)["result"]) == (code, result)


def test_a_bug_shows_its_traceback_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    misbehave(monkeypatch, VERIFY, ValueError("inside"))
    assert "Traceback" not in call(*VERIFY.split()).stderr.decode()
    monkeypatch.setenv("ATTEST_DEBUG", "1")
    ran = call(*VERIFY.split())
    assert ran.code == 70
    assert "ValueError: inside" in ran.stderr.decode()


def test_claims_that_no_known_key_signed_are_not_in_the_result() -> None:
    ran, _ = ask("verify stranger.intoto.json --trust trust.json --artifact app.whl")
    (envelope,) = ran.json["envelopes"]
    assert not {"payloadType", "statementType", "predicateType", "predicateSchema", "subjects"} & envelope.keys()
    assert "slsa.dev" not in ran.stdout.decode()


def test_what_is_inspected_is_nowhere_but_under_unverified() -> None:
    ran, _ = ask("inspect app.intoto.json")
    result = ran.json
    assert result.pop("unverified")["statement"]["predicateType"] == "https://slsa.dev/provenance/v1"
    assert "slsa.dev" not in json.dumps(result)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("build app.whl --type slsa-provenance --predicate provenance.json", "statement"),
        ("sign statement.json --signer file:release.pem", "envelope"),
        ("trust sign rooted.json --signer sim:ann", "envelope"),
        ("key export file:release.pem", "public_key"),
        ("trust init --anchor release --key release.pub.pem", "trust"),
        ("trust show trust.json --public", "trust"),
    ],
)
def test_a_product_is_in_the_result_or_in_the_file_that_is_named(line: str, name: str, tmp_path: Path) -> None:
    call(*"trust init --anchor release --key release.pub.pem --root sim:ann -o rooted.json".split()).done()
    ran, _ = ask(line)
    inside = one_object(ran, line)
    assert (ran.code, "file" in inside) == (0, False)
    beside = one_object(ask(f"{line} -o product")[0], line)
    assert (beside["file"], name in beside and name != "trust") == ("product", False)
    written = (tmp_path / "product").read_text()
    if name == "public_key":
        assert inside[name] == written
    else:
        expected, found = json.loads(written), inside[name]
        for document in (expected, found):  # a second run has another time
            document.pop("issued", None)
        assert found == expected


def test_the_output_of_a_command_that_is_run_does_not_mix_with_the_result() -> None:
    line = "run --step pack --products app.whl --signer file:release.pem --format json -- echo hello"
    ran = program(*line.split())
    assert (ran.code, one_object(ran, line)["file"]) == (0, "pack.intoto.json")
    assert ran.stderr.startswith(b"hello\n")


def test_a_command_that_fails_is_an_error_with_its_own_status() -> None:
    line = "run --step pack --products app.whl --signer file:release.pem --format json -- sh -c 'exit 3'"
    ran = call(*shlex.split(line))
    result = one_object(ran, line)
    assert (ran.code, result["code"], result["file"]) == (3, "command-failed", "pack.intoto.json")
    assert not [text for text in ran.prose if text.startswith("attest: error: ")]


def test_a_variable_for_all_commands_does_not_change_what_goes_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_FORMAT", "json")
    ran = call("sign", "statement.json", "--signer", "file:release.pem").done()
    assert ran.json.keys() == {"payload", "payloadType", "signatures"}


def leaves(group: Any, path: str = "") -> Iterator[str]:
    """Every command, as it is typed."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


# A demonstration for people, and a script for a shell; the others need the output of another command first.
APART = {"completion", "demo", "oci fetch", "policy explain", "trust publish", "trust sign", "trust update"}


def test_every_command_is_asked_for_a_result() -> None:
    assert {name for name in leaves(attest) if not any(f"{line} ".startswith(f"{name} ") for line in DONE)} == APART


@pytest.mark.parametrize("line", ["inspect", "trust show", "trust check"])
def test_a_file_name_that_is_not_utf8_is_still_one_object(line: str) -> None:
    ran = program(*line.split(), "--format", "json", b"\xff.json")
    assert (ran.code, one_object(ran, line + " ")["code"]) == (3, "file-unreadable")


def test_json_draws_nothing_on_a_terminal(tmp_path: Path) -> None:
    statement = json.loads((tmp_path / "statement.json").read_text())
    statement["subject"][0]["name"] = "app\x1b[2J\x9b2J\u202ewhl.\x07\x7f"
    (tmp_path / "statement.json").write_text(json.dumps(statement))
    ran, _ = ask("inspect statement.json")
    assert one_object(ran, "inspect ")["unverified"]["statement"] == statement
    assert [line for line in ran.stdout.decode().splitlines() if not line.isprintable()] == []
