"""A public key is read from every form it comes in, is pinned to one algorithm, and is named by what it is."""

from __future__ import annotations

import pickle
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import InputError, PublicKey
from attest.keys import ALGORITHMS, HSM_ALGORITHMS, algorithm_named
from attest.keys.formats import SIMULATED_NOTE, ed25519_spki
from attest.signers import _software
from tests.support.making.keys import certificate, json_key, private_key, public_bytes, software_key

if TYPE_CHECKING:
    from collections.abc import Callable

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)

# The algorithm that a key has when none is asked for.
DEFAULTS = [
    "ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "rsassa-pss-sha256",
    "ml-dsa-44",
    "ml-dsa-65",
    "ml-dsa-87",
]

FORMS: dict[str, Callable[[Any], bytes]] = {
    "DER": lambda private: public_bytes(private, Encoding.DER),
    "PEM": public_bytes,
    "PEM with CRLF": lambda private: public_bytes(private).replace(b"\n", b"\r\n"),
    "PEM with text around it": lambda private: b"release key\n" + public_bytes(private) + b"\nuntil 2030\n",
    "X.509 DER": lambda private: certificate(private, Encoding.DER),
    "X.509 PEM": certificate,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", DEFAULTS)
def test_one_key_is_the_same_key_in_every_form(algorithm: str, form: str) -> None:
    private = private_key(algorithm)
    der = public_bytes(private, Encoding.DER)
    key = PublicKey.parse(FORMS[form](private))
    assert key.algorithm.name == algorithm
    assert key.spki == der
    assert key.keyid == sha256(der).hexdigest()
    assert not key.simulated


@pytest.mark.parametrize("form", FORMS)
def test_an_ed25519_key_that_stands_alone_is_found_without_a_library(form: str) -> None:
    private = private_key("ed25519")
    alone = form in ("DER", "PEM", "PEM with CRLF")
    assert ed25519_spki(FORMS[form](private)) == (public_bytes(private, Encoding.DER) if alone else None)
    for other in (FORMS[form](private_key("ecdsa-sha2-nistp256")), FORMS[form](private)[:-3], FORMS[form](private) * 2):
        assert ed25519_spki(other) is None
    short = public_bytes(private).replace(b"MCowBQYDK2VwAyEA", b"MCowBQYDK2VwAyEA\n")
    assert ed25519_spki(short) == public_bytes(private, Encoding.DER)


@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"])
def test_a_compressed_point_is_the_same_key_as_the_whole_point(algorithm: str) -> None:
    private = private_key(algorithm)
    whole, point = (
        private.public_key().public_bytes(Encoding.X962, form)
        for form in (PublicFormat.UncompressedPoint, PublicFormat.CompressedPoint)
    )
    der = public_bytes(private, Encoding.DER)
    # SEQUENCE { algorithm, BIT STRING { point } }, where each length fits in one byte and counts what follows it.
    head = der.removesuffix(b"\x03%c\x00%b" % (len(whole) + 1, whole))
    compressed = b"0%c%b\x03%c\x00%b" % (der[1] + len(point) - len(whole), head[2:], len(point) + 1, point)
    key = PublicKey.parse(compressed)
    assert key == PublicKey.parse(der)
    assert key.keyid == sha256(der).hexdigest()


@every_algorithm
def test_a_securesystemslib_key_is_pinned_to_its_scheme(algorithm: str) -> None:
    private = private_key(algorithm)
    written = json_key(algorithm, public_bytes(private).decode(), keyid="whatever", unknown=1)
    key = PublicKey.parse(written)
    assert (key.algorithm.name, key.spki) == (algorithm, public_bytes(private, Encoding.DER))
    assert PublicKey.parse(written, algorithm=algorithm) == key


def test_a_securesystemslib_ed25519_key_is_hex() -> None:
    private = private_key("ed25519")
    key = PublicKey.parse(json_key("ed25519", private.public_key().public_bytes_raw().hex()))
    assert key.spki == public_bytes(private, Encoding.DER)


@every_algorithm
def test_an_algorithm_fits_keys_of_its_kind_and_no_others(algorithm: str) -> None:
    written = public_bytes(private_key(algorithm))
    is_rsa = ALGORITHMS[algorithm].family.startswith("rsa")
    for name, other in ALGORITHMS.items():
        if name == algorithm or (is_rsa and other.family.startswith("rsa")):
            assert PublicKey.parse(written, algorithm=name).algorithm is other
        else:
            with pytest.raises(InputError) as caught:
                PublicKey.parse(written, algorithm=name)
            assert caught.value.code == "key-algorithm-mismatch"


@pytest.mark.parametrize(("name", "meant"), HSM_ALGORITHMS.items())
def test_an_hsm_name_means_the_same_algorithm(name: str, meant: str) -> None:
    assert algorithm_named(name) is ALGORITHMS[meant]
    written = public_bytes(private_key(meant))
    assert PublicKey.parse(written, algorithm=name) == PublicKey.parse(written, algorithm=meant)
    assert PublicKey.parse(json_key(name, written.decode()), algorithm=meant).algorithm.name == meant


def test_keys_are_equal_by_what_they_are_and_the_algorithm_they_are_pinned_to() -> None:
    pss, pkcs1 = (software_key(name).public_key for name in ("rsassa-pss-sha256", "rsa-pkcs1v15-sha256"))
    again = PublicKey.parse(certificate(private_key("rsassa-pss-sha256")))
    assert {pss, again, pkcs1} == {pss, pkcs1}
    assert pss == again
    assert pss != pkcs1
    assert pss.keyid == pkcs1.keyid
    assert pss != software_key("rsassa-pss-sha256", 1).public_key
    assert pss != pss.spki
    assert hash(pss) == hash(again)
    assert len({hash(pss), hash(pkcs1), hash(software_key("rsassa-pss-sha256", 1).public_key)}) == 3


@every_algorithm
@pytest.mark.parametrize("simulated", [False, True], ids=["real", "simulated"])
def test_pem_and_pickle_give_the_same_key_back_with_its_mark(algorithm: str, simulated: bool) -> None:
    private = private_key(algorithm)
    key = _software.SoftwareKey.of(private, algorithm, simulated=simulated).public_key
    assert key.to_pem().encode() == SIMULATED_NOTE.encode() * simulated + public_bytes(private)
    signature = software_key(algorithm).sign(b"data").sig
    key.verify(signature, b"data")  # what a key has ready after its first use must not get in the way of pickle
    pickled = pickle.loads(pickle.dumps(key))  # noqa: S301
    for copy in (PublicKey.parse(key.to_pem().encode(), algorithm=algorithm), pickled):
        assert copy == key
        assert (copy.simulated, copy.keyid, copy.to_pem()) == (simulated, key.keyid, key.to_pem())
        assert copy.accepts(signature, b"data")


def test_a_private_key_is_neither_pickled_nor_shown() -> None:
    key = software_key("ed25519")
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(key)
    assert private_key("ed25519").private_bytes_raw().hex() not in repr(key)


def test_a_simulated_key_is_marked_wherever_it_is_written() -> None:
    key = PublicKey.parse(SIMULATED_NOTE.encode() + public_bytes(private_key("ed25519")))
    assert key.simulated
    assert key.keyid == f"sim:{sha256(key.spki).hexdigest()}"
    assert key.to_pem().startswith(SIMULATED_NOTE)
    assert key.keyid in repr(key)


EDITORS: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda written: written.replace(b"\n", b"\r\n"),
    "an empty line before it": lambda written: b"\n" + written,
    "a byte order mark": lambda written: b"\xef\xbb\xbf" + written,
}


@pytest.mark.parametrize("editor", EDITORS)
def test_a_simulated_key_keeps_its_mark_through_an_editor(editor: str) -> None:
    written = SIMULATED_NOTE.encode() + public_bytes(private_key("ed25519"))
    assert PublicKey.parse(EDITORS[editor](written)).simulated
    below = json_key("ed25519", private_key("ed25519").public_key().public_bytes_raw().hex())
    assert PublicKey.parse(EDITORS[editor](below + b"\n" + SIMULATED_NOTE.encode())).simulated


def test_a_key_is_real_unless_it_is_said_to_be_simulated() -> None:
    key = PublicKey(ALGORITHMS["ed25519"], public_bytes(private_key("ed25519"), Encoding.DER))
    assert (key.simulated, key.keyid) == (False, sha256(key.spki).hexdigest())


@every_algorithm
def test_rsa_bits_are_those_of_the_modulus_and_of_rsa_alone(algorithm: str) -> None:
    assert software_key(algorithm).public_key.rsa_bits == (2048 if "rsa" in algorithm else None)


@every_algorithm
def test_ml_dsa_alone_is_called_post_quantum(algorithm: str) -> None:
    assert ALGORITHMS[algorithm].security == ("post-quantum" if algorithm.startswith("ml-dsa-") else "classical")
