"""A private key in a token: checked before it is used, and its signatures before they leave.

Rule: every signature is verified with the pinned public key before it is returned; handles of a module are not trusted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import Attribute, ObjectClass

from attest.errors import InputError, SignerError
from attest.keys import PublicKey
from attest.signers.pkcs11 import attributes, codes, context, forks
from attest.signers.pkcs11.binding import find
from attest.signers.pkcs11.calls import TimedOut
from attest.signers.pkcs11.codes import Reaction
from attest.signers.pkcs11.mechanisms import Plan, plans
from attest.signers.pkcs11.member import GroupMember
from attest.signers.pkcs11.module import Stale

if TYPE_CHECKING:
    from attest.signers.pkcs11.attributes import AttributeCheck
    from attest.signers.pkcs11.calls import Deadline
    from attest.signers.pkcs11.pool import Entry

# A test signature is over this and 32 random bytes, which no PAE can be.
CANARY: Final = b"attest canary, not a DSSE payload: "
_LOGINS: Final = 2  # for one signature: another process may use the token between the login and the signature
_REFUSED: Final = frozenset({"pin-wrong", "pin-locked", "pin-expired", "login-failed"})


class SigningMember(GroupMember):
    """A private key. Without a `pinned` public key, that of the first connection is pinned."""

    _plan: Plan | None = None
    _login_each_time = False

    def sign(self, data: bytes) -> bytes:
        """A signature over `data` that the pinned key accepts. Raises as `perform`."""
        began = monotonic()
        signature = self.repeat(lambda deadline: self._sign(data, deadline))
        assert self.pinned is not None  # noqa: S101
        if not self.pinned.accepts(signature, data):
            self.errors["signature-faulty"] += 1
            self.connection.lost(self._epoch)
            raise self._down(
                self._error("token-lost", "the token returned a signature that its public key does not verify")
            )
        taken = monotonic() - began
        self.seconds = taken if self.seconds is None else self.seconds * 0.9 + taken * 0.1
        return signature

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether the token verifies a signature, with its public key object. Raises as `perform`."""
        return self.perform(lambda entry: self._verify(entry, signature, data))

    def _check(self, deadline: Deadline) -> None:
        """Everything that must hold before this member signs, each time it is connected."""
        spki, checks = self._once(self._read, deadline)
        attributes.demand(checks, self._policy, str(self.uri))
        self.checks = checks
        try:
            with forks.gate.held():
                found = PublicKey.parse(spki, algorithm=self._algorithm, what="the key")
                found.accepts(b"", b"")  # the first check with a type of key imports its libraries
        except InputError as error:
            raise SignerError(error.code, error.message, where=str(self.uri), hint=error.hint) from None
        if self.pinned is not None and self.pinned.spki != found.spki:
            raise self._error("key-mismatch", f"expected key {self.pinned.keyid}, found {found.keyid}")
        canary = CANARY + os.urandom(32)
        for plan in self._plans(found, deadline):
            try:
                signature = self._sign_by(plan, canary, deadline)
            except p11.PKCS11Error as error:
                if codes.reaction(error) is not Reaction.FINAL:
                    raise
                continue
            if not found.accepts(signature, canary):
                raise self._error("key-mismatch", "the public key in the token does not belong to the private key")
            self._plan, self.pinned = plan, self.pinned or found
            return
        raise self._error("mechanism-missing", f"the token cannot sign with {found.algorithm.name}")

    def _plans(self, key: PublicKey, deadline: Deadline) -> list[Plan]:
        """The plans for the key, those first that the token lists; lists are known to be wrong, so all are tried."""
        listed = self.connection.mechanisms(deadline)
        return sorted(plans(key.algorithm), key=lambda plan: plan.mechanism not in listed)

    def _read(self, entry: Entry) -> tuple[bytes, tuple[AttributeCheck, ...]]:
        """The key's SubjectPublicKeyInfo and its attributes."""
        key = self._private(entry)
        if not hasattr(key, "sign"):
            raise self._error("key-not-allowed", "the key is not allowed to sign (CKA_SIGN is false)")
        self._login_each_time = context.needed(key)
        objects = {ObjectClass.PRIVATE_KEY: [key]}
        for kind in (ObjectClass.PUBLIC_KEY, ObjectClass.CERTIFICATE):
            objects[kind] = _beside(key, kind, entry)
        spki = attributes.public_key_of(objects)
        if spki is None:
            raise self._error(
                "key-not-found", "the token has no public key or certificate of a supported type for the private key"
            )
        return spki, attributes.check_policy(key, self._policy)

    def _still_works(self, deadline: Deadline) -> bool:
        """Whether a test signature on another session works: then an ambiguous error was about the request."""
        canary = CANARY + os.urandom(32)
        try:
            signature = self._sign(canary, deadline)
        except (TimedOut, Stale, p11.PKCS11Error):
            return False
        return self.pinned is not None and self.pinned.accepts(signature, canary)

    def _sign(self, data: bytes, deadline: Deadline) -> bytes:
        if self._plan is None:
            raise Stale
        return self._sign_by(self._plan, data, deadline)

    def _sign_by(self, plan: Plan, data: bytes, deadline: Deadline) -> bytes:
        if not self._login_each_time:
            return self._once(lambda entry: plan.sign(self._private(entry), data), deadline)
        for _ in range(_LOGINS):
            with suppress(context.LoginLost):
                return self._sign_with_login(plan, data, deadline)
        raise self._error("token-refused", "the token accepted a login for the signature, and did not sign")

    def _sign_with_login(self, plan: Plan, data: bytes, deadline: Deadline) -> bytes:
        """A signature with a login of its own. Raises MemberUnavailable if the token refuses that."""
        try:
            with self.connection.log_in_each_time(self._pin, deadline) as login:
                return self._run(
                    lambda entry: context.sign(entry.session, self._private(entry), plan, data, login), login.deadline
                )
        except SignerError as error:
            if error.code in _REFUSED:
                raise self._down(error) from None
            raise

    def _private(self, entry: Entry) -> Any:
        return self.key_object(entry, ObjectClass.PRIVATE_KEY)

    def _verify(self, entry: Entry, signature: bytes, data: bytes) -> bool:
        if self._plan is None:
            raise Stale
        return self._plan.verify(self._public_object(entry), signature, data)

    def _public_object(self, entry: Entry) -> Any:
        """The object in a session that holds the pinned key; looked up once for each.

        A token without such an object is not lost: it signs, and its public key is known from a certificate or the
        private key.
        """
        place = (ObjectClass.PUBLIC_KEY, self.uri.object, self.uri.id)
        found = entry.objects.get(place)
        if found is None:
            private = self._private(entry)
            for found in _beside(private, ObjectClass.PUBLIC_KEY, entry):
                if (
                    self.pinned is not None
                    and attributes.public_key_of({ObjectClass.PUBLIC_KEY: [found]}) == self.pinned.spki
                ):
                    break
            else:
                raise self._error(
                    "key-not-found", "the token has no public key object for the key, so it cannot verify"
                )
            if not hasattr(found, "verify"):
                raise self._error("key-not-allowed", "the public key is not allowed to verify (CKA_VERIFY is false)")
            entry.objects[place] = found
        return found


def _beside(private: Any, kind: ObjectClass, entry: Entry) -> list[Any]:
    """The objects of `kind` that belong to a private key: by its id or, where it has none, its label."""
    same = {Attribute.ID: private.id} if private.id else {Attribute.LABEL: private.label}
    return find(entry.session, {Attribute.CLASS: kind, **same})
