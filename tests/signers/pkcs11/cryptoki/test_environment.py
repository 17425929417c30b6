"""The environment in which modules are started: shared if it is the same, and otherwise one after the other."""

from __future__ import annotations

import os
import threading

import pytest

from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from attest.signers.pkcs11.cryptoki.environment import applied

NAME = "ATTEST_TEST_ENVIRONMENT"


def values() -> str | None:
    return os.environ.get(NAME)


def test_the_variables_are_set_in_the_body_and_restored_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "before"):
        if before is not None:
            monkeypatch.setenv(NAME, before)
        with applied(((NAME, "inside"),), Deadline(5)):
            assert values() == "inside"
        assert values() == before


def test_the_same_environment_is_shared_until_the_last_one_leaves() -> None:
    inside = ((NAME, "inside"),)
    both = threading.Barrier(2, timeout=10)
    seen: list[str | None] = []

    def enter() -> None:
        with applied(inside, Deadline(10)):
            both.wait()  # never passed by one alone
            seen.append(values())

    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["inside", "inside"]
    assert values() is None


def test_another_environment_waits_and_gives_up_at_its_deadline() -> None:
    with applied(((NAME, "first"),), Deadline(5)):
        with pytest.raises(TimedOut) as caught, applied(((NAME, "second"),), Deadline(0.01)):
            raise AssertionError("it must not begin")
        assert not caught.value.started
        with pytest.raises(TimedOut), applied((), Deadline(0.01)):
            raise AssertionError("a module without variables must not see those of another one")
        assert values() == "first"
    with applied(((NAME, "second"),), Deadline(5)):
        assert values() == "second"


def test_the_variables_are_restored_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), applied(((NAME, "inside"),), Deadline(5)):
        raise ZeroDivisionError
    assert values() is None
