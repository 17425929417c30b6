"""Secret keys in a token: AES-GCM that notices every change, and software keys that only a token opens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import attest
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.tokens.pool import SessionPool
from attest.signers.pkcs11.uri import percent_encode
from tests.support.cli.calls import call
from tests.support.tokens.hsm import PIN, SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from pathlib import Path

    from attest.signers import BaseSigner


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHSM:
    monkeypatch.chdir(tmp_path)
    return SoftHSM.make(tmp_path / f"hsm-{tmp_path.name}", "t")


def secret_key(hsm: SoftHSM, name: str = "wrap;type=secret-key", **query: str) -> str:
    return hsm.uri("t", None, **query).replace("pkcs11:token=t", f"pkcs11:token=t;object={name}", 1)


def refusal(signer: BaseSigner, data: bytes, associated: bytes) -> str:
    with pytest.raises(attest.SignerError) as caught:
        signer.decrypt(data, associated)
    return caught.value.code


@pytest.mark.parametrize("algorithm", ["HSM-AES-128-GCM", "HSM-AES-256-GCM"])
def test_what_was_encrypted_comes_back_and_no_change_goes_unnoticed(algorithm: str, hsm: SoftHSM) -> None:
    uri = secret_key(hsm, x_algorithm=algorithm)
    with attest.generate_key(uri) as signer:
        for data in (b"", b"secret", b"x" * 100_000):
            sealed = signer.encrypt(data, b"what it is for")
            assert signer.decrypt(sealed, b"what it is for") == data
            assert len(sealed) == 12 + len(data) + 16
        assert signer.encrypt(b"secret") != signer.encrypt(b"secret")
        sealed = signer.encrypt(b"secret", b"a")
        first, last = (bytes([sealed[place] ^ 1]) for place in (0, -1))
        for changed in (sealed[:-1], sealed + b"\0", first + sealed[1:], sealed[:-1] + last, b""):
            assert refusal(signer, changed, b"a") == "decryption-failed"
        assert refusal(signer, sealed, b"b") == "decryption-failed"
        assert signer.decrypt(sealed, b"a") == b"secret"
        assert signer.capabilities == {"encrypt", "decrypt", "digest"}
        for missing in (lambda: signer.public_key, lambda: signer.sign(b"")):
            with pytest.raises(attest.SignerError, match="cannot sign"):
                missing()


def test_a_nonce_is_made_anew_for_every_attempt(hsm: SoftHSM) -> None:
    with attest.generate_key(secret_key(hsm)) as signer:
        signer.encrypt(b"")
        with FaultInjector(hsm.module) as faults:
            faults.fail("C_Encrypt", 0xB3, last=1)
            sealed = signer.encrypt(b"secret")
            assert faults.calls["C_Encrypt"] > 1
        assert signer.decrypt(sealed) == b"secret"


def test_a_key_pair_is_no_secret_key_and_failover_is_not_for_secrets(hsm: SoftHSM) -> None:
    hsm.add_keys("t", "p256")
    with attest.open_signer(hsm.uri()) as signer, pytest.raises(attest.SignerError) as caught:
        signer.encrypt(b"")
    assert caught.value.code == "capability-missing"
    with attest.open_signer(secret_key(hsm, "nothing;type=secret-key")) as signer:
        assert refusal(signer, b"x" * 40, b"") == "key-not-found"
    with pytest.raises(attest.SignerError, match="cannot be used together"):
        attest.open_signer(secret_key(hsm, failover=secret_key(hsm)))


def test_a_token_digests(hsm: SoftHSM) -> None:
    hsm.add_keys("t", "p256")
    with attest.open_signer(hsm.uri()) as signer:
        assert signer.digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        with pytest.raises(attest.SignerError) as caught:
            signer.digest(b"", "md5")
        assert caught.value.code == "mechanism-missing"


def test_a_wrapped_key_signs_with_the_token_and_without_it_is_nothing(hsm: SoftHSM, tmp_path: Path) -> None:
    uri = secret_key(hsm)
    call("key", "generate", uri).done()
    call("key", "generate", "file:release.pem").done()
    call("key", "wrap", "file:release.pem", "--with", uri, "-o", "release.wrapped").done()
    opened = f"file:release.wrapped?with={percent_encode(uri)}"
    assert call("key", "export", opened).stdout == call("key", "export", "file:release.pem").stdout
    (tmp_path / "app.whl").write_bytes(b"hello\n")
    call("build", "app.whl", "--type", "https://example.com/x/v1", "-o", "s.json").done()
    call("sign", "s.json", "--signer", opened, "-o", "e.json").done()
    call("trust", "init", "--anchor", "release", "--key", "file:release.pem", "-o", "trust.json").done()
    call("verify", "e.json", "--trust", "trust.json", "--artifact", "app.whl").done()
    call("sign", "s.json", "--signer", "file:release.wrapped").refused(4, "(key-unreadable)", hint=True)
    wrapped = (tmp_path / "release.wrapped").read_text()
    (tmp_path / "release.wrapped").write_text(wrapped.replace('"keyid": "', '"keyid": "0'))
    call("key", "check", opened).refused(4, "(decryption-failed)")
    (tmp_path / "release.wrapped").write_text("{}")
    call("key", "check", opened).refused(4, "(wrapped-invalid)", hint=True)


# In a process of its own: the key is destroyed, and another one with its label and id takes its place.
_RENEW = """
import sys
import pkcs11
from pkcs11 import Attribute as A, ObjectClass as O
from attest.signers.pkcs11.keys.generation import make_secret_key
module, pin = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label="t").open(rw=True, user_pin=pin)
(key,) = session.get_objects({A.CLASS: O.SECRET_KEY, A.LABEL: "wrap"})
identifier = key.id
key.destroy()
make_secret_key(session, 256, "wrap", identifier)
"""


LONG = b"x" * 50  # longer than what a look at the key encrypts


def renew(hsm: SoftHSM) -> None:
    hsm.run(sys.executable, "-c", _RENEW, str(hsm.module), PIN)


@pytest.mark.parametrize("how", ["in the same session", "in a new session", "after a restart"])
def test_nothing_is_encrypted_with_a_key_that_took_the_place_of_the_first(how: str, hsm: SoftHSM) -> None:
    with attest.generate_key(secret_key(hsm, timeout="2")) as signer:
        before = signer.encrypt(b"secret")
        renew(hsm)
        connection = member_of(signer).connection
        if how == "in a new session":
            connection.pool.close(Deadline(5))
            connection._pool = SessionPool(connection.module, connection.pool.generation, connection._token, 2)
        elif how == "after a restart":
            connection.module.start_over(connection.module.generation, Deadline(5))
        with FaultInjector(hsm.module) as faults:
            ours = faults.fail("C_Encrypt", 0x6, when=lambda arguments: arguments[2] == len(LONG))
            for _ in range(3):
                with pytest.raises(attest.SignerError) as caught:
                    signer.encrypt(LONG)
                assert caught.value.code == "key-mismatch"
            assert not ours.matched
    with attest.open_signer(secret_key(hsm)) as signer:
        assert refusal(signer, before, b"") == "decryption-failed"
        assert signer.decrypt(signer.encrypt(b"secret")) == b"secret"


def test_a_handle_that_names_another_key_now_encrypts_nothing(hsm: SoftHSM) -> None:
    """As after a reconnect that was not noticed: the session and the handle are valid, and the key is another one."""
    call("key", "generate", secret_key(hsm, "other;type=secret-key")).done()
    with (
        attest.generate_key(secret_key(hsm)) as signer,
        attest.open_signer(secret_key(hsm, "other;type=secret-key")) as other,
    ):
        signer.encrypt(b"")
        other.encrypt(b"")
        entry = member_of(signer).connection.pool._free[0]
        places = {place[1]: place for place in entry.objects}
        entry.objects[places["wrap"]] = entry.objects[places["other"]]
        with FaultInjector(hsm.module) as faults:
            ours = faults.fail("C_Encrypt", 0x6, when=lambda arguments: arguments[2] == len(LONG))
            with pytest.raises(attest.SignerError) as caught:
                signer.encrypt(LONG)
            assert caught.value.code == "key-mismatch"
            assert not ours.matched


def test_a_key_that_only_seems_replaced_because_the_token_is_gone_is_not_refused(hsm: SoftHSM) -> None:
    with attest.generate_key(secret_key(hsm, timeout="5")) as signer:
        signer.encrypt(b"")
        with FaultInjector(hsm.module) as faults:
            faults.fail("C_Decrypt", 0x5, last=1)
            faults.fail("C_Encrypt", 0x5, last=1)
            sealed = signer.encrypt(b"secret")
        assert signer.decrypt(sealed) == b"secret"
