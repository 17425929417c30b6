"""A module that hangs, or signs with another key: nobody waits for it for ever, and nothing wrong leaves."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, _pkcs11

from attest import Signer, open_signer
from attest.signers.pkcs11.cryptoki import binding, calls
from attest.signers.pkcs11.uri import percent_encode
from tests.support.tokens.checks import DATA, check, refusal, until, within
from tests.support.tokens.fixtures import copied_hsm, faults_of_copy, other_hsm
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tokens.injector import FaultInjector

__all__ = ["copied_hsm", "faults_of_copy", "other_hsm"]  # fixtures

TIMEOUT = "2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    hsm = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "hangs", "t")
    hsm.add_keys("t", "release=ecdsa-sha2-nistp256", "staging=ecdsa-sha2-nistp256")
    return hsm


def uri(hsm: SoftHSM, **query: str) -> str:
    return hsm.uri(key="release", timeout=TIMEOUT, **query)


def look_up(session: Any, label: str) -> Any:
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}
    return list(session.get_objects(wanted))[0]  # noqa: RUF015  # a search that is left half-way stays active


def test_a_handle_kept_over_a_restart_of_the_module_signs_with_another_key(
    hsm: SoftHSM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The danger, on python-pkcs11 alone; the tests after this one show that attest keeps clear of it."""
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
    library = _pkcs11.lib(str(hsm.module))

    def log_in() -> Any:
        return (
            next(slot for slot in library.get_slots() if slot.get_token().label == "t").get_token().open(user_pin=PIN)
        )

    release = look_up(log_in(), "release")
    library.reinitialize()
    session = log_in()
    look_up(session, "staging")
    signature = release.sign(b"\1" * 32, mechanism=Mechanism.ECDSA)

    public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, key_type=KeyType.EC, label="staging")
    point = bytes(public[Attribute.EC_POINT])[2:]
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).verify(
        encode_dss_signature(r, s), b"\1" * 32, ec.ECDSA(Prehashed(SHA256()))
    )
    library.finalize()


def test_a_handle_that_means_another_key_by_now_never_signs_for_attest(
    hsm: SoftHSM, faults: FaultInjector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_signer(uri(hsm)) as signer:
        check(signer)
        member = member_of(signer)
        entry = member.connection.pool._free[-1]
        # Somebody else in the process starts the module over, and happens to get the same handles for another key.
        monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
        library = member.connection.module.binding
        library.finalize()
        library.initialize()
        token = next(slot for slot in library.get_slots() if slot.get_token().label == "t").get_token()
        sessions: list[Any] = [token.open(), token.open()]
        assert binding.log_in(sessions[0], binding.USER, PIN.encode()) == 0
        look_up(sessions[-1], "staging")
        assert sessions[-1].handle == entry.session.handle
        signed = member._plan.sign(member.key_object(entry, ObjectClass.PRIVATE_KEY), DATA)
        assert not signer.public_key.accepts(signed, DATA), "the old handle does not mean another key"

        faults.clear()
        check(signer)
        assert member.errors == {"signature-faulty": 1}
        assert faults.calls["C_Finalize"] == 1
        check(signer)


def test_a_module_that_signs_with_another_key_is_given_up(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(uri(hsm)) as signer:
        check(signer)
        signing: list[int] = []

        def other_key(call: Callable[..., int], arguments: tuple[int, ...]) -> int:
            session, mechanism, key = arguments
            # The handles of one token's objects count up in the order in which they were found.
            signing.append(key)
            return call(session, mechanism, staging)

        staging = look_up(member_of(signer).connection.pool._free[-1].session, "staging").handle
        faults.on("C_SignInit", other_key, last=1)
        check(signer)
        assert member_of(signer).errors == {"signature-faulty": 1}
        assert signing
        assert staging not in signing


def test_a_signature_that_is_spoilt_on_its_way_never_leaves(hsm: SoftHSM, faults: FaultInjector) -> None:
    def spoil(call: Callable[..., int], arguments: tuple[int, ...]) -> int:
        answer = call(*arguments)
        ctypes.c_ubyte.from_address(arguments[3] + 5).value ^= 1
        return answer

    with open_signer(uri(hsm)) as signer:
        check(signer)
        faults.on("C_Sign", spoil, last=1, when=lambda arguments: arguments[3] != 0)
        check(signer)
        assert member_of(signer).errors == {"signature-faulty": 1}
        faults.on("C_Sign", spoil, when=lambda arguments: arguments[3] != 0)
        with within(20):
            assert refusal(signer).code in {"token-lost", "key-mismatch"}


def test_a_call_that_hangs_comes_back_in_time_and_the_member_when_it_is_released(
    hsm: SoftHSM, faults: FaultInjector
) -> None:
    with open_signer(uri(hsm)) as signer:
        check(signer)
        hung = faults.hang("C_Sign")
        with within(20):
            assert refusal(signer).code == "token-timeout"
        health = member_of(signer).health()
        assert health["abandoned_calls"] >= 1
        assert health["state"] == "down"
        assert f"did not answer within {TIMEOUT} s" in str(health["reason"])
        hung.release()
        faults.clear()
        until(lambda: member_of(signer).state == "up")
        check(signer)
        until(lambda: calls.abandoned() == 0)


def test_a_module_that_hangs_for_good_takes_no_more_than_one_thread(hsm: SoftHSM, faults: FaultInjector) -> None:
    """Else it would use up the threads that other modules need, one at each reconnect."""
    with open_signer(hsm.uri(key="release", timeout="1.5")) as signer:
        check(signer)
        faults.hang("C_Sign")
        for _ in range(5):
            assert refusal(signer).code == "token-timeout"
        assert calls.abandoned() == 1
        faults.clear()
        until(lambda: calls.abandoned() == 0)
        until(lambda: member_of(signer).state == "up")
        check(signer)


def test_sessions_of_before_a_hang_are_not_left_open(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(uri(hsm)) as signer:
        check(signer)
        faults.clear()
        hung = faults.hang("C_Sign", last=1)
        assert refusal(signer).code == "token-timeout"
        hung.release()
        until(lambda: member_of(signer).state == "up")
        check(signer)
        assert faults.calls["C_Finalize"] >= 1, "which closes all of them"


def test_a_call_that_hangs_fails_over_in_time(hsm: SoftHSM, other: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(uri(hsm, failover=uri(other))) as signer:
        check(signer)
        hung = faults.hang("C_Sign")
        with within(10):
            check(signer)
        for _ in range(20):
            with within(1):  # less than one that hangs is given
                check(signer)
        assert member_of(signer, 0).state == "down"
        assert member_of(signer, 0).reason.code == "token-timeout"
        hung.release()
        faults.clear()
        until(lambda: member_of(signer, 0).state == "up")
        faults.calls.clear()
        check(signer)
        assert faults.calls["C_Sign"] > 0, "the first member is preferred again"


def test_a_call_that_is_slow_but_in_time_is_a_good_one(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(uri(hsm)) as signer:
        check(signer)
        faults.clear()
        faults.delay("C_Sign", 0.05)
        check(signer)
        assert not faults.calls["C_OpenSession"]
        assert member_of(signer).seconds > 0.005  # a tenth of this one counts


@pytest.mark.parametrize(
    "function",
    [
        "C_GetSlotList",
        "C_GetTokenInfo",
        "C_OpenSession",
        "C_Login",
        "C_FindObjects",
        "C_GetAttributeValue",
        "C_SignInit",
    ],
)
def test_connecting_has_a_deadline_whatever_hangs(function: str, hsm: SoftHSM, faults: FaultInjector) -> None:
    hung = faults.hang(function)
    with open_signer(uri(hsm)) as signer:
        with within(20):
            assert refusal(signer).code == "token-timeout"
        hung.release()
        faults.clear()
        until(lambda: member_of(signer).state == "up")
        check(signer)


def test_eight_callers_of_a_module_that_hangs_all_come_back(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(uri(hsm)) as signer:
        check(signer)
        faults.hang("C_Sign")
        said: list[str] = []

        def work(signer: Signer) -> None:
            said.append(refusal(signer).code)

        threads = [threading.Thread(target=work, args=(signer,)) for _ in range(8)]
        with within(30):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert len(said) == 8
        assert set(said) <= {"token-timeout", "token-busy", "token-lost"}
        faults.clear()
        until(lambda: member_of(signer).state == "up")
        check(signer)
    until(lambda: calls.abandoned() == 0)


@pytest.mark.parametrize("place", [0, 1], ids=["first", "second"])
def test_a_module_that_hangs_while_it_starts_keeps_no_other_from_starting(
    place: int, hsm: SoftHSM, other: SoftHSM, faults: FaultInjector
) -> None:
    hung = faults.hang("C_Initialize")
    members = [uri(hsm), other.uri(key="release", timeout="1.5")]
    if place == 1:
        members = [other.uri(key="release", timeout="1.5"), uri(hsm)]
    with open_signer(f"{members[0]}&failover={percent_encode(members[1])}") as signer:
        with within(5):
            check(signer)
        assert member_of(signer, 1 - place).state == "up"
        hung.release()
        faults.clear()
        until(lambda: member_of(signer, place).state == "up", 20)
        until(lambda: calls.abandoned() == 0)
