"""`attest build`: a statement from files and a predicate.

Rule: the bytes that are printed are the bytes that would be signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest._base import files
from attest._base.json import loads_object
from attest._base.large_json import LARGE, LazyObject
from attest.building.evidence import MAX_REPORT, find
from attest.cli import _commands, _options, _output
from attest.cli._inputs import documents
from attest.cli._options import ci as ci_options
from attest.cli._options import registry as registry_options
from attest.cli._options import reports as report_options
from attest.cli._output import deviations
from attest.digest import COMPUTABLE
from attest.errors import AttestError, InputError
from attest.statement import Statement, distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from attest.limits import Limits
    from attest.schema import Violation
    from attest.statement import ResourceDescriptor


def _check_images(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    from attest.building.images import parse_image

    for image in value:
        try:
            parse_image(image)
        except InputError as error:
            raise click.BadParameter(f"{error}{f'. {error.hint}' if error.hint else ''}", ctx, param) from None
    return value


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
@report_options.options
@click.option(
    "--checksums",
    metavar="FILE|-",
    multiple=True,
    callback=_options.check_stdin,
    help="Subjects from a file such as SHA256SUMS. The files that it names are not read. May be repeated.",
)
@click.option(
    "--image",
    "images",
    metavar="REFERENCE",
    multiple=True,
    callback=_check_images,
    help="A subject that is an image: [HOST/]REPOSITORY[:TAG][@DIGEST], or oci-layout:DIRECTORY[:TAG|@DIGEST]. "
    "NAME=REFERENCE sets its name. May be repeated.",
)
@registry_options.platform_option
@click.option("--each-platform", is_flag=True, help="Take every platform of an image that has several.")
@click.option("--each", is_flag=True, help="Build one statement for each subject, and write them as JSON Lines.")
@click.option(
    "--purl",
    is_flag=True,
    help="Add a purl to each subject, as `uri`. Each FILE must be a wheel, sdist or npm tarball.",
)
@click.option(
    "--digest",
    "algorithms",
    metavar="ALGORITHM",
    type=click.Choice(COMPUTABLE),
    multiple=True,
    default=["sha256"],
    help=f"Digest algorithm for the subjects: {', '.join(COMPUTABLE)}. May be repeated.",
)
@registry_options.registry_options
@_options.limit_option("attestations")
@ci_options.ci_option
@ci_options.builder_option
@_options.not_secret_option
@click.option(
    "--strict",
    is_flag=True,
    help="Refuse a document that breaks a specification, also where that is usually a warning.",
)
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
    reports: tuple[str, ...],
    form: str | None,
    details: list[tuple[str, str]],
    checksums: tuple[str, ...],
    images: tuple[str, ...],
    platform: str | None,
    each_platform: bool,
    registry: registry_options.RegistryOptions,
    each: bool,
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

    FILE may be omitted with --checksums, --image and --from. With --from, the subjects are then the files and images
    that the report names with a digest.

    With --each, `attest sign` signs all statements with one login.

    \b
    Examples:
      attest build dist/app.whl --type slsa-provenance --predicate provenance.json
      attest build dist/* --each --from junit.xml | attest sign --signer "$URI" -o tests.intoto.jsonl
    """
    from attest.building.checksums import from_checksums
    from attest.building.subjects import files_in, from_arguments, stdin_in

    named = [*subjects, *checksums, *images]
    report_options.demand(ctx, reports, form, details, named, predicate_type, predicate, system)
    from_stdin = stdin_in(subjects)
    if from_stdin + [predicate, *reports, *checksums].count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    for other, given in (("--foreign", foreign), ("--no-schema", no_schema)):
        if strict and given:
            raise click.UsageError(f"--strict and {other} cannot be used together")
    for other, options in (("--checksums", checksums), ("--image", images)):
        if purl and options:
            raise click.UsageError(f"--purl and {other} cannot be used together: a purl is read from the file")
    if (platform or each_platform) and not images:
        raise click.UsageError("--platform and --each-platform require --image")
    if platform and each_platform:
        raise click.UsageError("--platform and --each-platform cannot be used together")
    schemas = _options.schemas(schema_dir)
    body: Mapping[str, Any] | None = ci_options.predicate(
        system, builder_id, public, given=predicate, kind=predicate_type
    )
    if predicate is not None:
        data = documents.read_within(predicate, limits)
        try:
            body = (loads_object if len(data) <= LARGE else LazyObject)(
                data, what="the predicate", max_depth=limits.depth - 1
            )
        except AttestError as error:
            raise _options.locate(error, predicate) from None
    stdin = _options.stdin() if from_stdin else None
    paths = files_in(subjects)
    with _output.progress(paths, "hashing") as progress:
        described = from_arguments(subjects, algorithms=algorithms, stdin=stdin, progress=progress, purls=purl)
    described += from_checksums((_options.shown(name), _options.read_input(name)) for name in checksums)
    if images:
        from attest.building.images import from_images

        described += from_images(images, options=registry.store(), platform=platform, each_platform=each_platform)
    found = find(reports)
    report = report_options.predicate(found, form, details, check=not no_schema) if found else None

    def build(about: list[ResourceDescriptor], *, check: bool) -> Statement:
        if report is not None:
            return report.statement(about, predicate_type=predicate_type, check_predicate=check, limits=limits)
        kind = predicate_type or ci_options.TYPE
        return Statement.build(
            about,
            predicate_type=kind,
            predicate=body,
            check_predicate=False,
            schemas=schemas,
            max_subjects=limits.subjects,
            max_digests=limits.digests,
            max_depth=limits.depth,
        )

    try:
        about = list(report.subjects) if report is not None and not described else described
        made = _each(about, build, limits, check=not no_schema) if each else [build(described, check=not no_schema)]
    except AttestError as error:
        raise (_options.locate(error, found[0].name) if len(found) == 1 else error) from None
    for note in report.notes if report is not None else ():
        _output.prose("note", note)
    noted: Sequence[Violation] = ()
    if report is not None:
        noted = report.deviations
    elif not no_schema:
        try:
            noted = made[0].examine_predicate(schemas, foreign=foreign) or ()
        except InputError as error:
            if predicate is None and system is None:
                error.hint = "No predicate was given: name its file with --predicate, or use --ci for provenance."
            raise
    if strict and noted:
        raise deviations.refusal(noted)
    notes = deviations.warn(noted)
    data = b"\n".join(map(_line, made)) if each else made[0].to_json()
    _output.product(
        session, output, data, inputs=[*paths, *checksums, predicate or "-", *(path.name for path in found)]
    )
    if each:
        return _output.made(session, output, "statements", lambda: [one.document for one in made], notes=notes)
    return _output.made(session, output, "statement", lambda: made[0].document, notes=notes)


def _each(
    about: list[ResourceDescriptor], build: Callable[..., Statement], limits: Limits, *, check: bool
) -> list[Statement]:
    """One statement for each subject; `build` refuses to build one without a subject."""
    limits.check_attestations(len(about))
    made: list[Statement] = []
    size = 0
    for one in distinct(about) if about else [None]:
        made.append(build([one] if one else [], check=check and not made))  # all have the same predicate
        size += len(made[-1].raw)
        if size > MAX_REPORT:
            hint = "Build the statements in several calls, or one about all subjects."
            raise InputError("file-too-large", f"the statements are larger than {files.size(MAX_REPORT)}", hint=hint)
    return made


def _line(statement: Statement) -> bytes:
    """The statement in one line: an SBOM, whose bytes are kept, may have line breaks, always between its values."""
    return statement.to_json().replace(b"\r", b" ").replace(b"\n", b" ")
