"""Keys as tokens have them: labels that are not text, pairs that share an id, and private keys that stand alone."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

import pytest

import attest
from attest.signers.pkcs11.cryptoki.calls import Deadline
from tests.support.cli.calls import call
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.fixtures import cleared_faults, module_injector
from tests.support.tokens.hsm import PIN, SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tokens.injector import Arguments

__all__ = ["cleared_faults", "module_injector"]

# In a process of its own. The pairs `a`, `b` and `c` share an id, and `c` is on another curve. The certificate of
# `piv` has a label of its own, as on a YubiKey. `lone` has only its private half.
_KEYS = r"""
import sys
from datetime import datetime
import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute as A, KeyType, MechanismFlag, ObjectClass as O
from attest.signers.pkcs11.keys.attributes import public_key_of
from attest.signers.pkcs11.tokens.sessions import MAPPER

module, pin, folder = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label="t").open(rw=True, user_pin=pin, attribute_mapper=MAPPER)
P256, P384 = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06052b81040022")

def make(label, number, curve=P256):
    domain = session.create_domain_parameters(KeyType.EC, {A.EC_PARAMS: curve}, local=True)
    template = {A.SENSITIVE: True, A.EXTRACTABLE: False, A.PRIVATE: True}
    return domain.generate_keypair(
        id=bytes([number]), label=label, store=True, private_template=template,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
    )

def save(name, public):
    spki = serialization.load_der_public_key(public_key_of(public))
    pem = spki.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    open(f"{folder}/{name}.pem", "wb").write(pem)
    return spki

for label in "ab":
    save(label, make(label, 5)[0])
save("c", make("c", 5, P384)[0])
make("Schl\udcfcssel", 1)
make("red \x1b[31m", 2)
public, _ = make("lone", 3)
save("lone", public)
public.destroy()
public, _ = make("Private key", 4)
spki = save("piv", public)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "piv")])
builder = x509.CertificateBuilder(name, name, spki, 1, datetime(2001, 1, 1), datetime(2002, 1, 1))
signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
session.create_object({
    A.CLASS: O.CERTIFICATE, A.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509, A.TOKEN: True, A.ID: bytes([4]),
    A.LABEL: "Certificate", A.SUBJECT: name.public_bytes(), A.VALUE: signed.public_bytes(serialization.Encoding.DER),
})
public[A.LABEL] = "Public key"
"""
_PUBLIC_KEY_INFO, _EC_POINT = 0x129, 0x181


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pems")


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory, pems: Path) -> SoftHSM:
    folder = tmp_path_factory.mktemp("finding")
    made = SoftHSM.make(folder / f"hsm-{folder.name}", "t")
    made.run(sys.executable, "-c", _KEYS, str(made.module), PIN, str(pems))
    return made


def named(hsm: SoftHSM, names: str, **query: str) -> str:
    return hsm.uri("t", None, **query).replace("pkcs11:token=t", f"pkcs11:token=t;{names}", 1)


def keyid(pem: Path) -> str:
    return attest.PublicKey.parse(pem.read_bytes()).keyid


@pytest.mark.parametrize("label", ["a", "b", "c"])
@pytest.mark.parametrize("names", ["object={}", "object={};id=%05", "object={};type=public"])
def test_of_several_pairs_with_one_id_each_has_its_own_public_half(
    names: str, label: str, hsm: SoftHSM, pems: Path
) -> None:
    with attest.open_signer(named(hsm, names.format(label))) as signer:
        check(signer)
        assert signer.public_key.keyid == keyid(pems / f"{label}.pem")
        signer.verify(signer.sign(b"data").sig, b"data")


def test_an_id_that_several_pairs_have_is_ambiguous(hsm: SoftHSM) -> None:
    for names in ("id=%05", "id=%05;type=public"):
        with attest.open_signer(named(hsm, names)) as signer:
            error = refusal(signer)
        assert error.code == "key-ambiguous"
        assert all(f"'{label}' (id 05, EC)" in error.message for label in "abc")


@pytest.mark.parametrize(
    "names",
    ["object=Public%20key;type=public", "object=Certificate;type=cert", "id=%04;type=cert", "object=Private%20key"],
)
def test_a_public_object_names_the_private_key_that_belongs_to_it(names: str, hsm: SoftHSM, pems: Path) -> None:
    with attest.open_signer(named(hsm, names)) as signer:
        check(signer)
        assert signer.public_key.keyid == keyid(pems / "piv.pem")


@pytest.mark.parametrize("names", ["object=Private%20key;type=public", "object=lone;type=public", "object=a;type=cert"])
def test_an_object_of_the_type_must_be_there(names: str, hsm: SoftHSM) -> None:
    with attest.open_signer(named(hsm, names)) as signer:
        assert refusal(signer).code == "key-not-found"


@pytest.mark.parametrize("names", ["object=Schl%FCssel", "id=%01", "object=Schl%FCssel;type=public"])
def test_a_label_that_is_not_utf8_is_found_by_its_bytes(names: str, hsm: SoftHSM) -> None:
    with attest.open_signer(named(hsm, names)) as signer:
        check(signer)


def test_labels_are_shown_with_escapes(hsm: SoftHSM) -> None:
    with attest.open_signer(named(hsm, "object=Schl%FC")) as signer:
        error = refusal(signer)
    assert error.code == "key-not-found"
    assert r"object='Schl\xfc'" in error.message
    assert r"'Schl\xfcssel' (id 01, EC)" in error.message
    assert r"'red \x1b[31m' (id 02, EC)" in error.message
    assert error.message.isprintable()
    assert error.message.encode()


def test_a_lone_private_key_signs_with_the_public_key_in_a_file(hsm: SoftHSM, pems: Path) -> None:
    for form in (f"file:{pems}/lone.pem", f"{pems}/lone.pem", f"file://localhost{pems}/lone.pem"):
        with attest.open_signer(named(hsm, "object=lone", public_key=form)) as signer:
            check(signer)
            assert signer.public_key.keyid == keyid(pems / "lone.pem")


@pytest.mark.parametrize(
    ("file", "code", "says"),
    [
        ("a.pem", "key-mismatch", "does not belong to the private key"),
        ("c.pem", "key-mismatch", "does not belong to the private key"),
        ("missing.pem", "key-unreadable", "cannot be read"),
        ("text", "key-invalid", "cannot be read as a public key"),
    ],
)
def test_a_file_with_something_else_is_refused(file: str, code: str, says: str, hsm: SoftHSM, pems: Path) -> None:
    (pems / "text").write_text("no key\n")
    with attest.open_signer(named(hsm, "object=lone", public_key=f"file:{pems / file}")) as signer:
        error = refusal(signer)
    assert error.code == code
    assert says in error.message
    assert str(pems / file) in str(error)


def test_a_file_decides_even_where_the_token_has_a_public_key(hsm: SoftHSM, pems: Path) -> None:
    with attest.open_signer(named(hsm, "object=a", public_key=f"file:{pems}/b.pem")) as signer:
        assert refusal(signer).code == "key-mismatch"


def test_a_lone_private_key_without_a_file_says_what_to_add(hsm: SoftHSM) -> None:
    with attest.open_signer(named(hsm, "object=lone")) as signer:
        error = refusal(signer)
    assert error.code == "key-not-found"
    assert "public-key=file:PATH" in str(error.hint)


def answering(attribute: int, value: bytes) -> Callable[[Callable[..., int], Arguments], int]:
    """A C_GetAttributeValue that has one attribute more; by default SoftHSM's private keys do not report theirs."""

    class Attribute(ctypes.Structure):
        _fields_ = (("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("length", ctypes.c_ulong))

    def act(call: Callable[..., int], arguments: Arguments) -> int:
        one = Attribute.from_address(arguments[2])
        if arguments[3] != 1 or one.type != attribute:
            return call(*arguments)
        if one.value:
            ctypes.memmove(one.value, value, len(value))
        one.length = len(value)
        return 0

    return act


def spki_of(pem: Path) -> bytes:
    return attest.PublicKey.parse(pem.read_bytes()).spki


@pytest.mark.parametrize("attribute", [_PUBLIC_KEY_INFO, _EC_POINT])
def test_a_lone_private_key_may_report_its_public_half(
    attribute: int, hsm: SoftHSM, pems: Path, faults: FaultInjector
) -> None:
    spki = spki_of(pems / "lone.pem")
    faults.on("C_GetAttributeValue", answering(attribute, spki if attribute == _PUBLIC_KEY_INFO else spki[-65:]))
    with attest.open_signer(named(hsm, "object=lone")) as signer:
        check(signer)
        assert signer.public_key.keyid == keyid(pems / "lone.pem")


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        (_PUBLIC_KEY_INFO, b"", "key-not-found"),
        (_EC_POINT, b"", "key-not-found"),
        (_PUBLIC_KEY_INFO, b"no key", "key-invalid"),
        (_PUBLIC_KEY_INFO, None, "key-mismatch"),
    ],
)
def test_what_it_reports_is_proven_and_empty_means_unknown(
    attribute: int, value: bytes | None, code: str, hsm: SoftHSM, pems: Path, faults: FaultInjector
) -> None:
    other = spki_of(pems / "a.pem")
    faults.on("C_GetAttributeValue", answering(attribute, other if value is None else value))
    with attest.open_signer(named(hsm, "object=lone")) as signer:
        assert refusal(signer).code == code


def test_a_key_stays_pinned_although_its_public_object_is_gone(hsm: SoftHSM, tmp_path: Path) -> None:
    copy = hsm.twin(tmp_path / f"b-{tmp_path.name}")
    with attest.open_signer(named(copy, "object=a")) as signer:
        check(signer)
        script = "import sys, pkcs11; from pkcs11 import Attribute as A, ObjectClass as O; m, p = sys.argv[1:]\n"
        script += "s = pkcs11.lib(m).get_token(token_label='t').open(rw=True, user_pin=p)\n"
        script += "[k.destroy() for k in s.get_objects({A.CLASS: O.PUBLIC_KEY, A.LABEL: 'a'})]\n"
        copy.run(sys.executable, "-c", script, str(copy.module), PIN)
        connection = member_of(signer).connection
        connection.module.start_over(connection.module.generation, Deadline(10))
        check(signer)  # others with its id are there, and its own is not
    with attest.open_signer(named(copy, "object=a")) as signer:
        assert refusal(signer).code == "key-mismatch"


def test_no_pin_goes_to_another_token_that_matches_too(hsm: SoftHSM, tmp_path: Path) -> None:
    first, second = hsm.twin(tmp_path / f"c-{tmp_path.name}"), SoftHSM.make(tmp_path / f"d-{tmp_path.name}", "t")
    second.add_keys("t", "a=ecdsa-sha2-nistp256")
    with FaultInjector(first.module) as faults, attest.open_signer(named(first, "object=a", timeout="1")) as signer:
        check(signer)
        (first.folder / "tokens").rename(first.folder / "away")
        (second.folder / "tokens").rename(first.folder / "tokens")
        faults.calls.clear()
        connection = member_of(signer).connection
        connection.module.start_over(connection.module.generation, Deadline(10))
        error = refusal(signer)
        assert error.code == "token-not-found"
        assert "the token is not there" in error.message
        assert faults.calls["C_Login"] == 0


def test_texts_of_a_token_that_are_not_utf8_are_found_by_their_bytes(hsm: SoftHSM, faults: FaultInjector) -> None:
    def act(call: Callable[..., int], arguments: Arguments) -> int:
        code = call(*arguments)
        ctypes.memmove(arguments[1], b"Schl\xfcssel".ljust(32), 32)
        return code

    faults.on("C_GetTokenInfo", act)
    with attest.open_signer(
        named(hsm, "object=a").replace("token=t", "token=Schl%FCssel;model=SoftHSM%20v2")
    ) as signer:
        # The slot that is not initialised has the same label now, and is no token.
        check(signer)
    with attest.open_signer(named(hsm, "object=a").replace("token=t", "token=Schl%FDssel")) as signer:
        error = refusal(signer)
    assert error.code == "token-not-found"
    assert r"'Schl\xfcssel' (serial " in error.message


def test_a_module_that_does_not_start_is_named_and_tried_again(hsm: SoftHSM, tmp_path: Path) -> None:
    copy = hsm.twin(tmp_path / f"e-{tmp_path.name}")
    with FaultInjector(copy.module) as faults, attest.open_signer(named(copy, "object=a", timeout="1")) as signer:
        fault = faults.fail("C_Initialize", 0x5)
        error = refusal(signer)
        assert error.code == "module-failed"
        assert "C_Initialize returned CKR_GENERAL_ERROR (0x5)" in error.message
        assert fault.happened
        faults.clear()
        check(signer)


def test_everything_printed_about_odd_labels_can_be_shown(hsm: SoftHSM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
    refused = call("signer", "check", named(hsm, "object=none"))
    assert b"\x1b" not in refused.stderr
    assert refused.code == 4
