"""Signers in processes that fork, are interrupted, and end, at whatever moment."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.cli.calls import ATTEST
from tests.support.tokens.hsm import Server, SoftHSM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What every program here begins with: a `signer`, a `good` that signs and verifies, and a `child` of fork.
_BEGINNING = """
import os, random, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
import attest

signer = attest.open_signer(sys.argv[1])

def good(text=""):
    data = f"DSSEv1 {text}".encode()
    signature = signer.sign(data)
    signer.public_key.verify(signature.sig, data)
    return signature.keyid

def child(act):
    '''Run `act` in a child of fork, which is given ten seconds; returns its exit code.'''
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def in_threads(act):
    '''Call `act` again and again in four threads, until what this returns is called.'''
    done = threading.Event()
    def work():
        while not done.is_set():
            act()
    pool = ThreadPoolExecutor(4)
    futures = [pool.submit(work) for _ in range(4)]
    return lambda: (done.set(), [future.result() for future in futures])
"""


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    folder = tmp_path_factory.mktemp("forks")
    made = SoftHSM.make(folder / f"hsm-{folder.name}", "t")
    made.add_keys("t", "p256", "rsa")
    return made


@pytest.fixture
def server(hsm: SoftHSM) -> Iterator[Server]:
    made = Server(hsm)
    made.start()
    yield made
    made.close()


def command(folder: Path, program: str, *arguments: str) -> list[str]:
    file = folder / "program.py"
    file.write_text(_BEGINNING + program)
    return [sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", str(file), *arguments]


def run(folder: Path, program: str, *arguments: str, code: int = 0) -> None:
    """Run a program to its end, which must come in time and without a word."""
    ran = subprocess.run(command(folder, program, *arguments), capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", "")


FORKS = {
    "a child before the first signature": """
assert child(good) == 0
good()
""",
    "a child, a grandchild, and the parent goes on": """
good()
def both():
    good()
    assert child(good) == 0
    good()
assert child(both) == 0
good()
""",
    "a child that closes the signer, and the parent goes on": """
good()
assert child(lambda: (good(), signer.close())) == 0
assert child(signer.close) == 0
good()
""",
    "a child that goes on when the parent has closed the signer": """
good()
ready, go = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(go)
    os.read(ready, 1)
    good()
    os._exit(0)
signer.close()
os.close(go)
assert os.waitpid(pid, 0)[1] == 0
""",
    "a child that ends like any program": """
good()
pid = os.fork()
good()
if pid != 0:
    assert os.waitpid(pid, 0)[1] == 0
""",
    "children while other threads sign": """
good()
stop = in_threads(good)
for _ in range(30):
    assert child(good) == 0
    good()
stop()
""",
    "children of several threads at once": """
good()
stop = in_threads(lambda: child(good) == 0 or os._exit(1))
time.sleep(0.5)
stop()
good()
""",
}


@pytest.mark.parametrize("program", FORKS.values(), ids=[name.replace(" ", "-") for name in FORKS])
def test_a_signer_is_safe_after_fork(program: str, hsm: SoftHSM, tmp_path: Path) -> None:
    run(tmp_path, program, hsm.uri())


@pytest.mark.parametrize("milliseconds", [0, 10, 30, 50, 60, 70, 80, 100])
def test_a_fork_may_come_while_other_threads_use_a_signer_for_the_first_time(
    milliseconds: int, hsm: SoftHSM, tmp_path: Path
) -> None:
    """They import modules, load the token's and initialise it: a child must not find any of that half done."""
    program = """
stop = in_threads(good)
time.sleep(int(sys.argv[2]) / 1000)
assert child(good) == 0
stop()
"""
    run(tmp_path, program, hsm.uri(), str(milliseconds))


def test_a_fork_does_not_wait_for_ever_for_a_token(server: Server, tmp_path: Path) -> None:
    program = """
good()
os.killpg(int(sys.argv[2]), signal.SIGSTOP)
thread = threading.Thread(target=lambda: signer.sign(b"waits"), daemon=True)
thread.start()
time.sleep(0.2)
began = time.monotonic()
assert child(lambda: None) == 0
assert 1 < time.monotonic() - began < 5
os.killpg(int(sys.argv[2]), signal.SIGCONT)
thread.join()
good()
"""
    assert server._process is not None
    run(tmp_path, program, server.uri(), str(server._process.pid))


def test_a_program_without_threads_forks_without_any_and_python_has_nothing_to_warn_of(
    hsm: SoftHSM, tmp_path: Path
) -> None:
    """Python 3.12 and later warn of a fork while there are threads."""
    program = """
import warnings
warnings.simplefilter("error")
running = []
os.register_at_fork(after_in_parent=lambda: running.append(threading.active_count()))
for _ in range(20):
    good()
    assert threading.active_count() == 2
    assert child(good) == 0
assert running == [1] * 20
good()
"""
    run(tmp_path, program, hsm.uri())


def test_an_executor_that_forks_inherits_a_signer(hsm: SoftHSM, tmp_path: Path) -> None:
    program = """
keyid = good("before")
with ProcessPoolExecutor(2, mp_context=get_context("fork")) as executor:
    assert list(executor.map(good, range(100))) == [keyid] * 100
good("after")
"""
    run(tmp_path, program, hsm.uri())


ENDINGS = {
    "unused": "",
    "open": "good()",
    "closed twice": "good(); signer.close(); signer.close()",
    "with an error": "good(); sys.exit(3)",
    "while threads sign": """
good()
def work():
    while True:
        good()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
""",
    "in a cycle": """
good()
class Holder: pass
holder = Holder()
holder.signer, holder.itself = signer, holder
del signer, holder
""",
}


@pytest.mark.parametrize("how", ENDINGS)
def test_the_interpreter_ends_with_a_signer_in_any_state(how: str, hsm: SoftHSM, tmp_path: Path) -> None:
    run(tmp_path, ENDINGS[how], hsm.uri(), code=3 if how == "with an error" else 0)


def test_the_interpreter_ends_while_a_signer_looks_for_its_token(server: Server, tmp_path: Path) -> None:
    program = """
good()
print("signed", flush=True)
sys.stdin.read()
try:
    good()
except attest.SignerError:
    print("refused")
"""
    arguments = command(tmp_path, program, server.uri(timeout="2"))
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == b"signed\n"
        server.kill()
        began = time.monotonic()
        assert ran.communicate(timeout=20) == (b"refused\n", b"")
    assert ran.returncode == 0
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("key", ["p256", "rsa"])
def test_ctrl_c_leaves_a_signer_that_signs(key: str, hsm: SoftHSM, tmp_path: Path) -> None:
    """Also because the session of a call that was left must not be closed under it, which crashes SoftHSM."""
    program = """
random.seed(1)
good()
for _ in range(300):
    timer = threading.Timer(random.uniform(0.0005, 0.004), os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        while True:
            good()
    except KeyboardInterrupt:
        good()
((health, _),) = signer.health()
assert (health["state"], health["sessions"], health["errors"]) == ("up", 1, {}), health
assert (health["waiting"], health["abandoned_instances"]) == (0, 0), health
signer.close()
"""
    run(tmp_path, program, hsm.uri(key=key, pool_size="1"))


def test_ctrl_c_ends_a_command_that_waits_for_a_token(server: Server) -> None:
    server.signal(signal.SIGSTOP)
    waiting = [ATTEST, "signer", "check", server.uri()]
    with subprocess.Popen(waiting, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        time.sleep(1)
        began = time.monotonic()
        ran.send_signal(signal.SIGINT)
        stdout, stderr = ran.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert (ran.returncode, stdout) == (130, b"")
    assert b"Traceback" not in stderr


def test_processes_that_connect_at_the_same_time_all_sign(hsm: SoftHSM, tmp_path: Path) -> None:
    """SoftHSM rewrites a token's file at each login; who reads it then finds no token, or one without a PIN."""
    program = command(tmp_path, "good()\n", hsm.uri())
    for _ in range(6):
        started = [subprocess.Popen(program, stderr=subprocess.PIPE) for _ in range(4)]
        assert [process.communicate(timeout=60)[1] for process in started] == [b""] * 4
