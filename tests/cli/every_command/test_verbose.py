"""`-v` prints what the logger `attest` gets, on standard error, in the form of every message; without it, nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from attest.cli import attest
from tests.support.cli.calls import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOGGER = logging.getLogger("attest.signers")


@pytest.fixture(autouse=True)
def _logs_while_it_inspects(among_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`attest inspect` as it is, but for a library that reports something in the meantime."""
    command = attest.commands["inspect"]
    inspect: Callable[..., object] | None = command.callback
    assert inspect is not None

    def with_reports(*arguments: object, **given: object) -> object:
        LOGGER.info("token %s: reconnected\x1b[2J", "a")
        LOGGER.debug("pool of 3")
        return inspect(*arguments, **given)

    monkeypatch.setattr(command, "callback", with_reports)


INFO, DEBUG = r"attest: info: token a: reconnected\x1b[2J", "attest: debug: pool of 3"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("inspect app.intoto.json", []),
        ("inspect app.intoto.json -v", [INFO]),
        ("-v inspect app.intoto.json", [INFO]),
        ("inspect app.intoto.json -vv", [INFO, DEBUG]),
        ("inspect --verbose --verbose app.intoto.json", [INFO, DEBUG]),
        ("-v inspect -v app.intoto.json", [INFO, DEBUG]),
        ("inspect app.intoto.json -v --format json", [INFO]),
    ],
)
def test_the_log_is_printed_if_it_is_wanted(line: str, expected: list[str]) -> None:
    quiet = call("inspect", "app.intoto.json", *(["--format", "json"] if "json -v --format" in line else []))
    ran = call(*line.split())
    assert (ran.code, ran.prose, ran.stdout) == (0, expected, quiet.stdout)


def test_one_run_leaves_nothing_behind_for_the_next() -> None:
    before = list(logging.getLogger("attest").handlers)
    assert call("inspect", "app.intoto.json", "-vv").code == 0
    assert logging.getLogger("attest").handlers == before
    assert call("inspect", "app.intoto.json").prose == []
