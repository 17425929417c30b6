"""What is said twice, and what is set or given but empty, is a wrong command line, for every option there is."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from attest.cli import _commands, attest
from tests.support.cli.calls import call, on_terminal, program

COMMANDS = dict(_commands.every(attest))
OPTIONS = [
    (path, param) for path, command in COMMANDS.items() for param in command.params if isinstance(param, click.Option)
]
SINGLE = [case for case in OPTIONS if not case[1].multiple and not case[1].is_flag]
FLAGS = [case for case in OPTIONS if case[1].is_flag and case[1].expose_value]
WITH_VARIABLE = [case for case in OPTIONS if case[1].envvar]


def each(cases: list[tuple[tuple[str, ...], click.Option]]) -> pytest.MarkDecorator:
    """A test of each of these options, with the words that call its command."""
    return pytest.mark.parametrize(
        ("path", "option"), cases, ids=[" ".join((*path, option.opts[0])) for path, option in cases]
    )


def said(option: click.Option, value: str, spelling: int = 0) -> list[str]:
    """The words that give the option a value; `spelling` chooses among -o, --output, -oVALUE and --output=VALUE."""
    name = option.opts[spelling % len(option.opts)]
    if spelling < len(option.opts):
        return [name, value]
    return [f"{name}={value}" if name.startswith("--") else f"{name}{value}"]


def test_the_walk_finds_what_there_is() -> None:
    assert {("verify",), ("trust",), ("trust", "init"), ("trust", "rotate"), ("key", "generate"), ()} <= set(COMMANDS)
    assert len(SINGLE) > 60
    assert len(FLAGS) > 15
    assert {case[1].envvar for case in WITH_VARIABLE} >= {
        *("ATTEST_POLICY", "ATTEST_TRUST", "ATTEST_TRUST_ROOT", "ATTEST_TRUST_MIN_VERSION", "ATTEST_SIGNER"),
        *("ATTEST_CONFIG", "ATTEST_FORMAT", "ATTEST_PASSPHRASE_FILE", "ATTEST_SCHEMA_DIR", "ATTEST_TIMESTAMP"),
    }


@each(SINGLE)
def test_an_option_that_takes_one_value_is_given_once(path: tuple[str, ...], option: click.Option) -> None:
    for second in range(2 * len(option.opts)):
        for other in ("x", "y"):
            ran = call(*path, *said(option, "x"), *said(option, other, second))
            assert f"{'/'.join(option.opts)} was given twice; give it once" in ran.refused(2, "twice", hint=True)
    ran = call(*path, *said(option, "x") * 3)
    assert "was given 3 times" in ran.refused(2, option.opts[0])


@each(SINGLE)
def test_an_option_that_is_given_once_is_not_given_twice(
    path: tuple[str, ...], option: click.Option, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(option.envvar, str):
        monkeypatch.setenv(option.envvar, "x")
    ran = call(*path, *said(option, "x"))
    assert b"twice" not in ran.stderr


@each(FLAGS)
def test_a_flag_says_the_same_however_often_it_is_given(path: tuple[str, ...], option: click.Option) -> None:
    assert call(*path, option.opts[0], option.opts[0]).prose == call(*path, option.opts[0]).prose


@each(WITH_VARIABLE)
@pytest.mark.parametrize("value", ["", " "])
def test_a_variable_that_is_set_but_empty_is_refused(
    path: tuple[str, ...], option: click.Option, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(option.envvar, str)
    monkeypatch.setenv(option.envvar, value)
    assert f"the variable {option.envvar} is set but empty; unset it" in call(*path).refused(2, option.envvar)
    # Given on the command line, nobody asks the variable, but for the one that adds to what is given.
    asked = option.envvar in "".join(call(*path, *said(option, "x")).prose)
    assert asked is (option.envvar == "ATTEST_POLICY")
    # Help is always to be had.
    assert call(*path, "--help").done().stdout.startswith(b"Usage: ")


@each([case for case in OPTIONS if not case[1].is_flag])
def test_an_empty_value_is_not_taken_for_none(path: tuple[str, ...], option: click.Option) -> None:
    for before in ([], said(option, "x")) if option.multiple else ([],):
        ran = call(*path, *before, *said(option, ""))
        ran.refused(2, f"{'/'.join(option.opts)} has an empty value", hint=True)


@pytest.mark.parametrize(
    "line", ["sign", "inspect", "verify --trust t.json --no-artifact", "trust show", "key check", "verify --trust t x"]
)
def test_an_empty_argument_is_not_a_file(line: str) -> None:
    call(*line.split(), "").refused(2, "has an empty value")


def test_the_arguments_of_a_command_that_is_run_may_be_empty(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    line = ["--directory", str(tmp_path), "--products", "made", "--signer", "sim:a", "-o", str(out)]
    ran = program(
        "run", "--step", "s", *line, "--", "sh", "-c", f'test "$#" = 2 && touch {tmp_path}/made', "sh", "", ""
    )
    assert ran.code == 0
    assert out.exists()


def test_what_a_command_that_is_run_is_given_is_its_own_business(tmp_path: Path) -> None:
    line = ["--directory", str(tmp_path), "--products", "*", "--signer", "sim:a", "-o", str(tmp_path / "out")]
    ran = program("run", "--step", "s", *line, "--", "sh", "-c", "exit $#", "--step", "a", "--step", "b")
    assert ran.code == 3


@pytest.mark.parametrize("name", ["ATTEST_PASSPHRASE", "ATTEST_PIN"])
def test_an_empty_secret_is_not_a_secret(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "")
    line = "key generate file:new.pem --encrypt" if name == "ATTEST_PASSPHRASE" else "key generate pkcs11:object=a"
    call(*line.split()).refused(2, f"the variable {name} is set but empty")
    assert not Path("new.pem").exists()
    # Who needs none is not asked for it.
    call("key", "generate", "file:new.pem").done()
    call("key", "check", "file:new.pem").done()


def test_an_empty_passphrase_does_not_open_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTEST_PASSPHRASE", "open sesame")
    call("key", "generate", "file:a.pem", "--encrypt").done()
    call("key", "generate", "file:b.pem", "--encrypt").done()
    monkeypatch.setenv("ATTEST_PASSPHRASE", "")
    call("key", "check", "file:a.pem").refused(2, "ATTEST_PASSPHRASE")
    statement = call("build", "a=sha256:" + "0" * 64, "--type", "https://example.com/x").stdout
    several = ("sign", "--signer", "file:a.pem", "--signer", "file:b.pem")
    call(*several, stdin=statement).refused(2, "ATTEST_PASSPHRASE")
    assert on_terminal("key", "check", "file:a.pem", typed=[b"open sesame\n"]).code == 2


def test_a_limit_is_given_once() -> None:
    limits = ["--limit", "envelope=1", "--limit", "depth=2", "--limit", "envelope=3"]
    call("verify", "x", "--trust", "t", "--no-artifact", *limits).refused(2, "envelope was given twice")


@click.command(cls=_commands.Command)
@click.option("--schema/--no-schema")
@click.option("--fast", "speed", flag_value="fast")
@click.option("--slow", "speed", flag_value="slow")
@click.option("-q", count=True)
def flags(**given: object) -> None:
    """A command with the kinds of flags that this program may get."""


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("--schema --no-schema", "--schema/--no-schema"),
        ("--no-schema --no-schema", "--schema/--no-schema"),
        ("--fast --slow", "--fast or --slow"),
        ("-q -q", None),
        ("--schema --fast", None),
    ],
)
def test_flags_that_contradict_each_other_are_given_once(line: str, label: str | None) -> None:
    if label is None:
        flags.make_context("flags", line.split())
        return
    with pytest.raises(click.UsageError, match=f"^{label} was given twice; give it once$"):
        flags.make_context("flags", line.split())
