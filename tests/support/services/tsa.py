"""A time-stamping authority on loopback, made with `openssl ts`, and servers that answer otherwise than one should.

Keys are fresh, and the time of a token is the time at which it is asked for.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from tests.support.missing import missing
from tests.support.services.servers import answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path

    # From the body of a request to the status and the body of the answer.
    Answer = Callable[[bytes], tuple[int, bytes]]

_CONFIGURATION = """\
[tsa]
default_tsa = one

[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ess_cert_id_alg = {identified_by}
{more}
"""
_EXTENSIONS = "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n"


class Tsa:
    """A root, an authority below it, and `openssl ts` that signs for it; everything is in `folder`."""

    def __init__(
        self,
        folder: Path,
        name: str = "Test",
        *,
        digests: str = "sha256, sha512",
        identified_by: str = "sha256",
        chain: bool = False,
    ) -> None:
        if shutil.which("openssl") is None:
            missing("the openssl program is not installed, so there is no time-stamping authority")
        self.folder = folder
        self._numbers = count()
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self._openssl("req", "-x509", *new, "-keyout", "root.key", "-out", "root.pem", "-subj", f"/CN={name} Root")
        self._openssl("req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", f"/CN={name} TSA")
        (folder / "extensions").write_text(_EXTENSIONS)
        issuer = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "30", "-extfile", "extensions")
        self._openssl("x509", "-req", "-in", "tsa.csr", "-out", "tsa.pem", *issuer)
        (folder / "serial").write_text("01\n")
        more = f"certs = {folder}/root.pem" if chain else ""
        (folder / "tsa.cnf").write_text(
            _CONFIGURATION.format(folder=folder, digests=digests, identified_by=identified_by, more=more)
        )

    @property
    def root(self) -> str:
        """The PEM of the root."""
        return (self.folder / "root.pem").read_text()

    @property
    def certificate(self) -> str:
        """The PEM of the authority's own certificate."""
        return (self.folder / "tsa.pem").read_text()

    def reply(self, query: bytes) -> bytes:
        """The DER of a TimeStampResp to that of a TimeStampReq."""
        number = next(self._numbers)
        asked, answered = self.folder / f"{number}.tsq", self.folder / f"{number}.tsr"
        asked.write_bytes(query)
        self._openssl(
            "ts", "-reply", "-config", "tsa.cnf", "-section", "one", "-queryfile", str(asked), "-out", str(answered)
        )
        return answered.read_bytes()

    def answer(self, query: bytes) -> tuple[int, bytes]:
        """What the server of a good authority says."""
        return 200, self.reply(query)

    def accepts(self, token: bytes, data: bytes) -> bool:
        """Whether `openssl ts -verify` accepts a token over `data`, as docs/sign/timestamps.md has it."""
        (self.folder / "token.der").write_bytes(token)
        (self.folder / "data.bin").write_bytes(data)
        command = ["ts", "-verify", "-token_in", "-in", "token.der", "-data", "data.bin", "-CAfile", "root.pem"]
        return self._run(*command).returncode == 0

    def _openssl(self, *arguments: str) -> None:
        ran = self._run(*arguments)
        assert ran.returncode == 0, ran.stderr.decode()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=False, timeout=60)


@contextmanager
def serving(answer: Answer, *, headers: dict[str, str] | None = None) -> Iterator[str]:
    """The URL of a server on loopback that answers every POST as `answer` says, while the block runs."""

    def checked(path: str, asked: Message, body: bytes) -> tuple[int, bytes]:
        assert asked["Content-Type"] == "application/timestamp-query"
        return answer(body)

    with answering(checked, headers={"Content-Type": "application/timestamp-reply", **(headers or {})}) as url:
        yield f"{url}/tsr"
