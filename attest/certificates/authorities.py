"""Authorities of a trust bundle: whether one confirms the certificate of a signature, at a time that is proven.

Rule: each check that a kind of authority needs is made, none is left out because a signature lacks its part, and what
a signature brings must be right even where it is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

from attest._base.json import pointer
from attest._base.times import format_time
from attest.errors import InputError, Rejected
from attest.keys.formats import load_certificate
from attest.timestamps.authorities import SKEW, prove_each

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from attest.certificates.entries import Signed
    from attest.certificates.material import VerificationMaterial
    from attest.certificates.revocation import RevocationList, Revocations
    from attest.certificates.trusted_root import CertificateAuthority, TrustedRoot
    from attest.envelope import Signature
    from attest.timestamps.authorities import TimestampAuthority


class Moment(NamedTuple):
    """A time at which a signature existed, and who proves it."""

    time: datetime
    by: str


class Proof(NamedTuple):
    """What an authority confirms: the certificate was valid at `time`, and `checks` were made.

    `time` is the earliest that is proven by one of `proven_by`, and the time of verification if that is empty.
    `log_index` is the index of the signature in the transparency log, if it must be in one.
    """

    time: datetime
    proven_by: tuple[str, ...]
    checks: tuple[str, ...]
    log_index: int | None = None


class CheckContext(NamedTuple):
    """What is the same for all signatures of a verification."""

    now: datetime
    timestamp_authorities: Sequence[TimestampAuthority] = ()
    revocation_lists: Sequence[RevocationList] = ()


class Authority(Protocol):
    """Who may confirm what a certificate says."""

    name: str
    kind: ClassVar[str]

    def objection_to_issuer(self, issuer: str | None) -> str | None:
        """Why an identity below this authority may not have this `issuer`, or None if it may."""

    def check(
        self, material: VerificationMaterial, signature: Signature, signed: Signed, context: CheckContext
    ) -> Proof:
        """Check the certificate of a signature, whose key made it, and all that the signature brings.

        Raises Rejected with a code of docs/reference/codes.md; `log-entry-unsupported` means that nothing was decided.
        """


@dataclass(frozen=True, slots=True)
class SigstoreAuthority:
    """A Sigstore instance by its trusted root. With `log`, certificates and signatures must be in its logs."""

    kind: ClassVar[str] = "sigstore"

    name: str
    root: TrustedRoot
    log: bool = True

    def objection_to_issuer(self, issuer: str | None) -> str | None:
        """An issuer is required where certificates name one: of an instance with a log."""
        if self.log and issuer is None:
            return f"an identity below authority {self.name!r} needs an issuer, because anyone can get a certificate"
        return None

    def check(
        self, material: VerificationMaterial, signature: Signature, signed: Signed, context: CheckContext
    ) -> Proof:
        """The checks of the Sigstore client specification, section 4, and of docs/trust/identities.md."""
        from attest.certificates.log import check_entry
        from attest.certificates.revocation import demand_unlisted
        from attest.certificates.sct import check_sct

        timing = (*self.root.timestamp_authorities, *context.timestamp_authorities)
        moments = _timestamps(signature, timing, context.now)
        checks = ["timestamp"] if moments else []
        index = unread = None
        if self.log and not material.entries:
            raise Rejected("log-entry-missing", f"authority {self.name!r} requires an entry in its transparency log")
        stamped = [one.time for one in moments]
        places: set[tuple[str, int]] = set()
        for entry in material.entries:
            proof = check_entry(entry, material.version, self.root.logs, signed, stamped)
            if (proof.log, proof.log_index) in places:
                raise Rejected("log-entry-invalid", "the signature has the same log entry twice")
            places.add((proof.log, proof.log_index))
            checks += proof.checks
            unread = unread or proof.unread
            index = proof.log_index if index is None else index
            if proof.time is not None:
                moments.append(Moment(proof.time, proof.log))
        first = _earliest(moments, context.now)
        if first is None:
            raise Rejected("time-unproven", "neither a log nor a timestamp proves when the signature was made")
        chain = self._chain(material, moments)
        demand_unlisted(chain, context.revocation_lists)
        checks.append("chain")
        if self.log:
            check_sct(chain[0], chain[1], self.root.ct_logs)
            checks.append("sct")
        if unread is not None:  # only here: anyone can copy such an entry, and what is refused is decided
            raise unread
        return Proof(first.time, _proven_by(moments), tuple(dict.fromkeys(checks)), index)

    def _chain(self, material: VerificationMaterial, moments: Sequence[Moment]) -> tuple[Certificate, ...]:
        """The chain to one CA of the trusted root, valid and trusted at all `moments`."""
        from attest.certificates.chain import check_chain

        refusal = Rejected("certificate-untrusted", f"the trusted root of authority {self.name!r} has no CA")
        for ca in self.root.certificate_authorities:
            *between, anchor = ca.certificates
            try:
                chains = [check_chain(material.certificate, between, [anchor], one.time) for one in moments]
            except Rejected as error:
                refusal = error
                continue
            outside = next((one for one in moments if not _within(one.time, ca)), None)
            if outside is None:
                return chains[0]
            message = f"the CA of the certificate is not trusted for the time {format_time(outside.time)}"
            refusal = Rejected("certificate-untrusted", message)
        raise refusal


@dataclass(frozen=True, slots=True)
class X509Authority:
    """A certification authority, such as a company's.

    `certificates` are the CAs that are trusted, and `intermediates` others that signatures need not bring. With
    `now_counts`, a certificate may be valid now where no timestamp proves a time.
    """

    kind: ClassVar[str] = "x509"

    name: str
    certificates: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...]
    revocations: Revocations
    now_counts: bool = False

    def objection_to_issuer(self, issuer: str | None) -> str | None:
        """There is none: the CA itself identified the signer."""
        return None if issuer is None else f"an identity below authority {self.name!r} cannot have an issuer"

    def check(
        self, material: VerificationMaterial, signature: Signature, signed: Signed, context: CheckContext
    ) -> Proof:
        """RFC 5280 section 6, at each proven time, and the profile of a certificate for code signing."""
        from attest.certificates.chain import check_chain
        from attest.certificates.revocation import demand_unlisted

        moments = _timestamps(signature, context.timestamp_authorities, context.now)
        first = _earliest(moments, context.now)
        if first is None and not self.now_counts:
            raise Rejected(
                "time-unproven", f"no timestamp proves when the signature was made, as authority {self.name!r} requires"
            )
        times = [one.time for one in moments] or [context.now]
        between = [*material.intermediates, *self.intermediates]
        for time in times:
            chain = check_chain(material.certificate, between, self.certificates, time)
            self.revocations.demand_not_revoked(chain)
            demand_unlisted(chain, context.revocation_lists, every=bool(context.revocation_lists))
        checks = ["timestamp"] if moments else []
        revocable = bool(self.revocations) or bool(context.revocation_lists)
        checks += ["chain", "revocation"] if revocable else ["chain"]
        return Proof(context.now if first is None else first.time, _proven_by(moments), tuple(checks))


def read_authorities(entries: Mapping[str, Any]) -> dict[str, Authority]:
    """The `authorities` of a trust bundle, from entries that its schema accepts.

    Raises InputError with a JSON pointer: `certificate-invalid` and what reading a trusted root raises.
    """
    found: dict[str, Authority] = {}
    for name, entry in entries.items():
        try:
            found[name] = _READERS[entry["kind"]](name, entry)
        except InputError as error:
            raise error.below(pointer("authorities", name)) from None
    return found


def _sigstore(name: str, entry: Mapping[str, Any]) -> SigstoreAuthority:
    from attest.certificates.trusted_root import TrustedRoot

    try:
        root = TrustedRoot.read(entry["trusted_root"])
    except InputError as error:
        raise error.below("/trusted_root") from None
    return SigstoreAuthority(name, root, entry.get("log", "required") == "required")


def _x509(name: str, entry: Mapping[str, Any]) -> X509Authority:
    from attest.certificates.revocation import Revocations

    anchors, between = (
        tuple([_ca(text, f"/{member}/{index}") for index, text in enumerate(entry.get(member, []))])
        for member in ("certificates", "intermediates")
    )
    revocations = Revocations.read(entry.get("revoked", []))
    return X509Authority(name, anchors, between, revocations, entry.get("time", "timestamp") == "now-or-timestamp")


def _ca(text: str, where: str) -> Certificate:
    """The CA certificate in PEM: a certificate that is no CA would be trusted for itself."""
    from attest.certificates.chain import demand_ca

    try:
        if text.count("-----BEGIN ") != 1:
            raise ValueError
        found = load_certificate(text.encode())
    except ValueError:
        raise InputError("certificate-invalid", "expected one X.509 certificate in PEM", where=where) from None
    demand_ca(found, where=where)
    return found


_READERS: Final[Mapping[str, Any]] = {"sigstore": _sigstore, "x509": _x509}


def _timestamps(signature: Signature, authorities: Sequence[TimestampAuthority], now: datetime) -> list[Moment]:
    """The times that the timestamps of a signature prove. Raises Rejected for one that is invalid or not trusted."""
    found = []
    for check in prove_each(signature, authorities, now):
        if check.time is None:
            raise Rejected(check.code or "", f"a timestamp does not count: {check.message}")
        moment = Moment(check.time, check.authority or "")
        if moment in found:
            raise Rejected("timestamp-invalid", "the signature has the same timestamp twice")
        found.append(moment)
    return found


def _earliest(moments: Sequence[Moment], now: datetime) -> Moment | None:
    """The first of some times, none of which may be in the future."""
    for one in moments:
        if one.time > now + SKEW:
            message = f"the proven time is in the future: {format_time(one.time)}"
            raise Rejected("timestamp-in-future", message)
    return min(moments, key=lambda one: one.time, default=None)


def _proven_by(moments: Sequence[Moment]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.by for one in moments))


def _within(time: datetime, ca: CertificateAuthority) -> bool:
    begin, end = ca.not_before, ca.not_after
    return (begin is None or begin <= time) and (end is None or time <= end)
