"""`python -m tests.benchmarks.hsm_cold`: `attest sign` with a token, beside a python-pkcs11 script that does the same.

The script signs the PAE of a statement, verifies the signature with the public key in the token, and writes the
envelope. Both are new processes, so their imports count.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.support.builders import statement
from tests.support.cli import ATTEST
from tests.support.tokens.hsm import PIN, SoftHSM

ROUNDS = 15

# What a careful engineer writes who has python-pkcs11 and one token.
_SCRIPT = """
import base64, json, sys
from hashlib import sha256
import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

module, label, pin, source, output = sys.argv[1:]
with open(source, "rb") as stream:
    payload = stream.read()
assert "predicateType" in json.loads(payload)
kind = "application/vnd.in-toto+json"
digest = sha256(b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)).digest()
with pkcs11.lib(module).get_token(token_label="t").open(user_pin=pin) as session:
    private = session.get_key(ObjectClass.PRIVATE_KEY, label=label)
    public = session.get_key(ObjectClass.PUBLIC_KEY, label=label)
    raw = private.sign(digest, mechanism=Mechanism.ECDSA)
    point = public[Attribute.EC_POINT][2:]
key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
key.verify(signature, digest, ec.ECDSA(Prehashed(SHA256())))
keyid = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
envelope = {
    "payload": base64.b64encode(payload).decode(),
    "payloadType": kind,
    "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
}
with open(output, "w") as stream:
    json.dump(envelope, stream)
"""


def cost(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU milliseconds of a process."""
    before, began = getrusage(RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    wall, after = perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def main() -> None:
    """Print the medians and their ratios."""
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", "p256")
        source, output = Path(folder, "statement.json"), Path(folder, "envelope.json")
        source.write_bytes(statement().to_json())
        environment = {**os.environ, **hsm.environment}
        commands = {
            "script": [sys.executable, "-c", _SCRIPT, str(hsm.module), "p256", PIN, str(source), str(output)],
            "attest": [ATTEST, "sign", str(source), "--signer", hsm.uri("t", "p256"), "-o", str(output)],
        }
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                output.unlink(missing_ok=True)
                measured[name].append(cost(command, environment))
        for index, unit in enumerate(("wall", "CPU")):
            values = {name: [pair[index] for pair in pairs] for name, pairs in measured.items()}
            ratio = median(own / other for own, other in zip(values["attest"], values["script"], strict=True))
            listed = ", ".join(f"{name} {median(numbers):.0f} ms" for name, numbers in values.items())
            print(f"{unit}: {listed}; ratio {ratio:.2f} (target 1.3)")


if __name__ == "__main__":
    main()
