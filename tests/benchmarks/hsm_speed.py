"""`python -m tests.benchmarks.hsm_speed`: the pooled signer beside a bare python-pkcs11 loop, on SoftHSM.

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
from typing import TYPE_CHECKING, Any

from pkcs11 import Attribute, ObjectClass

import attest
from attest.signers.pkcs11.calls import Deadline, with_deadline
from attest.signers.pkcs11.mechanisms import plans
from tests.benchmarks._pairs import by_turns, ratio
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = b"x" * 600
CALLS = 320
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


def compare(hsm: SoftHSM, label: str, algorithm: str, target: float) -> dict[str, list[float]]:
    """One key: the loop of python-pkcs11 that verifies, attest with one thread and with eight, and many at once."""
    with attest.open_signer(hsm.uri("t", label, x_algorithm=algorithm)) as signer:
        key = signer.public_key
        session, private = bare(signer, label)
        plan = plans(key.algorithm)[0]

        def verified() -> None:
            raw = private.sign(plan.prepare(DATA), mechanism=plan.mechanism, mechanism_param=plan.parameter)
            key.verify(plan.finish(raw), DATA)

        contenders = {
            "python-pkcs11": lambda: in_threads(1, verified),
            "attest": lambda: in_threads(1, lambda: signer.sign(DATA)),
            "attest in 8 threads": lambda: in_threads(8, lambda: signer.sign(DATA)),
            "attest, sign_many": lambda: signer.sign_many([DATA] * CALLS),
        }
        seconds = by_turns(contenders, rounds=9, calls=1)
        for name, measured in seconds.items():
            each, rate = median(measured) / CALLS * 1e6, ratio(seconds, name, "python-pkcs11")
            print(f"{algorithm:<20} {name:<20} {each:9.1f} us, {rate:.2f} times the rate of the loop")
        many = ratio(seconds, "attest, sign_many", "attest")
        print(f"{algorithm:<20} target with one thread {target}; sign_many is {many:.2f} times sign")
        session.close()
    return seconds


def main() -> None:
    """Print the ratios."""
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", "p256", "ed25519=ed25519", "rsa=rsassa-pss-sha256")
        compare(hsm, "p256", "ecdsa-sha2-nistp256", 0.9)
        compare(hsm, "ed25519", "ed25519", 1.0)
        compare(hsm, "rsa", "rsassa-pss-sha256", 0.95)
        handed = by_turns({"call": lambda: with_deadline(lambda: None, Deadline(1))}, rounds=9, calls=2000)
        print(f"a call with a deadline costs {median(handed['call']) * 1e6:.1f} us")
        command = [sys.executable, "-c", _OPEN, hsm.uri()]
        runs = [subprocess.run(command, capture_output=True, check=True).stdout.split() for _ in range(9)]
        first, again = (median(float(run[position]) for run in runs) for position in (0, 1))
        print(f"opening and first signature {first:.1f} ms with the imports, {again:.1f} ms without (target 60)")
        environment = {**hsm.environment, "PYKCS11LIB": str(hsm.module)}
        peer = subprocess.run([sys.executable, "-c", _PEER, PIN], capture_output=True, check=True, env=environment)
        print(f"securesystemslib's HSMSigner {float(peer.stdout):.1f} us a P-256 signature, unverified")


if __name__ == "__main__":
    main()
