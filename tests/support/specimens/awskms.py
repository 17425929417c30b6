"""Keys in AWS KMS, as moto's server has it: one of each kind, by each of the names that a key has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.services import kms

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_RSA = [f"{kind}-sha{bits}" for kind in ("rsassa-pss", "rsa-pkcs1v15") for bits in (256, 384, 512)]


def specimens(folder: Path) -> list[str]:
    moto = kms.moto()
    by_alias = f"alias/{folder.name}"
    p256, p384, rsa = moto.key("ECC_NIST_P256", alias=by_alias), moto.key("ECC_NIST_P384"), moto.key("RSA_2048")
    alias_arn = f"{p256.rpartition(':')[0]}:{by_alias}"
    names = [p256.rpartition("/")[2], p256, by_alias, alias_arn, p384, rsa]
    return [f"awskms:{name}" for name in names] + [f"awskms:{rsa}?algorithm={name}" for name in _RSA]


def missing(folder: Path) -> str:
    return "awskms:alias/missing"


def environment(patch: pytest.MonkeyPatch) -> None:
    kms.use(patch, aws=kms.moto().url)


def secrets(what: str) -> str | None:
    return None  # boto3 finds its own
