"""What `signer list` and `key export` show without a PIN, and that it can be used as it is printed."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest.signers.pkcs11 import survey
from attest.signers.pkcs11.configured import ConfiguredModule
from tests.support.cli.calls import call
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.hsm import PIN, SoftHSM
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# In a process of its own: pairs that share an id, odd labels, halves with different labels, and two that no URI tells
# apart.
_KEYS = r"""
import sys
import pkcs11
from pkcs11 import Attribute as A, KeyType, MechanismFlag
from attest.signers.pkcs11.tokens.sessions import MAPPER
module, pin = sys.argv[1:]
session = pkcs11.lib(module).get_token(token_label="t").open(rw=True, user_pin=pin, attribute_mapper=MAPPER)
domain = session.create_domain_parameters(KeyType.EC, {A.EC_PARAMS: bytes.fromhex("06082a8648ce3d030107")}, local=True)

def make(label, identifier):
    template = {A.SENSITIVE: True, A.EXTRACTABLE: False, A.PRIVATE: True}
    return domain.generate_keypair(
        id=identifier, label=label, store=True, private_template=template,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
    )

make("a", b"\5")
make("b", b"\5")
make("Schl\udcfcssel; 100% \x1b[31m", b"\xff\0")
make("", b"\7")
public, _ = make("private", b"\x08")
public[A.LABEL] = "public"
make("same", b"\x09")
make("same", b"\x09")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    folder = tmp_path_factory.mktemp("survey")
    hsm = SoftHSM.make(folder / f"hsm-{folder.name}", "t", "twin", "twin")
    hsm.run(sys.executable, "-c", _KEYS, str(hsm.module), PIN)
    return hsm


@pytest.fixture
def hsm(made: SoftHSM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHSM:
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "a" / "softhsm2.conf"))
    monkeypatch.delenv("ATTEST_PIN", raising=False)
    copy = made.twin(tmp_path / "a")
    renamed = copy.folder / f"lib-{tmp_path.name}.so"
    copy.module.rename(renamed)
    monkeypatch.setattr(SoftHSM, "module", renamed)
    return copy


@pytest.fixture
def faults(hsm: SoftHSM) -> Iterator[FaultInjector]:
    with FaultInjector(hsm.module) as injector:
        yield injector


def listed(hsm: SoftHSM, *more: str) -> list[dict[str, Any]]:
    paths = [word for path in (str(hsm.module), *more) for word in ("--module-path", path)]
    modules: list[dict[str, Any]] = call("signer", "list", "--format", "json", *paths).json["modules"]
    return modules


def keys(hsm: SoftHSM) -> list[dict[str, Any]]:
    (module,) = listed(hsm)
    (token,) = [token for token in module["tokens"] if token["token"] == "t"]
    found: list[dict[str, Any]] = token["keys"]
    return found


def test_every_uri_that_is_listed_signs_with_the_key_beside_it(hsm: SoftHSM, faults: FaultInjector) -> None:
    found = keys(hsm)
    assert faults.calls["C_Login"] == 0
    names = {(key["object"], key["id"]) for key in found}
    odd = "Schl\\xfcssel; 100% \x1b[31m"
    assert names == {("a", "05"), ("b", "05"), (odd, "ff00"), ("", "07"), ("public", "08"), ("same", "09")}
    for key in found:
        if key["object"] == "same":
            assert key["uri"] is None
            continue
        assert f"?module-path={hsm.module}" in key["uri"]
        with attest.open_signer(f"{key['uri']}&pin-source=file:{hsm.pin_file}") as signer:
            check(signer)


def test_the_text_has_the_same_uris_and_controls_no_terminal(hsm: SoftHSM) -> None:
    shown = call("signer", "list", "--module-path", str(hsm.module)).done().stdout
    for key in keys(hsm):
        assert (key["uri"] or "no URI: another key has the same label and id").encode() in shown
    assert b"\x1b" not in shown
    assert rb"'Schl\xfcssel; 100% \x1b[31m'" in shown
    assert re.search(rb"\n    \d+ mechanisms\n", shown)
    in_full = call("signer", "list", "-v", "--module-path", str(hsm.module)).done().stdout
    assert re.search(rb"\n    \d+ mechanisms: .*, ECDSA, .*\n", in_full)


def test_tokens_with_the_same_label_have_different_uris(hsm: SoftHSM) -> None:
    (module,) = listed(hsm)
    uris = [token["uri"] for token in module["tokens"] if token["token"] == "twin"]
    assert len(set(uris)) == 2
    for uri in uris:
        assert "slot-id=" not in uri  # it may change when the module starts again
        with attest.open_signer(f"{uri.replace('?', ';object=none?')}&pin-source=file:{hsm.pin_file}") as signer:
            assert refusal(signer).code == "key-not-found"


def test_a_module_that_is_broken_or_hangs_hides_nothing(hsm: SoftHSM, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no library\n")
    hanging = tmp_path / f"hangs-{tmp_path.name}.so"
    hanging.write_bytes(hsm.module.read_bytes())
    modules = [ConfiguredModule(path, path) for path in (str(tmp_path / "text"), str(hanging), str(hsm.module))]
    with FaultInjector(hanging) as injector:
        injector.hang("C_GetSlotList")
        broken, hangs, works = survey.survey_all(modules, timeout=5)
    assert (broken["code"], hangs["code"], "code" in works) == ("module-invalid", "token-timeout", False)
    assert len(works["tokens"]) == 4


def test_a_module_that_does_not_start_is_named_as_that(hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.fail("C_Initialize", 0x80000001)
    (module,) = listed(hsm)
    assert module["code"] == "module-failed"
    assert "the module did not start: C_Initialize returned an error (0x80000001)" in module["error"]


def test_tokens_are_shown_although_their_objects_cannot_be_read(hsm: SoftHSM, faults: FaultInjector) -> None:
    faults.fail("C_FindObjects", 0x6)
    (module,) = listed(hsm)
    assert "error" not in module
    assert [token["keys"] for token in module["tokens"]] == [[]] * 4
    assert all(token["mechanisms"] for token in module["tokens"])


def exported(uri: str) -> tuple[dict[str, Any], list[str]]:
    ran = call("key", "export", uri, "--format", "json")
    assert ran.code == 0, ran.prose
    return ran.json, ran.prose


def without_pin(hsm: SoftHSM, names: str) -> str:
    return f"pkcs11:token=t;{names}?module-path={hsm.module}"


@pytest.mark.parametrize("names", ["object=a", "object=a;id=%05", "object=public", "object=public;type=public"])
def test_a_public_key_is_exported_without_a_pin_and_with_a_warning(
    names: str, hsm: SoftHSM, faults: FaultInjector
) -> None:
    result, prose = exported(without_pin(hsm, names))
    assert faults.calls["C_Login"] == 0
    assert result["key"]["proven"] is False
    (warning,) = prose
    assert warning.startswith("attest: warning: the token showed this public key without a PIN")
    type_ = names if "type=" in names or "public" not in names else "id=%08"
    with attest.open_signer(f"{without_pin(hsm, type_)}&pin-source=file:{hsm.pin_file}") as signer:
        assert signer.public_key.keyid == result["key"]["keyid"]


@pytest.mark.parametrize("given", ["pin-source", "ATTEST_PIN", "ATTEST_PIN_T"])
def test_a_pin_that_is_given_proves_the_key(
    given: str, hsm: SoftHSM, faults: FaultInjector, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = without_pin(hsm, "object=a")
    if given == "pin-source":
        uri += f"&pin-source=file:{hsm.pin_file}"
    else:
        monkeypatch.setenv(given, PIN)
    result, prose = exported(uri)
    assert faults.calls["C_Login"] == 1
    assert faults.calls["C_Sign"] > 0
    assert (result["key"]["proven"], prose) == (True, [])


@pytest.mark.parametrize("names", ["object=private", "id=%05", "object=same"])
def test_where_not_exactly_one_key_is_shown_a_pin_is_needed(names: str, hsm: SoftHSM, faults: FaultInjector) -> None:
    call("key", "export", without_pin(hsm, names)).refused(4, "(pin-missing)", hint=True)
    assert faults.calls["C_Login"] == 0


def test_a_token_that_is_not_there_is_named_without_a_pin(hsm: SoftHSM) -> None:
    call("key", "export", without_pin(hsm, "object=a").replace("token=t", "token=u")).refused(4, "(token-not-found)")


def test_the_algorithm_of_the_answer_is_the_one_of_the_key(hsm: SoftHSM) -> None:
    uri = f"pkcs11:token=t;object=new?module-path={hsm.module}&pin-source=file:{hsm.pin_file}"
    made = call("key", "generate", uri, "--algorithm", "rsa-pkcs1v15-sha384", "--format", "json").json
    assert made["key"]["algorithm"] == "rsa-pkcs1v15-sha384"
    assert made["signer"] == f"{uri}&x-algorithm=rsa-pkcs1v15-sha384"
    with attest.open_signer(made["signer"]) as signer:
        assert signer.public_key.algorithm.name == "rsa-pkcs1v15-sha384"
        check(signer)
    call("key", "generate", made["signer"].replace("new", "newer"), "--algorithm", "rsassa-pss-sha256").refused(
        4, "expected algorithm rsassa-pss-sha256, found x-algorithm=rsa-pkcs1v15-sha384"
    )


def test_a_new_key_that_cannot_be_used_is_named(hsm: SoftHSM, faults: FaultInjector) -> None:
    # LOCAL is not reported, which key-policy=strict requires.
    faults.fail("C_GetAttributeValue", 0x12, when=lambda arguments: type_of(arguments[2]) == 0x163)
    uri = f"{without_pin(hsm, 'object=new;id=%42')}&pin-source=file:{hsm.pin_file}&key-policy=strict"
    error = call("key", "generate", uri).refused(4, "(key-not-allowed)")
    assert "the token has the new key with object='new' id=42" in error
    faults.clear()
    call("key", "check", uri).done()


def type_of(template: int) -> int:
    import ctypes

    return ctypes.c_ulong.from_address(template).value


def test_a_key_is_not_generated_where_no_token_is_initialised(hsm: SoftHSM) -> None:
    (module,) = listed(hsm)
    (slot,) = [token["slot"] for token in module["tokens"] if not token["initialised"]]
    uri = f"pkcs11:slot-id={slot};object=new?module-path={hsm.module}&pin-source=file:{hsm.pin_file}"
    error = call("key", "generate", uri).refused(4, "(token-not-found)", hint=True)
    assert "the token is not initialised" in error


def test_the_result_is_json_whatever_the_labels_are(hsm: SoftHSM) -> None:
    shown = call("signer", "list", "--format", "json", "--module-path", str(hsm.module)).done().stdout
    text = json.dumps(json.loads(shown), ensure_ascii=False)
    assert text.encode()  # no lone surrogates, which JSON cannot have
