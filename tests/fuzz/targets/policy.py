"""Policies: read from TOML or JSON, compiled with their schemas and CEL, and asked about what was verified.

Rule: a policy only requires: what some of the attestations meet, all of them meet, and nothing meets no requirement.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import attest
from attest._base.json import dumps
from attest.errors import InputError, Rejected
from attest.policy import rules
from tests.fuzz.oracle import NOW, ROOT, attempt
from tests.fuzz.targets.statement import ARTIFACT
from tests.fuzz.targets.statement import policy as with_every_rule
from tests.vectors.keys import ALICE, BOB
from tests.vectors.parts import anchor, bundle, compact
from tests.vectors.scenarios import load, paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EVERYONE = compact(bundle(anchor(ALICE, BOB), also={name: anchor(ALICE, BOB) for name in ("ci", "security", "qa")}))
GREATEST = 12  # attestations that are asked about


def check(data: bytes) -> None:
    policy = attempt(lambda: attest.Policy.from_bytes(data))
    if policy is None:
        return
    assert policy.raw == data
    again = attest.Policy.from_bytes(dumps(policy.document))
    assert [one.id for one in again.requirements] == [one.id for one in policy.requirements]
    assert (again.parameters, again.missing, again.document) == (policy.parameters, policy.missing, policy.document)
    given = policy.document.get("parameters", {})
    bound = attempt(lambda: policy.bind(dict.fromkeys(policy.missing, "v1"))) if given else policy
    if bound is None or any(one.cel for one in bound.requirements):  # which costs a process each time it is asked
        return
    assert not bound.missing
    none = ask(bound, [])
    assert none is False or none is None
    everything = evidence()
    some, every = ask(bound, everything[: len(everything) // 2]), ask(bound, everything)
    assert not (some and every is False), "more evidence made a no of a yes"
    assert not (every and not bound.requirements)


def ask(policy: attest.Policy, verified: Sequence[attest.Verified]) -> bool | None:
    """The answer, or None where the question can't be put."""
    decision = attempt(lambda: policy.decide(verified, artifacts=[ARTIFACT], now=NOW), InputError)
    return None if decision is None else decision.yes


@cache
def evidence() -> list[attest.Verified]:
    """Attestations of the scenarios of policies, verified for real, of as many predicate types as there are."""
    trust = attest.TrustBundle.from_json(EVERYONE)
    found: dict[str, attest.Verified] = {}
    for data in (data for name in paths() if name.startswith("policy-") for data in load(name).files.values()):
        if b'"payloadType"' in data:
            one = attempt(lambda data=data: attest.verify(data, trust, artifacts=None, now=NOW), InputError, Rejected)  # type: ignore[misc]
            if one is not None and one.statement.subjects[0].digest == ARTIFACT.digests:
                found.setdefault(one.statement.predicate_type, one)
    return list(islice(found.values(), GREATEST))


def seeds() -> Iterator[bytes]:
    yield with_every_rule().raw
    yield from (data for name in paths() for path, data in load(name).files.items() if path.startswith("policy."))
    guide = (ROOT / "docs" / "decide" / "policy.md").read_text()
    yield from (one.encode() for one in re.findall(r"^```toml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL))
    for name in rules.names():
        rule = rules.named(name)
        assert rule is not None
        needs = 'anchors = ["release"]\n' * ("anchors" in rule.needs) + 'max_age = "7d"\n' * ("max_age" in rule.needs)
        yield f"[[require]]\n{needs}[require.rules.{name}]\n{rule.example}".encode()
    for condition in (
        "predicate.level >= 3",
        "subjects.all(s, has(s.digest.sha256))",
        "now - timestamp(predicate.t) < duration('1h')",
    ):
        yield compact({"require": [{"type": "slsa-provenance", "cel": [condition]}]})
    for schema in (
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"type": "object", "required": ["x"], "properties": {"x": {"pattern": "^a+$"}}}},
        },
        {"anyOf": [{"const": 1}, {"items": {"enum": [1, "a"]}}]},
    ):
        yield compact(
            {
                "parameters": {"p": {}},
                "require": [
                    {
                        "id": "x",
                        "type": "test-result",
                        "schema": schema,
                        "max_age": "1d",
                        "subjects": "any",
                        "threshold": 1,
                    }
                ],
            }
        )
