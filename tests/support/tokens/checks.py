"""What the tests of tokens ask of a signer, whatever they do to its token."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from attest import SignerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attest import Signer

DATA = b"DSSEv1 what is signed"


def check(signer: Signer, data: bytes = DATA) -> None:
    """It signs, and the signature is by its key."""
    signature = signer.sign(data)
    assert signature.keyid == signer.public_key.keyid
    signer.public_key.verify(signature.sig, data)


def refusal(signer: Signer) -> SignerError:
    """It does not sign; this is what it says."""
    with pytest.raises(SignerError) as caught:
        signer.sign(DATA)
    return caught.value


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that must happen by itself."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is done here must not take longer."""
    began = time.monotonic()
    yield
    taken = time.monotonic() - began
    assert taken < seconds, f"it took {taken:.3f} s"
