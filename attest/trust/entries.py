"""The entries of a trust bundle's document: keys and identities, described, called in a sentence, and found.

Rule: an entry is named by what it contains, and never by its position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, overload

from attest._base.read_only import read_only
from attest._base.times import format_time, parse_time
from attest.errors import InputError
from attest.keys import SIMULATED_PREFIX
from attest.trust.anchors import complete_keyid, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from attest.keys import Certificate, PublicKey

# What has keys: an anchor, by its name, or the roots, which sign the trust bundle itself.
Holder = str | None

ROOTS: Final = None

# The fields of a trust bundle with authorities, by name.
AUTHORITIES: Final = "authorities"

TIMESTAMP_AUTHORITIES: Final = "timestamp_authorities"


class IdentitySelector(NamedTuple):
    """Which identities of a trust bundle are meant: those with exactly this SAN glob and, of the others, what is given.

    `claims` are those that an identity must have, with their values; it may have more.
    """

    san_type: str
    san: str
    authority: str | None = None
    issuer: str | None = None
    claims: Mapping[str, str] = read_only({})

    def selects(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of an anchor's `identities` is meant."""
        return (
            entry["san"] == {self.san_type: self.san}
            and self.authority in (None, entry["authority"])
            and self.issuer in (None, entry.get("issuer"))
            and self.claims.items() <= entry.get("claims", {}).items()
        )

    def __str__(self) -> str:
        from attest.trust.anchors.identities import in_words

        return in_words(self.san_type, self.san, self.issuer, self.authority, self.claims)


# A key, by its keyid, or identities.
KeyOrIdentity = str | IdentitySelector


def describe_identity(
    san_type: str, san: str, authority: str, /, claims: Mapping[str, str] | None = None, **fields: str | None
) -> dict[str, Any]:
    """The entry of an anchor's `identities`, active, with those of the other `fields` that are not None.

    `san` is a glob for the SAN of a certificate, `san_type` is `uri`, `email` or `dns`, and `authority` is the name of
    an authority of the trust bundle. `fields` are `name`, `issuer`, `not_before` and `not_after`.
    """
    given = {name: text for name, text in fields.items() if text is not None}
    named, issuer, window = (
        {name: given[name] for name in names if name in given}
        for names in (("name",), ("issuer",), ("not_before", "not_after"))
    )
    listed = {"claims": dict(claims)} if claims else {}
    return {**named, "authority": authority, **issuer, "san": {san_type: san}, **listed, **window, "status": "active"}


def identity_text(entry: Mapping[str, Any]) -> str:
    """An entry of an anchor's `identities` in a sentence."""
    from attest.trust.anchors.identities import in_words

    [(san_type, san)] = entry["san"].items()
    return in_words(san_type, san, entry.get("issuer"), entry["authority"], entry.get("claims", {}))


def describe_key(key: PublicKey, certificate: Certificate | None = None, /, **fields: str | None) -> dict[str, Any]:
    """The entry of an anchor's `keys` for `key`, active, with those of the other `fields` that are not None.

    A key from a `certificate` counts at most in the validity period of the certificate, whatever `fields` contain.
    """
    if certificate is not None:
        begin, end = (moment_of(fields.get(name)) for name in ("not_before", "not_after"))
        fields["not_before"] = format_time(max(certificate.not_before, begin or certificate.not_before))
        fields["not_after"] = format_time(min(certificate.not_after, end or certificate.not_after))
    marks = {"backend": "sim"} if key.simulated else {}
    entry = {"keyid": key.keyid, "algorithm": key.algorithm.name, "public_key": key.to_pem(), **marks}
    return {**entry, **{name: text for name, text in fields.items() if text is not None}, "status": "active"}


def moment_of(text: str | None) -> datetime | None:
    """The time that a field contains, if it is there."""
    return None if text is None else parse_time(text, where="")


def holders(document: Mapping[str, Any]) -> list[Holder]:
    """Everything in a trust bundle's document that has keys: its anchors by name, and its roots if it has any."""
    return [*document["anchors"], *([ROOTS] if "roots" in document else [])]


def held(document: Mapping[str, Any], anchor: Holder) -> dict[str, Any]:
    """The `threshold`, `keys` and limits of an anchor, or of the roots. Raises InputError `anchor-unknown`."""
    if anchor is ROOTS and "roots" not in document:
        known = ", ".join(list(document["anchors"])[:8])
        raise InputError(
            "anchor-unknown",
            "the trust bundle has no roots",
            hint=f"Use one of its anchors: {known}." if known else None,
        )
    found: dict[str, Any] = document["roots"] if anchor is ROOTS else named(document["anchors"], anchor)
    return found


def find(document: Mapping[str, Any], anchor: Holder, member: KeyOrIdentity) -> dict[str, Any]:
    """The entry that an anchor has for a key or an identity.

    Raises InputError `anchor-unknown`, `key-unknown`, `identity-unknown` or `identity-ambiguous`.
    """
    found = demand(document, anchor, member)
    if len(found) > 1:
        message = f"{called(anchor)} has {len(found)} identities with this subject: " + "; ".join(
            map(identity_text, found)
        )
        hint = "Say which one with --authority, --issuer or --claim."
        raise InputError("identity-ambiguous", message, hint=hint)
    return found[0]


def demand(document: Mapping[str, Any], anchor: Holder, member: KeyOrIdentity) -> list[dict[str, Any]]:
    """As `entries_of`. Raises InputError `anchor-unknown`, `key-unknown` or `identity-unknown` for none."""
    found = entries_of(document, anchor, member)
    if not found:
        raise unknown(member, called(anchor))
    return found


def called(anchor: Holder) -> str:
    """An anchor, or the roots, in a sentence."""
    return "roots" if anchor is ROOTS else f"anchor {anchor!r}"


def bare(keyid: str) -> str:
    """A keyid without the mark of the simulator, which is the same in all entries for a key."""
    return keyid.removeprefix(SIMULATED_PREFIX)


def compromised(document: Mapping[str, Any]) -> set[str]:
    """The bare keyids of the keys that are compromised in any part of a valid document."""
    keys = [key for anchor in holders(document) for key in members(document, anchor, "keys")]
    return {bare(key["keyid"]) for key in keys if key.get("status") == "compromised"}


def covers(entry: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether an identity has the authority, issuer and SAN glob of another one, and no claim that the other lacks."""
    same = all(entry.get(name) == other.get(name) for name in ("authority", "issuer", "san"))
    return same and bool(entry.get("claims", {}).items() <= other.get("claims", {}).items())


def compromised_identities(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The identities that are compromised in any part of a valid document."""
    listed = [entry for anchor in holders(document) for entry in members(document, anchor, "identities")]
    return [entry for entry in listed if entry.get("status") == "compromised"]


def entries_of(document: Mapping[str, Any], anchor: Holder, member: KeyOrIdentity) -> list[dict[str, Any]]:
    """The entries that an anchor has for a key, or those of its identities that are selected."""
    if isinstance(member, str):
        return [key for key in members(document, anchor, "keys") if bare(key["keyid"]) == bare(member)]
    return [entry for entry in members(document, anchor, "identities") if member.selects(entry)]


def members(document: Mapping[str, Any], anchor: Holder, field: str) -> list[dict[str, Any]]:
    """The `keys` or `identities` (`field`) of an anchor or the roots; none if it has no such field."""
    found: list[dict[str, Any]] = held(document, anchor).get(field, [])
    return found


@overload
def completed(document: Mapping[str, Any], places: Iterable[Holder], member: str) -> str: ...
@overload
def completed(document: Mapping[str, Any], places: Iterable[Holder], member: KeyOrIdentity) -> KeyOrIdentity: ...
def completed(document: Mapping[str, Any], places: Iterable[Holder], member: KeyOrIdentity) -> KeyOrIdentity:
    """`member` with the whole keyid of the only key of `places` that it names by its first digits.

    Raises InputError `anchor-unknown`, and `key-ambiguous` for several keys.
    """
    if not isinstance(member, str):
        return member
    named = list(places)
    keyids = [key["keyid"] for place in named for key in members(document, place, "keys")]
    return complete_keyid(member, keyids, called(named[0]) if len(named) == 1 else "the trust bundle")


def kind_of(member: KeyOrIdentity) -> str:
    """What is meant, as error codes begin."""
    return "key" if isinstance(member, str) else "identity"


def member_text(member: KeyOrIdentity) -> str:
    """What is meant, in a sentence."""
    return f"the {kind_of(member)} {member}"


def unknown(member: KeyOrIdentity, where: str) -> InputError:
    """The error that says that nothing in `where` is meant."""
    if isinstance(member, str):
        hint = "Run `attest trust show` to list the keyids."
        return InputError("key-unknown", f"no key of {where} has the keyid {member}", hint=hint)
    hint = "Run `attest trust show` to list the identities. The glob must be written in the same way."
    return InputError("identity-unknown", f"{where} has no identity {member}", hint=hint)


def naming(document: Mapping[str, Any], authority: str) -> dict[str, int]:
    """The anchors of a document with identities below an authority, and how many each has."""
    counts = {
        anchor: sum(entry["authority"] == authority for entry in members(document, anchor, "identities"))
        for anchor in document["anchors"]
    }
    return {anchor: number for anchor, number in counts.items() if number}
