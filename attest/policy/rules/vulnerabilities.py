"""Whether a scan found vulnerabilities that are too severe and that no OpenVEX document clears.

Rule: a scan counts only while it is recent, and a finding without a readable rating counts as the worst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import pointer
from attest.policy import _vex
from attest.policy._ages import too_old_at
from attest.policy._ratings import RANKS, Ratings
from attest.policy._shapes import ANCHORS, Context, Rule, VerifiedAttestation
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST: Final = 32  # findings that are reported for one scan


def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The scan found nothing of `severity` or worse, except what is in `ignore` or cleared by OpenVEX."""
    if "max_database_age" in settings:
        yield from too_old_at(evidence, "/predicate/scanner/db/lastUpdate", settings["max_database_age"], context.now)
    results = evidence.find("/predicate/scanner/result")
    if not isinstance(results, list):
        hint = "Create it with a tool that always writes this list, such as `attest build --from REPORT`."
        yield Failure("scan-unreadable", "the scan has no list of results", "/predicate/scanner/result", hint)
        return
    ignored = set(settings.get("ignore", ()))
    documents = context.once(_vex.statuses, settings) if "vex_anchors" in settings else []
    limit = RANKS[settings["severity"]]
    reported = 0
    ratings = Ratings()
    for index, finding in enumerate(results):
        given, rank, unclear = ratings.read(finding)
        if rank is not None and rank < limit:
            continue
        is_ignored = _is_ignored(finding)
        if is_ignored and settings.get("allow_ignored"):
            continue
        if given and (given in ignored or _vex.clears(documents, given, _parts(finding))):
            continue
        name = given[:100] or "a finding without an id"
        reported += 1
        if reported > _MOST:
            hint = "Fix the reported ones, and scan again."
            yield Failure("vulnerability-found", "more findings are not reported", "/predicate/scanner/result", hint)
            return
        where = pointer("predicate", "scanner", "result", index)
        if rank is None:
            hint = f"Scan again with a rating for {name}, or add it to `ignore` of the policy."
            message = f"{name} has {unclear or 'no severity'}"
            yield Failure("vulnerability-unrated", message, where, hint)
        else:
            rating = next(word for word, value in RANKS.items() if value == rank and word != "negligible")
            who = " or ".join(settings.get("vex_anchors", ()))
            otherwise = f"by {who}" if who else "by an anchor in `vex_anchors`"
            hint = f"Fix {name} and scan again, or give an OpenVEX document {otherwise} that clears it."
            told = ", and the scanner was told to ignore it" if is_ignored else ""
            yield Failure("vulnerability-found", f"{name} is {rating}{told}", where, hint)


def _is_ignored(finding: Any) -> bool:
    """Whether `attest build --from` marked it as one that the scanner was told to ignore."""
    annotations = finding.get("annotations") if isinstance(finding, dict) else None
    listed = annotations if isinstance(annotations, list) else []
    return any(isinstance(entry, dict) and isinstance(entry.get("ignored"), dict) for entry in listed)


def _parts(finding: Any) -> set[str]:
    """The names of the package of a finding, as `attest build --from` and other tools write them."""
    annotations = finding.get("annotations") if isinstance(finding, dict) else None
    listed = annotations if isinstance(annotations, list) else [annotations]
    values = [value for entry in listed if isinstance(entry, dict) for value in entry.values()]
    return {value for value in values if isinstance(value, str) and value}


_DURATION: Final = {"type": "string", "pattern": "^[1-9][0-9]{0,5}[smhdw]$"}

RULE: Final = Rule(
    check,
    types=("vulns", "vulns-v0.1"),
    settings={
        "type": "object",
        "required": ["severity"],
        "properties": {
            "severity": {
                "description": "Lowest severity that is not accepted.",
                "enum": ["low", "medium", "high", "critical"],
            },
            "ignore": {
                "description": "Ids of vulnerabilities to ignore.",
                "type": "array",
                "maxItems": 1024,
                "items": {"type": "string", "minLength": 1},
            },
            "allow_ignored": {
                "description": "Also accept findings that the scanner was told to ignore. "
                "The configuration of the scanner then decides.",
                "type": "boolean",
            },
            "vex_anchors": {"description": "Anchors whose OpenVEX documents can clear a finding.", **ANCHORS},
            "vex_max_age": {"description": "Maximum age of such a document.", **_DURATION},
            "max_database_age": {"description": "Maximum age of the database of the scanner.", **_DURATION},
        },
        "additionalProperties": False,
    },
    example="""\
severity = "critical"
vex_anchors = ["security"]
max_database_age = "7d"
""",
    needs=("anchors", "max_age"),
)
