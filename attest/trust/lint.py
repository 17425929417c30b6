"""Warnings about a trust bundle that is valid.

Rule: a warning never changes the result of a verification; it names what the owner of the bundle should look at.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from attest._base.json import pointer
from attest._base.times import format_time
from attest.keys import certificate
from attest.trust.owners import meetings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from attest.timestamps.authorities import TimestampAuthority
    from attest.trust.anchors import TrustAnchor, TrustKey
    from attest.trust.bundle import TrustBundle
    from attest.trust.roots import TrustRoots

SOON = timedelta(days=30)


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
    for anchor in bundle.anchors.values():
        findings += _of_anchor(anchor, lost, now)
        for index, key in enumerate(anchor.keys):
            place = pointer("anchors", anchor.name, "keys", index)
            findings += _of_key(key, place, now, soon)
            findings += _of_certificate(key, bundle.document["anchors"][anchor.name]["keys"][index], place)
    findings += _of_subjects(bundle)
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


def _of_anchor(anchor: TrustAnchor, lost: set[bytes], now: datetime) -> Iterator[LintWarning]:
    where = pointer("anchors", anchor.name)
    usable = [
        key
        for key in anchor.keys
        if key.objection(now) in (None, "key-not-yet-valid") and key.public_key.spki not in lost
    ]
    lack = anchor.lacks({key.public_key for key in usable})
    if lack is not None:
        message = f"anchor {anchor.name!r} cannot reach its threshold: its usable keys give {lack}"
        yield LintWarning("anchor-unsatisfiable", where, message)
    for name in ("subjects", "predicate_types", "payload_types", "builders"):
        if getattr(anchor, name) == ():
            yield LintWarning("anchor-unsatisfiable", f"{where}/{name}", "an empty list allows nothing")


def _of_subjects(bundle: TrustBundle) -> Iterator[LintWarning]:
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


def _of_key(key: TrustKey, where: str, now: datetime, soon: timedelta) -> Iterator[LintWarning]:
    if key.public_key.simulated:
        yield LintWarning("simulated-key", where, "the key is simulated: anyone can sign with it")
    if key.status == "active" and key.not_after is not None:
        if key.not_after < now:
            yield LintWarning("key-expired", f"{where}/not_after", f"the key expired at {format_time(key.not_after)}")
        elif key.not_after < now + soon:
            yield LintWarning(
                "key-expires-soon", f"{where}/not_after", f"the key expires at {format_time(key.not_after)}"
            )
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
