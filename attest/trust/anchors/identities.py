"""Identities: who the certificate of a signature must name, for an anchor to count the signature.

Rule: issuer and claims are compared whole, and only the SAN may be a glob.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from attest._base import globbing
from attest._base.json import pointer
from attest._base.text import did_you_mean
from attest._base.times import read_window
from attest.errors import InputError
from attest.trust.anchors.standing import Standing, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from attest.certificates import Authority
    from attest.certificates.names import CertificateNames


class Mismatch(NamedTuple):
    """Why a certificate does not name an identity: a code and a sentence. The nearest identity is the one to report."""

    code: str
    message: str
    nearness: int


@dataclass(frozen=True, slots=True)
class TrustIdentity(Standing):
    """One identity of an anchor, with its limits in this anchor.

    `authority` is the name of the authority of the trust bundle that must have issued the certificate. `san_type` is
    `uri`, `email` or `dns`, and `san` a glob. Without `issuer` the certificate must have none. `claims` are pairs of a
    name (`attest.certificates.CLAIMS`) and a text.
    """

    noun: ClassVar[str] = "identity"

    authority: str
    san_type: str
    san: str
    issuer: str | None = None
    claims: tuple[tuple[str, str], ...] = ()
    name: str | None = None
    status: Status = "active"
    not_before: datetime | None = None
    not_after: datetime | None = None
    status_since: datetime | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it this identity, whatever it is called and however long it counts."""
        return self.authority, self.issuer, self.san_type, self.san, self.claims

    def __str__(self) -> str:
        return in_words(self.san_type, self.san, self.issuer, self.authority, dict(self.claims))

    def mismatch(self, names: CertificateNames) -> Mismatch | None:
        """Why a certificate with these names is not of this identity, or None if it is."""
        if names.san_type != self.san_type or not globbing.matches(self.san, names.san):
            message = f"no identity of the trust bundle has the name {names.san_type}:{names.san}"
            return Mismatch("identity-unknown", message, 0)
        if names.issuer != self.issuer:
            message = f"expected issuer {_said(self.issuer)}, found {_said(names.issuer)}"
            return Mismatch("issuer-mismatch", message, 1)
        for name, text in self.claims:
            if names.claims.get(name) != text:
                message = f"expected claim {name} {text!r}, found {_said(names.claims.get(name))}"
                return Mismatch("claim-mismatch", message, 2)
        return None


def in_words(san_type: str, san: str, issuer: str | None, authority: str | None, claims: Mapping[str, str]) -> str:
    """An identity in a sentence: whom a certificate must name, and who must confirm it."""
    issued = f", issuer {issuer}" if issuer is not None else ""
    claimed = "".join(f", {name} {text!r}" for name, text in sorted(claims.items()))
    below = f", authority {authority}" if authority is not None else ""
    return f"{san_type}:{san}{issued}{claimed}{below}"


def _said(text: str | None) -> str:
    return "none" if text is None else repr(text)


def read_identities(
    entries: list[Mapping[str, Any]], authorities: Mapping[str, Authority], anchor: str
) -> tuple[TrustIdentity, ...]:
    """The `identities` of an anchor, from entries that the schema accepts.

    Raises InputError with a JSON pointer below the list: `authority-unknown`, `identity-invalid`, `identity-duplicate`
    and `time-invalid`.
    """
    found: dict[tuple[object, ...], TrustIdentity] = {}
    for index, entry in enumerate(entries):
        try:
            one = _identity(entry, authorities)
        except InputError as error:
            raise error.below(pointer(index)) from None
        if one.key in found:
            message = f"the identity {one} is in anchor {anchor!r} twice"
            raise InputError("identity-duplicate", message, where=pointer(index))
        found[one.key] = one
    return tuple(found.values())


def _identity(entry: Mapping[str, Any], authorities: Mapping[str, Authority]) -> TrustIdentity:
    name = entry["authority"]
    authority = authorities.get(name)
    if authority is None:
        known = ", ".join(list(authorities)[:8])
        hint = f"Use one of its authorities: {known}." if known else "Add it: attest trust authority add."
        message = f"the trust bundle has no authority {name[:100]!r}"
        raise InputError("authority-unknown", message, where="/authority", hint=hint)
    issuer = entry.get("issuer")
    wrong = authority.objection_to_issuer(issuer)
    if wrong is not None:
        hint = "The issuer is who identified the signer, such as https://token.actions.githubusercontent.com."
        raise InputError("identity-invalid", wrong, where="/issuer", hint=hint if issuer is None else None)
    [(san_type, san)] = entry["san"].items()
    claims = entry.get("claims", {})
    _demand_known(claims)
    not_before, not_after = read_window(entry, "not_before", "not_after")
    since, _ = read_window(entry, "status_since", "")
    return TrustIdentity(
        name,
        san_type,
        san,
        issuer,
        tuple(sorted(claims.items())),
        entry.get("name"),
        entry.get("status", "active"),
        not_before,
        not_after,
        since,
    )


def _demand_known(claims: Mapping[str, str]) -> None:
    if not claims:
        return
    from attest.certificates import CLAIMS

    for name in claims:
        if name not in CLAIMS:
            hint = did_you_mean(name, CLAIMS, f"Use one of: {', '.join(CLAIMS)}.")
            message = f"a certificate has no claim {name[:100]!r}"
            raise InputError("identity-invalid", message, where=pointer("claims", name), hint=hint)
