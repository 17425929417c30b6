"""AWS KMS as the API reference of GetPublicKey and Sign describes it, with a key that the test gives it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.making.keys import private_key, public_bytes

if TYPE_CHECKING:
    from email.message import Message

HEADERS = {"Content-Type": "application/x-amz-json-1.1"}
LEAK = "x-amz-security-token:session-token-of-a-test"


class Scripted:
    """GetPublicKey and Sign as their reference has them, with a real key, and a word of the test's in between."""

    def __init__(self) -> None:
        self.public = private_key("ecdsa-sha2-nistp256")
        self.private = self.public
        self.fields: dict[str, Any] = {}
        self.refusals: dict[str, tuple[int, str]] = {}  # by operation: a status, and the code of an error
        self.asked: list[str] = []

    def answer(self, path: str, headers: Message, body: bytes) -> tuple[int, bytes]:
        operation = headers["X-Amz-Target"].removeprefix("TrentService.")
        self.asked.append(operation)
        if operation in self.refusals:
            status, code = self.refusals[operation]
            return status, json.dumps({"__type": code, "message": f"{code}: {LEAK}"}).encode()
        if operation == "Sign":
            asked = json.loads(body)
            signature = self._sign(b64decode(asked["Message"]), asked["SigningAlgorithm"], asked["MessageType"])
            return 200, json.dumps({"Signature": b64encode(signature).decode()}).encode()
        key = {
            "KeyId": "arn:aws:kms:eu-central-1:123456789012:key/1",
            "PublicKey": b64encode(public_bytes(self.public, Encoding.DER)).decode(),
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": ["ECDSA_SHA_256"],
        }
        return 200, json.dumps(key | self.fields).encode()

    def holds(self, algorithm: str, number: int = 0) -> None:
        """Hold the key `number` of an algorithm, also of one that moto does not have."""
        self.public = self.private = private_key(algorithm, number)
        names = {"ed25519": "ED25519_SHA_512", "ecdsa-sha2-nistp256": "ECDSA_SHA_256"}
        self.fields = {"SigningAlgorithms": [names.get(algorithm, "ML_DSA_SHAKE_256")]}

    def _sign(self, message: bytes, algorithm: str, kind: str) -> bytes:
        """As the API reference of Sign has it: what is signed, and the kinds of messages of each algorithm."""
        match algorithm, kind:
            case "ECDSA_SHA_256", "DIGEST":
                return bytes(self.private.sign(message, ECDSA(Prehashed(SHA256()))))
            case "ED25519_SHA_512", "RAW" if len(message) <= 4096:
                return bytes(self.private.sign(message))
            case "ML_DSA_SHAKE_256", "EXTERNAL_MU":
                return bytes(self.private.sign_mu(message))
        raise AssertionError((algorithm, kind, len(message)))
