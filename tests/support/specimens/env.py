"""Keys in environment variables: one for each kind of algorithm, and an encrypted one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.signers._software import to_pem
from tests.support.making.keys import private_key
from tests.support.specimens import algorithms

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_PASSPHRASE = "correct horse"

MISSING = "key-unreadable"


def environment(patch: pytest.MonkeyPatch) -> None:
    for algorithm in algorithms():
        patch.setenv(_variable(algorithm), to_pem(private_key(algorithm)).decode())
    patch.setenv("LOCKED_KEY", to_pem(private_key("ed25519"), _PASSPHRASE).decode())
    patch.delenv("MISSING_KEY", raising=False)


def specimens(folder: Path) -> list[str]:
    return [f"env:{_variable(algorithm)}?algorithm={algorithm}" for algorithm in algorithms()] + ["env:LOCKED_KEY"]


def missing(folder: Path) -> str:
    return "env:MISSING_KEY"


def secrets(what: str) -> str | None:
    return _PASSPHRASE


def _variable(algorithm: str) -> str:
    return f"KEY_{algorithm.replace('-', '_').upper()}"
