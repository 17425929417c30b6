"""From a trust bundle to signers: which keys sign for an anchor, and who has the last word on a signature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, Rejected, SignerChecks, SignerError, open_signer, sign, verify
from attest.results.report import Report
from attest.trust.signers import open_signers, signing_keys
from tests.support.cli.calls import call
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.statements import ARTIFACT, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

    from attest import Signer, TrustBundle

PQ = "sim:quantum?algorithm=ml-dsa-44"


def held(owner: Signer, **fields: Any) -> dict[str, Any]:
    """The entry of a key whose signer is named; nobody opens it here."""
    return key(owner, **{"signer": f"file:{owner.public_key.keyid[:8]}.pem", "backend": "file"} | fields)


def sim(uri: str) -> dict[str, Any]:
    with open_signer(uri) as signer:
        return key(signer, signer=uri)


def chosen(trust: TrustBundle, *keyids: str) -> list[str]:
    return [entry.public_key.keyid for entry in signing_keys(trust, "a", now=NOW, keyids=keyids)]


def ids(*owners: Signer) -> list[str]:
    return [owner.public_key.keyid for owner in owners]


def test_as_many_keys_sign_as_the_threshold_needs_in_the_order_of_the_anchor() -> None:
    trust = bundle({"a": anchor(held(BOB), held(ALICE), held(MALLORY), threshold=2)})
    assert chosen(trust) == ids(BOB, ALICE)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "retired"},
        {"status": "compromised"},
        {"not_after": PAST},
        {"not_before": FUTURE},
        {"signer": None},
    ],
)
def test_a_key_that_does_not_count_now_or_that_nobody_holds_is_passed_over(fields: dict[str, Any]) -> None:
    unusable = held(ALICE, **fields)
    if fields.get("signer", "") is None:
        del unusable["signer"]
    assert chosen(bundle({"a": anchor(unusable, held(BOB))})) == ids(BOB)
    alone = bundle({"a": anchor(unusable, held(BOB), threshold=2)})
    with refused(SignerError, "signer-missing") as caught:
        chosen(alone)
    assert f"{ALICE.public_key.keyid}: " in caught.value.message
    with refused(SignerError, "signer-missing"):
        chosen(alone, ALICE.public_key.keyid)


def test_a_key_that_is_lost_for_another_anchor_does_not_sign_for_this_one() -> None:
    trust = bundle({"a": anchor(held(ALICE), held(BOB)), "b": anchor(held(ALICE, status="compromised"))})
    assert chosen(trust) == ids(BOB)


def test_one_key_of_each_required_family_is_among_them() -> None:
    both = ["classical", "post-quantum"]
    trust = bundle({"a": anchor(held(ALICE), held(BOB), sim(PQ), threshold=2, require=both)})
    assert [entry.algorithm for entry in signing_keys(trust, "a", now=NOW)] == ["ed25519", "ml-dsa-44"]
    low = bundle({"a": anchor(held(ALICE), sim(PQ), threshold=1, require=both)})
    assert len(signing_keys(low, "a", now=NOW)) == 2
    entry = sim(PQ)
    del entry["signer"]
    with refused(SignerError, "signer-missing") as caught:
        chosen(bundle({"a": anchor(held(ALICE), held(BOB), entry, threshold=2, require=both)}))
    assert "0 post-quantum signatures" in caught.value.message


def test_the_keys_may_be_named() -> None:
    trust = bundle({"a": anchor(held(ALICE), held(BOB), held(MALLORY), threshold=2)})
    assert chosen(trust, *ids(MALLORY)) == ids(MALLORY)
    with refused(InputError, "key-unknown"):
        chosen(trust, "0" * 64)
    with refused(InputError, "anchor-unknown") as caught:
        signing_keys(trust, "b", now=NOW)
    assert caught.value.hint == "Use one of its anchors: a."


def test_every_signer_is_found_to_hold_its_key_before_the_first_signs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        call("key", "generate", f"file:{tmp_path}/{name}.pem").done()
    with open_signer(f"file:{tmp_path}/one.pem") as one:
        entry = key(one, signer=f"file:{tmp_path}/one.pem", backend="file")
    wrong = held(BOB, signer=f"file:{tmp_path}/two.pem")
    trust = bundle({"a": anchor(entry, wrong, threshold=2)})
    with refused(SignerError, "key-mismatch"):
        open_signers(signing_keys(trust, "a", now=NOW))
    gone = held(BOB, signer=f"file:{tmp_path}/gone.pem")
    with refused(SignerError, "key-unreadable"):
        open_signers(signing_keys(bundle({"a": anchor(entry, gone, threshold=2)}), "a", now=NOW))


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (held(ALICE, backend="pkcs11"), "backend-mismatch"),
        (key(ALICE, backend="file", signer="pkcs11:token=t;object=k?module-path=/m.so"), "backend-mismatch"),
    ],
)
def test_a_backend_that_is_not_what_the_signer_is_is_refused(entry: dict[str, Any], code: str) -> None:
    with refused(SignerError, code):
        open_signers(signing_keys(bundle({"a": anchor(entry)}), "a", now=NOW))


def test_a_name_of_an_hsm_algorithm_is_for_keys_in_tokens(tmp_path: Path) -> None:
    uri = f"file:{tmp_path}/p256.pem"
    call("key", "generate", uri, "--algorithm", "ecdsa-sha2-nistp256").done()
    ran = call("trust", "init", "--anchor", "a", "--key", uri, "--algorithm", "HSM-ECDSA-P256")
    ran.refused(4, "backend-mismatch")
    assert ran.stdout == b""
    call("key", "generate", f"file:{tmp_path}/new.pem", "--algorithm", "HSM-ECDSA-P256").refused(2, "HSM-ECDSA-P256")


def simulated(*uris: str) -> tuple[bytes, TrustBundle]:
    """An envelope signed by simulated tokens, and a bundle that says where they are."""
    entries = [sim(uri) for uri in uris]
    envelope = sign(statement(), [open_signer(uri) for uri in uris])
    return envelope.to_json(), bundle({"a": anchor(*entries, threshold=len(entries))})


def test_the_signer_that_holds_a_key_is_asked_too() -> None:
    envelope, trust = simulated("sim:one", "sim:two")
    with SignerChecks() as checks:
        verified = verify(envelope, trust, artifacts=[ARTIFACT], now=NOW, allow_simulated=True, signers=checks)
    assert [check.checked_by for check in verified.report.signatures] == ["signer", "signer"]
    alone = verify(envelope, trust, artifacts=[ARTIFACT], now=NOW, allow_simulated=True)
    assert [check.checked_by for check in alone.report.signatures] == ["public-key", "public-key"]


def test_a_key_without_a_signer_is_checked_as_ever() -> None:
    envelope = sign(statement(), [ALICE])
    for entry in (key(ALICE), held(ALICE)):  # the signer of a file doesn't verify, and isn't opened
        with SignerChecks() as checks:
            verified = verify(envelope, bundle({"a": anchor(entry)}), artifacts=[ARTIFACT], now=NOW, signers=checks)
        assert [check.checked_by for check in verified.report.signatures] == ["public-key"]


def test_a_signer_that_says_no_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    from attest.signers.sim import SimSigner

    def refuses(self: SimSigner, signature: bytes, data: bytes) -> None:
        raise Rejected("signature-invalid", "no")

    monkeypatch.setattr(SimSigner, "verify", refuses)
    envelope, trust = simulated("sim:one")
    with SignerChecks() as checks, pytest.raises(Rejected) as caught:
        verify(envelope, trust, artifacts=[ARTIFACT], now=NOW, allow_simulated=True, signers=checks)
    assert isinstance(caught.value.report, Report)
    [check] = caught.value.report.signatures
    assert (check.code, check.keyid, check.checked_by) == ("signature-invalid", None, "signer")


def test_a_signer_that_is_away_means_that_nothing_is_decided() -> None:
    envelope, trust = simulated("sim:one")
    away = bundle({"a": anchor(sim("sim:one") | {"signer": "sim:one?fail-rate=1"})})
    with SignerChecks() as checks, refused(SignerError, "token-failed"):
        verify(envelope, away, artifacts=[ARTIFACT], now=NOW, allow_simulated=True, signers=checks)
    assert verify(envelope, trust, artifacts=[ARTIFACT], now=NOW + timedelta(1), allow_simulated=True)
