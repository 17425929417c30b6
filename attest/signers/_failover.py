"""`failover=URI[ URI...]`: one key in several places, of any schemes; if one is not available, the next one signs.

Rule: a failover changes no result, because all members hold the same key; a member with another key is an error.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, suppress
from copy import copy
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from attest._base import notices
from attest._base.threads import ForkLock
from attest.envelope import Signature
from attest.errors import SignerError
from attest.signers._base import BaseSigner
from attest.signers._member import NEVER_SKIPPED, FailoverMember, demand_same, listed, warn_of_mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from attest.keys import PublicKey
    from attest.signers._protocol import AttributeCheck, KeyHealth
    from attest.signers._uri import SignerURI

# Seconds that others get at the first use once one member has the key, so that a wrong key is found before the first
# signature.
_GRACE: Final = 0.5

_CAPABILITIES: Final = frozenset({"sign", "verify", "digest"})

_T = TypeVar("_T")


class FailoverSigner(BaseSigner):
    """Signers of one key, in the order in which they are tried.

    The key is pinned at the first use. A member that fails is left alone for a while, and then tried again in the
    background with what is being signed, while another one signs. If none else can sign, each is tried at once.
    """

    def __init__(self, uri: SignerURI, signers: Sequence[BaseSigner]) -> None:
        super().__init__(uri)
        self._members = [FailoverMember(signer) for signer in signers]
        self.files = tuple(file for signer in signers for file in signer.files)
        self.variables = tuple(name for signer in signers for name in signer.variables)
        self.reads_stdin = any(signer.reads_stdin for signer in signers)
        self.failovers = 0
        self._key: PublicKey | None = None
        self._connecting = ForkLock()
        for signer in signers:
            signer.waits = False

    @property
    def capabilities(self) -> frozenset[str]:
        """What all members can do; a key that encrypts cannot be compared, so these do not."""
        return _CAPABILITIES.intersection(*(member.signer.capabilities for member in self._members))

    @property
    def public_key(self) -> PublicKey:
        """The key that all members hold. Raises SignerError as they do, and `key-mismatch`."""
        self._demand_open()
        return self._pinned()

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Those of the first member that has some and was used."""
        used = [member.signer for member in self._members if member.worked]
        return next((signer.certificates for signer in used if signer.certificates), ())

    @property
    def version_uri(self) -> str | None:
        """The version that signs now: that of the first member that is available."""
        return next((member.signer.version_uri for member in self._members if member.state == "up"), None)

    def shown_public_key(self) -> PublicKey | None:
        """What the first member shows."""
        self._demand_open()
        return self._members[0].signer.shown_public_key()

    def sign(self, data: bytes) -> Signature:
        """Have the first member sign that can; the pinned key verified the signature. Raises SignerError."""
        return self._perform(lambda member: self._signed(member, data), again=data)

    def sign_many(self, data: Sequence[bytes]) -> list[Signature | SignerError]:
        """Sign each of `data`; if a member fails, the next one signs the rest."""
        if not data:
            return []
        made: list[Signature] = []

        def act(member: FailoverMember) -> None:
            for one, signature in zip(data[len(made) :], member.signer.sign_many(data[len(made) :]), strict=True):
                if isinstance(signature, SignerError):
                    raise signature
                made.append(self._verified(member, signature, one))

        try:
            self._perform(act, again=data[0])
        except SignerError as error:
            return [*made, *(copy(error) for _ in data[len(made) :])]
        return list(made)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Have the first member check a signature that can. Raises Rejected `signature-invalid`, or SignerError."""
        if "verify" not in self.capabilities:
            self._lacks("verify")
        self._perform(lambda member: member.signer.verify(signature, data))

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """A hex digest that the first member computes that can. Raises SignerError."""
        if "digest" not in self.capabilities:
            self._lacks("digest")
        return self._perform(lambda member: member.signer.digest(data, algorithm))

    def health(self) -> list[tuple[KeyHealth, tuple[AttributeCheck, ...]]]:
        """The state of each member, and of each token of one; connects nothing."""
        return [entry for member in self._members for entry in member.health()]

    def settle(self) -> None:
        """Connect every member. Raises SignerError for one that holds another key, and not for one that is down."""
        self._demand_open()
        self._pinned()
        for member in self._members:
            with suppress(SignerError):
                self._used(member, lambda member: member.signer.settle())
            if member.state == "wrong" and member.reason is not None:
                raise copy(member.reason)

    def close(self) -> None:
        """Close every member."""
        super().close()
        with ExitStack() as stack:
            for member in self._members:
                stack.callback(member.signer.close)

    def _perform(self, act: Callable[[FailoverMember], _T], *, again: bytes | None = None) -> _T:
        """The result of `act` with the first member that can. Raises SignerError if none can.

        Members that failed are last, and meanwhile tried `again` with data to sign.
        """
        self._demand_open()
        self._pinned()
        if again is not None:
            self._try_again(again)
        failed: dict[FailoverMember, SignerError] = {}
        for member in sorted(self._members, key=lambda member: member.state not in ("up", "new")):
            try:
                done = self._used(member, act)
            except SignerError as error:
                self._demand_open()
                if error.code in NEVER_SKIPPED:
                    raise
                self.failovers += 1
                failed[member] = error
                continue
            if failed:
                notices.info("failover to %s: %s", member.name, listed(failed))
            return done
        raise self._all_failed(failed)

    def _used(self, member: FailoverMember, act: Callable[[FailoverMember], _T]) -> _T:
        """The result of `act` with a member that holds the pinned key. Raises SignerError; the state shows it."""
        try:
            demand_same(member, member.signer.public_key, self._pinned())
            done = act(member)
        except SignerError as error:
            if error.code != "signer-closed":
                member.failed(error)
            raise
        member.up()
        return done

    def _signed(self, member: FailoverMember, data: bytes) -> Signature:
        return self._verified(member, member.signer.sign(data), data)

    def _verified(self, member: FailoverMember, made: Signature, data: bytes) -> Signature:
        key = self._pinned()
        if not key.accepts(made.sig, data):
            message = "the signer returned a signature that its own public key does not verify"
            notices.warn(f"{member.name}: {message} (signature-faulty)")
            raise SignerError("signature-faulty", message, where=member.name)
        return Signature(key.keyid, made.sig)

    def _try_again(self, data: bytes) -> None:
        """In the background: have members that failed sign what another one signs now."""
        if not any(member.state == "up" for member in self._members):
            return
        for member in self._members:
            if member.is_due():
                member.tried_by = os.getpid()
                name = "attest-failover-again"
                threading.Thread(target=self._tried, args=(member, data), name=name, daemon=True).start()

    def _tried(self, member: FailoverMember, data: bytes) -> None:
        try:
            self._used(member, lambda member: self._signed(member, data))
        except SignerError:
            warn_of_mistake(member)
        except Exception:  # noqa: BLE001
            message = "the signer raised an unknown error"
            member.failed(SignerError("signer-failed", message, where=member.name))
        finally:
            member.tried_by = None

    def _pinned(self) -> PublicKey:
        if self._key is None:
            with self._connecting:
                if self._key is None:
                    self._key = self._agreed()
        return self._key

    def _agreed(self) -> PublicKey:
        """The key of the first member that has it, and of the others that answer soon without asking anyone."""
        found: dict[FailoverMember, PublicKey] = {}
        looking = []
        for member in self._members[1:]:
            if not member.signer.asks:
                name = "attest-failover-first"
                looking.append(threading.Thread(target=self._look, args=(member, found), name=name, daemon=True))
                looking[-1].start()
        failed: dict[FailoverMember, SignerError] = {}
        for member in self._members:
            try:
                key = member.signer.public_key
            except SignerError as error:
                member.failed(error)
                if error.code in NEVER_SKIPPED | {"signer-closed"}:
                    raise
                failed[member] = error
                continue
            member.reached()
            break
        else:
            raise self._all_failed(failed)
        if failed:
            notices.info("failover to %s: %s", member.name, listed(failed))
        end = monotonic() + _GRACE
        for thread in looking:
            thread.join(max(0.0, end - monotonic()))
        for other, its in list(found.items()):
            self._compare(other, its, key)
        for other in self._members:
            if other.state == "wrong" and other.reason is not None:
                raise copy(other.reason)
        return key

    def _look(self, member: FailoverMember, found: dict[FailoverMember, PublicKey]) -> None:
        """In the background, at the first use: which key a member has. A fault of the program comes up at its use."""
        with suppress(Exception):
            try:
                found[member] = member.signer.public_key
            except SignerError as error:
                member.failed(error)
                return
            member.reached()
            if self._key is not None:  # others have signed already, so there is no error that could say so
                self._compare(member, found[member], self._key)
                warn_of_mistake(member)

    def _compare(self, member: FailoverMember, found: PublicKey, key: PublicKey) -> None:
        try:
            demand_same(member, found, key)
        except SignerError as error:
            member.failed(error)

    def _all_failed(self, failed: Mapping[FailoverMember, SignerError]) -> SignerError:
        """One error for all, with the code and the hint of the member that is preferred."""
        first = next(failed[member] for member in self._members if member in failed)
        message = f"none of {len(self._members)} signers can sign: {listed(failed)}"
        return SignerError(first.code, message, where=str(self.uri), hint=first.hint)


def opened(uri: SignerURI, open_one: Callable[[SignerURI], BaseSigner]) -> BaseSigner:
    """The signer for a URI with `failover`, whose members `open_one` opens. Raises SignerError `signer-uri-invalid`."""
    members = uri.members
    if "prefer" in uri.query:
        message = "prefer= can be used only if all signers are in tokens; otherwise the first available signer signs"
        raise SignerError("signer-uri-invalid", message, where=str(uri))
    with ExitStack() as stack:
        signers = [stack.enter_context(open_one(member)) for member in members]
        for signer in signers:
            if "sign" not in signer.capabilities:
                raise SignerError("signer-uri-invalid", "a signer in failover cannot sign", where=str(signer.uri))
        stack.pop_all()
    return FailoverSigner(uri, signers)
