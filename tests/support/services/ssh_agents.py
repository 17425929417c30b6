"""OpenSSH's ssh-agent with the keys of a test in it; it ends with the process that started it."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.missing import missing


class SshAgent:
    """A running agent; `path` is its socket, and `environment` what its askpass program is told."""

    def __init__(self, **environment: str) -> None:
        program = shutil.which("ssh-agent") or missing("ssh-agent is not here: install openssh-client")
        self._folder = Path(tempfile.mkdtemp(prefix="agent-"))  # short: the path of a socket has at most 107 bytes
        self.path = str(self._folder / "s")
        # It ends when `cat` does, which is when our end of the pipe closes, however this process ends.
        command = [program, "-a", self.path, "cat"]
        environ = {**os.environ, **environment}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environ)
        until = time.monotonic() + 20
        while not Path(self.path).exists() and time.monotonic() < until:
            time.sleep(0.01)
        atexit.register(self.close)

    def add(self, private: Any, *options: str) -> Path:
        """Add a key; the path of its public key file, in OpenSSH's format."""
        number = len(list(self._folder.iterdir()))
        path = self._folder / f"key{number}"
        path.touch(0o600)
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public = path.with_suffix(".pub")
        public.write_bytes(private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
        environ = {**os.environ, "SSH_AUTH_SOCK": self.path}
        subprocess.run(["ssh-add", "-q", *options, path], env=environ, check=True, capture_output=True)
        path.unlink()
        return public

    def lock(self, kind: int = 22) -> None:
        """Lock the agent, or unlock it with 23 (SSH_AGENTC_UNLOCK)."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            connection.sendall(struct.pack(">IBI", 7, kind, 2) + b"pw")
            assert connection.recv(5)[4:] == b"\x06"

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)


@cache
def shared() -> SshAgent:
    """The one agent of this process, for tests that only add keys."""
    return SshAgent()
