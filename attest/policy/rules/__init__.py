"""The ready-made rules: one a module, by the name that a policy has for it.

Rule: a rule is one pure function of an attestation, its settings and the context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from attest._base import registry

if TYPE_CHECKING:
    from attest.policy._shapes import Rule


def names() -> list[str]:
    """The names of the rules, sorted."""
    return [name.replace("_", "-") for name in registry.names(__name__)]


def named(name: str) -> Rule | None:
    """The rule of that name, or None."""
    module = None if "_" in name else registry.load(__name__, name.replace("-", "_"))
    return None if module is None else cast("Rule", module.RULE)
