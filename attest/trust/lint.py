"""Warnings about a trust bundle that is valid.

Rule: a warning never changes the result of a verification; it names what the owner of the bundle should look at.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.globbing import is_glob
from attest._base.json import pointer
from attest._base.times import format_time
from attest.keys import certificate
from attest.trust.anchors.owners import meetings, share_kinds
from attest.trust.authority_parts import parts_of
from attest.trust.entries import AUTHORITIES, compromised_identities, covers, naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.timestamps.authorities import TimestampAuthority
    from attest.trust.anchors import TrustAnchor, TrustKey
    from attest.trust.anchors.identities import TrustIdentity
    from attest.trust.anchors.roots import TrustRoots
    from attest.trust.anchors.standing import Standing
    from attest.trust.authority_parts import AuthorityPart
    from attest.trust.bundle import TrustBundle

SOON = timedelta(days=30)

# Issuers and a part of names of certificates that say which workflow ran, and with other claims for whose source.
_WORKFLOW_ISSUERS: Final = ("https://token.actions.githubusercontent.com", "https://gitlab.com")
_WORKFLOW: Final = "/.github/workflows/"
_SOURCES: Final = frozenset(
    {
        "source-repository-uri",
        "source-repository-identifier",
        "source-repository-owner-uri",
        "source-repository-owner-identifier",
        "github-workflow-repository",
    }
)
_MISSING: Final = {
    "CA": "its trusted root has no CA",
    "log": 'it requires a log entry, and its trusted root has no log; if the instance has no log, set "log": "none"',
    "CT log": "it requires a certificate transparency log, and its trusted root has none",
    "TSA": "it requires a timestamp, and the trust bundle has no timestamp authority",
}


class LintWarning(NamedTuple):
    """One warning: a code, the JSON pointer of the place, and a message."""

    code: str
    where: str
    message: str


def check(bundle: TrustBundle, *, now: datetime, soon: timedelta = SOON) -> list[LintWarning]:
    """All warnings about `bundle` at `now`, in the order of the document; `soon` is when an end is near."""
    findings = list(_of_bundle(bundle, now, soon))
    if bundle.roots is not None:
        findings += _of_roots(bundle.roots, bundle.expires)
        for index, key in enumerate(bundle.roots.keys):
            findings += _of_key(key, pointer("roots", "keys", index), now, soon)
    lost = {candidate.public_key.spki for candidate in bundle.candidates if candidate.compromised}
    lost_identities = compromised_identities(bundle.document)
    for anchor in bundle.anchors.values():
        entries = bundle.document["anchors"][anchor.name].get("identities", ())
        pairs = zip(anchor.identities, entries, strict=True)
        known = [one for one, entry in pairs if not any(covers(other, entry) for other in lost_identities)]
        findings += _of_anchor(anchor, known, lost, now)
        for index, key in enumerate(anchor.keys):
            place = pointer("anchors", anchor.name, "keys", index)
            findings += _of_key(key, place, now, soon)
            findings += _of_certificate(key, bundle.document["anchors"][anchor.name]["keys"][index], place)
        for index, identity in enumerate(anchor.identities):
            place = pointer("anchors", anchor.name, "identities", index)
            findings += _of_end(identity, place, now, soon)
            findings += _of_identity(identity, bundle.authorities[identity.authority].kind, place)
    findings += _of_subjects(bundle)
    for name, entry in bundle.document.get(AUTHORITIES, {}).items():
        findings += _of_issuing(name, entry, bundle, now, soon)
    for authority in bundle.timestamp_authorities:
        findings += _of_authority(authority, now, soon)
    return findings + list(_of_shared_keys(bundle))


def _of_bundle(bundle: TrustBundle, now: datetime, soon: timedelta) -> Iterator[LintWarning]:
    if bundle.expires is not None and bundle.expires < now:
        yield LintWarning("trust-expired", "/expires", "the trust bundle has expired, so it verifies nothing")
    elif bundle.expires is not None and bundle.expires < now + soon:
        yield LintWarning(
            "trust-expires-soon", "/expires", f"the trust bundle expires at {format_time(bundle.expires)}"
        )
    if not bundle.anchors:
        yield LintWarning("anchor-unsatisfiable", "/anchors", "the trust bundle has no anchors, so it verifies nothing")


def _of_roots(roots: TrustRoots, expires: datetime | None) -> Iterator[LintWarning]:
    where = pointer("roots")
    usable = len(roots.usable)
    if usable < roots.threshold:
        have = f"{usable} of {roots.threshold}"
        message = f"the roots cannot reach their threshold: {have} can still count; no next version is possible"
        yield LintWarning("roots-unsatisfiable", where, message)
    elif usable == roots.threshold:
        message = f"all roots that can still count are required ({usable}): if one is lost, no next version is possible"
        yield LintWarning("roots-without-spare", where, message)
    if expires is None:
        message = "the trust bundle never expires, so verifiers do not notice if new versions are withheld"
        yield LintWarning("trust-never-expires", pointer("expires"), message)


def _of_anchor(
    anchor: TrustAnchor, identities: Sequence[TrustIdentity], lost: set[bytes], now: datetime
) -> Iterator[LintWarning]:
    """`lost` are compromised keys, and `identities` those of the anchor that are not compromised."""
    where = pointer("anchors", anchor.name)
    usable = [key for key in anchor.keys if _is_usable(key, now) and key.public_key.spki not in lost]
    named = [identity for identity in identities if _is_usable(identity, now)]
    families = {key.public_key.algorithm.security for key in usable} | ({"classical"} if named else set())
    lack = anchor.lacks_with(len(usable) + len(named), families)
    if lack is not None:
        those = "keys and identities" if anchor.identities else "keys"
        message = f"anchor {anchor.name!r} cannot reach its threshold: its usable {those} give {lack}"
        yield LintWarning("anchor-unsatisfiable", where, message)
    for name in ("subjects", "predicate_types", "payload_types", "builders"):
        if getattr(anchor, name) == ():
            yield LintWarning("anchor-unsatisfiable", f"{where}/{name}", "an empty list allows nothing")


def _of_subjects(bundle: TrustBundle) -> Iterator[LintWarning]:
    limited = [anchor for anchor in bundle.anchors.values() if anchor.subjects is not None]
    for anchor in bundle.anchors.values():
        other = next((one for one in limited if share_kinds(anchor, one)), None)
        if anchor.subjects is None and other is not None:
            message = (
                f"anchor {anchor.name!r} has no subjects, so it may sign for every name, also for those of anchor "
                f"{other.name!r}; to reserve names, give each anchor subjects, such as **"
            )
            yield LintWarning("subjects-unlimited", pointer("anchors", anchor.name), message)
    found, complete = meetings(bundle.anchors)
    for one in found:
        where = pointer("anchors", one.anchor, "subjects", one.place)
        others = repr(one.other) + (f" and {one.more} more" if one.more else "")
        if one.tied:
            message = (
                f"anchor {one.anchor!r} and anchor {others} are allowed to sign the same statements about the same "
                f"names ({one.glob!r} and {one.rival!r}), so one of them is enough; to require several, "
                "use one anchor with a threshold, or a policy that names each anchor"
            )
            yield LintWarning("subjects-tie", where, message)
        else:
            message = (
                f"anchor {one.anchor!r} is not responsible for names that match {one.rival!r} of anchor {others}, "
                f"which is more specific than {one.glob!r}; for two roles, list the same globs in both"
            )
            yield LintWarning("subjects-shadowed", where, message)
    if not complete:
        message = "too many globs to compare all of them; some ties may be missing here"
        yield LintWarning("subjects-unchecked", pointer("anchors"), message)


def _is_usable(one: Standing, now: datetime) -> bool:
    """Whether signatures that are made from now on can count."""
    return one.objection(now) in (None, f"{one.noun}-not-yet-valid")


def _of_end(one: Standing, where: str, now: datetime, soon: timedelta) -> Iterator[LintWarning]:
    if one.status != "active" or one.not_after is None:
        return
    end, place = format_time(one.not_after), f"{where}/not_after"
    if one.not_after < now:
        yield LintWarning(f"{one.noun}-expired", place, f"the {one.noun} expired at {end}")
    elif one.not_after < now + soon:
        yield LintWarning(f"{one.noun}-expires-soon", place, f"the {one.noun} expires at {end}")


def _of_key(key: TrustKey, where: str, now: datetime, soon: timedelta) -> Iterator[LintWarning]:
    if key.public_key.simulated:
        yield LintWarning("simulated-key", where, "the key is simulated: anyone can sign with it")
    yield from _of_end(key, where, now, soon)
    algorithm = key.public_key.algorithm
    if algorithm.family == "rsa-pkcs1v15":
        yield LintWarning("weak-algorithm", where, f"{algorithm.name} uses an old padding; use rsassa-pss instead")
    bits = key.public_key.rsa_bits
    if bits is not None and bits < 3072:
        yield LintWarning(
            "weak-algorithm", where, f"RSA with {bits} bits is below the 128-bit security level; use 3072 or more"
        )


def _of_certificate(key: TrustKey, entry: Mapping[str, Any], where: str) -> Iterator[LintWarning]:
    found = certificate(entry["public_key"].encode())
    if found is not None and (key.not_after is None or key.not_after > found.not_after):
        message = f"the key counts longer than its certificate, which expires at {format_time(found.not_after)}"
        yield LintWarning("certificate-outlived", f"{where}/public_key", message)


def _of_identity(identity: TrustIdentity, kind: str, where: str) -> Iterator[LintWarning]:
    if identity.status == "compromised":
        return
    broad = _broad(identity.san_type, identity.san, public=kind == "sigstore")
    if broad is not None:
        message = f"the glob {identity.san!r} matches {broad}; write out whom you trust"
        yield LintWarning("identity-too-broad", f"{where}/san/{identity.san_type}", message)
    if identity.issuer is not None and not identity.issuer.startswith("https://"):
        message = f"the issuer {identity.issuer!r} does not begin with https://, so it is not an OpenID Connect issuer"
        yield LintWarning("issuer-not-https", f"{where}/issuer", message)
    of_workflow = identity.issuer in _WORKFLOW_ISSUERS or _WORKFLOW in identity.san
    if of_workflow and "**" in identity.san.rpartition("@")[0]:
        # Git allows it in the name of a branch, so whoever may push one decides what follows it.
        message = (
            f"the glob {identity.san!r} has ** before @, so it also matches a branch that is called x@refs/tags/v1; "
            "write out the path of the workflow"
        )
        yield LintWarning("identity-too-broad", f"{where}/san/{identity.san_type}", message)
    claims = {name for name, _ in identity.claims}
    if kind == "sigstore" and identity.san_type == "uri" and of_workflow and not claims & _SOURCES:
        message = (
            "other repositories can use the workflow if it is reusable, and all of them would count; "
            "add the claim source-repository-uri"
        )
        yield LintWarning("identity-any-source", where, message)


def _broad(san_type: str, san: str, *, public: bool) -> str | None:
    """Whom a glob matches that says too little, or None; at a `public` host, everyone has a path of their own."""
    if san_type == "email":
        _, at, domain = san.rpartition("@")
        return None if at and not is_glob(domain) else "addresses of any domain"
    if san_type == "dns":
        return "names of any domain" if is_glob(".".join(san.split(".")[-2:])) else None
    scheme, slashes, rest = san.partition("://")
    host, _, path = rest.partition("/")
    if is_glob(scheme) or is_glob(host) or not slashes:
        return "URIs at any host" if is_glob(san) else None
    return f"all owners at {host}, or all names that begin alike" if public and is_glob(path.split("/")[0]) else None


def _of_issuing(
    name: str, entry: Mapping[str, Any], bundle: TrustBundle, now: datetime, soon: timedelta
) -> Iterator[LintWarning]:
    where = pointer(AUTHORITIES, name)
    if not naming(bundle.document, name):
        yield LintWarning("authority-unused", where, f"no identity names authority {name!r}")
    parts = parts_of(entry)
    kinds = {part.kind for part in parts}
    logged = entry["kind"] == "sigstore" and entry.get("log", "required") == "required"
    if logged:
        needed = ["CA", "log", "CT log"]
    else:
        stamped = entry.get("time", "timestamp") == "timestamp" and not bundle.timestamp_authorities
        needed = ["CA", "TSA"] if stamped else ["CA"]
    for kind in needed:
        if kind not in kinds:
            message = f"authority {name!r} confirms nothing: {_MISSING[kind]}"
            yield LintWarning("authority-unsatisfiable", where, message)
    if entry["kind"] == "sigstore" and not logged and "log" in kinds:
        message = f"authority {name!r} requires no log entry, although the instance has a transparency log"
        yield LintWarning("authority-without-log", f"{where}/log", message)
    for part in _ending(parts, each=entry["kind"] == "x509"):
        if part.not_after is None:
            continue
        end, place = format_time(part.not_after), where + part.where
        if part.not_after < now:
            message = f"{part.kind} {part.name} ended at {end}, so it confirms nothing later"
            yield LintWarning("authority-expired", place, message)
        elif part.not_after < now + soon:
            message = f"{part.kind} {part.name} ends at {end}, and confirms nothing later"
            yield LintWarning("authority-expires-soon", place, message)


def _ending(parts: Sequence[AuthorityPart], *, each: bool) -> Sequence[AuthorityPart]:
    """The parts whose end matters: each, or the last one of each kind, which replaces those before it."""
    if each:
        return parts
    last: dict[str, AuthorityPart] = {}
    for part in parts:
        known = last.setdefault(part.kind, part)
        if known.not_after is not None and (part.not_after is None or part.not_after > known.not_after):
            last[part.kind] = part
    return list(last.values())


def _of_authority(authority: TimestampAuthority, now: datetime, soon: timedelta) -> Iterator[LintWarning]:
    if authority.not_after is not None and authority.not_after < now:
        return  # its end was set on purpose
    for index, one in enumerate(authority.load()):
        end, where = one.not_valid_after_utc, pointer("timestamp_authorities", authority.name, "certificates", index)
        if end < now:
            message = f"the certificate expired at {format_time(end)}, so it does not prove a later time"
            yield LintWarning("timestamp-authority-expired", where, message)
        elif end < now + soon:
            message = f"the certificate expires at {format_time(end)}; it does not prove a later time"
            yield LintWarning("timestamp-authority-expires-soon", where, message)


def _of_shared_keys(bundle: TrustBundle) -> Iterator[LintWarning]:
    first: dict[bytes, str] = {}
    for anchor in bundle.anchors.values():
        for index, key in enumerate(anchor.keys):
            other = first.setdefault(key.public_key.spki, anchor.name)
            if other != anchor.name:
                where = pointer("anchors", anchor.name, "keys", index)
                yield LintWarning("key-shared", where, f"anchor {other!r} has the same key")
