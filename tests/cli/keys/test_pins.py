"""One PIN, one token: which variable is whose, and that no PIN is sent to a token that it isn't of."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from attest.cli._inputs import secrets
from attest.cli._inputs.secrets import Pins
from attest.errors import SignerError
from attest.keys import ALGORITHMS
from attest.signers import SecretRequest, TokenName
from attest.signers._software import generate, to_pem
from tests.support.cli.calls import Ran, program
from tests.support.cli.inputs import INPUTS
from tests.support.tokens.hsm import PIN, SoftHSM

ATTEST = (sys.executable, "-m", "attest")
A = TokenName("release-a", "00A1")
B = TokenName("release-b", "00B2")
OTHER_PIN = "87654321"


def ask(pins: Pins, token: TokenName, where: str | None = None) -> str | None:
    return pins.find(SecretRequest.pin(where or f"pkcs11:token={token.label}", token))


def refusal(pins: Pins, token: TokenName, where: str | None = None) -> SignerError:
    with pytest.raises(SignerError) as caught:
        ask(pins, token, where)
    assert caught.value.code == "pin-missing"
    return caught.value


@pytest.fixture(autouse=True)
def _nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_SECONDS", 0.05)


def test_a_token_has_variables_by_its_serial_number_and_its_label() -> None:
    assert secrets.variables(A) == ["ATTEST_PIN_00A1", "ATTEST_PIN_RELEASE_A"]
    assert secrets.variables(TokenName("Schlüssel 1/x")) == ["ATTEST_PIN_SCHL_SSEL_1_X"]
    assert secrets.variables(TokenName("")) == []


def test_each_token_gets_the_pin_of_its_own_variable_and_the_serial_number_goes_first() -> None:
    pins = Pins({"ATTEST_PIN_RELEASE_A": "1", "ATTEST_PIN_RELEASE_B": "2", "ATTEST_PIN_00B2": "3", "ATTEST_PIN": "4"})
    assert (ask(pins, A), ask(pins, B), ask(pins, A)) == ("1", "3", "1")


def test_without_any_variable_there_is_no_pin() -> None:
    assert ask(Pins({"ATTEST_PIN_RELEASE_B": "2"}), A) is None


def test_the_plain_variable_is_for_the_first_token_that_is_named_and_for_no_other() -> None:
    pins = Pins({"ATTEST_PIN": "1"})
    assert (ask(pins, A), ask(pins, A)) == ("1", "1")
    error = refusal(pins, B)
    assert "ATTEST_PIN is the PIN of token 'release-a' (serial 00A1)" in error.message
    assert "token 'release-b'" in error.message
    assert "ATTEST_PIN_RELEASE_B or ATTEST_PIN_00B2 or pin-source=file:PATH" in str(error.hint)


def test_the_plain_variable_is_for_the_one_token_that_has_none_of_its_own() -> None:
    for order in ((A, B), (B, A)):
        pins = Pins({"ATTEST_PIN_RELEASE_A": "1", "ATTEST_PIN": "2"})
        assert [ask(pins, token) for token in order] == ["1" if token == A else "2" for token in order]


def test_one_token_under_two_names_is_one_token() -> None:
    pins = Pins({"ATTEST_PIN": "1"})
    assert ask(pins, A, "pkcs11:token=release-a") == ask(pins, A, "pkcs11:serial=00A1?module-path=/other.so") == "1"


def test_two_tokens_with_one_label_are_two_tokens() -> None:
    twin = A._replace(serial="00A9")
    pins = Pins({"ATTEST_PIN_RELEASE_A": "1"})
    assert ask(pins, A, "pkcs11:serial=00A1") == "1"
    assert "Give each token its own PIN: ATTEST_PIN_00A9 or" in str(refusal(pins, twin, "pkcs11:serial=00A9").hint)
    both = Pins({"ATTEST_PIN_00A1": "1", "ATTEST_PIN_00A9": "9"})
    assert (ask(both, A), ask(both, twin)) == ("1", "9")


def test_tokens_without_serial_numbers_are_told_apart_by_where_they_are() -> None:
    pins = Pins({"ATTEST_PIN": "1"})
    first, second = (TokenName("NSS", "0000", place=f"/lib/nss.so slot {slot}") for slot in (1, 2))
    assert ask(pins, first, "pkcs11:slot-id=1") == "1"
    refusal(pins, second, "pkcs11:slot-id=2")


def test_two_labels_that_are_written_alike_do_not_share_a_variable() -> None:
    pins = Pins({"ATTEST_PIN_RELEASE_A": "1"})
    assert ask(pins, A) == "1"
    assert "ATTEST_PIN_RELEASE_A is the PIN of token 'release-a'" in refusal(pins, TokenName("release a", "7")).message


def test_who_is_named_first_is_first_even_if_it_asks_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_SECONDS", 30)
    pins = Pins({"ATTEST_PIN": "1"})
    for token in (A, B):
        pins.expect(SecretRequest.pin(f"pkcs11:token={token.label}"))
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(refusal, pins, B)
        while not pins._tokens:  # until B waits
            pass
        assert ask(pins, A) == "1"
        assert later.result().code == "pin-missing"


def test_a_token_whose_turn_does_not_come_gets_nothing() -> None:
    """The first one is away: whether ATTEST_PIN is that of the second can't be known, and a wrong one costs a try."""
    pins = Pins({"ATTEST_PIN": "1"})
    pins.expect(SecretRequest.pin("pkcs11:token=release-a"))
    assert "ATTEST_PIN is the PIN of pkcs11:token=release-a" in refusal(pins, B).message


def test_a_token_that_needs_no_pin_now_still_has_its_own() -> None:
    """It is logged in, or its PIN is known: the next token need not wait for it, and gets no PIN of it."""
    found = SecretRequest.pin("pkcs11:serial=00A1", A)
    pins = Pins({"ATTEST_PIN_RELEASE_A": "1", "ATTEST_PIN": "2"})
    pins.expect(found)
    pins.found(found)
    assert ask(pins, B) == "2"
    pins = Pins({"ATTEST_PIN": "1"})
    pins.found(found)
    assert "ATTEST_PIN is the PIN of token 'release-a'" in refusal(pins, B).message


def test_a_token_with_a_pin_pad_takes_no_variable_away() -> None:
    pad = SecretRequest.pin("pkcs11:token=release-a", A, pad=True)
    pins = Pins({"ATTEST_PIN": "2"})
    pins.expect(pad)
    assert "ATTEST_PIN is the PIN of" in refusal(pins, B).message
    pins.found(pad)
    assert ask(pins, B) == "2"
    refusal(pins, TokenName("release-c", "00C3"))


def signed(*uris: str, **variables: str) -> Ran:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTEST_")} | variables
    signers = [word for uri in uris for word in ("--signer", uri)]
    return program("sign", str(INPUTS / "statement.json"), *signers, env=environment)


def test_two_signers_have_a_pin_each_on_the_command_line() -> None:
    uris = ("sim:alice?pin=1111", "sim:bob?pin=2222")
    assert signed(*uris, ATTEST_PIN_ALICE="1111", ATTEST_PIN_BOB="2222").code == 0
    assert signed(*uris, ATTEST_PIN="1111", ATTEST_PIN_BOB="2222").code == 0
    assert signed(*uris, ATTEST_PIN="2222", ATTEST_PIN_ALICE="1111").code == 0
    ran = signed(*uris, ATTEST_PIN="2222")
    assert ran.code == 4
    [error] = [line for line in ran.prose if "error:" in line]  # the warning about bob may come before it or after it
    assert "sim:alice" in error
    assert "(pin-wrong)" in error


@pytest.mark.parametrize("name", ["ATTEST_PIN", "ATTEST_PIN_ALICE", "ATTEST_PIN_OTHER"])
def test_an_empty_variable_is_a_wrong_command_line_where_a_pin_is_needed(name: str) -> None:
    signed("sim:alice?pin=1111", **{name: ""}).refused(2, f"the variable {name} is set but empty")
    signed("sim:alice", **{name: ""}).done()


def test_a_signer_without_a_pin_of_its_own_is_told_which_variable_to_set() -> None:
    ran = signed("sim:alice?pin=1111", "sim:bob?pin=2222", ATTEST_PIN="1111")
    assert ran.code == 4
    assert "(pin-missing)" in ran.prose[-2]
    assert "Give each token its own PIN: ATTEST_PIN_BOB or" in ran.prose[-1]


# The flags of the token `b` as a process sees them that has just started.
_FLAGS = "import pkcs11, sys; print(int(pkcs11.lib(sys.argv[1]).get_token(token_label='b').flags))"
_SET_PIN = """
import pkcs11, sys
with pkcs11.lib(sys.argv[1]).get_token(token_label="b").open(rw=True, user_pin=sys.argv[2]) as session:
    session.set_pin(sys.argv[2], sys.argv[3])
"""
_COUNT_LOW = 0x10000


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, SoftHSM]:
    """The URI of a key in a token `a`, with a token `b` to fail over to that has another PIN, and the latter's HSM."""
    folder = tmp_path_factory.mktemp("group")
    first, second = (SoftHSM.make(folder / f"pins-{label}", label) for label in "ab")
    key = folder / "key.pem"
    key.write_bytes(to_pem(generate(ALGORITHMS["ecdsa-sha2-nistp256"])))
    for hsm, label in ((first, "a"), (second, "b")):
        hsm.import_key(label, key, "key")
    second.run(sys.executable, "-c", _SET_PIN, str(second.module), PIN, OTHER_PIN)
    return first.uri(
        "a", "key", pin_source="", key_policy="off", failover=second.uri("b", "key", pin_source="", key_policy="off")
    ), second


def wrong_pins(hsm: SoftHSM) -> bool:
    return bool(int(hsm.run(sys.executable, "-c", _FLAGS, str(hsm.module))) & _COUNT_LOW)


def test_one_pin_is_not_sent_to_every_token_of_a_group(group: tuple[str, SoftHSM]) -> None:
    uri, second = group
    ran = signed(uri, ATTEST_PIN=PIN)
    assert ran.code == 0
    [warning] = ran.prose
    assert warning.startswith("attest: warning: no PIN was sent to token 'b' (serial ")
    assert not wrong_pins(second)


def test_each_token_of_a_group_can_have_its_own(group: tuple[str, SoftHSM]) -> None:
    uri, second = group
    for variables in (
        {"ATTEST_PIN_A": PIN, "ATTEST_PIN_B": OTHER_PIN},
        {"ATTEST_PIN": PIN, "ATTEST_PIN_B": OTHER_PIN},
        {"ATTEST_PIN": OTHER_PIN, "ATTEST_PIN_A": PIN},
    ):
        signed(uri, **variables).done()
        assert not wrong_pins(second)
