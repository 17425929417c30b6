"""The scenarios of fixtures/kit, made from those of fixtures/vectors that any verifier of DSSE and in-toto can answer.

Rule: a scenario of the kit needs no other file and no word of this project. What other verifiers have no word for is
left out.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.kit.expectations import expectations
from tests.vectors import scenarios as vectors

if TYPE_CHECKING:
    from tests.vectors.scenarios import Scenario

FOLDER = Path(__file__).parents[2] / "fixtures" / "kit"

# The subjects of the vectors with a question that others can be asked, and the scenarios that can't be carried over.
_SUBJECTS = set(
    "algorithms artifacts binding bundles encodings envelopes naming predicates signatures statements".split()
)
_LEFT_OUT = re.compile(
    r"algorithm-(hsm|ml-dsa)-.*|ml-dsa-.*"  # words of this project; and others sign ML-DSA over another message
    r"|predicate-invalid|predicate-empty-.*"  # schemas of predicates are not the framework's business
    r"|no-artifacts-in-the-list"  # no question
)
# Of the broken trust bundles those that can be said in every verifier's words: keys and a threshold.
_CONFIG = re.compile(
    r"trust-lists-a-key-(twice|in-two-encodings|under-a-second-keyid|under-two-algorithms)"
    r"|one-key-listed-.*|trust-threshold-zero"
)
_NO_QUESTION = {"digest-invalid", "file-unreadable"}

_TAGS = {
    "config": r"trust-.*|one-key-listed-.*",
    "threshold": r"(?!(base64|digest|artifact|one-artifact)-)"
    r".*(threshold|two-of-three|two-keyids|counts-once|twice|deleted|key-unknown|no-signatures|made-up|among-good).*",
    "keyid": r".*keyid.*|same-key-.*",
    "base64": r"base64-.*",
    "pae": r"pae-.*|signed-.*|payload-that-is-not-ascii",
    "payload-type": r".*payload-type.*",
    "unknown-fields": r"alias-.*|.*unknown-field.*|envelope-names-.*",
    "parser-differential": r".*(duplicate-key|surrogate|(not-a|big)-number|number-out-of|infinity|nested|byte-order|"
    r"comment|trailing-comma|control-char|in-a-row|more-behind).*",
    "types": r"(?!.*not-a-number).*-(null|missing|a-number|a-list|a-string|an-object)",
    "conflict": r".*conflict.*|digest-sha1-beside-.*",
    "weak-digest": r".*(weak|sha1|md5).*",
    "malleable": r".*malleated.*|ecdsa-(as|der|of)-.*|pss-with-.*",
    "limits": r"too-many-.*|as-many-.*|.*nested.*",
}


@cache
def made() -> dict[str, dict[str, Any]]:
    """Every scenario of the kit by its path in the folder. Raises ValueError for one without a twin."""
    found = {}
    for name, path in vectors.paths().items():
        if path.parent.name in _SUBJECTS and (scenario := _converted(vectors.load(name), path.parent.name)):
            found[f"scenarios/{path.parent.name}/{name}.json"] = scenario
    by_id = {one["id"]: one for one in found.values()}
    for one in found.values():
        refused = [layer for layer, expected in one["expect"].items() if expected["is"] == "must-reject"]
        if not all(by_id[one["twin"]]["expect"].get(layer, {}).get("is") == "must-accept" for layer in refused):
            raise ValueError(f"{one['twin']} is no twin of {one['id']}: it is not accepted at each of {refused}")
    return found


def stored(scenario: dict[str, Any]) -> bytes:
    """The file of a scenario."""
    return json.dumps(scenario, ensure_ascii=False, indent=2).encode() + b"\n"


def _converted(vector: Scenario, subject: str) -> dict[str, Any] | None:
    """The vector as a scenario of the kit, or None if it can't be one."""
    name, document = vector.name, vector.document
    artifacts, code = document["artifacts"], document["expect"]["code"]
    config = re.fullmatch(_CONFIG, name) is not None
    if document["options"] or code in _NO_QUESTION or re.fullmatch(_LEFT_OUT, name):
        return None
    if subject == "bundles" and not config:
        return None
    if any(one not in vector.files and ":" not in one for one in artifacts or ()):  # a folder
        return None
    try:
        bundle = json.loads(vector.files[vectors.TRUST])
        [anchor] = bundle["anchors"].values()
        keys = [_key(name, **entry) for entry in anchor["keys"]]
    except (ValueError, TypeError):  # a broken trust bundle, several anchors, or a key with a status or a window
        return None
    if set(anchor) != {"threshold", "keys"} or set(bundle) != {"mediaType", "version", "anchors"}:
        return None
    if document["expect"]["outcome"] == "error" and code.startswith(("key", "trust", "threshold")) and not config:
        return None
    return {
        "kit": 1,
        "id": name,
        "title": document["title"],
        "tags": [subject, *sorted(tag for tag, pattern in _TAGS.items() if re.fullmatch(pattern, name))],
        "twin": _twin(name, keys, anchor["threshold"], artifacts, vector),
        "envelope": _encoded(vector.files[vectors.ENVELOPE]),
        "keys": keys,
        "threshold": anchor["threshold"],
        "artifacts": [_artifact(vector, one) for one in artifacts or ()],
        "expect": expectations(name, code, artifacts is not None),
    }


def _twin(name: str, keys: list[dict[str, Any]], threshold: int, artifacts: list[str] | None, vector: Scenario) -> str:
    """The scenario that differs in what is asked here, and is good: without it, a no may have any reason."""
    if name == "pae-with-lengths-in-characters":
        return "pae-with-lengths-in-bytes"
    if threshold > 1:
        return "two-of-three-signed-by-two"
    algorithm = keys[0]["algorithm"]
    if algorithm != "ed25519":
        return f"algorithm-{algorithm}"
    if artifacts and artifacts[0] in vector.files:
        return "artifact-matches"
    return "one-good-signature"


def _key(scenario: str, /, keyid: str, algorithm: str, public_key: str) -> dict[str, Any]:
    key: dict[str, Any] = {"keyid": keyid, "algorithm": algorithm, "pem": public_key, "jwk": _jwk(public_key)}
    if algorithm.startswith("ecdsa"):
        key["sig-encoding"] = "p1363" if scenario == "dsse-specification-vector" else "der"
    if algorithm.startswith("rsassa-pss"):
        key["salt-length"] = int(algorithm[-3:]) // 8
    return key


def _jwk(pem: str) -> dict[str, str]:
    match public := load_pem_public_key(pem.encode()):
        case ed25519.Ed25519PublicKey():
            return {"kty": "OKP", "crv": "Ed25519", "x": _b64url(public.public_bytes_raw())}
        case ec.EllipticCurvePublicKey():
            size, point = (public.key_size + 7) // 8, public.public_numbers()
            x, y = (_b64url(number.to_bytes(size, "big")) for number in (point.x, point.y))
            return {"kty": "EC", "crv": f"P-{public.key_size}", "x": x, "y": y}
        case rsa.RSAPublicKey():
            numbers = public.public_numbers()
            sized = (one.to_bytes((one.bit_length() + 7) // 8, "big") for one in (numbers.n, numbers.e))
            n, e = map(_b64url, sized)
            return {"kty": "RSA", "n": n, "e": e}
    raise ValueError("there is no JWK of this key")


def _artifact(vector: Scenario, given: str) -> dict[str, Any]:
    if given in vector.files:
        return _encoded(vector.files[given])
    return {"digest": dict(one.split(":") for one in given.split(","))}


def _encoded(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
