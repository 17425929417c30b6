"""Verifying and signing, beside the bare signature and beside the peers.

One 1.6 KB SLSA provenance with one signature, from bytes: envelope, signature, statement and predicate schema, one
artifact's digest. Bare is libsodium, or `cryptography` for P-256, over the same PAE with the same key. The peers:
securesystemslib checks the envelope alone; with in-toto-attestation and jsonschema it does what attest does.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import process_time
from typing import TYPE_CHECKING, Any, Final

import in_toto_attestation.v1.statement_pb2 as spb
import jsonschema
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement as OfficialStatement
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from securesystemslib.dsse import Envelope as PeerEnvelope
from securesystemslib.signer._key import Key

import attest
from attest import schema as schemas
from attest.trust import editing
from tests.benchmarks._measures import Measure
from tests.benchmarks._pairs import best_ratio, by_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DIGEST = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
PROVENANCE: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {
                "ref": "refs/tags/v1.2.3",
                "repository": "https://github.com/acme/app",
                "path": ".github/workflows/release.yml",
            }
        },
        "internalParameters": {
            "github": {
                "event_name": "push",
                "repository_id": "123456789",
                "repository_owner_id": "1234567",
                "runner_environment": "github-hosted",
            }
        },
        "resolvedDependencies": [
            {
                "uri": f"git+https://github.com/acme/{name}@refs/tags/v1.2.3",
                "digest": {"gitCommit": "0123456789abcdef0123456789abcdef01234567"},
            }
            for name in ("app", "lib", "tools", "docs", "assets")
        ],
    },
    "runDetails": {
        "builder": {"id": "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"},
        "metadata": {
            "invocationId": "https://github.com/acme/app/actions/runs/1234567890/attempts/1",
            "startedOn": "2026-01-31T12:00:00Z",
            "finishedOn": "2026-01-31T12:07:31Z",
        },
    },
}


SUBJECT = attest.ResourceDescriptor("app-1.2.3-py3-none-any.whl", {"sha256": DIGEST})
SECONDS: Final = 25.0
# Times of one call, by the contender; then what is compared with what.
TIMES: Final = {
    "attest Ed25519": Measure("18.1", "verify with Ed25519", "us"),
    "attest P-256": Measure("18.1", "verify with P-256", "us"),
    "attest signs": Measure("18.2", "build a statement, sign it, write the envelope", "us", at_most=130),
}
RATIOS: Final = {
    ("attest Ed25519", "libsodium"): Measure("18.1", "verify with Ed25519, of libsodium's rate", at_least=0.55),
    ("attest P-256", "cryptography"): Measure("18.1", "verify with P-256, of cryptography's rate", at_least=0.68),
    ("attest Ed25519", "securesystemslib"): Measure(
        "18.1", "verify with Ed25519, times securesystemslib's envelope", at_least=1.35
    ),
    ("attest Ed25519", "the three libraries"): Measure(
        "18.1", "verify with Ed25519, times three libraries together", at_least=9
    ),
    ("libsodium", "securesystemslib"): Measure("18.1", "libsodium alone, times securesystemslib's envelope"),
    ("attest signs", "libsodium signs and verifies"): Measure(
        "18.2", "the same, of libsodium's rate to sign and verify"
    ),
}
MEASURES: Final = TIMES | {f"{of} : {to}": measure for (of, to), measure in RATIOS.items()}


def run(seconds: float) -> Iterator[tuple[str, float]]:
    """The best of many short rounds, in CPU time."""
    statement = attest.Statement.build([SUBJECT], predicate_type="slsa-provenance", predicate=PROVENANCE)
    contenders: dict[str, Callable[[], object]] = {}
    for name, algorithm in (("Ed25519", "ed25519"), ("P-256", "ecdsa-sha2-nistp256")):
        contenders |= verifying(name, statement, algorithm)
    contenders |= signing()
    measured = by_turns(contenders, calls=10, seconds=seconds - 2, clock=process_time)
    for name in TIMES:
        yield name, min(measured[name]) * 1e6
    for of, to in RATIOS:
        yield f"{of} : {to}", best_ratio(measured, of, to)


def verifying(name: str, statement: attest.Statement, algorithm: str) -> dict[str, Callable[[], object]]:
    """Those who verify an envelope by a key of one algorithm."""
    with attest.open_signer(f"sim:benchmark?algorithm={algorithm}") as signer:
        envelope = attest.sign(statement, [signer])
        key = attest.PublicKey(signer.public_key.algorithm, signer.public_key.spki)
    trust = editing.create("release", [editing.describe_key(key)], now=datetime.now(UTC))
    # The key counts as a real one, so its keyid is that of a real one too.
    data, sig, pae = envelope.to_json().replace(b'"sim:', b'"'), envelope.signatures[0].sig, envelope.pae()
    ours = {f"attest {name}": lambda: attest.verify(data, trust, artifacts=[f"sha256:{DIGEST}"])}
    if algorithm != "ed25519":
        public: Any = load_der_public_key(key.spki)
        return {"cryptography": lambda: public.verify(sig, pae, ec.ECDSA(hashes.SHA256())), **ours}
    raw_key = key.spki[12:]
    peer_key = Key.from_dict(
        key.keyid, {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw_key.hex()}}
    )
    schema = jsonschema.Draft202012Validator(schemas.for_predicate(statement.predicate_type).document)  # type: ignore[union-attr]

    def three() -> None:
        parsed = PeerEnvelope.from_dict(json.loads(data))
        parsed.verify([peer_key], 1)
        message = spb.Statement()
        json_format.Parse(parsed.payload, message)
        official = OfficialStatement.copy_from_pb(message)
        official.validate()
        schema.validate(json_format.MessageToDict(official.pb.predicate))
        assert any(subject.digest.get("sha256") == DIGEST for subject in official.pb.subject)

    return {
        "libsodium": lambda: crypto_sign_open(sig + pae, raw_key),
        **ours,
        "securesystemslib": lambda: PeerEnvelope.from_dict(json.loads(data)).verify([peer_key], 1),
        "the three libraries": three,
    }


def signing() -> dict[str, Callable[[], object]]:
    """Those who build a statement, write it and sign it."""
    signer = attest.open_signer("sim:benchmark")
    pae = attest.sign(
        attest.Statement.build([SUBJECT], predicate_type="slsa-provenance", predicate=PROVENANCE), [signer]
    ).pae()
    public, secret = crypto_sign_seed_keypair(b"0" * 32)

    def sign() -> bytes:
        built = attest.Statement.build([SUBJECT], predicate_type="slsa-provenance", predicate=PROVENANCE)
        return attest.sign(built, [signer]).to_json()

    return {
        "libsodium signs and verifies": lambda: crypto_sign_open(crypto_sign(pae, secret), public),
        "attest signs": sign,
    }
