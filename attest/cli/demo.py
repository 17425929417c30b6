"""`attest demo`: the whole of it in a new folder, each step printed as the command a person would type.

Rule: it does nothing that the lines it shows don't do, and it fails if one of them doesn't end as it should.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Final, NamedTuple

import click

from attest._base.json import dumps
from attest.cli import _commands, _output
from attest.errors import InputError

_FILE: Final = "hello.py"
_PREDICATE: Final = {
    "buildDefinition": {
        "buildType": "https://example.com/attest-demo/v1",
        "externalParameters": {"source": "https://example.com/hello"},
    },
    "runDetails": {"builder": {"id": "https://example.com/builders/this-machine"}},
}
_BUILD: Final = ("build", _FILE, "--type", "slsa-provenance", "--predicate", "provenance.json", "-o")


class _Write(NamedTuple):
    """A line of a file, as `echo` writes it."""

    say: str
    line: str
    file: str
    append: bool = False

    def run(self) -> int:
        _output.lines([f"$ echo {shlex.quote(self.line)} {'>>' if self.append else '>'} {self.file}"])
        with Path(self.file).open("a" if self.append else "w") as stream:
            stream.write(f"{self.line}\n")
        return 0


class _Attest(NamedTuple):
    """A command, and the exit code that it must end with."""

    say: str
    arguments: tuple[str, ...]
    expect: int = 0

    def run(self) -> int:
        from attest.cli import main

        _output.lines([f"$ attest {shlex.join(self.arguments)}"])
        code = main(self.arguments)
        if self.expect:
            _output.lines([f"(exit {code})"])
        return code - self.expect


_STEPS: Final[tuple[_Write | _Attest, ...]] = (
    _Write("A file that others will rely on:", 'print("hello")', _FILE),
    _Attest("A key, in a file that only you can read:", ("key", "generate", "file:release.pem")),
    _Attest(
        "A trust bundle, for those who verify:",
        ("trust", "init", "--anchor", "release", "--key", "file:release.pem", "-o", "trust.json"),
    ),
    _Write("How the file came to be:", dumps(_PREDICATE).decode(), "provenance.json"),
    _Attest("A statement that says so of the file:", (*_BUILD, "statement.json")),
    _Attest("The statement, signed:", ("sign", "statement.json", "--signer", "file:release.pem", "-o", "hello.json")),
    _Attest("What it claims:", ("inspect", "hello.json")),
    _Attest("Is it true?", ("verify", "hello.json", "--trust", "trust.json", "--artifact", _FILE)),
    _Write("Somebody changes the file:", "import os", _FILE, append=True),
    _Attest("Is it still true?", ("verify", "hello.json", "--trust", "trust.json", "--artifact", _FILE), expect=1),
    _Attest("Somebody else signs the changed file:", ("key", "generate", "file:mallory.pem")),
    _Attest("", (*_BUILD, "forged.json")),
    _Attest("", ("sign", "forged.json", "--signer", "file:mallory.pem", "-o", "forged.intoto.json")),
    _Attest(
        "It says the right thing, but nobody who is trusted says it:",
        ("verify", "forged.intoto.json", "--trust", "trust.json", "--artifact", _FILE),
        expect=1,
    ),
)


@click.command(cls=_commands.Command, short_help="See all of it in a minute, in a folder of its own.")
@click.argument("directory", required=False)
@click.pass_obj
def command(session: _output.OutputContext, directory: str | None) -> _output.Completed:
    """Make keys, a trust bundle and an attestation in DIRECTORY, verify it, tamper with it, and see it refused.

    DIRECTORY must not exist yet. Without it, a new temporary folder is made, and kept. Nothing leaves the folder: no
    network, no hardware.
    """
    directory = _make_folder(directory)
    quoted = shlex.quote(directory)
    _output.lines([f"$ mkdir {quoted} && cd {quoted}"])
    with chdir(directory):
        for step in _STEPS:
            if step.say:
                _output.lines(["", f"# {step.say}"])
            if step.run() != 0:
                raise InputError("demo-failed", "this step did not end as it should")
    _output.lines(["", f"That is all of it. Look around in {directory}, and delete it when you are done."])
    return _output.Completed()


def _make_folder(directory: str | None) -> str:
    """Make the folder, a temporary one if it has no name, and return its path. Raises InputError."""
    try:
        if directory is None:
            return tempfile.mkdtemp(prefix="attest-demo-")
        os.mkdir(directory)
    except FileExistsError:
        hint = "Name another: attest demo DIRECTORY."
        raise InputError("output-exists", "this exists already", where=directory, hint=hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not a name"
        if directory is None:
            hint = "Name a folder to make: attest demo DIRECTORY."
            raise InputError("output-failed", f"no temporary folder can be made: {reason}", hint=hint) from None
        raise InputError("output-failed", f"this can't be made: {reason}", where=directory) from None
    return directory
