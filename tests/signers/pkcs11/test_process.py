"""Signers and processes: forks, pools of both kinds, the end of the interpreter, and eight threads for a while."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

import attest
from tests.support.examples import few
from tests.support.tokens.hsm import SoftHSM, Templates

DATA = b"DSSEv1 what is signed"
_THREADS = """
import sys, threading, time
import attest
uri, seconds = sys.argv[1], float(sys.argv[2])
with attest.open_signer(uri) as signer:
    end, counts = time.monotonic() + seconds, []
    def work():
        count = 0
        while time.monotonic() < end:
            signer.public_key.verify(signer.sign(b"data").sig, b"data")
            count += 1
        counts.append(count)
    threads = [threading.Thread(target=work) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(counts) == 8 and min(counts) > 0
"""
_LEAVE = """
import sys, attest
signer = attest.open_signer(sys.argv[1])
signer.sign(b"data")
"""
_FORK = """
import os, sys, warnings
import attest
warnings.simplefilter("error", DeprecationWarning)
def signs(signer):
    signer.public_key.verify(signer.sign(b"data").sig, b"data")
signer = attest.open_signer(sys.argv[1])
signs(signer)
child = os.fork()
if child == 0:
    try:
        signs(signer)
        os._exit(0)
    except BaseException as error:
        print(type(error), error, file=sys.stderr)
        os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
signs(signer)
signer.close()
"""


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    folder = tmp_path_factory.mktemp("processes")
    return Templates(folder).copy(folder / folder.name)


def run(program: str, *arguments: str, seconds: float = 60) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=seconds
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def signature(uri: str) -> bytes:
    with attest.open_signer(uri) as signer:
        made = signer.sign(DATA)
        signer.public_key.verify(made.sig, DATA)
        return made.sig


def test_a_child_starts_anew_and_the_parent_goes_on(hsm: SoftHSM) -> None:
    run(_FORK, hsm.uri())


def test_processes_that_are_spawned_sign_beside_each_other(hsm: SoftHSM) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert len(set(pool.map(signature, [hsm.uri()] * 6))) == 6


def test_threads_of_a_pool_share_a_signer(hsm: SoftHSM) -> None:
    with attest.open_signer(hsm.uri()) as signer, ThreadPoolExecutor(8) as pool:
        for made in pool.map(lambda _: signer.sign(DATA), range(200)):
            signer.public_key.verify(made.sig, DATA)
        assert signer.health()[0][0]["sessions"] <= 8


def test_an_interpreter_ends_with_a_signer_open(hsm: SoftHSM) -> None:
    run(_LEAVE, hsm.uri())


@pytest.mark.slow
@pytest.mark.parametrize("seconds", few(1, [3, 30]))
def test_eight_threads_do_not_crash_a_module_that_was_told_of_threads(seconds: int, hsm: SoftHSM) -> None:
    run(_THREADS, hsm.uri(), f"{seconds}", seconds=120)


def test_nothing_of_it_is_left_in_the_environment(hsm: SoftHSM) -> None:
    before = dict(os.environ)
    signature(hsm.uri())
    assert dict(os.environ) == before
