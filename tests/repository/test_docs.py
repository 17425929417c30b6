"""The documents say what the code does: codes, the ladder, the gate."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from attest import Policy
from attest.policy import rules
from tests.support.reading import pages

ROOT = Path(__file__).parents[2]
POLICIES = pages.DOCS / "decide" / "policy.md"
RAISED = {
    "InputError",
    "SignerError",
    "Rejected",
    "AttestError",
    "NotAllowed",
    "LintWarning",
    "Caveat",
    "Failure",
    "Violation",
    "KmsError",
    "KmsFault",
    "_reject",
    "_error",
}
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+|bug|interrupted")


def codes_in_the_code(raised: set[str] = RAISED) -> set[str]:
    """Every constant that is given to an error as its code."""
    found = set()
    for path in (ROOT / "attest").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in raised:
                found |= {a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return {code for code in found if CODE.fullmatch(code)}


def test_every_rule_is_in_the_guide_in_the_words_of_the_program() -> None:
    shown = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", POLICIES.read_text(), re.MULTILINE))
    named = {name: rule.summary for name in rules.names() if (rule := rules.named(name)) is not None}
    assert {name: shown.get(name) for name in named} == named


def test_the_policies_in_the_guide_are_policies() -> None:
    examples = pages.blocks(POLICIES, "toml")
    assert len(examples) == 3
    for example in examples:
        Policy.from_bytes(example.encode())


def test_every_code_is_documented() -> None:
    documented = set(re.findall(r"`([a-z0-9-]+)`", (ROOT / "docs" / "reference" / "codes.md").read_text()))
    assert codes_in_the_code() <= documented
