"""A token and something else with one key: a service or a file signs when the token cannot, and the other way round."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from attest import SignerError, TrustBundle, open_signer
from attest.keys import PublicKey
from attest.signers import _software
from attest.signers._uri import in_order
from attest.trust import editing
from tests.support.making.bundles import NOW
from tests.support.making.keys import private_key, public_bytes
from tests.support.services import places
from tests.support.tokens.checks import check, until, within
from tests.support.tokens.hsm import SoftHSM
from tests.support.tokens.injector import FaultInjector
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEVICE_ERROR = 0x30


@pytest.fixture
def hsm(tmp_path: Path) -> SoftHSM:
    """A token with the key that the other places have."""
    made = SoftHSM.make(tmp_path / "hsm", "t")
    path = tmp_path / "key.pem"
    path.write_bytes(_software.to_pem(private_key(places.ALGORITHM)))
    made.import_key("t", path, "key")
    return made


@pytest.fixture
def faults(hsm: SoftHSM) -> Iterator[FaultInjector]:
    with FaultInjector(hsm.module) as injector:
        yield injector


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    places.clean(monkeypatch)
    with ExitStack() as stack:
        yield lambda name, number=0: stack.enter_context(places.PLACES[name](tmp_path, monkeypatch, number))


def states(signer: Any) -> list[str]:
    return [entry["state"] for entry, _ in signer.health()]


@pytest.mark.parametrize("other", ["file", "awskms"])
def test_the_other_signs_when_the_token_is_gone_and_the_token_again_when_it_is_back(
    hsm: SoftHSM, faults: FaultInjector, make: Any, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attest.signers._member._FIRST_PAUSE", 0.05)
    place = make(other)
    with open_signer(in_order([hsm.uri(key="key", timeout="1"), place.uri])) as signer:
        check(signer)
        faults.fail("C_Sign", DEVICE_ERROR)
        with within(3):  # it does not wait for the token as it would alone
            check(signer)
        assert all(not isinstance(made, SignerError) for made in signer.sign_many([b"1", b"2"]))
        assert states(signer)[1] == "up"
        faults.clear()

        def is_back() -> bool:
            check(signer)
            return states(signer)[0] == "up"

        until(is_back)


@pytest.mark.parametrize("other", ["file", "awskms"])
def test_the_token_signs_when_the_other_is_gone(hsm: SoftHSM, make: Any, other: str) -> None:
    place = make(other)
    place.be("down")
    with open_signer(in_order([place.uri, hsm.uri(key="key")])) as signer:
        check(signer)
        place.be("well")
        check(signer)


def test_a_token_with_another_key_is_never_passed_over(hsm: SoftHSM, make: Any) -> None:
    place, uri = make("awskms", 1), hsm.uri(key="key")
    with open_signer(in_order([place.uri, uri])) as signer:
        check(signer)  # a token may ask for a PIN, so it is looked at when it is used
        place.be("down")
        for _ in range(2):
            with refused(SignerError, "key-mismatch", uri):
                check(signer)


def bundle(signer: str, **fields: str) -> TrustBundle:
    key = PublicKey.parse(public_bytes(private_key(places.ALGORITHM)))
    described = {**editing.describe_key(key), "signer": signer, **fields}
    return editing.create("release", [described], now=NOW)


def test_a_key_that_must_be_in_a_token_has_all_its_signers_in_tokens(hsm: SoftHSM, make: Any) -> None:
    mixed = in_order([hsm.uri(key="key", key_policy="standard"), make("file").uri])
    for fields in ({"backend": "pkcs11"}, {"algorithm": "HSM-ECDSA-P256"}):
        anchor = bundle(mixed, **fields).anchors["release"]
        with refused(SignerError, "backend-mismatch"):
            anchor.keys[0].resolve()


def test_every_token_of_a_mixed_list_has_the_strict_policy_of_a_trust_bundle(hsm: SoftHSM, make: Any) -> None:
    """An imported key does not fulfil it."""
    place = make("awskms")
    anchor = bundle(in_order([place.uri, hsm.uri(key="key")])).anchors["release"]
    with anchor.keys[0].resolve() as signer:
        place.be("down")
        with refused(SignerError, "key-not-allowed"):
            check(signer)
