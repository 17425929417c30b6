"""Errors: whatever an input puts into one, it can be read, and crosses processes whole."""

from __future__ import annotations

import pickle
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from attest import AttestError, Envelope, InputError, open_signer
from attest.errors import MAX_TEXT
from attest.signers import SignerURI
from tests.support.cli.calls import call
from tests.support.making.bundles import anchor, bundle
from tests.support.making.keyfiles import pkcs8
from tests.support.making.keys import ALICE, private_key

if TYPE_CHECKING:
    from pathlib import Path

TRUST = bundle({"release": anchor(ALICE)})
LONG = "A" * 100_000


def test_an_error_is_never_as_long_as_an_input_wants_it() -> None:
    with pytest.raises(InputError) as caught:
        Envelope.from_json(f'{{"{LONG}": 1, "{LONG}": 2}}'.encode())
    assert caught.value.code == "json-invalid"
    assert len(caught.value.message) <= MAX_TEXT
    assert len(str(caught.value)) <= 2 * MAX_TEXT + 2


def test_what_is_too_long_loses_its_middle_and_says_how_much() -> None:
    error = InputError("json-invalid", f"begin {LONG} end", where=f"/{LONG}", hint=f"do {LONG} now")
    assert error.hint is not None
    for text in (error.message, error.hint):
        assert len(text) <= MAX_TEXT
        assert " characters ... " in text
    assert error.message.startswith("begin AAA")
    assert error.message.endswith("AAA end")
    assert error.where == f"/{LONG}", "a pointer is for programs, and cut it would be none"
    assert len(str(error)) <= 2 * MAX_TEXT + 2
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.message, again.where, again.hint) == (error.message, error.where, error.hint)


def test_a_pin_is_left_out_of_whatever_is_said_of_the_uri_that_it_stands_in() -> None:
    for uri in (
        "sim:a?algorithm=x;pin-value=hunter2",
        "sim:a?pin-value=hunter2",
        "file:a?x=pkcs11:pin%2Dvalue%3Dhunter2",
    ):
        with pytest.raises(AttestError) as caught:
            open_signer(uri)
        assert "hunter2" not in f"{caught.value} {caught.value.where} {caught.value.hint}"


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-sha2-nistp384", "rsassa-pss-sha256"])
@pytest.mark.parametrize("scheme", ["env:", "file:", "file:a?with=", "ssh-agent:", "hv:", "awskms:", "pkcs11:", ""])
def test_a_private_key_is_left_out_where_only_its_name_belongs(scheme: str, algorithm: str) -> None:
    """What becomes of `--signer env:$KEY`, for which `env:KEY` was meant."""
    pem = pkcs8(private_key(algorithm)).decode()
    base64 = "".join(pem.splitlines()[1:-1])
    for key in (pem, base64, b64encode(pem.encode()).decode()):
        secret = key.replace("\n", "")[60:100]
        for line in (["key", "check", f"{scheme}{key}"], ["sign", "a.json", "--signer", f"{scheme}{key}"]):
            ran = call(*line)
            assert ran.code in (2, 3, 4)
            assert secret not in (ran.stderr + ran.stdout).decode().replace("\\n", "")


@pytest.mark.parametrize("name", ["--trust", "--policy"])
def test_a_private_key_is_left_out_where_the_name_of_a_file_belongs(name: str, tmp_path: Path) -> None:
    """Also in a result object, and in what `doctor` shows of a variable that should name a file."""
    pem = pkcs8(private_key("ed25519")).decode()
    trust = tmp_path / "trust.json"
    trust.write_bytes(TRUST.raw)
    given = {"--trust": str(trust), name: pem}
    options = [text for option in given.items() for text in option]
    for ran in (
        call("verify", "a.json", *options, "--no-artifact", "--format", "json"),
        call("doctor", "--no-modules", "--trust", pem, "--format", "json"),
        call("doctor", "--no-modules", "--trust", pem),
    ):
        assert b"(private key)" in ran.stdout
        assert pem.splitlines()[1].encode() not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:hunter2@h/x", "https://u:...@h/x"),
        ("see https://:hun@ter2@h:1 and oci://u:p@h", "see https://:...@h:1 and oci://u:...@h"),
        ("https://h:80/a:b@c", "https://h:80/a:b@c"),
        ("https://u@h:80/", "https://u@h:80/"),
    ],
)
def test_a_password_is_left_out_of_a_url(text: str, shown: str) -> None:
    error = InputError("image-invalid", text, where=text, hint=text).at(text)
    assert (error.message, error.hint, error.where) == (shown, shown, f"{shown}: {shown}")


def test_a_uri_is_represented_without_its_pin() -> None:
    assert repr(SignerURI.parse("pkcs11:token=a?pin-value=hunter2")) == "SignerURI('pkcs11:token=a?pin-value=...')"


def test_an_error_as_long_as_may_be_is_left_alone() -> None:
    assert InputError("json-invalid", "x" * MAX_TEXT).message == "x" * MAX_TEXT
