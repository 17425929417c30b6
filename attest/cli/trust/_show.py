"""A trust bundle, its signatures and warnings about it, as text and in a result object.

Rule: what roots did not sign is shown as unverified, and a signature that does not count is shown with the reason.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

from attest._base import files
from attest._base.text import plural
from attest._base.times import format_time
from attest.cli import _output
from attest.cli._output import results
from attest.cli.trust import _authorities
from attest.errors import AttestError
from attest.trust import history

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from attest.results.report import RootCheck
    from attest.trust.anchors import TrustAnchor, TrustKey
    from attest.trust.anchors.standing import Standing
    from attest.trust.bundle import TrustBundle
    from attest.trust.diff import Change
    from attest.trust.lint import LintWarning


_NAMED: Final = 8  # characters that are named for one change


def warn(file: str, findings: Sequence[LintWarning]) -> None:
    """Print findings as warnings."""
    for finding in findings:
        _output.prose("warning", f"{file}: {finding.where}: {finding.message} ({finding.code})")


def change_lines(changes: Iterable[Change], *, marked: bool = True) -> Iterator[str]:
    """Changes as text; with `marked`, also which ones allow more than before.

    Characters beyond ASCII are named below each change: a letter of another alphabet can look like one of ours.
    """
    for change in changes:
        yield f"  {change.message}{' (weakened)' if marked and change.weakened else ''}"
        foreign = dict.fromkeys(character for character in change.message if not character.isascii())
        if foreign:
            named = [f"U+{ord(one):04X} {unicodedata.name(one, 'without a name')}" for one in foreign]
            rest = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
            yield f"    not ASCII: {', '.join(named[:_NAMED])}{rest}"


def summary(bundle: TrustBundle) -> dict[str, Any]:
    """Which trust bundle it is, for a result object."""
    return {"version": bundle.version, "sha256": bundle.sha256, "anchors": sorted(bundle.anchors)}


def read(file: str) -> TrustBundle | tuple[history.SignedBundle, ...]:
    """What a trust file contains, with nothing verified. Raises as `attest.trust.history.read`, with its name."""
    data = files.read(file, limit=history.MAX_HISTORY)
    try:
        return history.read(data)
    except AttestError as error:
        raise error.at(file) from None


def lines(bundle: TrustBundle) -> Iterator[str]:
    """The content of a trust bundle, as text."""
    yield f"  version     {bundle.version}"
    for name in ("issued", "expires"):
        when = getattr(bundle, name)
        if when is not None:
            yield f"  {name:<11} {format_time(when)}"
    if bundle.roots is not None:
        yield f"  roots       {_counting(bundle.roots.threshold, len(bundle.roots.usable), len(bundle.roots.keys))}"
        yield from _key_lines(bundle.roots.keys, bundle.document["roots"]["keys"])
    for anchor in bundle.anchors.values():
        yield from _anchor_lines(anchor, bundle.document["anchors"][anchor.name])
    yield from _authorities.lines(bundle.document)


def _anchor_lines(anchor: TrustAnchor, entry: Mapping[str, Any]) -> Iterator[str]:
    members = (*anchor.keys, *anchor.identities)
    usable = sum(one.status != "compromised" for one in members)
    yield f"  anchor      {anchor.name}: {_counting(anchor.threshold, usable, len(members))}"
    for name in ("subjects", "predicate_types", "payload_types", "builders", "require"):
        limit = getattr(anchor, name)
        if limit is not None:
            yield f"    {name.replace('_', ' ')}: {', '.join(limit) or 'none'}"
    yield from _key_lines(anchor.keys, entry.get("keys", ()))
    for identity, one in zip(anchor.identities, entry.get("identities", ()), strict=True):
        named = f"{identity.name}: " if identity.name is not None else ""
        yield f"    {identity.status:<11} {named}{identity}{_window(identity)}{_why(one)}"


def _counting(threshold: int, usable: int, listed: int) -> str:
    return f"{threshold} of {usable}" + (f" ({listed - usable} more can never count)" if usable < listed else "")


def _key_lines(keys: Sequence[TrustKey], entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for key, entry in zip(keys, entries, strict=True):
        digest = f" with {entry['digest']}" if "digest" in entry else ""
        yield f"    {key.status:<11} {key.algorithm}{digest} {key.public_key.keyid}{_window(key)}{_why(entry)}"


def _window(limited: Standing) -> str:
    begin = f" from {format_time(limited.not_before)}" if limited.not_before else ""
    end = f" until {format_time(limited.not_after)}" if limited.not_after else ""
    return begin + end


def _why(entry: Mapping[str, Any]) -> str:
    since = f" since {entry['status_since']}" if "status_since" in entry else ""
    return since + (f" ({entry['reason']})" if "reason" in entry else "")


def signature_lines(checks: Iterable[RootCheck]) -> Iterator[str]:
    """The signatures on each version, as text."""
    for check in checks:
        yield f"  {signature_count(check)}"
        for signature in check.signatures:
            verdict = "counted" if signature.code is None else f"not counted: {signature.code}"
            named = f"{signature.algorithm or 'unknown'} {signature.keyid or '-'}"
            yield f"    signature {signature.position:<5} {named} ({verdict})"


def review_lines(last: TrustBundle, checks: Sequence[RootCheck]) -> Iterator[str]:
    """The signatures on the last version, and on those before it that have too few."""
    shown = [check for check in checks if check.version == last.version or not check.met]
    earlier = {check.version for check in checks} - {check.version for check in shown}
    if earlier:
        yield f"  {plural(len(earlier), 'earlier version')}: enough signatures"
    yield from signature_lines(shown)


def signature_count(check: RootCheck) -> str:
    """How many signatures there are and how many are required."""
    return f"version {check.version}: {check.counted} of {check.threshold} required signatures by {check.whose}"


def root_check(check: RootCheck) -> dict[str, Any]:
    """How many signatures on a version of a trust bundle one set of roots counts, for a result object."""
    return {
        "version": check.version,
        "roots_version": check.roots_version,
        "threshold": check.threshold,
        "counted": check.counted,
        "signatures": [results.signature(signature) for signature in check.signatures],
    }


def attestation(name: str, result: str, error: AttestError | None = None) -> dict[str, Any]:
    """The result for one attestation that a trust command was given."""
    return {"attestation": name, "result": result, **({} if error is None else results.why(error))}
