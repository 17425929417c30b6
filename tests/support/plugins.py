"""Distributions with entry points, put where the interpreter looks for them, without building anything."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest._base import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLUGIN = Path(__file__).parent / "plugin"
ACME: Mapping[str, Mapping[str, str]] = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"][
    "entry-points"
]


def offer(folder: Path, distribution: str, entries: Mapping[str, Mapping[str, str]]) -> None:
    """Write the metadata of an installed distribution into a folder: its entry points by group and name."""
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = [
        line
        for group, named in entries.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def acme(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which this process finds the third party's package, and what is put beside it by `offer`."""
    folder = tmp_path_factory.mktemp("site-packages")
    offer(folder, "acme-attest", ACME)
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.syspath_prepend(str(folder))
    plugins.entries.cache_clear()
    yield folder
    plugins.entries.cache_clear()
