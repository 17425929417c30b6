"""What happens to a token behind our back: each with what the caller gets, and that it comes back where it can."""

from __future__ import annotations

import ctypes
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from pkcs11 import Attribute, ObjectClass

import attest
from tests.hsm import PIN, Server, SoftHSM, Templates, member_of
from tests.module_faults import place_of, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATA = b"DSSEv1 what is signed"
_PROGRAM = """
import sys, pkcs11
from pkcs11 import Attribute, ObjectClass
module, pin, what = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label="t").open(rw=True, user_pin=pin)
if what == "destroy":
    for key in list(session.get_objects({Attribute.LABEL: "p256"})):
        key.destroy()
else:
    session.set_pin(pin, what)
"""


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def hsm(templates: Templates, tmp_path: Path) -> SoftHSM:
    return templates.copy(tmp_path / f"hsm-{tmp_path.name}")


@pytest.fixture
def signer(hsm: SoftHSM) -> Iterator[Any]:
    with attest.open_signer(hsm.uri(timeout="0.5")) as opened:
        opened.sign(DATA)
        yield opened


def signs(signer: Any) -> bool:
    signer.public_key.verify(signer.sign(DATA).sig, DATA)
    return True


def refusal(signer: Any) -> str:
    with pytest.raises(attest.SignerError) as caught:
        signer.sign(DATA)
    return caught.value.code


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def call(hsm: SoftHSM, name: str, *arguments: Any) -> int:
    """Call a function of the module as somebody else in this process would."""
    address = place_of(table_of(hsm.module), name).value
    assert address is not None
    code: int = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_ulong] * len(arguments))(address)(*arguments)
    return code


def test_a_stale_handle_signs_with_another_key_and_nobody_is_told(hsm: SoftHSM) -> None:
    """The danger itself, in python-pkcs11 as it is: why handles have generations and signatures are verified."""
    program = """
import sys, pkcs11
from pkcs11 import Mechanism, ObjectClass
module, pin = sys.argv[1:]
lib = pkcs11.lib(module)
def find(label):
    session = lib.get_token(token_label="t").open(user_pin=pin)
    return session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)
old = find("p256")
lib.reinitialize()
other = find("p384")
digest = b"\\0" * 32
print(len(old.sign(digest, mechanism=Mechanism.ECDSA)))
"""
    # A P-384 signature out of the handle of a P-256 key.
    assert hsm.run("python", "-c", program, str(hsm.module), PIN).strip() == "96"


def test_no_signature_by_another_key_ever_leaves(hsm: SoftHSM, signer: Any) -> None:
    member = member_of(signer)
    entry = member.connection.pool._free[-1]
    place = next(place for place in entry.objects if place[0] is ObjectClass.PRIVATE_KEY)
    others = entry.session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: "p384"})
    entry.objects[place] = next(iter(list(others)))
    assert signs(signer)  # refused inside, the module started over, and signed with the right key
    assert member.errors["signature-faulty"] == 1


def test_a_token_folder_that_is_moved_away_and_back(hsm: SoftHSM, signer: Any) -> None:
    shutil.move(hsm.folder / "tokens", hsm.folder / "away")
    (hsm.folder / "tokens").mkdir()
    assert refusal(signer) in {"token-lost", "token-not-found"}
    (hsm.folder / "tokens").rmdir()
    shutil.move(hsm.folder / "away", hsm.folder / "tokens")
    assert until(lambda: member_of(signer).state == "up")
    assert signs(signer)


def test_a_key_that_is_destroyed_by_another_process(hsm: SoftHSM, signer: Any) -> None:
    hsm.run("python", "-c", _PROGRAM, str(hsm.module), PIN, "destroy")
    assert refusal(signer) in {"token-lost", "key-not-found"}
    assert refusal(signer) in {"token-lost", "key-not-found"}


def test_a_token_that_is_initialised_anew(hsm: SoftHSM, signer: Any) -> None:
    folder = next((hsm.folder / "tokens").iterdir())
    shutil.rmtree(folder)
    hsm.add_token("t")
    assert refusal(signer) in {"token-lost", "key-not-found"}


def test_a_pin_that_is_changed_is_noticed_at_the_next_login_and_sent_once(hsm: SoftHSM, signer: Any) -> None:
    hsm.run("python", "-c", _PROGRAM, str(hsm.module), PIN, "another PIN")
    assert signs(signer)  # the login holds
    call(hsm, "Finalize", 0)
    assert refusal(signer) == "pin-wrong"
    assert refusal(signer) == "pin-wrong"
    assert member_of(signer).state == "latched"


@pytest.mark.parametrize("function", ["Finalize", "CloseAllSessions", "Logout"])
def test_somebody_else_in_the_process(function: str, hsm: SoftHSM, signer: Any) -> None:
    connection = member_of(signer).connection
    argument = {
        "Finalize": 0,
        "CloseAllSessions": connection._token.slot.slot_id,
        "Logout": connection._anchor.handle,
    }[function]
    assert call(hsm, function, argument) == 0
    assert signs(signer)


@pytest.fixture
def server(hsm: SoftHSM) -> Iterator[Server]:
    started = Server(hsm)
    started.start()
    yield started
    started.close()


def test_a_server_that_is_killed_and_started_again(server: Server) -> None:
    with attest.open_signer(server.uri(timeout="0.5")) as signer:
        assert signs(signer)
        server.kill()
        assert refusal(signer) in {"token-lost", "token-not-found"}
        server.start()
        assert until(lambda: member_of(signer).state == "up")
        assert signs(signer)


def test_a_server_that_is_stopped_times_out_and_another_signs(server: Server, hsm: SoftHSM) -> None:
    with attest.open_signer(server.uri(timeout="0.4", failover=hsm.uri(timeout="0.4"))) as signer:
        assert signs(signer)
        server.signal(signal.SIGSTOP)
        began = time.monotonic()
        assert signs(signer)
        assert time.monotonic() - began < 1.5
        assert member_of(signer).health().reason is not None
        assert "token-timeout" in str(member_of(signer).health().reason)
        server.signal(signal.SIGCONT)
