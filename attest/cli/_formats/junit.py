"""`--format junit`: JUnit XML as Jenkins' xUnit plugin describes it (junit-10.xsd) and GitLab and others read it.

Rule: a test case is an envelope or an artifact; a refusal is its failure, what couldn't be decided is an error, and
what isn't an envelope is skipped.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from attest import __version__
from attest.cli._formats import _codes, _view
from attest.cli._formats._text import brief, clean

_TAGS = {"rejected": "failure", "error": "error"}


def render(result: dict[str, Any]) -> bytes:
    """One suite with a case for each envelope and artifact; for the whole call where it never came to those."""
    failed = _view.failures(result)
    by_name = {(failure.kind, failure.about): failure for failure in failed}
    suite = ET.Element("testsuite", name=f"attest {result['command']}")
    if "now" in result:
        suite.set("timestamp", result["now"].removesuffix("Z"))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(result).items():
        ET.SubElement(properties, "property", name=name, value=clean(str(value)))
    for entry in result.get("envelopes", []):
        case = _case(suite, "envelope", entry["envelope"], by_name.get(("envelope", entry["envelope"])))
        ET.SubElement(case, "system-out").text = "\n".join(_facts(entry))
    for artifact in result.get("artifacts") or []:
        name = artifact["artifact"]
        case = _case(suite, "artifact", name, by_name.get(("artifact", name)))
        covered = ", ".join(clean(by) for by in artifact["covered_by"]) or "nothing"
        ET.SubElement(case, "system-out").text = f"{_view.digest(artifact['digests'])}\ncovered by {covered}"
    for ignored in result.get("not_understood", []):
        case = _case(suite, "ignored", ignored["name"], None)
        ET.SubElement(case, "skipped", message=brief(f"{ignored['message']} ({ignored['code']})", 2000))
    for failure in failed:
        if failure.kind == "call":
            _case(suite, "call", f"attest {result['command']}", failure)
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


def _case(suite: ET.Element, kind: str, name: str, failure: _view.Failure | None) -> ET.Element:
    case = ET.SubElement(suite, "testcase", classname=f"attest.{kind}", name=clean(name))
    if failure is not None:
        tag = _TAGS[failure.result]
        fault = ET.SubElement(case, tag, type=failure.code, message=brief(failure.message, 2000))
        meaning = _codes.meaning(failure.code, failure.result)
        fault.text = "\n".join(clean(text) for text in (failure.message, failure.hint, meaning) if text)
    return case


def _facts(entry: dict[str, Any]) -> list[str]:
    """What is known of an envelope: who vouches for it, each signature, and what known keys say in it."""
    facts = [f"vouched for by {', '.join(entry['anchors'])}"] if entry.get("anchors") else []
    for signature in entry.get("signatures", []):
        who = f"{signature['algorithm'] or 'unknown'} {signature['keyid'] or '-'}"
        facts.append(f"signature {signature['index']}: {who} ({_view.counts_for(signature)})")
        facts += [said] if (said := _view.proven(signature)) else []
    if "predicateType" in entry:
        facts.append(
            f"predicate {entry['predicateType']} ({_view.SCHEMA.get(entry['predicateSchema'], 'not checked')})"
        )
    facts += [f"not checked: {sentence}" for sentence in entry.get("unchecked", [])]
    return [clean(fact) for fact in facts]


def _properties(result: dict[str, Any]) -> dict[str, Any]:
    trust = result.get("trust", {})
    found = {
        "attest.version": __version__,
        "attest.result": result["result"],
        "attest.exit": result["exit"],
        "attest.trust.version": trust.get("version"),
        "attest.trust.sha256": trust.get("sha256"),
    }
    return {name: value for name, value in found.items() if value is not None}
