"""Azure Key Vault on loopback: the server beside the repository, which a client reaches by the names of Azure.

There is one for each process, and each test has keys of its own. It also creates keys, and answers as a test wants.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    # From a method, a path and a body.
    Script = Callable[[str, str, bytes], tuple[int, bytes, Mapping[str, str]] | None]

HOST = "example.vault.azure.net"
TENANT = "11111111-2222-3333-4444-555555555555"
SECRET = "client-secret-of-a-test"
HIDDEN = "AADSTS7000215 hunter2"  # a text of Azure that nobody may be shown
CUT: Any = (0, b"", {})  # of a script: an answer that ends too early
_NUMBERS = count(1)


class AzureVault:
    """The server, the proxy that leads to it, and the variables with which azure-identity finds both."""

    def __init__(self) -> None:
        self.server, proxy = _server()
        self._home = TemporaryDirectory()
        self.variables: dict[str, str] = self.server.environment(self._home.name, proxy.url)
        self.proxy = proxy

    def key(self, kind: str = "P-256", *, name: str | None = None, **settings: Any) -> tuple[str, str]:
        """The name and the version of a new key."""
        name = name or self.name()
        return name, self.server.key(name, kind, **settings).rpartition("/")[2]

    def name(self) -> str:
        """A name that no key has."""
        return f"key-{next(_NUMBERS)}"

    def uri(self, kind: str = "P-256", **settings: Any) -> str:
        """The signer URI of a new key, with its version."""
        name, version = self.key(kind, **settings)
        return f"azurekms:{HOST}/keys/{name}/{version}"

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Let the libraries find this server, with credentials that it takes, and nothing of the developer's."""
        clean(patch)
        for name, value in self.variables.items():
            patch.setenv(name, value)

    def script(self, name: str, script: Script) -> None:
        """Have `script` answer each request with a token about a key: status, body, headers; None for the usual."""
        self.server.scripts[name] = script

    def asked(self, name: str) -> list[str]:
        """The requests with a token about a key: `GET`, `GET versions`, `POST sign`."""
        found = []
        for method, _, path, headers, _ in self.server.log:
            parts = path.partition("?")[0].split("/")
            if parts[1:3] == ["keys", name] and "Authorization" in headers:
                last = parts[-1] if parts[-1] in ("versions", "sign", "create") else ""
                found.append(f"{method} {last}".strip())
        return found


def shows_nothing(caught: Any, *secrets: str) -> None:
    """The error that was raised says nothing of Azure's texts, of the credentials, or of what else is given here."""
    text = f"{caught.value!r} {caught.value.hint}"
    assert not {secret for secret in (HIDDEN, "hunter2", SECRET, TENANT, "AADSTS", *secrets) if secret in text}


def clean(patch: pytest.MonkeyPatch) -> None:
    """Take away every variable that leads to credentials of Azure, or to a proxy."""
    for name in list(os.environ):
        is_azure = name.startswith(("AZURE_", "IDENTITY_", "IMDS_", "MSI_"))
        if is_azure or name.upper().endswith("_PROXY") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            patch.delenv(name)


@cache
def azure() -> AzureVault:
    """The one of this process."""
    return AzureVault()


def _server() -> tuple[Any, Any]:
    servers = Path(__file__).parents[4] / "shared" / "servers"
    if not servers.is_dir():
        missing(f"{servers} is not there: the loopback servers belong beside the repository")
    if str(servers) not in sys.path:
        sys.path.append(str(servers))
    azurekeyvault: Any = import_module("azurekeyvault")
    connectproxy: Any = import_module("connectproxy")

    class Handler(azurekeyvault._Handler):  # type: ignore[misc]
        """The server's, which also creates keys, and does what `scripts` say for a name."""

        disable_nagle_algorithm = True

        def _key(
            self, method: str, host: str, name: str, number: str, act: str | None, body: bytes, query: Any
        ) -> None:
            owner = self.server_owner
            script = owner.scripts.get(name)
            if script is not None:
                scripted = script(method, self.path, body)
                if scripted == CUT:
                    self.close_connection = True
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                    return
                if scripted is not None:
                    self._send(*scripted)
                    return
            if (method, number) != ("POST", "create"):
                super()._key(method, host, name, number, act, body, query)
                return
            asked = json.loads(body)
            kind = asked.get("crv") or f"RSA-{asked['key_size']}"
            version = owner.key(name, kind, hsm=asked["kty"].endswith("-HSM"), operations=asked["key_ops"])
            super()._key("GET", host, name, version.rpartition("/")[2], None, b"", {})

    class Server(azurekeyvault.AzureKeyVault):  # type: ignore[misc]
        def __init__(self) -> None:
            self.scripts: dict[str, Any] = {}
            super().__init__(slow=1, hosts=(*azurekeyvault.HOSTS, "example.managedhsm.azure.net"))

    copy = connectproxy._copy

    def copy_at_once(source: socket, target: socket) -> None:
        target.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # or each small piece waits for the answer to the one before
        copy(source, target)

    connectproxy._copy = copy_at_once
    original, azurekeyvault._Handler = azurekeyvault._Handler, Handler
    try:
        server = Server()
    finally:
        azurekeyvault._Handler = original
    here = ("127.0.0.1", server.port)
    hosts = ("*.vault.azure.net", "*.managedhsm.azure.net", "login.microsoftonline.com")
    return server, connectproxy.ConnectProxy({f"{host}:443": here for host in hosts})
