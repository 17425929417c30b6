"""Policies: requirements for verified attestations, and the built-in rules.

Rule: a policy only requires; whatever is left out, left unread or not understood can lose a yes and never make one.
"""

from __future__ import annotations

from attest.policy._policy import Policy
from attest.policy._several import decide, policies_of
from attest.policy._shapes import Context, Rule, VerifiedAttestation
from attest.policy._summaries import summarise
from attest.results.decisions import Decision, Decisions, Failure, RequirementResult

__all__ = [
    "Context",
    "Decision",
    "Decisions",
    "Failure",
    "Policy",
    "RequirementResult",
    "Rule",
    "VerifiedAttestation",
    "decide",
    "policies_of",
    "summarise",
]
