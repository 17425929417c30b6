"""On a terminal there is colour, a progress bar and a prompt; in a pipe there is none of them."""

from __future__ import annotations

import io
import os
import re
import select
import termios
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from attest.cli import main
from tests.support.cli.calls import call, on_terminal, open_terminal, program

ESCAPE = b"\x1b["
ERASE = b"\r\x1b[K"
TIME = rb"20\d\d-[0-9T:-]+Z"
STYLES = re.compile(r"\x1b\[\d+m(?:[✓!] )?")
COPIED = re.compile(r' {4,}(?:["{}\[\]]|\w+ = )')
VERIFY_LARGE = ("verify", "app.intoto.json", "--trust", "trust.json", "--artifact", "large")
BUILD_LARGE = ("build", "large", "--type", "https://example.com/own/v1")
MEBIBYTES = 1 << 20


@pytest.fixture(autouse=True)
def _among_the_inputs(among_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")


def make_large(size: int) -> None:
    """A file of `size` bytes that takes no room on the disk."""
    with open("large", "wb") as stream:
        os.truncate(stream.fileno(), size)


@pytest.mark.parametrize("line", ["inspect nothing.json", "verify --turst x", "trust check past-trust.json"])
def test_prose_has_colour_on_a_terminal_and_nowhere_else(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_terminal(*line.split()).stdout
    assert ESCAPE in shown
    piped = program(*line.split())
    assert ESCAPE not in piped.stdout + piped.stderr
    monkeypatch.setenv("NO_COLOR", "1")
    plain = on_terminal(*line.split()).stdout
    assert ESCAPE not in plain
    assert plain in (piped.stdout + piped.stderr, piped.stderr + piped.stdout)


VERIFY = "verify app.intoto.json --trust trust.json --no-artifact"


@pytest.mark.parametrize(
    ("line", "mark"),
    [(VERIFY, "✓ verified"), ("inspect app.intoto.json", "! UNVERIFIED"), ("trust check trust.json", "")],
)
def test_the_verdict_is_marked_on_a_terminal_and_nowhere_else(
    line: str, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = on_terminal(*line.split()).stdout
    assert ESCAPE in shown.splitlines()[0]
    assert mark.encode() in shown
    assert ESCAPE not in b"".join(shown.splitlines()[1:])
    piped = program(*line.split()).stdout
    for name, value in {"NO_COLOR": "1", "CLICOLOR": "0", "TERM": "dumb"}.items():
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            plain = on_terminal(*line.split()).stdout
            assert plain.splitlines()[0] == piped.splitlines()[0], name
            assert ESCAPE not in plain


@pytest.mark.parametrize("columns", [80, 60])
def test_lines_fit_a_terminal_and_lose_no_word(columns: int) -> None:
    call("trust", "init", "--anchor", "a", "--key", "release.pub.pem", "--key", "sim:bob", "-o", "own.json").done()
    for line in ("inspect app.intoto.json", "trust show own.json", "policy list"):
        shown = STYLES.sub("", on_terminal(*line.split(), columns=columns).stdout.decode())
        # What people copy is never broken: a word, and the line of a document.
        assert [
            row for row in shown.splitlines() if len(row) > columns and " " in row.strip() and not COPIED.match(row)
        ] == []
        assert shown.split() == call(*line.split()).stdout.decode().split()


def test_a_name_cannot_look_like_a_verdict() -> None:
    """A name that is wrapped never begins a line, and what an input says has no colour."""
    name = "x " * 30 + "verified: app.whl \x1b[32mverified: app.whl"
    Path("named.json").write_bytes(call("build", f"{name}=app.whl", "--type", "https://example.com/own/v1").stdout)
    shown = on_terminal("inspect", "named.json").stdout.decode()
    assert shown.count("verified: app.whl") == 2
    assert [line.partition(":")[0] for line in STYLES.sub("", shown).splitlines() if line[0] != " "] == ["UNVERIFIED"]
    assert shown.count("\x1b") == 3  # of UNVERIFIED itself


def test_long_lists_are_shortened_on_a_terminal_unless_all_are_wanted() -> None:
    line = Path("app.intoto.json").read_bytes()
    names = [f"n{number}.json" for number in range(30)]
    for name in names:
        Path(name).write_bytes(line)
    verify = ("verify", *names, "--trust", "trust.json", "--no-artifact")
    shown = on_terminal(*verify).stdout.decode().splitlines()
    assert shown[0].endswith("verified\x1b[0m: 30 attestations")
    assert shown[1:] == [*(f"  {name} (release)" for name in names[:10]), "  ... 20 more; -v shows all"]
    assert on_terminal(*verify, "-v").stdout.count(b"verified") == 30
    assert program(*verify).stdout.count(b"verified: n") == 30
    Path("many.json").write_bytes(call("build", *names, "--type", "https://example.com/own/v1").stdout)
    subjects = on_terminal("inspect", "many.json").stdout.decode()
    assert subjects.count("  subject         n") == 8
    assert "  subject         ... 22 more; -v shows all" in subjects


def test_what_people_review_before_they_sign_is_never_shortened() -> None:
    keys = [word for number in range(12) for word in ("--key", f"sim:{number}")]
    call("trust", "init", "--anchor", "a", *keys, "-o", "own.json").done()
    shown = on_terminal("trust", "show", "own.json").stdout.decode()
    assert len(re.findall("sim:[0-9a-f]{64}", shown)) == 12


@pytest.mark.parametrize(
    ("line", "code", "label"),
    [
        (VERIFY_LARGE, 1, rb"hashing: [0-9.]+ MiB of 8\.0 MiB, [0-9,.]+ MiB/s"),
        (BUILD_LARGE, 0, rb"hashing: [0-9.]+ MiB of 8\.0 MiB, [0-9,.]+ MiB/s"),
        (tuple(VERIFY.split()), 0, rb"verifying: 1 attestations, [0-9,]+ attestations/s"),
    ],
)
def test_what_takes_long_shows_how_far_it_is_and_erases_it(
    line: tuple[str, ...], code: int, label: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_large(8 * MEBIBYTES)
    assert ERASE not in with_terminal_beside(*line)[1]  # nothing for what takes less than a second
    monkeypatch.setattr("attest.cli._output.progress_line._DELAY", 0.0)
    monkeypatch.setattr("attest.cli._output.progress_line._EVERY", 0.0)
    ended, shown, document = with_terminal_beside(*line)
    assert ended == code
    *drawn, rest = shown.split(ERASE)
    assert any(re.match(label, one) for one in drawn)
    assert all(len(one) < 80 for one in drawn)
    assert b"/s" not in rest
    piped = call(*line)
    assert b"/s" not in piped.stderr
    assert re.sub(TIME, b"", document) == re.sub(TIME, b"", piped.stdout)
    monkeypatch.setenv("TERM", "dumb")
    assert ERASE not in with_terminal_beside(*line)[1]


def with_terminal_beside(*arguments: str) -> tuple[int, bytes, bytes]:
    """Run a command in this process with a terminal as standard error: its exit code, and what both streams got."""
    ours, theirs = open_terminal()
    termios.tcsetwinsize(theirs, (24, 80))
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with open(theirs, "w") as err, redirect_stderr(err), redirect_stdout(out):
        code = main(arguments)
        err.flush()
        shown = b""
        while select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 65536)
    os.close(ours)
    return code, shown, out.buffer.getvalue()


@pytest.mark.parametrize(("typed", "code"), [(b"open sesame\n", 0), (b"open barley\n", 4)])
def test_a_passphrase_is_asked_for_on_a_terminal_and_not_shown(typed: bytes, code: int) -> None:
    call("key", "generate", "file:secret.pem", "--encrypt", "--passphrase-file", "passphrase.txt").done()
    ran = on_terminal("key", "check", "file:secret.pem", typed=[typed])
    assert ran.code == code
    assert b"Enter the passphrase of secret.pem: " in ran.stdout
    assert typed.strip() not in ran.stdout


def test_a_new_passphrase_is_asked_for_twice() -> None:
    ran = on_terminal("key", "generate", "file:new.pem", "--encrypt", typed=[b"open sesame\n", b"open seseme\n"])
    assert not Path("new.pem").exists()
    assert b"open" not in ran.stdout


def test_a_passphrase_is_not_asked_for_where_nobody_can_answer() -> None:
    call("key", "generate", "file:secret.pem", "--encrypt", "--passphrase-file", "passphrase.txt").done()
    program("key", "check", "file:secret.pem", stdin=b"open sesame\n").refused(4, "(passphrase-missing)")


def test_a_key_that_is_not_encrypted_asks_for_nothing() -> None:
    ran = on_terminal("sign", "statement.json", "--signer", "file:release.pem")
    assert (ran.code, ran.stdout) == (0, Path("app.intoto.json").read_bytes())


def test_a_prompt_shows_a_name_from_a_trust_bundle_and_does_not_do_what_it_says() -> None:
    """A signer's URI in a trust bundle is somebody else's text, and must not draw on the terminal."""
    name = "\x1b[2J\x9b31m\u202ekey.pem"
    call("key", "generate", f"file:{name}", "--encrypt", "--passphrase-file", "passphrase.txt").done()
    Path("mine.json").write_bytes(
        call("trust", "init", "--anchor", "a", "--key", f"file:{name}", "--passphrase-file", "passphrase.txt").stdout
    )
    ran = on_terminal("sign", "statement.json", "--trust", "mine.json", "--anchor", "a", typed=[b"open sesame\n"])
    assert ran.code == 0
    shown = ran.stdout.partition(b"{")[0]
    assert b"Enter the passphrase of \\x1b[2J\\x9b31m\\u202ekey.pem: " in shown
    assert shown.decode().replace("\n", "").isprintable()


def test_a_bug_is_shown_to_developers_without_what_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_DEBUG", "1")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("\x1b[2J in an input")

    monkeypatch.setattr("attest.cli.inspect.read_all", broken)
    ran = call("inspect", "app.intoto.json")
    assert ran.code == 70
    assert b"Traceback" in ran.stderr
    assert b"RuntimeError: \\x1b[2J in an input" in ran.stderr
    assert ESCAPE not in ran.stderr
