"""Keys in Azure Key Vault, as the server on loopback has it: one of each kind, by each of the names that a key has."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.support.services.azure import HOST, azure

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_RSA = [f"{kind}-sha{bits}" for kind in ("rsassa-pss", "rsa-pkcs1v15") for bits in (256, 384, 512)]


@cache
def specimens(folder: Path) -> list[str]:
    (name, version), rsa = azure().key("P-256"), azure().uri("RSA-2048", hsm=True)
    named = [f"azurekms:{HOST}/keys/{name}/{version}", f"azurekms:{HOST}/keys/{name}", f"azurekms://{HOST}/{name}"]
    return [*named, azure().uri("P-384", hsm=True), rsa, *[f"{rsa}?algorithm={name}" for name in _RSA]]


def missing(folder: Path) -> str:
    return f"azurekms:{HOST}/keys/missing"


def environment(patch: pytest.MonkeyPatch) -> None:
    azure().use(patch)


def secrets(what: str) -> str | None:
    return None  # azure-identity finds its own
