"""Keys in OpenBao as cosign names them: without a version, and in the engine that a variable of cosign's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.services import kms

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def specimens(folder: Path) -> list[str]:
    kms.bao().key(folder.name, "ecdsa-p256", mount="cosign-specimens/transit")
    return [f"hashivault://{folder.name}", f"hashivault:{folder.name}/1"]


def missing(folder: Path) -> str:
    return "hashivault://missing"


def environment(patch: pytest.MonkeyPatch) -> None:
    kms.use(patch, vault=kms.bao().url)
    kms.bao().mount("cosign-specimens/transit")
    patch.setenv("TRANSIT_SECRET_ENGINE_PATH", "cosign-specimens/transit")


def secrets(what: str) -> str | None:
    return None
