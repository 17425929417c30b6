"""The built-in rules: one module for each, under the name that policies use.

Rule: a rule is one pure function of an attestation, its settings and the context.

Other packages add rules through the entry point group `attest.policy_rules`: a Rule, under the name of the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from attest._base import registry
from attest._base.registry import Registry
from attest.errors import InputError
from attest.policy.rules._plugin import NEEDS, guarded

if TYPE_CHECKING:
    from attest.policy._shapes import Rule

REGISTRY: Final = Registry(__name__, "attest.policy_rules", InputError, needs=NEEDS)


def names() -> list[str]:
    """The names of the rules: the built-in ones, then those of plug-ins."""
    return REGISTRY.names()


def named(name: str) -> Rule | None:
    """The rule of that name, or None. Raises InputError `plugin-failed` and `plugin-ambiguous` for a plug-in."""
    module = registry.load(__name__, name)
    if module is not None:
        return cast("Rule", module.RULE)
    plugin = REGISTRY.plugins().get(name)
    return None if plugin is None else guarded(plugin)
