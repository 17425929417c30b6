"""Private tokens for tests: a SoftHSM of one's own, and a p11-kit server in front of one.

Each has its own copy of the module, so that two of them live in one process with settings of their own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from glob import glob
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from attest.signers.pkcs11.uri import percent_encode
from tests.support.missing import missing

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
CLIENT = next(iter(glob("/usr/lib/*/pkcs11/p11-kit-client.so")), "p11-kit-client.so")
SOFTOKN = next(iter(glob("/usr/lib/*/libsoftokn3.so")), "libsoftokn3.so")
PIN = "corr+ect;1234"
ALGORITHMS = {
    "p256": "ecdsa-sha2-nistp256",
    "p384": "ecdsa-sha2-nistp384",
    "rsa": "rsassa-pss-sha256",
    "ed": "ed25519",
}

# Run in a process of its own, so that the module under test is never touched by it: python-pkcs11 initialises a module
# for one thread only.
_MAKE = """
import sys
import pkcs11
from attest.keys import algorithm_named
from attest.signers.pkcs11.keys.generation import make_key_pair
module, label, pin, *keys = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label=label).open(rw=True, user_pin=pin)
for number, key in enumerate(keys, start=1):
    name, algorithm = key.split("=")
    make_key_pair(session, algorithm_named(algorithm), name, bytes([number]))
"""


# What another program does to a key of the token meanwhile.
_DESTROY = """
import sys
import pkcs11
from pkcs11 import Attribute
module, label, pin, name = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label=label).open(rw=True, user_pin=pin)
for key in list(session.get_objects({Attribute.LABEL: name})):
    key.destroy()
"""


def needs(*paths: str) -> None:
    """Skip where a program or module isn't there; under CI that is a failure."""
    absent = [path for path in paths if not (shutil.which(path) or os.path.exists(path))]
    if absent:
        missing(f"missing: {', '.join(absent)} (tests/__main__.py names their packages)")


@dataclass(frozen=True)
class SoftHSM:
    """A SoftHSM below a folder: its configuration, its tokens, its copy of the module, and a file with the PIN."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, *labels: str) -> SoftHSM:
        """A new one with a token for each label; the PIN of all is PIN."""
        needs("softhsm2-util", SOFTHSM)
        hsm = cls(folder)
        (folder / "tokens").mkdir(parents=True)
        hsm.configuration.write_text(
            f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        shutil.copy(SOFTHSM, hsm.module)
        hsm.pin_file.touch(mode=0o600)
        hsm.pin_file.write_text(f"{PIN}\n")
        for label in labels:
            hsm.add_token(label)
        return hsm

    @property
    def configuration(self) -> Path:
        """What SOFTHSM2_CONF names."""
        return self.folder / "softhsm2.conf"

    @property
    def module(self) -> Path:
        """This one's copy of the module."""
        return self.folder / f"libsofthsm2-{self.folder.name}.so"

    @property
    def pin_file(self) -> Path:
        """A file with the PIN."""
        return self.folder / "pin"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that uses it."""
        return {**os.environ, "SOFTHSM2_CONF": str(self.configuration)}

    def add_token(self, label: str) -> None:
        """Initialise one more token."""
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN)

    def add_keys(self, label: str, *keys: str) -> None:
        """Make key pairs in the token: names of ALGORITHMS, or NAME=ALGORITHM."""
        named = [key if "=" in key else f"{key}={ALGORITHMS[key]}" for key in keys]
        self.run(sys.executable, "-c", _MAKE, str(self.module), label, PIN, *named)

    def twin(self, folder: Path) -> SoftHSM:
        """Another one in `folder`, with copies of the tokens and their keys."""
        other = SoftHSM.make(folder)
        shutil.copytree(self.folder / "tokens", other.folder / "tokens", dirs_exist_ok=True)
        return other

    def import_key(self, label: str, key: Path, name: str, identifier: str = "01") -> None:
        """Import a private key in PKCS#8 PEM, with its public half."""
        names = ("--label", name, "--id", identifier)
        self.run("softhsm2-util", "--import", str(key), "--token", label, "--pin", PIN, *names)

    def destroy_key(self, label: str, name: str) -> None:
        """Destroy a key in a token, in another process."""
        self.run(sys.executable, "-c", _DESTROY, str(self.module), label, PIN, name)

    def swap_tokens(self, other: SoftHSM) -> None:
        """Exchange all tokens for those of another one, under whatever uses them; once more, and all is as before."""
        own, away = self.folder / "tokens", self.folder / "away"
        own.rename(away)
        (other.folder / "tokens").rename(own)
        away.rename(other.folder / "tokens")

    def run(self, *command: str) -> str:
        """Run a program that uses these tokens."""
        ran = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{command[0]}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def uri(self, token: str = "t", key: str | None = "p256", **query: str) -> str:
        """The signer URI of a key; `query` adds and replaces attributes, with `_` for `-`; an empty one goes."""
        path = f"pkcs11:token={percent_encode(token)}" + (f";object={percent_encode(key)}" if key else "")
        attributes = {
            "module-path": str(self.module),
            "x-module-env": f"SOFTHSM2_CONF={self.configuration}",
            "pin-source": f"file:{self.pin_file}",
            **{name.replace("_", "-"): value for name, value in query.items()},
        }
        return path + "?" + "&".join(f"{name}={_encoded(value)}" for name, value in attributes.items() if value)


class Server:
    """A `p11-kit server` in front of a SoftHSM token, and a client module of its own that reaches it."""

    def __init__(self, hsm: SoftHSM, token: str = "t") -> None:
        needs("p11-kit", CLIENT)
        self.hsm = hsm
        self.token = token
        # Socket names are limited to 107 bytes, which pytest's folders can exceed.
        self._folder = Path(mkdtemp(prefix="p11-"))
        self.socket = self._folder / "s"
        self.client = self._folder / f"client-{self._folder.name}.so"
        shutil.copy(CLIENT, self.client)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                *("p11-kit", "server", "--provider", str(self.hsm.module), "--foreground", "--name", str(self.socket)),
                f"pkcs11:token={percent_encode(self.token)}",
            ],
            env=self.hsm.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(500):
            if self.socket.exists():
                return
            time.sleep(0.01)
        raise AssertionError("p11-kit server does not listen")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to those of its children that serve a connection."""
        if self._process is not None:
            with_group = os.getpgid(self._process.pid) if self._process.poll() is None else self._process.pid
            with suppress(ProcessLookupError):
                os.killpg(with_group, number)

    def kill(self) -> None:
        """Kill the server and its children."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def kill_connections(self) -> None:
        """Kill the children that serve connections, and leave the server."""
        if self._process is not None:
            subprocess.run(["pkill", "-KILL", "-P", str(self._process.pid)], check=False)

    def close(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def uri(self, key: str | None = "p256", **query: str) -> str:
        """The signer URI of a key behind the server."""
        return self.hsm.uri(
            self.token,
            key,
            **{
                "module_path": str(self.client),
                "x_module_env": f"P11_KIT_SERVER_ADDRESS=unix:path={self.socket}",
                **query,
            },
        )


@dataclass(frozen=True)
class NSS:
    """A database of NSS softokn, the second implementation: it must be told where it is when it is initialised."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> NSS:
        """A new one, with PIN as its password."""
        needs("certutil", SOFTOKN)
        nss = cls(folder)
        (folder / "db").mkdir(parents=True)
        nss.pin_file.touch(mode=0o600)
        nss.pin_file.write_text(f"{PIN}\n")
        command = ["certutil", "-N", "-d", f"sql:{folder}/db", "-f", str(nss.pin_file)]
        subprocess.run(command, capture_output=True, check=True)
        shutil.copy(SOFTOKN, nss.module)
        return nss

    @property
    def module(self) -> Path:
        """This one's copy of the module."""
        return self.folder / f"libsoftokn3-{self.folder.name}.so"

    @property
    def pin_file(self) -> Path:
        """A file with the password."""
        return self.folder / "pin"

    def uri(self, key: str, **query: str) -> str:
        """The signer URI of a key, as `SoftHSM.uri`."""
        attributes = {
            "module-path": str(self.module),
            "pin-source": f"file:{self.pin_file}",
            "x-init-args": f"configdir='sql:{self.folder}/db' certPrefix='' keyPrefix='' secmod='' flags= ",
            **{name.replace("_", "-"): value for name, value in query.items()},
        }
        path = f"pkcs11:token=NSS%20Certificate%20DB;object={percent_encode(key)}"
        return path + "?" + "&".join(f"{name}={_encoded(value)}" for name, value in attributes.items() if value)


def _encoded(value: str) -> str:
    """A query attribute's value; a URI in it is encoded whole."""
    return percent_encode(value).replace("%2F", "/").replace("%3A", ":")


class Templates:
    """SoftHSM folders that are made once a session and copied: initialising a token and its keys takes a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _standard(self) -> SoftHSM:
        hsm = SoftHSM.make(self._folder / "standard", "t")
        hsm.add_keys("t", *ALGORITHMS)
        return hsm

    def copy(self, folder: Path) -> SoftHSM:
        """A SoftHSM with the token `t` that holds a key of each of ALGORITHMS."""
        return self._standard.twin(folder)


def member_of(signer: Any, index: int = 0) -> Any:
    """The member of a signer's group, to look at."""
    return signer._group.members[index]
