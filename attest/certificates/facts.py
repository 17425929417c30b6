"""A certificate, read whole: its names, validity period, extensions and key.

Rule: whatever may be malformed in a certificate is read here, once, so that no later check meets it for the first time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from attest.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.x509 import Certificate, Extension, Extensions, Name

    T = TypeVar("T")

_CACHED: Final = 256  # certificates: those of authorities occur again with each signature


class Facts(NamedTuple):
    """What a certificate says, all of it unverified. `extensions` are by dotted OID; a certificate has each once."""

    certificate: Certificate
    subject: Name
    issuer: Name
    not_before: datetime
    not_after: datetime
    extensions: Mapping[str, Extension[Any]]
    key: PublicKeyTypes

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same (RFC 5280 section 6.1): so are renewed keys of a CA."""
        return self.subject == self.issuer

    def valid_at(self, time: datetime) -> bool:
        """Whether `time` is in the validity period, which includes both its ends (RFC 5280 section 4.1.2.5)."""
        return self.not_before <= time <= self.not_after

    def value(self, kind: type[T]) -> T | None:
        """The extension of this type, or None."""
        found = self.extensions.get(kind.oid.dotted_string)  # type: ignore[attr-defined]
        return None if found is None else found.value


@lru_cache(maxsize=_CACHED)
def facts_of(certificate: Certificate) -> Facts:
    """All that is in a certificate. Raises Rejected `certificate-invalid` if a part of it cannot be read."""
    try:
        return Facts(
            certificate,
            certificate.subject,
            certificate.issuer,
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            by_oid(certificate.extensions),
            certificate.public_key(),
        )
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # the parser has errors of many types
        message = "a certificate has a part that cannot be read, or an extension twice"
        raise Rejected("certificate-invalid", message) from None


def shown_name(name: Name) -> str:
    """The name of a subject or issuer for messages (RFC 4514)."""
    return repr(name.rfc4514_string()[:200])


def by_oid(extensions: Extensions) -> dict[str, Extension[Any]]:
    """Extensions by their dotted OID."""
    return {extension.oid.dotted_string: extension for extension in extensions}
