"""Places that hold a key of the test's, each of which can be made to fail and to work again.

`PLACES` has one for each scheme outside of tokens that can be given a key: a key file, AWS KMS (scripted), and OpenBao
(imported), each service behind a proxy.
"""

from __future__ import annotations

import os
from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from attest.signers import _software
from tests.support import kms
from tests.support.aws_script import HEADERS, Scripted
from tests.support.helpers import private_key
from tests.support.proxies import Mode, Proxy
from tests.support.servers import answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pytest

ALGORITHM = "ed25519"
TOKEN_ALGORITHM = "ecdsa-sha2-nistp256"  # which tokens can import


class Place(NamedTuple):
    """A place that holds a key: its URI, and what changes how it answers."""

    uri: str
    be: Callable[[Mode], object]


@contextmanager
def file(folder: Path, patch: pytest.MonkeyPatch, number: int, algorithm: str = ALGORITHM) -> Iterator[Place]:
    """A key file, which is `down` when it is somewhere else."""
    path, away = folder / f"{uuid4()}.pem", folder / "away.pem"
    path.write_bytes(_software.to_pem(private_key(algorithm, number)))
    path.chmod(0o600)

    def be(mode: Mode) -> None:
        if mode == "well" and away.exists():
            away.rename(path)
        elif mode != "well" and path.exists():
            path.rename(away)

    yield Place(f"file:{path}", be)


@contextmanager
def awskms(folder: Path, patch: pytest.MonkeyPatch, number: int, algorithm: str = ALGORITHM) -> Iterator[Place]:
    """AWS KMS with the key."""
    script = Scripted()
    script.holds(algorithm, number)
    with answering(script.answer, headers=HEADERS) as url, Proxy(url) as proxy:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield Place("awskms:alias/release?timeout=3", proxy.be)


@contextmanager
def hv(folder: Path, patch: pytest.MonkeyPatch, number: int, algorithm: str = ALGORITHM) -> Iterator[Place]:
    """OpenBao with the imported key."""
    bao, name = kms.bao(), f"k{uuid4().hex}"
    imported(bao, name, "ed25519", private_key(algorithm, number))
    with Proxy(bao.url) as proxy:
        patch.setenv("VAULT_ADDR", proxy.url)
        yield Place(f"hv:{name}/1?timeout=3", proxy.be)


PLACES: dict[str, Callable[..., AbstractContextManager[Place]]] = {
    "file": file,
    "awskms": awskms,
    "hv": hv,
}


def clean(patch: pytest.MonkeyPatch) -> None:
    """The environment that leads to none of them yet, with credentials that all accept."""
    kms.use(patch, aws="http://127.0.0.1:9", vault="http://127.0.0.1:9")


def imported(bao: Any, name: str, kind: str, private: Any) -> None:
    """Import a private key into the transit engine ("Bring your own key")."""
    wrapping: Any = load_pem_public_key(bao.ask("GET", "transit/wrapping_key")["data"]["public_key"].encode())
    once = os.urandom(32)
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    wrapped = wrapping.encrypt(once, OAEP(MGF1(SHA256()), SHA256(), None)) + aes_key_wrap_with_padding(once, der)
    text = b64encode(wrapped).decode()
    bao.ask("POST", f"transit/keys/{name}/import", ciphertext=text, hash_function="SHA256", type=kind)
