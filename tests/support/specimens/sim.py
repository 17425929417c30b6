"""Simulated keys: one for each kind of algorithm, the RSA ones kept in a folder of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.signers._software import to_pem
from tests.support.making.keys import private_key
from tests.support.specimens import algorithms

if TYPE_CHECKING:
    from pathlib import Path

MISSING = "state-unwritable"


def specimens(folder: Path) -> list[str]:
    # Put there beforehand, because making an RSA key of the simulator's own size takes a while.
    (folder / "specimen.rsa.pem").write_bytes(to_pem(private_key("rsassa-pss-sha256")))
    return [f"sim:specimen?algorithm={algorithm}&state={folder}" for algorithm in algorithms()]


def missing(folder: Path) -> str:
    (folder / "no-folder").write_bytes(b"")
    return f"sim:missing?algorithm=rsassa-pss-sha256&state={folder / 'no-folder' / 'state'}"


def secrets(what: str) -> str | None:
    return None
