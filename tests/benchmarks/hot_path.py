"""`python -m tests.benchmarks.hot_path`: verifying and signing, beside the bare signature and beside the peers.

One 1.6 KB SLSA provenance with one signature, from bytes: envelope, signature, statement and predicate schema, one
artifact's digest. Bare is libsodium, or `cryptography` for P-256, over the same PAE with the same key. The peers:
securesystemslib checks the envelope alone; with in-toto-attestation and jsonschema it does what attest does.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

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
from tests.benchmarks._pairs import by_turns, ratio

if TYPE_CHECKING:
    from collections.abc import Callable

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
# What is compared with what, and the rate that was aimed at.
RATIOS = (
    ("attest Ed25519", "libsodium", "of its rate (target 0.6, later 0.7)"),
    ("attest P-256", "cryptography", "of its rate (target 0.8)"),
    ("attest Ed25519", "securesystemslib", "times its rate (target 2, later 2.5)"),
    ("attest Ed25519", "the three libraries", "times their rate (target 8)"),
    ("attest signs", "libsodium signs", "of its rate (target 0.6)"),
    ("libsodium", "securesystemslib", "times its rate, which no verifier on libsodium can exceed"),
)


def main() -> None:
    """Print the ratios."""
    statement = attest.Statement.build([SUBJECT], predicate_type="slsa-provenance", predicate=PROVENANCE)
    contenders: dict[str, Callable[[], object]] = {}
    for name, algorithm in (("Ed25519", "ed25519"), ("P-256", "ecdsa-sha2-nistp256")):
        contenders |= verifying(name, statement, algorithm)
    contenders |= signing()
    seconds = by_turns(contenders, rounds=300, calls=10)
    print(f"statement: {len(statement.raw)} bytes")
    for name, measured in seconds.items():
        print(f"{name:<26} {median(measured) * 1e6:8.1f} us")
    print()
    for of, to, said in RATIOS:
        print(f"{of:<14} : {to:<20} {ratio(seconds, of, to):6.2f} {said}")


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
    _, secret = crypto_sign_seed_keypair(b"0" * 32)

    def sign() -> bytes:
        built = attest.Statement.build([SUBJECT], predicate_type="slsa-provenance", predicate=PROVENANCE)
        return attest.sign(built, [signer]).to_json()

    return {"libsodium signs": lambda: crypto_sign(pae, secret), "attest signs": sign}


if __name__ == "__main__":
    main()
