"""Copies whose signers are named by certificates: what is left out takes no signer away, in any order."""

from __future__ import annotations

from itertools import permutations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attest import Envelope, InputError, Signature, TrustBundle, verify
from attest._base.json import b64encode
from attest.certificates.material import KIND
from attest.collection import verify_collection
from attest.timestamps.authorities import EXTENSION
from tests.support.making.bundles import bundle, key
from tests.support.making.certified import NOW, Holder, authority, claim
from tests.support.making.keys import ALICE
from tests.support.making.logs import Log
from tests.support.making.policies import policy
from tests.support.watching import refused
from tests.trust.test_identities import ROOT, STATEMENT, by, codes, identity, signed, trust

GLOB = "https://ci.example.com/builders/*"
TRIGGER = {"build-trigger": "push"}
TRUST = trust(identity(GLOB), identity(GLOB, claims=TRIGGER))


def test_a_copy_by_the_same_signer_with_other_claims_takes_no_signer_away() -> None:
    pushed = by("b", extensions=[claim("1.20", b"\x0c\x04push")])
    other = by("c", "https://ci.example.com/builders/nightly")
    envelopes = [signed(by("a")), signed(pushed), signed(other)]
    two = policy({"type": STATEMENT.predicate_type, "signers": 2})
    for order in permutations(envelopes):
        report = verify_collection(order, TRUST, artifacts=None, policy=two, now=NOW)
        assert report.policy is not None
        assert report.policy.yes


ISSUER = "https://issuer.example.com"
LOG = Log()


def logged(name: str, issuer: Holder) -> Envelope:
    """Signed by the key of a certificate, with an entry of the log that anyone can copy: its kind is not read."""
    holder = by(name, issuer=issuer, extensions=[claim("1.8", b"\x0c" + bytes([len(ISSUER)]) + ISSUER.encode())])
    envelope = Envelope(STATEMENT.raw, "application/vnd.in-toto+json")
    sig = holder.key.sign(envelope.pae(), ec.ECDSA(hashes.SHA256()))
    content = {
        "certificate": {"rawBytes": b64encode(holder.der)},
        "tlogEntries": [LOG.entry({"kind": "rekord", "apiVersion": "0.0.1"})],
    }
    fields = {"keyid": "", "sig": b64encode(sig), EXTENSION: {"kind": f"{KIND}0.3", "ext": content}}
    return Envelope.from_json(envelope.with_signatures(Signature("", sig, fields)).to_json())


def instance(**fields: str) -> TrustBundle:
    """A Sigstore instance with a log, and beside the identity below it a key."""
    since = {"start": "2026-01-01T00:00:00Z"}
    key_of_log = {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "rawBytes": b64encode(LOG.key.public_key.spki)}
    root = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            {
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "logId": {"keyId": b64encode(LOG.key_id)},
                "publicKey": {**key_of_log, "validFor": since},
            }
        ],
        "certificateAuthorities": [
            {"certChain": {"certificates": [{"rawBytes": b64encode(ROOT.der)}]}, "validFor": since}
        ],
    }
    own = {"threshold": 1, "keys": [key(ALICE)], "identities": [identity(issuer=ISSUER)]}
    return bundle({"release": own}, authorities={"ca": {"kind": "sigstore", "trusted_root": root, **fields}})


def test_who_no_authority_knows_is_refused_whatever_entry_of_a_log_is_copied() -> None:
    assert codes(logged("mallory", authority("Mallory")), instance()) == (False, ["certificate-untrusted"])


def test_what_nobody_can_decide_ends_no_collection() -> None:
    trusted = instance(log="none")  # which spares the certificate its SCT; entries that are there are checked
    undecided = logged("a", ROOT)
    with refused(InputError, "log-entry-unsupported"):
        verify(undecided, trusted, artifacts=None, now=NOW)
    for order in permutations([signed(keys=1), undecided]):
        report = verify_collection(order, trusted, artifacts=None, now=NOW)
        assert [one.position for one in report.verified] == [order.index(signed(keys=1))]
    with refused(InputError, "log-entry-unsupported"):
        verify_collection([undecided], trusted, artifacts=None, now=NOW)
