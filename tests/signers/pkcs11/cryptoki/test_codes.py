"""What each error code of PKCS#11 means to attest, as python-pkcs11 really reports it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pkcs11.exceptions as p11
import pytest
from pkcs11 import _pkcs11

from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.codes import Reaction
from tests.support.tokens.hsm import PIN, SoftHSM
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterator

# The codes by what is to be done about them, written down from the field notes and not from the package.
TABLE = {
    Reaction.NEW_SESSION: (0xB3, 0xB0, 0x90, 0x91, 0x50, 0x202, 0xB5),
    Reaction.LOG_IN: (0x101, 0x82, 0x60),
    Reaction.LATCH: (0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0x102),
    Reaction.BUSY: (0xB1, 0x31, 0x201, 0x02),
    Reaction.DOWN: (0x30, 0x32, 0xE0, 0xE1, 0x03, 0x190, 0x191, 0x104, 0x105),
    Reaction.PROBE: (0x05, 0x06, 0x200, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x7777),
    Reaction.FINAL: (
        *(0x70, 0x71, 0x68, 0x63, 0x62, 0x20, 0x21, 0x07, 0x40, 0x41, 0x42, 0xC0, 0xC1, 0x10, 0x11, 0x12, 0x13, 0x1B),
        *(0xD0, 0xD1, 0x130, 0x140, 0x54, 0x203),
    ),
    Reaction.DEAD: (0x1B6, 0x1B7, 0xE2),
}
# Nothing that attest asks of a module answers these, by PKCS#11 v2.40 section 5; UserAlreadyLoggedIn counts as success.
NOT_ANSWERS = set(
    "PKCS11Error ExceededMaxIterations KeyIndigestible KeyNeeded KeyNotNeeded KeyNotWrappable KeyUnextractable "
    "MultipleTokensReturned NoEvent PinTooWeak PublicKeyInvalid RandomNoRNG "
    "RandomSeedNotSupported SessionExists SessionReadOnlyExists SessionReadWriteSOExists UnwrappingKeyHandleInvalid "
    "UnwrappingKeySizeRange UnwrappingKeyTypeInconsistent UserAlreadyLoggedIn WrappedKeyInvalid WrappedKeyLenRange "
    "WrappingKeyHandleInvalid WrappingKeySizeRange WrappingKeyTypeInconsistent".split()
)


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultInjector]:
    hsm = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "codes", "t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
        library = _pkcs11.lib(str(hsm.module))
        session = library.get_slots()[0].get_token().open(user_pin=PIN)
    with FaultInjector(hsm.module) as injector:
        injector.session = session  # type: ignore[attr-defined]
        yield injector
    session.close()
    library.finalize()


@pytest.fixture
def session(faults: FaultInjector) -> Any:
    faults.clear()
    return faults.session  # type: ignore[attr-defined]


def test_a_module_without_faults_answers_through_the_injector(faults: FaultInjector, session: Any) -> None:
    assert len(session.generate_random(64)) == 8
    assert faults.calls == {"C_GenerateRandom": 1}


@pytest.mark.parametrize(
    ("code", "meant"), [(code, meant) for meant, found in TABLE.items() for code in found], ids=lambda value: str(value)
)
def test_a_code_means_what_the_table_says(faults: FaultInjector, session: Any, code: int, meant: Reaction) -> None:
    faults.fail("C_GenerateRandom", code)
    with pytest.raises(p11.PKCS11Error) as caught:
        session.generate_random(64)
    assert codes.reaction(caught.value) is meant, codes.name(caught.value)
    assert codes.name(caught.value).startswith(type(caught.value).__name__)


def test_a_buffer_that_is_too_small_is_final() -> None:
    # python-pkcs11 takes 0x150 for a question of size in most calls; where it doesn't, it says this.
    assert codes.reaction(p11.PKCS11Error("Buffer was too small (0x150)")) is Reaction.FINAL
    assert codes.reaction(p11.PKCS11Error("Unmapped error code 0x150")) is Reaction.FINAL


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (p11.NoSuchKey(), Reaction.LOG_IN),
        (p11.MultipleObjectsReturned(), Reaction.LOG_IN),
        (p11.NoSuchToken(), Reaction.DOWN),
    ],
)
def test_what_is_not_found_any_more_has_a_meaning_too(error: Exception, meant: Reaction) -> None:
    assert codes.reaction(error) is meant


@pytest.mark.parametrize("error", [p11.PKCS11Error(), p11.PKCS11Error("no number here"), ValueError("0x30")])
def test_what_nobody_has_heard_of_is_probed(error: Exception) -> None:
    assert codes.reaction(error) is Reaction.PROBE


def test_every_exception_that_a_module_can_cause_here_has_a_meaning() -> None:
    kinds = {kind for _, kind in inspect.getmembers(p11, inspect.isclass) if issubclass(kind, p11.PKCS11Error)}
    assert {kind.__name__ for kind in kinds - set(codes.REACTIONS)} == NOT_ANSWERS
