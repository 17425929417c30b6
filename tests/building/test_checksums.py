"""Files of checksums become subjects, as the tools that write them mean them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError
from attest.building.checksums import from_checksums
from tests.support.examples import examples

if TYPE_CHECKING:
    from pathlib import Path

A, B = "a" * 64, "b" * 64


def subjects(*files: str | bytes) -> dict[str | None, dict[str, str]]:
    named = [(f"SUMS{n}", one.encode() if isinstance(one, str) else one) for n, one in enumerate(files)]
    return {one.name: dict(one.digest) for one in from_checksums(named)}


@pytest.mark.parametrize(
    ("line", "name", "digests"),
    [
        (f"{A}  app.whl", "app.whl", {"sha256": A}),
        (f"{A} *app.whl", "app.whl", {"sha256": A}),
        (f"{A.upper()}  app.whl", "app.whl", {"sha256": A}),
        (f"{A}  ./dist/app.whl", "dist/app.whl", {"sha256": A}),
        (f"{A}   app", " app", {"sha256": A}),
        (f"{A}  **", "**", {"sha256": A}),
        (f"{A}  a b (c) = d", "a b (c) = d", {"sha256": A}),
        (f"\\{A}  a\\nb\\\\c\\rd", "a\nb\\c\rd", {"sha256": A}),
        (f"{A}  a\\nb", "a\\nb", {"sha256": A}),
        (f"{'c' * 96}  app", "app", {"sha384": "c" * 96}),
        (f"{'c' * 128}  app", "app", {"sha512": "c" * 128}),
        (f"SHA256 (app.whl) = {A}", "app.whl", {"sha256": A}),
        (f"\\SHA256 (a\\nb) = {A}", "a\nb", {"sha256": A}),
        (f"SHA256 (a) = {B}) = {A}", f"a) = {B}", {"sha256": A}),
        (f"SHA256(app.whl)= {A}", "app.whl", {"sha256": A}),
        (f"SHA2-256(app.whl)= {A}", "app.whl", {"sha256": A}),
        (f"SHA512/256 (app) = {A}", "app", {"sha512_256": A}),
        (f"SHA3-256(app)= {A}", "app", {"sha3_256": A}),
        (f"BLAKE2b (app) = {'c' * 128}", "app", {"blake2b": "c" * 128}),
    ],
)
def test_the_forms_of_a_line(line: str, name: str, digests: dict[str, str]) -> None:
    for text in (line, f"{line}\n", f"{line}\r\n", f"\ufeff# made by hand\n\n{line}\n"):
        assert subjects(text) == {name: digests}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("app.whl", "not a checksum"),
        (f"{A}", "not a checksum"),
        (f"{A} app.whl", "not a checksum"),
        (f"{A}\tapp.whl", "not a checksum"),
        (f"{A}  ", "not a checksum"),
        (f" {A}  app", "not a checksum"),
        (f"{A}  ./", "the name is not valid"),
        (f"{A}  -", "standard input"),
        (f"\\{A}  a\\tb", "the name is not valid"),
        (f"\\{A}  a\\", "the name is not valid"),
        (f"{A}  a\0b", "the name is not valid"),
        (f"{'c' * 32}  app", "md5 is too weak"),
        (f"{'c' * 40}  app", "sha1 is too weak"),
        (f"{'c' * 56}  app", "sha224 is too weak"),
        (f"MD5 (app) = {'c' * 32}", "md5 is too weak"),
        (f"SHA256 (app) = {'c' * 63}", "not a sha256 digest"),
        (f"CRC32 (app) = {'c' * 8}", "CRC32 is not a known algorithm"),
        (f"{'c' * 62}  app", "a digest of 62 hex digits"),
        ("-----BEGIN PGP SIGNED MESSAGE-----", "signed with PGP"),
        (f"{B}  ok", "two different sha256 digests"),
    ],
)
def test_every_other_line_is_an_error_with_its_number(line: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        subjects(f"{A}  ok\n{line}\n{A}  after\n")
    assert (caught.value.code, caught.value.where) == ("checksums-invalid", "SUMS0: line 2")


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"\n\r\n", f"{A}  app".encode("utf-16"), b"\xff"])
def test_a_file_without_a_checksum_is_an_error(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        subjects(data)
    assert caught.value.code == "checksums-invalid"


def test_the_digests_of_one_name_are_one_subject() -> None:
    both = {"app": {"sha256": A, "sha512": "c" * 128}, "lib": {"sha256": B}}
    assert subjects(f"{A}  app\n{B}  lib\n{A}  app\n", f"{'c' * 128}  app\n") == both
    with pytest.raises(InputError) as caught:
        subjects(f"{A}  app\n", f"{B}  app\n")
    assert caught.value.where == "SUMS1: line 1"


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda name: name != "-" and name.removeprefix("./") not in ("", "-")
)


@examples(200)
@given(NAMES, st.booleans(), st.booleans())
def test_whatever_a_file_is_called_it_is_found_under_its_name(name: str, is_bsd: bool, has_cr: bool) -> None:
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    line = f"{mark}SHA256 ({escaped}) = {A}" if is_bsd else f"{mark}{A}  {escaped}"
    end = "\r\n" if has_cr else "\n"
    assert subjects(f"{line}{end}") == {name.removeprefix("./"): {"sha256": A}}


@pytest.mark.parametrize("command", [["sha256sum"], ["sha256sum", "--tag"], ["sha512sum", "-b"], ["openssl", "dgst"]])
def test_what_the_tools_write(command: list[str], tmp_path: Path) -> None:
    assert shutil.which(command[0])
    names = ["app.whl", "a b", "back\\slash", "line\nbreak"] if command[0] != "openssl" else ["app.whl", "a b"]
    for name in names:
        (tmp_path / name).write_bytes(b"hello\n")
    made = subprocess.run([*command, *names], cwd=tmp_path, check=True, capture_output=True).stdout
    read = subjects(made)
    assert list(read) == names
    assert {next(iter(digests)) for digests in read.values()} == {"sha512" if "sha512sum" in command else "sha256"}
