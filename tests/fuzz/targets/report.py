"""Reports that become evidence: JUnit XML, SBOMs and scans, read without the libraries that would check them whole.

Rule: the predicate that is made of a report is valid for its own type; one that is the report itself is as it was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attest import ResourceDescriptor
from attest._base.large_json import LazyObject
from attest.building import evidence
from tests.fuzz.oracle import attempt
from tests.support.making import reports
from tests.vectors.parts import DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.building.evidence import ReportPredicate

ABOUT = ResourceDescriptor("app.txt", {"sha256": DIGEST})
DETAILS = (None, {"lastUpdate": reports.UPDATED, "scanFinishedOn": reports.FINISHED, "scanStartedOn": reports.STARTED})


def check(data: bytes) -> None:
    for details in DETAILS:
        found = attempt(lambda details=details: evidence.read(data, details=details, check=False))  # type: ignore[misc]
        if found is not None:
            judge(found)


def judge(found: ReportPredicate) -> None:
    """What was read is a statement, about what the report names or about something else."""
    assert found.subjects or found.unnamed
    attempt(found.statement)
    statement = found.statement([ABOUT])
    if isinstance(found.predicate, LazyObject):  # an SBOM as it is, which was not to be checked
        attempt(statement.check_predicate)
    else:
        assert statement.check_predicate()


def seeds() -> Iterator[bytes]:
    yield from (text.encode() for text in reports.JUNIT.values())
    for make in (getattr(reports, name) for name in dir(reports) if not name.startswith("_")):
        if callable(make) and getattr(make, "__module__", "") == reports.__name__:
            try:
                made = make()
            except TypeError:
                continue
            yield made if isinstance(made, bytes) else json.dumps(made).encode()
