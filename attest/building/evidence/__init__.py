"""Predicates from reports: one module for each report format, found by name.

Rule: a value that the report does not have is left out or must be given; it is never invented.

Other packages add formats through the entry point group `attest.evidence`: a ReportFormat, under the format's name.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from attest._base import documents
from attest._base.json import MAX_DEPTH, dumps, loads_object
from attest._base.large_json import LazyObject
from attest._base.registry import Registry
from attest.building.evidence._files import MAX_REPORT, ReportPath, find, load
from attest.building.evidence._named import named
from attest.building.evidence._report import Details, ReportFile, ReportFormat, ReportPredicate, naming, xml_root
from attest.errors import InputError
from attest.statement import ResourceDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from attest._base.plugins import Offer, Plugin

__all__ = [
    "MAX_REPORT",
    "Details",
    "ReportFile",
    "ReportFormat",
    "ReportPath",
    "ReportPredicate",
    "find",
    "formats",
    "read",
    "read_files",
]

_SHOWN: Final = 8  # names of files that are left out
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
    return _combined(iter([_open("", data)]), form, details or {}, check=check)


def read_files(
    paths: Iterable[ReportPath],
    *,
    stdin: BinaryIO | None = None,
    form: str | None = None,
    details: Details | None = None,
    check: bool = True,
) -> ReportPredicate:
    """The one predicate of the reports at `paths`, which `find` returns; `-` is `stdin`.

    A file in a directory that is in no format is left out, with a note that names it. Several reports must be test
    reports, or in a format of a plug-in that has `read_several`. Raises InputError as `read` with the name of the file;
    `file-unreadable`, `file-too-large` over MAX_REPORT bytes in all, `report-missing` if no file is a report, and
    `reports-not-combined`.
    """
    left_out: list[str] = []
    found = _combined(_reports(paths, stdin, form, left_out), form, details or {}, check=check)
    if not left_out:
        return found
    more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
    note = f"left out, because they are not reports: {', '.join(left_out[:_SHOWN])}{more}"
    return found._replace(notes=(*found.notes, note))


def _reports(
    paths: Iterable[ReportPath], stdin: BinaryIO | None, form: str | None, left_out: list[str]
) -> Iterator[ReportFile]:
    """The files one after another, without those that are put into `left_out`."""
    for path, data in load(paths, stdin):
        report = ReportFile(data, None, None, path.shown)
        try:
            with naming(report):
                report = _open(path.shown, data)
        except InputError:  # JSON that cannot be read, which is no test report
            if not path.is_in_directory:
                raise
        if path.is_in_directory and not _is_report(report, form):
            _demand_not_cut_off(report)
            known = named(report)
            left_out.append(path.name if known is None else f"{path.name} ({known.name})")
        else:
            yield report


def _is_report(report: ReportFile, form: str | None) -> bool:
    """Whether it is in the format `form`, or in any format."""
    offer = None if form is None else REGISTRY.find(form)
    if offer is None:
        return bool(_recognising(report))
    with offer.guarded():
        return bool(offer.value.recognises(report))


def _demand_not_cut_off(report: ReportFile) -> None:
    """Raises InputError for a file that is called a report and has lost its beginning: the run may have crashed."""
    if report.name.lower().endswith(".xml") and not report.root:
        message = "the file is not XML: the test tool may have stopped before it wrote the whole report"
        hint = "Run the tests again, or name only the reports: --from 'DIRECTORY/TEST-*.xml'."
        raise InputError("report-invalid", message, where=report.name, hint=hint)


def _combined(reports: Iterator[ReportFile], form: str | None, given: Details, *, check: bool) -> ReportPredicate:
    """The predicate of one report, or of several if their format can combine them."""
    first = next(reports, None)
    if first is None:
        raise InputError("report-missing", "none of the files is a report", hint=_known())
    offer = _offer(first, form)
    with naming(first):
        _demand_known(given, offer)
    second = next(reports, None)
    with offer.guarded():
        if second is None:
            with naming(first):
                evidence: ReportPredicate = offer.value.read(first, given, check=check)
        else:
            same = _of_one_format(chain([first, second], reports), form, offer)
            evidence = _combining(offer, first, second)(same, given, check=check)
    return evidence if offer.plugin is None else _demanded(evidence, offer.plugin)


def _demand_known(given: Details, offer: Offer) -> None:
    """Raises InputError `option-invalid` for a detail that the format does not have."""
    with offer.guarded():
        taken = tuple(offer.value.DETAILS)
    for detail in given:
        if detail not in taken:
            takes = f"it has {', '.join(taken)}" if taken else "it has none"
            raise InputError("option-invalid", f"the report format {offer.name} has no detail {detail!r}; {takes}")


def _combining(offer: Offer, first: ReportFile, second: ReportFile) -> Callable[..., ReportPredicate]:
    """What makes one predicate of several reports. Raises InputError `reports-not-combined` if the format has none."""
    combine: Callable[..., ReportPredicate] | None = getattr(offer.value, "read_several", None)
    if combine is None:
        raise _not_combined(f"{first.name} and {second.name} ({offer.name})")
    return combine


def _of_one_format(reports: Iterable[ReportFile], form: str | None, offer: Offer) -> Iterator[ReportFile]:
    """The `reports`. Raises InputError `reports-not-combined` for one that is in another format."""
    for report in reports:
        other = _offer(report, form)
        if other.name != offer.name:
            raise _not_combined(f"{report.name} ({other.name}) and others ({offer.name})")
        yield report


def _not_combined(which: str) -> InputError:
    hint = "Build a statement from each of them. Only test reports can be combined."
    return InputError("reports-not-combined", f"these reports cannot become one predicate: {which}", hint=hint)


def _offer(report: ReportFile, form: str | None) -> Offer:
    """What reads the report."""
    with naming(report):
        offer = _recognised(report) if form is None else REGISTRY.find(form)
        if offer is None:
            raise InputError("report-unknown", f"unknown report format {form!r}", hint=_known())
        if offer.plugin is None and _is_foreign(report):
            raise _unknown(report)
        return offer


def _open(name: str, data: bytes) -> ReportFile:
    root = xml_root(data)
    if root is not None:
        return ReportFile(data, None, root, name)
    if data.lstrip()[:1] == b"{":
        return ReportFile(data, LazyObject(data, what="the report", max_depth=MAX_DEPTH - 1), None, name)
    return ReportFile(data, None, None, name)


def _is_foreign(report: ReportFile) -> bool:
    """Whether it is neither a JSON object nor XML, and so in no format of ours."""
    return report.members is None and report.root is None


def _recognising(report: ReportFile) -> Sequence[Offer]:
    return REGISTRY.recognising(lambda form: form.recognises(report))


def _recognised(report: ReportFile) -> Offer:
    found = _recognising(report)
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
    known = named(report)
    if known is not None:
        return InputError("report-unsupported", f"attest does not read this format: {known.name}", hint=known.hint)
    message = "the report is neither a JSON object nor XML" if _is_foreign(report) else "the report format is unknown"
    error = InputError("report-unknown", message, hint=_known())
    return error if report.members is None else documents.named(error, report.data, "a report", documents.REPORT)


def _known() -> str:
    return f"Use one of these formats: {', '.join(formats())}; SBOMs as JSON."
