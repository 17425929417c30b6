"""`--format markdown`: a summary for a merge request or a step, as GitHub and GitLab render it.

Rule: text of an input is only in code spans, so that it is never a link, a mention, HTML, or the end of a table cell;
and, letters and digits apart, as entities in the drawing.
"""

from __future__ import annotations

import re
from typing import Any, Final

from attest.cli.formats import _graph, _mermaid, _view
from attest.cli.formats._text import brief

# GitHub drops a summary of more than 1 MiB; these lists stay far below it.
_MOST: Final = 100
_SIGNATURES: Final = 8
_CELL: Final = 500
_SENTENCE: Final = 2000  # characters of a sentence: a hint can end with a command to paste
_MARK: Final = {"verified": "✅", "rejected": "❌", "error": "⚠️"}


def render(result: dict[str, Any]) -> bytes:
    """A heading with the verdict, then problems, artifacts, and attestations with their anchors."""
    lines = [f"## {_MARK[result['result']]} {_view.VERDICT[result['result']]}", "", _view.headline(result), ""]
    lines += _failures(_view.failures(result))
    lines += _policies(_view.policies(result))
    lines += _requirements(_view.requirements(result))
    lines += _artifacts(result.get("artifacts") or [])
    lines += _chain(result)
    lines += _envelopes([entry for _, entry in _view.counting(result)])
    lines += _notes("Ignored", [_note(*reason) for reason in _view.ignored_alike(result)])
    noted = [f"{entry['envelope']}: {text}" for _, entry in _view.counting(result) for text in _view.notes(entry)]
    lines += _notes("Notes", [code(note) for note in noted])
    unchecked = [f"{e['envelope']}: {text}" for e in result.get("envelopes", []) for text in e.get("unchecked", [])]
    lines += _notes("Claims that were not checked", [code(note) for note in unchecked])
    if "trust" in result:
        trust = result["trust"]
        lines += [
            f"As of {result['now']}, with trust bundle version {trust['version']} (sha256 {code(trust['sha256'])}).",
            "",
        ]
    return "\n".join(line for line in lines).strip("\n").encode() + b"\n"


def code(text: str, limit: int = 300) -> str:
    """A code span with `text` (GFM 6.3): its fence is longer than any run of backticks in it.

    A `|` is shown as an escape, because it ends the cell of a table even in a code span.
    """
    text = brief(text, limit).replace("|", r"\x7c")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _failures(failures: list[_view.Problem]) -> list[str]:
    if not failures:
        return []
    lines = ["### Why it failed", ""]
    alike = _view.alike(failures)
    for failure, *others in alike[:_MOST]:
        lines.append(f"- **{failure.code}**: {code(failure.reason if others else failure.message, _SENTENCE)}")
        lines += [f"  {code(failure.hint, _SENTENCE)}"] if failure.hint else []
        lines += [f"  {_several([failure.about, *(other.about for other in others)])}"] if others else []
    return [*lines, *_more(alike, "failures"), ""]


def _policies(items: list[dict[str, Any]]) -> list[str]:
    """The decision of each of several policies; of a single one it is the verdict."""
    if len(items) < 2:
        return []
    lines = ["### Policies", "", "| | policy | decision | sha256 |", "|---|---|---|---|"]
    for one in items[:_MOST]:
        mark = _MARK["verified" if one["decision"] == "yes" else "rejected"]
        lines.append(f"| {mark} | {code(one['file'])} | {code(one['summary'])} | {code(one['sha256'])} |")
    return [*lines, *_more(items, "policies"), ""]


def _requirements(items: list[dict[str, Any]]) -> list[str]:
    if not items:
        return []
    lines = ["### Policy", "", "| | requirement | met by |", "|---|---|---|"]
    for met in items[:_MOST]:
        mark = _MARK["verified" if met["met"] else "rejected"]
        lines.append(f"| {mark} | {code(met['id'])} | {_several(met['by'])} |")
    return [*lines, *_more(items, "requirements"), ""]


def _artifacts(artifacts: list[dict[str, Any]]) -> list[str]:
    if not artifacts:
        return []
    lines = ["### Artifacts", "", "| | artifact | digest | attestations |", "|---|---|---|---|"]
    for artifact in artifacts[:_MOST]:
        covered = _several(artifact["covered_by"])
        mark = _MARK["verified" if artifact["covered_by"] else "rejected"]
        lines.append(
            f"| {mark} | {code(artifact['artifact'])} | {code(_view.digest(artifact['digests']))} | {covered} |"
        )
    return [*lines, *_more(artifacts, "artifacts"), ""]


def _chain(result: dict[str, Any]) -> list[str]:
    drawing = _mermaid.block(_graph.of(result))
    return ["### Supply chain", "", *drawing, ""] if drawing else []


def _envelopes(envelopes: list[dict[str, Any]]) -> list[str]:
    if not envelopes:
        return []
    lines = [
        "### Attestations",
        "",
        "| | attestation | predicate | signed for | signatures |",
        "|---|---|---|---|---|",
    ]
    for entry in sorted(envelopes, key=lambda entry: entry["result"] == "verified")[:_MOST]:
        kind = code(_view.type_name(entry["predicateType"])) if "predicateType" in entry else "-"
        # A rejected envelope is not signed for an anchor, even if enough signatures count for it.
        anchors = _several(entry["anchors"]) if entry["result"] == "verified" else "none"
        signatures = "<br>".join(_signatures(entry.get("signatures", []))) or "-"
        lines.append(f"| {_MARK[entry['result']]} | {code(entry['envelope'])} | {kind} | {anchors} | {signatures} |")
    return [*lines, *_more(envelopes, "attestations"), ""]


def _notes(title: str, notes: list[str]) -> list[str]:
    if not notes:
        return []
    return [f"### {title}", "", *(f"- {note}" for note in notes[:_MOST]), *_more(notes, "entries"), ""]


def _note(kind: str, why: str, names: list[str], number: int) -> str:
    reason = f"{why} ({kind})"
    return code(f"{names[0]}: {reason}") if number == 1 else f"{code(reason)}: {_several(names, number)}"


def _signatures(signatures: list[dict[str, Any]]) -> list[str]:
    more = len(signatures) - _SIGNATURES
    return [*map(_signature, signatures[:_SIGNATURES]), *([f"and {more:,} more"] if more > 0 else [])]


def _signature(signature: dict[str, Any]) -> str:
    signer = _view.signer(signature)
    who = code(signer or signature["keyid"][:20], _CELL) if signer or signature["keyid"] else "unknown key"
    more = filter(None, [_view.unverified_signer(signature), _view.proven(signature)])
    return ", ".join([f"{who} {_view.counts_for(signature)}", *(code(text, _CELL) for text in more)])


def _several(names: list[str], number: int = 0) -> str:
    number = number or len(names)
    more = f" and {number - len(names[:8]):,} more" if number > len(names[:8]) else ""
    return (", ".join(code(name) for name in names[:8]) or "none") + more


def _more(items: list[Any], what: str) -> list[str]:
    return ["", f"And {len(items) - _MOST:,} more {what}; `--format json` lists all."] if len(items) > _MOST else []
