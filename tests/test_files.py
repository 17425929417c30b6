"""Files: read up to a limit, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attest import _files
from attest.errors import InputError
from tests.builders import refused
from tests.missing import missing


def test_a_file_is_read_up_to_the_limit_and_not_beyond(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert _files.read(path, limit=5) == b"12345"
    with refused(InputError, "file-too-large", str(path)):
        _files.read(path, limit=4)


def test_a_file_without_end_is_not_read_to_the_end() -> None:
    with refused(InputError, "file-too-large", "/dev/zero"):
        _files.read("/dev/zero", limit=1000)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", tmp_path / "missing" / "file"):
        with refused(InputError, "file-unreadable", str(path)):
            _files.read(path)
    with refused(InputError, "file-unreadable"):
        _files.read("a\0b")


def test_a_file_is_written_with_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    _files.write(path, b"secret", mode=0o600)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_and_never_changed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with path.open("rb") as reader:
        _files.write(path, b"after")
        assert reader.read() == b"before"
    assert path.read_bytes() == b"after"


def test_an_existing_file_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with refused(InputError, "output-exists", str(path)):
        _files.write(path, b"after", overwrite=False)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_bytes(b"before")
    (tmp_path / "link").symlink_to("real/file")
    _files.write(tmp_path / "link", b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_bytes() == b"after"


def test_what_the_system_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "out", "/proc/attest-test"):
        with refused(InputError, "output-failed", str(path)):
            _files.write(path, b"data")
    with refused(InputError, "output-failed"):
        _files.write(tmp_path, b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_no_half_file() -> None:
    with refused(InputError, "output-failed", "/dev/full") as caught:
        _files.write("/dev/full", b"data")
    assert "no space left" in caught.value.message


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _files.write(pipe, b"data")
        assert os.read(reader, 100) == b"data"
    finally:
        os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_name_that_no_file_can_have_is_not_written() -> None:
    with refused(InputError, "output-failed"):
        _files.write("a\0b", b"data")


def test_a_file_is_updated_with_its_permissions_and_through_its_link(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"before")
    path.chmod(0o640)
    link.symlink_to(path)
    assert _files.update(link, bytes.upper)
    assert path.read_bytes() == b"BEFORE"
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_a_file_of_somebody_else_stays_theirs(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can give a file to somebody else")
    path = tmp_path / "file"
    path.write_bytes(b"before")
    os.chown(path, 1234, 5678)
    _files.update(path, bytes.upper)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5678)


def test_an_update_that_has_nothing_to_say_or_fails_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    own = path.stat()

    def fail(data: bytes) -> bytes:
        raise InputError("json-invalid", f"{len(data)} bytes of nonsense")

    assert not _files.update(path, lambda _: None)
    with refused(InputError, "json-invalid"):
        _files.update(path, fail)
    with refused(InputError, "file-too-large", str(path)):
        _files.update(path, bytes.upper, limit=5)
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
        _files.update(path, bytes.upper)
    with refused(InputError, "output-failed"):
        _files.update("a\0b", bytes.upper)


def test_no_update_is_lost_when_many_are_made_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")

    def add(letter: int) -> None:
        for _ in range(10):
            _files.update(path, lambda data: data + bytes([letter]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, b"abcd"))
    assert sorted(path.read_bytes()) == sorted(b"abcd" * 10)


def test_an_update_waits_for_the_one_before_it_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_files, "LOCK_SECONDS", 0.05)
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def meanwhile(data: bytes) -> bytes:
        with refused(InputError, "file-busy", str(path)):
            _files.update(path, bytes.title)
        return data.upper()

    assert _files.update(path, meanwhile)
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
        _files.update(path, meanwhile)
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
    assert _files.update(path, bytes.upper)
    assert path.read_bytes() == b"THEIRS"
