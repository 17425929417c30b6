"""`--from`, `--from-format` and `--detail`: a statement from a report.

Rule: a statement from a report has nothing that shows its origin; the notes about it are printed only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest.building.evidence import REGISTRY, read_files
from attest.building.subjects import from_arguments
from attest.cli import _options
from attest.cli._options.choices import RegistryChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.building.evidence import ReportPath, ReportPredicate

# The one detail that names files; they are described as subjects are.
_CONFIGURATION = "configuration"


def _details(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text in value:
        name, equals, detail = text.partition("=")
        if not (name and equals and detail):
            raise click.BadParameter(f"expected NAME=VALUE, found {text!r}", ctx, param)
        if name != _CONFIGURATION and name in dict(found):
            raise click.BadParameter(f"{name} was given twice", ctx, param)
        found.append((name, detail))
    return found


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--from, --from-format and --detail."""
    for option in (
        click.option(
            "--detail",
            "details",
            metavar="NAME=VALUE",
            multiple=True,
            callback=_details,
            help="Value for the predicate that the report does not have. May be repeated.",
        ),
        click.option(
            "--from-format",
            "form",
            type=RegistryChoice(REGISTRY),
            show_default="detected",
            help="Format of the report.",
        ),
        click.option(
            "--from",
            "reports",
            metavar="REPORT|-",
            multiple=True,
            callback=_options.check_stdin,
            help="Make the predicate from this report: JUnit XML, CycloneDX, SPDX, OpenVEX, grype, trivy, osv-scanner. "
            "May be repeated, or be a directory or a quoted glob, for test reports.",
        ),
    ):
        command = option(command)
    return command


def demand(
    ctx: click.Context,
    reports: tuple[str, ...],
    form: str | None,
    details: list[tuple[str, str]],
    subjects: Sequence[str],
    predicate_type: str | None,
    predicate: str | None,
    system: str | None,
) -> None:
    """Raises UsageError for what is missing without a report, and for what cannot be combined with one.

    `subjects` are all arguments and options that name subjects.
    `system` is the value of --ci, which has its own type too.
    """
    if reports:
        if predicate is not None or system is not None:
            other = "--predicate" if system is None else "--ci"
            raise click.UsageError(f"--from and {other} cannot be used together")
        return
    if form is not None or details:
        raise click.UsageError("--from-format and --detail require --from")
    for param in ctx.command.params:
        untyped = predicate_type is None and system is None
        if (param.name == "subjects" and not subjects) or (param.name == "predicate_type" and untyped):
            raise click.MissingParameter(ctx=ctx, param=param)


def predicate(
    reports: Sequence[ReportPath], form: str | None, details: list[tuple[str, str]], *, check: bool
) -> ReportPredicate:
    """The predicate made from the reports."""
    given: dict[str, Any] = {}
    for name, value in details:
        if name == _CONFIGURATION:
            given.setdefault(name, []).extend(item.to_dict() for item in from_arguments([value]))
        else:
            given[name] = value
    stdin = _options.stdin() if "-" in [path.name for path in reports] else None
    return read_files(reports, stdin=stdin, form=form, details=given, check=check)
