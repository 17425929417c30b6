"""The soft token of openCryptoki, in namespaces of its own: the daemon, its tokens and its shared memory are private.

openCryptoki has one daemon and one folder of tokens for a machine, and both belong to root. Here a process that was
started by `command` is root where only it can see it, has an empty folder, and leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.missing import missing
from tests.support.tokens.hsm import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = next(iter(glob("/usr/lib/*/opencryptoki/libopencryptoki.so.0")), "libopencryptoki.so.0")
_DAEMON = "/usr/sbin/pkcsslotd"
_TOOL = "/usr/sbin/pkcsconf"
NEEDS = (MODULE, _DAEMON, _TOOL, "unshare")
_SO_PIN = "87654321"  # what a new token has

# Where an ordinary user is root, there is no other group: the one of openCryptoki's users gets root's number.
_PREPARE = """
printf 'version opencryptoki-3.1\nslot 0\n{\nstdll = libpkcs11_sw.so\n}\n' >"$1/conf"
mount --bind "$1/conf" /etc/opencryptoki/opencryptoki.conf
sed 's/^pkcs11:.*/pkcs11:x:0:/' /etc/group >"$1/group"
mount --bind "$1/group" /etc/group
for folder in /run /dev/shm /var/log /var/lib/opencryptoki; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/lock/opencryptoki/swtok /var/log/opencryptoki /var/lib/opencryptoki/swtok/TOK_OBJ
"""


def command() -> list[str]:
    """What to put before a command that uses `soft_token`; a skip where the machine does not allow it."""
    needs(*NEEDS)
    enter = ["unshare", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
    enter += [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    ran = subprocess.run([*enter, "true"], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        missing(f"openCryptoki's daemon needs root, or a machine that lets users be root in a namespace: {ran.stderr}")
    return enter


@contextmanager
def soft_token(folder: Path, label: str, pin: str) -> Iterator[None]:
    """Run the daemon with one token, in a process that `command` started. Its PIN has four to eight characters."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["sh", "-euc", _PREPARE, "sh", str(folder)], check=True)
    log = folder / "log"
    with log.open("wb") as output, subprocess.Popen([_DAEMON, "-f"], stdout=output, stderr=output) as daemon:
        try:
            _wait_for(daemon, log)
            _configure("-I", _SO_PIN, label)
            _configure("-P", _SO_PIN, _SO_PIN[::-1], _SO_PIN[::-1])
            _configure("-u", _SO_PIN[::-1], pin, pin)
            yield
        finally:
            daemon.kill()


def _wait_for(daemon: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while not Path("/run/pkcsslotd.socket").exists():
        if daemon.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"pkcsslotd does not listen: {log.read_text()}")
        time.sleep(0.01)


def _configure(option: str, *answers: str) -> None:
    lines = "".join(f"{answer}\n" for answer in answers)
    subprocess.run([_TOOL, option, "-c", "0"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)
