"""Where attest and securesystemslib.dsse differ on an envelope, attest does so on purpose: one test for each place."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from securesystemslib.exceptions import VerificationError

from attest import Envelope, InputError, PublicKey, Rejected, Signature, verify
from attest._base.json import b64encode, dumps
from attest.envelope import PAYLOAD_TYPE
from attest.keys import ALGORITHMS
from tests.support.making.bundles import trust_in
from tests.support.making.keys import private_key, software_key
from tests.support.making.statements import envelope_by, envelope_json, statement_json
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


def test_a_signature_without_keyid_counts_where_they_raise() -> None:
    with pytest.raises(KeyError, match="keyid"):
        theirs(signed(keyid=None))
    assert ours(signed(keyid=None)).keyids == (ED25519.public_key.keyid,)


def test_a_signature_with_an_empty_keyid_counts_where_they_pass_it_over() -> None:
    with pytest.raises(VerificationError, match="threshold"):
        theirs(signed(keyid=""))
    assert ours(signed(keyid="")).keyids == (ED25519.public_key.keyid,)


def test_a_signature_with_a_wrong_keyid_counts_where_they_pass_it_over() -> None:
    for keyid in ("another", OTHER.public_key.keyid):
        with pytest.raises(VerificationError, match="threshold"):
            theirs(signed(keyid=keyid), their_key(), their_key(number=1))
        assert ours(signed(keyid=keyid), ED25519.public_key, OTHER.public_key).keyids == (ED25519.public_key.keyid,)


def test_two_signatures_with_one_keyid_don_t_spoil_the_envelope_as_they_do_there() -> None:
    keyid = ED25519.public_key.keyid
    [good] = envelope_by(ED25519).signatures
    data = Envelope(statement_json(), PAYLOAD_TYPE, (Signature(keyid, bytes(64)), good)).to_json()
    with pytest.raises(ValueError, match="Multiple signatures found for keyid"):
        theirs(data)
    assert [check.code for check in ours(data).report.signatures] == ["signature-invalid", None]


def test_one_key_under_two_keyids_counts_once_where_they_count_two() -> None:
    [good] = envelope_by(ED25519).signatures
    again = Signature("a", good.sig), Signature("b", good.sig)
    data = Envelope(statement_json(), PAYLOAD_TYPE, again).to_json()
    assert theirs(data, their_key(keyid="a"), their_key(keyid="b"), threshold=2) == {"a", "b"}
    codes = our_codes(data, ED25519.public_key, OTHER.public_key, threshold=2)
    assert codes == [None, "key-already-counted"]


def test_a_trust_bundle_can_t_even_hold_one_key_under_two_keyids() -> None:
    with pytest.raises(InputError) as caught:
        trust_in(ED25519.public_key, ED25519.public_key, threshold=2)
    assert caught.value.code == "key-duplicate"
    assert trust_refusal(1, keyid="a" * 64) == "keyid-mismatch"


def test_a_threshold_that_is_not_a_whole_number_is_refused_where_they_take_it() -> None:
    for threshold in (0.5, True):
        assert theirs(signed(), threshold=threshold)
        assert trust_refusal(threshold) == "trust-invalid"


def test_base64_with_bits_left_over_is_refused_where_they_take_it() -> None:
    payload = statement_json()
    payload += b" " * (2 - len(payload) % 3 or 3)
    envelope = envelope_by(ED25519, payload=payload)
    text = b64encode(payload)
    assert text.endswith("A=")
    data = envelope_json(envelope, payload=f"{text[:-2]}B=")
    assert theirs(data)
    with pytest.raises(InputError) as caught:
        ours(data)
    assert (caught.value.code, caught.value.where) == ("base64-invalid", "/payload")


def test_base64_in_both_alphabets_at_once_is_refused_where_they_take_it() -> None:
    envelope = envelope_by(ED25519, payload=statement_json(predicate={"text": "???" * 4}))
    text = b64encode(envelope.unverified_payload)
    assert text.count("/") >= 2
    data = envelope_json(envelope, payload=text.replace("/", "_", 1))
    assert theirs(data)
    with pytest.raises(InputError) as caught:
        ours(data)
    assert (caught.value.code, caught.value.where) == ("base64-invalid", "/payload")


def test_rsa_1024_is_refused_where_they_sign_and_verify_with_it() -> None:
    private = rsa.generate_private_key(65537, 1024)  # noqa: S505
    envelope = TheirEnvelope(statement_json(), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(private))
    [keyid] = envelope.signatures
    key = SSlibKey.from_crypto(private.public_key())
    assert set(envelope.verify([key], 1)) == {keyid}
    with pytest.raises(InputError) as caught:
        PublicKey.parse(dumps(key.to_dict()))
    assert caught.value.code == "key-too-weak"


def test_p_521_is_refused_where_they_offer_it() -> None:
    key = SSlibKey.from_crypto(ec.generate_private_key(ec.SECP521R1()).public_key())
    with pytest.raises(InputError) as caught:
        PublicKey.parse(dumps(key.to_dict()))
    assert caught.value.code == "algorithm-unsupported"


def test_a_payload_of_another_type_is_refused_where_they_compare_it_with_nothing() -> None:
    data = envelope_by(ED25519, payload_type="text/plain").to_json()
    assert theirs(data)
    with pytest.raises(Rejected) as caught:
        ours(data)
    assert caught.value.code == "payload-type-unsupported"


def test_a_payload_type_that_is_no_string_is_refused_when_read_where_they_take_it() -> None:
    data = envelope_json(envelope_by(ED25519), payloadType=5)
    assert TheirEnvelope.from_dict(json.loads(data)).payload_type == 5  # type: ignore[comparison-overlap]
    with pytest.raises(InputError) as caught:
        ours(data)
    assert (caught.value.code, caught.value.where) == ("envelope-invalid", "/payloadType")


def test_a_payload_that_is_no_statement_is_refused_where_they_don_t_look() -> None:
    data = envelope_by(ED25519, payload=b"hello").to_json()
    assert theirs(data)
    with pytest.raises(Rejected) as caught:
        ours(data)
    assert caught.value.code == "statement-invalid"


def test_a_name_given_twice_is_refused_where_their_reader_takes_the_last() -> None:
    good = signed()
    data = b'{"payloadType": "text/plain", ' + good[1:]
    assert theirs(data)
    with pytest.raises(InputError) as caught:
        ours(data)
    assert caught.value.code == "json-invalid"


def test_every_signature_is_judged_where_they_stop_at_the_threshold() -> None:
    data = envelope_by(ED25519, OTHER).to_json()
    assert theirs(data, their_key(), their_key(number=1)) == {ED25519.public_key.keyid}
    assert set(ours(data, ED25519.public_key, OTHER.public_key).keyids) == {
        ED25519.public_key.keyid,
        OTHER.public_key.keyid,
    }


def test_what_is_verified_is_left_as_it_was_where_they_change_it() -> None:
    data = signed()
    document = json.loads(data)
    TheirEnvelope.from_dict(document)
    assert document["signatures"] == [{}]
    envelope = Envelope.from_json(data)
    verify(envelope, trust_in(ED25519.public_key), artifacts=None)
    assert envelope.to_json() == data


@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"])
def test_an_ecdsa_signature_as_r_and_s_counts_where_they_read_der_alone(algorithm: str) -> None:
    key = software_key(algorithm)
    [signature] = envelope_by(key).signatures
    size = ALGORITHMS[algorithm].digest.removeprefix("sha")
    p1363 = b"".join(part.to_bytes(int(size) // 8, "big") for part in decode_dss_signature(signature.sig))
    data = Envelope(statement_json(), PAYLOAD_TYPE, (Signature(signature.keyid, p1363),)).to_json()
    with pytest.raises(VerificationError):
        theirs(data, their_key(algorithm))
    assert ours(data, key.public_key).keyids == (signature.keyid,)


@pytest.mark.parametrize("algorithm", ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_ml_dsa_is_over_the_pae_itself_where_they_put_something_before_it(algorithm: str) -> None:
    key = SSlibKey.from_crypto(private_key(algorithm).public_key(), keyid=software_key(algorithm).public_key.keyid)
    assert key.scheme == f"{algorithm}/1"
    with pytest.raises(VerificationError):
        theirs(envelope_by(software_key(algorithm)).to_json(), key)
    envelope = TheirEnvelope(statement_json(), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(private_key(algorithm), key))
    assert set(envelope.verify([key], 1)) == {key.keyid}
    assert our_codes(dumps(envelope.to_dict()), software_key(algorithm).public_key) == ["signature-invalid"]
    with pytest.raises(InputError) as caught:
        PublicKey.parse(dumps(key.to_dict()))
    assert caught.value.code == "algorithm-unsupported"
