"""What the library says to the logger `attest`: levels, silence, and no PIN."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

from attest._base import notices

if TYPE_CHECKING:
    import pytest

_SILENT = """
import sys
from attest._base import notices
notices.warn("of this"); notices.info("that happened"); notices.debug("so")
assert "logging" not in sys.modules
import logging
notices.warn("of this"); notices.info("that happened")
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
notices.warn("of this"); notices.info("that happened")
logging.getLogger("attest").setLevel("INFO")
notices.info("that happened at %s", "noon"); notices.debug("so")
"""


def test_a_program_hears_what_it_asked_for_and_nothing_before() -> None:
    ran = subprocess.run([sys.executable, "-c", _SILENT], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    assert ran.stderr.splitlines() == ["WARNING attest of this", "INFO attest that happened at noon"]


def test_the_levels_are_those_of_logging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "attest"):
        notices.warn("a")
        notices.info("b")
        notices.debug("c")
    levels = [(record.name, record.levelno, record.getMessage()) for record in caplog.records]
    assert levels == [("attest", logging.WARNING, "a"), ("attest", logging.INFO, "b"), ("attest", logging.DEBUG, "c")]


def test_a_pin_in_a_uri_is_left_out_of_every_record(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "attest"):
        for say in (notices.info, notices.debug):
            say("%s: gone", "pkcs11:token=t?pin-value=1234")
        notices.warn("pkcs11:token=t?pin-value=1234: 100% gone")
    assert len(caplog.records) == 3
    assert "1234" not in caplog.text


def test_who_listens_is_told_of_warnings_alone(caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    with caplog.at_level("DEBUG", "attest"), notices.heard_by(said.append):
        notices.warn("a")
        notices.info("b")
    assert said == ["a"]
    assert [record.getMessage() for record in caplog.records] == ["b"]
