"""`--format junit`: JUnit XML as Jenkins' xUnit plugin describes it (junit-10.xsd) and GitLab and others read it.

Rule: a test case is an envelope, an artifact or a requirement of a policy. What is rejected is a failure, what was not
decided is an error, and what is ignored is skipped.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from xml.etree import ElementTree as ET

from attest import __version__
from attest.cli.formats import _view
from attest.cli.formats._text import brief, clean

_TAGS = {"rejected": "failure", "error": "error"}


def render(result: dict[str, Any]) -> bytes:
    """One suite with a case for each envelope, artifact and requirement, or for a call that failed before those."""
    failed = _view.failures(result)
    faults = defaultdict(list)
    for failure in failed:
        faults[failure.kind, failure.requirement or failure.about].append(failure)
    aside = {entry["name"]: entry for entry in _view.ignored(result)}
    suite = ET.Element("testsuite", name=f"attest {result['command']}")
    if "now" in result:
        suite.set("timestamp", result["now"].removesuffix("Z"))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(result).items():
        ET.SubElement(properties, "property", name=name, value=clean(str(value)))
    for entry in result.get("envelopes", []):
        name = entry["envelope"]
        case = _case(suite, "envelope", name, faults["envelope", name], aside.pop(name, None))
        ET.SubElement(case, "system-out").text = "\n".join(_facts(entry))
    for met in _view.requirements(result):
        case = _case(suite, "requirement", met["id"], faults["requirement", met["id"]])
        ET.SubElement(case, "system-out").text = f"met by: {', '.join(map(clean, met['by'])) or 'none'}"
    for artifact in result.get("artifacts") or []:
        name = artifact["artifact"]
        case = _case(suite, "artifact", name, faults["artifact", name])
        covered = ", ".join(clean(by) for by in artifact["covered_by"]) or "none"
        ET.SubElement(case, "system-out").text = f"{_view.digest(artifact['digests'])}\nattestations: {covered}"
    for name, ignored in aside.items():
        _case(suite, "ignored", name, [], ignored)
    for failure in failed:
        if failure.kind == "call":
            _case(suite, "call", f"attest {result['command']}", [failure])
    counts = {
        "tests": str(len(suite.findall("testcase"))),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": str(len(suite.findall("testcase/error"))),
    }
    for name, value in counts.items():
        suite.set(name, value)
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    root = ET.Element("testsuites", {"name": "attest", **counts})
    root.append(suite)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _case(
    suite: ET.Element, kind: str, name: str, failures: list[_view.Problem], aside: dict[str, Any] | None = None
) -> ET.Element:
    """A test case with at most one fault that contains all `failures`: readers show only the first."""
    case = ET.SubElement(suite, "testcase", classname=f"attest.{kind}", name=clean(name))
    if failures:
        first, *others = failures
        more = f" (and {len(others):,} more)" if others else ""
        message = brief(first.message, 2000) + more
        fault = ET.SubElement(case, _TAGS[first.result], type=first.code, message=message)
        texts = [text for one in failures for text in (one.message, one.hint, one.meaning) if text]
        fault.text = "\n".join(clean(text) for text in texts)
    elif aside is not None:
        ET.SubElement(case, "skipped", message=brief(f"{aside['message']} ({aside['code']})", 2000))
    return case


def _facts(entry: dict[str, Any]) -> list[str]:
    """What is known about an envelope: anchors, each signature, and content that known keys signed."""
    # A rejected envelope is not signed for an anchor, even if enough signatures count for it.
    label = "signed for" if entry["result"] == "verified" else "threshold met for"
    facts = [f"{label} {', '.join(entry['anchors'])}"] if entry.get("anchors") else []
    for signature in entry.get("signatures", []):
        who = f"{signature['algorithm'] or 'unknown'} {signature['keyid'] or '-'}"
        facts.append(f"signature {signature['index']}: {who} ({_view.counts_for(signature)})")
        signer = _view.signer(signature)
        facts += [] if signer is None else [f"signed by {signer}"]
        facts += filter(None, [_view.unverified_signer(signature), _view.proven(signature)])
    if "predicateType" in entry:
        facts.append(
            f"predicate {entry['predicateType']} ({_view.SCHEMA.get(entry['predicateSchema'], 'not checked')})"
        )
    facts += [f"note: {text}" for text in _view.notes(entry)]
    facts += [f"not checked: {sentence}" for sentence in entry.get("unchecked", [])]
    return [clean(fact) for fact in facts]


def _properties(result: dict[str, Any]) -> dict[str, Any]:
    trust = result.get("trust", {})
    found = {
        "attest.version": __version__,
        "attest.result": result["result"],
        "attest.exit": result["exit"],
        "attest.policy.sha256": result.get("policy", {}).get("sha256"),
        "attest.trust.version": trust.get("version"),
        "attest.trust.sha256": trust.get("sha256"),
    }
    for number, one in enumerate(_view.policies(result), start=1):
        found |= {f"attest.policy.{number}.{key}": one[key] for key in ("file", "sha256", "decision")}
    return {name: value for name, value in found.items() if value is not None}
