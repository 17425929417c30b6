"""The options of `attest build` that take a predicate from a report, and what they come to.

Rule: a statement that is made from a report is told apart by nothing but the notes that are printed beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest.building.evidence import MAX_REPORT, REGISTRY, read
from attest.building.subjects import from_arguments
from attest.cli import _options, _output
from attest.cli._choices import RegistryChoice
from attest.errors import AttestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.statement import ResourceDescriptor, Statement

# The one detail that is about files, which are described as subjects are.
_CONFIGURATION = "configuration"


def _details(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text in value:
        name, equals, detail = text.partition("=")
        if not (name and equals and detail):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", ctx, param)
        if name != _CONFIGURATION and name in dict(found):
            raise click.BadParameter(f"{name} is given twice", ctx, param)
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
            help="Something that the report doesn't say and its predicate has; may be repeated.",
        ),
        click.option(
            "--from-format",
            "form",
            type=RegistryChoice(REGISTRY),
            help="The report's format; found by default.",
        ),
        click.option(
            "--from",
            "report",
            metavar="REPORT|-",
            callback=_options.check_stdin,
            help="Take the predicate, its type and subjects from this report.",
        ),
    ):
        command = option(command)
    return command


def demand(
    ctx: click.Context,
    report: str | None,
    form: str | None,
    details: list[tuple[str, str]],
    subjects: tuple[str, ...],
    predicate_type: str | None,
    predicate: str | None,
    system: str | None,
) -> None:
    """Raises UsageError for what is missing without a report, and for what can't be said beside one.

    `system` is that of --ci, which has a type of its own too.
    """
    if report is not None:
        if predicate is not None or system is not None:
            other = "--predicate" if system is None else "--ci"
            raise click.UsageError(f"--from and {other} exclude each other: a report is made into the predicate")
        return
    if form is not None or details:
        raise click.UsageError("--from-format and --detail are about a report; name it with --from")
    for param in ctx.command.params:
        untyped = predicate_type is None and system is None
        if (param.name == "subjects" and not subjects) or (param.name == "predicate_type" and untyped):
            raise click.MissingParameter(ctx=ctx, param=param)


def statement(
    report: str,
    form: str | None,
    details: list[tuple[str, str]],
    subjects: list[ResourceDescriptor],
    *,
    predicate_type: str | None,
    check: bool,
) -> Statement:
    """The statement made from the report, about `subjects` if there are any; what is to be known of it is printed."""
    given: dict[str, Any] = {}
    for name, value in details:
        if name == _CONFIGURATION:
            given.setdefault(name, []).extend(item.to_dict() for item in from_arguments([value]))
        else:
            given[name] = value
    try:
        found = read(_options.read_input(report, limit=MAX_REPORT), form=form, details=given, check=check)
        made = found.statement(subjects, predicate_type=predicate_type, check_predicate=check)
    except AttestError as error:
        raise _options.locate(error, report) from None
    for note in found.notes:
        _output.prose("note", note)
    return made
