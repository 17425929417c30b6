"""PKCS#11 specimens: a SoftHSM token with a key of each algorithm it has, and one behind a wrong name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hsm import ALGORITHMS, SoftHSM

if TYPE_CHECKING:
    from pathlib import Path


def specimens(folder: Path) -> list[str]:
    hsm = SoftHSM.make(folder / "hsm", "t")
    hsm.add_keys("t", *ALGORITHMS)
    return [*(hsm.uri("t", name) for name in ALGORITHMS), hsm.uri("t", "rsa", x_algorithm="rsa-pkcs1v15-sha256")]


def missing(folder: Path) -> str:
    return SoftHSM(folder / "hsm").uri("t", "missing")


def secrets(what: str) -> str | None:
    return None  # the PIN stands in a file
