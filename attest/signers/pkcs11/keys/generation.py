"""Generate keys in a token: private keys that never leave it and can only sign.

Rule: a key with the same name is never replaced or duplicated, and nothing is tried again unless the token has refused
it and made nothing.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT

from attest.errors import SignerError
from attest.keys.formats import NEW_RSA_BITS
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.binding import find, manufacturer
from attest.signers.pkcs11.keys import acceptance
from attest.signers.pkcs11.keys.attributes import CURVES, PARAMETER_SETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest.keys import Algorithm
    from attest.signers.pkcs11.cryptoki.binding import Session

_PRIVATE: Final[Mapping[Attribute, Any]] = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}

# Some modules refuse CKA_ENCRYPT and CKA_DECRYPT in a template, even if they are false. Of these, by their
# CK_INFO.manufacturerID, it is known; the others are found out by their refusal. With tpm2-pkcs11 a refusal costs
# an object in the TPM, which has room for a few, and prints a message.
_REFUSE_USES: Final = frozenset({"tpm2-software.github.io"})
_LEFT_OUT: Final[tuple[Mapping[Attribute, Any], ...]] = ({Attribute.ENCRYPT: DEFAULT}, {Attribute.DECRYPT: DEFAULT})
# How modules refuse a template.
_TEMPLATE_REFUSED: Final = (
    p11.TemplateInconsistent,
    p11.AttributeTypeInvalid,
    p11.AttributeValueInvalid,
    p11.AttributeReadOnly,
    p11.ArgumentsBad,
    p11.GeneralError,
    p11.FunctionFailed,
)
# How they refuse a type or size of key.
_KIND_REFUSED: Final = (p11.MechanismInvalid, p11.FunctionNotSupported, p11.DomainParamsInvalid, p11.KeySizeRange)
_CURVE_NOT_SUPPORTED: Final = "0x140"


def demand_key_pair(session: Session, algorithm: Algorithm, label: str | None, identifier: bytes) -> None:
    """Raises SignerError for a key pair that cannot be made.

    `key-exists` if the token has a private key with the label or the id, and `mechanism-missing` as `make_key_pair`.
    """
    _demand_new(session, ObjectClass.PRIVATE_KEY, label, identifier)
    acceptance.demand_signing(session, algorithm)


def demand_secret_key(session: Session, label: str | None, identifier: bytes) -> None:
    """As `demand_key_pair`, for an AES key."""
    _demand_new(session, ObjectClass.SECRET_KEY, label, identifier)
    acceptance.demand_encrypting(session)


def make_key_pair(session: Session, algorithm: Algorithm, label: str | None, identifier: bytes) -> None:
    """Generate a key pair through a logged-in read-write session, after `demand_key_pair`.

    Raises SignerError: `mechanism-missing` if the token cannot make or use such a key, `token-refused` if it refuses
    for another reason; and the module's error if the token does not answer any more.
    """
    with _explained(session, algorithm.name):
        if manufacturer(session) in _REFUSE_USES:
            pair = _pair(session, algorithm, label, identifier, *_LEFT_OUT)
        else:
            try:
                pair = _pair(session, algorithm, label, identifier)
            except _TEMPLATE_REFUSED as error:
                if _holds(session, ObjectClass.PRIVATE_KEY, label, identifier):
                    message = f"the token has made the key, but reported {codes.name(error)}"
                    raise SignerError("token-refused", message) from None
                pair = _pair(session, algorithm, label, identifier, *_LEFT_OUT)
    acceptance.accept_pair(*pair, algorithm)


def make_secret_key(session: Session, bits: int, label: str | None, identifier: bytes) -> None:
    """Generate an AES key that can only encrypt and decrypt, after `demand_secret_key`; errors as `make_key_pair`."""
    with _explained(session, f"AES-{bits}"):
        key = session.generate_key(
            KeyType.AES,
            bits,
            id=identifier,
            label=label or "",
            store=True,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
        )
    acceptance.accept_secret(key)


def _pair(
    session: Session,
    algorithm: Algorithm,
    label: str | None,
    identifier: bytes,
    public: Mapping[Attribute, Any] | None = None,
    private: Mapping[Attribute, Any] | None = None,
) -> tuple[Any, Any]:
    """The public and the private key that the token makes; the templates add to, and replace, ours."""
    settings: dict[str, Any] = {
        "id": identifier,
        "label": label or "",
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "public_template": dict(public or {}),
        "private_template": {**_PRIVATE, **(private or {})},
    }
    if algorithm.family == "ml-dsa":
        settings["public_template"][Attribute.PARAMETER_SET] = PARAMETER_SETS[algorithm.parameter]
        return session.generate_keypair(KeyType.ML_DSA, **settings)  # type: ignore[no-any-return]
    if algorithm.family.startswith("rsa"):
        return session.generate_keypair(KeyType.RSA, NEW_RSA_BITS, **settings)  # type: ignore[no-any-return]
    edwards = algorithm.family == "ed25519"
    domain = session.create_domain_parameters(
        KeyType.EC_EDWARDS if edwards else KeyType.EC,
        {Attribute.EC_PARAMS: CURVES["ed25519" if edwards else algorithm.parameter]},
        local=True,
    )
    mechanism = Mechanism.EC_EDWARDS_KEY_PAIR_GEN if edwards else Mechanism.EC_KEY_PAIR_GEN
    return domain.generate_keypair(mechanism=mechanism, **settings)  # type: ignore[no-any-return]


@contextmanager
def _explained(session: Session, name: str) -> Iterator[None]:
    """Name the token's refusal to generate a key; the errors of a token that is gone are left as they are."""
    try:
        yield
    except p11.PKCS11Error as error:
        if isinstance(error, _KIND_REFUSED) or _CURVE_NOT_SUPPORTED in str(error):
            message = f"the token cannot generate a key for {name}: {codes.name(error)}"
            raise SignerError("mechanism-missing", message) from None
        if not acceptance.is_refusal(session, error):
            raise
        if name.startswith("rsa") and (limit := _largest_rsa_key(session)) < NEW_RSA_BITS:
            message = f"the token generates RSA keys of at most {limit:,} bits, but attest needs {NEW_RSA_BITS:,} bits"
            raise SignerError("mechanism-missing", message) from None
        message = f"the token refused to generate a key for {name}: {codes.name(error)}"
        raise SignerError("token-refused", message) from None


def _largest_rsa_key(session: Session) -> float:
    """The size in bits of the largest RSA key that the token says it generates; no limit if it does not say."""
    try:
        limit: int = session.token.slot.get_mechanism_info(Mechanism.RSA_PKCS_KEY_PAIR_GEN).max_key_length
    except p11.PKCS11Error:
        return math.inf
    return limit or math.inf


def _demand_new(session: Session, kind: ObjectClass, label: str | None, identifier: bytes) -> None:
    if _holds(session, kind, label, identifier):
        hint = "Use another label with `object=`, or remove the key with the tool of the token."
        raise SignerError("key-exists", "the token already has a key with the same label or id", hint=hint)


def _holds(session: Session, kind: ObjectClass, label: str | None, identifier: bytes) -> bool:
    names: list[dict[Attribute, Any]] = [{Attribute.ID: identifier}]
    names += [{Attribute.LABEL: label}] if label is not None else []
    return any(find(session, {Attribute.CLASS: kind, **name}) for name in names)
