"""Services that are disturbed while eight threads sign: no wrong signature, no lost one, and all is well afterwards."""

from __future__ import annotations

import threading
import time
from itertools import count, cycle
from typing import TYPE_CHECKING, Any, Final

import pytest

from attest import Signature, SignerError, open_signer
from tests.support.examples import few
from tests.support.services import places
from tests.support.watching import without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attest import Signer
    from tests.support.services.places import Place

# How a service is disturbed, and the codes of the errors that tell it.
DISTURBANCES: Final[dict[str, set[str]]] = {
    "cut": {"kms-unreachable", "kms-failed"},
    "down": {"kms-unreachable"},
    "garbage": {"kms-unreachable", "kms-failed", "kms-timeout"},
    "busy": {"kms-busy"},
    "expired": {"access-denied"},
    "silent": {"kms-timeout", "kms-unreachable"},
}
THREADS, EACH = 8, few(10, range(25))


@pytest.fixture(params=[name for name in places.PLACES if name != "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    places.clean(monkeypatch)
    with places.PLACES[request.param](tmp_path, monkeypatch, 0) as made:
        yield made


def disturb(place: Place, how: str) -> None:
    place.refuse(how if how in ("busy", "expired") else "nothing")  # type: ignore[arg-type]
    place.be("well" if how in ("busy", "expired") else how)  # type: ignore[arg-type]


def signs(signer: Signer) -> bool:
    try:
        made = signer.sign(b"well")
    except SignerError:
        return False
    assert signer.public_key.accepts(made.sig, b"well")
    return True


def hasty(place: Place) -> str:
    return place.uri.replace("timeout=30", "timeout=1")


def recovers(signer: Signer, place: Place) -> None:
    disturb(place, "well")
    end = time.monotonic() + 60
    while not signs(signer):
        assert time.monotonic() < end, "it did not recover"


@pytest.mark.slow
def test_each_disturbance_has_its_code_and_is_over_when_it_ends(place: Place) -> None:
    with open_signer(place.uri) as signer, open_signer(hasty(place)) as impatient:
        recovers(signer, place)
        for how, codes in DISTURBANCES.items():
            # What need not end by itself has little time; to all else it would be one disturbance more.
            one = impatient if "kms-timeout" in codes else signer
            recovers(one, place)
            disturb(place, how)
            with without_waiting(), pytest.raises(SignerError) as caught:
                one.sign(b"disturbed")
            assert caught.value.code in codes, how
            recovers(one, place)
        disturb(place, "slow")
        assert signer.public_key.accepts(signer.sign(b"slow").sig, b"slow")


@pytest.mark.slow
def test_every_signature_of_eight_threads_is_right_or_an_error(place: Place) -> None:
    asked: list[bytes] = []
    outcomes: dict[bytes, Signature | BaseException] = {}
    disturbed = threading.Event()
    with open_signer(hasty(place)) as signer:
        recovers(signer, place)
        began = time.monotonic()

        def work(thread: int) -> None:
            for number in count():
                if number >= len(EACH) and disturbed.is_set():
                    return
                data = b"%d of %d" % (number, thread)
                asked.append(data)
                try:
                    outcomes[data] = signer.sign(data)
                except BaseException as error:  # noqa: BLE001
                    outcomes[data] = error
                    disturbed.set()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for one in threads:
            one.start()
        while not outcomes:  # one is made while all is well
            time.sleep(0.001)
        for how in cycle([*DISTURBANCES, "slow", "well"]):
            if not any(one.is_alive() for one in threads):
                break
            disturb(place, how)
            time.sleep(0.1)
        assert time.monotonic() - began < 120
        assert len(asked) >= THREADS * len(EACH)
        assert outcomes.keys() == set(asked)
        errors = [made for made in outcomes.values() if isinstance(made, BaseException)]
        codes: set[Any] = {getattr(error, "code", error) for error in errors}
        assert codes <= set().union(*DISTURBANCES.values())
        for data, made in outcomes.items():
            if isinstance(made, Signature):
                assert signer.public_key.accepts(made.sig, data)
        assert 0 < len(errors) < len(outcomes)
        recovers(signer, place)
