"""Warnings about a policy that is valid: what accepts more than it seems to, and what can never be met.

Rule: a warning changes no decision; it names what the owner of the policy should look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base.json import pointer
from attest._base.text import plural
from attest.trust.lint import LintWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.policy._policy import Policy
    from attest.policy._requirement import Requirement
    from attest.trust.bundle import TrustBundle


def check(policy: Policy, bundle: TrustBundle | None = None) -> list[LintWarning]:
    """All warnings about a policy, in its order; with a trust bundle that has its anchors, also what they cannot do."""
    found: list[LintWarning] = []
    for index, one in enumerate(policy.requirements):
        where = pointer("require", index)
        for place in () if one.schema is None else one.schema.optional:
            message = "a predicate without this field is accepted: list it in `required` too"
            found.append(LintWarning("schema-optional", f"{where}/schema{place}", message))
        if bundle is not None:
            found += _out_of_reach(one, where, bundle)
    return found


def _out_of_reach(one: Requirement, where: str, bundle: TrustBundle) -> Iterator[LintWarning]:
    anchors = [bundle.anchors[name] for name in (bundle.anchors if one.anchors is None else one.anchors)]
    able = [each for each in anchors if each.predicate_types is None or set(one.types) & set(each.predicate_types)]
    whose = "the anchors" if one.anchors is None else f"anchor {' or '.join(map(repr, one.anchors))}"
    if not able:
        message = f"it can never be met: {whose} may not sign {' or '.join(one.types)}"
        yield LintWarning("requirement-unreachable", where, message)
    elif not any(each.identities for each in able):  # one identity may name many signers
        keys = {key.public_key.spki for each in able for key in each.keys if key.status != "compromised"}
        field = "signers" if one.signers > one.threshold else "threshold"
        needed = max(one.signers, one.threshold)
        if len(keys) < needed:
            message = f"it can never be met: {whose} can give {plural(len(keys), 'key')} of {needed}"
            yield LintWarning("requirement-unreachable", f"{where}/{field}", message)
