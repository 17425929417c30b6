"""Errors: whatever an input puts into one, it can be read, and crosses processes whole."""

from __future__ import annotations

import pickle
from base64 import b64encode

import pytest

from attest import AttestError, Envelope, InputError, open_signer
from attest.errors import MAX_TEXT
from attest.signers import SignerURI
from tests.support.cli import call
from tests.support.helpers import private_key
from tests.support.keyfiles import pkcs8

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


def test_a_uri_is_represented_without_its_pin() -> None:
    assert repr(SignerURI.parse("pkcs11:token=a?pin-value=hunter2")) == "SignerURI('pkcs11:token=a?pin-value=...')"


def test_an_error_as_long_as_may_be_is_left_alone() -> None:
    assert InputError("json-invalid", "x" * MAX_TEXT).message == "x" * MAX_TEXT
