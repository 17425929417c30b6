"""Whether a scan found vulnerabilities that are too severe, with what OpenVEX says of them taken into account.

Rule: a scan is evidence only while it is fresh, and a finding without a rating that can be read is as bad as the worst.
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

_MOST: Final = 32  # findings that are told of one scan


def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The scan found nothing of `severity` or worse but what is in `ignore` or cleared by an OpenVEX document."""
    if "max_database_age" in settings:
        yield from too_old_at(evidence, "/predicate/scanner/db/lastUpdate", settings["max_database_age"], context.now)
    results = evidence.find("/predicate/scanner/result")
    if not isinstance(results, list):
        hint = (
            "Have it made by a tool that lists what it found there, if that is nothing: `attest build --from REPORT`."
        )
        yield Failure("scan-unreadable", "the scan has no list of results", "/predicate/scanner/result", hint)
        return
    ignored = set(settings.get("ignore", ()))
    documents = context.once(_vex.spoken, settings) if "vex_anchors" in settings else []
    limit = RANKS[settings["severity"]]
    told = 0
    ratings = Ratings()
    for index, finding in enumerate(results):
        given, rank, unclear = ratings.read(finding)
        if rank is not None and rank < limit:
            continue
        if given and (given in ignored or _vex.clears(documents, given, _parts(finding))):
            continue
        name = given[:100] or "a finding without an id"
        told += 1
        if told > _MOST:
            hint = "Mend those that are told, and scan again."
            yield Failure("vulnerability-found", "and more than are told here", "/predicate/scanner/result", hint)
            return
        where = pointer("predicate", "scanner", "result", index)
        if rank is None:
            hint = f"Have {name} rated and scan again, or list it in `ignore` of the policy."
            message = f"{name} has {unclear or 'no severity'}"
            yield Failure("vulnerability-unrated", message, where, hint)
        else:
            rating = next(word for word, value in RANKS.items() if value == rank and word != "negligible")
            who = " or ".join(settings.get("vex_anchors", ()))
            otherwise = f"have an OpenVEX document of {who} say" if who else "say with `vex_anchors` who may say"
            hint = f"Fix {name} and scan again, or {otherwise} why it doesn't matter."
            yield Failure("vulnerability-found", f"{name} is {rating}", where, hint)


def _parts(finding: Any) -> set[str]:
    """What a finding says of the package that it is in, as `attest build --from` and others write it."""
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
                "description": "The lowest severity that is a no.",
                "enum": ["low", "medium", "high", "critical"],
            },
            "ignore": {
                "description": "Ids of vulnerabilities that don't count.",
                "type": "array",
                "maxItems": 1024,
                "items": {"type": "string", "minLength": 1},
            },
            "vex_anchors": {"description": "Anchors whose OpenVEX documents may clear a finding.", **ANCHORS},
            "vex_max_age": {"description": "How old such a document may be.", **_DURATION},
            "max_database_age": {"description": "How old the scanner's database may be.", **_DURATION},
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
