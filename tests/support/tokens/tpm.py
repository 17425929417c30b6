"""A TPM 2.0 for tests: the simulator swtpm, the resource manager on a message bus of its own, and tpm2-pkcs11.

A TPM has room for three objects, so that without the resource manager not even a token can be made.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from glob import glob
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MODULE = next(iter(glob("/usr/lib/*/pkcs11/libtpm2_pkcs11.so")), "libtpm2_pkcs11.so")
_MANAGER = "/usr/sbin/tpm2-abrmd"
NEEDS = (
    MODULE,
    _MANAGER,
    *(
        next(iter(glob(f"/usr/lib/*/libtss2-tcti-{name}.so.0")), f"libtss2-tcti-{name}.so.0")
        for name in ("swtpm", "tabrmd")
    ),
    "swtpm",
    "dbus-daemon",
    "setpriv",
)

_ROOT = Path(__file__).parents[3]

# In a process of its own, as with SoftHSM. C_InitToken makes the primary key and the store, too.
_INITIALISE = """
import ctypes, sys
import pkcs11
from attest.signers.pkcs11.cryptoki import binding
module, label, pin = sys.argv[1:]
library = pkcs11.lib(module)
slot = library.get_slots()[0].slot_id
if not label:
    sys.exit()
data = pin.encode()
binding.call(library, "InitToken", ctypes.c_ulong(slot), data, ctypes.c_ulong(len(data)), label.encode().ljust(32))
library.get_token(token_label=label).open(rw=True, so_pin=pin).init_pin(pin)
"""


@contextmanager
def tpm(label: str = "", pin: str = "") -> Iterator[Mapping[str, str]]:
    """A TPM with one token, or none if it has no label; yields the environment in which MODULE reaches it.

    Nothing of it is left at the end.
    """
    with ExitStack() as stack:
        folder = Path(mkdtemp(prefix="tpm-"))  # a short name, for the socket of the bus
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("state", "store"):
            (folder / name).mkdir()
        port = _start_simulator(folder, stack)
        address = f"unix:path={folder}/bus"
        _start(stack, "dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}")
        _until((folder / "bus").exists)
        environment = {
            "DBUS_SESSION_BUS_ADDRESS": address,
            "TPM2_PKCS11_STORE": f"{folder}/store",
            "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session",
            "TSS2_LOG": "all+NONE",
        }
        manager = [_MANAGER, "--session", f"--tcti=swtpm:host=127.0.0.1,port={port}"]
        _start(stack, *manager, *(["--allow-root"] if os.geteuid() == 0 else []), **environment)
        _initialise(label, pin, environment)
        yield environment


def _start_simulator(folder: Path, stack: ExitStack) -> int:
    """Start swtpm on two ports in a row, which its clients expect; the first of them."""
    for _ in range(50):
        port = _two_free_ports()
        where = [f"type=tcp,port={number},bindaddr=127.0.0.1" for number in (port, port + 1)]
        state = ["--tpm2", "--tpmstate", f"dir={folder}/state", "--flags", "startup-clear,not-need-init"]
        process = _start(stack, "swtpm", "socket", *state, "--server", where[0], "--ctrl", where[1])
        # A connection would be the one that it serves, so it is only looked whether the port is taken.
        _until(lambda port=port, process=process: process.poll() is not None or not _is_free(port + 1))  # type: ignore[misc]
        time.sleep(0.05)
        if process.poll() is None:
            return port
    raise AssertionError("swtpm finds no ports")


def _two_free_ports() -> int:
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            if _is_free(port + 1):
                return port


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _initialise(label: str, pin: str, environment: Mapping[str, str]) -> None:
    """Make the token, which only works once the resource manager is there."""
    command = [sys.executable, "-c", _INITIALISE, MODULE, label, pin]
    for _ in range(100):
        ran = subprocess.run(command, cwd=_ROOT, env={**os.environ, **environment}, capture_output=True, check=False)
        if ran.returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"the TPM does not start: {ran.stderr.decode()}")


def _start(stack: ExitStack, *command: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start a program that ends with the block or, at the latest, with this process."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *command],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "the TPM does not start"
        time.sleep(0.02)
