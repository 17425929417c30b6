"""Files: read up to a limit, written whole or not at all."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attest import _files
from attest.errors import InputError
from tests.builders import refused

if TYPE_CHECKING:
    from pathlib import Path


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
