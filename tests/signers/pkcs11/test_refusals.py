"""What a signer in a token refuses to do, each with its stable code and with what would help."""

from __future__ import annotations

import os
import re
import sys
from glob import glob
from typing import TYPE_CHECKING

import pytest

import attest
from tests.support.cli.calls import call
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.hsm import PIN, SoftHSM, member_of

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = next(iter(glob("/usr/lib/*/libz.so.1") + glob("/lib/*/libz.so.1") + glob("/lib/*/libc.so.6")))

# Keys that no key generation of attest's makes: the odd ones, by label.
_ODD_KEYS = """
import sys
import pkcs11
from pkcs11 import Attribute as A, KeyType, MechanismFlag, ObjectClass
module, pin = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label="t").open(rw=True, user_pin=pin)
P256, P521 = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06052b81040023")

def make(label, number, curve=P256, **private):
    domain = session.create_domain_parameters(KeyType.EC, {A.EC_PARAMS: curve}, local=True)
    template = {A.SENSITIVE: True, A.EXTRACTABLE: False, A.PRIVATE: True, **{A[k]: v for k, v in private.items()}}
    return domain.generate_keypair(
        id=bytes([number]), label=label, store=True, private_template=template,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
    )

make("double", 2)
make("double", 3)
make("no-sign", 4, SIGN=False)
public, _ = make("swapped", 5)
public.destroy()
other, _ = make("other", 6)
other[A.ID] = bytes([5])
make("loose", 7, SENSITIVE=False, EXTRACTABLE=True)
public, _ = make("bare", 8)
public.destroy()
make("p521", 9, P521)
"""


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A token `t` with keys good and odd, two tokens `twin`, and one that isn't initialised."""
    folder = tmp_path_factory.mktemp("refusals")
    made = SoftHSM.make(folder / f"hsm-{folder.name}", "t", "twin", "twin")
    made.add_keys("t", "p256")
    made.run(sys.executable, "-c", _ODD_KEYS, str(made.module), PIN)
    pem = folder / "key.pem"
    call("key", "generate", f"file:{pem}", "--algorithm", "ecdsa-sha2-nistp256").done()
    made.import_key("t", pem, "imported", "0a")
    return made


def refused(uri: str) -> attest.SignerError:
    with attest.open_signer(uri) as signer:
        return refusal(signer)


def serials(hsm: SoftHSM, label: str) -> dict[str, str]:
    """The slots of the tokens with a label, by their serial numbers."""
    shown = hsm.run("softhsm2-util", "--show-slots")
    found = re.findall(r"^Slot (\d+)$.*?Serial number: +(\S*)$.*?Label: +(\S*) *$", shown, re.MULTILINE | re.DOTALL)
    return {serial: slot for slot, serial, name in found if name == label}


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("text", "module-invalid", "the module cannot be loaded: "),
        ("directory", "module-not-found", "the module does not exist"),
        ("library", "module-invalid", "not a PKCS#11 module: it has no C_GetFunctionList"),
        ("missing", "module-not-found", "the module does not exist"),
        ("empty", "module-invalid", "the module cannot be loaded: "),
        ("relative", "module-not-found", "expected the absolute path of a module"),
    ],
)
def test_what_is_not_a_module_is_refused(kind: str, code: str, says: str, hsm: SoftHSM, tmp_path: Path) -> None:
    paths = {"library": LIBRARY, "relative": os.path.relpath(hsm.module)}
    path = paths.get(kind, str(tmp_path / kind))
    if kind in ("text", "empty"):
        (tmp_path / kind).write_text("no ELF\n" if kind == "text" else "")
    elif kind == "directory":
        (tmp_path / kind).mkdir()
    error = refused(hsm.uri(module_path=path))
    assert error.code == code
    assert error.where in (path, os.path.realpath(path))
    assert says in error.message
    assert error.message.count(path) == 0


def test_a_module_name_that_is_not_known_is_refused(hsm: SoftHSM) -> None:
    error = refused(hsm.uri(module_path="", module_name="nosuch"))
    assert error.code == "module-not-found"
    assert "no module 'nosuch'" in error.message


def test_a_token_that_is_not_there_is_refused_with_those_that_are(hsm: SoftHSM) -> None:
    error = refused(hsm.uri("elsewhere"))
    assert error.code == "token-not-found"
    assert all(f"(serial {serial})" in error.message for serial in (*serials(hsm, "t"), *serials(hsm, "twin")))
    assert "token='elsewhere'" in str(error.where)


def test_a_token_that_is_not_initialised_is_refused(hsm: SoftHSM) -> None:
    (slot,) = serials(hsm, "").values()
    error = refused(hsm.uri("t").replace("token=t", f"slot-id={slot}"))
    assert (error.code, error.message) == ("token-not-found", "the token is not initialised")


def test_a_label_that_two_tokens_have_is_refused_until_one_is_named(hsm: SoftHSM) -> None:
    error = refused(hsm.uri("twin"))
    twins = serials(hsm, "twin")
    assert error.code == "token-ambiguous"
    assert "serial=" in str(error.hint)
    assert "slot-id=" in str(error.hint)
    for serial, slot in twins.items():
        assert f"(serial {serial})" in error.message
        for named in (f"serial={serial}", f"slot-id={slot}"):
            # The token is found: what is missing is the key.
            found = refused(hsm.uri("twin").replace("token=twin", f"token=twin;{named}"))
            assert found.code == "key-not-found"
            assert f"(serial {serial})" in found.message


def test_a_key_that_is_not_there_is_refused_with_those_that_are(hsm: SoftHSM) -> None:
    error = refused(hsm.uri("t", "elsewhere"))
    assert error.code == "key-not-found"
    assert "object='elsewhere'" in error.message
    for listed in ("'p256' (id 01, EC)", "'double' (id 02, EC)", "'imported' (id 0a, EC)"):
        assert listed in error.message
    by_id = refused(hsm.uri("t", "p256").replace("object=p256", "object=p256;id=%02"))
    assert by_id.code == "key-not-found"
    assert "object='p256' id=02" in by_id.message


def test_a_token_without_keys_says_so(tmp_path: Path) -> None:
    error = refused(SoftHSM.make(tmp_path / f"hsm-{tmp_path.name}", "t").uri())
    assert error.code == "key-not-found"
    assert error.message.endswith("the token has no private key with object='p256'; it has none")


def test_a_name_that_two_keys_have_is_refused_until_one_is_named(hsm: SoftHSM) -> None:
    error = refused(hsm.uri("t", "double"))
    (serial,) = serials(hsm, "t")
    assert error.code == "key-ambiguous"
    for named in ("2 keys match", "token 't'", f"(serial {serial})", "'double' (id 02, EC)", "'double' (id 03, EC)"):
        assert named in error.message
    assert "id=" in str(error.hint)
    for narrower in ("object=double;id=%03", "id=%02"):
        with attest.open_signer(hsm.uri("t", "double").replace("object=double", narrower)) as signer:
            check(signer)


def test_no_name_at_all_is_ambiguous_where_there_are_several_keys(hsm: SoftHSM) -> None:
    error = refused(hsm.uri("t", None))
    assert error.code == "key-ambiguous"
    assert "'p256' (id 01, EC)" in error.message


@pytest.mark.parametrize(
    ("key", "code", "says"),
    [
        ("no-sign", "key-not-allowed", "CKA_SIGN is false"),
        ("swapped", "key-mismatch", "the public key in the token does not belong to the private key"),
        ("bare", "key-not-found", "the token has no public key or certificate"),
        ("p521", "key-unsupported", "curve secp521r1 is not supported"),
    ],
)
@pytest.mark.parametrize("policy", ["off", "strict"])
def test_a_key_that_is_no_use_is_refused_under_every_policy(
    key: str, code: str, says: str, policy: str, hsm: SoftHSM
) -> None:
    error = refused(hsm.uri("t", key, key_policy=policy))
    assert error.code == code
    assert says in error.message


@pytest.mark.parametrize(
    ("key", "policy", "bad"),
    [
        ("imported", "strict", ["ALWAYS_SENSITIVE is false", "NEVER_EXTRACTABLE is false", "LOCAL is false"]),
        (
            "loose",
            "strict",
            ["SENSITIVE is false", "EXTRACTABLE is true", "ALWAYS_SENSITIVE is false", "NEVER_EXTRACTABLE is false"],
        ),
        ("loose", "standard", ["SENSITIVE is false", "EXTRACTABLE is true"]),
    ],
)
def test_a_key_that_breaks_its_policy_is_refused_with_every_attribute(
    key: str, policy: str, bad: list[str], hsm: SoftHSM
) -> None:
    error = refused(hsm.uri("t", key, key_policy=policy))
    assert (error.code, error.message) == ("key-not-allowed", f"the key violates key-policy={policy}: {', '.join(bad)}")


@pytest.mark.parametrize(
    ("key", "policy", "looked_at"),
    [("p256", "strict", 6), ("p256", "", 3), ("imported", "standard", 3), ("imported", "off", 0), ("loose", "off", 0)],
)
def test_a_key_that_keeps_its_policy_signs(key: str, policy: str, looked_at: int, hsm: SoftHSM) -> None:
    with attest.open_signer(hsm.uri("t", key, key_policy=policy)) as signer:
        check(signer)
        looked = member_of(signer).checks
    assert len(looked) == looked_at
    assert all(one.good for one in looked)
