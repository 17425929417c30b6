"""Policies: requirements for verified attestations, and the built-in rules.

Rule: a policy only requires; what is unread or unknown can make it fail, and never make it met. What is missing can
do so only in a policy with `latest` or `attestations` (docs/adr/0041).

>>> from datetime import UTC, datetime
>>> import attest
>>> from attest.trust import editing
>>> policy = attest.Policy.from_bytes(b'''
... [[require]]
... id = "review"
... type = "https://example.com/review/v1"
... anchors = ["release"]
... ''')
>>> subject = attest.ResourceDescriptor("app.whl", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> with attest.generate_key("file:policy.pem") as signer:
...     envelope = attest.sign(statement, [signer])
...     trust = editing.create("release", [editing.describe_key(signer.public_key)], now=datetime.now(UTC))
>>> verified = attest.verify(envelope, trust, artifacts=None, policy=policy)
>>> verified.report.policy.summary
'the policy is met'
>>> decision = policy.decide([verified], artifacts=["sha256:" + "1" * 64], now=datetime.now(UTC))
>>> [failure.code for requirement in decision.requirements for failure in requirement.failures]
['evidence-missing']
"""

from __future__ import annotations

from attest.policy import rules
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
    "rules",
    "summarise",
]
