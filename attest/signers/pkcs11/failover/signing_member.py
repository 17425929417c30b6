"""A private key in a token: checked before it is used, and its signatures before they leave.

Rule: every signature is verified with the pinned public key before it is returned; handles of a module are not trusted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import ObjectClass

from attest._base import files
from attest.errors import InputError, SignerError
from attest.keys import PublicKey
from attest.keys.formats import SUPPORTED
from attest.signers._member import PIN_REFUSED
from attest.signers.pkcs11.cryptoki import codes, forks
from attest.signers.pkcs11.cryptoki.calls import TimedOut
from attest.signers.pkcs11.cryptoki.codes import Reaction
from attest.signers.pkcs11.cryptoki.module import Stale
from attest.signers.pkcs11.failover.member import GroupMember
from attest.signers.pkcs11.keys import attributes, context, finding
from attest.signers.pkcs11.keys.mechanisms import Plan, SignOperation, plans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.signers._protocol import AttributeCheck
    from attest.signers.pkcs11.cryptoki.calls import Deadline
    from attest.signers.pkcs11.failover.recovery import MemberUnavailable
    from attest.signers.pkcs11.tokens.pool import Entry, SessionPool

# A test signature is over this and 32 random bytes, which no PAE can be.
CANARY: Final = b"attest canary, not a DSSE payload: "
_LOGINS: Final = 2  # for one signature: another process may use the token between the login and the signature
_OTHER_FILE: Final = "Name another file with `public-key=`, or leave it out if the token has the public key."


class SigningMember(GroupMember):
    """A private key. Without a `pinned` public key, that of the first connection is pinned."""

    _plan: Plan | None = None
    _login_each_time = False

    def sign(self, data: bytes) -> bytes:
        """A signature over `data` that the pinned key accepts. Raises as `perform`."""
        began = monotonic()
        signature = self.repeat(lambda deadline, pool: self._sign(data, deadline, pool))
        assert self.pinned is not None  # noqa: S101
        if not self.pinned.accepts(signature, data):
            raise self.distrust()
        self._took(monotonic() - began)
        return signature

    def sign_ahead(self, data: Sequence[bytes], made: list[bytes]) -> None:
        """Append to `made` the signatures that it lacks, over the rest of `data`; the caller must verify them.

        They are made in one session, and each has the time of one call. Raises as `perform`; what was made before
        stays.
        """
        began, before = monotonic(), len(made)
        self.repeat(lambda deadline, pool: self._sign_ahead(data, made, deadline, pool))
        self._took((monotonic() - began) / max(1, len(made) - before))

    def distrust(self) -> MemberUnavailable:
        """The token has returned a signature that the key does not verify: connect, and check the key, again."""
        self.errors["signature-faulty"] += 1
        if self._pool is not None:
            self._pool.lost = True
        message = "the token returned a signature that its public key does not verify"
        return self._down(self._error("token-lost", message))

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether the token verifies a signature, with its public key object. Raises as `perform`."""
        return self.perform(lambda entry: self._verify(entry, signature, data))

    def _check(self, deadline: Deadline) -> None:
        """Everything that must hold before this member signs, each time it is connected."""
        checks = self._once(self._read_attributes, deadline)
        attributes.demand(checks, self._policy, str(self.uri))
        self.checks = checks
        found = self._proven(deadline)
        if self.pinned is not None and self.pinned.spki != found.spki:
            raise self._error("key-mismatch", f"expected key {self.pinned.keyid}, found {found.keyid}")
        self.pinned = self.pinned or found

    def _proven(self, deadline: Deadline) -> PublicKey:
        """The public key that verifies a test signature of the private key; its plan is kept.

        Several objects may share the id of the private key, so the first one is not always its own. What the private
        key itself reports is read last, because most tokens have public objects. A pinned key needs none of them.
        """
        if self.pinned is not None:
            try:
                return self._prove([self.pinned], deadline)
            except SignerError as error:
                _demand_about_key(error)  # what comes next says which key is there instead
        if self.uri.public_key_file is not None:
            return self._prove([self._from_file(self.uri.public_key_file)], deadline)
        found, unsupported = self._once(self._read_beside, deadline)
        mismatch = None
        if found:
            try:
                return self._prove(self._parsed(found), deadline)
            except SignerError as error:
                _demand_about_key(error)
                mismatch = error
        own, more = self._once(self._read_own, deadline)
        if own:
            return self._prove(self._parsed(own), deadline)
        if mismatch is not None:
            raise mismatch
        if unsupported := [*unsupported, *more]:
            raise self._error("key-unsupported", f"attest cannot use the key: {unsupported[0]}", hint=SUPPORTED)
        raise self._error(
            "key-not-found",
            "the token has no public key or certificate for the private key",
            hint="Add `public-key=file:PATH` to the signer URI: a file with the public key or its certificate.",
        )

    def _prove(self, keys: Sequence[PublicKey], deadline: Deadline) -> PublicKey:
        """The key that verifies a test signature. Raises SignerError `key-mismatch` or `mechanism-missing`."""
        canary = CANARY + os.urandom(32)
        signatures: dict[str, tuple[Plan, bytes] | None] = {}
        for key in keys:
            name = key.algorithm.name
            if name not in signatures:
                signatures[name] = self._test_signature(key, canary, deadline)
            made = signatures[name]
            if made is not None and key.accepts(made[1], canary):
                self._plan = made[0]
                return key
        if any(signatures.values()):
            place = self.uri.public_key_file or "the token"
            message = f"the public key in {place} does not belong to the private key"
            raise self._error("key-mismatch", message, hint=None if self.uri.public_key_file is None else _OTHER_FILE)
        raise self._error("mechanism-missing", f"the token cannot sign with {' or '.join(signatures)}")

    def _test_signature(self, key: PublicKey, canary: bytes, deadline: Deadline) -> tuple[Plan, bytes] | None:
        """A signature by the first plan that the token does not refuse, and this plan."""
        for plan in self._plans(key, deadline):
            try:
                return plan, self._sign_by(plan, canary, deadline)
            except p11.PKCS11Error as error:
                if codes.reaction(error) is not Reaction.FINAL:
                    raise
        return None

    def _plans(self, key: PublicKey, deadline: Deadline) -> list[Plan]:
        """The plans for the key, those first that the token lists; lists are known to be wrong, so all are tried."""
        listed = self.connection.mechanisms(deadline)
        return sorted(plans(key.algorithm), key=lambda plan: plan.mechanism not in listed)

    def _parsed(self, found: Sequence[bytes]) -> list[PublicKey]:
        """The keys that fit the algorithm of the URI. Raises SignerError if none does: why the first one does not."""
        keys, errors = [], []
        for spki in found:
            try:
                keys.append(self._parse(spki, "the key"))
            except SignerError as error:
                errors.append(error)
        if not keys:
            raise errors[0]
        return keys

    def _parse(self, data: bytes, what: str) -> PublicKey:
        try:
            with forks.gate.held():
                key = PublicKey.parse(data, algorithm=self._algorithm, what=what)
                key.accepts(b"", b"")  # the first check with a type of key imports its libraries
        except InputError as error:
            raise SignerError(error.code, error.message, where=str(self.uri), hint=error.hint) from None
        return key

    def _from_file(self, path: str) -> PublicKey:
        try:
            data = files.read(path)
        except InputError as error:
            raise SignerError("key-unreadable", error.message, where=path) from None
        return self._parse(data, path)

    def _read_attributes(self, entry: Entry) -> tuple[AttributeCheck, ...]:
        key = self._private(entry)
        if not hasattr(key, "sign"):
            raise self._error("key-not-allowed", "the key is not allowed to sign (CKA_SIGN is false)")
        self._login_each_time = context.needed(key)
        return attributes.check_policy(key, self._policy)

    def _read_beside(self, entry: Entry) -> tuple[list[bytes], list[str]]:
        """The public keys in the objects that may belong to the private key, as `attributes.public_keys_of`."""
        key = self._private(entry)
        return attributes.public_keys_of(finding.public_objects(entry.session, key, self.uri))

    def _read_own(self, entry: Entry) -> tuple[list[bytes], list[str]]:
        """The public key that the private key itself reports; none if `type` names another object as its source."""
        if self.uri.type in finding.PUBLIC_TYPES:
            return [], []
        return attributes.public_keys_of([self._private(entry)])

    def _still_works(self, deadline: Deadline) -> bool:
        """Whether a test signature on another session works: then an ambiguous error was about the request."""
        canary = CANARY + os.urandom(32)
        try:
            signature = self._sign(canary, deadline)
        except (TimedOut, Stale, p11.PKCS11Error):
            return False
        return self.pinned is not None and self.pinned.accepts(signature, canary)

    def _sign(self, data: bytes, deadline: Deadline, pool: SessionPool | None = None) -> bytes:
        if self._plan is None:
            raise Stale
        return self._sign_by(self._plan, data, deadline, pool)

    def _sign_ahead(self, data: Sequence[bytes], made: list[bytes], deadline: Deadline, pool: SessionPool) -> None:
        plan = self._plan
        if plan is None:
            raise Stale
        if self._login_each_time:
            for one in data[len(made) :]:
                made.append(self._sign_by(plan, one, deadline, pool))
                deadline.restart(self.timeout)
            return
        # A call that missed its deadline may come back later: what it makes then must not get between the others.
        new: list[bytes] = []
        rest = data[len(made) :]

        def sign(entry: Entry) -> None:
            operation = self._operation(plan, entry)
            for one in rest:
                new.append(operation.sign(one))
                deadline.restart(self.timeout)

        try:
            self._once(sign, deadline, pool)
        finally:
            made += new

    def _took(self, seconds: float) -> None:
        self.seconds = seconds if self.seconds is None else self.seconds * 0.9 + seconds * 0.1

    def _sign_by(self, plan: Plan, data: bytes, deadline: Deadline, pool: SessionPool | None = None) -> bytes:
        if not self._login_each_time:
            return self._once(lambda entry: self._operation(plan, entry).sign(data), deadline, pool)
        for _ in range(_LOGINS):
            with suppress(context.LoginLost):
                return self._sign_with_login(plan, data, deadline, pool)
        raise self._error("token-refused", "the token accepted a login for the signature, but did not sign")

    def _sign_with_login(self, plan: Plan, data: bytes, deadline: Deadline, pool: SessionPool | None) -> bytes:
        """A signature with a login of its own. Raises MemberUnavailable if the token refuses that."""
        try:
            with self.connection.log_in_each_time(self._pin, deadline) as login:
                return self._run(
                    lambda entry: context.sign(self._operation(plan, entry), data, login, entry.session),
                    login.deadline,
                    pool,
                )
        except SignerError as error:
            if error.code in PIN_REFUSED:
                raise self._down(error) from None
            raise

    def _operation(self, plan: Plan, entry: Entry) -> SignOperation:
        """How the key signs in a session; prepared once for each."""
        place = self._place(plan)
        operation: SignOperation | None = entry.objects.get(place)
        if operation is None:
            operation = entry.objects[place] = SignOperation(self._private(entry), plan)
        return operation

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
        place = self._place(ObjectClass.PUBLIC_KEY)
        found = entry.objects.get(place)
        if found is None:
            private = self._private(entry)
            for found in finding.belonging(entry.session, private, ObjectClass.PUBLIC_KEY):
                if self.pinned is not None and attributes.public_keys_of([found])[0] == [self.pinned.spki]:
                    break
            else:
                raise self._error(
                    "key-not-found", "the token has no public key object for the key, so it cannot verify"
                )
            if not hasattr(found, "verify"):
                raise self._error("key-not-allowed", "the public key is not allowed to verify (CKA_VERIFY is false)")
            entry.objects[place] = found
        return found


def _demand_about_key(error: SignerError) -> None:
    """Raises an error of the token or a login again: another try would send a PIN once more, and prove nothing."""
    if not error.code.startswith(("key-", "mechanism-")):
        raise error
