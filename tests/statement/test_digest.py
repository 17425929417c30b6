"""Digests: which algorithms there are, hashing files once, and directories as the specification's shell recipe does."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import digest
from attest.errors import InputError
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

HEX = "ab" * 32
# digest_set.md, dirHash: the command that the value is defined by.
RECIPE = "find . -type f | cut -c3- | LC_ALL=C sort | xargs -r sha256sum | sha256sum"


@pytest.mark.parametrize(
    ("text", "digests"),
    [
        (f"sha256:{HEX}", {"sha256": HEX}),
        (f"sha256:{HEX.upper()}", {"sha256": HEX}),
        (f"sha256:{HEX},gitCommit:{'0' * 40}", {"sha256": HEX, "gitCommit": "0" * 40}),
        (f"sha256:{HEX},sha256:{HEX.upper()}", {"sha256": HEX}),
        (f"gitCommit:{HEX}", {"gitCommit": HEX}),
        (f"digest:sha256:{HEX}", {"sha256": HEX}),
    ],
)
def test_digests_are_read_from_text_in_lower_case(text: str, digests: dict[str, str]) -> None:
    assert digest.is_digest(text)
    assert digest.parse_digest(text) == digests


@pytest.mark.parametrize(
    "text",
    [
        "sha256:",
        "sha256:abc",
        f"sha256:{HEX}0",
        f"sha256:{'zz' * 32}",
        f"sha256:{HEX}\n",
        f"sha256: {HEX[1:]}",
        f"sha512:{HEX}",
        f"sha256:{HEX},",
        f"sha256:{HEX},md6:{HEX}",
        f"sha256:{HEX},sha256:{'cd' * 32}",
        f"SHA256:{HEX}",
        HEX,
        "",
    ],
)
def test_what_is_not_a_digest_is_refused(text: str) -> None:
    with refused(InputError, "digest-invalid"):
        digest.parse_digest(text)


def test_an_unknown_algorithm_is_answered_with_the_known_ones() -> None:
    with refused(InputError, "digest-invalid") as caught:
        digest.parse_digest("md6:00")
    assert "sha224, sha256, sha384" in (caught.value.hint or "")


@pytest.mark.parametrize("prefix", ["", "digest:"])
def test_the_name_of_a_file_that_reads_as_a_digest_is_a_question(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{prefix}sha256:{HEX}").write_bytes(b"")
    with refused(InputError, "name-ambiguous") as caught:
        digest.is_digest(f"{prefix}sha256:{HEX}")
    other = "rename the file if you mean a digest" if prefix else f"digest:sha256:{HEX} for a digest"
    assert (caught.value.hint or "").endswith(f", or {other}.")


@pytest.mark.parametrize("text", ["app.whl", "C:file", "pkg:pypi/acme", HEX, "sha256", f"SHA256:{HEX}"])
def test_names_of_files_are_not_taken_for_digests(text: str) -> None:
    assert not digest.is_digest(text)


@pytest.mark.parametrize(
    ("algorithm", "value", "verdict"),
    [
        ("sha256", HEX, True),
        ("sha256", HEX.upper(), True),
        ("sha256", HEX[:-1], False),
        ("sha256", "", False),
        ("gitCommit", "0" * 40, True),
        ("gitCommit", "0" * 64, True),
        ("gitCommit", "0" * 50, False),
        ("example_custom", "anything at all", True),
    ],
)
def test_the_form_of_a_digest_is_that_of_its_algorithm(algorithm: str, value: str, verdict: bool) -> None:
    assert digest.is_well_formed(algorithm, value) is verdict


@pytest.mark.parametrize("name", [*digest.HEX_LENGTHS, "SHA256", "Sha1", "gitcommit", "example_custom", ""])
def test_of_usual_digests_nothing_is_said(name: str) -> None:
    for length in {0, 1, 63, 65, *(one for lengths in digest.HEX_LENGTHS.values() for one in lengths)}:
        for last in ("", "f", "F", "g", "\n", " ", "_", "\u0661", "\uff11"):
            value = ("aB" * 64)[: length - len(last)] + last
            known = name in digest.HEX_LENGTHS
            assert digest.is_usual({name: value}) is (known and digest.is_well_formed(name, value))
            assert digest.is_usual({"sha256": HEX, name: value}) is digest.is_usual({name: value})
            assert not (digest.is_usual({name: value}) and digest.meant(name))


def test_every_computable_algorithm_is_strong_and_has_the_length_it_is_said_to_have() -> None:
    assert set(digest.COMPUTABLE) <= digest.STRONG <= set(digest.HEX_LENGTHS)
    made = digest.hash_stream(io.BytesIO(b"abc"), digest.COMPUTABLE)
    assert set(made) == set(digest.COMPUTABLE)
    assert all(digest.is_well_formed(algorithm, value) for algorithm, value in made.items())
    assert made["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("weak", ["md5", "sha1", "sha224", "ripemd160", "example_custom"])
def test_weak_and_unknown_algorithms_are_neither_strong_nor_made(weak: str) -> None:
    assert weak not in digest.STRONG
    with refused(InputError, "digest-unsupported"):
        digest.check_algorithms(["sha256", weak])


def test_algorithms_are_taken_once_and_in_order() -> None:
    assert digest.check_algorithms(["sha512", "sha256", "sha512"]) == ("sha512", "sha256")


class OnlyRead:
    """A stream without readinto, as some wrappers are."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, 1000))


class OnlyReadInto:
    """A stream that fills what it is given, and makes no copies."""

    def __init__(self, data: bytes) -> None:
        self.readinto = io.BytesIO(data).readinto


def test_a_stream_is_hashed_in_pieces_whatever_it_offers() -> None:
    data = os.urandom(3 << 20)
    expected = {"sha256": hashlib.sha256(data).hexdigest(), "blake2b": hashlib.blake2b(data).hexdigest()}
    assert digest.hash_stream(io.BytesIO(data), expected) == expected
    assert digest.hash_stream(OnlyRead(data), expected) == expected  # type: ignore[arg-type]
    assert digest.hash_stream(OnlyReadInto(data), expected) == expected  # type: ignore[arg-type]


def test_progress_is_told_every_byte_once_however_many_digests_are_made(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(2_500_000))
    told: list[int] = []
    digest.hash_file(tmp_path / "big", digest.COMPUTABLE, told.append)
    assert sum(told) == 2_500_000
    assert len(told) > 1
    told.clear()
    digest.hash_directory(tmp_path, told.append)
    assert sum(told) == 2_500_000


def test_a_link_to_a_file_is_hashed_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert digest.hash_file(tmp_path / "link", ["sha256"]) == digest.hash_file(tmp_path / "file", ["sha256"])


@pytest.mark.parametrize("change", ["append", "truncate", "overwrite", "overwrite and set back the time"])
def test_a_file_that_changes_while_it_is_read_has_no_digest(tmp_path: Path, change: str) -> None:
    path = tmp_path / "growing"
    path.write_bytes(bytes(3 << 20))
    os.utime(path, ns=(0, 0))

    pieces: list[int] = []

    def interfere(count: int) -> None:
        # The hasher calls this between two reads: another writer's moment, only that it never misses it.
        pieces.append(count)
        if len(pieces) > 1:
            return
        with path.open("r+b") as stream:
            if change == "append":
                stream.seek(0, os.SEEK_END)
            if change == "truncate":
                stream.truncate(2 << 20)
            else:
                stream.write(b"changed")
        if change.endswith("time"):
            os.utime(path, ns=(0, 0))

    with refused(InputError, "file-changed", str(path)):
        digest.hash_file(path, ["sha256"], interfere)


def test_a_file_is_told_from_another_by_all_that_a_write_or_a_replacement_changes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    status = (tmp_path / "file").stat()
    _, state = digest.hash_named(tmp_path / "file", ["sha256"])
    assert state == (status.st_dev, status.st_ino, 3, status.st_mtime_ns, status.st_ctime_ns)


def test_what_is_not_a_readable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "dangling", "/dev/null"):
        with refused(InputError, "file-unreadable", str(path)):
            digest.hash_file(path, ["sha256"])


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with refused(InputError, "file-unreadable"):
        digest.hash_file("a\0b", ["sha256"])


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        hashing = pool.submit(digest.hash_file, pipe, ["sha256"])
        waited = not wait([hashing], timeout=20).done
        if waited:
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    assert not waited
    with refused(InputError, "file-unreadable", str(pipe)):
        hashing.result()


def recipe(folder: Path) -> str:
    ran = subprocess.run(RECIPE, shell=True, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S602
    return ran.stdout.split()[0]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Names whose order differs between a locale's, a path's and the bytes' own; the recipe knows no spaces."""
    folder = tmp_path / "tree"
    for name in ("b", "B", "a/z", "a.txt", "a-b/c", "a/b/c", "é", "ab", "_", "A/0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "empty").mkdir()
    (folder / "executable").write_bytes(b"")
    (folder / "executable").chmod(0o755)
    return folder


def test_a_directory_has_the_dirhash_of_the_shell_recipe(tree: Path) -> None:
    assert digest.hash_directory(tree) == {"dirHash": recipe(tree)}


def test_a_dirhash_is_that_of_names_and_contents_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    before = digest.hash_directory(tree)
    shutil.copytree(tree, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "b", (0, 0))
    assert digest.hash_directory(tmp_path / "copy") == before
    (tree / "b").rename(tree / "bb")
    assert digest.hash_directory(tree) != before


def test_names_that_are_not_utf8_are_hashed_as_they_are(tmp_path: Path) -> None:
    name = b"caf\xe9"
    with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
        pass
    line = hashlib.sha256(b"").hexdigest().encode() + b"  " + name + b"\n"
    assert digest.hash_directory(tmp_path) == {"dirHash": hashlib.sha256(line).hexdigest()}


@pytest.mark.parametrize("kind", ["link", "link to a directory", "dangling link", "pipe", "line break"])
def test_a_directory_that_a_digest_could_not_pin_down_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"")
    odd = tmp_path / "sub" / ("odd\nname" if kind == "line break" else "odd")
    match kind:
        case "link":
            odd.symlink_to("file")
        case "link to a directory":
            odd.symlink_to("/")
        case "dangling link":
            odd.symlink_to("nowhere")
        case "pipe":
            os.mkfifo(odd)
        case _:
            odd.write_bytes(b"")
    with refused(InputError, "directory-unhashable") as caught:
        digest.hash_directory(tmp_path)
    assert "odd" in (caught.value.where or "")


def test_a_directory_without_files_has_no_dirhash(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with refused(InputError, "directory-unhashable", str(tmp_path)):
        digest.hash_directory(tmp_path)


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "missing", tmp_path / "file"):
        with refused(InputError, "file-unreadable", str(path)):
            digest.hash_directory(path)


ALGORITHMS = ("sha256", "sha512", "gitCommit", "sha1", "md5", "made-up")
SETS = st.dictionaries(
    st.sampled_from(ALGORITHMS), st.sampled_from(["aa", "AA", "bb", None, 7]), max_size=len(ALGORITHMS)
)


def lower(digests: dict[str, Any]) -> dict[str, Any]:
    return {name: value.lower() if isinstance(value, str) else value for name, value in digests.items()}


@given(SETS, SETS)
def test_two_sets_of_digests_are_of_the_same_thing_by_a_strong_one_in_common_and_none_that_differs(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    def equal(name: str) -> bool:
        return isinstance(one[name], str) and isinstance(other[name], str) and one[name].lower() == other[name].lower()

    one = lower(one)
    common = one.keys() & other.keys()
    same = {name for name in common if equal(name)}
    found = digest.compare(one, other)
    assert (found == "same") == (common == same and bool(same & digest.STRONG))
    assert (found == "unrelated") == (not common)
    assert (found == "different") == (bool(common) and not same)
    assert (found == "conflict") == (bool(same) and same != common)
    # Which of the two is asked about decides nothing, and neither does what only one of them has.
    assert digest.compare(lower(other), one) == found
    assert digest.compare({name: one[name] for name in common}, other) == found
    # Another digest that differs makes a no of a yes, and never a yes of a no.
    assert digest.compare({**one, "sha384": "aa"}, {**other, "sha384": "bb"}) != "same"
    # A weak one in common makes nothing the same that wasn't.
    weak = digest.compare({**one, "sha224": "aa"}, {**other, "sha224": "aa"})
    assert (weak == "same") == (found == "same")


def test_algorithms_are_known_by_what_other_formats_call_them() -> None:
    names = ("SHA-256", "SHA256", "sha-256", "SHA3-512", "SHA-512/256", "BLAKE2b-512", "blake2s-256", "BLAKE2b-256")
    found = [digest.algorithm(name) for name in names]
    assert found == ["sha256", "sha256", "sha256", "sha3_512", "sha512_256", "blake2b", "blake2s", None]
    assert digest.gather([("SHA-256", "AB"), ("sha256", "ab"), ("x", "y"), (1, "z")]) == {"sha256": "ab", "x": "y"}
    # Neither of two that differ is anything's, in whatever order and however often they stand there.
    for order in (("ab", "cd"), ("cd", "ab"), ("ab", "cd", "ab")):
        assert digest.compare(digest.gather(("SHA-256", value) for value in order), {"sha256": "ab"}) == "different"


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({"sha256": "aa"}, {"sha256": "AA", "sha512": "bb"}, "same"),
        ({"sha1": "aa", "md5": "bb"}, {"sha1": "aa"}, "weak"),
        ({"sha256": "aa", "sha1": "bb"}, {"sha256": "aa", "sha1": "cc"}, "conflict"),
        ({"sha256": "aa"}, {"sha256": "bb"}, "different"),
        ({"sha256": "aa"}, {"sha256": 1}, "different"),
        ({"sha256": None}, {"sha256": None}, "different"),
        ({"sha256": "aa"}, {"sha512": "aa"}, "unrelated"),
        ({}, {}, "unrelated"),
    ],
)
def test_what_digests_say_of_two_things(one: dict[str, Any], other: dict[str, Any], says: str) -> None:
    assert digest.compare(one, other) == says


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([(1, "aa"), (None, "aa"), ("SHA-256", "AB")], {"sha256": "ab"}),
        ([("sha256", 5), ("sha1", None)], {"sha256": None, "sha1": None}),
        ([("sha256", "aa"), ("SHA256", "bb"), ("sha-256", "aa")], {"sha256": None}),
        ([("SHA3-256", "aa"), ("SHA3_384", "bb")], {"sha3_256": "aa", "sha3_384": "bb"}),
        ([("SHA512/256", "cc"), ("BLAKE2b-512", "aa")], {"sha512_256": "cc", "blake2b": "aa"}),
        ([("blake2s256", "bb"), ("of nobody", "CC")], {"blake2s": "bb", "of nobody": "cc"}),
    ],
)
def test_digests_by_the_names_that_others_give_them(pairs: list[tuple[Any, Any]], found: dict[str, Any]) -> None:
    assert digest.gather(pairs) == found
