"""`attest demo`: the whole of it in a folder of its own, each step printed as the command a person would type.

Rule: it does nothing that the commands it shows don't do, and it fails if one of them doesn't end as it should.
"""

from __future__ import annotations

import os
import zipfile
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest._codec import dumps
from attest.cli import _output
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHEEL = "hello-1.0-py3-none-any.whl"
_PREDICATE = {
    "buildDefinition": {
        "buildType": "https://example.com/attest-demo/v1",
        "externalParameters": {"source": "https://example.com/hello"},
    },
    "runDetails": {"builder": {"id": "https://example.com/builders/this-machine"}},
}


class _Step:
    """One command, what is said before it, and the exit code that it must end with."""

    def __init__(self, say: str, *arguments: str, expect: int = 0) -> None:
        self.say = say
        self.arguments = arguments
        self.expect = expect


@click.command(short_help="See all of it in a minute, in a folder of its own.")
@click.argument("directory", default="attest-demo")
@click.pass_obj
def command(session: _output.Session, directory: str) -> _output.Done:
    """Make keys, a trust bundle and an attestation in DIRECTORY, verify it, tamper with it, and see it refused.

    DIRECTORY must not exist yet. Nothing leaves it: no network, no hardware.
    """
    try:
        os.mkdir(directory)
    except FileExistsError:
        raise InputError(
            "output-exists", "this exists already", where=directory, hint="Name another: attest demo DIRECTORY."
        ) from None
    except OSError as error:
        raise InputError("output-failed", f"this can't be made: {error.strerror}", where=directory) from None
    _output.lines([f"$ mkdir {directory} && cd {directory}"])
    with chdir(directory):
        for step in _steps():
            _run(step)
    _output.lines(["", f"That is all of it. Look around in {directory}, and delete it when you are done."])
    return _output.Done()


def _steps() -> Iterator[_Step]:
    _write_wheel()
    Path("provenance.json").write_bytes(dumps(_PREDICATE, indent=2) + b"\n")
    yield _Step("A key, in a file that only you can read:", "key", "generate", "file:release.pem")
    yield _Step(
        "A trust bundle, for those who verify:",
        *("trust", "init", "--anchor", "release", "--key", "file:release.pem", "-o", "trust.json"),
    )
    yield _Step(
        f"A statement about a real file, {_WHEEL}, with a predicate that says how it was built:",
        *("build", _WHEEL, "--type", "slsa-provenance", "--predicate", "provenance.json", "-o", "statement.json"),
    )
    yield _Step(
        "The statement, signed:", "sign", "statement.json", "--signer", "file:release.pem", "-o", "hello.intoto.json"
    )
    yield _Step("What it claims:", "inspect", "hello.intoto.json")
    verify = ("verify", "hello.intoto.json", "--trust", "trust.json", "--artifact", _WHEEL)
    yield _Step("Is it true?", *verify)
    _tamper()
    yield _Step("Somebody changes one byte of the file:", *verify, expect=1)
    yield _Step("Somebody else signs the changed file:", "key", "generate", "file:mallory.pem")
    yield _Step(
        "",
        *("build", _WHEEL, "--type", "slsa-provenance", "--predicate", "provenance.json", "-o", "forged.json"),
    )
    yield _Step("", "sign", "forged.json", "--signer", "file:mallory.pem", "-o", "forged.intoto.json")
    yield _Step(
        "It says the right thing, but no trusted key says it:",
        *("verify", "forged.intoto.json", "--trust", "trust.json", "--artifact", _WHEEL),
        expect=1,
    )


def _run(step: _Step) -> None:
    from attest.cli import run

    _output.lines([*(["", f"# {step.say}"] if step.say else []), f"$ attest {' '.join(step.arguments)}"])
    code = run(step.arguments)
    if step.expect:
        _output.lines([f"(exit {code})"])
    if code != step.expect:
        raise InputError("demo-failed", f"this should have ended with exit {step.expect}, and ended with {code}")


def _write_wheel() -> None:
    with zipfile.ZipFile(_WHEEL, "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("hello.py"), 'print("hello")\n')


def _tamper() -> None:
    wheel = Path(_WHEEL)
    data = bytearray(wheel.read_bytes())
    data[data.index(b"hello", 60)] ^= 0x20
    wheel.write_bytes(data)
