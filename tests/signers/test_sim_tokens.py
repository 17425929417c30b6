"""The simulator as a token: slots that take over, sessions that run out, and PINs that are refused."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from attest import SignerError, open_signer
from attest.signers.sim import faults


def refusal(uri: str, pin: str | None = None) -> str:
    with open_signer(uri, secrets=lambda _: pin) as signer, pytest.raises(SignerError) as caught:
        signer.sign(b"")
    return caught.value.code


def test_the_next_slot_takes_over_with_the_same_key() -> None:
    with open_signer("sim:a?slots=3&disconnect-after=2") as signer:
        keyids = {signer.sign(b"").keyid for _ in range(6)}
        assert len(keyids) == 1
        assert [slot["state"] for slot, _ in signer.health()] == ["down", "down", "up"]
        with pytest.raises(SignerError) as caught:
            signer.sign(b"")
        assert caught.value.code == "token-lost"
        assert [slot["state"] for slot, _ in signer.health()] == ["down", "down", "down"]


def test_a_slot_comes_back_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(faults, "time", SimpleNamespace(monotonic=lambda: clock[-1]))
    with open_signer("sim:a?disconnect-after=1&reconnect-after=0.2") as signer:
        signer.sign(b"")
        for later in (1000.0, 1000.19):
            clock.append(later)
            with pytest.raises(SignerError):
                signer.sign(b"")
        clock.append(1000.21)
        signer.sign(b"")
        assert signer.health()[0][0]["connections"] == 2


def test_sessions_are_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, over = threading.Event(), threading.Event()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        at_work.set()
        assert over.wait(60)

    monkeypatch.setattr(faults, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    with open_signer("sim:a?sessions=1&latency=400&timeout=0.1") as signer:
        thread = threading.Thread(target=signer.sign, args=(b"",))
        thread.start()
        try:
            assert at_work.wait(60)
            with pytest.raises(SignerError) as caught:
                signer.sign(b"")
        finally:
            over.set()
            thread.join()
        assert caught.value.code == "token-busy"
        assert waits == [0.4]
    monkeypatch.undo()
    with open_signer("sim:a?sessions=1&latency=50&timeout=60") as signer:
        threads = [threading.Thread(target=signer.sign, args=(b"",)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_a_pin_is_asked_for_once_and_a_wrong_one_never_again() -> None:
    asked: list[str] = []

    def answer(pin: str) -> str:
        asked.append(pin)
        return "4321" if len(asked) > 1 else "1234"

    with open_signer("sim:a?pin=4321", secrets=answer) as signer:
        for _ in range(3):
            with pytest.raises(SignerError) as caught:
                signer.sign(b"")
            assert caught.value.code == "pin-wrong"
        assert len(asked) == 1
    with open_signer("sim:a?pin=4321", secrets=lambda _: "4321") as signer:
        signer.sign(b"")
    assert refusal("sim:a?pin=4321") == "pin-missing"


@pytest.mark.parametrize(
    "query", ["slots=0", "slots=65", "sessions=0", "reconnect-after=-1", "timeout=x", "slots=2&slots=3"]
)
def test_a_token_that_makes_no_sense_is_refused_at_once(query: str) -> None:
    with pytest.raises(SignerError) as caught:
        open_signer(f"sim:a?{query}")
    assert caught.value.code == "signer-uri-invalid"
