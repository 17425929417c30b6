"""What surrounds the program: variables are options, the current directory is nothing, and no secret gets out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.cli.calls import ATTEST, call, program, python

pytestmark = pytest.mark.usefixtures("among_inputs")

VERIFY = ("verify", "app.intoto.json", "--artifact", "app.whl")
PASSPHRASE = "correct horse battery staple"


def secret(name: str, text: str) -> None:
    """Make a file with a secret as it should be made, that only its owner can read."""
    Path(name).touch(mode=0o600)
    Path(name).write_bytes(text.encode())


def test_the_trust_bundle_comes_from_attest_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    call(*VERIFY).refused(2, "--trust")
    monkeypatch.setenv("ATTEST_TRUST", "trust.json")
    assert call(*VERIFY).done()
    call(*VERIFY, "--trust", "sim-trust.json").refused(1, "(threshold-not-met)")


def test_signers_come_from_attest_signer_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    call("sign", "statement.json").refused(2, "--signer")
    monkeypatch.setenv("ATTEST_SIGNER", "sim:alice sim:bob")
    assert call("sign", "statement.json").done().stdout == Path("sim.intoto.json").read_bytes()
    signed = call("sign", "statement.json", "--signer", "file:release.pem").done().stdout
    assert signed == Path("app.intoto.json").read_bytes()


def test_the_format_comes_from_attest_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_FORMAT", "json")
    assert call(*VERIFY, "--trust", "trust.json").json["result"] == "verified"
    assert call(*VERIFY, "--trust", "nothing.json").json["result"] == "error"
    assert call(*VERIFY, "--trust", "trust.json", "--format", "text").done().stdout.startswith(b"verified: ")
    assert call("sign", "statement.json", "--signer", "file:release.pem").done().json["payloadType"]
    monkeypatch.setenv("ATTEST_FORMAT", "yaml")
    call(*VERIFY, "--trust", "trust.json").refused(2, "'yaml'")


def test_the_passphrase_comes_from_a_file_before_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    secret("right.txt", f"{PASSPHRASE}\n")
    secret("windows.txt", f"{PASSPHRASE}\r\n")
    secret("wrong.txt", "another")
    call("key", "generate", "file:secret.pem", "--encrypt", "--passphrase-file", "right.txt").done()
    check = ("key", "check", "file:secret.pem")
    call(*check).refused(4, "(passphrase-missing)")
    monkeypatch.setenv("ATTEST_PASSPHRASE", PASSPHRASE)
    assert call(*check).done()
    monkeypatch.setenv("ATTEST_PASSPHRASE_FILE", "wrong.txt")
    call(*check).refused(4, "(passphrase-wrong)")
    assert call(*check, "--passphrase-file", "right.txt").done()
    assert call(*check, "--passphrase-file", "windows.txt").done()


def test_the_passphrase_is_the_first_line_of_its_file() -> None:
    secret("right.txt", PASSPHRASE)
    secret("notes.txt", f"{PASSPHRASE}\nrotated in May\n")
    call("key", "generate", "file:secret.pem", "--encrypt", "--passphrase-file", "right.txt").done()
    assert call("key", "check", "file:secret.pem", "--passphrase-file", "notes.txt").done()


def plant() -> None:
    """Put everything into the current directory that a program might pick up from there."""
    trap = "raise SystemExit(0)\n"
    for name in ("jiter", "click", "json", "re", "nacl", "cryptography", "jsonschema_rs", "sitecustomize", "conftest"):
        Path(f"{name}.py").write_text(trap)
    Path("attest").mkdir()
    for name in ("__init__", "__main__", "cli"):
        Path(f"attest/{name}.py").write_text(trap)
    (Path("schemas") / "predicates").mkdir(parents=True)
    for name in ("statement", "envelope", "trust-bundle", "result", "predicates/slsa-provenance"):
        Path(f"schemas/{name}.json").write_text('{"$id": "https://slsa.dev/provenance/v1"}')
    Path("pyproject.toml").write_text("[tool.attest]\ntrust = 'any'\nallow-simulated = true\nno-schema = true\n")
    for name in ("attest.toml", ".attestrc", ".attest.toml", "attest.json", ".attest/config.toml", ".env"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("allow_simulated = true\nATTEST_TRUST=trust.json\n")


LINES = [
    ("verify app.intoto.json --trust trust.json --artifact app.whl", 0),
    ("verify app.intoto.json --trust trust.json --artifact other.whl", 1),
    ("verify sim.intoto.json --trust sim-trust.json --artifact app.whl", 1),
    ("verify app.intoto.json --artifact app.whl", 2),
    ("build app.whl --type slsa-provenance", 3),
    ("trust check provenance.json", 3),
    ("sign statement.json --signer file:nothing.pem", 4),
]


@pytest.mark.parametrize(
    ("command", "line", "code"),
    [
        *(([ATTEST], *line) for line in LINES),
        *((["-I", "-m", "attest"], *line) for line in LINES[:2]),
        *((["-P", "-m", "attest"], *line) for line in LINES[:2]),
    ],
)
def test_nothing_in_the_current_directory_changes_a_verdict(command: list[str], line: str, code: int) -> None:
    plant()
    ran = program(*line.split(), command=command) if command == [ATTEST] else python(*command, *line.split())
    assert ran.code == code, ran.prose
    assert bool(ran.stdout) is (code == 0)


def test_no_secret_is_ever_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_DEBUG", "1")
    secret("right.txt", PASSPHRASE)
    secret("wrong.txt", f"not {PASSPHRASE}")
    call("key", "generate", "file:secret.pem", "--encrypt", "--passphrase-file", "right.txt").done()
    secrets = [PASSPHRASE, *(Path(name).read_text().splitlines()[1] for name in ("secret.pem", "release.pem"))]
    printed = b""
    for line in (
        "key check file:secret.pem",
        "key export file:secret.pem",
        "sign statement.json --signer file:secret.pem --signer file:release.pem",
        "sign app.intoto.json --signer file:secret.pem",
        "sign secret.pem --signer file:secret.pem",
        "trust init --anchor a --key file:secret.pem",
        "trust init --anchor a --key secret.pem",
        "trust init --anchor a --key right.txt",
        "trust show secret.pem",
        "verify secret.pem --trust trust.json --no-artifact",
        "verify app.intoto.json --trust right.txt --no-artifact",
        "inspect right.txt",
        "inspect release.pem",
        "build right.txt secret.pem --type reference --no-schema",
        "build app.whl --type reference --predicate right.txt",
    ):
        for passphrase in ("right.txt", "wrong.txt"):
            for form in ("text", "json"):
                given = {"ATTEST_PASSPHRASE_FILE": passphrase, "ATTEST_FORMAT": form}
                with monkeypatch.context() as environment:
                    for name, value in given.items():
                        environment.setenv(name, value)
                    ran = call(*line.split())
                printed += ran.stdout + ran.stderr
    assert len(printed) > 10_000
    assert not [secret for secret in secrets if secret.encode() in printed]


def test_a_secret_is_in_no_argument_of_any_command() -> None:
    help_pages = b"".join(
        call(*command.split(), "--help").stdout
        for command in (
            "key generate",
            "key export",
            "key check",
            "sign",
            "trust init",
            "trust add",
            "trust rotate",
            "trust resign",
        )
    )
    assert b"--passphrase-file" in help_pages
    for name in (b"--passphrase ", b"--password", b"--pin"):
        assert name not in help_pages


def test_the_locale_changes_nothing() -> None:
    expected = call("inspect", "app.intoto.json").done().stdout
    for name in ("C", "POSIX", "C.UTF-8", "tr_TR.UTF-8"):
        ran = program("inspect", "app.intoto.json", env={**os.environ, "LC_ALL": name, "LANG": name})
        assert ran.done().stdout == expected


def test_the_policy_comes_from_attest_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_POLICY", "simple-policy.json")
    asked = call(*VERIFY, "--trust", "trust.json", "--format", "json").done().json
    assert asked["policy"]["decision"] == "yes"
    call(*VERIFY, "--trust", "trust.json", "--policy", "empty.txt").refused(1, "(policy-failed)")


@pytest.mark.parametrize("seconds", ["9" * 400, "9" * 5000, "nan", "inf", "0", "-1", "86401"])
def test_a_timeout_that_is_no_time_is_a_wrong_command_line(seconds: str) -> None:
    call("sign", "-", "--signer", "sim:a", "--timeout", seconds).refused(2, "--timeout")


SIGNING = {
    "sign": "sign statement.json --signer file:release.pem",
    "sign as an anchor": "sign statement.json --trust own.json --anchor a",
    "run": "run --step s --products app.whl --signer file:release.pem -- true",
    "key check": "key check file:release.pem",
    "key export": "key export file:release.pem",
    "trust init": "trust init --anchor a --key file:release.pem",
    "trust resign": "trust resign own.json app.intoto.json --signer file:release.pem",
    "signer check": "signer check file:release.pem",
}


@pytest.mark.parametrize("line", SIGNING.values(), ids=SIGNING)
def test_a_private_key_that_is_open_to_others_is_used_with_one_warning(line: str) -> None:
    call("trust", "init", "--anchor", "a", "--key", "file:release.pem", "-o", "own.json").done()
    told = b"attest: warning: release.pem is accessible to other users (mode 0644); run `chmod 600` on it\n"
    assert told not in call(*line.split()).stderr
    os.chmod("release.pem", 0o644)
    ran = call(*line.split())
    assert ran.code == 0
    assert ran.stderr.count(told) == 1


def test_a_passphrase_that_is_open_to_others_is_used_with_one_warning() -> None:
    call("key", "generate", "file:secret.pem", "--encrypt", "--passphrase-file", "passphrase.txt").done()
    check = ("key", "check", "file:secret.pem", "--passphrase-file", "passphrase.txt")
    call(*check).done()
    os.chmod("passphrase.txt", 0o640)
    assert call(*check).prose == [
        "attest: warning: passphrase.txt is accessible to other users (mode 0640); run `chmod 600` on it"
    ]
