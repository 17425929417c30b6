"""Errors: whatever an input puts into one, it can be read, and crosses processes whole."""

from __future__ import annotations

import pickle
from base64 import b64encode

import pytest

from attest import AttestError, Envelope, InputError, open_signer
from attest.errors import MAX_TEXT

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


def test_a_private_key_that_someone_wrote_in_the_place_of_its_name_is_not_shown() -> None:
    pem = "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----"
    for key in (pem, pem.replace("\n", "\\n"), b64encode(pem.encode()).decode()):
        for uri in (key, f"file:{key}", f"env:{key}", f"sim:a?{key}", f"ssh-agent:{key}", f"awskms:{key}"):
            with pytest.raises(AttestError) as caught:
                open_signer(uri).public_key  # noqa: B018
            shown = f"{caught.value} {caught.value.where} {caught.value.hint}"
            assert "hunter2" not in shown
            assert b64encode(pem.encode()).decode()[16:32] not in shown


def test_an_error_as_long_as_may_be_is_left_alone() -> None:
    assert InputError("json-invalid", "x" * MAX_TEXT).message == "x" * MAX_TEXT
