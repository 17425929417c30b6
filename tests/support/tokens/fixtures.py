"""Fixtures that several modules of token tests share; each imports those it needs and has a fixture of its own below.

Of `made`, one token for a module of tests, `hsm` and `other` are fresh copies; or `hsm` itself is for the module, and
`faults` are cleared between its tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from attest import open_signer
from tests.support.tokens.checks import check
from tests.support.tokens.hsm import Server, SoftHSM
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT = "2"


@pytest.fixture(scope="module", name="made")
def token_of_two_keys(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A token `t` with the keys `p256` and `p384`."""
    hsm = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "made", "t")
    hsm.add_keys("t", "p256", "p384")
    return hsm


@pytest.fixture(name="signer")
def used_signer(hsm: SoftHSM, faults: FaultInjector) -> Iterator[Any]:
    """A signer that has signed; calls are counted, and fail, from there."""
    with open_signer(hsm.uri(timeout=TIMEOUT)) as opened:
        check(opened)
        faults.clear()
        yield opened


@pytest.fixture(name="hsm")
def copied_hsm(made: SoftHSM, tmp_path: Path) -> SoftHSM:
    """A copy of `made`, for one test."""
    return made.twin(tmp_path / f"a-{tmp_path.name}")


@pytest.fixture(name="other")
def other_hsm(made: SoftHSM, tmp_path: Path) -> SoftHSM:
    """The same token once more, in another module."""
    return made.twin(tmp_path / f"b-{tmp_path.name}")


@pytest.fixture(name="faults")
def faults_of_copy(hsm: SoftHSM) -> Iterator[FaultInjector]:
    """Faults in the module of `hsm`, which is for one test."""
    with FaultInjector(hsm.module) as injector:
        yield injector


@pytest.fixture(name="server")
def started_server(hsm: SoftHSM) -> Iterator[Server]:
    """A server with the token of `hsm`, which runs."""
    server = Server(hsm)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module", name="injector")
def module_injector(hsm: SoftHSM) -> Iterator[FaultInjector]:
    """Faults in the module of `hsm`, which is for a module of tests."""
    with FaultInjector(hsm.module) as injector:
        yield injector


@pytest.fixture(name="faults")
def cleared_faults(injector: FaultInjector) -> Iterator[FaultInjector]:
    """The same, cleared before and after each test."""
    injector.clear()
    yield injector
    injector.clear()
