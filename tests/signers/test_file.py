"""`file:` signers: every way to write a private key, what is wrong with the others, and keys that are made."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from attest import PublicKey, SignerError, open_signer
from attest.errors import InputError
from attest.keys import ALGORITHMS, keyid_in
from attest.signers import generate_key
from tests.support.making.keys import private_key
from tests.support.watching import refused

KEY = private_key("ed25519")
PASSPHRASE = "pässphrase"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, key: Any = KEY, *, encoding: Encoding = Encoding.PEM, passphrase: str | None = None) -> str:
    """A key file, and its URI."""
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    Path(name).write_bytes(key.private_bytes(encoding, PrivateFormat.PKCS8, lock))
    return f"file:{name}"


def public_key(uri: str, passphrase: str | None = None) -> PublicKey:
    with open_signer(uri, secrets=lambda _: passphrase) as signer:
        return signer.public_key


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_key_is_read_in_pem_and_der_encrypted_and_not(encoding: Encoding, passphrase: str | None) -> None:
    uri = write("key", encoding=encoding, passphrase=passphrase)
    assert public_key(uri, passphrase) == public_key(write("plain"))


def test_a_plain_key_needs_no_passphrase_and_asks_for_none() -> None:
    def secrets(what: str) -> str | None:
        raise AssertionError(what)

    open_signer(write("key.pem"), secrets=secrets).sign(b"")


def test_an_encrypted_key_says_what_it_asks_for() -> None:
    asked: list[str] = []

    def secrets(what: str) -> str:
        asked.append(what)
        return PASSPHRASE

    signer = open_signer(write("key.pem", passphrase=PASSPHRASE), secrets=secrets)
    signer.sign(b"")
    signer.sign(b"")
    assert asked == ["the passphrase of key.pem"]


@pytest.mark.parametrize("given", ["hunter2", PASSPHRASE + " ", "\udcff", "x" * 5000])
def test_a_wrong_passphrase_is_called_wrong(given: str) -> None:
    uri = write("key.pem", passphrase=PASSPHRASE)
    with refused(SignerError, "passphrase-wrong", uri) as caught:
        public_key(uri, given)
    assert given not in str(caught.value)


def test_a_missing_passphrase_is_called_missing_and_an_empty_one_wrong() -> None:
    uri = write("key.pem", passphrase=PASSPHRASE)
    with refused(SignerError, "passphrase-missing", uri):
        public_key(uri, None)
    with refused(SignerError, "passphrase-wrong", uri):
        public_key(uri, "")
    with refused(SignerError, "passphrase-missing", uri):
        _ = open_signer(uri).public_key


def test_a_signer_can_try_again_when_the_passphrase_is_right_the_second_time() -> None:
    answers = ["wrong", PASSPHRASE]
    signer = open_signer(write("key.pem", passphrase=PASSPHRASE), secrets=lambda _: answers.pop(0))
    with refused(SignerError, "passphrase-wrong"):
        signer.sign(b"")
    signer.sign(b"")


def test_a_public_key_is_not_for_signing() -> None:
    Path("key.pub").write_text(public_key(write("key.pem")).to_pem())
    with refused(SignerError, "key-unreadable", "file:key.pub") as caught:
        public_key("file:key.pub")
    assert "public key" in (caught.value.hint or "")


@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_a_key_of_ssh_keygen_is_read_and_stays_as_it_is(passphrase: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", "id"], check=True)
    before = Path("id").read_bytes()
    key = public_key("file:id", passphrase or None)
    shown = subprocess.run(["ssh-keygen", "-lf", "id.pub"], capture_output=True, check=True, text=True).stdout.split()[
        1
    ]
    assert keyid_in(key, "ssh") == shown
    assert Path("id").read_bytes() == before


def test_every_key_is_the_one_that_openssl_sees() -> None:
    uri = write("key.pem", private_key("ecdsa-sha2-nistp384"))
    command = ["openssl", "pkey", "-in", "key.pem", "-pubout", "-outform", "DER"]
    spki = subprocess.run(command, capture_output=True, check=True).stdout
    assert public_key(uri).keyid == sha256(spki).hexdigest()


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\x30\x00"]
)
def test_what_is_not_a_private_key_is_unreadable(data: bytes) -> None:
    Path("key.pem").write_bytes(data)
    with refused(SignerError, "key-unreadable", "file:key.pem"):
        public_key("file:key.pem")


@pytest.mark.parametrize("name", ["missing.pem", ".", "missing/key.pem"])
def test_what_is_not_a_file_is_unreadable(name: str) -> None:
    with refused(SignerError, "key-unreadable", f"file:{name}"):
        public_key(f"file:{name}")


def test_a_missing_file_is_told_how_to_be_made() -> None:
    with refused(SignerError, "key-unreadable") as caught:
        public_key("file:missing.pem")
    assert "attest key generate file:missing.pem" in (caught.value.hint or "")


def test_a_file_too_large_for_a_key_is_not_read() -> None:
    Path("key.pem").write_bytes(bytes(1 << 20))
    with refused(SignerError, "key-unreadable"):
        public_key("file:key.pem")


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (ed448.Ed448PrivateKey.generate(), "key-unsupported"),
        (x25519.X25519PrivateKey.generate(), "key-unsupported"),
        (rsa.generate_private_key(65537, 1024), "key-too-weak"),  # noqa: S505
    ],
    ids=["ed448", "x25519", "rsa-1024"],
)
def test_a_key_that_is_not_used_here_is_refused(key: Any, code: str) -> None:
    uri = write("key.pem", key)
    with refused(SignerError, code, uri):
        public_key(uri)


def test_the_query_pins_an_rsa_key_and_nothing_else_fits() -> None:
    uri = write("rsa.pem", private_key("rsassa-pss-sha256"))
    assert public_key(uri).algorithm.name == "rsassa-pss-sha256"
    for name in [name for name in ALGORITHMS if name.startswith("rsa")]:
        key = public_key(f"{uri}?algorithm={name}")
        assert (key.algorithm.name, key.spki) == (name, public_key(uri).spki)
    with refused(SignerError, "key-algorithm-mismatch"):
        public_key(f"{uri}?algorithm=ed25519")
    with refused(SignerError, "signer-uri-invalid"):
        public_key(f"{uri}?algorithm=rsa-pkcs1v15-sha1")


def test_a_path_may_be_relative_absolute_or_a_file_url(here: Path) -> None:
    expected = public_key(write("key.pem"))
    for uri in ("file:./key.pem", f"file:{here}/key.pem", f"file://{here}/key.pem", f"file://localhost{here}/key.pem"):
        assert public_key(uri) == expected
    with refused(SignerError, "signer-uri-invalid"):
        open_signer(f"file://elsewhere{here}/key.pem")


def test_percent_encoding_is_the_only_encoding() -> None:
    os.mkdir("a b")
    for name, encoded in [("a b/k?y%+é.pem", "a%20b/k%3Fy%25+%C3%A9.pem"), ("a+b.pem", "a+b.pem")]:
        expected = public_key(write("plain.pem"))
        Path("plain.pem").rename(name)
        assert public_key(f"file:{encoded}") == expected


@pytest.mark.parametrize(
    "uri", ["file:%", "file:%2", "file:%zz.pem", "file:%ff.pem", "file:", "file:a?algorithm", "file:a?b=c"]
)
def test_a_uri_that_could_mean_anything_is_refused_at_once(uri: str) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        open_signer(uri)


@pytest.mark.parametrize("secret", [None, PASSPHRASE])
def test_a_key_is_made_for_its_owner_alone(secret: str | None) -> None:
    made = generate_key("file:new.pem", secret=secret)
    assert stat.S_IMODE(os.stat("new.pem").st_mode) == 0o600
    assert made.public_key.algorithm.name == "ed25519"
    assert public_key("file:new.pem", secret) == made.public_key
    assert (b"ENCRYPTED" in Path("new.pem").read_bytes()) is (secret is not None)


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if "sha512" not in name and "sha384" not in name])
def test_a_key_is_made_for_each_kind_of_algorithm(name: str) -> None:
    signer = generate_key(f"file:new.pem?algorithm={name}", ALGORITHMS[name])
    assert signer.public_key.algorithm.name == name
    assert signer.public_key.accepts(signer.sign(b"data").sig, b"data")


def test_a_new_key_is_for_the_algorithm_of_its_uri_or_the_uri_gets_the_algorithm() -> None:
    assert generate_key("file:a.pem?algorithm=ml-dsa-44").public_key.algorithm.name == "ml-dsa-44"
    made = generate_key("file:b.pem", "rsa-pkcs1v15-sha256")
    assert str(made.uri) == "file:b.pem?algorithm=rsa-pkcs1v15-sha256"
    assert made.public_key.algorithm.name == "rsa-pkcs1v15-sha256"
    assert str(generate_key("file:c.pem", "ecdsa-sha2-nistp256").uri) == "file:c.pem"
    with refused(SignerError, "key-algorithm-mismatch"):
        generate_key("file:d.pem?algorithm=ml-dsa-44", "ed25519")
    assert not Path("d.pem").exists()


@pytest.mark.parametrize("path", ["~/key.pem", "$HOME/key.pem"])
def test_a_path_that_no_shell_expanded_is_explained(path: str) -> None:
    with refused(SignerError, "key-unreadable") as caught:
        open_signer(f"file:{path}").public_key  # noqa: B018
    assert "$HOME/..." in str(caught.value.hint)


def test_a_file_that_exists_is_never_written_over() -> None:
    Path("key.pem").write_bytes(b"precious")
    with refused(InputError, "output-exists", "key.pem"):
        generate_key("file:key.pem")
    assert Path("key.pem").read_bytes() == b"precious"


@pytest.mark.parametrize(("uri", "secret"), [("file:a%00b", None), ("file:k", "x" * 1024), ("file:k", "\udcff")])
def test_a_key_that_can_not_be_made_is_an_error_with_a_code(uri: str, secret: str | None) -> None:
    with pytest.raises((SignerError, InputError)):
        generate_key(uri, secret=secret)


def test_an_empty_passphrase_makes_no_plain_key() -> None:
    with pytest.raises((SignerError, InputError)):
        generate_key("file:new.pem", secret="")


def test_a_key_in_use_does_not_leave_the_process() -> None:
    signer = open_signer(write("key.pem"))
    signer.sign(b"")
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(signer)
