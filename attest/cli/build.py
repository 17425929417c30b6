"""`attest build`: a statement from files and a predicate.

Rule: the bytes that are printed are the bytes that would be signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest._base.json import loads_object
from attest.cli import _ci_options, _commands, _deviations, _options, _output, _report_options
from attest.digest import COMPUTABLE
from attest.errors import AttestError

if TYPE_CHECKING:
    from attest.limits import Limits


@click.command(cls=_commands.Command, short_help="Build an in-toto statement about files.")
@click.argument("subjects", metavar="FILE...", nargs=-1)
@click.option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    callback=_options.check_predicate_types,
    help="Predicate type. Required without --from and --ci.",
)
@click.option(
    "--predicate",
    metavar="FILE|-",
    callback=_options.check_stdin,
    show_default="an empty object",
    help="File with the predicate, a JSON object.",
)
@_report_options.options
@click.option(
    "--purl",
    is_flag=True,
    help="Add a purl to each subject, as `uri`. Each FILE must be a wheel, sdist or npm tarball.",
)
@click.option(
    "--digest",
    "algorithms",
    type=click.Choice(COMPUTABLE),
    multiple=True,
    default=["sha256"],
    help="Digest algorithm for the subjects. May be repeated.",
)
@_options.limit_option()
@_ci_options.ci_option
@_ci_options.builder_option
@_options.not_secret_option
@click.option("--strict", is_flag=True, help="Refuse what breaks a specification and is otherwise a warning.")
@_options.foreign_option
@_options.no_schema_option
@_options.schema_dir_option
@_options.product_format_option
@_options.output_option
@click.pass_obj
@click.pass_context
def command(
    ctx: click.Context,
    session: _output.OutputContext,
    subjects: tuple[str, ...],
    predicate_type: str | None,
    predicate: str | None,
    report: str | None,
    form: str | None,
    details: list[tuple[str, str]],
    purl: bool,
    algorithms: tuple[str, ...],
    limits: Limits,
    system: str | None,
    builder_id: str | None,
    public: tuple[str, ...],
    strict: bool,
    foreign: bool,
    no_schema: bool,
    schema_dir: str | None,
    output: str | None,
) -> _output.Completed:
    """Build an in-toto statement about files.

    Writes the statement to standard output. Each FILE becomes a subject: a path, a quoted glob, a directory (hashed as
    dirHash), `-` for standard input, ALGORITHM:HEX, or git:DIRECTORY[@REV] for a commit. NAME=FILE sets the name of the
    subject; NAME may be a purl: pkg:pypi/app@1.0=dist/app.whl. If a file has such a name, write ./NAME for the file,
    and digest:ALGORITHM:HEX or /dev/stdin for the other meaning.

    With --from, FILE may be omitted: the subjects are then those that the report names with a digest.

    \b
    Example:
      attest build dist/app.whl --type slsa-provenance --predicate provenance.json
    """
    from attest.building.subjects import files_in, from_arguments, stdin_in
    from attest.statement import Statement

    _report_options.demand(ctx, report, form, details, subjects, predicate_type, predicate, system)
    from_stdin = stdin_in(subjects)
    if from_stdin + [predicate, report].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    for other, given in (("--foreign", foreign), ("--no-schema", no_schema)):
        if strict and given:
            raise click.UsageError(f"--strict and {other} cannot be used together")
    schemas = _options.schemas(schema_dir)
    body = _ci_options.predicate(system, builder_id, public, given=predicate, kind=predicate_type)
    if predicate is not None:
        data = _options.read_within(predicate, limits)
        try:
            body = loads_object(data, what="the predicate", max_depth=limits.depth)
        except AttestError as error:
            raise _options.locate(error, predicate) from None
    stdin = _options.stdin() if from_stdin else None
    files = files_in(subjects)
    with _output.progress(files, "hashing") as progress:
        described = from_arguments(subjects, algorithms=algorithms, stdin=stdin, progress=progress, purls=purl)
    check = not no_schema
    if report is not None:
        statement, noted = _report_options.statement(
            report, form, details, described, predicate_type=predicate_type, check=check, limits=limits
        )
    else:
        kind = predicate_type or _ci_options.TYPE
        statement = Statement.build(
            described,
            predicate_type=kind,
            predicate=body,
            check_predicate=False,
            schemas=schemas,
            max_subjects=limits.subjects,
            max_digests=limits.digests,
            max_depth=limits.depth,
        )
        noted = statement.examine_predicate(schemas, foreign=foreign) or () if check else ()
    if strict and noted:
        raise _deviations.refusal(noted)
    notes = _deviations.warn(noted)
    data = statement.to_json()
    _output.product(session, output, data, inputs=[*files, predicate or "-", report or "-"])
    return _output.made(session, output, "statement", lambda: statement.document, notes=notes)
