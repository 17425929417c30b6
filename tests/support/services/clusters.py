"""Dask clusters on loopback: a scheduler and workers, each a process of its own, with certificates or without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cluster:
    """A scheduler and two workers, as on several machines; `options` are for each of them."""

    def __init__(self, folder: Path, *options: str, preload: Path | None = None) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._options = options
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--port", "0", "--no-dashboard", "--no-show")
        extra = () if preload is None else ("--preload", str(preload))
        self.workers = [
            self.start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", *extra) for _ in range(2)
        ]

    @property
    def address(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                address: str = json.loads(self._file.read_text())["address"]
            except (OSError, ValueError):
                time.sleep(0.05)
            else:
                return address
        raise TimeoutError("the scheduler did not start")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments, *self._options]
        command += ["--scheduler-file", str(self._file), "--host", "127.0.0.1"]
        ours = {"PYTHONPATH": str(Path(__file__).parents[3]), "DASK_TEMPORARY_DIRECTORY": str(self._folder)}
        environment = os.environ | ours
        with (self._folder / f"{len(self.processes)}.log").open("wb") as log:
            started = subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)
        self.processes.append(started)
        return started

    def stop(self) -> None:
        for process in self.processes:  # asked nicely, each waits for the others
            process.kill()
            process.wait()


@contextmanager
def running(folder: Path, *options: str, preload: Path | None = None) -> Iterator[Cluster]:
    """A cluster that ends with the block."""
    folder.mkdir(exist_ok=True)
    made = Cluster(folder, *options, preload=preload)
    try:
        yield made
    finally:
        made.stop()


class Certificates:
    """A CA made now, and one certificate by it, as files: `ca`, `cert` and `key`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.ca, self.cert, self.key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
        issuer, subject = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("the cluster's CA", issuer, "the cluster's CA", issuer, is_ca=True)
        leaf = _certificate("a member", subject, "the cluster's CA", issuer, is_ca=False)
        self.ca.write_bytes(root.public_bytes(Encoding.PEM))
        self.cert.write_bytes(leaf.public_bytes(Encoding.PEM))
        self.key.write_bytes(subject.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def of_a_member(self) -> tuple[str, ...]:
        """What a scheduler or a worker is started with."""
        files = ("--tls-ca-file", str(self.ca), "--tls-cert", str(self.cert), "--tls-key", str(self.key))
        return ("--protocol", "tls", *files)

    @property
    def of_a_client(self) -> tuple[str, ...]:
        """The options of `attest verify`."""
        return ("--dask-ca", str(self.ca), "--dask-cert", str(self.cert), "--dask-key", str(self.key))


def _certificate(name: str, key: Any, issuer: str, signer: Any, *, is_ca: bool) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    usage |= {"digital_signature": True, "key_encipherment": not is_ca, "key_cert_sign": is_ca, "crl_sign": is_ca}
    return built.add_extension(x509.KeyUsage(**usage), critical=True).sign(signer, hashes.SHA256())
