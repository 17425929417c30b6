"""What must hold of every answer that bytes of a stranger get: a value, or a refusal that is one.

Rule: signatures are checked here by `cryptography` alone, so that no mistake of the package can hide itself.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attest import TrustBundle, Verified
from attest.cli.formats._text import clean
from attest.errors import MAX_TEXT, AttestError, InputError
from tests.vectors.keys import ALICE, BOB, ML_DSA, P256, P384, RSA, Key
from tests.vectors.parts import NOW as _NOW
from tests.vectors.parts import anchor, bundle, compact, pae
from tests.vectors.subjects.timestamps import EXPIRED, LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_T = TypeVar("_T")

ROOT: Final = Path(__file__).parents[2]
NOW: Final = datetime.fromisoformat(_NOW).astimezone(UTC)

KEYS: Final = (ALICE, BOB, P256, P384, RSA, ML_DSA["ml-dsa-44"])
# What envelopes are judged by: any one key, two of three, one that only a timestamp makes good, one with limits.
TRUSTED: Final = bundle(
    anchor(*KEYS),
    also={
        "pair": anchor(ALICE, BOB, P256, threshold=2),
        "past": anchor(EXPIRED),
        "narrow": anchor(ALICE, subjects=["app.*"], predicate_types=["https://slsa.dev/provenance/v1"]),
    },
    timestamp_authorities=LISTED,
)


@cache
def trust() -> TrustBundle:
    """TRUSTED, read."""
    return TrustBundle.from_json(compact(TRUSTED))


def attempt(call: Callable[[], _T], kind: type[AttestError] = InputError, *others: type[AttestError]) -> _T | None:
    """What `call` returns, or None where it raises an error of one of these kinds, as it should."""
    try:
        return call()
    except (kind, *others) as error:
        refusal(error)
        return None


def refusal(error: AttestError) -> None:
    """An error has a code that is documented, and a sentence that can be shown."""
    assert error.code in _codes(), f"{error.code} is not in docs/reference/codes.md"
    assert error.message
    for text in (str(error), error.hint or ""):
        assert len(text) <= 2 * MAX_TEXT + 2, f"{error.code}: a text of {len(text)} characters"
        assert clean(text).isprintable()


@cache
def _codes() -> frozenset[str]:
    return frozenset(re.findall(r"`([a-z0-9-]+)`", (ROOT / "docs" / "reference" / "codes.md").read_text()))


def signed_for(verified: Verified, document: Mapping[str, Any], trusted: Mapping[str, Any] = TRUSTED) -> None:
    """For every anchor that `verified` names, enough of its keys have signed what is in `document`, an envelope."""
    payload = unbase64(document["payload"])
    assert verified.payload == payload
    assert verified.anchors
    by = signers(document)
    for name in verified.anchors:
        entry = trusted["anchors"][name]
        good = {key["keyid"].removeprefix("sim:") for key in entry["keys"] if key.get("status") != "compromised"}
        assert len(good & by) >= entry["threshold"] >= 1, f"{name} says yes to what {sorted(by)} signed"


def signers(document: Mapping[str, Any]) -> set[str]:
    """The keyids of those of KEYS that have signed an envelope."""
    data = pae(unbase64(document["payload"]), document["payloadType"])
    found = [unbase64(entry["sig"]) for entry in document["signatures"]]
    return {key.keyid for key in KEYS if any(_accepts(key, signature, data) for signature in found)}


def unbase64(text: str) -> bytes:
    """Base64 in either alphabet, read by the standard library."""
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))


def _accepts(key: Key, signature: bytes, data: bytes) -> bool:
    return any(_holds(check) for check in _checks(key, signature, data))


def _holds(check: Callable[[], object]) -> bool:
    try:
        check()
    except (InvalidSignature, ValueError):
        return False
    return True


def _checks(key: Key, signature: bytes, data: bytes) -> Iterable[Callable[[], object]]:
    public = key.public
    if isinstance(public, ec.EllipticCurvePublicKey):
        scheme = ec.ECDSA(hashes.SHA256() if key is P256 else hashes.SHA384())
        half = len(signature) // 2
        pair = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        yield lambda: public.verify(signature, data, scheme)
        yield lambda: public.verify(encode_dss_signature(*pair), data, scheme)
    elif isinstance(public, rsa.RSAPublicKey):
        bits = hashes.SHA256()
        yield lambda: public.verify(signature, data, padding.PSS(padding.MGF1(bits), padding.PSS.AUTO), bits)
    else:
        yield lambda: public.verify(signature, data)
