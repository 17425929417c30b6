"""What a test watches: the error of a block and how long it waits, which signers are closed, and what is shared out."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from attest._base import threads
from attest.errors import AttestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers import BaseSigner


@contextmanager
def refused(
    kind: type[AttestError], code: str, where: str | None = None
) -> Iterator[pytest.ExceptionInfo[AttestError]]:
    """The block raises exactly this kind of error, with this code and, if given, about this place."""
    with pytest.raises(AttestError) as caught:
        yield caught
    assert (type(caught.value), caught.value.code) == (kind, code), caught.value
    assert where is None or caught.value.where == where


def closings(monkeypatch: pytest.MonkeyPatch, kind: type[BaseSigner]) -> list[str]:
    """The URIs of the signers of this kind that are closed from now on, as a list that grows."""
    closed: list[str] = []
    close = kind.close

    def closing(signer: BaseSigner) -> None:
        closed.append(str(signer.uri))
        close(signer)

    monkeypatch.setattr(kind, "close", closing)
    return closed


def shared_out(monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """What `threads.share_out` is given from now on, one list for each call; it still does its work."""
    found: list[list[object]] = []
    share_out = threads.share_out

    def counted(act: Any, items: Any, **options: Any) -> Any:
        found.append(list(items))
        return share_out(act, items, **options)

    monkeypatch.setattr(threads, "share_out", counted)
    return found


@contextmanager
def without_waiting() -> Iterator[None]:
    """What is done here gives up in time, and does not wait for what takes a minute at least, or has no end.

    The bound is far from both: no machine stalls that long, and nothing that waits comes back so soon.
    """
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 30
