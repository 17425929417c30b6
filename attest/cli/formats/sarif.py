"""`--format sarif`: SARIF 2.1.0 (OASIS, with errata 01), for code scanning and whatever else reads alerts.

Rule: every result is a problem. GitHub makes an alert of each, also of kind `pass`, so what is verified is in the
properties of the run.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from attest import __version__
from attest.cli.formats import _codes, _view
from attest.cli.formats._text import clean, dumps

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# The names of the registry of RFC 3230, as SARIF requires them (section 3.24.11).
_HASHES: Final = {"sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512", "sha1": "sha-1", "md5": "md5"}


def render(result: dict[str, Any]) -> bytes:
    """One run with a result for each envelope, signature and artifact that failed."""
    rules: dict[str, dict[str, Any]] = {}
    results = [_of_failure(failure, result, rules) for failure in _view.failures(result)]
    aside = _view.ignored(result)
    passed = {entry["name"] for entry in aside}
    for entry in result.get("envelopes", []):
        results += [] if entry["envelope"] in passed else _of_signatures(entry, result, rules)
    run = {
        "tool": {"driver": {"name": "attest", "semanticVersion": __version__, "rules": list(rules.values())}},
        "automationDetails": {"id": f"attest/{result['command']}/"},
        "invocations": [_invocation(result, aside)],
        "artifacts": [_artifact(artifact) for artifact in result.get("artifacts") or []],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": _properties(result),
    }
    return dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _of_failure(failure: _view.Problem, result: dict[str, Any], rules: dict[str, dict[str, Any]]) -> dict[str, Any]:
    text = failure.message if failure.hint is None else f"{failure.message}. {failure.hint}"
    rule = _rule(failure.code, failure.meaning, rules)
    return _result(result, rule, "error", text, failure.about, failure.pointer, failure.requirement)


def _of_signatures(
    entry: dict[str, Any], result: dict[str, Any], rules: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The signatures that did not count: an error if too few did, otherwise a note."""
    level = "error" if entry.get("code") == "threshold-not-met" else "note"
    return [
        _result(
            result,
            _rule(signature["code"], _codes.meaning(signature["code"], "signature"), rules),
            level,
            "; ".join(
                filter(
                    None,
                    [
                        f"signature {signature['index']} is not counted: {signature['code']}",
                        _view.unverified_signer(signature),
                    ],
                )
            ),
            entry["envelope"],
            f"/signatures/{signature['index']}",
        )
        for signature in entry.get("signatures", [])
        if signature["code"] is not None
    ]


def _rule(code: str, text: str, rules: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The index of a rule in the run; a new rule is added."""
    rule = {
        "id": code,
        "shortDescription": {"text": text},
        "help": {"text": f"{text} (docs/reference/codes.md: {code})"},
    }
    index = list(rules).index(code) if code in rules else len(rules)
    rules.setdefault(code, rule)
    return {"ruleId": code, "ruleIndex": index}


def _result(
    result: dict[str, Any],
    rule: dict[str, Any],
    level: str,
    text: str,
    about: str,
    pointer: str,
    requirement: str = "",
) -> dict[str, Any]:
    name, line = _view.place(about, result)
    location: dict[str, Any] = {
        # Pipelines show only what has a line; a file with one envelope has only the first.
        "physicalLocation": {
            # GitHub refuses other URIs than those of files. So the name of an image stands for one, as Trivy does it.
            "artifactLocation": {"uri": _uri(about if name is None else name)},
            "region": {"startLine": line or 1},
        }
    }
    logical = [{"fullyQualifiedName": clean(about), "kind": "resource"}] if name is None else []
    logical += [{"fullyQualifiedName": clean(pointer), "kind": "member"}] if pointer else []
    if logical:
        location["logicalLocations"] = logical
    # The same problem of the same file stays the same alert, even if its message changes.
    identity = sha256(
        "\0".join((rule["ruleId"], about, pointer, *filter(None, [requirement]))).encode("utf-8", "surrogateescape")
    ).hexdigest()
    return {
        **rule,
        "kind": "fail",
        "level": level,
        "message": {"text": clean(text)},
        "locations": [location],
        "fingerprints": {"attest/v1": identity},
        "partialFingerprints": {"primaryLocationLineHash": identity},  # the one that GitHub uses
    }


def _invocation(result: dict[str, Any], aside: list[dict[str, Any]]) -> dict[str, Any]:
    """How the run ended, which is a success unless nothing was decided; what was ignored, and notes."""
    invocation: dict[str, Any] = {
        "executionSuccessful": result["result"] != "error",
        "exitCode": result["exit"],
        "exitCodeDescription": _view.VERDICT[result["result"]],
    }
    notices = [("error", result)] if result["result"] == "error" else []
    notices += [("warning", passed) for passed in aside]
    told = [
        {"level": level, "message": {"text": clean(f"{what['message']} ({what['code']})")}} for level, what in notices
    ]
    told += [
        {"level": "note", "message": {"text": clean(f"{entry['envelope']}: {text}")}}
        for entry in result.get("envelopes", [])
        for text in _view.notes(entry)
    ]
    if told:
        invocation["toolExecutionNotifications"] = told
    return invocation


def _artifact(artifact: dict[str, Any]) -> dict[str, Any]:
    hashes = {_HASHES[name]: value for name, value in artifact["digests"].items() if name in _HASHES}
    name = artifact["artifact"]
    return {"location": {"uri": _uri(name), "description": {"text": clean(name)}}, "hashes": hashes}


def _properties(result: dict[str, Any]) -> dict[str, Any]:
    """What alerts have no place for: the verdict, the trust bundle, and what is verified, for which anchors."""
    verified = [
        {
            "envelope": clean(entry["envelope"]),
            "anchors": [clean(name) for name in entry["anchors"]],
            "signers": [clean(who) for who in _view.signers(entry)],
        }
        for entry in result.get("envelopes", [])
        if entry["result"] == "verified"
    ]
    kept: dict[str, Any] = {key: result[key] for key in ("result", "now", "trust") if key in result}
    if "policy" in result:
        kept["policy"] = {key: result["policy"][key] for key in ("sha256", "decision", "levels")}
        kept["policy"]["policies"] = [
            {"file": clean(one["file"]), "sha256": one["sha256"], "decision": one["decision"]}
            for one in _view.policies(result)
        ]
    return {"attest": {**kept, "verified": verified}}


def _uri(name: str) -> str:
    """The name of a file as a URI reference. It may not be UTF-8; a digest is left as it is."""
    quoted = quote(os.fsencode(name), safe="/")
    return f"file://{quoted}" if quoted.startswith("/") else quoted
