"""`python -m tests.benchmarks.hot_path`: attest.verify beside the bare signature check and beside securesystemslib.

One 1.6 KB SLSA provenance, one Ed25519 signature, from bytes: envelope, signature, statement and predicate schema, one
artifact's digest. The bare check is libsodium's over the same PAE, with the same key.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from statistics import median
from typing import Any

from nacl.bindings import crypto_sign_open
from securesystemslib.dsse import Envelope as PeerEnvelope
from securesystemslib.signer._key import Key

import attest
from attest import trust_editing
from tests.benchmarks._pairs import by_turns, ratio

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


def main() -> None:
    """Print the ratios."""
    statement = attest.Statement.build(
        [attest.ResourceDescriptor("app-1.2.3-py3-none-any.whl", {"sha256": DIGEST})],
        predicate_type="slsa-provenance",
        predicate=PROVENANCE,
    )
    with attest.open_signer("sim:benchmark") as signer:
        key = signer.public_key
        envelope = attest.sign(statement, [signer])
    real = attest.PublicKey(key.algorithm, key.spki)
    trust = trust_editing.create("release", [trust_editing.describe_key(real)], now=datetime.now(UTC))
    data, raw_key = envelope.to_json(), key.spki[12:]
    signed = envelope.signatures[0].sig + envelope.pae()
    peer_key = Key.from_dict(
        real.keyid, {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw_key.hex()}}
    )
    peer_data = data.replace(b'"sim:', b'"')

    seconds = by_turns(
        {
            "libsodium": lambda: crypto_sign_open(signed, raw_key),
            "attest": lambda: attest.verify(data, trust, artifacts=[f"sha256:{DIGEST}"]),
            "securesystemslib": lambda: PeerEnvelope.from_dict(json.loads(peer_data)).verify([peer_key], 1),
        },
        rounds=25,
        calls=400,
    )
    print(f"statement: {len(statement.raw)} bytes, envelope: {len(data)} bytes")
    for name, measured in seconds.items():
        print(f"{name:<18} {median(measured) * 1e6:8.1f} us")
    print(f"attest : libsodium        {ratio(seconds, 'attest', 'libsodium'):.2f} of its rate (target 0.6)")
    print(f"attest : securesystemslib {ratio(seconds, 'attest', 'securesystemslib'):.2f} times its rate (target 2)")
    bare = ratio(seconds, "libsodium", "securesystemslib")
    print(f"libsodium alone : securesystemslib {bare:.2f} times its rate (what no verifier on libsodium can exceed)")


if __name__ == "__main__":
    main()
