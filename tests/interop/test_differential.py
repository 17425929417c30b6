"""attest and securesystemslib agree on the envelopes that either side makes, and on what was done to them since."""

from __future__ import annotations

import binascii
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.exceptions import VerificationError

from attest import InputError, PublicKey, sign
from attest._base.json import b64encode, dumps
from attest.envelope import PAYLOAD_TYPE, pae
from attest.keys import ALGORITHMS
from tests.support.making.keys import file_signer, private_key, software_key
from tests.support.making.statements import envelope_by, envelope_json, read_statement, statement_json
from tests.support.peers.libraries import (
    ED25519,
    OTHER,
    CryptoSigner,
    SSlibKey,
    TheirEnvelope,
    our_codes,
    ours,
    signed,
    their_key,
    theirs,
    trust_refusal,
)

if TYPE_CHECKING:
    from pathlib import Path

# Pure ML-DSA is ours alone: their `ml-dsa-65/1` signs something else.
COMMON = [name for name in ALGORITHMS if not name.startswith("ml-dsa")]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_both_encode_the_same_bytes_to_be_signed(payload_type: str, payload: bytes) -> None:
    assert pae(payload_type, payload) == TheirEnvelope(payload, payload_type, {}).pae()


@pytest.mark.parametrize("algorithm", COMMON)
def test_they_verify_what_we_sign(algorithm: str, tmp_path: Path) -> None:
    with file_signer(tmp_path, algorithm) as signer:
        envelope = sign(read_statement(), [signer])
        keyid = signer.public_key.keyid
    assert theirs(envelope.to_json(), their_key(algorithm)) == {keyid}


@pytest.mark.parametrize("algorithm", COMMON)
def test_we_verify_what_they_sign(algorithm: str) -> None:
    key = SSlibKey.from_crypto(private_key(algorithm).public_key(), scheme=algorithm)  # under their own keyid
    envelope = TheirEnvelope(statement_json(), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(private_key(algorithm), key))
    verified = ours(json.dumps(envelope.to_dict()).encode(), software_key(algorithm).public_key)
    assert verified.keyids == (software_key(algorithm).public_key.keyid,)
    assert verified.payload == envelope.payload


@pytest.mark.parametrize("algorithm", COMMON)
def test_we_read_their_keys(algorithm: str) -> None:
    key = SSlibKey.from_crypto(private_key(algorithm).public_key(), scheme=algorithm)
    assert PublicKey.parse(dumps(key.to_dict())) == software_key(algorithm).public_key


def test_both_count_two_keys_for_a_threshold_of_two() -> None:
    data = envelope_by(ED25519, OTHER).to_json()
    keyids = {ED25519.public_key.keyid, OTHER.public_key.keyid}
    assert theirs(data, their_key(), their_key(number=1), threshold=2) == keyids
    assert set(ours(data, ED25519.public_key, OTHER.public_key, threshold=2).keyids) == keyids


@pytest.mark.parametrize("algorithm", COMMON)
@pytest.mark.parametrize("change", ["payload", "payloadType", "sig", "no sig", "key", "no signatures"])
def test_both_refuse_what_was_changed(algorithm: str, change: str) -> None:
    envelope = envelope_by(software_key(algorithm))
    [entry] = envelope.signatures
    number, fields = 0, dict[str, Any]()
    match change:
        case "payload":
            fields = {"payload": b64encode(envelope.unverified_payload + b" ")}
        case "payloadType":
            fields = {"payloadType": "application/vnd.in-toto.link+json"}
        case "sig":
            fields = {
                "signatures": [{"keyid": entry.keyid, "sig": b64encode(bytes([entry.sig[0] ^ 1]) + entry.sig[1:])}]
            }
        case "no sig":
            fields = {"signatures": [{"keyid": entry.keyid, "sig": ""}]}
        case "no signatures":
            fields = {"signatures": []}
        case "key":
            number = 1
    data = envelope_json(envelope, **fields)
    with pytest.raises(VerificationError):
        theirs(data, their_key(algorithm, number))
    assert our_codes(data, software_key(algorithm, number).public_key) != [None]


def test_both_read_url_safe_base64() -> None:
    envelope = envelope_by(ED25519, payload=statement_json(predicate={"text": "???>>>"}))
    text = b64encode(envelope.unverified_payload)
    assert "/" in text or "+" in text
    [entry] = envelope.signatures
    data = envelope_json(
        envelope,
        payload=text.translate(str.maketrans("+/", "-_")),
        signatures=[{"keyid": entry.keyid, "sig": b64encode(entry.sig).translate(str.maketrans("+/", "-_"))}],
    )
    assert theirs(data) == set(ours(data).keyids)


@pytest.mark.parametrize(
    "sig",
    ["?", "QUJD\n", "QUI", "QUJDRA", "QQ==QQ==", " QUJD"],
)
def test_both_refuse_the_whole_envelope_for_one_signature_that_is_not_base64(sig: str) -> None:
    envelope = envelope_by(ED25519)
    data = envelope_json(envelope, signatures=[envelope.signatures[0].to_dict(), {"keyid": "other", "sig": sig}])
    with pytest.raises(binascii.Error):
        theirs(data)
    with pytest.raises(InputError) as caught:
        ours(data)
    assert (caught.value.code, caught.value.where) == ("base64-invalid", "/signatures/1/sig")


def test_both_refuse_a_threshold_below_one() -> None:
    for threshold in (0, -1):
        with pytest.raises(ValueError, match="greater than 0"):
            theirs(signed(), threshold=threshold)
        assert trust_refusal(threshold) == "trust-invalid"
