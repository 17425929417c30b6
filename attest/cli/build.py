"""`attest build`: a Statement from files and a predicate.

Rule: what is printed is exactly what would be signed.
"""

from __future__ import annotations

import click

from attest._base.json import loads_object
from attest.cli import _ci, _commands, _evidence, _options, _output
from attest.digest import COMPUTABLE


@click.command(cls=_commands.Command, short_help="A Statement about files, on standard output.")
@click.argument("subjects", metavar="FILE...", nargs=-1)
@click.option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    callback=_options.check_predicate_types,
    help="The predicate's type; --from and --ci have their own.",
)
@click.option(
    "--predicate",
    metavar="FILE|-",
    callback=_options.check_stdin,
    help="The predicate, a JSON object; empty by default.",
)
@_evidence.options
@click.option("--purl", is_flag=True, help="Give each FILE, a wheel, sdist or npm tarball, its purl as `uri`.")
@click.option(
    "--digest",
    "algorithms",
    type=click.Choice(COMPUTABLE),
    multiple=True,
    default=["sha256"],
    show_default=True,
    help="Which digests the subjects get; may be repeated.",
)
@_ci.ci_option
@_ci.builder_option
@_options.not_secret_option
@_options.no_schema_option
@_options.schema_dir_option
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
    system: str | None,
    builder_id: str | None,
    public: tuple[str, ...],
    no_schema: bool,
    schema_dir: str | None,
    output: str | None,
) -> _output.Completed:
    """Build an in-toto Statement v1 about FILEs.

    FILE is a file, a quoted glob, a directory (its dirHash), - for standard input, ALGORITHM:HEX, or
    git:DIRECTORY[@REV] for a commit. NAME= before any of these names it, and a purl is a name:
    pkg:pypi/app@1.0=dist/app.whl. Where a file has such a name too, write ./NAME, digest:ALGORITHM:HEX or /dev/stdin.

    REPORT is a test report (JUnit XML), an SBOM (CycloneDX, SPDX) or a scanner's JSON (grype, trivy, osv-scanner).
    Without a FILE the statement is about what the report names with a digest.
    """
    from attest.building.subjects import files_in, from_arguments, stdin_in
    from attest.errors import AttestError
    from attest.statement import Statement

    _evidence.demand(ctx, report, form, details, subjects, predicate_type, predicate, system)
    from_stdin = stdin_in(subjects)
    if from_stdin + [predicate, report].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    schemas = _options.schemas(schema_dir)
    body = _ci.predicate(system, builder_id, public, given=predicate, kind=predicate_type)
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
    if report is not None:
        statement = _evidence.statement(report, form, details, described, predicate_type=predicate_type, check=check)
    else:
        kind = predicate_type or _ci.TYPE
        statement = Statement.build(
            described, predicate_type=kind, predicate=body, check_predicate=check, schemas=schemas
        )
    _output.document(output, statement.to_json(), inputs=[*files, predicate or "-", report or "-"])
    return _output.Completed()
