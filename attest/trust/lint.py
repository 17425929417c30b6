"""What is worth a warning in a trust bundle that is valid.

Rule: a finding never changes a verdict; it says what an owner of the bundle should look at before it does.
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
    """One thing to look at: a code, the JSON pointer of the place, and a sentence."""

    code: str
    where: str
    message: str


def check(bundle: TrustBundle, *, now: datetime, soon: timedelta = SOON) -> list[LintWarning]:
    """All findings about `bundle` at `now`, in the order of the document."""
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
        yield LintWarning("trust-expired", "/expires", "the trust bundle has expired, and nothing is verified with it")
    elif bundle.expires is not None and bundle.expires < now + soon:
        yield LintWarning(
            "trust-expires-soon", "/expires", f"the trust bundle expires at {format_time(bundle.expires)}"
        )
    if not bundle.anchors:
        yield LintWarning("anchor-unsatisfiable", "/anchors", "there are no anchors, so nothing can be verified")


def _of_roots(roots: TrustRoots, expires: datetime | None) -> Iterator[LintWarning]:
    where = pointer("roots")
    usable = len(roots.usable)
    if usable < roots.threshold:
        message = f"it takes {roots.threshold} roots, and {usable} of them can still count: no next version is accepted"
        yield LintWarning("roots-unsatisfiable", where, message)
    elif usable == roots.threshold:
        message = f"it takes as many roots as can still count, {usable}: if one is lost, no next version is accepted"
        yield LintWarning("roots-without-spare", where, message)
    if expires is None:
        message = "the trust bundle never expires: who is given this version again and again will not notice"
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
        message = f"{anchor.name} can't be met: if all its keys sign that can still count, it has {lack}"
        yield LintWarning("anchor-unsatisfiable", where, message)
    for name in ("subjects", "predicate_types", "payload_types", "builders"):
        if getattr(anchor, name) == ():
            yield LintWarning("anchor-unsatisfiable", f"{where}/{name}", "an empty list allows nothing")


def _of_subjects(bundle: TrustBundle) -> Iterator[LintWarning]:
    found, complete = meetings(bundle.anchors)
    for one in found:
        where = pointer("anchors", one.anchor, "subjects", one.place)
        others = one.other + (f" and {one.more} more" if one.more else "")
        if one.tied:
            message = (
                f"{one.anchor} and {others} own the same names (by {one.glob!r} and {one.rival!r}) and may vouch for "
                "the same kinds of statements, so any one of them is enough; to require several, "
                "put their keys into one anchor with a threshold, or name each anchor in a policy"
            )
            yield LintWarning("subjects-tie", where, message)
        else:
            message = (
                f"{one.anchor} may never vouch for names that match {one.rival!r} of {others}, which is more specific "
                f"than {one.glob!r}; if these are two roles for the same names, list the same globs in both"
            )
            yield LintWarning("subjects-shadowed", where, message)
    if not complete:
        message = "there are too many globs to compare all of them, so that ties may be missing here"
        yield LintWarning("subjects-unchecked", pointer("anchors"), message)


def _of_key(key: TrustKey, where: str, now: datetime, soon: timedelta) -> Iterator[LintWarning]:
    if key.public_key.simulated:
        yield LintWarning("simulated-key", where, "this key is simulated: anyone can sign with it")
    if key.status == "active" and key.not_after is not None:
        if key.not_after < now:
            yield LintWarning("key-expired", f"{where}/not_after", f"this key expired at {format_time(key.not_after)}")
        elif key.not_after < now + soon:
            yield LintWarning(
                "key-expires-soon", f"{where}/not_after", f"this key expires at {format_time(key.not_after)}"
            )
    algorithm = key.public_key.algorithm
    if algorithm.family == "rsa-pkcs1v15":
        yield LintWarning("weak-algorithm", where, f"{algorithm.name} is an old padding; rsassa-pss is the better one")
    bits = key.public_key.rsa_bits
    if bits is not None and bits < 3072:
        yield LintWarning("weak-algorithm", where, f"RSA with {bits} bits is below the 128-bit level; use 3072 or more")


def _of_certificate(key: TrustKey, entry: Mapping[str, Any], where: str) -> Iterator[LintWarning]:
    found = certificate(entry["public_key"].encode())
    if found is not None and (key.not_after is None or key.not_after > found.not_after):
        message = f"this is a certificate that ends at {format_time(found.not_after)}, and its key counts longer"
        yield LintWarning("certificate-outlived", f"{where}/public_key", message)


def _of_authority(authority: TimestampAuthority, now: datetime, soon: timedelta) -> Iterator[LintWarning]:
    if authority.not_after is not None and authority.not_after < now:
        return  # its owner knows that it has an end
    for index, one in enumerate(authority.load()):
        end, where = one.not_valid_after_utc, pointer("timestamp_authorities", authority.name, "certificates", index)
        if end < now:
            message = f"this certificate expired at {format_time(end)}, and proves no later time"
            yield LintWarning("timestamp-authority-expired", where, message)
        elif end < now + soon:
            message = f"this certificate expires at {format_time(end)}, and proves no later time"
            yield LintWarning("timestamp-authority-expires-soon", where, message)


def _of_shared_keys(bundle: TrustBundle) -> Iterator[LintWarning]:
    first: dict[bytes, str] = {}
    for anchor in bundle.anchors.values():
        for index, key in enumerate(anchor.keys):
            other = first.setdefault(key.public_key.spki, anchor.name)
            if other != anchor.name:
                where = pointer("anchors", anchor.name, "keys", index)
                yield LintWarning("key-shared", where, f"{other} has this key too")
