"""Predicates from reports: one module for each report format, found by name.

Rule: a value that the report does not have is left out or must be given; it is never invented.

Other packages add formats through the entry point group `attest.evidence`: a ReportFormat, under the format's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest._base.json import dumps, loads_object
from attest._base.large_json import LazyObject
from attest._base.registry import Registry
from attest.building.evidence import _named
from attest.building.evidence._report import Details, ReportFile, ReportFormat, ReportPredicate, xml_root
from attest.errors import InputError
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from attest._base.plugins import Offer, Plugin

__all__ = ["MAX_REPORT", "Details", "ReportFile", "ReportFormat", "ReportPredicate", "formats", "read"]

MAX_REPORT: Final = 1 << 30
REGISTRY: Final = Registry(__name__, "attest.evidence", InputError, needs=["DETAILS", "recognises", "read"])


def formats() -> list[str]:
    """The names of the report formats: those of attest, and then those of plug-ins."""
    return REGISTRY.names()


def read(
    data: bytes, *, form: str | None = None, details: Details | None = None, check: bool = True
) -> ReportPredicate:
    """The predicate of the report in `data`. The format is `form`, or is detected.

    `details` are values that the report lacks, by their names in the predicate type: `configuration` (a list of
    ResourceDescriptors as JSON) and `url` of a Test Result; `version`, `lastUpdate`, `scanStartedOn` and
    `scanFinishedOn` of a Vulns. With `check`, an SBOM is checked as far as possible, and `notes` say how far.

    Raises InputError: `report-unknown` if no format or more than one matches, `report-invalid`, `report-incomplete`
    if a detail is needed, `option-invalid` for an unknown one, `predicate-invalid`, and as reading JSON does.
    """
    report = _open(data)
    offer = _recognised(report) if form is None else REGISTRY.find(form)
    if offer is None:
        raise InputError("report-unknown", f"unknown report format {form!r}", hint=_known())
    if offer.plugin is None and _is_foreign(report):
        raise _unknown(report)
    given = details or {}
    with offer.guarded():
        taken = tuple(offer.value.DETAILS)
    for detail in given:
        if detail not in taken:
            takes = f"it has {', '.join(taken)}" if taken else "it has none"
            raise InputError("option-invalid", f"the report format {offer.name} has no detail {detail!r}; {takes}")
    with offer.guarded():
        evidence: ReportPredicate = offer.value.read(report, given, check=check)
    return evidence if offer.plugin is None else _demanded(evidence, offer.plugin)


def _open(data: bytes) -> ReportFile:
    root = xml_root(data)
    if root is not None:
        return ReportFile(data, None, root)
    if data.lstrip()[:1] == b"{":
        return ReportFile(data, LazyObject(data, what="the report"), None)
    return ReportFile(data, None, None)


def _is_foreign(report: ReportFile) -> bool:
    """Whether it is neither a JSON object nor XML, and so in no format of ours."""
    return report.members is None and report.root is None


def _recognised(report: ReportFile) -> Offer:
    found = REGISTRY.recognising(lambda form: form.recognises(report))
    if not found:
        raise _unknown(report)
    if len(found) > 1:
        names = " and ".join(offer.name for offer in found)
        raise InputError(
            "report-unknown", f"the report matches several formats: {names}", hint="Choose one: --from-format NAME."
        )
    return found[0]


def _demanded(evidence: Any, plugin: Plugin) -> ReportPredicate:
    """What a plug-in made, all of it JSON, so that it is checked against its schema like any other predicate."""
    plugin.demand(evidence, ReportPredicate, "the result of read")
    with plugin.guarded():
        types = tuple(evidence.predicate_types)
        predicate = loads_object(dumps(dict(evidence.predicate)), what="the predicate")
        subjects, notes = tuple(evidence.subjects), tuple(map(str, evidence.notes))
    for kind in types or (None,):
        plugin.demand(kind, str, "a predicate type")
    for subject in subjects:
        plugin.demand(subject, ResourceDescriptor, "a subject")
    return ReportPredicate(types, predicate, subjects, evidence.unnamed, notes)


def _unknown(report: ReportFile) -> InputError:
    known = _named.named(report)
    if known is not None:
        return InputError("report-unknown", f"the report is {known[0]}: attest has no predicate for it", hint=known[1])
    message = "the report is neither a JSON object nor XML" if _is_foreign(report) else "the report format is unknown"
    return InputError("report-unknown", message, hint=_known())


def _known() -> str:
    return f"Use one of these formats: {', '.join(formats())}; SBOMs as JSON."
