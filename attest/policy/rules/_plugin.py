"""A rule of another distribution: checked when it is loaded, and able only to fail its own requirement.

Rule: if it raises anything, or returns anything but Failures, nothing was decided.
"""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from attest import schema
from attest._base.read_only import read_only
from attest.errors import InputError
from attest.policy._shapes import Rule
from attest.results.decisions import Failure
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest._base.plugins import Plugin
    from attest.policy._shapes import Context, VerifiedAttestation

NEEDS: Final = ("check", "types", "settings", "example")

_CODE: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


def guarded(plugin: Plugin) -> Rule:
    """The rule of a plug-in. It establishes no levels: a level is a claim, and a plug-in can only reject.

    Raises InputError `plugin-failed` and `plugin-ambiguous`.
    """
    rule = plugin.load(NEEDS)
    plugin.demand(rule, Rule, "its entry point")
    plugin.demand(rule.settings, dict, "its settings")
    with plugin.guarded():
        schema.Schema(rule.settings)
        types, needs, example = tuple(rule.types), tuple(rule.needs), str(rule.example)
    try:
        known = [OURS.uris(kind) for kind in types]
    except InputError as error:
        raise plugin.fault(f"is for an unknown predicate type: {error.message}") from None
    if not known:
        raise plugin.fault("is for no predicate type")

    def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
        # Other requirements use the same objects, so the plug-in gets read-only ones.
        with plugin.guarded():
            found = list(rule.check(copy(evidence), read_only(settings), context))
        for failure in found:
            _demand_failure(failure, plugin)
        yield from found

    check.__doc__ = rule.check.__doc__
    return Rule(check, types, rule.settings, example, needs)


def _demand_failure(failure: Any, plugin: Plugin) -> None:
    """Raises InputError for a failure that cannot be printed."""
    plugin.demand(failure, Failure, "a failure")
    plugin.demand(failure.code, str, "the code of a failure")
    plugin.demand(failure.message, str, "the message of a failure")
    for text in (failure.pointer, failure.hint):
        plugin.demand(text, str | None, "the pointer or hint of a failure")
    if not _CODE.fullmatch(failure.code):
        raise plugin.fault("returned a failure whose code is not lower-case words joined by -")
