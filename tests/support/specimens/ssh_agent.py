"""Keys in OpenSSH's agent: one of each kind, by each of the names that a key has."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from attest import PublicKey
from attest.keys import openssh
from tests.support.making.keys import private_key
from tests.support.services import ssh_agents as agents

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def specimens(folder: Path) -> list[str]:
    agent = agents.shared()
    kinds = ("ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsassa-pss-sha256")
    public = [agent.add(private_key(kind)) for kind in kinds]
    key = PublicKey.parse(public[0].read_bytes())
    names = [openssh.fingerprint(openssh.blob_of(key.spki)), sha256(key.spki).hexdigest(), *map(str, public)]
    return [f"ssh-agent:{name}" for name in names] + [f"ssh-agent:{public[3]}?algorithm=rsa-pkcs1v15-sha512"]


def missing(folder: Path) -> str:
    return f"ssh-agent:{'0' * 64}"


def environment(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("SSH_AUTH_SOCK", agents.shared().path)


def secrets(what: str) -> str | None:
    return None  # the agent has the keys unlocked already
