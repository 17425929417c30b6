"""A trust bundle changed in place.

Rule: what is printed as a change is the difference of the two versions, not what the command meant to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from attest._base import files
from attest.cli import _options
from attest.cli.trust import _show
from attest.errors import InputError
from attest.trust import basis, diff, editing, history, lint
from attest.trust.anchors.roots import TrustRoots
from attest.trust.bundle import TrustBundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attest.trust.diff import Change
    from attest.trust.lint import LintWarning


# What makes the change useless, or the next one impossible, or an anchor accept more than its owner may know.
_WARNED: Final = (
    *("anchor-unsatisfiable", "authority-unsatisfiable", "roots-unsatisfiable"),
    *("subjects-unlimited", "identity-any-source", "identity-too-broad", "issuer-not-https"),
)
# Changes that every new version has.
IMPLIED: Final = ("version-changed", "issued-changed")


class BundleChange(NamedTuple):
    """A trust bundle before and after a change in place, and the warnings about it."""

    before: TrustBundle
    after: TrustBundle
    changes: list[Change]
    findings: list[LintWarning]

    def lines(self, file: str, *, marked: bool = False) -> list[str]:
        """What changed, as text; with `marked`, also which changes allow more than before."""
        old, new = self.before.version, self.after.version
        if self.before is self.after:
            return [f"not changed {file}: it already has these values (version {new})"]
        head = f"changed {file}: " + (f"version {old} -> {new}" if old != new else f"still version {new}")
        return [head, *_show.change_lines(self.changes, marked=marked)]

    def details(self, file: str) -> dict[str, Any]:
        """What changed, for a result object."""
        return {
            "file": file,
            **_show.summary(self.after),
            "changes": [change._asdict() for change in self.changes],
            "findings": [finding._asdict() for finding in self.findings],
        }


def warned(bundle: TrustBundle, now: datetime) -> list[LintWarning]:
    """What `attest trust check` finds and nobody should learn only then."""
    return [finding for finding in lint.check(bundle, now=now) if finding.code in _WARNED]


def change(
    file: str, edit: Callable[[TrustBundle], TrustBundle], *, now: datetime, after: str | None = None
) -> BundleChange:
    """Replace the trust bundle `file` by its next version, under a lock.

    If `edit` returns the bundle that it was given, the file stays as it is. With `after`, the file of the last
    published version, the number is the one after that, however many changes were made to `file` since, and `file` must
    be based on it. A change that leaves an anchor with too few keys is warned about and never refused.
    """
    versions: list[TrustBundle] = []
    lost: list[LintWarning] = []
    last = None if after is None else history.load_root(after)
    if isinstance(last, TrustRoots):
        raise click.UsageError(f"--after requires a version of the trust bundle; {after} is a roots file")

    def next_version(data: bytes) -> bytes:
        versions.append(TrustBundle.from_json(data))
        lost[:] = [] if last is None else basis.demand_based_on(versions[0], last)
        made = edit(versions[0])
        if made is versions[0]:
            versions.append(made)
            return data
        versions.append(made if last is None else editing.numbered(made, last.version + 1))
        return versions[1].to_json()

    try:
        files.update(file, next_version)
    except InputError as error:
        raise _options.locate(error, file) from None
    old, new = versions
    known = lint.check(old, now=now)
    findings = [*lost, *(finding for finding in warned(new, now) if finding not in known)]
    _show.warn(file, findings)
    return BundleChange(old, new, [c for c in diff.diff(old, new) if c.kind not in IMPLIED], findings)
