"""What a third party adds to attest: one of each kind, and some that misbehave.

Rule: nothing is imported from attest but public names.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import Envelope, PublicKey, Signature
from attest.ci import Build, System
from attest.errors import InputError, Rejected
from attest.evidence import ReportFile, ReportFormat, ReportPredicate
from attest.policy import Context, Failure, Rule, VerifiedAttestation
from attest.sources import Container, Document, UnverifiedEnvelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from attest.signers import Scheme, Secrets, SignerURI

REVIEW = "https://acme.example/review/v1"


class AcmeSigner:
    """A signer with the three members that a signer must have."""

    def __init__(self, name: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = PublicKey.parse(pem)

    def sign(self, data: bytes) -> Signature:
        return Signature(self.public_key.keyid, self._key.sign(data))

    def close(self) -> None:
        pass


class _Scheme:
    def open_signer(self, uri: SignerURI, secrets: Secrets | None) -> AcmeSigner:
        uri.expect_query(())
        return AcmeSigner(uri.path)

    def generate_key(self, uri: SignerURI, algorithm: Any, secret: Any) -> AcmeSigner:
        return AcmeSigner(uri.path)


class _CrashingSigner(AcmeSigner):
    def sign(self, data: bytes) -> Signature:
        raise ZeroDivisionError("the PIN is 1234")


def _exit(uri: SignerURI, secrets: Secrets | None) -> None:
    sys.exit(0)


class _LyingSigner(AcmeSigner):
    """What it has to say is never what is asked; and it accepts every signature."""

    def sign(self, data: bytes) -> Any:
        return b"signature"

    def verify(self, signature: bytes, data: bytes) -> None:
        pass

    def encrypt(self, data: bytes, associated: bytes = b"") -> Any:
        return True


class _RejectingSigner(AcmeSigner):
    """A signer that accepts no signature, and rejects where there is nothing to reject."""

    def sign(self, data: bytes) -> Signature:
        raise Rejected("signature-invalid", "no")

    def verify(self, signature: bytes, data: bytes) -> None:
        raise Rejected("signature-invalid", "the signature was withdrawn")


scheme: Scheme = _Scheme()
crashing_scheme: Scheme = SimpleNamespace(open_signer=lambda uri, secrets: _CrashingSigner(uri.path))
exiting_scheme: Scheme = SimpleNamespace(open_signer=_exit)
lying_scheme: Scheme = SimpleNamespace(open_signer=lambda uri, secrets: _LyingSigner(uri.path))
rejecting_scheme: Scheme = SimpleNamespace(open_signer=lambda uri, secrets: _RejectingSigner(uri.path))


class _Review:
    DETAILS = ("team",)

    def recognises(self, report: ReportFile) -> bool:
        return bool(report.get("acme_review") == 1)

    def read(self, report: ReportFile, details: Mapping[str, Any], *, check: bool) -> ReportPredicate:
        if not isinstance(report.get("approved"), list):
            raise InputError("report-invalid", "a review must say who approved it", where="/approved")
        return ReportPredicate((REVIEW,), {"approved": report.get("approved"), **details})

    def read_several(
        self, reports: Iterable[ReportFile], details: Mapping[str, Any], *, check: bool
    ) -> ReportPredicate:
        approved = [name for report in reports for name in report.get("approved") or ()]
        return ReportPredicate((REVIEW,), {"approved": approved, **details})


class _Listing:
    """Text with a name a line, which is neither JSON nor XML."""

    DETAILS = ()

    def recognises(self, report: ReportFile) -> bool:
        return report.data.startswith(b"approved by:\n")

    def read(self, report: ReportFile, details: Mapping[str, Any], *, check: bool) -> ReportPredicate:
        return ReportPredicate((REVIEW,), {"approved": report.data.decode().splitlines()[1:]})


review: ReportFormat = _Review()
listing: ReportFormat = _Listing()


class _System:
    def recognises(self, environ: Mapping[str, str]) -> bool:
        return environ.get("ACME_CI") == "true"

    def describe(self, environ: Mapping[str, str], folder: str) -> Build:
        return Build("https://acme.example/build/v1", "https://acme.example/ci", {"job": environ["ACME_JOB"]}, [])


system: System = _System()


def _approved(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """At least `minimum` people approved it."""
    count = len(evidence.predicate.get("approved", ()))
    if count < settings.get("minimum", 1):
        yield Failure("acme-not-approved", f"{count} approved it", "/predicate/approved", "Ask one more to approve it.")


def _crash(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    yield from ()
    raise ZeroDivisionError("the PIN is 1234")


def _lie(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Any:
    return ["not a failure"]


def _meddle(evidence: VerifiedAttestation, settings: Any, context: Context) -> Iterator[Failure]:
    """It tries to change what the other rules go by."""
    evidence.anchors = ("nobody",)
    settings["minimum"] = 0
    yield from ()


_MINIMUM = {"minimum": {"description": "How many must approve it.", "type": "integer", "minimum": 1}}
_SETTINGS = {"type": "object", "properties": _MINIMUM, "additionalProperties": False}

APPROVED = Rule(_approved, (REVIEW,), _SETTINGS, "minimum = 2\n")
CRASHING = Rule(_crash, (REVIEW,), _SETTINGS, "")
LYING = Rule(_lie, (REVIEW,), _SETTINGS, "")
MEDDLING = Rule(_meddle, (REVIEW,), _SETTINGS, "")
LEVELLING = Rule(_approved, (REVIEW,), _SETTINGS, "", levels=lambda settings: ("SLSA_BUILD_LEVEL_3",))


class _Box:
    """A JSON object with envelopes in a list."""

    def recognises(self, document: Document) -> bool:
        if b"sigstore" in document.data or (document.members and "payloadType" in document.members):
            raise AssertionError("it was asked about what is attest's own")
        return document.members is not None and "box" in document.members

    def read(self, document: Document) -> Iterator[UnverifiedEnvelope | InputError]:
        for one in (document.members or {})["box"]:
            try:
                yield UnverifiedEnvelope(Envelope.from_json(json.dumps(one).encode()), ("the box was not checked",))
            except InputError as error:
                yield error


box: Container = _Box()
