"""The names of files in a trace: renamed, linked and exchanged, by real tools and in any order."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.building.run import strace, tracing
from attest.building.run.names import Names
from attest.errors import InputError
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WRITTEN = {"sha256": "1" * 64}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def log_of(tracer: tracing.Tracer, *command: str) -> dict[str, Any]:
    ran, trace = tracing.trace(command, tracer, environment=os.environ)
    assert not isinstance(trace, InputError), trace
    assert ran.status == 0
    written = {os.path.join(folder, name): WRITTEN for folder, _, names in os.walk(os.getcwd()) for name in names}
    return trace.monitor_log({}, written)


def written(log: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The annotations of the files below this folder that have the digest of a product, by name."""
    here = f"file://{os.getcwd()}/"
    return {
        entry["uri"].removeprefix(here): entry["annotations"]
        for entry in log["fileAccess"]
        if entry["uri"].startswith(here) and entry.get("digest") == WRITTEN
    }


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", f"import os\n{script}")


@pytest.mark.parametrize(
    "command",
    [
        ("sh", "-c", "echo x > a.tmp; mv a.tmp final"),
        ("sh", "-c", "mkdir d; cd d; echo x > a; cd ..; mv d/a final"),
        ("sh", "-c", "mkdir d; cd d; echo x > a; ln a ../final"),
        ("sh", "-c", "mkdir d; echo x > d/a; ln -s d link; mv link/../d/a link/../final"),
        python("open('a', 'w').close(); os.replace('a', 'final')"),
        python("open('a', 'w').close(); os.mkdir('d'); os.chdir('d'); os.rename('../a', '../final')"),
        python("os.mkdir('d'); d = os.open('d', 0); os.fchdir(d); open('a', 'w').close(); os.rename('a', '../final')"),
        python("open('a', 'w').close(); d = os.open('.', 0); os.rename('a', 'final', src_dir_fd=d, dst_dir_fd=d)"),
        python("open('a', 'w').close()\nif os.fork() == 0: os.rename('a', 'final'); os._exit(0)\nos.wait()"),
        python(
            "import threading; os.mkdir('d'); open('d/a', 'w').close()\n"
            "t = threading.Thread(target=os.chdir, args=('d',)); t.start(); t.join(); os.rename('a', '../final')"
        ),
        python(
            "f = os.open('.', os.O_TMPFILE | os.O_RDWR); d = os.open('.', 0)\n"
            "os.link(f'/proc/self/fd/{f}', 'final', dst_dir_fd=d, follow_symlinks=True)"
        ),
        python("import py_compile; open('a', 'w').close(); py_compile.compile('a', cfile='final')"),
    ],
)
def test_the_last_name_of_a_file_has_its_digest(tracer: tracing.Tracer, command: tuple[str, ...]) -> None:
    assert "write" in written(log_of(tracer, *command))["final"]["access"]


def test_a_name_says_which_it_had_before(tracer: tracing.Tracer, tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    log = log_of(tracer, "sh", "-c", "mv old new; ln new other; ln -s other latest")
    said = {entry["uri"].rpartition("/")[2]: entry["annotations"] for entry in log["fileAccess"]}
    assert said["old"] == {"access": ["read"]}
    assert said["new"] == {"access": ["write"], "from": (tmp_path / "old").as_uri()}
    assert said["other"] == {"access": ["write"], "from": (tmp_path / "new").as_uri()}
    assert said["latest"] == {"access": ["write"], "link": "other"}


def test_what_is_in_a_directory_is_renamed_with_it(tracer: tracing.Tracer) -> None:
    script = "mkdir -p d/e; echo > d/e/gone; rm d/e/gone; echo > d/e/x; mv d f; mkdir d; echo > d/y; mv d g"
    found = log_of(tracer, "sh", "-c", script)
    assert written(found).keys() == {"f/e/x", "g/y"}
    assert not [entry for entry in found["fileAccess"] if entry["uri"].endswith(("f/e/gone", "g/e/x"))]


EXCHANGE = """
import ctypes
os.mkdir('d'); open('d/x', 'w').close(); open('y', 'w').close()
assert ctypes.CDLL(None).renameat2(-100, b'd', -100, b'y', 2) == 0
"""


def test_two_names_can_be_exchanged(tracer: tracing.Tracer) -> None:
    assert written(log_of(tracer, *python(EXCHANGE))).keys() == {"d", "y/x"}


def test_a_material_that_is_replaced_is_written(tracer: tracing.Tracer, tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    log = log_of(tracer, "sh", "-c", "cat config > config.new; mv config.new config")
    assert written(log)["config"]["access"] == ["read", "write"]


def test_git_leaves_its_files_with_digests(tracer: tracing.Tracer) -> None:
    log = log_of(tracer, "git", "init", "--quiet", "r")
    assert written(log)["r/.git/config"]["from"].endswith("config.lock")


def test_programs_that_replace_each_other_end_together(tracer: tracing.Tracer) -> None:
    _, trace = tracing.trace(
        ["sh", "-c", "env X=1 sh -c 'exec sh -c \"exit 3\"'; true"], tracer, environment=os.environ
    )
    assert not isinstance(trace, InputError)
    chain = [one for one in trace.processes if one["pid"] == trace.processes[1]["pid"]]
    assert len(chain) >= 3
    assert [one["exitStatus"] for one in chain] == [3] * len(chain)
    assert [one.get("replaced") for one in chain] == [True] * (len(chain) - 1) + [None]
    assert all(one["exitStatus"] == 0 for one in trace.processes if one not in chain)


def test_long_arguments_that_repeat_are_stored_once(tracer: tracing.Tracer) -> None:
    word = "x" * 4000
    log = log_of(tracer, "sh", "-c", f"for i in 1 2 3; do /bin/true {word}; done; /bin/true short; /bin/true short")
    _, first, second, third, *short = log["process"]
    assert first["arguments"] == [word]
    assert [(one["argumentsOf"], "arguments" in one) for one in (second, third)] == [(1, False)] * 2
    assert [one["arguments"] for one in short] == [["short"]] * 2


def line(text: str) -> bytes:
    return b"7 " + text.encode()


def test_a_rename_in_a_directory_that_is_not_known_leaves_no_trace() -> None:
    rename = line(r'rename("\x61", "\x62") = 0')
    with pytest.raises(InputError, match="in which directory") as caught:
        strace.Reader().read([rename])
    assert caught.value.code == "trace-failed"
    assert list(strace.Reader(folder=b"/").read([rename]).names.files) == [b"/a", b"/b"]


@pytest.mark.parametrize(
    "text", [r"rename() = 0", r'rename("\x61"..., "\x62") = 0', r'renameat(3, "\x61", 3, "\x62") = 0']
)
def test_a_rename_that_is_not_understood_leaves_no_trace(text: str) -> None:
    with pytest.raises(InputError) as caught:
        strace.Reader(folder=b"/").read([line(text)])
    assert caught.value.code == "trace-failed"


_PATHS = st.sampled_from([b"/a", b"/b", b"/d/a", b"/d/b", b"/d/e/a"])
_STEPS = st.one_of(
    st.tuples(st.just("opened"), _PATHS),
    st.tuples(st.sampled_from(["renamed", "linked"]), _PATHS, _PATHS).filter(lambda step: step[1] != step[2]),
)


@examples(200)
@given(steps=st.lists(_STEPS, max_size=12))
def test_a_name_that_came_by_a_rename_or_a_link_is_never_only_read(steps: Sequence[tuple[str, bytes, bytes]]) -> None:
    names = Names()
    for how, *paths in steps:
        if how == "opened":
            names.opened(paths[0], "read")
        else:
            getattr(names, how)(*paths)
            if how == "linked" or b"/" + paths[0] != paths[1]:
                moved = [
                    file for path, file in names.files.items() if path == paths[1] or path.startswith(paths[1] + b"/")
                ]
                assert any("write" in file.access for file in moved)
    for file in names.files.values():
        assert file.access <= {"read", "write"}
        assert file.access
        assert file.origin is None or "write" in file.access
