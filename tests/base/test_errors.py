"""Errors: whatever an input puts into one, it can be read, and crosses processes whole."""

from __future__ import annotations

import pickle

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


def test_an_error_as_long_as_may_be_is_left_alone() -> None:
    assert InputError("json-invalid", "x" * MAX_TEXT).message == "x" * MAX_TEXT
