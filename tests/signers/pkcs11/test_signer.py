"""Where the public key of a token's key comes from, and what it is compared with."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

import attest
from attest.signers.pkcs11.uri import percent_encode
from tests.support.cli.calls import call
from tests.support.tokens.checks import DATA, check
from tests.support.tokens.hsm import PIN, SoftHSM

if TYPE_CHECKING:
    from pathlib import Path

# In a process of its own. A certificate made of `junk` is one in name only.
_WITHOUT_PUBLIC_OBJECTS = """
import sys
from datetime import datetime
import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute as A, ObjectClass as O
from attest.signers.pkcs11.keys.attributes import public_key_of

module, pin = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label="t").open(rw=True, user_pin=pin)

def public(label):
    (key,) = session.get_objects({A.CLASS: O.PUBLIC_KEY, A.LABEL: label})
    return key

def certify(label, certificate=None):
    key = public(label)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, label)])
    spki = serialization.load_der_public_key(public_key_of(key))
    builder = x509.CertificateBuilder(name, name, spki, 1, datetime(2001, 1, 1), datetime(2002, 1, 1))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    session.create_object({
        A.CLASS: O.CERTIFICATE, A.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509, A.TOKEN: True, A.ID: key.id,
        A.LABEL: "certificate", A.SUBJECT: name.public_bytes(),
        A.VALUE: certificate or signed.public_bytes(serialization.Encoding.DER),
    })
    key.destroy()

for label in ("p256", "p384", "ed", "rsa"):
    certify(label)
certify("junk", b"junk")
public("alone").destroy()
public("renamed")[A.LABEL] = "elsewhere"
public("mute")[A.VERIFY] = False
"""
# Keys by where their public halves are found, once their public objects are gone.
KEYS = {
    "p256": "the certificate",
    "p384": "the certificate",
    "ed": "the certificate",
    "rsa": "the certificate",
    "junk": "the private key, because the certificate is none",
    "alone": "the private key",
}


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A token `t` whose keys lack their public objects, or have odd ones, and a key `whole` that has all."""
    folder = tmp_path_factory.mktemp("signer")
    made = SoftHSM.make(folder / f"hsm-{folder.name}", "t")
    rsa = [f"{name}=rsassa-pss-sha256" for name in ("alone", "junk")]
    ecdsa = [f"{name}=ecdsa-sha2-nistp256" for name in ("renamed", "mute", "whole")]
    made.add_keys("t", "p256", "p384", "ed", "rsa", *rsa, *ecdsa)
    with attest.open_signer(made.uri("t", "rsa")) as signer:
        before = signer.public_key
    made.run(sys.executable, "-c", _WITHOUT_PUBLIC_OBJECTS, str(made.module), PIN)
    with attest.open_signer(made.uri("t", "rsa")) as signer:
        assert signer.public_key == before
    return made


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key}-from-{KEYS[key].replace(' ', '-')}")
def test_a_key_without_a_public_object_signs(key: str, hsm: SoftHSM) -> None:
    with attest.open_signer(hsm.uri("t", key, key_policy="strict")) as signer:
        check(signer)


@pytest.mark.parametrize(
    ("key", "code", "says"),
    [
        ("p256", "key-not-found", "has no public key object for the key"),
        ("alone", "key-not-found", "has no public key object for the key"),
        ("mute", "key-not-allowed", "is not allowed to verify (CKA_VERIFY is false)"),
    ],
)
def test_a_token_that_cannot_verify_says_so_and_goes_on_signing(key: str, code: str, says: str, hsm: SoftHSM) -> None:
    with attest.open_signer(hsm.uri("t", key, timeout="1")) as signer:
        signature = signer.sign(DATA).sig
        ((before, _),) = signer.health()
        with pytest.raises(attest.SignerError) as caught:
            signer.verify(signature, DATA)
        assert (caught.value.code, says in caught.value.message) == (code, True)
        check(signer)
        ((after, _),) = signer.health()
        # Nothing was connected anew: other signers share the token, and its module has other tokens.
        assert (after["state"], after["connections"], after["errors"]) == ("up", before["connections"], {})


def test_a_public_object_belongs_by_its_id_and_not_by_its_label(hsm: SoftHSM) -> None:
    with attest.open_signer(hsm.uri("t", "renamed", timeout="1")) as signer:
        signature = signer.sign(DATA).sig
        signer.verify(signature, DATA)
        with pytest.raises(attest.Rejected):
            signer.verify(signature, DATA + b".")


@pytest.mark.parametrize("key", ["p256", "alone", "whole"])
def test_the_public_key_is_exported_wherever_it_comes_from(key: str, hsm: SoftHSM) -> None:
    exported = call("key", "export", hsm.uri("t", key))
    assert exported.code == 0
    with attest.open_signer(hsm.uri("t", key)) as signer:
        assert attest.PublicKey.parse(exported.stdout, algorithm=signer.public_key.algorithm.name) == signer.public_key


def bundled(folder: Path, uri: str, signer: str) -> attest.TrustKey:
    """What a trust bundle knows of the key at `uri`, but that it says that `signer` holds it."""
    trust = folder / "trust.json"
    call("trust", "init", "--anchor", "a", "--key", uri, "-o", str(trust)).done()
    document = json.loads(trust.read_bytes())
    document["anchors"]["a"]["keys"][0]["signer"] = signer
    return attest.TrustBundle.from_document(document).anchors["a"].keys[0]


def test_a_bundle_refuses_a_token_that_holds_another_key(hsm: SoftHSM, tmp_path: Path) -> None:
    elsewhere = hsm.uri("t", "p256")
    with pytest.raises(attest.SignerError) as caught:
        bundled(tmp_path, hsm.uri("t", "whole"), elsewhere).resolve()
    assert caught.value.code == "key-mismatch"
    with attest.open_signer(elsewhere) as other:
        assert other.public_key.keyid in caught.value.message


@pytest.mark.parametrize("failover", ["", "&failover={}"], ids=["alone", "with-a-failover-that-names-a-policy"])
def test_a_bundle_means_strict_unless_it_says_otherwise_of_this_very_key(failover: str, tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    call("key", "generate", f"file:{pem}", "--algorithm", "ecdsa-sha2-nistp256").done()
    imported = [SoftHSM.make(tmp_path / f"{name}-{tmp_path.name}", "t") for name in ("one", "two")]
    for hsm in imported:
        hsm.import_key("t", pem, "p256")
    one, two = (hsm.uri() for hsm in imported)
    # A `=` may stand for itself in a value, RFC 7512 section 2.3.
    nested = percent_encode(f"{two}&key-policy=off").replace("%3D", "=")
    with pytest.raises(attest.SignerError, match="key-policy=strict") as caught:
        bundled(tmp_path, one, one + failover.format(nested)).resolve().close()
    assert caught.value.code == "key-not-allowed"
