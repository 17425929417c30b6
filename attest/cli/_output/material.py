"""What a signature brings besides its bytes, as `attest inspect` shows it: certificate, log entries, timestamps.

Rule: it is read and not verified; what cannot be read is said, and never an error.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attest._base.times import format_time
from attest.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Certificate

    from attest.certificates import VerificationMaterial
    from attest.envelope import Signature


def described(signature: Signature) -> dict[str, Any]:
    """The parts of what a signature brings, by name; empty if it brings nothing."""
    from attest.certificates.material import has_certificate
    from attest.timestamps.authorities import unverified_times

    found: dict[str, Any] = {}
    if has_certificate(signature):
        from attest.certificates import material_of

        try:
            material = material_of(signature)
        except Rejected as error:
            found["certificate"] = {"problem": error.message}
        else:
            found |= {} if material is None else _of(material)
    times = unverified_times(signature)
    if times:
        found["timestamps"] = [None if time is None else format_time(time) for time in times]
    return found


def lines(claims: dict[str, Any]) -> Iterator[str]:
    """The lines about what `described` found."""
    certificate = claims.get("certificate")
    if certificate is not None:
        if "problem" in certificate:
            yield f"    certificate   {certificate['problem']}"
        else:
            yield f"    certificate   {certificate['san_type']} {certificate['san']}"
            yield f"    issuer        {certificate['issuer'] or '(none)'}"
        if "issued_by" in certificate:
            yield f"    issued by     {certificate['issued_by']}"
            yield f"    valid         {certificate['not_before']} to {certificate['not_after']}"
        yield from (f"    claim         {name}: {value}" for name, value in certificate.get("claims", {}).items())
    for entry in claims.get("log_entries", ()):
        yield f"    log entry     {entry['log_index']} at {entry['time'] or '(no time)'}"
    for time in claims.get("timestamps", ()):
        yield f"    timestamp     {time or '(cannot be read)'}"


def _of(material: VerificationMaterial) -> dict[str, Any]:
    found: dict[str, Any] = {"certificate": _certificate(material.certificate)}
    if material.entries:
        found["log_entries"] = [
            {"log_index": str(entry.get("logIndex", "0")), "time": _time(entry.get("integratedTime"))}
            for entry in material.entries
        ]
    return found


def _certificate(certificate: Certificate) -> dict[str, Any]:
    from attest.certificates import names_in

    try:
        named: dict[str, Any] = names_in(certificate)._asdict()
        named["claims"] = dict(named["claims"])
    except (Rejected, ValueError) as error:
        named = {"problem": str(error)}
    try:
        named["issued_by"] = certificate.issuer.rfc4514_string()
        named["not_before"] = format_time(certificate.not_valid_before_utc)
        named["not_after"] = format_time(certificate.not_valid_after_utc)
    except (TypeError, ValueError) as error:
        named = {"problem": str(error)}
    return named


def _time(seconds: Any) -> str | None:
    """The integratedTime of a log entry, which Rekor v2 does not have."""
    text = str(seconds)
    if not text.isascii() or not text.isdigit() or not 0 < (number := int(text[:12])) < 1 << 36:
        return None
    return format_time(datetime.fromtimestamp(number, UTC))
