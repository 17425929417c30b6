"""`attest run`, as it is used: real commands, real signals, a terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.cli_helpers import INPUTS, Ran, call, open_terminal, program
from tests.missing import missing

# In this checkout, whatever the installed program is.
ATTEST = (sys.executable, "-m", "attest")


@pytest.fixture(autouse=True)
def _among_the_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(INPUTS, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def attest_run(*arguments: str, **settings: Any) -> Ran:
    return program("run", "--step", "build", *arguments, command=ATTEST, **settings)


def run_well(*arguments: str, **settings: Any) -> None:
    ran = attest_run(*arguments, **settings)
    assert (ran.code, ran.stderr) == (0, b"attest: note: wrote build.intoto.json\n")


def statement(name: str = "build.intoto.json") -> Any:
    return json.loads(b64decode(json.loads(Path(name).read_bytes())["payload"]))


def products(name: str = "build.intoto.json") -> list[str]:
    return [subject["name"] for subject in statement(name)["subject"]]


SIGN = ("--signer", "file:release.pem")
MAKE = ("--products", "made", *SIGN, "--", "sh", "-c")


def test_input_output_and_error_are_the_commands() -> None:
    ran = attest_run(*MAKE, "cat > made; echo out; printf 'no line end'; echo err >&2", stdin=b"\0\xff in")
    assert (ran.code, ran.stdout) == (0, b"out\nno line end")
    assert ran.stderr == b"err\nattest: note: wrote build.intoto.json\n"
    assert Path("made").read_bytes() == b"\0\xff in"
    verified = call("verify", "build.intoto.json", "--trust", "trust.json", "--artifact", "made", "--type", "link")
    assert verified.done().stdout.startswith(b"verified")


def test_materials_are_as_they_were_before_and_products_as_they_are_after() -> None:
    Path("file").write_text("before")
    run_well("--materials", "file", "--products", "file", *SIGN, "--", "sh", "-c", "echo after > file")
    said = statement()
    [material], [product] = said["predicate"]["materials"], said["subject"]
    assert material["name"] == product["name"] == "file"
    assert material["digest"] != product["digest"]


@pytest.mark.parametrize("status", [1, 2, 3, 4, 70, 255])
def test_a_command_that_fails_is_attested_as_failed_and_keeps_its_status(status: int) -> None:
    ran = attest_run(*MAKE, f"echo > made; exit {status}")
    assert ran.code == status
    assert b"error" not in ran.stderr
    assert statement()["predicate"]["byproducts"]["return-value"] == status


def test_only_success_writes_nothing_of_a_failure() -> None:
    assert attest_run("--only-success", *MAKE, "echo > made; exit 3").code == 3
    assert not Path("build.intoto.json").exists()
    assert attest_run("--only-success", *MAKE, "echo > made").code == 0
    assert Path("build.intoto.json").exists()


def test_a_failure_that_left_no_product_is_a_warning_and_keeps_its_status() -> None:
    ran = attest_run(*MAKE, "exit 9")
    assert ran.code == 9
    assert b"attest: warning: the command failed (exit 9), and that is not attested\n" in ran.stderr
    assert not Path("build.intoto.json").exists()


def test_a_success_that_left_no_product_is_an_error() -> None:
    attest_run(*MAKE, "true").refused(3, "(product-missing)")
    attest_run("--products", "app.whl", *MAKE, "true").refused(3, "(product-missing)")
    attest_run("--products", "app.whl", *SIGN, "--", "rm", "app.whl").refused(3, "(product-missing)")
    assert not Path("build.intoto.json").exists()


def test_a_signer_that_is_away_is_met_before_the_command_runs() -> None:
    away = ("--products", "made", "--signer", "file:encrypted.pem", "--", "touch", "made")
    call("key", "generate", "file:encrypted.pem", "--encrypt", "--passphrase-file", "passphrase.txt").done()
    attest_run(*away).refused(4, "(passphrase-missing)")
    attest_run(*away, env={**os.environ, "ATTEST_PASSPHRASE": "wrong"}).refused(4, "(passphrase-wrong)")
    assert not Path("made").exists()
    run_well("--passphrase-file", "passphrase.txt", *away)


def test_a_signer_that_fails_afterwards_is_exit_4_or_the_commands_own_status() -> None:
    failing = ("--products", "made", "--signer", "sim:alice?fail-rate=1&seed=1", "--", "sh", "-c")
    attest_run(*failing, "echo > made").refused(4, "(token-failed)")
    assert attest_run(*failing, "echo > made; exit 7").code == 7
    assert not Path("build.intoto.json").exists()


def test_the_command_gets_no_secret_of_a_signers() -> None:
    environment = {**os.environ, "ATTEST_PIN": "1234", "ATTEST_PASSPHRASE": "open sesame", "ATTEST_OTHER": "x"}
    run_well(*MAKE, "env | grep ATTEST_ > made", env=environment)
    assert Path("made").read_text() == "ATTEST_OTHER=x\n"


def test_named_variables_are_recorded_and_no_others() -> None:
    environment = {**os.environ, "CC": "gcc", "OTHER": "other"}
    run_well("--env", "CC", "--env", "UNSET", *MAKE, "echo > made", env=environment)
    assert statement()["predicate"]["environment"] == {"variables": {"CC": "gcc"}}
    assert b"other" not in b64decode(json.loads(Path("build.intoto.json").read_bytes())["payload"])


def test_a_signer_by_the_environment_and_an_option_of_the_commands_own() -> None:
    environment = {**os.environ, "ATTEST_SIGNER": "file:release.pem"}
    run_well("--products", "app.whl", "--", "true", "--step", "other", "-o", "x", env=environment)
    assert statement()["predicate"]["command"] == ["true", "--step", "other", "-o", "x"]


def test_the_output_is_replaced_whole_and_is_no_material_of_the_next_run() -> None:
    for _ in range(2):
        run_well("--materials", ".", "--products", "**", *SIGN, "--", "true")
    assert "build.intoto.json" not in products()
    assert "app.whl" in products()


def test_the_output_is_never_a_product_even_behind_a_link() -> None:
    Path("alias").symlink_to("app.whl")
    before = Path("app.whl").read_bytes()
    for output in ("app.whl", "./app.whl", "alias"):
        attest_run("--products", "app.whl", *SIGN, "-o", output, "--", "true").refused(2, "")
    assert Path("app.whl").read_bytes() == before


def test_globs_are_below_the_directory_and_the_command_runs_where_we_are() -> None:
    Path("sub").mkdir()
    run_well("--directory", "sub", "--products", "*", *SIGN, "--", "sh", "-c", "echo > sub/made; pwd")
    assert products() == ["made"]


def test_a_product_that_is_still_written_to_is_not_signed() -> None:
    """By something that the command left running."""
    script = (
        "(while :; do echo x >> made; done) > quiet 2>&1 & echo $! > pid; head -c 50000000 /dev/zero > large; sleep 0.1"
    )
    try:
        attest_run("--products", "large", *MAKE, script).refused(3, "(file-changed)")
    finally:
        os.kill(int(Path("pid").read_text()), signal.SIGKILL)
    assert not Path("build.intoto.json").exists()


def test_gitignored_materials_are_left_out_and_products_never() -> None:
    Path(".gitignore").write_text("*.pem\nmade\n")
    Path("made").touch()
    run_well("--gitignore", "--materials", "**", *MAKE, "echo > made")
    materials = [material["name"] for material in statement()["predicate"]["materials"]]
    assert "app.whl" in materials
    assert not [name for name in materials if name.endswith(".pem") or name == "made"]
    assert products() == ["made"]


def started(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    """A run whose command has said `ready`, in a group of its own as a shell would start it."""
    process = subprocess.Popen(
        [*ATTEST, "run", "--step", "build", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **settings,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


LOOP = "echo > made; echo ready; while :; do sleep 0.02; done"


@pytest.mark.parametrize(
    ("number", "to_group"),
    [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGHUP, False)],
)
def test_a_signal_ends_the_command_first_and_that_is_attested(number: signal.Signals, to_group: bool) -> None:
    process = started(*MAKE, LOOP)
    (os.killpg if to_group else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert said == f"attest: note: wrote build.intoto.json, which says that the command failed ({number.name})\n"
    assert statement()["predicate"]["byproducts"]["signal"] == number.name


def test_a_command_that_ends_well_in_spite_of_ctrl_c_has_ended_well() -> None:
    process = started(*MAKE, f"trap 'exit 0' INT; {LOOP}")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert statement()["predicate"]["byproducts"]["return-value"] == 0


def test_another_ctrl_c_ends_the_signing_and_writes_nothing() -> None:
    script = "echo $$ > made; echo ready"
    process = started("--products", "made", "--signer", "sim:alice?latency=20000", "--", "sh", "-c", script)
    command = int(Path("made").read_text())
    while Path(f"/proc/{command}").exists():
        time.sleep(0.01)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "(interrupted)" in said
    assert not Path("build.intoto.json").exists()


def test_ctrl_c_on_a_terminal() -> None:
    ours, theirs = open_terminal()
    # The terminal becomes the controlling one, so that it is the kernel that makes a SIGINT of what is typed.
    code = "import os, sys, fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", code, *ATTEST, "run", "--step", "build", *MAKE, LOOP]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        shown = b""
        while b"ready" not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"\x03")
        assert process.wait(timeout=20) == 130
    os.close(ours)
    assert statement()["predicate"]["byproducts"]["signal"] == "SIGINT"


def test_a_runtime_trace_says_what_the_command_did() -> None:
    if shutil.which("strace") is None:
        missing("missing: strace (apt-get install strace)")
    trace = ("--type", "runtime-trace", "--builder-id", "https://example.com/b", "--materials", "app.whl")
    ran = attest_run(*trace, *MAKE, "cat app.whl > made; echo out; exit 3")
    assert (ran.code, ran.stdout) == (3, b"out\n")
    log = statement()["predicate"]["monitorLog"]
    files = {re.sub(".*/", "", entry["uri"]): entry for entry in log["fileAccess"]}
    assert files["made"]["annotations"] == {"access": ["write"]}
    assert files["made"]["digest"] == files["app.whl"]["digest"] == statement()["subject"][0]["digest"]
    assert [one["arguments"] for one in log["process"]][1:] == [["app.whl"]]


def test_without_strace_a_trace_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "touch"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    trace = ("--type", "runtime-trace", "--builder-id", "https://example.com/b")
    ran = attest_run(*trace, *MAKE, "touch made", env={**os.environ, "PATH": str(tmp_path / "bin")})
    assert "strace" in ran.refused(3, "(tracer-missing)", hint=True)
    assert not Path("made").exists()


def test_a_pin_is_asked_for_before_the_command_runs() -> None:
    call("key", "generate", "file:encrypted.pem", "--encrypt", "--passphrase-file", "passphrase.txt").done()
    ours, theirs = open_terminal()
    arguments = ("--products", "made", "--signer", "file:encrypted.pem", "--", "sh", "-c", "echo started; echo > made")
    with subprocess.Popen(
        [*ATTEST, "run", "--step", "build", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while not shown.endswith(b": "):
            shown += os.read(ours, 1000)
        assert b"started" not in shown
        os.write(ours, Path("passphrase.txt").read_bytes())
        while b"wrote" not in shown:
            shown += os.read(ours, 1000)
        assert process.wait(timeout=20) == 0
    os.close(ours)
    assert b"started" in shown
