"""What every test gets: a home of its own, and no say of the developer's environment in what happens."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import none

from tests import THOROUGH
from tests.support import imports
from tests.support.missing import missing

imports.put_off()

if TYPE_CHECKING:
    from collections.abc import Iterator

# A signal that nohup, or a shell that runs us in the background, has made ignored would stay so in what a test starts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes, or the making of some, says something of the machine, and nothing of what is tested. The
# same examples are tried in each run, so that a run fails for what was changed; `--thorough` looks for others.
settings.register_profile(
    "the same everywhere",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=THOROUGH not in os.environ,
    **({} if THOROUGH in os.environ else {"database": None}),
)
settings.load_profile("the same everywhere")


@pytest.fixture(scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _own_home(_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(_home))
    for name in [name for name in os.environ if name.startswith("ATTEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    yield
    for left in _home.iterdir():
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nobody looks for garbage among the tests: they are there to the end, and a look at them all takes a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        _first_property()
        gc.freeze()


@given(none())
def _first_property(_: None) -> None:
    """With the first one, Hypothesis looks who holds its generator, and since Python 3.14 frozen objects hide that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data that nobody here wrote, beside the repository."""
    data = Path(__file__).parents[2] / "shared" / "data"
    if not data.is_dir():
        missing(f"{data} is not there: the public test data belongs beside the repository")
    return data


@pytest.fixture(scope="session")
def shared_servers() -> Path:
    """The folder of the servers on loopback that nobody here wrote, beside the repository; they can be imported."""
    servers = Path(__file__).parents[2] / "shared" / "servers"
    if not servers.is_dir():
        missing(f"{servers} is not there: the servers for tests belong beside the repository")
    if str(servers) not in sys.path:
        sys.path.append(str(servers))
    return servers
