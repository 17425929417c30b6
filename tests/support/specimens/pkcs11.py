"""PKCS#11 specimens: SoftHSM in this process and behind a p11-kit server, and NSS softokn, each with what it can."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from attest import generate_key
from attest.keys import algorithm_named
from tests.support.tokens.hsm import ALGORITHMS, NSS, Server, SoftHSM

if TYPE_CHECKING:
    from pathlib import Path


def specimens(folder: Path) -> list[str]:
    hsm = SoftHSM.make(folder / "hsm", "t")
    hsm.add_keys("t", *ALGORITHMS)
    server = Server(hsm)
    server.start()
    atexit.register(server.close)
    nss = NSS.make(folder / "nss")
    others = [name for name in ALGORITHMS if name != "ed"]  # which neither p11-kit 0.24 carries nor NSS has
    for name in others:
        generate_key(nss.uri(name), algorithm_named(ALGORITHMS[name])).close()
    return [
        *(hsm.uri("t", name) for name in ALGORITHMS),
        hsm.uri("t", "rsa", x_algorithm="rsa-pkcs1v15-sha256"),
        *(server.uri(name) for name in others),
        *(nss.uri(name) for name in others),
    ]


def missing(folder: Path) -> str:
    return SoftHSM(folder / "hsm").uri("t", "missing")


def secrets(what: str) -> str | None:
    return None  # the PIN stands in a file
