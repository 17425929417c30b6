"""No sequence of trust commands makes a compromised key count again, loses a key, or forgets what was said of one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from attest import AttestError, Envelope, InputError, PublicKey, Rejected, TrustBundle, resigning, verify
from attest.trust import editing
from attest.trust.editing import bare
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner
from tests.support.making.statements import ARTIFACT, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest import Signer
    from attest.verifying import VerifyOptions

# One RSA key that signs with either padding: two algorithms, and one thing to lose.
PSS, PKCS1 = (MemorySigner(name, 0) for name in ("rsassa-pss-sha256", "rsa-pkcs1v15-sha256"))
CAROL, DAVE, ERIN = (MemorySigner("ed25519", number) for number in (4, 5, 6))
SIGNERS = {signer.uri.path: signer for signer in (ALICE, BOB, MALLORY, CAROL, DAVE, ERIN, PSS, PKCS1)}
ENVELOPES = {name: signed(signer) for name, signer in SIGNERS.items()}
ANCHORS = st.sampled_from(["release", "other", "new"])
NAMES = st.sampled_from(list(SIGNERS))
FIELDS = st.sampled_from([{}, {"status": "retired"}, {"not_before": PAST}, {"not_after": FUTURE}, {"backend": "sim"}])
OPTIONS: VerifyOptions = {"allow_simulated": True}


def entries(trust: TrustBundle) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Every key of every anchor, as it stands in the document."""
    for name in editing.holders(trust.document):
        yield from ((name, entry) for entry in editing.held(trust.document, name)["keys"])


class Life(RuleBasedStateMachine):
    """The trust commands in any order, on any key, as time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.trust = bundle({"release": anchor(ALICE, BOB, PSS), "other": anchor(ALICE, MALLORY, PKCS1)})
        self.lost: set[bytes] = set()
        self.known: dict[tuple[str | None, str], list[Mapping[str, Any]]] = {}

    def change(self, edit: Any, *arguments: Any, **options: Any) -> bool:
        """Do it, if it can be done; what can't leaves everything as it was."""
        before = self.trust
        try:
            self.trust = edit(before, *arguments, now=self.now, **options)
        except InputError:
            return False
        assert self.trust.version == before.version + 1
        assert TrustBundle.from_json(self.trust.to_json()) == self.trust
        return True

    def one_of(self, data: st.DataObject, place: str) -> PublicKey:
        """A key of the anchor or, if it isn't there yet, any key."""
        there = {bare(entry["keyid"]) for name, entry in entries(self.trust) if name == place}
        keys = [signer.public_key for signer in SIGNERS.values()]
        return data.draw(st.sampled_from([public for public in keys if public.keyid in there] or keys))

    @initialize(place=st.sampled_from(["release", "other"]), data=st.data())
    def a_key_is_lost(self, place: str, data: st.DataObject) -> None:
        self.revoke(place, data)

    @rule(days=st.integers(0, 40))
    def time_goes_by(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(place=ANCHORS, name=NAMES, marked=st.booleans(), threshold=st.sampled_from([None, 1, 2]), fields=FIELDS)
    def add(self, place: str, name: str, marked: bool, threshold: int | None, fields: dict[str, Any]) -> None:
        public = SIGNERS[name].public_key
        entry = key(PublicKey(public.algorithm, public.spki, simulated=marked), **fields)
        done = self.change(editing.add, place, [entry], threshold=threshold)
        assert not (done and public.spki in self.lost)

    @rule(place=ANCHORS, data=st.data(), at=st.sampled_from([None, NOW]), reason=st.sampled_from([None, "moved on"]))
    def retire(self, place: str, data: st.DataObject, at: Any, reason: str | None) -> None:
        public = self.one_of(data, place)
        done = self.change(editing.retire, place, public.keyid, at=at, reason=reason)
        assert not (done and public.spki in self.lost)

    @precondition(lambda self: len(self.lost) < 3)  # or there is soon nothing left to do
    @rule(place=ANCHORS, data=st.data())
    def revoke(self, place: str, data: st.DataObject) -> None:
        public = self.one_of(data, place)
        if self.change(editing.revoke, public.keyid, reason="lost"):
            self.lost.add(public.spki)

    @rule(place=ANCHORS, data=st.data(), new=NAMES, overlap=st.sampled_from([0, 1, 30]))
    def rotate(self, place: str, data: st.DataObject, new: str, overlap: int) -> None:
        one, other = self.one_of(data, place), SIGNERS[new].public_key
        options = {"overlap": timedelta(days=overlap), "reason": "a new year"}
        done = self.change(editing.rotate, place, one.keyid, key(other), **options)
        assert not (done and {one.spki, other.spki} & self.lost)

    @rule(name=NAMES, by=NAMES)
    def resign(self, name: str, by: str) -> None:
        """An attestation that only a lost key signed never gets a second signature, and a lost key never gives one."""
        signer: Signer = SIGNERS[by]
        involved = {SIGNERS[name].public_key.spki, signer.public_key.spki}
        try:
            anchors = resigning.anchors_of(signer.public_key, self.trust, now=self.now, allow_simulated=True)
            data = ENVELOPES[name].to_json()
            again = resigning.countersign(data, self.trust, signer, anchors, now=self.now, **OPTIONS)
        except AttestError:
            return
        assert not involved & self.lost
        assert again is None or len(Envelope.from_json(again).signatures) == 2

    @rule()
    def the_copy_for_verifiers_is_given_out(self) -> None:
        self.trust = editing.without_signers(self.trust)

    @invariant()
    def a_lost_key_never_counts(self) -> None:
        for name, signer in SIGNERS.items():
            if signer.public_key.spki not in self.lost:
                continue
            for moment in (NOW - timedelta(days=3000), self.now, self.now + timedelta(days=3000)):
                try:
                    verify(ENVELOPES[name], self.trust, artifacts=[ARTIFACT], now=moment, **OPTIONS)
                except Rejected as error:
                    (check,) = error.report.signatures  # type: ignore[union-attr]
                    # A key that stands there for another padding than this signature's is none of the bundle's.
                    assert check.code in ("key-compromised", "key-unknown", "signature-invalid")
                else:
                    raise AssertionError(f"{name} counts again")

    @invariant()
    def nothing_is_forgotten(self) -> None:
        now = {(name, bare(entry["keyid"])): entry for name, entry in entries(self.trust)}
        for place, said in self.known.items():
            history = [*now[place].get("history", []), standing(now[place])]
            assert all(one in history for one in said)
        for place, entry in now.items():
            if standing(entry).keys() - {"status"}:
                said = self.known.setdefault(place, [])
                said += [standing(entry)] if standing(entry) not in said else []


def standing(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a key."""
    return {name: entry[name] for name in ("status", "status_since", "reason") if name in entry}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
