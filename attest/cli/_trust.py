"""A trust bundle changed in place, and how one is shown.

Rule: what a command says it changed is read off the two versions of the trust bundle, and not off what it meant to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from attest._base import files
from attest._base.times import format_time
from attest.cli import _options, _output
from attest.errors import InputError
from attest.trust import diff, editing, history, lint
from attest.trust.bundle import TrustBundle
from attest.trust.roots import TrustRoots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from attest.timestamps.authorities import TimestampAuthority
    from attest.trust.anchors import TrustAnchor, TrustKey
    from attest.trust.diff import Change
    from attest.trust.lint import LintWarning


class BundleChange(NamedTuple):
    """A trust bundle before and after a change in place, and what is to be said of it."""

    before: TrustBundle
    after: TrustBundle
    changes: list[Change]
    findings: list[LintWarning]

    def lines(self, file: str) -> list[str]:
        """What changed, for people."""
        old, new = self.before.version, self.after.version
        head = f"changed {file}: " + (f"version {old} -> {new}" if old != new else f"still version {new}")
        return [head, *(f"  {change.message}" for change in self.changes)]

    def details(self, file: str) -> dict[str, Any]:
        """What changed, for a result object."""
        return {
            "file": file,
            **summary(self.after),
            "changes": [change._asdict() for change in self.changes],
            "findings": [finding._asdict() for finding in self.findings],
        }


def change(
    file: str, edit: Callable[[TrustBundle], TrustBundle], *, now: datetime, after: str | None = None
) -> BundleChange:
    """Put the next version in the place of the trust bundle `file`; nobody else changes it in between.

    With `after`, the file of the version that was given out last, it is the next one behind that, however many changes
    were made to `file` since. What can't be met any more because of it is warned of, and never refused.
    """
    versions: list[TrustBundle] = []
    last = None if after is None else history.load_root(after)
    if isinstance(last, TrustRoots):
        raise click.UsageError(f"--after names a version of the trust bundle, and {after} holds roots alone")

    def next_version(data: bytes) -> bytes:
        versions.append(TrustBundle.from_json(data))
        made = edit(versions[0])
        versions.append(made if last is None else editing.numbered(made, last.version + 1))
        return versions[1].to_json()

    try:
        files.update(file, next_version)
    except InputError as error:
        raise _options.locate(error, file) from None
    old, new = versions
    told = ("version-changed", "issued-changed")
    known = lint.check(old, now=now)
    findings = [
        finding
        for finding in lint.check(new, now=now)
        if finding.code in ("anchor-unsatisfiable", "roots-unsatisfiable") and finding not in known
    ]
    warn(file, findings)
    return BundleChange(old, new, [c for c in diff.diff(old, new) if c.kind not in told], findings)


def warn(file: str, findings: Sequence[LintWarning]) -> None:
    """Print findings as warnings."""
    for finding in findings:
        _output.prose("warning", f"{file}: {finding.where}: {finding.message} ({finding.code})")


def summary(bundle: TrustBundle) -> dict[str, Any]:
    """Which trust bundle it is, for a result object."""
    return {"version": bundle.version, "sha256": bundle.sha256, "anchors": sorted(bundle.anchors)}


def lines(bundle: TrustBundle) -> Iterator[str]:
    """All of a trust bundle, for people."""
    yield f"  version     {bundle.version}"
    for name in ("issued", "expires"):
        when = getattr(bundle, name)
        if when is not None:
            yield f"  {name:<11} {format_time(when)}"
    if bundle.roots is not None:
        yield f"  roots       {bundle.roots.threshold} of {len(bundle.roots.keys)}"
        yield from _key_lines(bundle.roots.keys, bundle.document["roots"]["keys"])
    for anchor in bundle.anchors.values():
        yield from _anchor_lines(anchor, bundle.document["anchors"][anchor.name]["keys"])
    for authority in bundle.timestamp_authorities:
        subjects = ", ".join(one.subject.rfc4514_string() for one in authority.load())
        yield f"  timestamps  {authority.name}: {subjects}{_window(authority)}"


def _anchor_lines(anchor: TrustAnchor, entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"  anchor      {anchor.name}: {anchor.threshold} of {len(anchor.keys)}"
    for name in ("subjects", "predicate_types", "payload_types", "builders", "require"):
        limit = getattr(anchor, name)
        if limit is not None:
            yield f"    {name.replace('_', ' ')}: {', '.join(limit) or 'none'}"
    yield from _key_lines(anchor.keys, entries)


def _key_lines(keys: Sequence[TrustKey], entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for key, entry in zip(keys, entries, strict=True):
        yield f"    {key.status:<11} {key.algorithm} {key.public_key.keyid}{_window(key)}{_why(entry)}"


def _window(limited: TrustKey | TimestampAuthority) -> str:
    begin = f" from {format_time(limited.not_before)}" if limited.not_before else ""
    end = f" until {format_time(limited.not_after)}" if limited.not_after else ""
    return begin + end


def _why(entry: Mapping[str, Any]) -> str:
    since = f" since {entry['status_since']}" if "status_since" in entry else ""
    return since + (f" ({entry['reason']})" if "reason" in entry else "")
