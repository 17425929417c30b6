"""Keys that a token generates: what it is asked before, how often, and what becomes of a key that cannot be used."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import pytest
from pkcs11 import Attribute, ObjectClass

import attest
from attest._base import notices
from attest.keys import algorithm_named
from attest.signers.pkcs11.keys.attributes import flag
from tests.support.cli.calls import call
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.fixtures import cleared_faults, module_injector
from tests.support.tokens.hsm import SoftHSM, member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.tokens.injector import Arguments, FaultInjector

__all__ = ["cleared_faults", "module_injector"]  # fixtures

GENERAL_ERROR, DEVICE_ERROR, MECHANISM_INVALID, ATTRIBUTE_READ_ONLY = 0x05, 0x30, 0x70, 0x10
TEMPLATE_REFUSED = (GENERAL_ERROR, 0x06, 0x07, ATTRIBUTE_READ_ONLY, 0x12, 0x13, 0xD1)
ECDSA, GCM = 0x1041, 0x1087
OTHER_USES = (Attribute.DECRYPT, Attribute.UNWRAP, Attribute.DERIVE)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    folder = tmp_path_factory.mktemp("generation")
    return SoftHSM.make(folder / folder.name, "t")


@pytest.fixture
def key(hsm: SoftHSM, request: pytest.FixtureRequest) -> str:
    """The URI of a key that is not there yet."""
    return hsm.uri(key=request.node.name, timeout="2")


@pytest.fixture
def secret_key(key: str) -> str:
    return key.replace("?", ";type=secret-key?", 1)


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    found: list[str] = []
    with notices.heard_by(found.append):
        yield found


class _Attribute(ctypes.Structure):
    """CK_ATTRIBUTE."""

    _fields_ = (("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("length", ctypes.c_ulong))


def types_in(template: int, count: int) -> set[int]:
    """The types of the attributes in a template of C_GenerateKeyPair."""
    return {attribute.type for attribute in (_Attribute * count).from_address(template)}


def names_uses(arguments: Arguments) -> bool:
    """Whether a template of C_GenerateKeyPair has CKA_ENCRYPT or CKA_DECRYPT."""
    return bool({Attribute.ENCRYPT, Attribute.DECRYPT} & (types_in(*arguments[2:4]) | types_in(*arguments[4:6])))


def is_about(mechanism: int) -> Callable[[Arguments], bool]:
    """Whether a call of C_...Init has a mechanism, which CK_MECHANISM begins with."""
    return lambda arguments: ctypes.c_ulong.from_address(arguments[1]).value == mechanism


def generate(uri: str) -> Any:
    return attest.generate_key(uri)


def refused(uri: str) -> attest.SignerError:
    with pytest.raises(attest.SignerError) as caught:
        generate(uri)
    return caught.value


def is_there(uri: str) -> bool:
    with attest.open_signer(uri) as signer:
        if ";type=secret-key" in uri:
            with pytest.raises(attest.SignerError) as caught:
                signer.decrypt(b"x" * 40)
            return caught.value.code != "key-not-found"
        return refusal(signer).code != "key-not-found"


def uses(signer: Any) -> dict[Attribute, bool | None]:
    """What a private key can do besides signing, as its token reports it."""
    member = member_of(signer)
    return member.perform(  # type: ignore[no-any-return]
        lambda entry: {use: flag(member.key_object(entry, ObjectClass.PRIVATE_KEY), use) for use in OTHER_USES}
    )


@pytest.mark.parametrize("code", TEMPLATE_REFUSED)
@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp256", "rsassa-pss-sha256"])
def test_a_key_can_only_sign_even_if_the_token_does_not_let_us_say_so_in_a_template(
    code: int, algorithm: str, key: str, faults: FaultInjector, warnings: list[str]
) -> None:
    faults.fail("C_GenerateKeyPair", code, when=names_uses)
    with attest.generate_key(key, algorithm_named(algorithm)) as signer:
        check(signer)
        assert faults.calls["C_GenerateKeyPair"] == 2
        assert uses(signer) == dict.fromkeys(OTHER_USES, False)
    assert warnings == []


def test_a_use_that_the_token_does_not_turn_off_is_a_warning(key: str, faults: FaultInjector) -> None:
    faults.fail("C_GenerateKeyPair", GENERAL_ERROR, when=names_uses)
    faults.fail("C_SetAttributeValue", ATTRIBUTE_READ_ONLY)
    ran = call("key", "generate", key)
    assert ran.code == 0
    assert ran.prose == ["attest: warning: the new key is not limited to signatures: the token also lets it decrypt"]
    with attest.open_signer(key) as signer:
        check(signer)
        assert uses(signer)[Attribute.DECRYPT] is True


def test_a_token_that_decrypts_whatever_it_reports_is_found_out(
    key: str, faults: FaultInjector, warnings: list[str]
) -> None:
    faults.on("C_DecryptInit", lambda _call, _arguments: 0)
    attest.generate_key(key, algorithm_named("rsassa-pss-sha256")).close()
    assert warnings == ["the new key is not limited to signatures: the token also lets it decrypt"]
    with attest.open_signer(key) as signer:
        check(signer)
        assert uses(signer)[Attribute.DECRYPT] is False


def test_a_module_that_is_known_to_refuse_the_template_is_not_sent_it(key: str, faults: FaultInjector) -> None:
    def tpm(call: Callable[..., int], arguments: Arguments) -> int:
        answer = call(*arguments)
        ctypes.memmove(arguments[0] + 2, b"tpm2-software.github.io".ljust(32), 32)  # CK_INFO.manufacturerID
        return answer

    faults.on("C_GetInfo", tpm)
    refusing = faults.fail("C_GenerateKeyPair", GENERAL_ERROR, when=names_uses)
    with generate(key) as signer:
        check(signer)
        assert uses(signer) == dict.fromkeys(OTHER_USES, False)
    assert (faults.calls["C_GenerateKeyPair"], refusing.happened) == (1, 0)


def test_a_token_that_still_answers_is_not_lost(key: str, faults: FaultInjector) -> None:
    faults.fail("C_GenerateKeyPair", GENERAL_ERROR)
    assert refused(key).code == "token-refused"
    assert faults.calls["C_GenerateKeyPair"] == 2


@pytest.mark.parametrize("code", [0x121, 0x54])
def test_a_token_without_random_numbers_answers_too(code: int, key: str, faults: FaultInjector) -> None:
    faults.fail("C_GenerateKeyPair", GENERAL_ERROR)
    faults.fail("C_GenerateRandom", code)
    assert refused(key).code == "token-refused"


def test_a_token_that_does_not_answer_is_lost(key: str, faults: FaultInjector) -> None:
    faults.fail("C_GenerateKeyPair", GENERAL_ERROR)
    faults.fail("C_GenerateRandom", GENERAL_ERROR)
    assert refused(key).code == "token-lost"


@pytest.mark.parametrize("code", [DEVICE_ERROR, MECHANISM_INVALID, 0x31, 0xB3, 0x101])
def test_no_other_error_is_an_answer_to_the_template(code: int, key: str, faults: FaultInjector) -> None:
    faults.fail("C_GenerateKeyPair", code)
    refused(key)
    assert faults.calls["C_GenerateKeyPair"] == 1


def test_a_key_that_was_made_in_spite_of_an_error_is_not_made_twice(key: str, faults: FaultInjector) -> None:
    def make_and_fail(call: Callable[..., int], arguments: Arguments) -> int:
        assert call(*arguments) == 0
        return GENERAL_ERROR

    faults.on("C_GenerateKeyPair", make_and_fail)
    error = refused(key)
    assert (error.code, error.message) == ("token-refused", "the token has made the key, but reported GeneralError")
    assert faults.calls["C_GenerateKeyPair"] == 1
    faults.clear()
    with attest.open_signer(key) as signer:
        check(signer)


def test_no_key_is_made_for_a_mechanism_that_the_token_does_not_have(secret_key: str, faults: FaultInjector) -> None:
    def without_gcm(call: Callable[..., int], arguments: Arguments) -> int:
        answer = call(*arguments)
        if arguments[1]:
            listed = (ctypes.c_ulong * ctypes.c_ulong.from_address(arguments[2]).value).from_address(arguments[1])
            listed[:] = [ECDSA if one == GCM else one for one in listed]
        return answer

    faults.on("C_GetMechanismList", without_gcm)
    faults.fail("C_GetMechanismInfo", MECHANISM_INVALID, when=lambda arguments: arguments[1] == GCM)
    assert refused(secret_key).code == "mechanism-missing"
    assert faults.calls["C_GenerateKey"] == 0


def test_a_mechanism_that_is_not_listed_but_described_is_there(secret_key: str, faults: FaultInjector) -> None:
    faults.on("C_GetMechanismList", _empty)
    with generate(secret_key) as signer:
        assert signer.decrypt(signer.encrypt(b"secret")) == b"secret"


def _empty(_call: Callable[..., int], arguments: Arguments) -> int:
    ctypes.c_ulong.from_address(arguments[2]).value = 0
    return 0


@pytest.mark.parametrize("function", ["C_GetMechanismList", "C_GetMechanismInfo"])
def test_a_token_that_does_not_say_what_it_can_do_is_tried(
    function: str, secret_key: str, faults: FaultInjector
) -> None:
    if function == "C_GetMechanismInfo":
        faults.on("C_GetMechanismList", _empty)
    faults.fail(function, 0x54)
    with generate(secret_key) as signer:
        assert signer.decrypt(signer.encrypt(b"secret")) == b"secret"


@pytest.mark.parametrize("code", [MECHANISM_INVALID, GENERAL_ERROR, 0x68])
def test_a_secret_key_that_does_not_encrypt_is_removed(code: int, secret_key: str, faults: FaultInjector) -> None:
    faults.fail("C_EncryptInit", code, when=is_about(GCM))
    error = refused(secret_key)
    assert error.code == "mechanism-missing"
    assert error.message.endswith("; it was removed")
    faults.clear()
    assert not is_there(secret_key)


def test_a_key_pair_that_does_not_sign_is_removed(key: str, faults: FaultInjector) -> None:
    faults.fail("C_SignInit", MECHANISM_INVALID)
    error = refused(key)
    assert error.code == "mechanism-missing"
    assert error.message.endswith("; it was removed")
    assert faults.calls["C_DestroyObject"] == 2
    faults.clear()
    assert not is_there(key)


def test_a_key_that_cannot_be_removed_is_named(secret_key: str, faults: FaultInjector) -> None:
    faults.fail("C_EncryptInit", MECHANISM_INVALID)
    faults.fail("C_DestroyObject", 0x1B)
    error = refused(secret_key)
    assert (error.code, error.where) == ("mechanism-missing", secret_key)
    assert "could not be removed" in error.message
    faults.clear()
    assert is_there(secret_key)


@pytest.mark.parametrize("code", [DEVICE_ERROR, 0x101, 0xB3])
def test_a_key_is_not_removed_because_its_token_is_gone(code: int, key: str, faults: FaultInjector) -> None:
    faults.fail("C_SignInit", code, last=2)
    generate(key).close()
    assert faults.calls["C_DestroyObject"] == 0
    with attest.open_signer(key) as signer:
        check(signer)


def test_a_token_whose_rsa_keys_are_too_short_says_how_long_they_can_be(key: str, faults: FaultInjector) -> None:
    def at_most_2048(call: Callable[..., int], arguments: Arguments) -> int:
        answer = call(*arguments)
        ctypes.c_ulong.from_address(arguments[2] + ctypes.sizeof(ctypes.c_ulong)).value = 2048  # ulMaxKeySize
        return answer

    faults.on("C_GetMechanismInfo", at_most_2048)
    faults.fail("C_GenerateKeyPair", 0x13)
    with pytest.raises(attest.SignerError, match=r"at most 2,048 bits, but attest needs 3,072 bits") as caught:
        attest.generate_key(key, algorithm_named("rsassa-pss-sha256"))
    assert caught.value.code == "mechanism-missing"


def test_the_length_of_what_is_encrypted_is_not_requested(secret_key: str, faults: FaultInjector) -> None:
    """NSS forgets the tag in its answer to a request, and then refuses a buffer of that length."""

    def like_nss(call: Callable[..., int], arguments: Arguments) -> int:
        _, _, length, output, room = arguments
        if output and ctypes.c_ulong.from_address(room).value < length + 16:
            return 0x150
        if output:
            return call(*arguments)
        ctypes.c_ulong.from_address(room).value = length
        return 0

    faults.on("C_Encrypt", like_nss)
    with generate(secret_key) as signer:
        for data in (b"", b"x", b"x" * 4096):
            assert signer.decrypt(signer.encrypt(data, b"a"), b"a") == data


def test_a_refused_encryption_is_not_called_a_failed_decryption(secret_key: str, faults: FaultInjector) -> None:
    with generate(secret_key) as signer:
        signer.encrypt(b"secret")
        faults.fail("C_Encrypt", 0x21)
        with pytest.raises(attest.SignerError) as caught:
            signer.encrypt(b"secret")
        assert caught.value.code == "token-refused"
