"""What strace saw of a command: its programs, its files, the places it reached, and all of it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from attest.building.run import strace, tracing
from attest.errors import InputError
from attest.schema import for_predicate

if TYPE_CHECKING:
    from pathlib import Path

    from attest.building.run.process import CommandResult


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def traced(tracer: tracing.Tracer, *command: str) -> tuple[CommandResult, dict[str, Any]]:
    ran, trace = tracing.trace(command, tracer, environment=os.environ)
    assert not isinstance(trace, InputError), trace
    return ran, trace.monitor_log({}, {})


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", script)


def accesses(log: dict[str, Any]) -> dict[str, list[str]]:
    return {entry["uri"]: entry["annotations"]["access"] for entry in log["fileAccess"]}


def test_programs_are_recorded_with_their_arguments_and_how_they_ended(tracer: tracing.Tracer) -> None:
    ran, log = traced(tracer, "sh", "-c", "sh -c 'exit 3'; sh -c 'kill -KILL $$'; true | cat 'a b' \"\n\"; exit 7")
    assert ran.status == 7
    ends = [
        (one["arguments"][-1], one.get("exitStatus", one.get("signal"))) for one in log["process"] if one["arguments"]
    ]
    assert ends[1:3] == [("exit 3", 3), ("kill -KILL $$", "SIGKILL")]
    assert ("\n", 1) in ends
    assert ends[0][1] == 7
    assert all(one["processBinary"].startswith("/") for one in log["process"])


def test_a_command_that_a_signal_ends_is_seen_to_end_by_it(tracer: tracing.Tracer) -> None:
    ran, log = traced(tracer, "sh", "-c", "kill -TERM $$")
    assert (ran.status, ran.signal) == (143, "SIGTERM")
    assert log["process"][0]["signal"] == "SIGTERM"


def test_files_are_recorded_by_their_whole_paths_and_what_was_done_with_them(
    tracer: tracing.Tracer, tmp_path: Path
) -> None:
    (tmp_path / "in").write_text("x")
    (tmp_path / "both").write_text("x")
    (tmp_path / "folder").mkdir()
    _, log = traced(tracer, "sh", "-c", "cat in > out; : <> both; cd folder; cat ../in > 'odd\"> = 3\n'; cat missing")
    seen = {uri.removeprefix(tmp_path.as_uri()): access for uri, access in accesses(log).items()}
    assert seen["/in"] == ["read"]
    assert seen["/out"] == ["write"]
    assert seen["/both"] == ["read", "write"]
    assert seen["/folder/odd%22%3E%20%3D%203%0A"] == ["write"]
    assert "/folder/missing" not in seen
    assert "/folder" not in seen


REACH = """
import socket
def reach(family, kind, address):
    with socket.socket(family, kind) as one:
        try:
            one.sendto(b'x', address) if kind == socket.SOCK_DGRAM else one.connect(address)
        except OSError:
            pass
reach(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', 9))
reach(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', 9))
reach(socket.AF_INET6, socket.SOCK_STREAM, ('::1', 9))
reach(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', 53))
reach(socket.AF_UNIX, socket.SOCK_STREAM, '/no/such, {sa_family=AF_INET')
"""


def test_endpoints_are_recorded_once_and_attempts_count(tracer: tracing.Tracer) -> None:
    _, log = traced(tracer, *python(REACH))
    assert log["network"] == [
        {"ip": "127.0.0.1", "port": 9, "protocol": "tcp", "action": "connect"},
        {"ip": "::1", "port": 9, "protocol": "tcp", "action": "connect"},
        {"ip": "127.0.0.1", "port": 53, "protocol": "udp", "action": "send"},
        {"protocol": "unix", "path": "/no/such, {sa_family=AF_INET", "action": "connect"},
    ]


THREADS = """
import os, subprocess, sys, threading
def work(number):
    for turn in range(20):
        open(f'{number}-{turn}', 'w').close()
        subprocess.run(['true', str(number), str(turn)])
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
threading.Thread(target=lambda: os.execvp('sh', ['sh', '-c', 'exit 4'])).start()
threading.Event().wait()
"""


def test_what_is_sent_to_no_address_and_opened_without_a_path_is_no_place(tracer: tracing.Tracer) -> None:
    send = "import socket; one, other = socket.socketpair(); one.send(b'x')"
    ran, log = traced(tracer, "sh", "-c", f'echo x | cat /dev/stdin > out; {sys.executable} -S -c "{send}"')
    assert ran.status == 0
    assert log["network"] == []
    assert {uri[:8] for uri in accesses(log)} == {"file:///"}


def test_nothing_is_lost_when_much_happens_at_once(tracer: tracing.Tracer, tmp_path: Path) -> None:
    ran, log = traced(tracer, *python(THREADS))
    assert ran.status == 4
    turns = {(str(number), str(turn)) for number in range(8) for turn in range(20)}
    assert {tuple(one["arguments"]) for one in log["process"][1:-1]} == turns
    assert all(one["exitStatus"] == 0 for one in log["process"][1:-1])
    assert log["process"][-1]["exitStatus"] == 4
    seen = accesses(log)
    assert all(seen[(tmp_path / "-".join(turn)).as_uri()] == ["write"] for turn in turns)


def test_it_waits_for_what_the_command_leaves_in_the_background(tracer: tracing.Tracer, tmp_path: Path) -> None:
    _, log = traced(tracer, "sh", "-c", "(sleep 0.3; echo late > late) &")
    assert (tmp_path / "late").as_uri() in accesses(log)


def test_the_log_is_a_valid_predicate(tracer: tracing.Tracer) -> None:
    _, log = traced(tracer, "true")
    predicate = {
        "monitor": {"type": "urn:x:y", "tracePolicy": tracer.policy()},
        "monitoredProcess": {"hostID": "urn:x:y", "type": "urn:x:y", "event": "e"},
        "monitorLog": log,
    }
    shape = for_predicate("https://in-toto.io/attestation/runtime-trace/v0.1")
    assert shape is not None
    assert shape.accepts(predicate)
    assert json.loads(json.dumps(log)) == log


def test_digests_go_with_files_that_were_only_read_or_that_were_written() -> None:
    trace = strace.Trace()
    for path, access in ((b"/r", ["read"]), (b"/w", ["read", "write"]), (b"/x", ["read"])):
        trace.names.opened(path, *access)
    read, written = {"/r": {"sha256": "1"}, "/w": {"sha256": "2"}}, {"/w": {"sha256": "3"}, "/x": {"sha256": "4"}}
    digests = [entry.get("digest") for entry in trace.monitor_log(read, written)["fileAccess"]]
    assert digests == [{"sha256": "1"}, {"sha256": "3"}, None]


def test_a_trace_that_would_be_too_large_is_none_and_the_command_goes_on(
    tracer: tracing.Tracer, tmp_path: Path
) -> None:
    script = "for i in 1 2 3; do cat /dev/null; done; echo done > end"
    ran, trace = tracing.trace(["sh", "-c", script], tracer, environment=os.environ, limit=500)
    assert isinstance(trace, InputError)
    assert (ran.status, trace.code) == (0, "trace-too-large")
    assert "--limit trace=N" in (trace.hint or "")
    assert (tmp_path / "end").exists()


@pytest.mark.parametrize("line", [b"nonsense", b"12 execve(", b"12 strange"])
def test_a_line_that_is_not_understood_is_no_trace(line: bytes) -> None:
    with pytest.raises(InputError) as caught:
        strace.Reader().read([line])
    assert caught.value.code == "trace-failed"


def test_a_strace_that_is_missing_or_does_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs strace") as caught:
        tracing.find_tracer(str(tmp_path))
    assert caught.value.code == "tracer-missing"
    (tmp_path / "strace").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "strace").chmod(0o755)
    with pytest.raises(InputError, match="cannot be run"):
        tracing.find_tracer(str(tmp_path))


def test_one_that_can_not_trace_is_an_error(tmp_path: Path) -> None:
    """As where a container forbids it: the command runs, and nothing is written."""
    (tmp_path / "strace").write_text('#!/bin/sh\n[ "$1" = --version ] && exit\nexit 1\n')
    (tmp_path / "strace").chmod(0o755)
    ran, trace = tracing.trace(["true"], tracing.find_tracer(str(tmp_path)), environment=os.environ)
    assert isinstance(trace, InputError)
    assert (ran.status, trace.code) == (1, "trace-failed")


@pytest.mark.parametrize(("name", "code"), [("no-such", "command-not-found"), ("./plain", "command-not-executable")])
def test_a_command_that_cannot_be_started_is_no_matter_of_the_tracer(
    tracer: tracing.Tracer, tmp_path: Path, name: str, code: str
) -> None:
    (tmp_path / "plain").write_text("not a program")
    with pytest.raises(InputError) as caught:
        tracing.trace([name], tracer, environment=os.environ)
    assert caught.value.code == code
