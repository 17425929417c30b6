"""How often a PIN is sent, counted as calls of C_Login: by any name, thread, fork, reopened signer or reconnect."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from glob import glob
from itertools import combinations
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, open_signer
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.codes import LoginAnswer
from attest.signers.pkcs11.tokens import logins
from attest.signers.pkcs11.uri import percent_encode
from tests.support.cli.calls import call
from tests.support.tokens.checks import check, refusal, until
from tests.support.tokens.fixtures import copied_hsm, faults_of_copy
from tests.support.tokens.hsm import PIN, SoftHSM, member_of, needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from attest.signers import SecretRequest
    from tests.support.tokens.injector import Arguments, FaultInjector

__all__ = ["copied_hsm", "faults_of_copy"]  # fixtures

SPY = next(iter(glob("/usr/lib/*/pkcs11-spy.so")), "pkcs11-spy.so")
# What C_Login may answer to a wrong PIN, or to a right one: nothing here says whether the token looked at it.
UNKNOWN = (0x02, 0x05, 0x06, 0x07, 0x30, 0x31, 0x32, 0x54, 0x70, 0xE0, 0xE1, 0x101, 0x103, 0x200, 0x80000003, 0x7777)
NOT_LOOKED = (0xB0, 0xB3, 0x104, 0x105, 0x190)
REFUSED = (0xA0, 0xA1, 0xA2, 0xA3, 0xA4)
COUNT_LOW, FINAL_TRY, LOCKED, TO_BE_CHANGED = 0x10000, 0x20000, 0x40000, 0x80000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    made = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "made", "t")
    made.add_keys("t", "p256", "p384")
    return made


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "PAUSE", 0.02)


@pytest.fixture
def names(hsm: SoftHSM) -> list[str]:
    """All ways to name the token `t` in a URI."""
    listed = hsm.run("pkcs11-tool", "--module", str(hsm.module), "-L")
    serial = re.search(r"token label\s*: t\n(?:.*\n)*?\s*serial num\s*: (\w+)", listed)
    slot = re.search(r"Slot \d+ \((0x\w+)\).*\n\s*token label\s*: t\n", listed)
    assert serial
    assert slot
    alone = [f"serial={serial[1]}", f"slot-id={int(slot[1], 16)}", "token=t"]
    more = [*alone, "model=SoftHSM%20v2", "manufacturer=SoftHSM%20project"]
    some = [";".join(names) for number in range(1, 6) for names in combinations(more, number)]
    return [name for name in some if any(one in name.split(";") for one in alone)]


def named(hsm: SoftHSM, name: str, **query: str) -> str:
    return hsm.uri(timeout="2", **query).replace("token=t;", f"{name};")


def fails_with(signer: Any) -> str:
    """The code of the error, once nothing is tried in the background any more."""
    error = refusal(signer)
    until(lambda: member_of(signer).state in {"latched", "dead"})
    assert PIN not in str(error)
    return refusal(signer).code


def raise_flags_after_a_login(faults: FaultInjector, flags: int, *, first: int = 1) -> None:
    """Let the token have the flags once C_Login was called, from the `first` look at them on."""
    faults.raise_token_flag(flags, first=first, when=lambda _: faults.calls["C_Login"] > 0)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        (LoginAnswer.LOGGED_IN, (0x00,)),
        (LoginAnswer.WAS_LOGGED_IN, (0x100,)),
        (LoginAnswer.NOT_LOOKED, (*NOT_LOOKED, 0x91)),
        (LoginAnswer.REFUSED, REFUSED),
        (LoginAnswer.UNKNOWN, (*UNKNOWN, 0x102, 0x90, 0x50, 0x1B6, 0x80000000, 0xFFFFFFFF)),
    ],
    ids=lambda value: value.name if isinstance(value, LoginAnswer) else "",
)
def test_an_answer_means_what_the_table_says(answer: LoginAnswer, numbers: tuple[int, ...]) -> None:
    assert {codes.login_answer(number) for number in numbers} == {answer}


@pytest.mark.parametrize("code", UNKNOWN, ids=hex)
def test_after_an_answer_that_proves_nothing_a_pin_is_sent_once_more(
    code: int, hsm: SoftHSM, faults: FaultInjector, names: list[str]
) -> None:
    faults.fail("C_Login", code)
    with open_signer(hsm.uri(timeout="2")) as signer:
        assert fails_with(signer) == "login-failed"
        assert "not sent again" in refusal(signer).message
    for name in names[:4]:
        with open_signer(named(hsm, name)) as signer:
            assert refusal(signer).code == "login-failed"
    assert faults.calls["C_Login"] == 2
    assert faults.calls["C_OpenSession"] == faults.calls["C_CloseSession"]


@pytest.mark.parametrize("code", UNKNOWN, ids=hex)
def test_the_second_time_may_succeed(code: int, hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.fail("C_Login", code, last=1)
    with open_signer(hsm.uri(timeout="2")) as signer:
        check(signer)
    assert faults.calls["C_Login"] == 2


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(COUNT_LOW, "pin-wrong"), (FINAL_TRY | COUNT_LOW, "pin-wrong"), (LOCKED, "pin-locked")],
)
@pytest.mark.parametrize("code", [0x05, 0x30, 0x80000003, *NOT_LOOKED], ids=hex)
def test_a_token_that_counted_a_wrong_pin_has_looked_whatever_it_answered(
    code: int, flags: int, expected: str, hsm: SoftHSM, faults: FaultInjector
) -> None:
    faults.fail("C_Login", code)
    raise_flags_after_a_login(faults, flags)
    with open_signer(hsm.uri(timeout="2")) as signer:
        assert fails_with(signer) == expected
    with open_signer(hsm.uri(timeout="2")) as signer:
        assert refusal(signer).code == expected
    assert faults.calls["C_Login"] == 1


def test_a_flag_that_was_there_before_proves_nothing_good(hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.raise_token_flag(COUNT_LOW)
    faults.fail("C_Login", 0x05)
    with open_signer(hsm.uri(timeout="2")) as signer:
        assert fails_with(signer) == "pin-wrong"
    assert faults.calls["C_Login"] == 1


def test_a_flag_that_comes_late_stops_the_second_time(hsm: SoftHSM, faults: FaultInjector) -> None:
    """Some tokens report a wrong PIN only after a while."""
    faults.fail("C_Login", 0x05)
    raise_flags_after_a_login(faults, COUNT_LOW, first=2)
    with open_signer(hsm.uri(timeout="2")) as signer:
        assert fails_with(signer) == "pin-wrong"
    assert faults.calls["C_Login"] == 1


@pytest.mark.parametrize("code", NOT_LOOKED, ids=hex)
def test_a_pin_that_the_token_did_not_look_at_is_sent_again(code: int, hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.fail("C_Login", code, last=4)
    with open_signer(hsm.uri(timeout="2")) as signer:
        with suppress(SignerError):
            signer.sign(b"x")
        until(lambda: member_of(signer).state == "up")
        check(signer)
    assert faults.calls["C_Login"] == 5


@pytest.mark.parametrize("code", [0x30, 0x32, 0xE0, 0xE1], ids=hex)
def test_a_token_that_comes_back_slowly_gets_the_pin_that_it_accepted(
    code: int, hsm: SoftHSM, faults: FaultInjector
) -> None:
    with open_signer(hsm.uri(timeout="2")) as signer:
        check(signer)
        faults.fail("C_Sign", 0x30, last=1)
        faults.fail("C_Login", code, last=5)
        with suppress(SignerError):
            signer.sign(b"x")
        until(lambda: member_of(signer).state == "up", 10)
        check(signer)


@pytest.mark.parametrize("code", [0x05, 0x54, 0x80000003], ids=hex)
def test_a_pin_that_was_accepted_may_have_been_changed(code: int, hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(timeout="2")) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Sign", 0x30, last=1)
        faults.fail("C_Login", code)
        assert fails_with(signer) == "login-failed"
    assert faults.calls["C_Login"] == 2


@pytest.mark.parametrize("code", REFUSED, ids=hex)
def test_a_pin_that_was_accepted_and_is_refused_later_is_not_sent_again(
    code: int, hsm: SoftHSM, faults: FaultInjector, names: list[str]
) -> None:
    with open_signer(hsm.uri(timeout="2")) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Sign", 0x30, last=1)
        faults.fail("C_Login", code)
        assert fails_with(signer).startswith("pin-")
    faults.on("C_Login", lambda call, arguments: call(*arguments))
    for name in names[:4]:
        with open_signer(named(hsm, name)) as signer:
            assert refusal(signer).code.startswith("pin-")
    assert faults.calls["C_Login"] == 1


def test_a_wrong_pin_is_sent_once_by_whatever_names_the_token_has(
    hsm: SoftHSM, faults: FaultInjector, names: list[str]
) -> None:
    hsm.pin_file.write_text("not the PIN")
    with ExitStack() as stack:
        for name in names:
            opened = stack.enter_context(open_signer(named(hsm, name)))
            assert refusal(opened).code == refusal(opened).code == "pin-wrong"
    assert len(names) > 20
    assert faults.calls["C_Login"] == 1


def test_a_right_pin_is_sent_once_while_any_signer_holds_the_login(
    hsm: SoftHSM, faults: FaultInjector, names: list[str]
) -> None:
    asked: list[SecretRequest] = []

    def secrets(request: SecretRequest) -> str:
        asked.append(request)
        return PIN

    with ExitStack() as stack:
        for name in names:
            check(stack.enter_context(open_signer(named(hsm, name, pin_source=""), secrets=secrets)))
        assert faults.calls["C_Login"] == 1
    for name in names[:3]:
        with open_signer(named(hsm, name, pin_source=""), secrets=secrets) as signer:
            check(signer)
    assert faults.calls["C_Login"] == 4, "once more for each time that the last session was closed"
    assert len(asked) == 1


@pytest.mark.parametrize("pin", [PIN, "not the PIN"], ids=["right", "wrong"])
def test_threads_never_send_at_once(pin: str, hsm: SoftHSM, faults: FaultInjector, names: list[str]) -> None:
    hsm.pin_file.write_text(pin)
    under_way: list[int] = []
    most: list[int] = []

    def slow(call: Callable[..., int], arguments: Arguments) -> int:
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.05)
        under_way.pop()
        return call(*arguments)

    faults.on("C_Login", slow)
    with ExitStack() as stack:
        signers = [stack.enter_context(open_signer(named(hsm, name))) for name in names[:8]]
        threads = [Thread(target=lambda signer=signer: _try(signer)) for signer in signers for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1]


def test_one_variable_is_enough_for_all_names_of_one_token(
    hsm: SoftHSM, faults: FaultInjector, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever name asks first: it must not wait for a name that waits for its answer."""
    monkeypatch.setenv("ATTEST_PIN", PIN)
    faults.delay("C_Login", 0.05)
    uris = [named(hsm, name, pin_source="") for name in names[:6]]
    for order in (uris, uris[::-1]):
        first = named(hsm, names[0], pin_source="", failover=" ".join(order))
        ran = call("signer", "check", first)
        assert (ran.code, ran.prose) == (0, []), ran.prose
    assert faults.calls["C_Login"] == 2


def _try(signer: Any) -> None:
    with suppress(SignerError):
        signer.sign(b"x")


def test_nothing_is_sent_while_the_token_has_not_answered(hsm: SoftHSM, faults: FaultInjector) -> None:
    hung = faults.hang("C_Login", last=1)
    with open_signer(hsm.uri(timeout="1")) as signer:
        assert refusal(signer).code == "token-timeout"
        for _ in range(3):
            assert refusal(signer).code == "token-timeout"
        assert faults.calls["C_Login"] == 1
        hung.release()
        until(lambda: member_of(signer).state == "up")
        check(signer)


def test_an_answer_that_nobody_waits_for_any_more_counts(hsm: SoftHSM, faults: FaultInjector) -> None:
    hung = faults.hang("C_Login", 0xA0)
    with open_signer(hsm.uri(timeout="1")) as signer:
        assert refusal(signer).code == "token-timeout"
        hung.release()
        assert fails_with(signer) == "pin-wrong"
    assert faults.calls["C_Login"] == 1


def test_another_token_in_the_place_of_one_does_not_get_its_pin(hsm: SoftHSM, faults: FaultInjector) -> None:
    asked: list[SecretRequest] = []

    def secrets(request: SecretRequest) -> str | None:
        asked.append(request)
        return PIN if len(asked) == 1 else None

    with open_signer(hsm.uri(pin_source="", timeout="2"), secrets=secrets) as signer:
        check(signer)
        for token in (hsm.folder / "tokens").iterdir():
            token.rename(hsm.folder / token.name)
        hsm.add_token("t")
        faults.clear()
        faults.fail("C_Sign", 0x30, last=1)
        assert refusal(signer).code == "token-not-found"
        assert len(asked) == 1
    with open_signer(hsm.uri(pin_source="", timeout="2"), secrets=secrets) as signer:
        # Nobody uses the first one any more.
        assert refusal(signer).code == "pin-missing"
        first, second = asked
        assert first.token != second.token
        assert first.where == second.where
    assert not faults.calls["C_Login"]


def test_the_last_try_is_for_those_who_ask_for_it(hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.raise_token_flag(FINAL_TRY)
    with open_signer(hsm.uri()) as signer:
        error = refusal(signer)
        assert error.code == "pin-locked"
        assert "`pin-last-try=yes`" in str(error.hint)
    with open_signer(hsm.uri(pin_last_try="no")) as signer:
        assert refusal(signer).code == "pin-locked"
    assert faults.calls["C_Login"] == faults.calls["C_Finalize"] == 0, "the module works, with its other tokens"
    with open_signer(hsm.uri(pin_last_try="yes")) as signer:
        check(signer)


def test_a_flag_that_forbids_a_login_is_looked_at_again(hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.raise_token_flag(FINAL_TRY)
    with open_signer(hsm.uri()) as signer:
        assert refusal(signer).code == "pin-locked"
    faults.clear()
    with open_signer(hsm.uri()) as signer:
        check(signer)


@pytest.mark.parametrize("flag", [LOCKED, TO_BE_CHANGED], ids=hex)
def test_a_pin_that_cannot_be_right_is_sent_by_nobody(flag: int, hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.raise_token_flag(flag)
    with open_signer(hsm.uri(pin_last_try="yes")) as signer:
        refusal(signer)
    assert not faults.calls["C_Login"]


@pytest.mark.parametrize(("cache", "times"), [("yes", 1), ("no", 3)])
def test_a_pin_that_is_not_kept_is_asked_for_at_each_login(
    cache: str, times: int, hsm: SoftHSM, faults: FaultInjector
) -> None:
    asked: list[SecretRequest] = []

    def secrets(request: SecretRequest) -> str:
        asked.append(request)
        return PIN

    with open_signer(hsm.uri(pin_source="", pin_cache=cache, timeout="2"), secrets=secrets) as signer:
        check(signer)
        for _ in range(2):
            faults.fail("C_Sign", 0x30, last=1)
            check(signer)
            check(signer)
        login = member_of(signer).connection._login
        assert (login._pin is None) is (cache == "no")
    assert len(asked) == times


@pytest.mark.parametrize("setting", ["pin-cache", "pin-last-try"])
@pytest.mark.parametrize("value", ["maybe", "", "1", "YES"])
def test_a_setting_is_yes_or_no(setting: str, value: str) -> None:
    with pytest.raises(SignerError) as caught:
        open_signer(f"pkcs11:token=t;object=k?module-path=/m.so&{setting}={value}")
    assert caught.value.code == "signer-uri-invalid"
    assert setting in caught.value.message


# Everything at once, as pkcs11-spy of OpenSC sees it: a program with three names, four threads each, children before
# and after the login, a grandchild, and signers that are closed and opened again.
_PROGRAM = """
import os, sys, threading
import attest

def attempt(uri):
    try:
        with attest.open_signer(uri) as signer:
            signer.sign(b"x")
            signer.sign(b"y")
    except attest.SignerError as error:
        assert error.code == "pin-wrong", error

def child(act):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def everything():
    threads = [threading.Thread(target=attempt, args=(uri,)) for uri in sys.argv[1:] for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for uri in sys.argv[1:]:
        attempt(uri)

def again():
    everything()
    child(everything)

everything()
for _ in range(3):
    child(again)
everything()
"""


@pytest.fixture
def spied(hsm: SoftHSM, tmp_path: Path) -> Iterator[Callable[[list[str]], int]]:
    """Runs the program with URIs, and returns how often it called C_Login."""
    needs(SPY)
    log = tmp_path / "spy.log"
    environment = {**hsm.environment, "PKCS11SPY": str(hsm.module), "PKCS11SPY_OUTPUT": str(log)}

    def run(uris: list[str]) -> int:
        ran = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _PROGRAM, *uris],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return len(re.findall(r"^\d+: C_Login$", log.read_text(errors="replace"), re.MULTILINE))

    yield run
    log.unlink(missing_ok=True)  # it has the PIN


def test_a_spy_sees_a_wrong_pin_once_over_all_names_threads_forks_and_reopened_signers(
    hsm: SoftHSM, spied: Callable[[list[str]], int], names: list[str]
) -> None:
    hsm.pin_file.write_text("not the PIN")
    assert spied([named(hsm, name, module_path=SPY) for name in names[:3]]) == 1


# One login that proves nothing, and then a child of fork, which says how often C_Login was called until it gave up.
_CHILD = """
import os, sys
from pathlib import Path
import attest
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.tokens.connections import acquire
from attest.signers.pkcs11.tokens.pins import PinSource
from attest.signers.pkcs11.uri import Pkcs11URI
from tests.support.tokens.injector import FaultInjector

uri = Pkcs11URI.parse(sys.argv[1])
with FaultInjector(Path(sys.argv[2])) as faults:
    faults.fail("C_Login", 0x05)
    try:
        acquire(uri).connect(PinSource(uri, None), Deadline(2))
    except Exception as error:
        print(type(error).__name__, flush=True)
    pid = os.fork()
    if pid == 0:
        try:
            attest.open_signer(uri.text).sign(b"x")
        except attest.SignerError as error:
            print(error.code, faults.calls["C_Login"], flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""


def test_a_child_inherits_what_its_parent_does_not_know_for_sure(hsm: SoftHSM) -> None:
    program = ("-W", "ignore::DeprecationWarning", "-c", _CHILD)
    told = hsm.run(sys.executable, *program, hsm.uri(timeout="5"), str(hsm.module))
    assert told.splitlines() == ["GeneralError", "login-failed 2"]


def test_percent_encoding_names_the_same_token(hsm: SoftHSM, faults: FaultInjector) -> None:
    hsm.pin_file.write_text("not the PIN")
    for name in ("t", "%74", percent_encode(b"t")):
        with open_signer(hsm.uri().replace("token=t;", f"token={name};")) as signer:
            assert refusal(signer).code == "pin-wrong"
    assert faults.calls["C_Login"] == 1
