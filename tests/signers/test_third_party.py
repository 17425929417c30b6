"""A signer of another package: three members and no inheritance, and an error that says what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest import InputError, PublicKey, Rejected, Signature, SignerError, Statement, TrustBundle, signers
from attest.resigning import anchors_of, countersign
from attest.trust import signing as trust_signing
from attest.trust.signing import signable
from tests.support.making.bundles import NOW, anchor, bundle, key
from tests.support.making.chains import R1, roots, version
from tests.support.making.keys import ALICE
from tests.support.making.statements import ARTIFACT, signed, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from attest.signers import BaseSigner


class Acme:
    """All that a third party writes."""

    def __init__(self, behind: BaseSigner = ALICE) -> None:
        self.public_key = behind.public_key
        self._behind = behind
        self.closed = 0

    def sign(self, data: bytes) -> Signature:
        return Signature(self.public_key.keyid, self._behind.sign(data).sig)

    def close(self) -> None:
        self.closed += 1


class Handed:
    """One that hands everything on, and so has no member of its own."""

    def __init__(self, behind: object) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


@pytest.mark.parametrize("signer", [Acme(), Handed(Acme())])
def test_three_members_sign_and_nobody_closes_what_is_not_theirs(signer: Any) -> None:
    envelope = attest.sign(statement(), [signer])
    verified = attest.verify(envelope, bundle(), artifacts=[ARTIFACT], now=NOW)
    assert verified.keyids == (ALICE.public_key.keyid,)
    assert signer.closed == 0


def test_it_countersigns_and_stands_in_a_quorum() -> None:
    first = attest.sign(statement(), [R1])
    both = attest.sign(first, [Acme()])
    assert [one.keyid for one in both.signatures] == [R1.public_key.keyid, ALICE.public_key.keyid]

    class Broken(Acme):
        def sign(self, data: bytes) -> Signature:
            raise ConnectionError("token=hunter2")

    broken = Broken(R1)
    done = attest.signing.sign_all(statement(), [broken, Acme()], quorum=1, timeout=10)
    assert [one.keyid for one in done.envelope.signatures] == [ALICE.public_key.keyid]
    [(missing, why)] = done.missing
    assert missing is broken
    assert why.code in ("signer-failed", "signer-timeout")


def test_it_signs_trust_bundles_as_a_root() -> None:
    bundle_of_one = version(1, R1)
    done = trust_signing.sign(signable(bundle_of_one.raw), [Acme(R1)])
    assert [one.keyid for one in done.envelope.signatures] == [R1.public_key.keyid]
    with refused(InputError, "root-unknown", "Acme"):
        trust_signing.sign(signable(bundle_of_one.raw), [Acme()])
    assert roots(Acme(R1))["keys"] == [key(R1)]


def test_it_resigns_what_a_key_that_ends_has_signed() -> None:
    trust = bundle({"release": anchor(ALICE, R1)})
    counting = anchors_of(R1.public_key, trust, now=NOW)
    again = countersign(signed(ALICE).to_json(), trust, Acme(R1), counting, now=NOW)
    assert again is not None
    assert len(attest.Envelope.from_json(again).signatures) == 2


def test_it_signs_what_tuf_and_in_toto_have_signed() -> None:
    theirs = attest.interop.to_securesystemslib(Acme())
    made = theirs.sign(b"data")
    theirs.public_key.verify_signature(made, b"data")


@pytest.mark.parametrize("member", ["public_key", "sign"])
def test_its_errors_become_signer_errors_without_its_own_words(member: str) -> None:
    class Broken(Acme):
        def __getattribute__(self, name: str) -> Any:
            if name == member:
                raise ConnectionError("credential hunter2")
            return super().__getattribute__(name)

    with refused(SignerError, "signer-failed", "Broken") as caught:
        attest.sign(statement(), [Broken()])
    assert caught.value.message.startswith(f"Broken.{member} raised ConnectionError")
    assert "hunter2" not in str(caught.value) + str(caught.value.hint)
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize("error", [SignerError("token-lost", "it is gone"), InputError("x-own", "no")])
def test_an_error_of_ours_passes_as_it_is(error: attest.AttestError) -> None:
    class Broken(Acme):
        def sign(self, data: bytes) -> Signature:
            raise error

    with pytest.raises(type(error)) as caught:
        attest.sign(statement(), [Broken()])
    assert caught.value is error


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (b"raw", r"Acme.sign\(\): expected a Signature, found bytes; return attest.Signature"),
        (None, r"Acme.sign\(\): expected a Signature, found None"),
        (Signature("", "text"), r"Acme.sign\(\).sig: expected bytes, found str"),  # type: ignore[arg-type]
        (Signature(None, b""), r"Acme.sign\(\).keyid: expected text, found None"),  # type: ignore[arg-type]
    ],
)
def test_a_result_of_another_type_is_said_to_be_so(returned: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Acme, "sign", lambda *_: returned)
    with pytest.raises(TypeError, match=says):
        attest.sign(statement(), [Acme()])


def test_a_public_key_of_another_type_is_said_to_be_so() -> None:
    signer: Any = Acme()
    signer.public_key = signer.public_key.to_pem()
    with pytest.raises(TypeError, match=r"Acme.public_key: expected a PublicKey, found str; attest.PublicKey.parse"):
        attest.sign(statement(), [signer])


def test_a_signature_that_is_not_its_keys_goes_nowhere() -> None:
    signer = Acme(R1)
    signer.public_key = ALICE.public_key
    with refused(SignerError, "signature-faulty", "Acme"):
        attest.sign(statement(), [signer])


@pytest.mark.parametrize("wrong", ["file:release.pem", 7, None, object(), ALICE.public_key])
def test_what_is_no_signer_is_said_to_be_none(wrong: Any) -> None:
    found = "None" if wrong is None else type(wrong).__name__
    with pytest.raises(TypeError, match=f"signer: expected a signer .*found {found}"):
        attest.sign(statement(), [wrong])


def test_a_member_that_is_missing_is_named_and_nothing_is_asked() -> None:
    class Lazy:
        @property
        def public_key(self) -> PublicKey:
            raise AssertionError("asked too early")

        def sign(self, data: bytes) -> Signature:
            raise AssertionError("asked too early")

    with pytest.raises(TypeError, match=r"found Lazy; it has no close$"):
        attest.sign(statement(), [ALICE, Lazy()])  # type: ignore[list-item]


def test_a_signer_where_a_list_is_expected() -> None:
    for one in (Acme(), ALICE):
        with pytest.raises(TypeError, match=r"signers: expected a list of signers, found \w+; put it into a list"):
            attest.sign(statement(), one)  # type: ignore[arg-type]
    assert attest.sign(statement(), iter([Acme()])).signatures


def test_its_capabilities_are_the_methods_that_it_has() -> None:
    class Able(Acme):
        uri = "acme:release?pin-value=1234"

        def verify(self, signature: bytes, data: bytes) -> None:
            self.public_key.verify(signature, data)

        def digest(self, data: bytes, algorithm: str = "sha256") -> str:
            raise OSError("away")

    plain, able = signers.adapt(Acme()), signers.adapt(Able())
    assert plain.capabilities == {"sign"}
    assert able.capabilities == {"sign", "verify", "digest"}
    for missing in (lambda: plain.verify(b"", b""), lambda: plain.encrypt(b""), lambda: able.decrypt(b"")):
        with refused(SignerError, "capability-missing"):
            missing()
    with refused(Rejected, "signature-invalid"):
        able.verify(b"wrong", b"data")
    able.verify(able.sign(b"data").sig, b"data")
    with refused(SignerError, "signer-failed") as caught:
        able.digest(b"data")
    assert caught.value.where == "acme:release?pin-value=..."
    assert plain.health() == []
    with plain:
        pass
    assert plain.closed
    assert signers.adapt(plain) is plain


HEALTH: signers.KeyHealth = {
    "token": "the service",
    "state": "up",
    "reason": None,
    "sessions": 1,
    "connections": 1,
    "errors": {"away": 2},
    "warnings": [],
}


def health_of(*answer: object) -> list[tuple[signers.KeyHealth, tuple[signers.AttributeCheck, ...]]]:
    class Reporting(Acme):
        def health(self) -> object:
            return list(answer)

    return signers.adapt(Reporting()).health()


def test_its_health_is_what_every_signer_reports() -> None:
    check = signers.AttributeCheck("sensitive", None, True)
    assert health_of((HEALTH, [check])) == [(HEALTH, (check,))]
    assert health_of(({**HEALTH, "region": "eu"}, ())) == [({**HEALTH, "region": "eu"}, ())]


@pytest.mark.parametrize("name", HEALTH)
def test_a_health_that_lacks_something_or_has_another_type_is_refused_where_it_is_read(name: str) -> None:
    for entry in ({**HEALTH, name: object()}, {other: value for other, value in HEALTH.items() if other != name}):
        if name != "reason" or name in entry:
            with pytest.raises(TypeError, match=rf"Reporting.health\(\)\['{name}'\]: expected "):
                health_of((entry, ()))


@pytest.mark.parametrize("answer", [("up", ()), ({**HEALTH, "errors": {"away": "2"}}, ()), (HEALTH, ["sensitive"])])
def test_a_health_of_another_form_is_refused(answer: object) -> None:
    with pytest.raises(TypeError, match=r"Reporting.health\(\)"):
        health_of(answer)
    with refused(SignerError, "signer-failed"):
        health_of(HEALTH)  # not a pair


@pytest.mark.parametrize("answer", [True, False, 0])
def test_a_verify_that_answers_instead_of_raising_is_never_a_yes(answer: object) -> None:
    class Answering(Acme):
        def verify(self, signature: bytes, data: bytes) -> Any:
            return answer

    signer = signers.adapt(Answering())
    signature = signer.sign(b"data").sig
    with pytest.raises(TypeError, match=r"raise attest.Rejected for an invalid signature"):
        signer.verify(signature, b"data")


def test_a_statement_is_all_it_signs() -> None:
    for wrong in (statement().raw, "statement.json", None):
        with pytest.raises(TypeError, match="expected a Statement or an Envelope"):
            attest.sign(wrong, [Acme()])  # type: ignore[arg-type]
    assert isinstance(statement(), Statement)
    assert isinstance(bundle(), TrustBundle)


def test_a_key_is_generated_by_the_name_of_its_algorithm(tmp_path: Any) -> None:
    for name in ("ed25519", "ecdsa-sha2-nistp256"):
        with attest.generate_key(f"file:{tmp_path}/{name}.pem", name) as signer:
            assert signer.public_key.algorithm.name == name
    with refused(InputError, "algorithm-unsupported"):
        attest.generate_key(f"file:{tmp_path}/x.pem", "ed448")
    with refused(SignerError, "backend-mismatch"):
        attest.generate_key(f"file:{tmp_path}/x.pem", "HSM-ECDSA-P256")
    with pytest.raises(TypeError, match="algorithm: expected an Algorithm or its name, found int"):
        attest.generate_key(f"file:{tmp_path}/x.pem", 7)  # type: ignore[arg-type]
    assert not (tmp_path / "x.pem").exists()
