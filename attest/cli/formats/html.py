"""`--format html`: one self-contained page that a person reads, prints and keeps.

Rule: no script, no external resource, all text of inputs is escaped, and nothing of an input is a link.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from attest import __version__
from attest._base.text import plural
from attest.cli.formats import _view
from attest.cli.formats._attestations import cards
from attest.cli.formats._chain import figure
from attest.cli.formats._markup import chip, claim, e, icon, listed, more, table

_TONE: Final = {"verified": "yes", "rejected": "no", "error": "open"}
# Nobody reads a longer page; all failures come before what is verified.
_MOST: Final = 200
# As many are visible without a click.
_SEVERAL: Final = 12
_FEW: Final = 6
_FOOTER: Final = (
    "This page shows the result of a verification at that time. It is not signed and proves nothing by itself. "
    "The content of an attestation is shown only if keys of the trust bundle signed it."
)


def render(result: dict[str, Any]) -> bytes:
    """The page."""
    verdict = _view.VERDICT[result["result"]]
    body = [
        _verdict(result),
        "<main>",
        *_failures(result),
        *_policy(result),
        *_artifacts(result.get("artifacts") or []),
        *figure(result),
        *_signers(result.get("envelopes", [])),
        *_attestations(_view.counting(result)),
        *_ignored(_view.ignored_alike(result)),
        "</main>",
        f"<footer>Made by attest {e(__version__)}. {_FOOTER}</footer>",
    ]
    style = (Path(__file__).parent / "report.css").read_text("utf-8")
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{e(verdict)}: attest {e(result["command"])}</title>
<style>
{style}</style>
</head>
<body>
{chr(10).join(body)}
</body>
</html>
"""
    return page.encode()


def _verdict(result: dict[str, Any]) -> str:
    tone, word = _TONE[result["result"]], _view.VERDICT[result["result"]]
    facts = {"Exit code": str(result["exit"])}
    if "trust" in result:
        facts = {
            "As of": e(result["now"]) + (" (chosen with --now)" if result.get("now_given") else ""),
            "Trust bundle": f"version {result['trust']['version']}, sha256 {claim(result['trust']['sha256'])}",
            **facts,
        }
    return f"""<header class="verdict {tone}"><div>
<div class="head">{icon(result["result"])}<h1>{word}</h1></div>
<p class="say">{e(_view.headline(result) or "Nothing was decided.")}</p>
{listed(facts)}
</div></header>"""


def _failures(result: dict[str, Any]) -> list[str]:
    alike = _view.alike(_view.failures(result))
    if not alike:
        return []
    lines = [f'<h2 id="why">{"Why it was rejected" if result["result"] == "rejected" else "What went wrong"}</h2>']
    for failure, *others in alike[:_MOST]:
        names = [failure.about, *(other.about for other in others)]
        lines += [
            f'<section class="card why {_TONE[failure.result]}">',
            f"<h3>{chip(failure.code, failure.result, code=True)} {_named(names)}</h3>",
            f"<p>{e(failure.reason, 2000)}</p>",
            f"<p><strong>Hint:</strong> {e(failure.hint, 2000)}</p>" if failure.hint else "",
            f'<p class="soft">{e(failure.meaning)}</p>',
            "</section>",
        ]
    return [*lines, more(alike, _MOST)]


def _named(names: list[str], number: int = 0) -> str:
    """One name on the line, or several below each other; `names` may be the first of a larger `number`."""
    number = number or len(names)
    if number == 1:
        return claim(names[0])
    shown = len(names[:_SEVERAL])
    others = f"<br>and {number - shown:,} more" if number > shown else ""
    return "".join(f"<br>{claim(name)}" for name in names[:_SEVERAL]) + others


def _policy(result: dict[str, Any]) -> list[str]:
    asked = _view.requirements(result)
    if not asked:
        return []
    rows = []
    for met in asked[:_MOST]:
        state = chip("met", "verified") if met["met"] else chip("not met", "rejected")
        failed = sorted({failure["code"] for failure in met["failures"]})
        by = ", ".join(claim(name) for name in met["by"][:_SEVERAL]) if met["met"] else "none: " + ", ".join(failed)
        rows.append([claim(met["id"]), state, by])
    policies = _view.policies(result)
    facts = {
        "Decision": e(result["policy"]["summary"]),
        "Policy": f"sha256 {claim(result['policy']['sha256'])}" if len(policies) == 1 else "",
        "Levels": ", ".join(claim(level) for level in result["policy"]["levels"]),
    }
    head = f'<h2 id="policy">{"Policy" if len(policies) == 1 else "Policies"}</h2>'
    several = ""
    if len(policies) > 1:
        each = [
            [
                claim(one["file"]),
                chip("met", "verified") if one["decision"] == "yes" else chip("not met", "rejected"),
                f"{e(one['summary'])}<br>sha256 {claim(one['sha256'])}",
            ]
            for one in policies[:_MOST]
        ]
        several = table(["Policy", "", "Decision"], each, tight={1}) + more(policies, _MOST)
    rules = table(["Requirement", "", "Met by"], rows, tight={1})
    return [
        head,
        f'<div class="card">{listed(facts)}<div class="body">{several}{rules}</div>{more(asked, _MOST)}</div>',
    ]


def _artifacts(artifacts: list[dict[str, Any]]) -> list[str]:
    if not artifacts:
        return []
    # Of many, those without an attestation come first and are visible; the others are folded.
    shown, folded = artifacts, []
    if len(artifacts) > _SEVERAL:
        shown = [artifact for artifact in artifacts if not artifact["covered_by"]]
        folded = [artifact for artifact in artifacts if artifact["covered_by"]]
    lines = [_artifact_table(shown)] if shown else []
    if folded:
        summary = f"<summary>{plural(len(folded), 'artifact')} with an attestation</summary>"
        lines.append(f"<details>{summary}{_artifact_table(folded)}</details>")
    return ['<h2 id="artifacts">Artifacts</h2>', '<div class="card listing">', *lines, "</div>"]


def _artifact_table(artifacts: list[dict[str, Any]]) -> str:
    rows = []
    for artifact in artifacts[:_MOST]:
        covered = ", ".join(claim(name) for name in artifact["covered_by"][:8]) or "none"
        others = f" and {len(artifact['covered_by']) - 8:,} more" if len(artifact["covered_by"]) > 8 else ""
        digests = "<br>".join(claim(f"{name}:{value}") for name, value in artifact["digests"].items())
        state = chip("attested", "verified") if artifact["covered_by"] else chip("not attested", "rejected")
        rows.append([claim(artifact["artifact"]), state, digests, covered + others])
    return table(["Artifact", "", "Digest", "Attestations"], rows, tight={1}) + more(artifacts, _MOST)


def _signers(envelopes: list[dict[str, Any]]) -> list[str]:
    """The signers of what is verified: each anchor with its keys and identities, and the times that are proven."""
    found: dict[tuple[str, str, str], list[str | None]] = {}
    for entry in envelopes:
        if entry["result"] == "verified":
            for signature in entry["signatures"]:
                for anchor in set(signature["anchors"]).intersection(entry["anchors"]):
                    who, how, time = _signer(signature)
                    found.setdefault((anchor, who, how), []).append(time)
    if not found:
        return []
    rows = []
    for (anchor, who, how), times in sorted(found.items())[:_MOST]:
        known = sorted(time for time in times if time is not None)
        proven = "no timestamp" if not known else " to ".join(dict.fromkeys([e(known[0]), e(known[-1])]))
        rows.append([claim(anchor), f"{claim(who)}<br>{e(how)}", plural(len(times), "attestation"), proven])
    return [
        '<h2 id="who">Signers</h2>',
        f'<div class="card">{table(["Anchor", "Signed by", "Signed", "Proven time"], rows, tight={2})}</div>',
        more(list(found), _MOST),
    ]


def _signer(signature: dict[str, Any]) -> tuple[str, str, str | None]:
    """The identity or key that signed, how, and the time that is proven."""
    who = _view.signer(signature)
    if who is None:
        return signature["keyid"], signature["algorithm"], (signature.get("timestamp") or {}).get("time")
    identity = signature["identity"]
    return who, "by certificate", identity["time"] if identity["proven_by"] else None


def _attestations(numbered: list[tuple[int, dict[str, Any]]]) -> list[str]:
    if not numbered:
        return []
    numbered = sorted(numbered, key=lambda one: one[1]["result"] == "verified")
    failed = sum(entry["result"] != "verified" for _, entry in numbered)
    unfold = [] if failed > _SEVERAL else ["rejected", "error"]
    unfold += ["verified"] if len(numbered) <= _FEW else []
    return [
        '<h2 id="attestations">Attestations</h2>',
        *cards(numbered[:_MOST], unfold=unfold),
        more(numbered, _MOST),
    ]


def _ignored(reasons: list[tuple[str, str, list[str], int]]) -> list[str]:
    if not reasons:
        return []
    rows = [
        [_named(names, number).removeprefix("<br>"), f"{chip(code, 'note', code=True)} {e(reason)}"]
        for code, reason, names, number in reasons[:_MOST]
    ]
    head = '<h2 id="aside">Ignored</h2>'
    return [head, f'<div class="card">{table(["File or line", "Reason"], rows)}{more(reasons, _MOST)}</div>']
