"""Keys in Google Cloud KMS on loopback: of each kind that signs data of any size, and one without a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.making.keys import private_key
from tests.support.services import gcp

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_KINDS = (
    "EC_SIGN_P256_SHA256",
    "EC_SIGN_P384_SHA384",
    "RSA_SIGN_PSS_2048_SHA256",
    "RSA_SIGN_PKCS1_4096_SHA512",
    "PQ_SIGN_ML_DSA_65_EXTERNAL_MU",
)


def specimens(folder: Path) -> list[str]:
    there = gcp.gcp()
    names = [there.key(kind, private=private_key(gcp.ours(kind))) for kind in _KINDS]
    newest = names[0].partition("/cryptoKeyVersions/")[0]
    return [f"gcpkms:{name}" for name in [*names, newest]]


def missing(folder: Path) -> str:
    return "gcpkms:projects/example/locations/europe-west3/keyRings/ring/cryptoKeys/missing"


def environment(patch: pytest.MonkeyPatch) -> None:
    gcp.use(patch)


def secrets(what: str) -> str | None:
    return None  # google-auth finds its own
