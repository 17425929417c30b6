"""Keys in OpenBao: one that was never rotated, and both versions of one that was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.services import kms

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def specimens(folder: Path) -> list[str]:
    bao, name = kms.bao(), folder.name
    bao.key(name)
    bao.key(f"{name}.rotated")
    bao.ask("POST", f"transit/keys/{name}.rotated/rotate")
    return [f"hv:{name}/1", f"hv:{name}.rotated/1", f"hv:{name}.rotated/2?algorithm=ed25519"]


def missing(folder: Path) -> str:
    return "hv:missing/1"


def environment(patch: pytest.MonkeyPatch) -> None:
    kms.use(patch, vault=kms.bao().url)


def secrets(what: str) -> str | None:
    return None  # hvac finds its own
