"""The pooled signer beside a bare python-pkcs11 loop, on SoftHSM.

The bare loop signs in one session, and verifies each signature as attest does. What is left between the two is the
pool, the deadline and the generation.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from pkcs11 import Attribute, ObjectClass

import attest
from attest.signers.pkcs11.cryptoki.calls import Deadline, with_deadline
from attest.signers.pkcs11.keys.mechanisms import plans
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns, ratio
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = b"x" * 600
CALLS = 320
SECONDS: Final = 30.0
# The key in the token, its algorithm, and the target with one thread.
KEYS: Final = (
    ("p256", "ecdsa-sha2-nistp256", 0.9),
    ("ed25519", "ed25519", 1.0),
    ("rsa", "rsassa-pss-sha256", 0.95),
)
MEASURES: Final = {
    label: Measure("13.21", f"token, {label}, of a python-pkcs11 loop's rate", at_least=target)
    for label, _, target in KEYS
} | {
    "p256 in 8 threads": Measure("13.21", "token, p256, 8 threads, times that loop's rate", at_least=1.5),
    "p256, sign_many": Measure("13.22", "token, p256, sign_many, times sign", at_least=2),
    "deadline": Measure("13", "a call with a deadline", "us"),
    "first": Measure("3", "open a token and sign, without the imports", "ms", at_most=60),
    "peer": Measure("13", "securesystemslib's HSMSigner, one P-256 signature", "us"),
    "us": Measure("13", "attest with a token, one P-256 signature", "us"),
}
# Prints milliseconds: with all that is imported at the first use, and with that imported.
_OPEN = """
import sys, time
import attest
for _ in range(2):
    began = time.perf_counter()
    with attest.open_signer(sys.argv[1]) as signer:
        signer.sign(b"data")
        print((time.perf_counter() - began) * 1000)
"""
# Prints microseconds a signature.
_PEER = """
import sys, time
from securesystemslib.signer import HSMSigner
uri, key = HSMSigner.import_(1, "t")
signer = HSMSigner.from_priv_key_uri(uri, key, lambda _: sys.argv[1])
signer.sign(b"data")
began = time.perf_counter()
for _ in range(50):
    signer.sign(b"data")
print((time.perf_counter() - began) / 50 * 1e6)
"""


def bare(signer: Any, label: str) -> tuple[Any, Any]:
    """A session of python-pkcs11 and the private key in it, in the module that the signer has initialised."""
    token = member_of(signer).connection._token
    session = token.open()
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}
    return session, next(iter(list(session.get_objects(wanted))))


def in_threads(number: int, sign: Callable[[], object]) -> None:
    """Call `sign` CALLS times, spread over so many threads."""
    threads = [Thread(target=lambda: [sign() for _ in range(CALLS // number)]) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def compare(hsm: SoftHSM, label: str, algorithm: str, seconds: float) -> dict[str, list[float]]:
    """One key: the loop of python-pkcs11 that verifies, attest with one thread and with eight, and many at once."""
    with attest.open_signer(hsm.uri("t", label, x_algorithm=algorithm)) as signer:
        key = signer.public_key
        session, private = bare(signer, label)
        plan = plans(key.algorithm)[0]

        def verified() -> None:
            raw = private.sign(plan.prepare(DATA), mechanism=plan.mechanism, mechanism_param=plan.parameter)
            key.verify(plan.finish(raw), DATA)

        contenders: dict[str, Callable[[], object]] = {
            "python-pkcs11": lambda: in_threads(1, verified),
            "attest": lambda: in_threads(1, lambda: signer.sign(DATA)),
        }
        if label == "p256":
            contenders["in 8 threads"] = lambda: in_threads(8, lambda: signer.sign(DATA))
            contenders["sign_many"] = lambda: signer.sign_many([DATA] * CALLS)
        measured = by_turns(contenders, calls=1, seconds=seconds)
        session.close()
    return measured


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Wall time, because the pool hands calls from thread to thread; medians of turns."""
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", *(f"{label}={algorithm}" for label, algorithm, _ in KEYS))
        for label, algorithm, _ in KEYS:
            measured = compare(hsm, label, algorithm, (seconds - 8) / 3)
            yield label, ratio(measured, "attest", "python-pkcs11")
            if label == "p256":
                yield "p256 in 8 threads", ratio(measured, "in 8 threads", "python-pkcs11")
                yield "p256, sign_many", ratio(measured, "sign_many", "attest")
                yield "us", median(measured["attest"]) / CALLS * 1e6
        handed = by_turns({"call": lambda: with_deadline(lambda: None, Deadline(1))}, rounds=9, calls=2000)
        yield "deadline", median(handed["call"]) * 1e6
        command = [sys.executable, "-c", _OPEN, hsm.uri()]
        runs = [subprocess.run(command, capture_output=True, check=True).stdout.split() for _ in range(5)]
        yield "first", median(float(found[1]) for found in runs)
        environment = {**hsm.environment, "PYKCS11LIB": str(hsm.module)}
        peer = subprocess.run([sys.executable, "-c", _PEER, PIN], capture_output=True, check=True, env=environment)
        yield "peer", float(peer.stdout)
