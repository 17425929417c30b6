"""Fixtures that several modules of token tests share; each imports those it needs and has a fixture of its own below.

Of `made`, one token for a module of tests, `hsm` and `other` are fresh copies; or `hsm` itself is for the module, and
`faults` are cleared between its tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.tokens.hsm import Server
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tokens.hsm import SoftHSM


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
