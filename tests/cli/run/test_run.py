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
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.cli.calls import Ran, call, open_terminal, program
from tests.support.missing import missing

pytestmark = pytest.mark.usefixtures("among_inputs")

# In this checkout, whatever the installed program is.
ATTEST = (sys.executable, "-m", "attest")


def attest_run(*arguments: str, **settings: Any) -> Ran:
    return program("run", "--step", "build", *arguments, **settings)


def run_well(*arguments: str, **settings: Any) -> None:
    ran = attest_run(*arguments, **settings)
    said = [line for line in ran.prose if not line.startswith("attest: note: ")]
    assert (ran.code, said, ran.prose[-1]) == (0, [], "attest: note: wrote build.intoto.json")


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
    assert b"attest: warning: the command failed (exit 9); no attestation was written\n" in ran.stderr
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
    environment["ATTEST_PIN_RELEASE"] = "5678"
    run_well(*MAKE, "env | grep ATTEST_ > made", env=environment)
    assert Path("made").read_text() == "ATTEST_OTHER=x\n"


# What a command does that is after the secrets of the process which started it.
_DIG = "if grep -qa ATTEST_PIN=1234 /proc/$PPID/environ; then echo found; else echo refused; fi"


def as_an_ordinary_user() -> tuple[str, ...]:
    """What runs a program as a user who isn't root, but can read the files of this checkout."""
    if os.geteuid() != 0:
        return ()
    user = ("--reuid=65534", "--regid=65534", "--clear-groups")
    return ("setpriv", *user, "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc, and show the environment otherwise")
def test_the_command_can_not_read_a_pin_out_of_our_process() -> None:
    user = as_an_ordinary_user()
    environment = {**os.environ, "ATTEST_PIN": "1234"}
    dig = ("sh", "-c", _DIG)
    start = (sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)")
    said = subprocess.run([*user, *start, *dig], env=environment, capture_output=True, check=True).stdout
    assert said == b"found\n"  # as it is without us
    with TemporaryDirectory() as folder:  # pytest's own is closed to others
        Path(folder).chmod(0o777)
        Path(folder, "app.whl").touch()
        for more in ((), TRACE):
            arguments = ("--products", "app.whl", "--signer", "sim:alice", *more, "--", *dig)
            ran = program("run", "--step", "build", *arguments, command=(*user, *ATTEST), env=environment, cwd=folder)
            assert (ran.code, ran.stdout) == (0, b"refused\n"), ran.prose
            assert b"Permission denied" in ran.stderr


PROVENANCE = ("--type", "slsa-provenance", "--builder-id", "https://example.com/b")
TOKEN = "S3cret/S3cret S3cret"
TRACE = ("--type", "runtime-trace", "--builder-id", "https://example.com/b")


def masked_run(*arguments: str, **variables: str) -> tuple[str, list[str]]:
    """The payload of a run and the lines it printed, having made sure that the token is nowhere in either."""
    ran = attest_run(*arguments, env={**os.environ, "API_TOKEN": TOKEN, **variables})
    assert ran.code == 0
    payload = b64decode(json.loads(Path("build.intoto.json").read_bytes())["payload"]).decode()
    for part in ("S3cret", "ghp_", "hunter2"):
        assert part not in payload + ran.stderr.decode()
    return payload, ran.prose


def test_secrets_in_the_words_of_the_command_are_masked_with_a_warning() -> None:
    words = ("true", TOKEN, "--password", "hunter2", "https://u:hunter2@h/x", "ghp_" + "a" * 36, "-DSHORT=1")
    masked = ["true", "***($API_TOKEN)", "--password", "***(password)", "https://***(password-in-a-URL)@h/x"]
    masked += ["***(GitHub-token)", "-DSHORT=1"]
    for more in ((), ("--allow-unchanged", *PROVENANCE)):
        _, prose = masked_run("--products", "app.whl", *SIGN, *more, "--", *words, SHORT_TOKEN="1")
        said = statement()["predicate"]
        assert (said if not more else said["buildDefinition"]["externalParameters"]["run"])["command"] == masked
        assert (
            "attest: warning: masked in the attestation: the value of $API_TOKEN, password in a URL, "
            "GitHub token, the value of password" in prose
        )


def test_secrets_that_the_shell_expands_are_masked_in_a_trace() -> None:
    if shutil.which("strace") is None:
        missing("missing: strace (apt-get install strace)")
    script = """
    echo > made; exec 3> "/tmp/attest-test-$$-$API_TOKEN"; rm /tmp/attest-test-$$-*
    sh -c : "Authorization: Bearer $API_TOKEN" "$(printf '%s' "user:$API_TOKEN" | base64)"
    """
    payload, prose = masked_run(*TRACE, "--products", "made", *SIGN, "--", "sh", "-c", script, API_TOKEN="S3cretS3cret")
    log = json.loads(payload)["predicate"]["monitorLog"]
    words = [word for process in log["process"] for word in process["arguments"]]
    assert "Authorization: Bearer ***($API_TOKEN)" in words
    assert any(word.startswith("dXNlcjp***($API_TOKEN)") for word in words)
    assert any("masked in the attestation: the value of $API_TOKEN" in line for line in prose)


def test_a_variable_that_is_said_to_hold_no_secret_is_recorded_and_not_masked() -> None:
    environment = {**os.environ, "CACHE_KEY": "linux-x86-64"}
    arguments = ("--env", "CACHE_KEY", "--products", "app.whl", *SIGN)
    attest_run(*arguments, "--", "true", env=environment).refused(3, "(env-secret)", hint=True)
    run_well("--not-secret", "CACHE_KEY", *arguments, "--", "true", "linux-x86-64", env=environment)
    assert statement()["predicate"]["command"] == ["true", "linux-x86-64"]
    assert statement()["predicate"]["environment"] == {"variables": {"CACHE_KEY": "linux-x86-64"}}


def test_the_name_of_a_product_stays_with_a_warning_where_it_holds_a_secret() -> None:
    product = f"app-{'ghp_' + 'a' * 36}.whl"
    Path(product).touch()
    ran = attest_run("--products", "app-*", *SIGN, "--", "true")
    assert ran.code == 0
    assert any(line.endswith(f"not masked: {product!r} contains GitHub token") for line in ran.prose)
    assert products() == [product]


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
    # Large enough that the other is written to while it is read, however many processes want the processor.
    script = (
        "(while :; do echo x >> made; done) > quiet 2>&1 & echo $! > pid; truncate -s 400M large;"
        "until [ -s made ]; do sleep 0.01; done"
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
    assert said == f"attest: note: wrote build.intoto.json; the command failed ({number.name})\n"
    assert statement()["predicate"]["byproducts"]["signal"] == number.name


def test_a_command_that_ends_well_in_spite_of_ctrl_c_has_ended_well() -> None:
    process = started(*MAKE, f"trap 'exit 0' INT; {LOOP}")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert statement()["predicate"]["byproducts"]["return-value"] == 0


def test_another_ctrl_c_ends_the_signing_and_writes_nothing() -> None:
    script = "echo $$ > made; echo ready"
    process = started("--products", "made", "--signer", "sim:alice?latency=60000", "--", "sh", "-c", script)
    command = int(Path("made").read_text())
    while Path(f"/proc/{command}").exists():
        time.sleep(0.01)
    said = ""
    for _ in range(9):
        time.sleep(0.5)  # one that comes before the command is known to have ended is still for the command
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            _, said = process.communicate(timeout=5)
            break
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


@pytest.mark.parametrize("how", ["ln -sf victim build.intoto.json", "ln -sf nowhere build.intoto.json"])
def test_the_envelope_is_not_written_through_a_link_that_the_command_put_there(how: str) -> None:
    Path("victim").write_text("victim")
    ran = attest_run(*MAKE, f"touch made; {how}")
    ran.refused(
        3,
        "build.intoto.json: the file is a symbolic link; attest does not write through links (output-failed)",
        hint=True,
    )
    assert Path("victim").read_text() == "victim"
    assert not Path("nowhere").exists()


def test_a_link_that_was_there_before_is_refused_before_the_command_runs() -> None:
    os.symlink("victim", "build.intoto.json")
    attest_run(*MAKE, "touch made").refused(3, "symbolic link", hint=True)
    assert not Path("made").exists()


def test_the_envelope_does_not_go_into_a_folder_that_the_command_put_in_the_place_of_another() -> None:
    Path("out").mkdir()
    Path("elsewhere").mkdir()
    line = ("-o", "out/a.json", *MAKE)
    attest_run(*line, "touch made; rmdir out; ln -s elsewhere out").refused(3, "the command replaced the directory")
    assert list(Path("elsewhere").iterdir()) == []
    os.unlink("out")
    Path("out").mkdir()
    # One that is made anew is the same place.
    assert attest_run(*line, "touch made; rm -r out; mkdir out").code == 0
    assert products("out/a.json") == ["made"]


def test_the_envelope_may_go_to_an_open_descriptor_but_not_to_the_commands_output() -> None:
    script = '"$0" -m attest run --step build -o /dev/fd/3 "$@" 3>&1 >/dev/null'
    ran = program("-c", script, sys.executable, *MAKE, "echo out; touch made", command=["sh"])
    assert json.loads(ran.stdout)["payloadType"] == "application/vnd.in-toto+json"
    for name in ("-", "/dev/stdout", "/dev/fd/1"):
        attest_run("-o", name, *MAKE, "touch made").refused(2, "standard output belongs to the command")
