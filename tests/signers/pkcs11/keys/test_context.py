"""Keys with CKA_ALWAYS_AUTHENTICATE: a login for each signature, and nothing else between C_SignInit and C_Sign."""

from __future__ import annotations

import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, open_signer
from attest.signers.pkcs11.tokens import logins
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.fixtures import copied_hsm, faults_of_copy
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers import SecretRequest
    from tests.support.tokens.injector import Arguments, FaultInjector

__all__ = ["copied_hsm", "faults_of_copy"]  # fixtures

# In a process of its own, as all that python-pkcs11 does by itself.
_MAKE = """
import sys
import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism
from attest.signers.pkcs11.keys.attributes import CURVES
private = {Attribute.ALWAYS_AUTHENTICATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
made = {"store": True, "private_template": private}
with pkcs11.lib(sys.argv[1]).get_token(token_label="t").open(rw=True, user_pin=sys.argv[2]) as session:
    def curve(kind, parameters):
        return session.create_domain_parameters(kind, {Attribute.EC_PARAMS: parameters}, local=True)
    p256 = curve(KeyType.EC, CURVES["secp256r1"])
    p256.generate_keypair(mechanism=Mechanism.EC_KEY_PAIR_GEN, label="each", id=b"\\x11", **made)
    edwards = curve(KeyType.EC_EDWARDS, CURVES["ed25519"])
    edwards.generate_keypair(mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, label="each-ed", id=b"\\x12", **made)
    session.generate_keypair(KeyType.RSA, 3072, label="each-rsa", id=b"\\x13", **made)
"""
USER, CONTEXT_SPECIFIC = 1, 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    made = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "made", "t")
    made.add_keys("t", "p256")
    made.run(sys.executable, "-c", _MAKE, str(made.module), PIN)
    return made


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "PAUSE", 0.02)


class Asked(list[str]):
    """A callback that knows the PIN, and remembers what it was asked."""

    def __call__(self, request: SecretRequest) -> str:
        self.append(request)
        return PIN


def of_kind(kind: int) -> Callable[[Arguments], bool]:
    return lambda arguments: arguments[1] == kind


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ("each", None),
        ("each-rsa", "rsassa-pss-sha256"),
        ("each-rsa", "rsa-pkcs1v15-sha512"),
        ("each-ed", None),
    ],
)
def test_every_signature_has_a_login_of_its_own(
    key: str, algorithm: str | None, hsm: SoftHSM, faults: FaultInjector
) -> None:
    asked = Asked()
    with open_signer(hsm.uri(key=key, pin_source="", x_algorithm=algorithm or ""), secrets=asked) as signer:
        check(signer)
        faults.clear()
        for number in range(5):
            check(signer, b"%d" % number)
    assert [name for name, _ in faults.log][:20] == ["C_GetTokenInfo", "C_SignInit", "C_Login", "C_Sign"] * 5
    assert len({session for name, session in faults.log if name in {"C_SignInit", "C_Login", "C_Sign"}}) == 1
    assert len(asked) == 1


def test_nothing_comes_between_a_login_and_its_signature(hsm: SoftHSM, faults: FaultInjector) -> None:
    """Not even what signs with other keys of the token, through other names of it."""
    faults.delay("C_Login", 0.002)
    uris = [hsm.uri(key="each"), hsm.uri(), hsm.uri(key="each").replace("token=t;", "token=t;model=SoftHSM%20v2;")]
    signers = [open_signer(uri) for uri in uris]
    for signer in signers:
        check(signer)
    faults.log.clear()

    def work(signer: Any) -> None:
        for number in range(10):
            check(signer, b"%d" % number)

    threads = [Thread(target=work, args=(signer,)) for signer in signers for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [name for name, _ in faults.log]
    places = [place for place, name in enumerate(names) if name == "C_Login"]
    assert len(places) == 60
    for place in places:
        assert names[place - 1 : place + 2] == ["C_SignInit", "C_Login", "C_Sign"]
    for signer in signers:
        signer.close()


@pytest.mark.parametrize(("cache", "times"), [("yes", 1), ("no", 4)])
def test_a_pin_that_is_not_kept_is_asked_for_once_to_connect_and_once_a_signature(
    cache: str, times: int, hsm: SoftHSM
) -> None:
    asked = Asked()
    with open_signer(hsm.uri(key="each", pin_source="", pin_cache=cache), secrets=asked) as signer:
        for number in range(3):
            check(signer, b"%d" % number)
        assert (member_of(signer).connection._login._pin is None) is (cache == "no")
    assert len(asked) == times


def test_no_pin_for_one_signature_is_an_error_of_that_one(hsm: SoftHSM, faults: FaultInjector) -> None:
    answers = [PIN, None, PIN]
    with open_signer(hsm.uri(key="each", pin_source="", pin_cache="no"), secrets=lambda _: answers.pop(0)) as signer:
        _ = signer.public_key
        assert refusal(signer).code == "pin-missing"
        check(signer)
    assert not answers


def test_a_pin_that_is_refused_for_a_signature_is_never_sent_again(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each")) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Login", 0xA0, when=of_kind(CONTEXT_SPECIFIC))
        assert [refusal(signer).code for _ in range(3)] == ["pin-wrong"] * 3
        assert member_of(signer).state == "latched"
    for uri in (hsm.uri(), hsm.uri(key="each"), hsm.uri().replace("token=t;", "token=t;model=SoftHSM%20v2;")):
        with open_signer(uri) as signer:
            assert refusal(signer).code == "pin-wrong"
    assert faults.calls["C_Login"] == 1


def test_a_refused_login_for_a_signature_fails_over(hsm: SoftHSM, faults: FaultInjector, made: SoftHSM) -> None:
    with open_signer(hsm.uri(key="each", failover=made.uri(key="each"))) as signer:
        check(signer)
        faults.fail("C_Login", 0xA0, when=of_kind(CONTEXT_SPECIFIC))
        check(signer)
        assert member_of(signer).state == "latched"


def test_answers_that_prove_nothing_count_for_both_kinds_of_login(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each", timeout="2")) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Login", 0x80000003, when=of_kind(CONTEXT_SPECIFIC))
        while (error := refusal(signer)).code != "login-failed":
            assert faults.calls["C_Login"] < 5, error
        context = [name for name, _ in faults.log if name == "C_Login"]
        assert len(context) == 2


def test_the_last_try_is_not_used_for_a_signature(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each")) as signer:
        check(signer)
        faults.clear()
        faults.raise_token_flag(0x20000)
        assert refusal(signer).code == "pin-locked"
        assert not faults.calls["C_Login"]


def test_a_login_that_another_process_spoils_is_made_once_more(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each")) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Sign", 0x101, last=1)
        check(signer)
        assert faults.calls["C_Login"] == 2
        assert not faults.calls["C_Finalize"], "the login of the user is still there"


def test_a_login_that_never_holds_is_refused_and_not_repeated(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each")) as signer:
        check(signer)
        faults.clear()
        faults.fail("C_Sign", 0x101)
        error = refusal(signer)
        assert error.code == "token-refused"
        assert "did not sign" in error.message
        assert faults.calls["C_Login"] == 2
        assert not faults.calls["C_Finalize"]
        faults.clear()
        check(signer)


def test_a_login_of_the_user_that_is_gone_is_still_noticed(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each")) as signer:
        check(signer)
        assert faults.call("C_Logout", member_of(signer).connection._anchor.handle) == 0
        faults.clear()
        of_the_user = faults.delay("C_Login", 0, when=of_kind(USER))
        check(signer)
        assert of_the_user.happened == 1


def test_a_token_that_was_lost_gets_both_logins_again(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each", timeout="2")) as signer:
        check(signer)
        faults.fail("C_Sign", 0x30, last=1)
        with suppress(SignerError):
            signer.sign(b"x")
        check(signer)


def test_a_signature_that_waits_for_a_touch_needs_a_longer_timeout_only(hsm: SoftHSM, faults: FaultInjector) -> None:
    with open_signer(hsm.uri(key="each", timeout="5")) as signer:
        check(signer)
        faults.delay("C_Sign", 0.5)
        check(signer)
