"""Verification of signatures and of what was signed: the order of the checks, the codes, and what a yes reports."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest import (
    Envelope,
    InputError,
    Limits,
    Rejected,
    ResourceDescriptor,
    Signature,
    TrustBundle,
    Verified,
    open_signer,
    sign,
    verify,
)
from attest._base.json import dumps
from attest.envelope import PAYLOAD_TYPE
from attest.results.report import Report, SignatureCheck
from attest.trust.signatures import describe
from attest.trust.signers import SignerChecks
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner
from tests.support.making.statements import ARTIFACT, DIGEST, PREDICATE_TYPE, signed, signed_payload, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest.trust.anchors.keyring import Candidate

ALICE_ID, BOB_ID = ALICE.public_key.keyid, BOB.public_key.keyid


def ask(envelope: bytes | Envelope, trust: TrustBundle | None = None, **options: Any) -> Verified:
    return verify(envelope, trust or bundle(), **{"artifacts": [ARTIFACT], "now": NOW, **options})


def report_of(error: BaseException) -> Report:
    assert isinstance(error, Rejected)
    assert isinstance(error.report, Report)
    return error.report


def timestamped(envelope: Envelope, token: str) -> Envelope:
    """The envelope with a token beside each signature, whatever it is."""
    document = json.loads(envelope.to_json())
    for entry in document["signatures"]:
        entry["timestamps"] = [{"type": "tsp", "data": token}]
    return Envelope.from_json(dumps(document))


def codes(envelope: Envelope, trust: TrustBundle, **options: Any) -> list[str | None]:
    """The codes of the signatures, whatever the verdict."""
    try:
        return [check.code for check in ask(envelope, trust, **options).report.signatures]
    except Rejected as error:
        return [check.code for check in report_of(error).signatures]


def test_a_yes_says_who_vouched_for_what() -> None:
    envelope = signed(MALLORY, ALICE)
    verified = ask(envelope.to_json(), bundle(version=7))
    assert verified.anchors == ("release",)
    assert verified.keyids == (ALICE_ID,)
    assert verified.payload == verified.statement.raw == envelope.unverified_payload
    report = verified.report
    assert (report.now, report.trust_version, report.payload_type) == (NOW, 7, PAYLOAD_TYPE)
    assert report.predicate_schema == "unknown"
    assert [check[:6] for check in report.signatures] == [
        (0, MALLORY.public_key.keyid, None, None, "key-unknown", ()),
        (1, ALICE_ID, ALICE_ID, "ed25519", None, ("release",)),
    ]
    assert [check.checked_by for check in report.signatures] == [None, "public-key"]
    assert report.artifacts is not None
    assert [(check.artifact.name, check.subjects, check.code) for check in report.artifacts] == [(ARTIFACT, (0,), None)]


def test_an_envelope_may_be_given_as_bytes_or_read() -> None:
    assert ask(signed()).statement == ask(signed().to_json()).statement


@pytest.mark.parametrize("keyid", ["", "nobody", BOB_ID], ids=["empty", "unknown", "another key's"])
def test_the_keyid_decides_nothing(keyid: str) -> None:
    envelope = signed()
    renamed = Envelope(envelope.unverified_payload, PAYLOAD_TYPE, (Signature(keyid, envelope.signatures[0].sig),))
    verified = ask(renamed, bundle({"a": anchor(BOB, ALICE)}))
    assert verified.keyids == (ALICE_ID,)
    assert verified.report.signatures[0].unverified_keyid == keyid


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "compromised"}, "key-compromised"),
        ({"status": "retired"}, "key-retired"),
        ({"not_before": FUTURE}, "key-not-yet-valid"),
        ({"not_after": PAST}, "key-expired"),
        ({"backend": "sim"}, "simulated-key"),
        ({"backend": "sim", "status": "compromised"}, "key-compromised"),
    ],
)
def test_a_key_that_does_not_count_says_why(fields: dict[str, str], code: str) -> None:
    with refused(Rejected, "threshold-not-met") as caught:
        ask(signed(), bundle({"a": anchor(key(ALICE, **fields))}))
    assert code in caught.value.message
    [check] = report_of(caught.value).signatures
    assert (check.code, check.anchors) == (code, ())
    assert (check.keyid or "").endswith(ALICE_ID)


def test_a_signature_that_is_wrong_is_told_from_one_that_is_nobodys() -> None:
    for keyid, code in ((ALICE_ID, "signature-invalid"), ("nobody", "key-unknown"), ("", "key-unknown")):
        envelope = Envelope(statement().raw, PAYLOAD_TYPE, (Signature(keyid, b"junk"),))
        assert codes(envelope, bundle()) == [code]


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-sha2-nistp256", "rsassa-pss-sha256", "ml-dsa-44"])
def test_keys_of_every_kind_are_counted(algorithm: str) -> None:
    other = MemorySigner(algorithm, 9)
    assert ask(signed(ALICE, other), bundle({"a": anchor(ALICE, other, threshold=2)})).anchors == ("a",)


def test_a_threshold_counts_distinct_keys() -> None:
    trust = bundle({"two": anchor(ALICE, BOB, threshold=2)})
    assert ask(signed(ALICE, BOB), trust).anchors == ("two",)
    assert ask(signed(MALLORY, BOB, ALICE), trust).keyids == (BOB_ID, ALICE_ID)
    once = signed(ALICE)
    # An ECDSA key would write two different signatures; for Ed25519 the entry is repeated under another keyid.
    twice = once.with_signatures(Signature("other", once.signatures[0].sig))
    for envelope in (once, twice, signed(ALICE, MALLORY)):
        with refused(Rejected, "threshold-not-met"):
            ask(envelope, trust)
    assert codes(twice, trust) == [None, "key-already-counted"]


def test_two_different_signatures_by_one_key_count_once() -> None:
    signer = MemorySigner("ecdsa-sha2-nistp256", 9)
    envelope = signed(signer)
    twice = envelope.with_signatures(signer.sign(envelope.pae()))
    assert twice.signatures[0].sig != twice.signatures[1].sig
    assert codes(twice, bundle({"a": anchor(signer, ALICE, threshold=2)})) == [None, "key-already-counted"]


def test_keys_of_different_anchors_are_not_added_up() -> None:
    trust = bundle({"a": anchor(ALICE, MALLORY, threshold=2), "b": anchor(BOB, MALLORY, threshold=2)})
    with refused(Rejected, "threshold-not-met"):
        ask(signed(ALICE, BOB), trust)


def test_several_anchors_are_met_each_by_its_own_keys() -> None:
    trust = bundle({"a": anchor(ALICE), "b": anchor(ALICE, BOB, threshold=2), "c": anchor(MALLORY)})
    verified = ask(signed(ALICE, BOB), trust)
    assert verified.anchors == ("a", "b")
    assert [check.anchors for check in verified.report.signatures] == [("a", "b"), ("b",)]


def test_a_key_counts_for_one_anchor_and_not_for_another() -> None:
    trust = bundle({"a": anchor(key(ALICE, status="retired")), "b": anchor(key(ALICE, not_after=FUTURE))})
    assert ask(signed(), trust).anchors == ("b",)
    with refused(Rejected, "threshold-not-met"):
        ask(signed(), trust, now=datetime(2028, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("mark", "code"), [({"status": "compromised"}, "key-compromised"), ({"backend": "sim"}, "simulated-key")]
)
def test_a_key_that_is_lost_for_one_anchor_is_lost_for_all(mark: dict[str, str], code: str) -> None:
    trust = bundle({"a": anchor(ALICE), "b": anchor(key(ALICE, **mark), BOB)})
    assert codes(signed(ALICE), trust) == [code]
    assert ask(signed(ALICE, BOB), trust).anchors == ("b",)


@pytest.mark.parametrize(
    ("envelope", "trust", "says", "advice"),
    [
        (signed(MALLORY), bundle(), "(signature 0: key-unknown)", "it has none of the keys that signed"),
        (
            signed(MALLORY).with_signatures(Signature(ALICE_ID, b"x")),
            bundle(),
            "signature 1: signature-invalid)",
            "Get the original again",
        ),
        (
            signed(ALICE),
            bundle({"a": anchor(ALICE, BOB, threshold=2)}),
            ": anchor 'a' has 1 of 2 (signature 0: counted)",
            "attest merge",
        ),
        (
            signed(ALICE),
            bundle({"a": anchor(key(ALICE, not_after=PAST))}),
            "key-expired)",
            "only if a timestamp proves",
        ),
        (
            timestamped(signed(ALICE), "%"),
            bundle({"a": anchor(key(ALICE, not_after=PAST))}),
            "timestamp-invalid)",
            "Check the timestamp of signature 0: ",
        ),
        (
            timestamped(signed(ALICE), "%"),
            bundle({"a": anchor(ALICE, BOB, threshold=2)}),
            "anchor 'a' has 1 of 2",
            "attest merge",
        ),
        (Envelope(b"{}", PAYLOAD_TYPE), bundle(), "no signatures", "attest sign"),
        (signed(ALICE), bundle({}), "no anchors", "attest trust add"),
    ],
    ids=range(8),
)
def test_a_threshold_that_is_not_met_says_what_there_is_and_what_to_do(
    envelope: Envelope, trust: TrustBundle, says: str, advice: str
) -> None:
    with refused(Rejected, "threshold-not-met") as caught:
        ask(envelope, trust)
    assert says in caught.value.message
    assert advice in str(caught.value.hint)


@pytest.mark.parametrize(("number", "more"), [(0, None), (8, None), (9, "1 more"), (20, "12 more")])
def test_of_many_signatures_the_first_eight_are_told(number: int, more: str | None) -> None:
    said = describe([SignatureCheck(index, "", None, None, None) for index in range(number)])
    assert said.count("counted") == min(number, 8)
    assert said.endswith(f", and {more}") if more else "more" not in said


def test_keyids_are_those_of_the_keys_that_counted() -> None:
    trust = bundle({"a": anchor(ALICE), "b": anchor(key(BOB, not_after=PAST))})
    envelope = signed(BOB, MALLORY, ALICE)
    verified = ask(envelope.with_signatures(envelope.signatures[2]), trust)
    assert [check.code for check in verified.report.signatures] == [
        "key-expired",
        "key-unknown",
        None,
        "key-already-counted",
    ]
    assert verified.keyids == (ALICE_ID,)


@pytest.mark.parametrize(
    ("fields", "artifact", "code", "where"),
    [
        ({"subject": [{"digest": {"sha256": "x"}}]}, ARTIFACT, "statement-invalid", "/subject/0/digest/sha256"),
        ({"subject": []}, ARTIFACT, "subject-missing", "/subject"),
        ({"subject": [{"digest": {"sha256": DIGEST}}] * 3}, ARTIFACT, "too-many-subjects", "/subject"),
        (
            {"predicateType": "https://in-toto.io/attestation/link/v0.3", "predicate": {"name": 1}},
            ARTIFACT,
            "predicate-invalid",
            "/predicate/name",
        ),
        ({}, "sha256:" + "0" * 64, "artifact-mismatch", "sha256:" + "0" * 64),
    ],
    ids=str,
)
def test_a_no_names_the_place(fields: dict[str, Any], artifact: str, code: str, where: str) -> None:
    document = json.loads(statement().to_json()) | fields
    with refused(Rejected, code, where):
        ask(signed_payload(dumps(document)), artifacts=[artifact], limits=Limits(subjects=2))


class Says(SignerChecks):
    """What a token would say of the signatures by a key, where there is one."""

    def __init__(self, answers: dict[str, bool]) -> None:
        super().__init__()
        self._answers = answers

    def accepts(self, candidate: Candidate, signature: bytes, data: bytes) -> bool | None:
        return self._answers.get(candidate.public_key.keyid)


@pytest.mark.parametrize(
    ("answers", "found", "by"),
    [
        ({}, [None, None], ["public-key", "public-key"]),
        ({ALICE_ID: True}, [None, None], ["signer", "public-key"]),
        ({BOB_ID: True}, [None, None], ["public-key", "signer"]),
        ({ALICE_ID: False}, ["signature-invalid", None], ["signer", "public-key"]),
        ({ALICE_ID: False, BOB_ID: True}, ["signature-invalid", None], ["signer", "signer"]),
        ({ALICE_ID: True, BOB_ID: False}, [None, "signature-invalid"], ["signer", "signer"]),
    ],
)
def test_the_signer_of_a_key_has_the_last_word_on_its_signatures(
    answers: dict[str, bool], found: list[str | None], by: list[str]
) -> None:
    trust = bundle({"a": anchor(ALICE, BOB)})
    report = ask(signed(ALICE, BOB), trust, signers=Says(answers)).report
    assert [check.code for check in report.signatures] == found
    assert [check.checked_by for check in report.signatures] == by
    # And it makes no signature good that isn't the key's.
    with refused(Rejected, "threshold-not-met"):
        ask(signed(MALLORY), trust, signers=Says({MALLORY.public_key.keyid: True}))


def test_it_is_said_whether_there_was_a_schema_for_the_predicate() -> None:
    link = {"name": "build", "materials": []}
    known = signed(about=statement(predicate_type="https://in-toto.io/attestation/link/v0.3", predicate=link))
    assert ask(known).report.predicate_schema == "checked"
    assert ask(known, check_predicate=False).report.predicate_schema == "skipped"
    assert ask(signed()).report.predicate_schema == "unknown"


@pytest.mark.parametrize("order", list(itertools.permutations(["signed", "elsewhere", "owner", "open"])))
def test_who_owns_a_name_does_not_depend_on_the_order_of_the_anchors(order: tuple[str, ...]) -> None:
    anchors = {
        "signed": anchor(ALICE, subjects=["**"]),
        "elsewhere": anchor(BOB, subjects=["other-*", "*.txt"]),
        "owner": anchor(MALLORY, subjects=["*.whl"]),
        "open": anchor(BOB),
    }
    trust = bundle({name: anchors[name] for name in order})
    with refused(Rejected, "subject-not-allowed"):
        ask(signed(ALICE), trust)
    assert ask(signed(MALLORY), trust).anchors == ("owner",)
    assert set(ask(signed(ALICE, MALLORY), trust).anchors) == {"owner"}
    assert set(ask(signed(ALICE, BOB), trust).anchors) == {"open"}
    elsewhere = signed(ALICE, about=statement(ResourceDescriptor("app.zip", {"sha256": DIGEST})))
    assert ask(elsewhere, trust).anchors == ("signed",)


def test_a_simulated_signature_counts_only_where_that_was_asked_for() -> None:
    signer = open_signer("sim:test")
    trust = bundle({"a": anchor(signer)})
    with refused(Rejected, "threshold-not-met") as caught:
        ask(signed(signer), trust)
    assert "--allow-simulated" in (caught.value.hint or "")
    assert ask(signed(signer), trust, allow_simulated=True).keyids == (signer.public_key.keyid,)


@pytest.mark.parametrize(("envelope", "anchors"), [(Envelope(statement().raw, PAYLOAD_TYPE), None), (signed(), {})])
def test_nothing_to_check_is_a_no(envelope: Envelope, anchors: dict[str, Any] | None) -> None:
    with refused(Rejected, "threshold-not-met"):
        ask(envelope, bundle(anchors))


def test_a_trust_bundle_that_expired_verifies_nothing() -> None:
    trust = bundle(expires="2026-06-01T12:00:00Z")
    assert ask(signed(), trust).anchors == ("release",)
    with refused(Rejected, "trust-expired") as caught:
        ask(signed(), trust, now=NOW + timedelta(microseconds=1))
    assert [check.code for check in report_of(caught.value).signatures] == [None]


@pytest.mark.parametrize("now", [NOW.replace(tzinfo=None), datetime(2026, 6, 1)])
def test_a_moment_without_a_time_zone_is_none(now: datetime) -> None:
    with refused(InputError, "time-invalid"):
        ask(signed(), now=now)


def test_the_moment_may_be_given_in_any_time_zone() -> None:
    trust = bundle({"a": anchor(key(ALICE, not_after="2026-06-01T12:00:00Z"))})
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    assert ask(signed(), trust, now=there).anchors == ("a",)
    assert codes(signed(), trust, now=there + timedelta(seconds=1)) == ["key-expired"]


def payload(**fields: Any) -> bytes:
    return dumps(statement().document | fields)


# Each payload has the fault of its row and, where one document can have both, those of later rows.
LADDER: list[tuple[str, bytes, str]] = [
    ("text/plain", b"\xff", "payload-type-unsupported"),
    (PAYLOAD_TYPE, b"\xff", "statement-invalid"),
    (PAYLOAD_TYPE, payload(_type="x", subject=[], predicateType="https://slsa.dev/provenance/v1"), "subject-missing"),
    (PAYLOAD_TYPE, payload(_type="https://in-toto.io/Statement/v0.1", subject=[]), "subject-missing"),
    (PAYLOAD_TYPE, payload(subject=[{"digest": {"x": "1"}}] * 1025), "too-many-subjects"),
    (PAYLOAD_TYPE, payload(subject=[{"digest": {f"x{i}": "1" for i in range(33)}}]), "too-many-digests"),
    (PAYLOAD_TYPE, payload(predicateType="https://slsa.dev/provenance/v0.2"), "predicate-type-mismatch"),
    (PAYLOAD_TYPE, payload(predicateType="https://slsa.dev/provenance/v1"), "predicate-invalid"),
]


@pytest.mark.parametrize(("payload_type", "content", "code"), LADDER, ids=[code for _, _, code in LADDER])
def test_what_is_signed_and_wrong_is_a_no_in_the_order_of_the_design(
    payload_type: str, content: bytes, code: str
) -> None:
    # No artifact matches and no anchor allows anything: faults that come later still.
    trust = bundle({"release": anchor(ALICE, subjects=[])})
    options = {"artifacts": ["sha256:" + "0" * 64], "predicate_type": "slsa-provenance"}
    with refused(Rejected, code) as caught:
        ask(signed_payload(content, payload_type), trust, **options)
    assert report_of(caught.value).anchors == ("release",)
    with refused(Rejected, "threshold-not-met") as unsigned:
        ask(Envelope(content, payload_type, (Signature(ALICE_ID, b"junk"),)), trust, **options)
    assert report_of(unsigned.value).payload_type is None
    assert report_of(unsigned.value).statement is None


def test_artifacts_come_before_the_anchors_limits_and_those_come_last() -> None:
    trust = bundle({"release": anchor(ALICE, subjects=["*.tar.gz"])})
    with refused(Rejected, "artifact-mismatch"):
        ask(signed(), trust, artifacts=["sha256:" + "0" * 64])
    with refused(Rejected, "subject-not-allowed") as caught:
        ask(signed(), trust)
    assert report_of(caught.value).artifacts is not None
    assert caught.value.message.endswith("anchor 'release' is not allowed to sign for subject 'app.whl'")
    owned = bundle({"release": anchor(ALICE, subjects=["*.tar.gz"]), "wheels": anchor(BOB, subjects=["*.whl"])})
    with refused(Rejected, "subject-not-allowed") as caught:
        ask(signed(), owned)
    assert "'app.whl': anchor 'wheels' is responsible, because its '*.whl' matches" in caught.value.message


def test_one_anchor_that_may_is_enough_and_only_it_is_named() -> None:
    trust = bundle({"no": anchor(ALICE, predicate_types=[]), "yes": anchor(ALICE, subjects=["*.whl"])})
    verified = ask(signed(), trust)
    assert verified.anchors == verified.report.anchors == ("yes",)


def test_what_can_not_be_read_is_no_verdict_even_where_the_signature_would_be_wrong() -> None:
    for data, code in ((b"", "json-invalid"), (b"{}", "envelope-invalid"), (b"[1e999]", "json-invalid")):
        with refused(InputError, code):
            ask(data)
    with refused(InputError, "digest-invalid"):
        ask(signed(), artifacts=["sha256:abc"])
    with refused(InputError, "predicate-type-unknown"):
        ask(signed(), predicate_type="nothing")
    with refused(InputError, "file-unreadable"):
        ask(signed(), artifacts=["missing.whl"])


def test_a_predicate_type_may_be_asked_for_by_uri_or_name() -> None:
    assert ask(signed(), predicate_type=PREDICATE_TYPE)
    for other in ("https://example.com/review", "https://example.com/review/v1/", "slsa-provenance"):
        with refused(Rejected, "predicate-type-mismatch"):
            ask(signed(), predicate_type=other)


def test_the_predicates_schema_can_be_left_out_and_is_said_to_be() -> None:
    broken = signed(about=statement(predicate_type="https://slsa.dev/provenance/v1"))
    with refused(Rejected, "predicate-invalid", "/predicate"):
        ask(broken)
    assert ask(broken, check_predicate=False).report.predicate_schema == "skipped"


@pytest.mark.parametrize("options", [{}, {"statement_v0_1": True}])
def test_an_old_statement_is_read_and_noted(options: dict[str, Any]) -> None:
    verified = ask(signed_payload(payload(_type="https://in-toto.io/Statement/v0.1")), **options)
    assert verified.statement.type == "https://in-toto.io/Statement/v0.1"
    [note] = verified.report.notes
    assert (note.code, note.pointer) == ("spec-deviation", "/_type")


@pytest.mark.parametrize(
    ("limits", "kind", "code"),
    [
        (Limits(envelope=100), InputError, "envelope-too-large"),
        (Limits(signatures=1), InputError, "too-many-signatures"),
        (Limits(depth=2), InputError, "json-too-deep"),
        (Limits(depth=3), Rejected, "statement-invalid"),
        (Limits(subjects=0), Rejected, "too-many-subjects"),
        (Limits(digests=0), Rejected, "too-many-digests"),
    ],
)
def test_limits_are_options(limits: Limits, kind: type[attest.AttestError], code: str) -> None:
    envelope = signed(ALICE, BOB)
    assert ask(envelope.to_json())
    with refused(kind, code):
        ask(envelope.to_json(), limits=limits)


@pytest.mark.parametrize("size", [0, 100, 1000])
def test_limits_hold_for_an_envelope_that_was_read_already(size: int) -> None:
    """Nobody knows by whom, or whether it came from JSON at all; its payload is what would be parsed."""
    made = signed_payload(b"x" * size)
    for envelope in (made, Envelope.from_json(made.to_json())):
        with refused(Rejected, "statement-invalid"):
            ask(envelope, limits=Limits(envelope=size, signatures=1))
        with refused(InputError, "envelope-too-large"):
            ask(envelope, limits=Limits(envelope=size - 1))
        with refused(InputError, "too-many-signatures"):
            ask(envelope, limits=Limits(signatures=0))


def test_a_key_pinned_to_another_algorithm_accepts_nothing_of_this_one() -> None:
    pss = MemorySigner("rsassa-pss-sha256", 0)
    pinned = MemorySigner("rsa-pkcs1v15-sha256", 0)
    assert pss.public_key.spki == pinned.public_key.spki
    assert codes(signed(pss), bundle({"a": anchor(pinned)})) == ["signature-invalid"]
    both = bundle({"a": anchor(pinned, BOB, threshold=2), "b": anchor(pss)})
    assert ask(sign(signed(pss), [BOB]), both).anchors == ("b",)


def test_the_bytes_that_are_used_are_the_bytes_that_were_verified() -> None:
    envelope = signed()
    verified = ask(envelope)
    assert verified.payload is envelope.unverified_payload
    assert verified.statement.subjects[0].digest == {"sha256": DIGEST}
