"""Private key files of every form: what users bring, what would cost too much, and what is no key."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from asn1crypto import parser
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import PublicKey, SignerError, open_signer
from attest.signers import _keyfiles
from attest.signers._keyfiles import costs
from tests.support.making.certified import authority, leaf
from tests.support.making.keyfiles import (
    cosign,
    in_pem,
    octets,
    oid,
    openssh,
    pbes1,
    pbes2,
    pfx,
    pfx_hiding,
    pfx_with,
    pkcs8,
    scrypt,
    sequence,
)
from tests.support.making.keys import certificate, private_key, public_bytes
from tests.support.missing import missing
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[3] / "shared" / "data" / "keyfiles"
CASES: list[dict[str, Any]] = (
    [case for case in json.loads((DATA / "cases.json").read_text())["cases"] if case["role"] == "private"]
    if DATA.is_dir()
    else []
)
# It may be read, and is refused: no library that we have reads this cipher.
REFUSED = {"openssh-chacha20-poly1305-p256": "key-unsupported"}

KEY = private_key("ed25519")
P256 = private_key("ecdsa-sha2-nistp256")
SECRET = "correct horse"


def never() -> NoReturn:
    raise AssertionError("asked for a passphrase")


def read(data: bytes, ask: Callable[[], str | None] = never) -> _keyfiles.PrivateKeyFile:
    return _keyfiles.read(data, ask, where="key")


def opens(data: bytes, key: Any, passphrase: str | None = None) -> bool:
    found = read(data, never if passphrase is None else lambda: passphrase)
    return public_bytes(found.private) == public_bytes(key)


def test_the_cases_are_there() -> None:
    if not CASES:
        missing(f"{DATA} is not there")
    assert len(CASES) > 70


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_what_users_bring_is_read_or_refused_as_it_should_be(case: dict[str, Any]) -> None:
    asked: list[None] = []

    def ask() -> str | None:
        asked.append(None)
        passphrase: str | None = case["passphrase"]
        return passphrase

    def opened(secrets: Callable[[], str | None]) -> PublicKey:
        with open_signer(f"file:{DATA / case['file']}", secrets=lambda _: secrets()) as signer:
            return signer.public_key

    code = REFUSED.get(case["file"], case.get("error"))
    if code is not None:
        with refused(SignerError, code):
            opened(ask)
        return
    key = opened(ask)
    assert (key.algorithm.name, key.keyid) == (case["algorithm"], case["keyid"])
    assert len(asked) == (case["passphrase"] is not None)
    if case["passphrase"] is not None:
        with refused(SignerError, "passphrase-missing"):
            opened(lambda: None)
    if "wrong_passphrase" in case:
        with refused(SignerError, "passphrase-wrong"):
            opened(lambda: case["wrong_passphrase"])


@pytest.mark.parametrize(
    "arguments",
    [("-v2", "aes256"), ("-scrypt",), ("-v1", "PBE-SHA1-3DES")],
    ids=lambda arguments: "-".join(arguments),
)
def test_the_empty_passphrase_opens_what_openssl_encrypted_with_it(arguments: tuple[str, ...]) -> None:
    command = ["openssl", "pkcs8", "-topk8", *arguments, "-passout", "pass:"]
    data = subprocess.run(command, input=pkcs8(P256), capture_output=True, check=True).stdout
    assert b"ENCRYPTED" in data
    assert opens(data, P256, "")
    with refused(SignerError, "passphrase-missing"):
        read(data, lambda: None)
    with refused(SignerError, "passphrase-wrong"):
        read(data, lambda: "another")


@pytest.mark.parametrize("data", [pkcs8(KEY, passphrase=SECRET), openssh(KEY, SECRET), pfx(P256, passphrase=SECRET)])
def test_the_empty_passphrase_is_wrong_where_there_is_another(data: bytes) -> None:
    with refused(SignerError, "passphrase-wrong") as caught:
        read(data, lambda: "")
    assert "empty passphrase" in caught.value.message


@pytest.mark.parametrize(
    ("given", "says"), [("a\0b", "NUL"), ("x" * 1024, "1,024 bytes"), ("ä" * 512, "1,024 bytes"), ("\udcff", "UTF-8")]
)
def test_what_can_be_no_passphrase_is_refused_in_clear_words(given: str, says: str) -> None:
    with refused(SignerError, "passphrase-wrong") as caught:
        read(pkcs8(KEY, passphrase=SECRET), lambda: given)
    assert says in caught.value.message
    assert given not in str(caught.value)


def test_a_long_passphrase_opens_its_key() -> None:
    assert opens(pkcs8(KEY, passphrase="x" * 1023), KEY, "x" * 1023)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pbes2(costs.MAX_ITERATIONS + 1), "3,000,001 iterations, which is above the limit of 3,000,000"),
        (pbes2(1 << 4000), "over 10^15 iterations"),
        (pbes1(costs.MAX_PBES1 + 1), "600,001 iterations, which is above the limit of 600,000"),
        (scrypt(1 << 18), "256 MiB of memory"),
        (scrypt(1 << 17, 16), "256 MiB of memory"),
        (scrypt(2, 1, 1 << 22), "MiB of memory"),
        (scrypt(1 << 16, 8, 9), "N*r*p = 4,718,592"),
        (openssh(KEY, SECRET, costs.MAX_ROUNDS + 1), "257 rounds of bcrypt, which is above the limit of 256"),
        (openssh(KEY, SECRET, (1 << 32) - 1), "4,294,967,295 rounds"),
        (
            pfx_with(pfx(P256, passphrase=SECRET), mac_iterations=costs.MAX_ITERATIONS),
            "iterations, which is above the limit",
        ),
        (pfx_with(pfx(P256, passphrase=SECRET), mac_iterations=1 << 62), "over 10^15 iterations"),
        (cosign(KEY, SECRET, 1 << 18), "scrypt with N = 32768, 65536, 131072"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_passphrase_that_would_cost_too_much_is_not_even_requested(data: bytes, says: str) -> None:
    with refused(SignerError, "key-unreadable", "key") as caught:
        read(data)
    assert says in caught.value.message


@pytest.mark.parametrize(
    "data", [pbes2(costs.MAX_ITERATIONS), pbes1(costs.MAX_PBES1), scrypt(1 << 17), scrypt(1 << 16)]
)
def test_a_passphrase_within_the_limits_is_requested(data: bytes) -> None:
    with refused(SignerError, "passphrase-missing"):
        read(data, lambda: None)


@pytest.mark.parametrize("data", [pbes2(0), pbes2(-1), scrypt(0), pbes1(0)])
def test_a_cost_that_is_no_number_is_no_key(data: bytes) -> None:
    with refused(SignerError, "key-unreadable"):
        read(data)


def v2(key: Any, public: bytes) -> bytes:
    """PKCS#8 with a public key in it, as ring writes it (RFC 5958)."""
    inner = pkcs8(key, Encoding.DER)
    assert inner[:5] == b"\x30\x2e\x02\x01\x00"
    body = b"\x02\x01\x01" + inner[5:] + b"\x81\x21\x00" + public
    return b"\x30" + bytes([len(body)]) + body


def test_pkcs8_with_a_public_key_is_read_if_it_is_its_own() -> None:
    def raw(key: Any) -> bytes:
        return bytes(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    assert opens(v2(KEY, raw(KEY)), KEY)
    assert opens(in_pem("PRIVATE KEY", v2(KEY, raw(KEY))), KEY)
    with refused(SignerError, "key-unreadable") as caught:
        read(v2(KEY, raw(private_key("ed25519", 1))))
    assert "not that of the private key" in caught.value.message


def test_one_layer_around_a_key_is_taken_off_and_no_second_one() -> None:
    binary = pkcs8(KEY, Encoding.DER)
    once = base64.b64encode(binary)
    assert opens(once, KEY)
    assert opens(base64.encodebytes(pkcs8(KEY)), KEY)
    assert opens(pkcs8(KEY).replace(b"\n", b"\\n"), KEY)
    assert opens(pkcs8(KEY).replace(b"\n", b"\\r\\n"), KEY)
    assert opens(base64.b64encode(pfx(P256, passphrase=SECRET)), P256, SECRET)
    with refused(SignerError, "key-unreadable"):
        read(base64.b64encode(once))


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (pkcs8(KEY) + pkcs8(P256), 2),
        (pkcs8(KEY) + openssh(P256) + cosign(KEY, SECRET), 3),
        (pkcs8(KEY) + b"-----BEGIN EC PRIVATE KEY-----\n", 2),
        (pfx_with(pfx(P256), repeated=2), 2),
        (pfx_with(pfx(P256, passphrase=SECRET), repeated=3), 3),
    ],
)
def test_two_private_keys_are_refused_and_counted(data: bytes, number: int) -> None:
    with refused(SignerError, "key-unreadable") as caught:
        read(data)
    assert f"contains {number} private keys" in caught.value.message


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen"),
        (b"\xfe\xed\xfe\xed\0\0\0\2", "keytool"),
        (b"ssh-ed25519 AAAA me\n", "without `.pub`"),
        (b'{"kty": "OKP", "d": "AAAA"}', "PEM"),
        (public_bytes(KEY), "Give the private key"),
        (public_bytes(KEY, Encoding.DER), "Give the private key"),
        (certificate(P256), "Give the private key"),
        (certificate(P256, Encoding.DER), "Give the private key"),
        (in_pem("PRIVATE KEY", b"\x30\x00"), None),
        (b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n", None),
        (b"-----BEGIN a key-----\n", "docs/sign/files.md"),
        (b"\x30\x80", "docs/sign/files.md"),
        (b"\x30\x03\x02\x01\x03", "docs/sign/files.md"),
        (in_pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0"), None),
        (in_pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0" + b"\xff" * 8), None),
    ],
    ids=range(15),
)
def test_what_is_no_private_key_is_unreadable_and_the_hint_knows_why(data: bytes, hint: str | None) -> None:
    with refused(SignerError, "key-unreadable", "key") as caught:
        read(data)
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize("label", ["DSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "ANY PRIVATE KEY"])
def test_a_kind_of_key_that_is_not_known_is_unsupported(label: str) -> None:
    with refused(SignerError, "key-unsupported"):
        read(in_pem(label, b"0"))


ROOT = authority("Acme Root")
CA = authority("Acme CA", ROOT)
LEAF = leaf("Release", CA)
CHAIN = (LEAF.der, CA.der, ROOT.der)


@pytest.mark.parametrize("passphrase", [None, SECRET])
def test_pkcs12_brings_its_chain_in_order_and_nothing_else(passphrase: str | None) -> None:
    stranger = authority("Other CA")
    several = [one.certificate for one in (LEAF, ROOT, stranger, CA)]
    found = read(pfx(LEAF.key, several, passphrase), never if passphrase is None else lambda: passphrase)
    assert found.certificates == CHAIN
    assert public_bytes(found.private) == public_bytes(LEAF.key)


def test_pkcs12_with_nothing_but_a_mac_needs_its_passphrase_for_that() -> None:
    """Without one, the MAC is that of no passphrase."""
    assert opens(pfx(P256), P256)
    command = ["openssl", "pkcs12", "-export", "-keypbe", "NONE", "-certpbe", "NONE", "-nocerts", "-passout", "pass:a"]
    plain = subprocess.run(
        [*command, "-inkey", "/dev/stdin"], input=pkcs8(P256), capture_output=True, check=True
    ).stdout
    assert opens(plain, P256, "a")
    with refused(SignerError, "passphrase-wrong"):
        read(plain, lambda: "b")


@pytest.mark.parametrize("hidden_first", [True, False])
@pytest.mark.parametrize("mac", [True, False])
def test_a_key_that_pkcs12_hides_in_an_encrypted_part_is_neither_used_nor_opened(mac: bool, hidden_first: bool) -> None:
    other = private_key("ecdsa-sha2-nistp384")
    assert opens(pfx_hiding(P256, other, SECRET, mac=mac, hidden_first=hidden_first), P256, SECRET)
    # To open the hidden one would take half an hour.
    assert opens(pfx_hiding(P256, None, SECRET, mac=mac, hidden_first=hidden_first), P256, SECRET)
    with refused(SignerError, "passphrase-wrong"):
        read(pfx_hiding(P256, other, SECRET, mac=mac, hidden_first=hidden_first), lambda: "another one")


def test_pkcs12_that_was_changed_is_refused_also_where_its_key_was_not() -> None:
    data = pfx_hiding(P256, KEY, SECRET)
    at = data.index(octets(bytes(16)))  # in the encrypted part
    with refused(SignerError, "passphrase-wrong"):
        read(data[: at + 2] + b"\1" + data[at + 3 :], lambda: SECRET)


@pytest.mark.parametrize(
    ("passphrase", "options"),
    [(SECRET, ["-macalg", name]) for name in ("sha1", "sha224", "sha384", "sha512")]
    + [("", []), ("grüße \N{KEY}", []), (SECRET, ["-nomac"])]
    + [(SECRET, ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"])],
)
def test_pkcs12_as_openssl_writes_it_brings_key_and_chain(tmp_path: Path, passphrase: str, options: list[str]) -> None:
    """OpenSSL writes the certificates before the key."""
    text = pkcs8(LEAF.key) + b"".join(one.pem.encode() for one in (LEAF, CA, ROOT))
    (tmp_path / "all.pem").write_bytes(text)
    command = ["openssl", "pkcs12", "-export", "-in", "all.pem", "-passout", f"pass:{passphrase}", *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    found = read(ran.stdout, lambda: passphrase)
    assert found.certificates == CHAIN
    assert public_bytes(found.private) == public_bytes(LEAF.key)
    with refused(SignerError, "passphrase-wrong"):
        read(ran.stdout, lambda: "another one")


def nested(number: int) -> bytes:
    pieces = octets(b"")
    for _ in range(number):
        pieces = bytes(parser.emit(0, 1, 4, pieces))
    return sequence(b"\2\1\3", sequence(oid("1.2.840.113549.1.7.1"), bytes(parser.emit(2, 1, 0, pieces))))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(nested(5000), id="pieces of pieces"),
        pytest.param(b" " * 65000 + b"-", id="spaces"),
        pytest.param(b"-----BEGIN A-----" * 3800 + b"-----END A-----", id="blocks in blocks"),
    ],
)
def test_no_key_file_costs_more_than_its_size(data: bytes) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        with refused(SignerError, "key-unreadable"):
            read(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 32 << 20
    assert time.process_time() - began < 20


def test_certificates_beside_a_key_in_pem_are_its_own() -> None:
    others = (ROOT.pem + CA.pem).encode()
    assert read(others + pkcs8(LEAF.key) + LEAF.pem.encode()).certificates == CHAIN
    assert read(pkcs8(KEY) + LEAF.pem.encode()).certificates == ()
    assert read(pkcs8(LEAF.key) + in_pem("CERTIFICATE", b"\x30\x00") + LEAF.pem.encode()).certificates == (LEAF.der,)


def test_an_issuer_of_the_same_name_that_did_not_sign_is_left_out() -> None:
    impostor = authority("Acme CA", ROOT, key=P256)
    several = pkcs8(LEAF.key) + (LEAF.pem + impostor.pem).encode()
    assert read(several).certificates == (LEAF.der,)


def test_an_rsa_key_whose_numbers_do_not_belong_together_is_refused() -> None:
    inner = bytearray(pkcs8(private_key("rsassa-pss-sha256"), Encoding.DER))
    inner[-200] ^= 1
    with refused(SignerError, "key-unreadable"):
        read(bytes(inner))


def test_an_encryption_that_lacks_parameters_is_no_key() -> None:
    whole = scrypt(16)
    numbers = b"\x02\x01\x10\x02\x01\x08\x02\x01\x01"
    assert numbers in whole
    for other in (numbers[:3] + b"\x04\x01\x08\x04\x01\x01", b"\x02\x07" + bytes(7)):
        with refused(SignerError, "key-unreadable"):
            read(whole.replace(numbers, other))


def test_an_ed25519_key_of_a_wrong_length_is_no_key() -> None:
    """For which `cryptography` raises an InternalError, with text of OpenSSL in it."""
    data = pkcs8(KEY, Encoding.DER)
    longer = b"\x30\x30" + data[2:12] + b"\x04\x24\x04\x22" + data[16:] + b"\0\0"
    with refused(SignerError, "key-unreadable"):
        read(longer)


def test_an_ed25519_key_has_exactly_one_form_in_pkcs8_without_more() -> None:
    data = pkcs8(KEY, Encoding.DER)
    assert opens(in_pem("PRIVATE KEY", data), KEY)
    another_type = data.replace(b"\x2b\x65\x70", b"\x2b\x65\x6e")  # X25519, which cannot sign
    for other in (data + b"\0", data[:-1], data + data, b"\x30\x2f" + data[2:]):
        with refused(SignerError, "key-unreadable"):
            read(in_pem("PRIVATE KEY", other))
    assert not opens(in_pem("PRIVATE KEY", another_type), KEY)


def test_pkcs8_without_a_key_is_no_key() -> None:
    for version in (b"\0", b"\1"):
        with refused(SignerError, "key-unreadable"):
            read(b"\x30\x0a\x02\x01" + version + pkcs8(KEY, Encoding.DER)[5:12])
