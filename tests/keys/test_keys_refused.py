"""What is no public key, or is weak, private, ambiguous or of another kind, is refused with its own code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from asn1crypto.pem import armor
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from attest import InputError, PublicKey
from attest.keys import ALGORITHMS
from attest.keys.formats import load_certificate
from attest.signers import _software
from tests.support.making.certified import authority
from tests.support.making.keys import certificate, json_key, private_key, public_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[], bytes]


def refusal(data: bytes, algorithm: str | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        PublicKey.parse(data, algorithm=algorithm)
    return caught.value


def ed25519(number: int = 0) -> Any:
    return private_key("ed25519", number)


# Made when they are used, so that every process collects the same tests.
KINDS: dict[str, tuple[str, Callable[[], Any]]] = {
    "RSA-1024": ("key-too-weak", lambda: rsa.generate_private_key(65537, 1024)),  # noqa: S505
    "RSA-2047": ("key-too-weak", lambda: rsa.generate_private_key(65537, 2047)),  # noqa: S505
    "P-521": ("key-unsupported", lambda: ec.generate_private_key(ec.SECP521R1())),
    "P-224": ("key-unsupported", lambda: ec.generate_private_key(ec.SECP224R1())),
    "secp256k1": ("key-unsupported", lambda: ec.generate_private_key(ec.SECP256K1())),
    "Ed448": ("key-unsupported", ed448.Ed448PrivateKey.generate),
    "X25519": ("key-unsupported", x25519.X25519PrivateKey.generate),
    "DSA": ("key-unsupported", lambda: dsa.generate_private_key(1024)),  # noqa: S505
}


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_certificate_whose_serial_number_is_not_positive_is_refused_in_every_form(form: str) -> None:
    der = authority("serial", serial=1).der
    changed = der.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1)  # the second INTEGER; the first is the version
    assert changed != der
    data = changed if form == "DER" else armor("CERTIFICATE", changed)
    with pytest.raises(ValueError, match="serial number is not positive"):
        load_certificate(data)
    assert refusal(data).code == "key-invalid"
    assert load_certificate(der if form == "DER" else b"a note\n" + armor("CERTIFICATE", der)).serial_number == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_is_too_weak_or_of_another_kind_is_refused_in_every_form(kind: str) -> None:
    code, make = KINDS[kind]
    private = make()
    forms = [public_bytes(private), public_bytes(private, Encoding.DER), certificate(private)]
    assert [refusal(form).code for form in forms] == [code] * 3


@pytest.mark.parametrize(
    ("algorithm", "known", "unknown"),
    [
        ("ecdsa-sha2-nistp256", "2a8648ce3d030107", "2a811ccf5501822d"),  # the curve of SM2
        ("ed25519", "2b6570", "2b6579"),
    ],
)
def test_a_kind_of_key_that_the_library_does_not_know_is_unsupported(algorithm: str, known: str, unknown: str) -> None:
    der = public_bytes(private_key(algorithm), Encoding.DER)
    assert refusal(der.replace(bytes.fromhex(known), bytes.fromhex(unknown))).code == "key-unsupported"


@pytest.mark.parametrize("bits", [4097, 8192, 16384])
def test_rsa_above_4096_bits_is_refused(bits: int) -> None:
    # Making such a key takes minutes, and only the size of this number is looked at.
    public = rsa.RSAPublicNumbers(65537, (1 << bits - 1) + 1).public_key()
    error = refusal(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert error.code == "key-unsupported"
    assert f"{bits:,}" in error.message


@pytest.mark.parametrize(
    "name",
    [
        "rsa-pkcs1v15-sha1",
        "rsassa-pss-sha1",
        "ecdsa-sha1",
        "rsassa-pss-sha224",
        "ml-dsa-65/1",
        "RSASSA-PSS-SHA256",
        "none",
        "HSM-AES-128-GCM",
        "HSM-AES-256-GCM",
    ],
)
def test_sha_1_and_every_other_name_of_no_signature_algorithm_is_refused(name: str) -> None:
    error = refusal(public_bytes(private_key("rsassa-pss-sha256")), name)
    assert error.code == "algorithm-unsupported"
    assert (error.hint or "").startswith(("Did you mean '", "Use one of: ed25519, ecdsa-sha2-nistp256"))


@pytest.mark.parametrize("name", ["HSM-ECDSA-P256", "HSM-RSA-SHA256"])
def test_an_hsm_name_that_does_not_fit_the_key_is_refused(name: str) -> None:
    assert refusal(public_bytes(ed25519()), name).code == "key-algorithm-mismatch"


PRIVATE: dict[str, Make] = {
    "PKCS#8": lambda: _software.to_pem(ed25519()),
    "encrypted": lambda: _software.to_pem(ed25519(), "secret"),
    "OpenSSH": lambda: ed25519().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
    "SEC1": lambda: private_key("ecdsa-sha2-nistp256").private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ),
    "behind its public key": lambda: public_bytes(ed25519()) + _software.to_pem(ed25519()),
    "securesystemslib": lambda: json_key("ed25519", _software.to_pem(ed25519()).decode()),
}


@pytest.mark.parametrize("form", PRIVATE)
def test_a_private_key_is_refused_with_a_hint_and_not_repeated(form: str) -> None:
    written = PRIVATE[form]()
    error = refusal(written)
    assert error.code == "key-invalid"
    assert "private key" in error.message
    assert "attest key export" in (error.hint or "")
    assert not [line for line in written.decode().splitlines() if len(line) > 40 and line in f"{error}{error.hint}"]


SEVERAL: dict[str, Make] = {
    "two keys": lambda: public_bytes(ed25519()) + public_bytes(ed25519(1)),
    "one key twice": lambda: public_bytes(ed25519()) * 2,
    "without a line between": lambda: public_bytes(ed25519()).strip() * 2,
    "a chain": lambda: certificate(ed25519()) + certificate(ed25519(1)),
    "a certificate and its key": lambda: certificate(ed25519()) + public_bytes(ed25519()),
}


@pytest.mark.parametrize("form", SEVERAL)
def test_several_pem_blocks_are_refused_since_only_one_can_be_meant(form: str) -> None:
    error = refusal(SEVERAL[form]())
    assert error.code == "key-invalid"
    assert "several PEM blocks" in error.message


NOTHING: dict[str, Make] = {
    "nothing": lambda: b"",
    "white space": lambda: b" \n",
    "binary": lambda: b"\x00\x01\x02",
    "text": lambda: b"hello",
    "DER with a byte behind it": lambda: public_bytes(ed25519(), Encoding.DER) + b"\x00",
    "DER of P-256 with a byte behind it": lambda: (
        public_bytes(private_key("ecdsa-sha2-nistp256"), Encoding.DER) + b"\x00"
    ),
    "DER without its last byte": lambda: public_bytes(private_key("rsassa-pss-sha256"), Encoding.DER)[:-1],
    "PEM without an end": lambda: public_bytes(ed25519()).replace(b"END", b"XND"),
    "PEM that is not text": lambda: b"-----BEGIN PUBLIC KEY-----\n\xff\n-----END PUBLIC KEY-----\n",
    "an empty certificate": lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "a private key in DER": lambda: ed25519().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
}


@pytest.mark.parametrize("form", NOTHING)
def test_what_is_no_public_key_is_refused_with_what_is_expected(form: str) -> None:
    error = refusal(NOTHING[form]())
    assert error.code == "key-invalid"
    assert "SubjectPublicKeyInfo" in (error.hint or "")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (json_key("ml-dsa-65/1", "aa"), "algorithm-unsupported"),  # another scheme: it signs more than the PAE
        (json_key("ecdsa-sha2-nistp521", "aa"), "algorithm-unsupported"),
        (json_key("rsa-pkcs1v15-sha224", "aa"), "algorithm-unsupported"),
        (json_key("pgp+rsa-pkcsv1.5", "aa"), "algorithm-unsupported"),
        (json_key("ed25519", "aa" * 31), "key-invalid"),
        (json_key("ed25519", "aa" * 33), "key-invalid"),
        (json_key("ed25519", "not hex"), "key-invalid"),
        (json_key("ed25519", json_key("ed25519", "aa" * 32).decode()), "key-invalid"),
        (json_key("rsassa-pss-sha256", "aa" * 32), "key-invalid"),
        (json_key("ed25519", 5), "key-invalid"),
        (json_key(None, "aa" * 32), "key-invalid"),
        (b'{"scheme": "ed25519", "keyval": "aa"}', "key-invalid"),
        (b'{"scheme": "ed25519"}', "key-invalid"),
        (b'{"scheme": "ed25519", "scheme": "ml-dsa-44", "keyval": {"public": "aa"}}', "json-invalid"),
        (b"{", "json-invalid"),
    ],
)
def test_a_json_key_that_is_not_whole_or_names_another_scheme_is_refused(written: bytes, code: str) -> None:
    assert refusal(written).code == code


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_json_key_is_not_read_as_a_key_for_another_algorithm(algorithm: str) -> None:
    written = json_key(algorithm, public_bytes(private_key(algorithm)).decode())
    others = [name for name in ALGORITHMS if name != algorithm]
    assert {refusal(written, name).code for name in others} == {"key-algorithm-mismatch"}


def test_a_json_key_must_be_of_the_kind_its_scheme_says() -> None:
    written = json_key("ed25519", public_bytes(private_key("ecdsa-sha2-nistp256")).decode())
    assert refusal(written).code == "key-algorithm-mismatch"


def test_the_refusal_names_the_key_as_the_caller_does() -> None:
    with pytest.raises(InputError, match=r"^release\.pem is a private key$"):
        PublicKey.parse(_software.to_pem(ed25519()), what="release.pem")
