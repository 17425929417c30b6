"""Generate keys in a token: private keys that never leave it and can only sign.

Rule: a key with the same name is never replaced or duplicated, and nothing is tried twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from attest.errors import SignerError
from attest.keys.formats import NEW_RSA_BITS
from attest.signers.pkcs11.attributes import CURVES, PARAMETER_SETS
from attest.signers.pkcs11.binding import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.keys import Algorithm

_PRIVATE: Final[Mapping[Attribute, Any]] = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}


def make_key_pair(session: Any, algorithm: Algorithm, label: str | None, identifier: bytes) -> None:
    """Generate a key pair through a logged-in read-write session; raises the module's error."""
    settings: dict[str, Any] = {
        "id": identifier,
        "label": label or "",
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "private_template": dict(_PRIVATE),
    }
    if algorithm.family == "ml-dsa":
        parameter = {Attribute.PARAMETER_SET: PARAMETER_SETS[algorithm.parameter]}
        session.generate_keypair(KeyType.ML_DSA, public_template=parameter, **settings)
    elif algorithm.family.startswith("rsa"):
        session.generate_keypair(KeyType.RSA, NEW_RSA_BITS, **settings)
    else:
        edwards = algorithm.family == "ed25519"
        domain = session.create_domain_parameters(
            KeyType.EC_EDWARDS if edwards else KeyType.EC,
            {Attribute.EC_PARAMS: CURVES["ed25519" if edwards else algorithm.parameter]},
            local=True,
        )
        mechanism = Mechanism.EC_EDWARDS_KEY_PAIR_GEN if edwards else Mechanism.EC_KEY_PAIR_GEN
        domain.generate_keypair(mechanism=mechanism, **settings)


def make_secret_key(session: Any, bits: int, label: str | None, identifier: bytes) -> None:
    """Generate an AES key that can only encrypt and decrypt; errors as `make_key_pair`."""
    session.generate_key(
        KeyType.AES,
        bits,
        id=identifier,
        label=label or "",
        store=True,
        capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
    )


def demand_new(session: Any, kind: ObjectClass, label: str | None, identifier: bytes) -> None:
    """Raises SignerError `key-exists` if the token has a key of this kind with the label or the id."""
    names: list[dict[Attribute, Any]] = [{Attribute.ID: identifier}]
    names += [{Attribute.LABEL: label}] if label is not None else []
    for name in names:
        if find(session, {Attribute.CLASS: kind, **name}):
            raise SignerError("key-exists", "the token already has a key with the same label or id")
