"""Places that hold a key of the test's, each of which can be made to fail and to work again.

`PLACES` has one for each scheme outside of tokens that can be given a key: a key file, AWS KMS (scripted), Google Cloud
KMS and Azure Key Vault (servers on loopback), and OpenBao (imported), each service behind a proxy.
"""

from __future__ import annotations

import os
from base64 import b64encode
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.error import HTTPError
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key

from attest.signers import _software
from tests.support.making.keys import private_key
from tests.support.services import azure, gcp, kms
from tests.support.services.aws_script import HEADERS, Scripted
from tests.support.services.proxies import Mode, Proxy
from tests.support.services.servers import answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pytest

ALGORITHM = "ecdsa-sha2-nistp256"  # which every place has, also a token

Refusal = Literal["nothing", "busy", "expired"]
_MAY_USE = """path "transit/*" { capabilities = ["read", "update"] }"""
_MAY_NOT = """path "nothing" { capabilities = ["read"] }"""


class Place(NamedTuple):
    """A place that holds a key: its URI, and what changes how it answers.

    `refuse` lets a service refuse all signatures as too busy (`busy`) or because the credentials are no longer valid
    (`expired`), or none (`nothing`).
    """

    uri: str
    be: Callable[[Mode], object]
    refuse: Callable[[Refusal], object]


def _refuses_nothing(_: Refusal) -> None:
    pass


@contextmanager
def file(folder: Path, patch: pytest.MonkeyPatch, number: int) -> Iterator[Place]:
    """A key file, which is `down` when it is somewhere else."""
    path, away = folder / f"{uuid4()}.pem", folder / "away.pem"
    path.write_bytes(_software.to_pem(private_key(ALGORITHM, number)))
    path.chmod(0o600)

    def be(mode: Mode) -> None:
        if mode == "well" and away.exists():
            away.rename(path)
        elif mode != "well" and path.exists():
            path.rename(away)

    yield Place(f"file:{path}", be, _refuses_nothing)


@contextmanager
def awskms(folder: Path, patch: pytest.MonkeyPatch, number: int) -> Iterator[Place]:
    """AWS KMS with the key."""
    script = Scripted()
    script.holds(ALGORITHM, number)
    with answering(script.answer, headers=HEADERS) as url, Proxy(url) as proxy:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        refusals = {"nothing": {}, "busy": {"Sign": (400, "ThrottlingException")}}
        refusals["expired"] = {"Sign": (400, "ExpiredTokenException")}
        yield Place(
            "awskms:alias/release?timeout=30", proxy.be, lambda kind: setattr(script, "refusals", refusals[kind])
        )


@contextmanager
def hv(folder: Path, patch: pytest.MonkeyPatch, number: int) -> Iterator[Place]:
    """OpenBao with the imported key."""
    bao, name = kms.bao(), f"k{uuid4().hex}"
    imported(bao, name, "ecdsa-p256", private_key(ALGORITHM, number))
    with Proxy(bao.url) as proxy:
        patch.setenv("VAULT_ADDR", proxy.url)
        policy = bao.policy(_MAY_USE)
        made = bao.ask("POST", "auth/token/create", policies=[policy], no_default_policy=True)
        patch.setenv("VAULT_TOKEN", made["auth"]["client_token"])

        def refuse(kind: Refusal) -> None:
            bao.ask("PUT", f"sys/policies/acl/{policy}", policy=_MAY_NOT if kind == "expired" else _MAY_USE)
            if kind == "busy":
                bao.ask("POST", f"sys/quotas/rate-limit/{name}", path="transit/", rate=0.001)
                for _ in range(2):  # one request is free
                    with suppress(HTTPError):
                        bao.ask("GET", f"transit/keys/{name}")
            else:
                bao.ask("DELETE", f"sys/quotas/rate-limit/{name}")

        yield Place(f"hv:{name}/1?timeout=30", proxy.be, refuse)
        refuse("nothing")


@contextmanager
def gcpkms(folder: Path, patch: pytest.MonkeyPatch, number: int) -> Iterator[Place]:
    """Google Cloud KMS with the key."""
    there = gcp.gcp()
    gcp.use(patch, there)
    with Proxy(there.server.address) as proxy:
        led = gcp.proxy({f"{gcp.HOST}:443": proxy.address})
        patch.setenv("grpc_proxy", led.url)
        name = there.key("EC_SIGN_P256_SHA256", private=private_key(ALGORITHM, number))

        def refuse(kind: Refusal) -> None:
            there.server.trouble(name, "exhausted" if kind == "busy" else "unauthenticated", times=0)
            if kind != "nothing":
                there.server.trouble(name, "exhausted" if kind == "busy" else "unauthenticated")

        yield Place(f"gcpkms:{name}?timeout=30", proxy.be, refuse)
        led.close()


@contextmanager
def azurekms(folder: Path, patch: pytest.MonkeyPatch, number: int) -> Iterator[Place]:
    """Azure Key Vault with the key."""
    there, of_grpc = azure.azure(), os.environ.get("grpc_proxy")  # noqa: SIM112
    there.use(patch)  # which takes all proxies away
    if of_grpc is not None:
        patch.setenv("grpc_proxy", of_grpc)
    name, version = there.key("P-256")
    there.server.keys[name][0].private = private_key(ALGORITHM, number)
    refusals = {"busy": "throttled", "expired": "forbidden"}

    def refuse(kind: Refusal) -> None:
        there.server.trouble(name, refusals.get(kind, "throttled"), times=0 if kind == "nothing" else 10_000)

    with Proxy(f"127.0.0.1:{there.server.port}") as proxy:
        hosts = (azure.HOST, "login.microsoftonline.com")
        led = gcp.proxy({f"{host}:443": proxy.address for host in hosts})
        patch.setenv("HTTPS_PROXY", led.url)
        yield Place(f"azurekms:{azure.HOST}/keys/{name}/{version}?timeout=30", proxy.be, refuse)
        led.close()


PLACES: dict[str, Callable[..., AbstractContextManager[Place]]] = {
    "file": file,
    "awskms": awskms,
    "azurekms": azurekms,
    "gcpkms": gcpkms,
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
