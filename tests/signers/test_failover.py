"""One key in several places: who signs when one of them is not available, and what is never passed over."""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, generate_key, open_signer
from attest._base import notices
from attest.errors import InputError
from attest.signers import SignerURI, schemes
from attest.signers._member import NEVER_SKIPPED
from attest.signers._uri import in_order
from tests.support.examples import few
from tests.support.making.keys import file_signer
from tests.support.services import places
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DATA = b"DSSEv1 what is signed"
MANY = [b"", DATA, b"x" * (1 << 20)]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What makes a place with the key of a number."""
    places.clean(monkeypatch)
    with ExitStack() as stack:
        yield lambda name, number=0: stack.enter_context(places.PLACES[name](tmp_path, monkeypatch, number))


def check(signer: Any, data: bytes = DATA) -> None:
    assert signer.public_key.accepts(signer.sign(data).sig, data)


def states(signer: Any) -> list[str]:
    return [entry["state"] for entry, _ in signer.health()]


def until(condition: Any) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


SERVICES = [name for name in places.PLACES if name != "file"]
# Each service is once the one that fails, in its own way, and each place once the one that takes over: what is between
# them knows nothing of their kinds. A key file stays in memory once it was read, so it is first only in another test.
PAIRS = [*zip(SERVICES, [*SERVICES[1:], SERVICES[0]], strict=True), (SERVICES[0], "file")]
PAIRS += [pair for pair in permutations(places.PLACES, 2) if pair not in PAIRS and pair[0] != "file"]


@pytest.mark.parametrize(("first", "second"), few(len(places.PLACES), PAIRS))
def test_the_second_signs_when_the_first_is_gone_and_the_first_again_when_it_is_back(
    make: Any, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attest.signers._member._FIRST_PAUSE", 0.05)
    one, two = make(first), make(second)
    with open_signer(in_order([one.uri, two.uri])) as signer:
        check(signer)
        assert states(signer)[0] == "up"
        one.be("down")
        check(signer)
        for data, made in zip(MANY, signer.sign_many(MANY), strict=True):
            assert not isinstance(made, SignerError)
            assert signer.public_key.accepts(made.sig, data)
        assert states(signer) == ["down", "up"]
        one.be("well")

        def is_back() -> bool:
            check(signer)
            return states(signer)[0] == "up"

        until(is_back)


@pytest.mark.parametrize(("first", "second"), [("awskms", "file"), ("file", "awskms"), ("hv", "awskms")])
def test_a_first_member_that_cannot_be_reached_from_the_beginning_is_passed_over(
    make: Any, first: str, second: str
) -> None:
    one, two = make(first), make(second)
    one.be("down")
    with open_signer(in_order([one.uri, two.uri])) as signer:
        check(signer)
        assert states(signer) == ["down", "up"]
        two.be("down")
        one.be("well")
        if second != "file":
            check(signer)


def test_a_failover_at_the_first_use_is_reported(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "attest")
    one, two = make("awskms"), make("file")
    one.be("down")
    with open_signer(in_order([one.uri, two.uri])) as signer:
        check(signer)
    assert [f"failover to {two.uri}: {one.uri}: " in record.getMessage() for record in caplog.records].count(True) == 1


def test_a_failover_is_reported(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "attest")
    one, two = make("awskms"), make("file")
    with open_signer(in_order([one.uri, two.uri])) as signer:
        check(signer)
        one.be("down")
        check(signer)
        assert signer.failovers == 1  # type: ignore[attr-defined]
        assert signer.health()[0][0]["errors"] == {"kms-unreachable": 1}
    assert [f"failover to {two.uri}: {one.uri}: " in record.getMessage() for record in caplog.records].count(True) == 1
    assert states(signer) == ["closed", "closed"]
    with refused(SignerError, "signer-closed"):
        signer.sign(DATA)


@pytest.mark.parametrize(("first", "second"), [("file", "awskms"), ("awskms", "file"), ("awskms", "hv")])
def test_another_key_is_never_passed_over_nor_used(make: Any, first: str, second: str) -> None:
    one, two = make(first), make(second, 1)
    with open_signer(in_order([one.uri, two.uri])) as signer:
        if second == "file":  # it could ask for a passphrase, so it is looked at when it is used
            check(signer)
            one.be("down")
        for _ in range(2):
            with refused(SignerError, "key-mismatch", two.uri):
                signer.sign(DATA)
        with refused(SignerError, "key-mismatch", two.uri):
            signer.settle()


def test_another_key_that_comes_late_is_never_used(make: Any) -> None:
    one, two = make("awskms"), make("hv", 1)
    two.be("down")
    with open_signer(in_order([one.uri, two.uri])) as signer:
        check(signer)
        two.be("well")
        one.be("down")
        with refused(SignerError, "key-mismatch", two.uri):
            signer.sign(DATA)


def test_the_same_key_with_another_algorithm_is_another_key(tmp_path: Path) -> None:
    uri = file_signer(tmp_path, "rsassa-pss-sha256").uri.text.partition("?")[0]
    with (
        open_signer(in_order([uri, f"{uri}?algorithm=rsa-pkcs1v15-sha256"])) as signer,
        refused(SignerError, "key-mismatch") as caught,
    ):
        signer.settle()
    assert "rsa-pkcs1v15-sha256" in caught.value.message


def test_a_member_that_signs_with_another_key_is_not_believed(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service gives one key and signs with another."""
    from tests.support.services.aws_script import Scripted

    honest = Scripted._sign

    def faulty(self: Scripted, *message: Any) -> bytes:
        made = honest(self, *message)
        return made[:-1] + bytes([made[-1] ^ 1])

    monkeypatch.setattr(Scripted, "_sign", faulty)
    one, two = make("awskms"), make("file")
    warned: list[str] = []
    with notices.heard_by(warned.append), open_signer(in_order([one.uri, two.uri])) as signer:
        check(signer)
    assert ["signature-faulty" in text for text in warned] == [True]


def test_if_none_can_sign_the_error_names_each(make: Any) -> None:
    both = [make("awskms"), make("file")]
    for one in both:
        one.be("down")
    with open_signer(in_order([one.uri for one in both])) as signer:
        for _ in range(2):
            with refused(SignerError, "kms-unreachable") as caught:
                signer.sign(DATA)
            assert all(one.uri in caught.value.message for one in both)
        many = signer.sign_many([DATA, DATA])
        assert [getattr(one, "code", None) for one in many] == ["kms-unreachable"] * 2
        for one in both:
            one.be("well")
        check(signer)


def test_a_passphrase_is_asked_for_only_when_its_file_is_used(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "locked.pem"
    from attest.signers import _software
    from tests.support.making.keys import private_key

    path.write_bytes(_software.to_pem(private_key(places.ALGORITHM), "a passphrase"))
    one = make("awskms")
    asked: list[str] = []

    def secrets(request: str) -> str:
        asked.append(request)
        return "a passphrase"

    with open_signer(in_order([one.uri, f"file:{path}"]), secrets=secrets) as signer:
        check(signer)
        assert asked == []
        one.be("down")
        check(signer)
        check(signer)
        assert len(asked) == 1


def test_a_refused_passphrase_is_passed_over_as_a_refused_pin_is(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "locked.pem"
    from attest.signers import _software
    from tests.support.making.keys import private_key

    path.write_bytes(_software.to_pem(private_key(places.ALGORITHM), "a passphrase"))
    with open_signer(in_order([f"file:{path}", make("awskms").uri]), secrets=lambda _: "wrong") as signer:
        check(signer)
        assert states(signer) == ["latched", "up"]


def test_a_child_of_fork_signs(make: Any) -> None:
    one, two = make("file"), make("file")
    with open_signer(in_order([one.uri, two.uri])) as signer:
        check(signer)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                check(signer)
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        check(signer)


def test_threads_that_meet_at_the_first_use_agree(make: Any) -> None:
    one, two = make("awskms"), make("hv")
    with open_signer(in_order([one.uri, two.uri])) as signer, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(signer.sign, [b"%d" % number for number in range(32)]))
        assert all(signer.public_key.accepts(one.sig, b"%d" % number) for number, one in enumerate(made))


@pytest.mark.parametrize(
    "uri",
    [
        "sim:a?failover=",
        "sim:a?failover=sim%3Ab%3Ffailover%3Dsim%3Ac",
        f"sim:a?failover={'%20'.join(['sim%3Ab'] * 16)}",
        "sim:a?failover=nonsense",
        "sim:a?failover=sim%3Ab%3Fzz%3D1",
        "sim:a?failover=profile%3Ab",
        "pkcs11:token=a;object=b?prefer=fastest&failover=sim%3Ab",
        "pkcs11:token=a;object=b;type=secret-key?failover=sim%3Ab",
    ],
)
def test_a_list_that_cannot_be_meant_is_refused_at_once(uri: str) -> None:
    with pytest.raises(SignerError) as caught:
        open_signer(uri)
    assert caught.value.code in ("signer-uri-invalid", "signer-scheme-unknown")


def test_the_others_are_closed_if_one_cannot_be_opened(tmp_path: Path) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        generate_key("file:a.pem?failover=file%3Ab.pem")


def test_what_all_can_do_is_what_it_can_do(tmp_path: Path) -> None:
    with open_signer("sim:a?failover=sim:a") as signer:
        assert signer.capabilities == {"sign", "verify", "digest"}
        signature = signer.sign(DATA).sig
        signer.verify(signature, DATA)
        assert len(signer.digest(DATA)) == 64
        for act in (signer.encrypt, signer.decrypt):
            with refused(SignerError, "capability-missing"):
                act(DATA)
        with refused(SignerError, "mechanism-missing"):
            signer.digest(DATA, "none")
        assert states(signer) == ["up", "new"]
    with open_signer(f"{file_signer(tmp_path, 'ed25519').uri}&failover=sim:a") as signer:
        assert signer.capabilities == {"sign"}


@pytest.mark.parametrize("code", sorted(NEVER_SKIPPED))
def test_a_mistake_in_the_setup_is_never_passed_over(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from attest.signers.sim import SimSigner

    def refuses(self: SimSigner) -> Any:
        raise SignerError(code, "a mistake", where=str(self.uri))

    with open_signer("sim:a?failover=sim:a") as signer:
        check(signer)
        monkeypatch.setattr(SimSigner, "public_key", property(refuses))
        with refused(SignerError, code):
            signer.sign(DATA)


def test_a_uri_of_several_is_taken_apart_as_it_was_put_together() -> None:
    several = ["file:a%20b.pem?algorithm=ed25519", "awskms:alias/x?timeout=3", "pkcs11:token=a;object=b?module-path=/m"]
    for uris in (several, several[::-1], several[:1]):
        assert [member.text for member in SignerURI.parse(in_order(uris)).members] == uris


def test_every_scheme_can_be_part_of_a_failover() -> None:
    for scheme in schemes():
        parsed = SignerURI.parse(f"{scheme}:x?failover=sim%3Aa")
        assert [member.scheme for member in parsed.members] == [scheme, "sim"]


def test_a_signer_of_another_package_may_be_in_it_too() -> None:
    with pytest.raises((SignerError, InputError)):
        open_signer("zz:x?failover=sim%3Aa")
