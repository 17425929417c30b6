"""From what people already have to a predicate: one module a format of report in this folder, found by name.

Rule: what a report doesn't say is not made up; it is left out, or asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest._base import registry
from attest._base.large_json import LazyObject
from attest.building.evidence._report import Details, ReportFile, ReportPredicate, xml_root
from attest.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["MAX_REPORT", "Details", "ReportFile", "ReportPredicate", "formats", "read"]

MAX_REPORT: Final = 1 << 30


def formats() -> list[str]:
    """The names of the formats that are read."""
    return registry.names(__name__)


def read(
    data: bytes, *, form: str | None = None, details: Details | None = None, check: bool = True
) -> ReportPredicate:
    """What the report in `data` is evidence of. Its format is found, or is `form`.

    `details` say what the report can't, by the names that its predicate type has for them: `configuration` (a list of
    ResourceDescriptors as JSON) and `url` of a Test Result; `version`, `lastUpdate`, `scanStartedOn` and
    `scanFinishedOn` of a Vulns. With `check`, an SBOM is checked as far as can be, and `notes` say how far that is.

    Raises InputError: `report-unknown` where no format or more than one fits, `report-invalid`, `report-incomplete`
    where a detail is needed, `option-invalid` for one that isn't taken, `predicate-invalid`, and as reading JSON does.
    """
    report = _open(data)
    name, module = _recognised(report) if form is None else (form, registry.load(__name__, form))
    if module is None:
        raise InputError("report-unknown", f"there is no format named {form!r}", hint=_known())
    given = details or {}
    for detail in given:
        if detail not in module.DETAILS:
            takes = f"takes {', '.join(module.DETAILS)}" if module.DETAILS else "takes none"
            raise InputError(
                "option-invalid", f"{detail!r} is no detail of a report in the format {name}, which {takes}"
            )
    evidence: ReportPredicate = module.read(report, given, check=check)
    return evidence


def _open(data: bytes) -> ReportFile:
    root = xml_root(data)
    if root is not None:
        return ReportFile(data, None, root)
    if data.lstrip()[:1] == b"{":
        return ReportFile(data, LazyObject(data, what="the report"), None)
    raise InputError("report-unknown", "this is neither a JSON object nor XML", hint=_known())


def _recognised(report: ReportFile) -> tuple[str, ModuleType]:
    modules = [(name, module) for name in formats() if (module := registry.load(__name__, name)) is not None]
    found = [(name, module) for name, module in modules if module.recognises(report)]
    if not found:
        raise InputError("report-unknown", "this is not a report in a format that is read", hint=_known())
    if len(found) > 1:
        names = " and ".join(name for name, _ in found)
        raise InputError("report-unknown", f"this could be {names}", hint="Say which it is: --from-format NAME.")
    return found[0]


def _known() -> str:
    return f"Known formats: {', '.join(formats())}; SBOMs are read as JSON."
