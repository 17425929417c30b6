"""Harmful archives are refused before they cost much, and those of honest tools are read as the tools read them."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from attest import InputError
from attest.building import archives
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

ANY: Final = re.compile(r"(.*)/WANTED")
SEVERAL: Final = [None, b"x" * 10, b"x" * 511, b"x" * 512, b"x" * 513, b"x" * 5000]


def files(path: Path, name: re.Pattern[str] = ANY) -> dict[str, bytes]:
    read = archives.in_zip if path.suffix == ".zip" else archives.in_tarball
    with path.open("rb") as stream, archives.refusals():
        return {match[0]: content for match, content in read(stream, name)}


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        files(path)
    assert caught.value.code == "package-invalid"
    return caught.value.message


# --- tar


def header(name: str = "x", kind: bytes = b"0", size: int = 0, *, path: str = "") -> bytes:
    """A header as POSIX has it, which may claim any size."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    block = info.tobuf(tarfile.GNU_FORMAT if size >= 8 << 30 else tarfile.USTAR_FORMAT)
    return checked(block[:345] + path.encode().ljust(155, b"\0") + block[500:]) if path else block


def checked(block: bytes) -> bytes:
    """A header with the checksum that it should have."""
    total = sum(block[:148]) + 8 * 32 + sum(block[156:])
    return block[:148] + b"%06o\0 " % total + block[156:]


def entry(name: str, content: bytes = b"", kind: bytes = b"0") -> bytes:
    return header(name, kind, len(content)) + padded(content)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def attributes(kind: bytes = b"x", **values: str) -> bytes:
    """A pax header; `__` in a keyword stands for a full stop."""
    records = b""
    for keyword, value in values.items():
        rest = f" {keyword.replace('__', '.')}={value}\n".encode()
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length += 1
        records += str(length).encode() + rest
    return entry("attributes", records, kind)


def packed(folder: Path, parts: Iterable[bytes], end: bytes = bytes(1024)) -> Path:
    path = folder / "a.tar.gz"
    with gzip.open(path, "wb", 1) as out:
        for part in parts:
            out.write(part)
        out.write(end)
    return path


class Counted(gzip.GzipFile):
    """Says how much was asked of it at once, and how much of it was read in all."""

    largest = total = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size >= 0
        data = super().read(size)
        Counted.largest, Counted.total = max(Counted.largest, size), Counted.total + len(data)
        return data


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    monkeypatch.setattr(gzip, "GzipFile", Counted)
    Counted.largest = Counted.total = 0
    return Counted


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_writes_is_read_as_tarfile_reads_it(form: int, tmp_path: Path) -> None:
    path, written = tmp_path / "a.tar.gz", {}
    with tarfile.open(path, "w:gz", format=form, pax_headers={"comment": "made by a test"}) as archive:
        for n, content in enumerate(SEVERAL):
            for folder in (f"app-{n}", f"./{n}", f"{n}é", f"{n}{'/deep' * 25}", f"{n}" + f"/{'long' * 40}"):
                if form == tarfile.USTAR_FORMAT and len(folder) > 150:
                    continue
                info = tarfile.TarInfo(f"{folder}/WANTED")
                info.size, info.mtime = (
                    len(content or b""),
                    1700000000 if form == tarfile.USTAR_FORMAT else 1700000000.5,
                )
                archive.addfile(info, io.BytesIO(content or b""))
                written[info.name] = content or b""
                folder_info = tarfile.TarInfo(f"{folder}/folder")
                folder_info.type = tarfile.DIRTYPE
                archive.addfile(folder_info)
                for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                    link = tarfile.TarInfo(f"{folder}/link")
                    link.type, link.linkname = kind, f"{folder[:90]}/WANTED"
                    archive.addfile(link)
    assert files(path) == written


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_what_gnu_tar_writes_is_read(form: str, tmp_path: Path) -> None:
    program = shutil.which("tar")
    if program is None or b"GNU tar" not in subprocess.run([program, "--version"], capture_output=True).stdout:
        missing("GNU tar is not here")
    (tmp_path / "app" / "below").mkdir(parents=True)
    for name, content in (("app/WANTED", b"one"), ("app/below/WANTED", b"x" * 1025)):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "app" / "link").symlink_to("WANTED")
    os.link(tmp_path / "app" / "WANTED", tmp_path / "app" / "other")
    command = [program, f"--format={form}", "--sort=name", "-czf", "a.tar.gz", "app"]  # app/WANTED before its link
    subprocess.run(command, cwd=tmp_path, check=True)
    found = files(tmp_path / "a.tar.gz")
    assert found["app/below/WANTED"] == b"x" * 1025
    assert found.get("app/WANTED", b"one") == b"one"  # GNU tar writes one of the two names as a link to the other


def test_what_git_archives_is_read(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    (tmp_path / "WANTED").write_bytes(b"one")
    for command in (["init", "-q"], ["add", "WANTED"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    subprocess.run([*git, "archive", "--prefix=app/", "-o", "a.tar.gz", "HEAD"], cwd=tmp_path, check=True)
    assert files(tmp_path / "a.tar.gz") == {"app/WANTED": b"one"}


def test_a_name_in_two_parts_and_one_in_a_header_of_its_own(tmp_path: Path) -> None:
    long = "long/" * 60 + "WANTED"
    parts = [
        header("b/WANTED", path="a"),
        entry("././@LongLink", long.encode() + b"\0", b"L"),
        entry("cut/off", b"1"),
        attributes(path="é/WANTED", size="2", mtime="1.5"),
        header("cut/off", size=0) + padded(b"22"),
        entry("././@LongLink", b"where/it/leads\0", b"K"),
        header("c/WANTED") + header("folder/", b"5", size=4096) + header("d/WANTED"),
    ]
    assert files(packed(tmp_path, parts)) == {
        "a/b/WANTED": b"",
        long: b"1",
        "é/WANTED": b"22",
        "c/WANTED": b"",
        "d/WANTED": b"",
    }


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"X", b"g"])
def test_a_header_that_announces_a_gigantic_name_is_refused_before_it_is_read(
    kind: bytes, tmp_path: Path, counted: type[Counted]
) -> None:
    path = packed(tmp_path, [header(kind=kind, size=900 << 20), *[bytes(1 << 20)] * 8])
    assert "too long" in refused(path)
    assert counted.total == counted.largest == 512


@pytest.mark.parametrize(
    "parts",
    [
        [header(kind=b"S"), bytes(512)],
        [attributes(GNU__sparse__major="1", GNU__sparse__minor="0"), entry("x", b"1\n" * 1000)],
        [attributes(GNU__sparse__map="0,1,2,3", GNU__sparse__size="9"), entry("x")],
        [attributes(b"g", GNU__sparse__major="1"), entry("x")],
    ],
)
def test_sparse_files_are_refused_before_their_maps_are_read(
    parts: list[bytes], tmp_path: Path, counted: type[Counted]
) -> None:
    assert "sparse" in refused(packed(tmp_path, [*parts, *[bytes(1 << 20)] * 8]))
    assert counted.total <= 1024


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([attributes(path="a"), attributes(path="b"), entry("x")], "two headers"),
        ([entry("", b"a", b"L"), entry("", b"b", b"L"), entry("x")], "two headers"),
        ([entry("", b"a", b"L"), attributes(path="b"), entry("x")], "two paths"),
        ([attributes(path="b"), entry("", b"a", b"L"), entry("x")], "two paths"),
        ([attributes(path="a"), attributes(b"g", comment="b"), entry("x")], "two headers"),
        ([attributes(b"g", path="a/WANTED"), entry("x")], "the same path or size"),
        ([attributes(b"g", size="3"), entry("x", b"abc")], "the same path or size"),
        ([attributes(path="a")], "truncated"),
        ([entry("", b"a", b"L")], "truncated"),
        ([attributes(size="-1"), entry("x")], "number"),
        ([attributes(size="1" * 5000), entry("x")], "number"),
        ([attributes(size="\u0661"), entry("x")], "number"),
        ([attributes(size="9" * 18), entry("x")], "unpacks to more"),
        ([entry("", b"9 a=", b"x"), entry("x")], "attributes"),
        ([entry("", b"6 a=b", b"x"), entry("x")], "attributes"),
        ([entry("", b"5 a=b\n", b"x"), entry("x")], "attributes"),
        ([entry("", b"6 a:b\n", b"x"), entry("x")], "attributes"),
        ([entry("", b"0 a=b\n", b"x"), entry("x")], "attributes"),
        ([entry("", b"6 a=b\n" + bytes(9), b"x"), entry("x")], "attributes"),
        ([entry("", b"5 a=\n" * 1001, b"x"), entry("x")], "too many attributes"),
        ([entry("x", b"a", b"1")], "not supported"),
        ([entry("x", b"a", b"2")], "not supported"),
        ([entry("x/", b"a", b"\0")], "not supported"),
        ([entry("x", b"a", b"M")], "not supported"),
        ([entry("x", b"", b"V")], "not supported"),
        ([entry("x", b"", b"\xff")], "not supported"),
        ([header("x")[:-1] + b"\1"], "checksum"),
        ([checked(header("x")[:124] + b"-0000000001\0" + header("x")[136:])], "number"),
        ([checked(header("x")[:124] + b"\xff" * 12 + header("x")[136:])], "number"),
        ([checked(header("x")[:124] + b"\x80" + b"\xff" * 11 + header("x")[136:])], "unpacks to more"),
        ([checked(header("x")[:257] + b"ustar  \0" + header("x")[265:345] + b"1" * 11 + header("x")[356:])], "old"),
        ([header("a/WANTED", b"2")], "not a file"),
        ([header("a/WANTED", b"5")], "not a file"),
        ([header("a/WANTED", size=archives.MAX_CONTENT + 1)], "larger than"),
        ([header("x", size=1 << 40)], "unpacks to more"),
        ([entry("x"), bytes(512), entry("x")], "data after its end"),
    ],
)
def test_what_tools_would_read_differently_or_not_at_all_is_refused(
    parts: list[bytes], reason: str, tmp_path: Path
) -> None:
    assert reason in refused(packed(tmp_path, parts))


def test_an_archive_that_ends_early_is_refused(tmp_path: Path) -> None:
    whole = entry("x", b"1" * 600) + entry("a/WANTED", b"2" * 600)
    assert len(files(packed(tmp_path, [whole], end=b""))) == 1
    for length in range(1, len(whole), 100):
        assert length == 1536 or "truncated" in refused(packed(tmp_path, [whole[:length]], end=b""))


def test_an_archive_that_unpacks_to_too_much_is_read_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: type[Counted]
) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1 << 20)
    path = packed(tmp_path, [entry("x", bytes(1 << 18))] * 8)
    assert path.stat().st_size < 20_000
    assert "unpacks to more" in refused(path)
    assert counted.total <= 1 << 20
    # What follows the end is unpacked too, and counted.
    assert "unpacks to more" in refused(packed(tmp_path, [], end=bytes(2 << 20)))


def test_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 10)
    assert len(files(packed(tmp_path, [entry(f"{n}/WANTED") for n in range(10)]))) == 10
    assert "more than 10 entries" in refused(packed(tmp_path, [entry("x")] * 11))


def test_names_and_attributes_cost_no_more_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: type[Counted]
) -> None:
    monkeypatch.setattr(archives, "MAX_EXTENSIONS", 1 << 16)
    for part in (entry("", b"", b"g"), entry("", b"", b"K") + entry("x"), attributes(path="y" * 400) + entry("x")):
        assert "too long" in refused(packed(tmp_path, [part] * 2000))
        assert counted.total < 1 << 20


def test_memory_does_not_grow_with_a_tarball(tmp_path: Path) -> None:
    one = attributes(comment="c" * 200) + entry("x") + entry("", b"long/" * 20 + b"name", b"L") + entry("x", bytes(100))
    path = packed(tmp_path, [one * 100] * 20)
    tracemalloc.start()
    try:
        assert files(path) == {}
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


# --- zip


def zipped(folder: Path, *entries: bytes, end: Callable[[bytes], bytes] = lambda end: end) -> Path:
    """A zip archive whose list of entries is the `entries`, and none of which is there."""
    path = folder / "a.zip"
    listed = b"".join(entries)
    number = min(len(entries), 65535)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, len(listed), 30, 0)
    path.write_bytes(b"PK\3\4" + bytes(26) + listed + end(last))
    return path


def listed(name: bytes, extra: bytes = b"") -> bytes:
    numbers = (20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), len(extra), 0, 0, 0, 0, 0)
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", *numbers) + name + extra


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_in_a_zip_archive_are_read(method: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    written = {f"{n}/WANTED": content or b"" for n, content in enumerate(SEVERAL)}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in written.items():
            archive.writestr(name, content)
            archive.writestr(f"{name}/not", b"")
        archive.comment = b"PK\1\2 and so on" * 9
    assert files(path) == written


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_cannot_be_unpacked_a_little_at_a_time_is_refused(method: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a/OTHER", b"")
    assert files(path) == {}
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a/WANTED", b"")
    assert "compressed by a method" in refused(path)


def test_of_a_file_that_unpacks_to_too_much_no_more_is_read_than_it_takes_to_know(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a/WANTED", "w") as out:
        for _ in range(64):
            out.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        assert "larger than" in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 4 * archives.MAX_CONTENT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([listed(b"a")] * 21, "more than 20"),
        ([listed(b"a", bytes(4097))], "corrupt entry"),
        ([listed(b"a" * 5000)], "too many entries"),
        ([b"PK\1\1" + listed(b"a")[4:]], "corrupt entry"),
        ([listed(b"a")[:-2]], "corrupt"),
        ([listed(b"a"), b"PK\1\2"], "corrupt"),
    ],
)
def test_a_list_of_entries_that_would_cost_too_much_is_refused_before_zipfile_reads_it(
    entries: list[bytes], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files(zipped(tmp_path, listed(b"a"), listed(b"b"))) == {}
    monkeypatch.setattr(archives, "MAX_ENTRIES", 20)
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 5000)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert reason in refused(zipped(tmp_path, *entries))


@pytest.mark.parametrize(
    "end",
    [
        lambda end: b"PK\6\7" + bytes(16) + end,
        lambda end: end[:12] + b"\xff\xff\xff\0" + end[16:],
        lambda end: end[:12] + b"\xff\x0f\0\0" + end[16:],
        lambda end: end[:-1],
        lambda _: b"",
    ],
)
def test_an_end_that_could_be_read_in_two_ways_is_refused(
    end: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert refused(zipped(tmp_path, listed(b"a"), end=end))
