"""A token that is not what it was: refused while it is wrong, and used again when it is right, by every signer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pkcs11.exceptions as p11
import pytest

import attest
from attest import open_signer
from attest.keys import ALGORITHMS
from attest.signers._software import generate, to_pem
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.failover import recovery
from tests.support.tokens.checks import DATA, check, refusal, until
from tests.support.tokens.fixtures import (
    TIMEOUT,
    copied_hsm,
    faults_of_copy,
    other_hsm,
    started_server,
    token_of_two_keys,
    used_signer,
)
from tests.support.tokens.hsm import Server, SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tokens.injector import FaultInjector

__all__ = [
    "copied_hsm",
    "faults_of_copy",
    "other_hsm",
    "started_server",
    "token_of_two_keys",
    "used_signer",
]  # fixtures

DEVICE_ERROR = 0x30
# What has taken the place of the token, and how it is refused.
IMPOSTORS = {
    "another key of that name": "key-mismatch",
    "no key of that name": "key-not-found",
    "two keys of that name": "key-ambiguous",
    "another token with another key": "token-not-found",
    "another token without a key": "token-not-found",
}


def impostor(hsm: SoftHSM, folder: Path, kind: str) -> SoftHSM:
    """What can take the place of the tokens of `hsm`."""
    same = kind.endswith("of that name")
    made = hsm.twin(folder) if same else SoftHSM.make(folder, "t")
    if same and "two" not in kind:
        made.destroy_key("t", "p256")
    if "no key" not in kind and "without" not in kind:
        import_key(made, "p256", folder)
    return made


def import_key(hsm: SoftHSM, name: str, folder: Path) -> None:
    """Import a new key, whose CKA_ID no other one has."""
    pem = folder / "new.pem"
    pem.write_bytes(to_pem(generate(ALGORITHMS["ecdsa-sha2-nistp256"])))
    hsm.import_key("t", pem, name, "77")


@pytest.mark.parametrize(("kind", "code"), IMPOSTORS.items(), ids=[kind.replace(" ", "-") for kind in IMPOSTORS])
def test_a_wrong_key_is_refused_until_the_right_one_is_back(
    kind: str, code: str, hsm: SoftHSM, signer: Any, tmp_path: Path
) -> None:
    key, other = signer.public_key, impostor(hsm, tmp_path / "impostor", kind)
    hsm.swap_tokens(other)
    member_of(signer).connection.pool.forget_objects()  # a handle that still means the right key may sign
    for _ in range(3):
        assert refusal(signer).code == code
    assert member_of(signer).state == ("down" if code == "token-not-found" else "wrong")
    hsm.swap_tokens(other)
    until(lambda: member_of(signer).state == "up", 35)
    check(signer)
    assert signer.public_key is key


def test_a_wrong_key_in_the_same_token_is_looked_at_without_a_restart_and_without_the_pin(
    hsm: SoftHSM, signer: Any, faults: FaultInjector, tmp_path: Path
) -> None:
    other = impostor(hsm, tmp_path / "impostor", "another key of that name")
    hsm.swap_tokens(other)
    assert refusal(signer).code == "key-mismatch"
    made, looks = faults.calls.copy(), member_of(signer).outcomes
    until(lambda: member_of(signer).outcomes >= looks + 3)
    for function in ("C_Initialize", "C_Finalize", "C_Login"):
        assert faults.calls[function] == made[function]
    assert faults.calls["C_FindObjectsInit"] > made["C_FindObjectsInit"]


def test_who_asks_for_a_wrong_key_again_and_again_causes_no_calls(
    hsm: SoftHSM, signer: Any, faults: FaultInjector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = impostor(hsm, tmp_path / "impostor", "another key of that name")
    monkeypatch.setattr(recovery, "_LONGEST_PAUSE", 1e8)
    member_of(signer)._pause = 1e8  # as after a long time; while the token counts as lost, who asks ends the pause
    hsm.swap_tokens(other)
    assert refusal(signer).code == "key-mismatch"
    made = faults.calls.copy()
    for _ in range(50):
        assert refusal(signer).code == "key-mismatch"
    assert faults.calls == made


def test_a_key_that_was_never_there_is_looked_for_only_when_somebody_asks(hsm: SoftHSM, tmp_path: Path) -> None:
    with open_signer(hsm.uri("t", "absent", timeout=TIMEOUT)) as signer:
        assert refusal(signer).code == "key-not-found"
        assert member_of(signer).state == "dead"
        assert not member_of(signer)._recovering
        import_key(hsm, "absent", tmp_path)
        check(signer)


def test_a_secret_key_is_used_again_when_it_is_back(hsm: SoftHSM, tmp_path: Path) -> None:
    without = hsm.twin(tmp_path / "without")
    uri = hsm.uri("t", None, timeout=TIMEOUT).replace("token=t", "token=t;object=wrap;type=secret-key", 1)
    with attest.generate_key(uri) as signer:
        sealed = signer.encrypt(DATA)
        hsm.swap_tokens(without)
        with pytest.raises(attest.SignerError) as caught:
            signer.decrypt(sealed)
        assert caught.value.code == "key-not-found"
        assert member_of(signer).state == "wrong"
        hsm.swap_tokens(without)
        until(lambda: member_of(signer).state == "up", 35)
        assert signer.decrypt(sealed) == DATA


def test_a_second_token_of_that_name_is_not_taken_for_the_first(
    hsm: SoftHSM, signer: Any, faults: FaultInjector, tmp_path: Path
) -> None:
    two = hsm.twin(tmp_path / "two")
    two.add_token("t")
    hsm.swap_tokens(two)
    faults.fail("C_Sign", DEVICE_ERROR, last=1)
    until(lambda: _signs(signer), 35)
    check(signer)


def test_another_token_is_sent_no_pin_and_the_right_one_is_used_again(
    hsm: SoftHSM, signer: Any, faults: FaultInjector, tmp_path: Path
) -> None:
    other = SoftHSM.make(tmp_path / "other")
    other.run("softhsm2-util", "--init-token", "--free", "--label", "t", "--pin", "another PIN", "--so-pin", "12345678")
    hsm.swap_tokens(other)
    for _ in range(3):
        assert refusal(signer).code == "token-not-found"
    assert faults.calls["C_Login"] == 0
    hsm.swap_tokens(other)
    until(lambda: member_of(signer).state == "up", 35)
    check(signer)
    assert faults.calls["C_Login"] == 1


def test_a_new_signer_recovers_from_a_restart_while_another_one_is_idle(server: Server) -> None:
    with open_signer(server.uri(timeout="2")) as idle, open_signer(server.uri(timeout="2")) as new:
        check(idle)
        server.kill()
        server.start()
        until(lambda: _signs(new), 20)
        assert member_of(new).connection is member_of(idle).connection
        check(idle)


def test_a_connection_that_is_lost_while_a_new_signer_checks_it_is_lost_for_all(
    hsm: SoftHSM, faults: FaultInjector
) -> None:
    with open_signer(hsm.uri(timeout=TIMEOUT)) as idle, open_signer(hsm.uri(timeout=TIMEOUT)) as new:
        check(idle)
        faults.clear()
        restarted = threading.Event()

        def finalize(call: Callable[..., int], arguments: tuple[int, ...]) -> int:
            restarted.set()
            return call(*arguments)

        faults.on("C_Finalize", finalize)
        # Nothing but a restart of the module helps.
        faults.fail("C_OpenSession", DEVICE_ERROR, when=lambda _: not restarted.is_set())
        member_of(idle).connection.pool._free.clear()
        until(lambda: _signs(new), 20)
        assert restarted.is_set()
        check(idle)


@pytest.mark.parametrize("code", [DEVICE_ERROR, 0xB3, 0x101], ids=hex)
@pytest.mark.parametrize("number", range(1, 17))
def test_a_token_that_is_lost_while_a_key_is_read_is_not_taken_for_a_wrong_key(
    number: int, code: int, hsm: SoftHSM, faults: FaultInjector
) -> None:
    fault = faults.fail("C_GetAttributeValue", code, first=number, last=number)
    with open_signer(hsm.uri(timeout=TIMEOUT)) as signer:
        assert _code(signer) in (None, "token-lost")
        assert fault.happened, "the attributes of a key are read in fewer calls"
        until(lambda: _signs(signer), 20)


def test_a_late_report_of_an_old_loss_says_nothing_about_the_new_connection(signer: Any, faults: FaultInjector) -> None:
    member = member_of(signer)
    old = member.connection.pool
    faults.fail("C_Sign", DEVICE_ERROR, last=1)
    check(signer)
    faults.clear()
    reported = member._lost(p11.DeviceError(), old)
    assert reported.reason.code == "token-lost"
    assert member.state == "up"
    check(signer)
    assert not faults.calls["C_Finalize"]


def test_the_time_that_a_person_takes_to_type_a_pin_is_nobodys_timeout(hsm: SoftHSM, faults: FaultInjector) -> None:
    typing, typed = threading.Event(), threading.Event()

    def person(_: str) -> str:
        typing.set()
        assert typed.wait(60)
        return hsm.pin_file.read_text().strip()

    uri = hsm.uri(timeout="2", pin_source="")
    with open_signer(uri, secrets=person) as first, open_signer(uri, secrets=person) as second:
        threads = [threading.Thread(target=check, args=(signer,)) for signer in (first, first, second)]
        for thread in threads:
            thread.start()
        assert typing.wait(20)
        threads[0].join(3)
        assert all(thread.is_alive() for thread in threads), "the timeout of 2 s is over by now"
        typed.set()
        for thread in threads:
            thread.join(20)
        assert [member_of(signer).outcomes for signer in (first, second)] == [1, 1], "nothing failed"
        assert faults.calls["C_Login"] == 1


def test_closing_does_not_wait_for_another_thread_that_connects(hsm: SoftHSM, faults: FaultInjector) -> None:
    hung = faults.hang("C_Login")
    signer = open_signer(hsm.uri(timeout="30"))
    thread = threading.Thread(target=refusal, args=(signer,))
    thread.start()
    assert hung.entered.wait(5)
    connection = member_of(signer).connection
    connection.released = True
    connection.close(Deadline(30))
    assert thread.is_alive(), "it is still in C_Login"
    hung.release()
    thread.join(20)
    assert faults.calls["C_OpenSession"] == faults.calls["C_CloseSession"], "who connected has closed"


def _signs(signer: Any) -> bool:
    return _code(signer) is None


def _code(signer: Any) -> str | None:
    """That of the error, or None if it signs."""
    try:
        check(signer)
    except attest.SignerError as error:
        return error.code
    return None
