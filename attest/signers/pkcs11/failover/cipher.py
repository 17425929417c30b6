"""A secret key in a token that encrypts: AES-GCM with a nonce made here, and a tag that is checked.

Rule: every attempt has a new nonce, nothing is encrypted with another key than the first one, and the error of a failed
decryption does not say why the token refused it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import pkcs11.exceptions as p11
from pkcs11 import Attribute, KeyType, ObjectClass

from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.calls import TimedOut
from attest.signers.pkcs11.cryptoki.codes import Reaction
from attest.signers.pkcs11.cryptoki.module import Stale
from attest.signers.pkcs11.failover.member import GroupMember
from attest.signers.pkcs11.keys import context, gcm

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers.pkcs11.cryptoki.calls import Deadline
    from attest.signers.pkcs11.tokens.pool import Entry

_T = TypeVar("_T")

_CANARY: Final = b"attest canary"
# The additional data of a check value, which no caller of `encrypt` uses.
_CHECK_VALUE: Final = b"attest check value of a key"


class CipherMember(GroupMember):
    """An AES key of 128 or 256 bits that a URI names; `algorithm` is its `HSM-AES-` name once it is connected.

    What `encrypt` returns is nonce, ciphertext and tag in one, SP 800-38D. A secret key has no public half to pin, so
    the first connection keeps a check value, which only this key decrypts.
    """

    algorithm: str = ""
    _check_value: bytes | None = None

    def encrypt(self, data: bytes, associated: bytes) -> bytes:
        """Encrypt in the token. Raises as `perform`."""
        return self.perform(lambda entry: self._encrypt(entry, data, associated))

    def decrypt(self, data: bytes, associated: bytes) -> bytes:
        """Decrypt in the token. Raises as `perform`; SignerError `decryption-failed` for anything that was changed."""
        if len(data) < gcm.NONCE_BYTES + gcm.TAG_BYTES:
            raise self._error("decryption-failed", "the encrypted data is too short")
        try:
            return self.perform(lambda entry: self._decrypt(entry, data, associated))
        except SignerError as error:
            if error.code != "token-refused":
                raise
            # For a wrong tag SoftHSM returns GENERAL_ERROR, others ENCRYPTED_DATA_INVALID or AEAD_DECRYPT_FAILED.
            message = "the data was changed, or was encrypted with another key or for another purpose"
            raise self._error("decryption-failed", message) from None

    def perform(self, operation: Callable[[Entry], _T]) -> _T:
        """As every member, and raises MemberUnavailable `key-mismatch` if the key was replaced."""
        try:
            return super().perform(operation)
        except SignerError as error:
            if error.code == "key-mismatch":
                raise self._down(error) from None
            raise

    def _encrypt(self, entry: Entry, data: bytes, associated: bytes) -> bytes:
        return gcm.encrypt(self._same_key(entry), data, associated)

    def _decrypt(self, entry: Entry, data: bytes, associated: bytes) -> bytes:
        return gcm.decrypt(self.key_object(entry, ObjectClass.SECRET_KEY), data, associated)

    def _same_key(self, entry: Entry) -> Any:
        """The key, if it decrypts the check value. Raises SignerError `key-mismatch`, or the module's error.

        This is done before each encryption: a label, an id and even a handle may come to name a key that was made anew.
        """
        key = self.key_object(entry, ObjectClass.SECRET_KEY)
        if self._check_value is None:
            return key
        try:
            same = gcm.decrypt(key, self._check_value, _CHECK_VALUE) == _CANARY
        except p11.PKCS11Error as error:
            # The error for a wrong tag differs between tokens, so a key that works otherwise is the proof.
            if codes.reaction(error) not in (Reaction.FINAL, Reaction.PROBE) or not _works(key):
                raise
            same = False
        if not same:
            raise self._error("key-mismatch", "the secret key is not the one that was used first: it was replaced")
        return key

    def _check(self, deadline: Deadline) -> None:
        self.algorithm = self._once(self._algorithm_of, deadline)
        try:
            works = self._once(self._keep_check_value, deadline) and self._round_trip(deadline)
        except p11.PKCS11Error as error:
            if codes.reaction(error) not in (Reaction.FINAL, Reaction.PROBE):
                raise  # about the token, and not about the key
            raise self._refused(error) from None
        if not works:
            raise self._error("mechanism-missing", "the token cannot decrypt what it encrypted")

    def _keep_check_value(self, entry: Entry) -> bool:
        """Make the check value, if there is none. Returns whether the key decrypts it."""
        if self._check_value is None:
            key = self.key_object(entry, ObjectClass.SECRET_KEY)
            sealed = gcm.encrypt(key, _CANARY, _CHECK_VALUE)
            if gcm.decrypt(key, sealed, _CHECK_VALUE) != _CANARY:
                return False
            self._check_value = sealed
        return True

    def _algorithm_of(self, entry: Entry) -> str:
        key: Any = self.key_object(entry, ObjectClass.SECRET_KEY)
        bits = key[Attribute.VALUE_LEN] * 8 if key.key_type is KeyType.AES else 0
        if bits not in (128, 256):
            raise self._error("key-not-allowed", "the key is not an AES key of 128 or 256 bits")
        if not (hasattr(key, "encrypt") and hasattr(key, "decrypt")):
            raise self._error("key-not-allowed", "the key is not allowed to both encrypt and decrypt")
        if context.needed(key):
            message = "the secret key needs a login for each operation, which is supported for private keys only"
            raise self._error("key-not-allowed", message)
        return f"HSM-AES-{bits}-GCM"

    def _round_trip(self, deadline: Deadline) -> bool:
        sealed = self._once(lambda entry: self._encrypt(entry, _CANARY, b""), deadline)
        return self._once(lambda entry: self._decrypt(entry, sealed, b""), deadline) == _CANARY

    def _still_works(self, deadline: Deadline) -> bool:
        try:
            return self._round_trip(deadline)
        except (TimedOut, Stale, p11.PKCS11Error):
            return False


def _works(key: Any) -> bool:
    """Whether the key decrypts what it encrypts."""
    try:
        return gcm.decrypt(key, gcm.encrypt(key, _CANARY, b""), b"") == _CANARY
    except p11.PKCS11Error:
        return False
