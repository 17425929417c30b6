"""Whatever is put in, the program answers with one line of error, the right exit code and no traceback."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest._base.json import b64encode
from attest.envelope import Envelope
from tests.support.cli.calls import call, program, shell
from tests.support.cli.inputs import copy_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUSTED = ("--trust", "trust.json", "--artifact", "app.whl")
# Every way to name a file that is read whole, and the exit code where it is no good; FILE stands for it.
READERS = {
    "inspect": (3, "inspect FILE"),
    "verify": (3, "verify FILE --trust trust.json --artifact app.whl"),
    "verify --trust": (3, "verify app.intoto.json --trust FILE --artifact app.whl"),
    "verify --trust-root": (3, "verify app.intoto.json --trust trust.json --trust-root FILE --artifact app.whl"),
    "sign": (3, "sign FILE --signer file:release.pem"),
    "sign --signer": (4, "sign statement.json --signer file:FILE"),
    "merge": (3, "merge app.intoto.json FILE"),
    "convert": (3, "convert app.intoto.json FILE --to jsonl"),
    "convert --key": (3, "convert app.intoto.json --to dsse --key FILE"),
    "sign --certificate-chain": (3, "sign statement.json --signer file:release.pem --certificate-chain FILE"),
    "build --predicate": (3, "build app.whl --type reference --predicate FILE"),
    "predicate check": (3, "predicate check FILE"),
    "key check": (4, "key check file:FILE"),
    "trust init --key": (3, "trust init --anchor release --key FILE"),
    "trust add": (3, "trust add FILE --anchor release --key stranger.pub.pem"),
    "trust show": (3, "trust show FILE"),
    "trust show --trust-root": (3, "trust show trust.json --trust-root FILE"),
    "trust check": (3, "trust check FILE"),
    "trust sign": (3, "trust sign FILE --signer file:release.pem"),
    "trust sign --trust-root": (3, "trust sign trust.json --trust-root FILE --signer file:release.pem"),
    "trust retire": (3, "trust retire FILE --anchor release --key release.pub.pem"),
    "trust revoke": (3, "trust revoke FILE --key release.pub.pem"),
    "trust rotate": (3, "trust rotate FILE --anchor release --old-key release.pub.pem --key stranger.pub.pem"),
    "trust resign": (3, "trust resign trust.json FILE --signer file:release.pem"),
    "trust resign --trust": (3, "trust resign FILE app.intoto.json --signer file:release.pem"),
    "trust diff": (3, "trust diff trust.json FILE"),
}


@pytest.fixture(scope="module")
def _inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for all tests that only read it: nothing that is refused may change what is there."""
    folder = tmp_path_factory.mktemp("inputs")
    copy_inputs(folder)
    (folder / "folder").mkdir()
    (folder / "binary").write_bytes(bytes(range(256)) * 64)
    (folder / "utf16").write_text((folder / "app.intoto.json").read_text(), "utf-16")
    (folder / "array.json").write_text("[{}]")
    (folder / "nul").write_bytes(b"\0" * 64)
    (folder / "deep").write_bytes(b"[" * 100_000)
    (folder / "truncated").write_bytes((folder / "app.intoto.json").read_bytes()[:-100])
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with (folder / "sparse").open("wb") as stream:
        stream.truncate(1 << 30)
    yield folder
    (folder / "sparse").unlink()
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.fixture(autouse=True)
def _among_the_inputs(_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_inputs)


own_inputs = pytest.mark.usefixtures("among_inputs")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("file", ["missing", "folder", "binary", "empty.txt", "truncated"])
def test_a_file_that_is_no_good_is_named_in_one_line(reader: str, file: str) -> None:
    code, line = READERS[reader]
    ran = call(*line.replace("FILE", file).split())
    assert file in ran.refused(code, "")
    assert ran.stdout == b""


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("file", ["utf16", "nul", "deep", "array.json", "passphrase.txt"])
def test_other_things_than_expected_are_refused_by_every_reader(reader: str, file: str) -> None:
    code, line = READERS[reader]
    assert file in call(*line.replace("FILE", file).split()).refused(code, "")


_PR_SET_DUMPABLE = 4  # <linux/prctl.h>
BESIDE = 8 << 20  # more than all that is read beside a file: other files, and modules


def limit_in(message: str) -> int:
    """The bytes of the limit that an error names."""
    found = re.search(r"larger than ([\d,]+) (bytes|KiB|MiB)", message)
    assert found, message
    return int(found[1].replace(",", "")) << {"bytes": 0, "KiB": 10, "MiB": 20}[found[2]]


def bytes_read() -> int:
    """How many this process has read so far, files and streams together."""
    # A command that may hold a secret forbids others to look into its process, and the kernel then gives /proc to root.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    return int(Path("/proc/self/io").read_text().split()[1])


@contextmanager
def little_memory() -> Iterator[None]:
    """Let this process have 256 MiB more than it has, but no more: a gigabyte is not mapped either."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("reader", READERS)
def test_a_gigabyte_is_refused_without_being_read(reader: str) -> None:
    code, line = READERS[reader]
    with little_memory():
        before = bytes_read()
        ran = call(*line.replace("FILE", "sparse").split())
        read = bytes_read() - before
    assert read < limit_in(ran.refused(code, "")) + BESIDE


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("inspect -", "envelope-too-large"),
        ("sign --signer sim:alice", "file-too-large"),
        ("verify - --trust trust.json --no-artifact", "envelope-too-large"),
    ],
)
def test_more_on_standard_input_than_there_is_memory_is_refused(line: str, code: str) -> None:
    with Path("sparse").open("rb") as stream:
        stream.seek(600 << 20, os.SEEK_SET)  # more than 424 MiB are left
        ran = shell(f"ulimit -v 409600; exec attest {line}", stdin=stream)
        read = os.lseek(stream.fileno(), 0, os.SEEK_CUR) - (600 << 20)  # the program's place in the file is ours
    limit = limit_in(ran.refused(3, f"({code})", hint=True))
    # Other lines may follow one that is too long, so it is passed over, piece by piece.
    assert 0 < read <= (limit + BESIDE if code == "file-too-large" else 1 << 30)


def test_a_gigabyte_of_artifact_is_hashed_piece_by_piece() -> None:
    ran = shell("ulimit -v 524288; exec attest verify app.intoto.json --trust trust.json --artifact sparse")
    ran.refused(1, "(artifact-mismatch)")


def test_a_generous_limit_costs_nothing() -> None:
    assert call("verify", "app.intoto.json", *TRUSTED, "--limit", "envelope=999999999999999").done()


@pytest.mark.parametrize("line", ["inspect -", "sign -", "verify -", "build app.whl --type reference --predicate -"])
def test_standard_input_is_called_so_in_errors(line: str) -> None:
    options = {"sign -": ["--signer", "sim:alice"], "verify -": TRUSTED}.get(line, [])
    assert "error: standard input: " in program(*line.split(), *options).refused(3, "(json-invalid)")


def make_encrypted(passphrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_PASSPHRASE", passphrase)
    assert call("key", "generate", "file:secret.pem", "--encrypt").code == 0
    monkeypatch.delenv("ATTEST_PASSPHRASE")


@own_inputs
@pytest.mark.parametrize("command", ["key check", "key export", "sign statement.json --signer"])
def test_a_wrong_passphrase_is_said_to_be_wrong_and_never_shown(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_encrypted("correct horse", monkeypatch)
    Path("wrong.txt").write_text("battery staple\n")
    Path("wrong.txt").chmod(0o600)
    for ran in (
        program(*command.split(), "file:secret.pem", "--passphrase-file", "wrong.txt"),
        program(*command.split(), "file:secret.pem", env={**os.environ, "ATTEST_PASSPHRASE": "battery staple"}),
    ):
        ran.refused(4, "(passphrase-wrong)")
        assert b"battery" not in ran.stdout + ran.stderr


@own_inputs
@pytest.mark.parametrize("command", ["key check", "key export", "sign statement.json --signer"])
def test_a_missing_passphrase_is_said_to_be_missing(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_encrypted("correct horse", monkeypatch)
    program(*command.split(), "file:secret.pem").refused(4, "(passphrase-missing)")


@own_inputs
@pytest.mark.parametrize("line", ["key check file:secret.pem", "key generate file:new.pem --encrypt"])
def test_a_missing_passphrase_comes_with_the_ways_to_give_one(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_encrypted("correct horse", monkeypatch)
    call(*line.split()).refused(4, "(passphrase-missing)", hint=True)


def test_a_home_that_cannot_be_written_is_a_signer_that_is_not_available() -> None:
    ran = program("key", "check", "sim:a?algorithm=rsassa-pss-sha256", env={**os.environ, "HOME": "/dev/null"})
    ran.refused(4, "(state-unwritable)")


@own_inputs
def test_a_kept_key_that_cannot_be_read_is_a_signer_that_is_not_available() -> None:
    Path("state/a.rsa.pem").mkdir(parents=True)
    program("key", "check", "sim:a?algorithm=rsassa-pss-sha256&state=state").refused(4, "")


HOSTILE = "app\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\r\nattest: verified\n\x7f"


def hostile_envelope() -> Envelope:
    """A signed statement whose strings, keyid included, would draw on a terminal."""
    statement = json.loads(Path("statement.json").read_text())
    statement["subject"][0]["name"] = HOSTILE
    Path("hostile.json").write_text(json.dumps(statement))
    assert call("sign", "hostile.json", "--signer", "file:release.pem", "-o", "hostile.intoto.json").code == 0
    document = json.loads(Path("hostile.intoto.json").read_text())
    document["signatures"][0]["keyid"] = HOSTILE
    Path("hostile.intoto.json").write_text(json.dumps(document))
    return Envelope.from_json(Path("hostile.intoto.json").read_bytes())


@own_inputs
@pytest.mark.parametrize(
    "line",
    [
        "inspect hostile.intoto.json",
        "inspect hostile.json",
        "verify hostile.intoto.json --trust trust.json --artifact app.whl",
        "verify hostile.intoto.json --trust limited.json --artifact app.whl",
        "verify hostile.intoto.json --trust stranger.json --artifact app.whl",
        "verify hostile.intoto.json --trust trust.json --artifact app.whl --type vsa",
        "verify type.intoto.json --trust trust.json --artifact app.whl",
        "inspect type.intoto.json",
        "inspect key.json",
        "trust show key.json",
        "trust diff trust.json key.json",
        "trust add key.json --anchor a --key sim:a",
    ],
)
def test_nothing_that_is_read_draws_on_the_terminal(line: str) -> None:
    envelope = hostile_envelope()
    trust = json.loads(Path("trust.json").read_text())
    trust["anchors"]["release"]["subjects"] = [f"other {HOSTILE}"]
    Path("limited.json").write_text(json.dumps(trust))
    call("trust", "init", "--anchor", "release", "--key", "stranger.pub.pem", "-o", "stranger.json")
    fields = {"payload": b64encode(envelope.unverified_payload), "signatures": [{"sig": ""}]}
    Path("type.intoto.json").write_text(json.dumps({**fields, "payloadType": HOSTILE}))
    Path("key.json").write_text(json.dumps({HOSTILE: HOSTILE, "mediaType": HOSTILE}))
    ran = program(*line.split(), env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    shown = (ran.stdout + ran.stderr).decode()
    assert shown
    assert [text for text in shown.split("\n") if not (text.isprintable() or not text)] == []
    assert "\nattest: verified" not in shown


@own_inputs
@pytest.mark.parametrize("name", [b"caf\xe9.json", b"\xff\xfe", b"new\nline", b"\x1b[2Jclear", "\u202egnp".encode()])
def test_a_strange_file_name_stays_on_one_line(name: bytes) -> None:
    for line in ("inspect", "trust show", "trust check"):
        ran = program(*line.split(), name)
        assert ran.refused(3, "(file-unreadable)").isprintable()
    shutil.copy("app.intoto.json", os.fsdecode(name))
    ran = program("verify", name, *TRUSTED)
    assert ran.code == 0
    assert all(text.isprintable() for text in ran.stdout.decode().split("\n"))


@own_inputs
def test_a_file_name_that_is_not_utf8_makes_no_statement() -> None:
    Path(os.fsdecode(b"caf\xe9.whl")).write_bytes(b"a wheel")
    program("build", b"caf\xe9.whl", "--type", "reference", "--no-schema").refused(3, "")
    assert program("build", b"cafe=caf\xe9.whl", "--type", "reference", "--no-schema").code == 0


@pytest.mark.parametrize("length", [256, 5000])
@pytest.mark.parametrize("reader", READERS)
def test_a_very_long_name_is_a_file_that_cannot_be_read(reader: str, length: int) -> None:
    code, line = READERS[reader]
    call(*line.replace("FILE", "n" * length).split()).refused(code, "name too long")
