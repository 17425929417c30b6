"""The attestations in an HTML report: the content, the anchors and every signature of each.

Rule: the content of an attestation is shown only if the result has it, so only if known keys signed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest.cli.formats import _codes, _view
from attest.cli.formats._markup import chip, claim, e, icon, listed, more, table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_WORD: Final = {"verified": "verified", "rejected": "rejected", "error": "not decided"}
_MOST: Final = 50


def cards(numbered: Iterable[tuple[int, dict[str, Any]]], *, unfold: Collection[str]) -> Iterator[str]:
    """A card for each attestation, by its place in the result; those with a result in `unfold` are open."""
    for index, entry in numbered:
        result = entry["result"]
        is_open = " open" if result in unfold else ""
        kind = chip(_view.type_name(entry["predicateType"]), "note") if "predicateType" in entry else ""
        kind += "" if is_open or result == "verified" else chip(entry["code"], "note", code=True)
        yield (
            f'<article class="card" id="a{index}"><details{is_open}><summary><span class="title">{icon(result)}'
            f"<h3>{claim(entry['envelope'])}</h3>{chip(_WORD[result], result)}{kind}</span></summary>"
            f'<div class="body">{"".join(_body(entry))}</div></details></article>'
        )


def _body(entry: dict[str, Any]) -> Iterator[str]:
    if entry["result"] != "verified":
        reason = entry["message"].removeprefix(f"{entry['envelope']}: ")
        yield f"<p>{chip(entry['code'], entry['result'], code=True)} {e(reason, 2000)}</p>"
    yield listed(_facts(entry))
    yield from _resources("Subjects", entry.get("subjects", []))
    yield from _resources("Materials", entry.get("step", {}).get("materials", []))
    signatures = entry.get("signatures", [])
    if signatures:
        yield "<h4>Signatures</h4>"
        rows = [_signature(signature) for signature in signatures[:_MOST]]
        yield table(["No.", "Signed by", "Result", "Proven time"], rows, tight={0})
        yield more(signatures, _MOST)


def _facts(entry: dict[str, Any]) -> dict[str, str]:
    step = entry.get("step") or {}
    anchors = ", ".join(claim(name) for name in entry.get("anchors", []))
    schema = _view.SCHEMA.get(entry.get("predicateSchema") or "", "schema not checked")
    return {
        "Signed for": anchors if entry["result"] == "verified" else "",
        "Threshold met for": anchors if entry["result"] != "verified" else "",
        "Predicate": f"{claim(entry['predicateType'])} ({schema})" if "predicateType" in entry else "",
        "Step": claim(step["name"]) if step.get("name") else "",
        "Outcome": f"the command failed ({e(entry['commandFailed'])})" if "commandFailed" in entry else "",
        "Not checked": "<br>".join(e(text) for text in entry.get("unchecked", [])),
        "Notes": "<br>".join(e(text, 500) for text in _view.notes(entry)),
        "Builder": claim(step["builder"]) if step.get("builder") else "",
        "Build type": claim(step["buildType"]) if step.get("buildType") else "",
    }


def _resources(title: str, descriptors: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not descriptors:
        return
    rows = [
        [
            "<br>".join(claim(one[key]) for key in ("name", "uri") if one.get(key)) or "no name",
            "<br>".join(claim(f"{name}:{value}") for name, value in (one.get("digest") or {}).items()) or "no digest",
        ]
        for one in descriptors[:_MOST]
    ]
    yield f"<h4>{title}</h4>{table(['Name', 'Digest'], rows)}{more(descriptors, _MOST)}"


def _signature(signature: dict[str, Any]) -> list[str]:
    signer, unverified = _view.signer(signature), _view.unverified_signer(signature)
    if signer is not None:
        who = f"{claim(signer)}<br><span class='soft'>{e(', '.join(signature['identity']['checks']))}</span>"
    elif unverified is not None:
        who = e(unverified, 2000)
    elif signature["keyid"] is None:
        who = "no key of the trust bundle"
        if signature["unverified_keyid"]:
            hint = claim(signature["unverified_keyid"])
            who += f"<br><span class='soft'>keyid in the envelope, unverified: {hint}</span>"
    else:
        who = f"{claim(signature['keyid'])}<br>{e(signature['algorithm'])}"
    if signature["code"] is None:
        counted = ", ".join(claim(name) for name in signature["anchors"])
        verdict = f"{chip('counted', 'verified')} for {counted}"
        verdict += "<br>also checked by the signer" if signature.get("checked_by") == "signer" else ""
    else:
        meaning = _codes.meaning(signature["code"], "signature")
        verdict = f"{chip(signature['code'], 'rejected', code=True)}<br><span class='soft'>{e(meaning)}</span>"
    return [str(signature["index"]), who, verdict, e(_view.proven(signature) or "no timestamp")]
