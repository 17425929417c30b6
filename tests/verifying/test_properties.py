"""What holds for every input: no other exception, no accepted change, no no that less of anything makes a yes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from attest import AttestError, Envelope, InputError, Rejected, Signature, TrustBundle, Verified, verify, verify_many
from attest._base.json import b64encode, dumps, loads
from attest.envelope import PAYLOAD_TYPE
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, bundle_document, key
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner
from tests.support.making.statements import ARTIFACT, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

properties = partial(settings, deadline=None)

GOOD = signed(ALICE, BOB)
TWO = {"release": anchor(ALICE, BOB, threshold=2, subjects=["*.whl"])}
TRUST = bundle(TWO)
ask = partial(verify, artifacts=[ARTIFACT], now=NOW)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(node: Any, *steps: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside a JSON document."""
    for step, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*steps, step)
        yield from places(value, *steps, step)


def without(document: Any, place: tuple[Any, ...]) -> Any:
    """The document without the value at a place."""
    less = copy.deepcopy(document)
    target = less
    for step in place[:-1]:
        target = target[step]
    del target[place[-1]]
    return less


@st.composite
def changed_json(draw: st.DrawFn, document: Any) -> bytes:
    """The document with one to three values replaced, removed or added."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(changed))
        if not found:
            break
        *way, last = draw(st.sampled_from(found))
        target = changed
        for step in way:
            target = target[step]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                target[last] = draw(JSON)
            case "remove":
                del target[last]
            case _ if isinstance(target, dict):
                target[draw(st.text(max_size=12))] = draw(JSON)
            case _:
                target.append(draw(JSON))
    return dumps(changed)


@st.composite
def changed_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """The data with pieces cut out, put in or overwritten."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 3) | st.integers(0, len(data)))
        data = (
            data[:start]
            + draw(st.binary(max_size=4) | st.sampled_from([b'"', b"\\", b"=", b"{", b"]", b" "]))
            + (data[start + length :])
        )
    return data


def arbitrary(document: Any) -> st.SearchStrategy[bytes]:
    return st.binary() | JSON.map(dumps) | changed_json(document) | changed_bytes(dumps(document))


def outcome(envelope: bytes | Envelope, trust: TrustBundle = TRUST) -> Verified | AttestError:
    """What became of it; any other exception than ours gets out, and fails the test."""
    try:
        return ask(envelope, trust)
    except AttestError as error:
        return error


GOOD_JSON: dict[str, Any] = loads(GOOD.to_json(), what="it")


@given(arbitrary(GOOD_JSON))
@properties(max_examples=400)
@example(GOOD.to_json())
def test_any_bytes_as_an_envelope_are_verified_or_an_attest_error(data: bytes) -> None:
    found = outcome(data)
    if isinstance(found, Verified):
        # Whatever was changed around it, what is believed are the bytes that were signed.
        assert found.payload == GOOD.unverified_payload
    else:
        assert found.code
        assert found.message
        assert isinstance(found, InputError) or (isinstance(found, Rejected) and found.report is not None)


@given(arbitrary(bundle_document(TWO, issued=PAST, expires=FUTURE)))
@properties(max_examples=400)
@example(TRUST.to_json())
def test_any_bytes_as_a_trust_bundle_are_one_or_an_input_error(data: bytes) -> None:
    try:
        trust = TrustBundle.from_json(data)
    except InputError:
        return
    assert trust.to_json() == data
    assert isinstance(outcome(GOOD, trust), Verified | Rejected)


@given(arbitrary(loads(GOOD.unverified_payload, what="it")))
@properties(max_examples=300)
def test_any_signed_bytes_are_verified_or_rejected(payload: bytes) -> None:
    """Once good signatures are there nothing about the content is an InputError: the answer is no."""
    envelope = Envelope(payload, PAYLOAD_TYPE)
    found = outcome(envelope.with_signatures(ALICE.sign(envelope.pae()), BOB.sign(envelope.pae())))
    if isinstance(found, Verified):
        assert found.payload == payload
    else:
        assert isinstance(found, Rejected)
        assert found.code != "threshold-not-met"


def flipped(data: bytes, bit: int) -> bytes:
    return data[: bit // 8] + bytes([data[bit // 8] ^ (1 << bit % 8)]) + data[bit // 8 + 1 :]


def refuses(envelope: Envelope, trust: TrustBundle = TRUST) -> bool:
    found = outcome(envelope, trust)
    return isinstance(found, Rejected) and found.code == "threshold-not-met"


def test_no_bit_of_the_payload_can_be_flipped() -> None:
    payload = GOOD.unverified_payload
    assert all(
        refuses(Envelope(flipped(payload, bit), GOOD.payload_type, GOOD.signatures)) for bit in range(len(payload) * 8)
    )


def test_no_bit_of_the_payload_type_can_be_flipped() -> None:
    kind = GOOD.payload_type.encode()
    # In Latin-1 every byte is a character, so that no flip is lost to bad UTF-8.
    kinds = [flipped(kind, bit).decode("latin-1") for bit in range(len(kind) * 8)]
    assert all(refuses(Envelope(GOOD.unverified_payload, kind, GOOD.signatures)) for kind in kinds)


@pytest.mark.parametrize(
    "algorithm", ["ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsassa-pss-sha256", "ml-dsa-44"]
)
def test_no_bit_of_the_signatures_can_be_flipped(algorithm: str) -> None:
    signer = MemorySigner(algorithm, 4)
    trust = bundle({"a": anchor(signer)})
    envelope = signed(signer)
    [signature] = envelope.signatures
    assert ask(envelope, trust)
    bits = len(signature.sig) * 8
    for bit in range(0, bits, max(1, bits // 1024)):
        wrong = Signature(signature.keyid, flipped(signature.sig, bit))
        assert refuses(Envelope(envelope.unverified_payload, PAYLOAD_TYPE, (wrong,)), trust), bit


@given(st.integers(0, len(GOOD.to_json()) * 8 - 1))
@properties(max_examples=300)
def test_no_bit_of_the_text_changes_what_is_believed(bit: int) -> None:
    found = outcome(flipped(GOOD.to_json(), bit))
    if isinstance(found, Verified):
        # A keyid may have changed: it is a hint, and decides nothing.
        assert (found.payload, found.anchors) == (GOOD.unverified_payload, ("release",))


SIGNERS = (ALICE, BOB, MALLORY)
KEY_FIELDS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}] * 4 + [{"status": "retired"}, {"status": "compromised"}, {"not_after": PAST}, {"backend": "sim"}]
)
ANCHOR_LIMITS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}] * 3 + [{"subjects": []}, {"subjects": ["*.whl"]}, {"subjects": ["*.exe"]}, {"predicate_types": []}]
)


@st.composite
def anchors(draw: st.DrawFn) -> dict[str, Any]:
    owners = draw(st.lists(st.sampled_from(SIGNERS), min_size=1, unique=True))
    entries = [key(owner, **draw(KEY_FIELDS)) for owner in owners]
    return anchor(*entries, threshold=draw(st.integers(1, len(entries))), **draw(ANCHOR_LIMITS))


@st.composite
def signatures(draw: st.DrawFn) -> dict[str, Any]:
    """The entry of a good signature, or of one over something else, under a keyid that may be anyone's."""
    owner, other = draw(st.sampled_from(SIGNERS)), draw(st.sampled_from(SIGNERS))
    data = GOOD.pae() if draw(st.booleans()) else b"something else"
    keyid = draw(st.sampled_from([{}, {"keyid": owner.public_key.keyid}, {"keyid": other.public_key.keyid}]))
    unknown: dict[str, Any] = {"x-unknown": 1} if draw(st.booleans()) else {}
    return {**keyid, "sig": b64encode(owner.sign(data).sig), **unknown}


def says_yes(document: Any, trust: dict[str, Any]) -> bool:
    try:
        return isinstance(outcome(dumps(document), bundle(trust)), Verified)
    except InputError:  # the trust bundle itself
        return False


def calls_compromised(document: dict[str, Any]) -> bool:
    return any(entry["status"] == "compromised" or entry.get("backend") == "sim" for entry in document["keys"])


@given(st.lists(signatures(), max_size=4), st.dictionaries(st.sampled_from("abc"), anchors(), max_size=3))
@properties(max_examples=250)
def test_taking_something_away_never_turns_a_no_into_a_yes(entries: list[Any], trust: dict[str, Any]) -> None:
    """Of the envelope: every signature and every field. Of the trust bundle: every anchor and every key.

    The exceptions are marks that are there to take trust away. A key that one anchor calls compromised or simulated is
    so for all, an anchor with `subjects` keeps them from those that say less about them, and a limit that is absent
    doesn't limit: whoever edits the trust bundle decides, no attacker does.
    """
    envelope = {"x-note": {}, **GOOD_JSON, "signatures": entries}
    assume(not says_yes(envelope, trust))
    for place in places(envelope):
        assert not says_yes(without(envelope, place), trust), place
    for name, owned in trust.items():
        if not calls_compromised(owned):
            if "subjects" not in owned:
                assert not says_yes(envelope, without(trust, (name,))), name
            for index in range(len(owned["keys"])):
                assert not says_yes(envelope, without(trust, (name, "keys", index))), (name, index)


@given(st.lists(signatures(), max_size=4), st.dictionaries(st.sampled_from("abc"), anchors(), max_size=3), st.data())
@properties(max_examples=150)
def test_the_order_of_signatures_and_anchors_decides_nothing(
    entries: list[Any], trust: dict[str, Any], data: st.DataObject
) -> None:
    shuffled = {name: trust[name] for name in data.draw(st.permutations(sorted(trust)))}
    reordered = {**GOOD_JSON, "signatures": data.draw(st.permutations(entries))}
    assert says_yes(GOOD_JSON | {"signatures": entries}, trust) == says_yes(reordered, shuffled)


@given(st.binary(max_size=50), st.text(max_size=20), st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=9))))
@properties(max_examples=150)
def test_an_envelope_that_is_written_reads_as_itself(payload: bytes, kind: str, entries: list[Any]) -> None:
    envelope = Envelope(payload, kind, tuple(Signature(keyid, sig) for keyid, sig in entries))
    again = Envelope.from_json(envelope.to_json())
    assert again == envelope
    assert again.to_json() == envelope.to_json()
    assert again.with_signatures().to_json() == envelope.to_json()
    assert pickle.loads(pickle.dumps(again)) == again  # noqa: S301


def test_verdicts_and_trust_cross_to_another_process_and_back() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yes = verify_many([GOOD.to_json()], TRUST, artifacts=[ARTIFACT], now=NOW, executor=pool)
        no = pool.submit(verify, signed(ALICE).to_json(), TRUST, artifacts=[ARTIFACT], now=NOW)
        unread = pool.submit(verify, b"{", TRUST, artifacts=None, now=NOW)
        here = ask(GOOD.to_json(), TRUST)
        assert [outcome.verified for outcome in yes] == [here]
        with pytest.raises(Rejected) as rejected:
            no.result()
        with pytest.raises(InputError) as unreadable:
            unread.result()
    assert rejected.value.code == "threshold-not-met"
    assert [check.code for check in rejected.value.report.signatures] == [None]  # type: ignore[union-attr]
    assert unreadable.value.code == "json-invalid"
