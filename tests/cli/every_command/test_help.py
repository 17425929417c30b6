"""Help is complete and short: every option shows its variable and default, and no summary is cut off."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from attest.cli import attest
from tests.support.cli.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group, by what is typed for it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


ALL = list(commands(attest))


@pytest.mark.parametrize(
    ("path", "command"), ALL, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_help_shows_every_variable_and_default(path: tuple[str, ...], command: click.Command) -> None:
    shown = " ".join(call(*path, "--help").done().stdout.decode().split())
    for option in [param for param in command.params if isinstance(param, click.Option)]:
        assert isinstance(option.envvar, str | None)
        assert option.envvar is None or f"[env var: {option.envvar}" in shown
        if isinstance(option.default, str) or isinstance(option.show_default, str):
            default = option.default if option.show_default is None else f"({option.show_default})"
            assert f"default: {default}" in shown


@pytest.mark.parametrize(
    ("path", "command"), ALL, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_the_first_sentence_fits_into_a_list(path: tuple[str, ...], command: click.Command) -> None:
    summary = command.get_short_help_str(1000)
    assert len(summary) <= 60
    assert not path or summary.endswith(".")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("veify", "verify"),
        ("trust int", "init"),
        ("key exprt", "export"),
        ("policy explan", "explain"),
        ("signer lst", "list"),
    ],
)
def test_a_misspelt_command_is_recognised_at_every_level(line: str, meant: str) -> None:
    assert f"Did you mean '{meant}'?" in call(*line.split()).refused(2, "no such command", hint=True)


def test_a_subcommand_imports_no_other() -> None:
    code = "import sys; from attest.cli import main; main(['trust', 'init', '--help']); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(ran.stdout.split())
    assert {name for name in modules if name.startswith("attest.cli.trust.") and "._" not in name} == {
        "attest.cli.trust.init"
    }
    assert not modules & {"logging", "attest.resigning", "attest.policy", "attest.verifying", "attest.cli.verify"}


@pytest.mark.parametrize(
    ("path", "command"), ALL, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_help_fits_a_terminal_and_ends_with_its_examples(path: tuple[str, ...], command: click.Command) -> None:
    shown = call(*path, "--help").done().stdout.decode().splitlines()
    heads = [line for line in shown if line.endswith(":") and not line.startswith(" ")]
    examples = [place for place, head in enumerate(heads) if head.startswith("Example")]
    assert examples in ([], [len(heads) - 1])
    body = shown[: shown.index(heads[-1])] if examples else shown  # an example is one line, to be copied
    assert [line for line in body if len(line) > 80 and " " in line.strip()] == []


def test_a_long_list_of_options_is_in_sections_and_complete() -> None:
    shown = call("verify", "--help").done().stdout.decode()
    titles = [line for line in shown.splitlines() if line.endswith(":") and "ptions" in line[:20]]
    assert titles[0] == "Options:"
    assert titles[-1] == "General options:"
    assert len(titles) == 7
    listed = {line.split()[0] for line in shown.splitlines() if line.startswith("  -")}
    wanted = {
        param.opts[0]
        for param in attest.commands["verify"].params
        if isinstance(param, click.Option) and not param.hidden
    }
    assert wanted <= listed
