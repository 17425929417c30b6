"""`python -m tests.benchmarks.hsm_speed`: the pooled signer beside a bare python-pkcs11 loop, on SoftHSM.

The bare loop signs on one session and checks nothing. attest verifies every signature before it leaves, so the loop
that verifies too stands beside it; what is left between the two is the pool, the deadline and the generation.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from pkcs11 import Attribute, ObjectClass

import attest
from attest.signers.pkcs11.calls import Deadline, with_deadline
from attest.signers.pkcs11.mechanisms import plans
from tests.benchmarks._pairs import by_turns, ratio
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

DATA = b"x" * 600
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


def threads(number: int, calls: int, signer: Any) -> float:
    """Signatures a second by so many threads."""
    workers = [
        threading.Thread(target=lambda: [signer.sign(DATA) for _ in range(calls // number)]) for _ in range(number)
    ]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return calls / (time.perf_counter() - began)


def compare(hsm: SoftHSM, label: str, algorithm: str, calls: int, target: float) -> None:
    """One key: the bare loop, the bare loop that verifies, and attest."""
    with attest.open_signer(hsm.uri("t", label, x_algorithm=algorithm)) as signer:
        key = signer.public_key
        session, private = bare(signer, label)
        plan = plans(key.algorithm)[0]

        def verified() -> None:
            key.verify(plan.sign(private, DATA), DATA)

        contenders = {
            "bare": lambda: plan.sign(private, DATA),
            "bare+verify": verified,
            "attest": lambda: signer.sign(DATA),
        }
        seconds = by_turns(contenders, rounds=9, calls=calls)
        for name, measured in seconds.items():
            print(f"{algorithm:<20} {name:<12} {median(measured) * 1e6:9.1f} us")
        print(f"{algorithm:<20} attest : bare        {ratio(seconds, 'attest', 'bare'):.2f} (target {target})")
        print(f"{algorithm:<20} attest : bare+verify {ratio(seconds, 'attest', 'bare+verify'):.2f}")
        session.close()


def main() -> None:
    """Print the ratios."""
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", "p256", "rsa=rsassa-pss-sha256")
        compare(hsm, "p256", "ecdsa-sha2-nistp256", 400, 0.85)
        compare(hsm, "rsa", "rsassa-pss-sha256", 30, 0.9)
        handed = by_turns({"call": lambda: with_deadline(lambda: None, Deadline(1))}, rounds=9, calls=2000)
        print(f"a call with a deadline costs {median(handed['call']) * 1e6:.1f} us")
        with attest.open_signer(hsm.uri("t", "rsa")) as signer:
            signer.sign(DATA)
            ratios = [threads(2, 200, signer) / threads(1, 200, signer) for _ in range(5)]
        print(f"rsa-3072 with 2 threads {median(ratios):.2f} times 1 (target 1.7)")
        command = [sys.executable, "-c", _OPEN, hsm.uri()]
        runs = [subprocess.run(command, capture_output=True, check=True).stdout.split() for _ in range(9)]
        first, again = (median(float(run[position]) for run in runs) for position in (0, 1))
        print(f"opening and first signature {first:.1f} ms with the imports, {again:.1f} ms without (target 60)")
        environment = {**hsm.environment, "PYKCS11LIB": str(hsm.module)}
        peer = subprocess.run([sys.executable, "-c", _PEER, PIN], capture_output=True, check=True, env=environment)
        print(f"securesystemslib's HSMSigner {float(peer.stdout):.1f} us a P-256 signature, unverified")


if __name__ == "__main__":
    main()
