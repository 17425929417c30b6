"""PINs: where they come from, that a wrong one is sent once, and that none is ever told."""

from __future__ import annotations

import io
import logging
import re
import sys
import traceback
from typing import TYPE_CHECKING

import pytest

import attest
from attest._base import notices
from attest.signers._software import to_pem
from attest.signers._uri import in_order
from tests.support.cli.calls import call
from tests.support.making.keys import private_key
from tests.support.tokens.checks import DATA, refusal
from tests.support.tokens.hsm import PIN, SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from pathlib import Path

    from attest.signers import SecretRequest, Secrets

WRONG = "wrong-735519"
COUNT_LOW = 0x10000

# The flags of the token as a process sees them that has just started; with a PIN, after a login.
_FLAGS = """
import sys
import pkcs11
module, *pin = sys.argv[1:]
token = pkcs11.lib(module).get_token(token_label="t")
if pin:
    token.open(user_pin=pin[0]).close()
print(int(pkcs11.lib(module).get_token(token_label="t").flags))
"""


@pytest.fixture
def hsm(tmp_path: Path) -> SoftHSM:
    """A token `t` of the test's own, without keys: who logs in with the right PIN is told that there are none."""
    return SoftHSM.make(tmp_path / f"hsm-{tmp_path.name}", "t")


def refused(uri: str, secrets: Secrets | None = None) -> attest.SignerError:
    with attest.open_signer(uri, secrets=secrets) as signer:
        return refusal(signer)


def failed_login(hsm: SoftHSM, *pin: str) -> bool:
    """Whether the token has seen a wrong PIN since the last right one, which `pin` is."""
    return bool(int(hsm.run(sys.executable, "-c", _FLAGS, str(hsm.module), *pin)) & COUNT_LOW)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"1" * 5000, "the PIN file is larger than 4,096 bytes"),
        (None, "the PIN file cannot be read: no such file"),
    ],
)
def test_a_pin_file_without_a_pin_is_refused(content: bytes | None, says: str, hsm: SoftHSM, tmp_path: Path) -> None:
    file = tmp_path / "the pin"
    if content is not None:
        file.write_bytes(content)
    error = refused(hsm.uri(pin_source=f"file:{file}"))
    assert (error.code, error.where) == ("pin-missing", str(file))
    assert says in error.message
    assert not failed_login(hsm)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_pin_file_may_end_its_line(end: str, hsm: SoftHSM) -> None:
    hsm.pin_file.write_bytes(f"{PIN}{end}".encode())
    assert refused(hsm.uri()).code == "key-not-found"


@pytest.mark.parametrize("text", [f"{PIN}\n\n", f"{PIN} ", f" {PIN}"])
def test_everything_else_in_a_pin_file_is_the_pin(text: str, hsm: SoftHSM) -> None:
    hsm.pin_file.write_bytes(text.encode())
    assert refused(hsm.uri()).code == "pin-wrong"


def test_no_pin_at_all_is_missing(hsm: SoftHSM) -> None:
    for secrets in (None, lambda _: None):
        error = refused(hsm.uri(pin_source=""), secrets)
        assert error.code == "pin-missing"
        assert "pin-source=file:PATH" in str(error.hint)
    assert not failed_login(hsm)


def test_a_wrong_pin_is_sent_once_and_never_again(hsm: SoftHSM) -> None:
    hsm.pin_file.write_text(WRONG)
    with attest.open_signer(hsm.uri()) as signer:
        for _ in range(2):
            error = refusal(signer)
            assert error.code == "pin-wrong"
        assert "does not send it twice" in str(error.hint)
        assert failed_login(hsm)
        # A right one by somebody else clears the flag, and a wrong one would set it again.
        assert not failed_login(hsm, PIN)
        for uri in (hsm.uri(), hsm.uri(timeout="5")):
            assert refused(uri).code == "pin-wrong"
        assert refusal(signer).code == "pin-wrong"
        assert not failed_login(hsm)


@pytest.mark.parametrize(("pin", "code"), [(PIN, "key-not-found"), (WRONG, "pin-wrong")])
def test_a_pin_is_asked_for_once_a_process(pin: str, code: str, hsm: SoftHSM) -> None:
    asked: list[SecretRequest] = []

    def secrets(what: SecretRequest) -> str:
        asked.append(what)
        return pin

    for _ in range(3):
        assert refused(hsm.uri(pin_source=""), secrets).code == code
    [request] = asked
    assert request.token is not None
    assert request == f"the PIN of token 't' (serial {request.token.serial})"
    assert (request.kind, request.where, request.token.label) == ("pin", hsm.uri(pin_source=""), "t")


# How a login can fail, by what C_Login answers; None for what the token really says, and HANGS for nothing in time.
HANGS = -1


@pytest.mark.parametrize("answer", [None, 0x05, 0xA4, 0xB3, 0x102, 0x190, 0x80000003, HANGS])
@pytest.mark.parametrize("from_file", [True, False])
def test_a_pin_is_never_told(
    from_file: bool,
    answer: int | None,
    hsm: SoftHSM,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    hsm.pin_file.write_text(WRONG)
    uri = hsm.uri(timeout="0.6") if from_file else hsm.uri(timeout="0.6", pin_source="")
    shown = io.StringIO()
    with FaultInjector(hsm.module) as faults, attest.open_signer(uri, secrets=lambda _: WRONG) as signer:
        if answer == HANGS:
            faults.hang("C_Login")
        elif answer is not None:
            faults.fail("C_Login", answer)
        for act in (lambda: signer.sign(DATA), lambda: signer.public_key):
            with pytest.raises(attest.SignerError) as caught:
                act()
            show(caught.value, shown)
        member = member_of(signer)
        print(signer, repr(signer), signer.health(), repr(member._pin), vars(member.connection._login), file=shown)
    assert "SignerError" in shown.getvalue()
    for text in (shown.getvalue(), caplog.text, *capfd.readouterr()):
        assert WRONG not in text


def test_a_pin_that_is_no_text_is_never_told(hsm: SoftHSM) -> None:
    hsm.pin_file.write_bytes(f"{WRONG}\xff".encode("latin-1"))
    shown = io.StringIO()
    error = refused(hsm.uri())
    show(error, shown)
    assert error.code == "pin-missing"
    assert WRONG not in shown.getvalue()


def show(error: BaseException, to: io.StringIO) -> None:
    """All that can be printed of an error."""
    print(error, repr(error), vars(error), *traceback.format_exception(error), file=to)
    # With what debuggers and error trackers add to it: the locals of every frame, and every error before it.
    cause: BaseException | None = error
    while cause is not None:
        told = traceback.TracebackException.from_exception(cause, capture_locals=True)
        print(*told.format(), file=to)
        cause = cause.__context__


def test_a_pin_file_that_others_can_read_is_a_warning(hsm: SoftHSM, tmp_path: Path) -> None:
    hsm.add_keys("t", "p256")
    file = tmp_path / "pin"
    file.write_text(PIN)
    uri = hsm.uri(pin_source=f"file:{file}")
    for mode, warned in ((0o600, False), (0o644, True), (0o640, True), (0o400, False)):
        file.chmod(mode)
        checked = call("signer", "check", uri)
        assert checked.code == 0
        assert PIN.encode() not in checked.stdout + checked.stderr
        warnings = [line for line in checked.prose if line.startswith("attest: warning: ")]
        assert bool(warnings) is warned
        assert all(f"{file} is accessible to other users" in line and "chmod 600" in line for line in warnings)
        if warned:
            (member,) = call("signer", "check", uri, "--format", "json").json["members"]
            assert len(member["warnings"]) == 1


def test_a_wrong_pin_that_somebody_else_gave_is_a_warning(hsm: SoftHSM, tmp_path: Path) -> None:
    hsm.add_keys("t", "p256")
    other = tmp_path / "other"
    other.write_text(WRONG)
    program = "import sys, attest; attest.open_signer(sys.argv[1]).sign(b'')"
    with pytest.raises(AssertionError, match=r"pin-wrong|refused the PIN"):
        hsm.run(sys.executable, "-c", program, hsm.uri(pin_source=f"file:{other}"))
    checked = call("signer", "check", hsm.uri())
    assert checked.code == 0
    (warning,) = checked.prose
    assert warning.startswith("attest: warning: token 't' (serial ")
    assert warning.endswith("): few PIN tries are left, because a wrong PIN was sent")


@pytest.mark.parametrize("refusing", [0, 1])
def test_a_refused_pin_is_warned_of_once_while_another_token_signs(
    refusing: int,
    hsm: SoftHSM,
    tmp_path: Path,
) -> None:
    hsm.add_keys("t", "p256")
    twin = hsm.twin(tmp_path / f"twin-{refusing}")
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text(WRONG)
    sources = [f"file:{wrong if number == refusing else hsm.pin_file}" for number in (0, 1)]
    uris = [one.uri(pin_source=source) for one, source in zip((hsm, twin), sources, strict=True)]
    told: list[str] = []
    with notices.heard_by(told.append), attest.open_signer(in_order(uris)) as signer:
        for _ in range(3):
            signer.sign(DATA)
        signer.settle()
    (warning,) = told
    assert re.fullmatch(
        r"token 't' \(serial \w+\): the token refused the PIN \(pin-wrong\); "
        r"the token is not used until you correct its PIN",
        warning,
    )


def test_a_token_and_another_signer_are_warned_of_alike(hsm: SoftHSM, tmp_path: Path) -> None:
    hsm.pin_file.write_text(WRONG)
    (tmp_path / "key.pem").write_bytes(to_pem(private_key("ecdsa-sha2-nistp256")))
    told: list[str] = []
    uris = [hsm.uri(), f"file:{tmp_path}/key.pem"]
    with notices.heard_by(told.append), attest.open_signer(in_order(uris)) as signer:
        for _ in range(3):
            signer.sign(DATA)
    assert [line.partition("; ")[2] for line in told if "PIN" in line] == [
        "the token is not used until you correct its PIN"
    ]


def test_a_token_that_is_away_is_warned_of_in_a_check(hsm: SoftHSM) -> None:
    hsm.add_keys("t", "p256")
    checked = call("signer", "check", in_order([hsm.uri(), hsm.uri("gone")]))
    assert checked.code == 0
    (warning,) = checked.prose
    assert warning.startswith("attest: warning: not every token can sign: token token='gone': no token matches; ")
