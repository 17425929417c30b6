"""`attest sign` with a token, beside a python-pkcs11 script that does the same: CPU time of new processes.

The script signs the PAE of a statement, verifies the signature with the public key in the token, and writes the
envelope. Imports count for both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import by_turns, children_time, ratio
from tests.support.cli.calls import ATTEST
from tests.support.making.statements import statement
from tests.support.tokens.hsm import PIN, SoftHSM

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 12.0
MEASURES: Final = {
    "ratio": Measure("13.23", "attest sign with a token, times a script's time", at_most=1.3),
    "ms": Measure("13.23", "attest sign with a token", "ms"),
}

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


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """Medians, since each start is one call."""
    with TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder, "hsm"), "t")
        hsm.add_keys("t", "p256")
        source, output = Path(folder, "statement.json"), Path(folder, "envelope.json")
        source.write_bytes(statement().to_json())
        start = partial(subprocess.run, check=True, env={**os.environ, **hsm.environment}, stdout=subprocess.DEVNULL)
        script = [sys.executable, "-c", _SCRIPT, str(hsm.module), "p256", PIN, str(source), str(output)]
        command = [ATTEST, "sign", str(source), "--signer", hsm.uri("t", "p256"), "-o", "/dev/null"]
        measured = by_turns(
            {"script": partial(start, script), "attest": partial(start, command)},
            calls=1,
            seconds=seconds - 4,
            clock=children_time,
        )
    yield "ratio", ratio(measured, of="script", to="attest")
    yield "ms", median(measured["attest"]) * 1000
