"""Files: read up to a limit, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attest._base import files, notices
from attest.errors import InputError
from tests.support.watching import refused


def test_a_file_is_read_up_to_the_limit_and_not_beyond(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert files.read(path, limit=5) == b"12345"
    with refused(InputError, "file-too-large", str(path)):
        files.read(path, limit=4)


def test_a_file_without_end_is_not_read_to_the_end() -> None:
    with refused(InputError, "file-too-large", "/dev/zero"):
        files.read("/dev/zero", limit=1000)


def test_a_small_file_takes_little_memory_however_large_it_might_be(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    tracemalloc.start()
    try:
        files.read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 10


def test_a_large_file_is_read_whole_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data := bytes(range(256)) * (5 << 12))
    assert files.read(path) == data


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", tmp_path / "missing" / "file"):
        with refused(InputError, "file-unreadable", str(path)):
            files.read(path)
    with refused(InputError, "file-unreadable"):
        files.read("a\0b")


def test_a_file_is_written_with_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    files.write(path, b"secret", mode=0o600)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_and_never_changed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with path.open("rb") as reader:
        files.write(path, b"after")
        assert reader.read() == b"before"
    assert path.read_bytes() == b"after"


def test_an_existing_file_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with refused(InputError, "output-exists", str(path)):
        files.write(path, b"after", overwrite=False)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "leads_to", ["file", "nowhere", "pipe", "folder", "/dev/stdout", "/dev/null", "/proc/self/fd/1"]
)
@pytest.mark.parametrize("act", ["write", "write anew", "append", "update"])
def test_nothing_is_written_through_a_link(leads_to: str, act: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    link = tmp_path / "link"
    link.symlink_to(leads_to)
    before = sorted(tmp_path.iterdir())
    with refused(InputError, "output-failed", str(link)) as caught:
        if act == "write":
            files.write(link, b"after")
        elif act == "write anew":
            files.write(link, b"after", overwrite=False)
        elif act == "append":
            files.append(link, b"after")
        else:
            files.update(link, bytes.upper)
    assert "symbolic link" in caught.value.message
    assert caught.value.hint is not None
    with refused(InputError, "output-failed", str(link)):
        files.demand_no_link(link)
    assert (tmp_path / "file").read_bytes() == b"before"
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == before


def test_a_link_among_the_folders_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    files.write(tmp_path / "link" / "file", b"first")
    files.append(tmp_path / "link" / "file", b", second")
    files.update(tmp_path / "link" / "file", bytes.upper)
    assert (tmp_path / "real" / "file").read_bytes() == b"FIRST, SECOND"


def test_a_link_that_comes_between_looking_and_writing_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write to the folder can put it there at any moment."""
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_bytes(b"victim")
    monkeypatch.setattr(files, "_demand_no_link", lambda target: None)
    out.symlink_to("victim")
    for act in (lambda: files.append(out, b"after"), lambda: files.update(out, bytes.upper)):
        with refused(InputError, "output-failed"):
            act()
    with refused(InputError, "output-exists"):
        files.write(out, b"after", overwrite=False)
    files.write(out, b"after")
    assert not out.is_symlink()
    assert (victim.read_bytes(), out.read_bytes()) == (b"victim", b"after")


def test_an_open_descriptor_is_written_to_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as log:
        log.write(b"before ")
        for name in (
            f"/dev/fd/{log.fileno()}",
            f"/proc/self/fd/{log.fileno()}",
            f"/proc/{os.getpid()}/fd/{log.fileno()}",
        ):
            files.write(name, b"between ", overwrite=False)
        files.append(f"/dev/fd//{log.fileno()}", b"and ")
        log.write(b"after")
    assert path.read_bytes() == b"before between between between and after"
    with refused(InputError, "output-failed", "/dev/fd/987654"):
        files.write("/dev/fd/987654", b"data")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("/dev/stdin", 0), ("/dev/stdout", 1), ("/dev/stderr", 2), ("/dev/fd/1", 1), ("/dev/fd/63", 63)),
        *(("/dev/./stdout", 1), ("/dev/fd/x", None), ("/dev/fd", None), ("/proc/1/fd/1", None), ("/dev/null", None)),
        *(("dev/stdout", None), ("stdout", None), ("/dev/fd/\u0661", None), ("", None)),
    ],
)
def test_a_descriptor_is_known_by_its_name(name: str, number: int | None) -> None:
    assert files.descriptor(name) == number


def test_what_is_added_comes_behind_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    files.append(path, b"one")
    files.append(path, b", two")
    assert path.read_bytes() == b"one, two"
    for wrong in (tmp_path, tmp_path / "missing" / "file"):
        with refused(InputError, "output-failed", str(wrong)):
            files.append(wrong, b"data")


def test_a_secret_that_is_open_to_others_is_warned_of_and_another_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"secret")
    said: list[str] = []
    with notices.heard_by(said.append):
        for mode in (0o600, 0o400, 0o700):
            path.chmod(mode)
            files.warn_if_open(path)
        assert said == []
        for mode in (0o644, 0o640, 0o604, 0o620):
            path.chmod(mode)
            files.warn_if_open(path)
            assert said.pop() == f"{path} is accessible to other users (mode {mode:04o}); run `chmod 600` on it"
        for other in (tmp_path, tmp_path / "missing", "a\0b", "/dev/null"):
            files.warn_if_open(other)
        assert said == []


def test_a_secret_of_somebody_else_is_theirs_to_close(tmp_path: Path) -> None:
    path = Path("/etc/passwd")  # root's, and everybody may read it
    if os.geteuid() == 0:
        path = tmp_path / "key"
        path.write_bytes(b"secret")
        os.chown(path, 1234, 5678)
        path.chmod(0o644)
    said: list[str] = []
    with notices.heard_by(said.append):
        files.warn_if_open(path)
    assert said == []


def test_without_a_listener_a_warning_goes_to_the_logger(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"secret")
    path.chmod(0o644)
    files.warn_if_open(path)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("attest", "WARNING")
    assert "chmod 600" in record.getMessage()
    assert "secret" not in record.getMessage()


def test_what_the_system_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "out", "/proc/attest-test"):
        with refused(InputError, "output-failed", str(path)):
            files.write(path, b"data")
    with refused(InputError, "output-failed"):
        files.write(tmp_path, b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_no_half_file() -> None:
    with refused(InputError, "output-failed", "/dev/full") as caught:
        files.write("/dev/full", b"data")
    assert "no space left" in caught.value.message


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write(pipe, b"data")
        assert os.read(reader, 100) == b"data"
    finally:
        os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_name_that_no_file_can_have_is_not_written() -> None:
    with refused(InputError, "output-failed"):
        files.write("a\0b", b"data")


def test_a_file_is_updated_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    path.chmod(0o640)
    assert files.update(path, bytes.upper)
    assert path.read_bytes() == b"BEFORE"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_somebody_else_stays_theirs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    # Only root can give a file away; CI runs this as root too.
    owner = (1234, 5678) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(path, *owner)
    files.update(path, bytes.upper)
    assert (path.stat().st_uid, path.stat().st_gid) == owner


def test_an_update_that_has_nothing_to_say_or_fails_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    own = path.stat()

    def fail(data: bytes) -> bytes:
        raise InputError("json-invalid", f"{len(data)} bytes of nonsense")

    assert not files.update(path, lambda _: None)
    with refused(InputError, "json-invalid"):
        files.update(path, fail)
    with refused(InputError, "file-too-large", str(path)):
        files.update(path, bytes.upper, limit=5)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (own.st_ino, own.st_mtime_ns)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "device"])
def test_what_is_no_regular_file_is_not_updated(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "place"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path(os.devnull)
    with refused(InputError, "output-failed", str(path)):
        files.update(path, bytes.upper)
    with refused(InputError, "output-failed"):
        files.update("a\0b", bytes.upper)


def test_no_update_is_lost_when_many_are_made_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")

    def add(letter: int) -> None:
        for _ in range(10):
            files.update(path, lambda data: data + bytes([letter]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, b"abcd"))
    assert sorted(path.read_bytes()) == sorted(b"abcd" * 10)


def test_an_update_waits_for_the_one_before_it_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.05)
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def meanwhile(data: bytes) -> bytes:
        with refused(InputError, "file-busy", str(path)):
            files.update(path, bytes.title)
        return data.upper()

    assert files.update(path, meanwhile)
    assert path.read_bytes() == b"BEFORE"


@pytest.mark.parametrize("how", ["rewritten", "replaced"])
def test_a_change_by_somebody_who_asks_nobody_is_not_lost(how: str, tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"before")

    def meanwhile(data: bytes) -> bytes:
        (path if how == "rewritten" else other).write_bytes(b"theirs")
        if how == "replaced":
            other.replace(path)
        return data.upper()

    with refused(InputError, "file-changed", str(path)):
        files.update(path, meanwhile)
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_replaced_while_the_lock_was_waited_for_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"before")
    other.write_bytes(b"theirs")
    lock = fcntl.flock

    def replaced_first(handle: int, operation: int) -> None:
        if other.exists():
            other.replace(path)
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", replaced_first)
    assert files.update(path, bytes.upper)
    assert path.read_bytes() == b"THEIRS"
