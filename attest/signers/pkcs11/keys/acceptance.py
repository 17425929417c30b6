"""What a token is asked before it generates a key, and what is tried with the key afterwards.

Rule: a list of mechanisms may be incomplete, so only a trial shows what a key can do; a key that fails it is removed.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import Attribute, KeyType, Mechanism

from attest._base import notices
from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki import binding, codes
from attest.signers.pkcs11.cryptoki.codes import Reaction
from attest.signers.pkcs11.keys import gcm
from attest.signers.pkcs11.keys.attributes import flag
from attest.signers.pkcs11.keys.mechanisms import plans

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pkcs11.types import Slot

    from attest.keys import Algorithm
    from attest.signers.pkcs11.cryptoki.binding import Session

_DATA: Final = b"attest canary, not a DSSE payload: a new key"

# What a private key can be used for besides signatures.
_OTHER_USES: Final[Mapping[Attribute, str]] = {
    Attribute.DECRYPT: "decrypt",
    Attribute.UNWRAP: "unwrap keys",
    Attribute.DERIVE: "derive keys",
}


def demand_signing(session: Session, algorithm: Algorithm) -> None:
    """Raises SignerError `mechanism-missing` if the token lists no mechanism that a new key could sign with."""
    mechanisms = [plan.mechanism for plan in plans(algorithm)]
    if algorithm.family.startswith("rsa"):
        mechanisms.append(Mechanism.RSA_PKCS)  # tpm2-pkcs11 signs with RSA-PSS too, but does not list it
    _demand_listed(session, mechanisms, f"sign with {algorithm.name}")


def demand_encrypting(session: Session) -> None:
    """Raises SignerError `mechanism-missing` if the token does not list AES-GCM."""
    _demand_listed(session, [Mechanism.AES_GCM], "encrypt with AES-GCM")


def accept_pair(public: Any, private: Any, algorithm: Algorithm) -> None:
    """Sign with a new key pair, and limit it to signatures, as the last use of its session.

    Raises SignerError `mechanism-missing` if it cannot sign; it is then removed.
    """

    def sign() -> None:
        refused: p11.PKCS11Error = p11.KeyTypeInconsistent("CKA_SIGN is false")
        for plan in plans(algorithm) if hasattr(private, "sign") else ():
            try:
                plan.sign(private, _DATA)
            except p11.PKCS11Error as error:
                refused = error
            else:
                return
        raise refused

    _try(private.session, sign, [private, public], f"sign with {algorithm.name}")
    _limit(private)


def accept_secret(key: Any) -> None:
    """Encrypt and decrypt with a new AES key.

    Raises SignerError `mechanism-missing` if it cannot do that; it is then removed.
    """

    def encrypt_and_decrypt() -> None:
        sealed = gcm.encrypt(key, _DATA, b"")
        if gcm.decrypt(key, sealed, b"") != _DATA:
            raise p11.FunctionNotSupported

    _try(key.session, encrypt_and_decrypt, [key], "encrypt and decrypt with AES-GCM")


def is_refusal(session: Session, error: p11.PKCS11Error) -> bool:
    """Whether an error is the token's answer to a request, and not the end of the connection."""
    reaction = codes.reaction(error)
    return reaction is Reaction.FINAL or (reaction is Reaction.PROBE and _answers(session))


def _demand_listed(session: Session, mechanisms: Collection[Mechanism], what: str) -> None:
    slot = session.token.slot
    try:
        listed = not slot.get_mechanisms().isdisjoint(mechanisms) or any(_described(slot, one) for one in mechanisms)
    except p11.PKCS11Error:
        return  # the token does not answer the question, so the trial decides
    if not listed:
        hint = "Choose another algorithm: `attest signer list -v` shows the mechanisms of the token."
        raise SignerError("mechanism-missing", f"the token cannot {what}, so no key was generated", hint=hint)


def _described(slot: Slot, mechanism: Mechanism) -> bool:
    try:
        slot.get_mechanism_info(mechanism)
    except p11.MechanismInvalid:
        return False
    return True


def _answers(session: Session) -> bool:
    """Whether the token, and not only its module, answers."""
    try:
        session.generate_random(64)
    except (p11.RandomNoRNG, p11.FunctionNotSupported):
        return True
    except p11.PKCS11Error:
        return False
    return True


def _try(session: Session, use: Callable[[], None], made: list[Any], what: str) -> None:
    try:
        use()
    except p11.PKCS11Error as error:
        if not is_refusal(session, error):
            return  # the next use of the key tells what is wrong
        reason = f"the new key cannot {what}: {codes.name(error)}"
        raise SignerError("mechanism-missing", f"{reason}; {_removed(made)}") from None


def _removed(made: list[Any]) -> str:
    try:
        for key in made:
            key.destroy()
    except p11.PKCS11Error as error:
        return f"it could not be removed: {codes.name(error)}"
    return "it was removed"


def _limit(private: Any) -> None:
    """Turn off every other use that the token gave a new key; warn of those that are left."""
    left = [words for use, words in _OTHER_USES.items() if flag(private, use) and not _turned_off(private, use)]
    if not left and _decrypts(private):
        left = ["decrypt"]
    if left:
        notices.warn(f"the new key is not limited to signatures: the token also lets it {' and '.join(left)}")


def _turned_off(private: Any, use: Attribute) -> bool:
    try:
        private[use] = False
    except p11.PKCS11Error:
        return False
    return flag(private, use) is False


def _decrypts(private: Any) -> bool:
    """Whether the token starts a decryption, whatever it reports: for tpm2-pkcs11, CKA_DECRYPT is only a note.

    The session is then in the middle of it, and is good for nothing else.
    """
    if private.key_type is not KeyType.RSA:
        return False
    mechanism = binding.Mechanism(Mechanism.RSA_PKCS)
    handle, key = ctypes.c_ulong(private.session.handle), ctypes.c_ulong(private.handle)
    try:
        binding.call(private.session, "DecryptInit", handle, ctypes.byref(mechanism), key)
    except p11.PKCS11Error:
        return False
    return True
