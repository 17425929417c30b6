"""`attest demo`: the main commands in a new directory, each printed as you would type it.

Rule: it does only what the printed lines do, and it fails if one of them does not end as expected.
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
    _Write("A file that others will use:", 'print("hello")', _FILE),
    _Attest("A key, in a file that only you can read:", ("key", "generate", "file:release.pem")),
    _Attest(
        "A trust bundle, for verifiers:",
        ("trust", "init", "--anchor", "release", "--key", "file:release.pem", "-o", "trust.json"),
    ),
    _Write("How the file was made:", dumps(_PREDICATE).decode(), "provenance.json"),
    _Attest("A statement that says this about the file:", (*_BUILD, "statement.json")),
    _Attest("The statement, signed:", ("sign", "statement.json", "--signer", "file:release.pem", "-o", "hello.json")),
    _Attest("Its content:", ("inspect", "hello.json")),
    _Attest("Is it valid for the file?", ("verify", "hello.json", "--trust", "trust.json", "--artifact", _FILE)),
    _Write("An attacker changes the file:", "import os", _FILE, append=True),
    _Attest(
        "Is it still valid for the file?",
        ("verify", "hello.json", "--trust", "trust.json", "--artifact", _FILE),
        expect=1,
    ),
    _Attest("The attacker signs the changed file with another key:", ("key", "generate", "file:mallory.pem")),
    _Attest("", (*_BUILD, "forged.json")),
    _Attest("", ("sign", "forged.json", "--signer", "file:mallory.pem", "-o", "forged.intoto.json")),
    _Attest(
        "The statement matches the file, but the key is not in the trust bundle:",
        ("verify", "forged.intoto.json", "--trust", "trust.json", "--artifact", _FILE),
        expect=1,
    ),
)


@click.command(cls=_commands.Command, short_help="Try attest in a new directory.")
@click.argument("directory", required=False)
@click.pass_obj
def command(session: _output.OutputContext, directory: str | None) -> _output.Completed:
    """Try attest in a new directory.

    Creates keys, a trust bundle and an attestation in DIRECTORY, verifies it, changes the file and shows that
    verification fails. DIRECTORY must not exist; without it, a temporary directory is created and kept. Uses no network
    and no hardware.
    """
    directory = _make_directory(directory)
    quoted = shlex.quote(directory)
    _output.lines([f"$ mkdir {quoted} && cd {quoted}"])
    with chdir(directory):
        for step in _STEPS:
            if step.say:
                _output.lines(["", f"# {step.say}"])
            if step.run() != 0:
                raise InputError("demo-failed", "the last command did not end as expected")
    _output.lines(["", f"All files are in {directory}. Delete it when you are done."])
    return _output.Completed()


def _make_directory(directory: str | None) -> str:
    """Create the directory, a temporary one without a name, and return its path. Raises InputError."""
    try:
        if directory is None:
            return tempfile.mkdtemp(prefix="attest-demo-")
        os.mkdir(directory)
    except FileExistsError:
        hint = "Choose another name: attest demo DIRECTORY."
        raise InputError("output-exists", "the directory already exists", where=directory, hint=hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not a name"
        if directory is None:
            hint = "Name a new directory: attest demo DIRECTORY."
            raise InputError("output-failed", f"cannot create a temporary directory: {reason}", hint=hint) from None
        raise InputError("output-failed", f"cannot create the directory: {reason}", where=directory) from None
    return directory
