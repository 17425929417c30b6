"""PKCS#11 specimens: SoftHSM in this process with a key of each algorithm it has, and behind a p11-kit server."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from tests.hsm import ALGORITHMS, Server, SoftHSM

if TYPE_CHECKING:
    from pathlib import Path


def specimens(folder: Path) -> list[str]:
    hsm = SoftHSM.make(folder / "hsm", "t")
    hsm.add_keys("t", *ALGORITHMS)
    server = Server(hsm)
    server.start()
    atexit.register(server.close)
    return [
        *(hsm.uri("t", name) for name in ALGORITHMS),
        hsm.uri("t", "rsa", x_algorithm="rsa-pkcs1v15-sha256"),
        *(server.uri(name) for name in ALGORITHMS if name != "ed"),  # which p11-kit 0.24 doesn't carry
    ]


def missing(folder: Path) -> str:
    return SoftHSM(folder / "hsm").uri("t", "missing")


def secrets(what: str) -> str | None:
    return None  # the PIN stands in a file
