"""Google Cloud KMS on loopback: a server with the API's own messages, TLS and real keys, which knows no permissions.

The clients are unchanged: they believe that they speak with cloudkms.googleapis.com. A proxy leads them to the server
of this process, whose certificate authority gRPC reads once for each process.
"""

from __future__ import annotations

import atexit
import json
import os
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from tests.support.making.keys import private_key
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

SERVERS: Final = Path(__file__).parents[4] / "shared" / "servers"
HOST: Final = "cloudkms.googleapis.com"
RING: Final = "projects/example/locations/europe-west3/keyRings/ring"
EMAIL: Final = "signer@example.iam.gserviceaccount.com"
KINDS: Final = {
    "EC_SIGN_P256_SHA256": "ecdsa-sha2-nistp256",
    "EC_SIGN_P384_SHA384": "ecdsa-sha2-nistp384",
    "EC_SIGN_ED25519": "ed25519",
    "RSA_SIGN_PSS_2048_SHA256": "rsassa-pss-sha256",
    "RSA_SIGN_PSS_3072_SHA256": "rsassa-pss-sha256",
    "RSA_SIGN_PSS_4096_SHA256": "rsassa-pss-sha256",
    "RSA_SIGN_PSS_4096_SHA512": "rsassa-pss-sha512",
    "RSA_SIGN_PKCS1_2048_SHA256": "rsa-pkcs1v15-sha256",
    "RSA_SIGN_PKCS1_3072_SHA256": "rsa-pkcs1v15-sha256",
    "RSA_SIGN_PKCS1_4096_SHA256": "rsa-pkcs1v15-sha256",
    "RSA_SIGN_PKCS1_4096_SHA512": "rsa-pkcs1v15-sha512",
    "PQ_SIGN_ML_DSA_44": "ml-dsa-44",
    "PQ_SIGN_ML_DSA_65": "ml-dsa-65",
    "PQ_SIGN_ML_DSA_87": "ml-dsa-87",
}


def ours(kind: str) -> str:
    """Our name for an algorithm of Google's."""
    return KINDS[kind.removesuffix("_EXTERNAL_MU")]


class Gcp:
    """The server, a proxy that leads to it, and files with credentials and the certificate authority."""

    def __init__(self) -> None:
        from tests.support.services.gcp_server import Server

        self.server: Any = Server()
        self._names = count()
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        self.proxy = proxy({f"{HOST}:443": self.server.address})
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self.server.ca)
        self.account = folder / "account.json"
        self.account.write_text(json.dumps(service_account()))
        atexit.register(self.close)

    def key(self, kind: str = "EC_SIGN_P256_SHA256", **settings: Any) -> str:
        """The name of version 1 of a new key."""
        return str(self.server.key(f"key-{next(self._names)}", kind, **settings))

    def new(self, kind: str = "EC_SIGN_P256_SHA256") -> str:
        """The same, of a key whose private half is one of the tests', because new RSA keys take seconds."""
        return self.key(kind, private=private_key(ours(kind)))

    def lead(self, patch: pytest.MonkeyPatch, address: str) -> None:
        """Let the proxy lead to another address than the server's."""
        host, _, port = address.removeprefix("http://").rpartition(":")
        patch.setitem(self.proxy.routes, f"{HOST}:443", (host, int(port)))

    def close(self) -> None:
        """End the server and the proxy."""
        self.proxy.close()
        self.server.close()
        self._folder.cleanup()


@cache
def gcp() -> Gcp:
    """The one of this process."""
    if not SERVERS.is_dir():
        missing(f"{SERVERS} is not there: the servers for tests belong beside the repository")
    return Gcp()


def use(patch: pytest.MonkeyPatch, there: Gcp | None = None, *, account: Path | None = None) -> None:
    """Let Google's library find the server, with the credentials of a service account, and nothing of the developer's.

    gRPC alone reads `grpc_proxy`, so that other services are not asked through the proxy.
    """
    for name in [name for name in os.environ if name.startswith(("GOOGLE_", "CLOUDSDK_", "GCE_", "GRPC_"))]:
        # gRPC reads how much it prints at its first use in a process, by whatever test that is.
        if name != "GRPC_VERBOSITY":
            patch.delenv(name)
    for name in ("no_proxy", "no_grpc_proxy"):
        patch.delenv(name, raising=False)
    for name, value in environment(there or gcp(), account=account).items():
        patch.setenv(name, value)


def environment(there: Gcp, *, account: Path | None = None) -> Mapping[str, str]:
    """The variables that lead to the server."""
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": str(account or there.account),
        "CLOUDSDK_CONFIG": str(there.account.parent / "none"),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(there.ca_file),
        "grpc_proxy": there.proxy.url,
        "NO_GCE_CHECK": "true",
    }


def service_account(**fields: Any) -> dict[str, Any]:
    """The content of a service account's file. Its key signs the tokens, so that no service is asked for one."""
    from attest.signers._software import to_pem

    about = {
        "type": "service_account",
        "project_id": "example",
        "private_key_id": "1",
        "private_key": to_pem(private_key("rsassa-pss-sha256")).decode(),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return about | fields


def proxy(routes: Mapping[str, str]) -> Any:
    """A CONNECT proxy that leads each HOST:PORT to an address on loopback."""
    from tests.support.services.gcp_server import ConnectProxy

    def split(address: str) -> tuple[str, int]:
        host, _, port = address.rpartition(":")
        return host, int(port)

    return ConnectProxy({host: split(address) for host, address in routes.items()})
