"""Signers of other packages: three members are enough, and whatever else one has is used and not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import attest
from attest import SignerError
from attest.errors import Rejected
from tests.support.making.bundles import anchor as an_anchor
from tests.support.making.bundles import bundle
from tests.support.making.statements import ARTIFACT, statement
from tests.support.making.statements import read_statement as any_statement
from tests.support.plugins import acme

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["acme"]
pytestmark = pytest.mark.usefixtures("acme")


def test_it_signs_what_verifies() -> None:
    with attest.open_signer("acme:release") as signer:
        envelope = attest.sign(statement(), [signer])
        trust = bundle({"release": an_anchor({**_described(signer)})})
    assert attest.verify(envelope, trust, artifacts=[ARTIFACT]).anchors == ("release",)
    assert signer.capabilities == {"sign"}
    assert repr(signer) == "PluginSigner('acme:release')"


def _described(signer: attest.Signer) -> dict[str, object]:
    from attest.trust.editing import describe_key

    return describe_key(signer.public_key)


def test_it_is_closed_like_any_other() -> None:
    signer = attest.open_signer("ACME:release")
    signer.close()
    signer.close()
    with pytest.raises(SignerError) as raised:
        signer.sign(b"data")
    assert raised.value.code == "signer-closed"


def test_what_it_does_not_have_is_missing() -> None:
    for signer in (attest.open_signer("acme:release"), attest.generate_key("acme:release")):
        with pytest.raises(SignerError) as raised:
            signer.encrypt(b"data")
        assert raised.value.code == "capability-missing"
    with pytest.raises(SignerError) as raised:
        attest.generate_key("acme-lie:x")
    assert raised.value.code == "capability-missing"


def test_its_word_that_a_signature_is_good_is_not_enough() -> None:
    with attest.open_signer("acme-lie:release") as liar, attest.open_signer("acme:release") as honest:
        assert "verify" in liar.capabilities
        with pytest.raises(Rejected):
            liar.verify(b"\0" * 64, b"data")
        liar.verify(honest.sign(b"data").sig, b"data")


def test_it_may_reject_a_signature_and_nothing_else() -> None:
    with attest.open_signer("acme-no:release") as refuser, attest.open_signer("acme:release") as honest:
        with pytest.raises(Rejected) as rejected:
            refuser.verify(honest.sign(b"data").sig, b"data")
        assert rejected.value.code == "signature-invalid"
        with pytest.raises(SignerError) as raised:
            refuser.sign(b"data")
        assert raised.value.code == "plugin-failed"


def test_what_is_not_what_it_should_be_names_the_plug_in() -> None:
    with attest.open_signer("acme-lie:release") as signer:
        with pytest.raises(SignerError, match=r"returned bytes as sign\(\), expected Signature"):
            signer.sign(b"data")
        with pytest.raises(SignerError, match=r"returned bool as encrypt\(\), expected bytes"):
            signer.encrypt(b"data")


def test_an_exception_is_the_cause_of_the_error_and_not_in_its_text() -> None:
    with attest.open_signer("acme-crash:release") as signer, pytest.raises(SignerError) as raised:
        attest.sign(any_statement(), [signer])
    assert raised.value.code == "plugin-failed"
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert "1234" not in f"{raised.value} {raised.value.hint}"


def test_a_trust_bundle_resolves_to_it(acme: Path) -> None:
    with attest.open_signer("acme:release") as signer:
        key = {**_described(signer), "signer": "acme:release"}
    [trusted] = bundle({"release": an_anchor(key)}).anchors["release"].keys
    with trusted.resolve() as found:
        assert found.public_key == trusted.public_key
