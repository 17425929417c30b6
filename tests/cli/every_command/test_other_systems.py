"""Windows and macOS: what works without what only Unix has, and what says that it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest.errors import SignerError
from attest.signers import open_signer
from tests.support.cli.calls import call

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
MADE = (
    "key generate file:release.pem",
    "key export file:release.pem -o release.pub",
    "trust init --anchor release --key release.pub -o trust.json",
    "build app.bin --type https://example.com/review/v1 -o statement.json",
    "sign statement.json --signer file:release.pem -o app.json",
    "sign statement.json --signer env:KEY -o other.json",
    "verify app.json --trust trust.json --artifact app.bin",
    "verify other.json --trust trust.json --artifact app.bin --policy policy.toml --format json",
    "inspect app.json",
    "merge app.json other.json -o merged.json",
    "convert app.json --to jsonl",
    "key check file:release.pem",
    "trust show trust.json",
    "trust check trust.json",
    "predicate list",
    "policy check policy.toml",
    "signer list",
    "run --help",
)


def elsewhere(lines: Sequence[str], folder: Path) -> list[Any]:
    """Codes and messages of command lines where Python lacks what only Unix has, with a console of cp1252."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.support.cli.elsewhere", json.dumps([line.split() for line in lines])],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "KEY": (folder / "key.pem").read_text()},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr.decode()
    ran: list[Any] = json.loads(found.stdout)
    return ran


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact with what text files on Windows end at and change, and a policy with Windows line ends."""
    monkeypatch.chdir(tmp_path)
    assert call("key", "generate", "file:key.pem").code == 0
    (tmp_path / "app.bin").write_bytes(b"one\r\n\x1atwo\n")
    (tmp_path / "policy.toml").write_bytes(b'[[require]]\r\ntype = "https://example.com/review/v1"\r\n')
    return tmp_path


def test_files_are_signed_and_verified_without_what_only_unix_has(folder: Path) -> None:
    ran = elsewhere(MADE, folder)
    wrong = [(line, *answer) for line, answer in zip(MADE, ran, strict=True) if answer[0] != 0]
    # The key of the variable is not in the trust bundle: a no, with its reason in any encoding.
    assert [(line.split()[1], code) for line, code, _ in wrong] == [("other.json", 1)]
    assert "key-unknown" in wrong[0][2]
    assert call("verify", "app.json", "--trust", "trust.json", "--artifact", "app.bin").code == 0


def test_what_needs_unix_says_so_and_does_nothing(folder: Path) -> None:
    lines = (
        "trust init --anchor release --key file:key.pem -o trust.json",
        "trust add trust.json --anchor release --key file:key.pem",
        "run --step build --products app.bin --signer file:key.pem --type link -o run.json -- true",
        "key check ssh-agent:key.pub",
    )
    (folder / "key.pub").write_bytes(call("key", "export", "file:key.pem").stdout)
    made, *refused = elsewhere(lines, folder)
    before = (folder / "trust.json").read_bytes()
    assert made[0] == 0
    assert [code for code, _ in refused] == [4, 4, 4]
    for _, text in refused[:2]:
        assert "is not supported on this system (system-unsupported)" in text
        assert "attest: hint: " in text
    assert "(agent-" in refused[2][1]
    assert (folder / "trust.json").read_bytes() == before
    assert not (folder / "run.json").exists()


def test_a_path_with_a_drive_and_backslashes_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = r"C:\keys\release.pem"  # a file of this name, where it is none in a directory
    assert call("key", "generate", f"file:{name}").code == 0
    assert Path(name).is_file()
    assert call("key", "check", f"file:{name}").code == 0
    with pytest.raises(SignerError) as caught:
        open_signer(name)
    assert (caught.value.code, caught.value.hint) == (
        "signer-scheme-unknown",
        rf"For a key in a file on a drive: `file:{name}`.",
    )


def test_json_and_toml_with_windows_line_ends_are_read(folder: Path) -> None:
    call("trust", "init", "--anchor", "release", "--key", "file:key.pem", "-o", "trust.json")
    call("build", "app.bin", "--type", "https://example.com/review/v1", "-o", "statement.json")
    call("sign", "statement.json", "--signer", "file:key.pem", "-o", "app.json")
    for name in ("trust.json", "app.json"):
        path = folder / name
        path.write_bytes(json.dumps(json.loads(path.read_bytes()), indent=2).replace("\n", "\r\n").encode())
    checks = ("--trust", "trust.json", "--artifact", "app.bin", "--policy", "policy.toml")
    assert call("verify", "app.json", *checks).code == 0
