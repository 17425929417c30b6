"""What can't be written, or must not be, leaves everything as it was; and nothing is half written."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli.calls import ATTEST, Ran, call, on_terminal, program, shell

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD = "build app.whl --type slsa-provenance --predicate provenance.json"
SIGN = "sign statement.json --signer file:release.pem"
# Every command that writes a document, and the file it would be sad to lose.
WRITERS = {
    BUILD: "provenance.json",
    SIGN: "statement.json",
    "sign app.intoto.json --signer file:stranger.pem": "app.intoto.json",
    "merge app.intoto.json app.intoto.json": "app.intoto.json",
    "convert app.intoto.json --to sigstore": "app.intoto.json",
    "trust show trust.json --public": "trust.json",
    "key export file:release.pem": "release.pub.pem",
    "trust init --anchor release --key release.pub.pem": "other.json",
}
# Inputs, and commands that would lose them.
INPUT_OF = [
    ("app.whl", BUILD),
    ("app.whl", "build named=app.whl --type https://example.com/own/v1"),
    ("app.whl", "build *.whl --type https://example.com/own/v1"),
    ("provenance.json", BUILD),
    ("statement.json", SIGN),
    ("app.intoto.json", "sign app.intoto.json --signer file:stranger.pem"),
    ("app.intoto.json", "merge app.intoto.json"),
    ("app.intoto.json", "convert app.intoto.json --to sigstore"),
    ("release.pub.pem", "convert app.intoto.json --to dsse --key release.pub.pem"),
    ("trust.json", "trust show trust.json --public"),
    ("config.toml", f"{SIGN} --config config.toml"),
]
# A private key that is read is an input as well.
KEY_OF = [
    ("release.pem", SIGN),
    ("release.pem", "key export file:release.pem"),
    ("release.pem", "sign statement.json --signer sim:alice --signer file:release.pem"),
    ("passphrase.txt", f"{SIGN} --passphrase-file passphrase.txt"),
]


@pytest.fixture(autouse=True)
def _among_the_inputs(among_inputs: Path) -> None:
    os.chmod("release.pem", 0o600)


def everything() -> Mapping[str, bytes]:
    """The files that there are, by name, temporary and hidden ones too."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(("file", "line"), [*INPUT_OF, *KEY_OF])
@pytest.mark.parametrize("how", ["itself", "symbolic link", "hard link", "another spelling"])
def test_an_output_that_is_an_input_is_a_wrong_command_line(file: str, line: str, how: str) -> None:
    output = {"itself": file, "another spelling": f"./../{Path.cwd().name}/{file}"}.get(how, "link")
    if how == "symbolic link":
        os.symlink(file, output)
    elif how == "hard link":
        os.link(file, output)
    before = everything()
    ran = call(*line.split(), "-o", output)
    assert everything() == before
    ran.refused(2, "is also an input", hint=True)


@pytest.mark.parametrize("line", WRITERS)
@pytest.mark.parametrize(
    "output", ["nowhere/out.json", "app.whl/out.json", "folder", "/dev/full", "n" * 256, "/proc/x"]
)
def test_an_output_that_cannot_be_written_is_named_in_one_line(line: str, output: str) -> None:
    Path("folder").mkdir()
    before = everything()
    ran = call(*line.split(), "-o", output)
    assert output in ran.refused(3, "(output-")
    assert everything() == before


@pytest.mark.parametrize("line", WRITERS)
@pytest.mark.parametrize("existing", [b"precious", None], ids=["over another", "new"])
def test_a_disk_that_is_full_leaves_what_was_there(line: str, existing: bytes | None) -> None:
    output = Path("out.json")
    if existing is not None:
        output.write_bytes(existing)
    before = everything()
    ran = shell(f"ulimit -f 0; exec attest {line} -o out.json")
    if line.startswith("trust init") and existing is not None:
        ran.refused(3, "(output-exists)")
    else:
        ran.refused(3, "(output-failed)")
    assert everything() == before


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_is_printed_is_all_there_or_it_is_an_error(unbuffered: str) -> None:
    """Without a buffer, the system takes what still fits, and says how much that was; only the next call fails."""
    line = f"PYTHONUNBUFFERED={unbuffered} exec attest policy list >out"
    whole = call("policy", "list").done().stdout
    assert len(whole) > 512
    shell(f"ulimit -f 1; {line}", installed=True).refused(3, "(output-failed)")
    shell(line, installed=True).done()
    assert Path("out").read_bytes() == whole


def test_a_small_file_system_that_fills_up_holds_no_half_file(tmp_path: Path) -> None:
    Path("large.json").write_text('{"notes": "' + "x" * 100_000 + '"}')
    full = tmp_path / "full"
    full.mkdir()
    line = f"attest build app.whl --type https://example.com/own/v1 --predicate large.json -o {full}/out.json"
    line = f"({line}); echo exit $?; ls -A {full}"
    mounted = f"mount -t tmpfs -o size=16k none {full} && {line}"
    ran = shell(f"unshare --mount --map-root-user sh -c '{mounted}'", installed=True)
    if not ran.stdout:  # where a namespace is not to be had, a limit does the same
        ran = shell(f"ulimit -f 64; {line}")
    assert ran.stdout == b"exit 3\n"
    Ran(3, b"", ran.stderr).refused(3, "(output-failed)")


@pytest.mark.parametrize("line", ["key generate file:new.pem", "key generate file:new.pem --algorithm ml-dsa-44"])
def test_a_key_that_could_not_be_written_is_not_half_there(line: str) -> None:
    before = everything()
    shell(f"ulimit -f 0; exec attest {line}").refused(3, "(output-failed)")
    assert everything() == before


@pytest.mark.parametrize(
    "line",
    [
        "add trust.json --anchor release --key stranger.pub.pem",
        "retire trust.json --anchor release --key release.pub.pem",
        "revoke trust.json --key release.pub.pem",
        "rotate trust.json --anchor release --old-key release.pub.pem --key stranger.pub.pem",
        "resign sim-trust.json sim.intoto.json --signer sim:carol --allow-simulated",
    ],
)
def test_a_file_that_could_not_be_changed_is_the_old_one(line: str) -> None:
    call("trust", "add", "sim-trust.json", "--anchor", "release", "--key", "sim:carol").done()
    before = everything()
    shell(f"ulimit -f 0; exec attest trust {line}").refused(3, "(output-failed)")
    assert everything() == before


PRINTERS = [
    "--help",
    "verify --help",
    "--version",
    BUILD,
    SIGN,
    "inspect app.intoto.json",
    "inspect app.intoto.json --format json",
    "inspect nothing.json --format json",
    "verify app.intoto.json --trust trust.json --artifact app.whl",
    "verify app.intoto.json --trust trust.json --artifact other.whl --format json",
    "key export file:release.pem",
    "key check file:release.pem",
    "trust show trust.json",
    "trust init --anchor release --key release.pub.pem",
]


@pytest.mark.parametrize("line", [*PRINTERS, "demo attest-demo"])
def test_a_full_disk_behind_standard_output_is_not_a_yes(line: str) -> None:
    with open("/dev/full", "wb") as full:
        ran = program(*line.split(), stdout=full)
    assert "no space left" in ran.refused(3, "cannot be written")


@pytest.mark.parametrize("line", [*PRINTERS, "demo attest-demo"])
def test_a_reader_that_has_gone_away_is_neither_a_yes_nor_a_bug(line: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        ran = program(*line.split(), stdout=theirs)
    finally:
        os.close(theirs)
    ran.refused(141, "the reader closed standard output")


@pytest.mark.parametrize("line", PRINTERS)
def test_no_standard_output_at_all_is_not_a_bug(line: str) -> None:
    shell(f"exec attest {line} >&-").refused(3, "standard output")


@pytest.mark.parametrize(("code", "artifact"), [(0, "app.whl"), (1, "other.whl"), (3, "nothing.whl")])
def test_standard_error_that_is_closed_changes_no_verdict(code: int, artifact: str) -> None:
    ran = shell(f"exec attest verify app.intoto.json --trust trust.json --artifact {artifact} 2>&-")
    assert (ran.code, bool(ran.stdout)) == (code, code == 0)


@pytest.mark.parametrize(
    "line", ["inspect -", f"{SIGN.replace('statement.json', '-')} -o out.json", "build - --type reference --no-schema"]
)
def test_an_interrupt_is_one_line_and_exit_130(line: str) -> None:
    before = everything()
    with subprocess.Popen(
        [ATTEST, *line.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stderr
        # More than a pipe holds: once it is taken, the program is known to read its standard input.
        process.stdin.write(b" " * (128 << 10))
        process.stdin.flush()
        code = None
        for _ in range(9):
            time.sleep(0.2)  # to be in the middle of a read: Python acts on a signal just before one only after it
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(5)
                break
        error = process.stderr.read() if code is not None else b"it goes on"
        process.kill()
    assert (code, error) == (130, b"attest: error: interrupted (interrupted)\n")
    assert everything() == before


@pytest.mark.parametrize(
    "line",
    [
        *("inspect -", "sign --signer sim:alice", "verify - --trust trust.json --no-artifact"),
        BUILD.replace("provenance.json", "-"),
    ],
)
def test_a_terminal_where_nothing_was_typed_is_a_wrong_command_line(line: str) -> None:
    ran = on_terminal(*line.split())
    Ran(ran.code, b"", ran.stdout).refused(2, "nothing can be read from standard input", hint=True)


@pytest.mark.parametrize("line", WRITERS)
def test_a_document_that_is_printed_and_one_that_is_written_are_the_same(line: str) -> None:
    printed = call(*line.split()).done().stdout
    assert call(*line.split(), "-o", "-").done().stdout == printed
    call(*line.split(), "-o", "out.json")
    written = Path("out.json").read_bytes()
    assert written == printed or line.startswith("trust init")  # which holds the time
    assert printed.endswith(b"\n")
    assert not [name for name in everything() if name.endswith(".tmp")]


@pytest.mark.parametrize("line", WRITERS)
@pytest.mark.parametrize("leads_to", ["old.json", "nowhere.json", "/dev/null"])
def test_an_output_is_not_written_through_a_link(line: str, leads_to: str) -> None:
    Path("old.json").write_text("old")
    os.symlink(leads_to, "link.json")
    before = everything()
    call(*line.split(), "-o", "link.json").refused(3, "symbolic link", hint=True)
    assert os.readlink("link.json") == leads_to
    assert everything() == before


def test_what_is_changed_in_place_is_not_changed_through_a_link() -> None:
    os.symlink("sim-trust.json", "link.json")
    os.symlink("sim.intoto.json", "link.intoto.json")
    before = everything()
    add = ("trust", "add", "link.json", "--anchor", "release", "--key", "sim:carol")
    call(*add).refused(3, "symbolic link", hint=True)
    call("trust", "add", "sim-trust.json", "--anchor", "release", "--key", "sim:carol").done()
    before = everything()
    line = "trust resign sim-trust.json link.intoto.json --signer sim:carol --allow-simulated"
    call(*line.split()).refused(3, "symbolic link", hint=True)
    assert everything() == before


@pytest.mark.parametrize("leads_to", ["nowhere.pem", "release.pem"])
def test_a_key_is_not_made_through_a_link(leads_to: str) -> None:
    os.symlink(leads_to, "new.pem")
    before = everything()
    call("key", "generate", "file:new.pem").refused(3, "symbolic link", hint=True)
    assert everything() == before


@pytest.mark.parametrize(
    ("line", "name"), [*((line, "/dev/stdout") for line in WRITERS), (BUILD, "/dev/fd/1"), (BUILD, "/proc/self/fd/1")]
)
def test_standard_output_is_written_to_as_it_is(line: str, name: str) -> None:
    printed = call(*line.split()).done().stdout
    ran = shell(f"attest {line} -o {name} | cat")
    assert ran.done().stdout == printed or line.startswith("trust init")  # which holds the time
    assert len(ran.stdout) == len(printed)
    shell(f"( echo before; attest {line} -o {name}; echo after ) >log")
    log = Path("log").read_bytes()
    assert log.startswith(b"before\n")
    assert log.endswith(b"\nafter\n")
    assert log[7:-6] == printed or line.startswith("trust init")


def test_other_descriptors_pipes_and_devices_are_written_to_as_they_are() -> None:
    printed = call(*BUILD.split()).done().stdout
    for redirected, name in [
        ("2>&1 | cat", "/dev/stderr"),
        ("2>err; cat err", "/dev/stderr"),
        ("3>&1 | cat", "/dev/fd/3"),
    ]:
        assert shell(f"attest {BUILD} -o {name} {redirected}").stdout == printed
    assert shell(f"( echo before; attest {BUILD} -o /dev/fd/3 ) 3>log >&3; cat log").stdout == b"before\n" + printed
    line = f'"{ATTEST}" {BUILD} -o >(cat >copy; touch copied); until [ -e copied ]; do sleep 0.02; done; cat copy'
    ran = program(command=["bash", "-c", line])
    assert ran.done().stdout == printed
    os.mkfifo("pipe")
    assert shell(f"attest {BUILD} -o pipe & cat pipe; wait").done().stdout == printed
    assert Path("pipe").is_fifo()
    call(*BUILD.split(), "-o", os.devnull).done()
    assert Path(os.devnull).is_char_device()
    shell(f"attest {BUILD} -o /dev/fd/9").refused(3, "(output-failed)")


def test_a_terminal_is_both_input_and_output() -> None:
    assert on_terminal(*SIGN.split(), "-o", "/dev/stderr").stdout == Path("app.intoto.json").read_bytes()


def test_standard_input_is_an_input_too() -> None:
    before = everything()
    shell("attest sign --signer file:release.pem -o statement.json <statement.json").refused(2, "is also an input")
    shell("attest sign - --signer file:release.pem -o statement.json <statement.json").refused(2, "is also an input")
    assert everything() == before


def test_a_step_summary_is_added_to_a_file_and_not_through_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "verify app.intoto.json --trust trust.json --artifact app.whl --format github --now 2026-01-31T12:00:00Z"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    call(*line.split()).done()
    once = Path("summary.md").read_bytes()
    assert once
    call(*line.split()).done()
    assert Path("summary.md").read_bytes() == once * 2
    os.symlink("app.whl", "link.md")
    before = everything()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "link.md")
    ran = call(*line.split())
    assert ran.code == 0
    assert b"attest: warning: link.md: the file is a symbolic link" in ran.stderr
    assert everything() == before
