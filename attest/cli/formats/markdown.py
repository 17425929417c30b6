"""`--format markdown`: a summary for a merge request or a step, as GitHub and GitLab render it.

Rule: what comes from an input stands in code spans and nowhere else, so that it is never a link, a mention, HTML, or
the end of a table's cell.
"""

from __future__ import annotations

import re
from typing import Any, Final

from attest.cli.formats import _view
from attest.cli.formats._text import brief

# GitHub drops a summary of more than 1 MiB whole; these lists stay far below it.
_MOST: Final = 100
_MARK: Final = {"verified": "✅", "rejected": "❌", "error": "⚠️"}


def render(result: dict[str, Any]) -> bytes:
    """A heading with the verdict, what went wrong, artifacts, and attestations with who vouches for them."""
    lines = [f"## {_MARK[result['result']]} {_view.VERDICT[result['result']]}", "", _view.headline(result), ""]
    lines += _failures(_view.failures(result))
    lines += _policies(_view.policies(result))
    lines += _requirements(_view.requirements(result))
    lines += _artifacts(result.get("artifacts") or [])
    lines += _envelopes(result.get("envelopes", []))
    aside = _view.set_aside_alike(result)
    lines += _notes("Set aside, deciding nothing", [_note(why, names) for (_, why), names in aside.items()])
    unchecked = [f"{e['envelope']}: {text}" for e in result.get("envelopes", []) for text in e.get("unchecked", [])]
    lines += _notes("Claimed and not checked", [code(note) for note in unchecked])
    if "trust" in result:
        trust = result["trust"]
        lines += [
            f"Judged at {result['now']} by trust bundle version {trust['version']} (sha256 {code(trust['sha256'])}).",
            "",
        ]
    return "\n".join(line for line in lines).strip("\n").encode() + b"\n"


def code(text: str) -> str:
    """A code span that holds `text`, whatever it is (GFM 6.3): its own fence is longer than any run of backticks in it.

    A `|` is shown as an escape, because in a table it ends the cell even here.
    """
    text = brief(text).replace("|", r"\x7c")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _failures(failures: list[_view.Problem]) -> list[str]:
    if not failures:
        return []
    lines = ["### Why", ""]
    alike = _view.alike(failures)
    for failure, *others in alike[:_MOST]:
        lines.append(f"- **{failure.code}**: {code(failure.reason if others else failure.message)}")
        lines += [f"  {code(failure.hint)}"] if failure.hint else []
        lines += [f"  {_several([failure.about, *(other.about for other in others)])}"] if others else []
    return [*lines, *_more(alike, "failed"), ""]


def _policies(asked: list[dict[str, Any]]) -> list[str]:
    """Of several policies what each decided; of one that is the verdict."""
    if len(asked) < 2:
        return []
    lines = ["### Policies", "", "| | policy | decision | sha256 |", "|---|---|---|---|"]
    for one in asked[:_MOST]:
        mark = _MARK["verified" if one["decision"] == "yes" else "rejected"]
        lines.append(f"| {mark} | {code(one['file'])} | {code(one['summary'])} | {code(one['sha256'])} |")
    return [*lines, *_more(asked, "policies"), ""]


def _requirements(asked: list[dict[str, Any]]) -> list[str]:
    if not asked:
        return []
    lines = ["### Policy", "", "| | requirement | met by |", "|---|---|---|"]
    for met in asked[:_MOST]:
        mark = _MARK["verified" if met["met"] else "rejected"]
        lines.append(f"| {mark} | {code(met['id'])} | {_several(met['by'])} |")
    return [*lines, *_more(asked, "requirements"), ""]


def _artifacts(artifacts: list[dict[str, Any]]) -> list[str]:
    if not artifacts:
        return []
    lines = ["### Artifacts", "", "| | artifact | digest | covered by |", "|---|---|---|---|"]
    for artifact in artifacts[:_MOST]:
        covered = _several(artifact["covered_by"])
        mark = _MARK["verified" if artifact["covered_by"] else "rejected"]
        lines.append(
            f"| {mark} | {code(artifact['artifact'])} | {code(_view.digest(artifact['digests']))} | {covered} |"
        )
    return [*lines, *_more(artifacts, "artifacts"), ""]


def _envelopes(envelopes: list[dict[str, Any]]) -> list[str]:
    if not envelopes:
        return []
    lines = [
        "### Attestations",
        "",
        "| | attestation | predicate | vouched for by | signatures |",
        "|---|---|---|---|---|",
    ]
    for entry in sorted(envelopes, key=lambda entry: entry["result"] == "verified")[:_MOST]:
        kind = code(_view.type_name(entry["predicateType"])) if "predicateType" in entry else "-"
        # Anchors that have their threshold vouch for nothing in an envelope that is refused all the same.
        anchors = _several(entry["anchors"]) if entry["result"] == "verified" else "nobody"
        signatures = "<br>".join(_signature(signature) for signature in entry.get("signatures", [])[:16]) or "-"
        lines.append(f"| {_MARK[entry['result']]} | {code(entry['envelope'])} | {kind} | {anchors} | {signatures} |")
    return [*lines, *_more(envelopes, "attestations"), ""]


def _notes(title: str, notes: list[str]) -> list[str]:
    if not notes:
        return []
    return [f"### {title}", "", *(f"- {note}" for note in notes[:_MOST]), *_more(notes, "of these"), ""]


def _note(why: str, names: list[str]) -> str:
    return code(f"{names[0]}: {why}") if len(names) == 1 else f"{code(why)}: {_several(names)}"


def _signature(signature: dict[str, Any]) -> str:
    who = code(signature["keyid"][:20]) if signature["keyid"] else "unknown key"
    said = _view.proven(signature)
    return f"{who} {_view.counts_for(signature)}" + (f", {code(said)}" if said else "")


def _several(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(code(name) for name in names[:8]) or "nothing") + more


def _more(items: list[Any], what: str) -> list[str]:
    return ["", f"And {len(items) - _MOST:,} more {what}, which `--format json` lists."] if len(items) > _MOST else []
