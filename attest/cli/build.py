"""`attest build`: a statement from files and a predicate.

Rule: the bytes that are printed are the bytes that would be signed.
"""

from __future__ import annotations

import click

from attest._base.json import loads_object
from attest.cli import _ci_options, _commands, _options, _output, _report_options
from attest.digest import COMPUTABLE


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
@_ci_options.ci_option
@_ci_options.builder_option
@_options.not_secret_option
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
    reports: tuple[str, ...],
    form: str | None,
    details: list[tuple[str, str]],
    purl: bool,
    algorithms: tuple[str, ...],
    system: str | None,
    builder_id: str | None,
    public: tuple[str, ...],
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
    from attest.building.evidence import find
    from attest.building.subjects import files_in, from_arguments, stdin_in
    from attest.errors import AttestError
    from attest.statement import Statement

    _report_options.demand(ctx, reports, form, details, subjects, predicate_type, predicate, system)
    from_stdin = stdin_in(subjects)
    if from_stdin + [predicate, *reports].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    schemas = _options.schemas(schema_dir)
    body = _ci_options.predicate(system, builder_id, public, given=predicate, kind=predicate_type)
    if predicate is not None:
        try:
            body = loads_object(_options.read_input(predicate), what="the predicate")
        except AttestError as error:
            raise _options.locate(error, predicate) from None
    stdin = _options.stdin() if from_stdin else None
    files = files_in(subjects)
    with _output.progress(files, "hashing") as progress:
        described = from_arguments(subjects, algorithms=algorithms, stdin=stdin, progress=progress, purls=purl)
    check = not no_schema
    found = find(reports)
    if found:
        statement = _report_options.statement(
            found, form, details, described, predicate_type=predicate_type, check=check
        )
    else:
        kind = predicate_type or _ci_options.TYPE
        statement = Statement.build(
            described, predicate_type=kind, predicate=body, check_predicate=check, schemas=schemas
        )
    data = statement.to_json()
    _output.product(session, output, data, inputs=[*files, predicate or "-", *(path.name for path in found)])
    return _output.made(session, output, "statement", lambda: statement.document)
