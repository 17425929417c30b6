"""A command runs as it would without us: its streams, its signals, its exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from attest.building.run import process as running
from attest.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def sh(script: str, **environment: str) -> running.CommandResult:
    return running.run(["sh", "-c", script], environment={"PATH": os.environ["PATH"], **environment})


@pytest.mark.parametrize("status", [0, 1, 5, 255])
def test_the_exit_status_is_the_commands(status: int) -> None:
    before = datetime.now(UTC)
    ran = sh(f"exit {status}")
    assert (ran.status, ran.signal, ran.succeeded) == (status, None, status == 0)
    assert ran.command == ("sh", "-c", f"exit {status}")
    assert before <= ran.started <= ran.finished <= datetime.now(UTC)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL", "SIGSEGV", "SIGPIPE"])
def test_a_signal_that_ends_it_is_named_and_is_128_more_as_in_a_shell(name: str) -> None:
    ran = sh(f"kill -{name.removeprefix('SIG')} $$")
    assert (ran.status, ran.signal) == (128 + signal.Signals[name], name)


def test_a_real_time_signal_has_its_number() -> None:
    assert sh(f"kill -{signal.SIGRTMIN + 1} $$").signal == f"signal {signal.SIGRTMIN + 1}"


def test_it_gets_the_environment_that_is_given_and_no_other() -> None:
    assert sh('test "$ONE" = 1 && test -z "$HOME"', ONE="1").succeeded


@pytest.mark.parametrize(
    ("name", "code"), [("no-such-command", "command-not-found"), ("./plain", "command-not-executable")]
)
def test_one_that_cannot_be_started_says_so(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("not a program")
    with pytest.raises(InputError) as caught:
        running.run([name], environment=os.environ)
    assert (caught.value.code, caught.value.where) == (code, name)


@pytest.mark.parametrize("word", ["a\0b", "\udcff"])
def test_what_can_not_be_recorded_is_not_run(word: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        running.run(["touch", str(tmp_path / "ran"), word], environment=os.environ)
    assert (caught.value.code, caught.value.where) == ("command-invalid", "word 3")
    assert not list(tmp_path.iterdir())


def test_handlers_are_as_they_were_afterwards_and_a_thread_has_none() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = [signal.getsignal(number) for number in numbers]
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(sh("exit 3").status))
    thread.start()
    thread.join()
    assert sh("exit 4").status == 4
    assert statuses == [3]
    assert [signal.getsignal(number) for number in numbers] == before


RUN = """
import os, sys
from attest.building.run import process
ran = process.run(sys.argv[1:], environment=os.environ)
print("then", ran.status, ran.signal, flush=True)
"""


def with_signal(number: int, script: str, *, to_group: bool) -> str:
    """What the command and we print when a signal comes while it runs; it says `ready` when it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    if to_group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    return said


# A shell runs a trap when what it waits for has ended, so it waits for many short things.
LOOP = "echo ready; while true; do sleep 0.02; done"


def test_ctrl_c_reaches_the_command_and_we_wait_for_what_it_makes_of_it() -> None:
    assert with_signal(signal.SIGINT, LOOP, to_group=True) == "then 130 SIGINT\n"
    assert (
        with_signal(signal.SIGINT, f"trap 'echo tidied; exit 9' INT; {LOOP}", to_group=True) == "tidied\nthen 9 None\n"
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_sigterm_and_sighup_are_passed_on(name: str) -> None:
    number = signal.Signals[name]
    assert with_signal(number, LOOP, to_group=False) == f"then {128 + number} {name}\n"
    trapped = f"trap 'echo tidied; exit 0' {name.removeprefix('SIG')}; {LOOP}"
    assert with_signal(number, trapped, to_group=False) == "tidied\nthen 0 None\n"


def test_a_signal_that_is_ignored_stays_so_in_the_command() -> None:
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{RUN}"
    ran = subprocess.run(
        [sys.executable, "-c", code, "sh", "-c", "kill -INT $$; exit 6"], capture_output=True, check=True
    )
    assert ran.stdout == b"then 6 None\n"


def test_variables_that_are_named_and_set_are_recorded_and_no_others() -> None:
    environment = {"CC": "gcc", "LANG": "", "HOME": "/root", "PWD": "/"}
    assert running.named_variables(["PWD", "LANG", "CC", "CC", "UNSET"], environment) == {
        "CC": "gcc",
        "LANG": "",
        "PWD": "/",
    }


SECRET = (
    "TOKEN GITHUB_TOKEN npm_config__authToken SECRET AWS_SECRET_ACCESS_KEY PASSWORD PGPASSWORD passwd SSH_KEY API-KEY"
)
SECRET += " COOKIE SIGNING_KEY_2 HSM_PIN PIN2 PASSPHRASE MYSQL_PWD GOOGLE_CREDENTIALS BASIC_AUTH PRIVATE APIKEY KEYS"


@pytest.mark.parametrize("name", SECRET.split())
def test_a_name_like_that_of_a_secret_is_refused_even_where_it_is_not_set(name: str) -> None:
    with pytest.raises(InputError) as caught:
        running.named_variables(["CC", name], {})
    assert caught.value.code == "env-secret"


@pytest.mark.parametrize(
    "name", ["KEYBOARD", "MONKEY", "SPINE", "PINNED", "COMPASS", "GIT_AUTHOR_NAME", "OLDPWD", "PWD"]
)
def test_a_name_that_only_looks_a_bit_like_one_is_recorded(name: str) -> None:
    assert running.named_variables([name], {name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    "value", ["http://me:hunter2@proxy:8080/", "x postgres://u:hunter2@h/db", "HTTPS://:hunter2@h"]
)
def test_a_url_with_a_password_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(InputError) as caught:
        running.named_variables(["PROXY"], {"PROXY": value})
    assert caught.value.code == "env-secret"
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("ghp_" + "a1" * 18, "GitHub token"),
        ("AKIAIOSFODNN7EXAMPLE", "AWS key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.abc", "JSON Web Token"),
        ("Server=x;Password=hunter2;", "the value of Password"),
        ("https://h/?access_token=hunter2", "the value of access_token"),
        ("-----BEGIN PRIVATE KEY-----\nx", "private key"),
        ("--header=S3cretS3cret", "the value of $API_TOKEN"),
        ("a" * 120_000 + " https://u:hunter2@h", "password in a URL"),
    ],
)
def test_a_value_that_has_a_secret_in_it_is_refused_unless_it_is_said_to_be_none(value: str, kind: str) -> None:
    environment = {"VALUE": value, "API_TOKEN": "S3cretS3cret"}
    with pytest.raises(InputError) as caught:
        running.named_variables(["VALUE"], environment)
    assert caught.value.code == "env-secret"
    assert caught.value.message == f"the variable VALUE is not recorded: its value contains a secret: {kind}"
    assert caught.value.hint is not None
    assert "--not-secret VALUE" in caught.value.hint
    assert running.named_variables(["VALUE"], environment, public=["VALUE"]) == {"VALUE": value}


def test_a_name_like_that_of_a_secret_is_recorded_where_it_is_said_to_be_none() -> None:
    assert running.named_variables(["CACHE_KEY"], {"CACHE_KEY": "v1"}, public=["CACHE_KEY"]) == {"CACHE_KEY": "v1"}


@pytest.mark.parametrize("value", ["http://proxy:8080/", "git@example.com:a/b", "https://user@example.com/"])
def test_a_url_without_one_is_recorded(value: str) -> None:
    assert running.named_variables(["URL"], {"URL": value}) == {"URL": value}


def test_a_value_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        running.named_variables(["LANG"], {"LANG": "hunter2\udcff"})
    assert (caught.value.code, caught.value.where) == ("env-invalid", "LANG")
    assert "hunter2" not in str(caught.value)
