"""Whether a working copy is based on the version that is published: what others have changed must be in it.

Rule: a working copy that lacks a published change is refused or warned about before it becomes the next version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.errors import InputError
from attest.trust import diff, editing
from attest.trust.lint import LintWarning

if TYPE_CHECKING:
    from attest.trust.bundle import TrustBundle

# What no command does to a key, an identity or an anchor.
_REMOVED: Final = frozenset({"anchor-removed", "key-removed", "identity-removed"})
_RESTORED: Final = frozenset({"key-status-changed", "identity-status-changed"})
# What allows more than the published version, and may be wanted: then the warning is the only word about it.
_LOOSENED: Final = frozenset(
    {
        *("threshold-changed", "limit-changed", "authority-changed", "identity-changed"),
        *("key-window-changed", "identity-window-changed"),
    }
)
_SHOWN: Final = 3


def demand_based_on(bundle: TrustBundle, published: TrustBundle) -> list[LintWarning]:
    """The warnings about `bundle`, a working copy, that is to become the version after `published`.

    With the number of `published` it must be the same, but for signers. With a higher one it has changes of its own:
    then nothing may be active that is retired or compromised in `published`. What it lacks, and each limit that allows
    more than in `published`, is a warning (`published-change-lost`).

    Raises InputError `trust-fork`.
    """
    missing = diff.diff(editing.without_signers(published), editing.without_signers(bundle))
    if bundle.version == published.version:
        wrong = [change for change in missing if change.kind not in ("version-changed", "issued-changed")]
    else:
        wrong = [change for change in missing if change.kind in _RESTORED and change.weakened]
    if wrong and bundle.version >= published.version:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        what = "; ".join(change.message for change in wrong[:_SHOWN]) + more
        message = f"the file is not based on the published version {published.version}, but differs from it: {what}"
        hint = (
            "Someone else published this version: make your change again in a copy of their file. If you changed the "
            "file by hand, raise its version by one."
        )
        raise InputError("trust-fork", message, hint=hint)
    return [
        LintWarning(
            "published-change-lost", change.where, f"version {published.version} is published: {change.message}"
        )
        for change in missing
        if change.kind in _REMOVED or (change.weakened and change.kind in _LOOSENED)
    ]
