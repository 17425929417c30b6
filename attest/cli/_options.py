"""The options and arguments that several commands share, so that they read and behave alike.

Rule: no option is read from a file that was not named, and no secret is an option's value.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from attest._base import files
from attest._base.ambiguity import demand_no_file
from attest._base.times import parse_time
from attest.cli import _output, formats
from attest.errors import AttestError, InputError, SignerError
from attest.limits import Limits
from attest.schema.predicate_types import OURS, PredicateSchemas
from attest.signers import open_signer
from attest.signers._profiles import SCHEME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from attest.building.run.masking import Masker
    from attest.cli._output import OutputContext

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


MAX_SECONDS = 86_400
_LIMITS = ("envelope", "signatures", "subjects", "digests", "depth")  # of one envelope


def check_signers(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback that makes a URI that no signer can be opened with a wrong command line; nothing is connected."""
    for text in value if isinstance(value, tuple) else (value,):
        try:
            open_signer(text).close()
        except SignerError as error:
            if error.code.startswith("plugin-"):  # which no other command line would change
                raise
            hint = f". {error.hint.rstrip('.')}" if error.hint else ""
            raise click.BadParameter(f"{error}{hint}", ctx, param) from None
    return value


def check_signers_and_profiles(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The same, but for the names of profiles, whose signers are looked up when they are needed."""
    check_signers(ctx, param, tuple(text for text in value if not text.startswith(SCHEME)))
    return value


def check_predicate_types(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback that makes a short name that isn't known a wrong command line.

    With --schema-dir it may be one of the user's own, which are read when the command runs.
    """
    if ctx.params.get("schema_dir") is not None:
        return value
    for name in value if isinstance(value, tuple) else (value,):
        try:
            if name is not None:
                OURS.uris(name)
        except InputError as error:
            raise click.BadParameter(f"{error}. {(error.hint or '').rstrip('.')}", ctx, param) from None
    return value


def check_timestamp_url(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback that makes a URL that no time-stamping authority can be asked at a wrong command line."""
    if value is not None:
        from attest.timestamps.client import Timestamper

        try:
            Timestamper(value)
        except InputError as error:
            raise click.BadParameter(error.message, ctx, param) from None
    return value


def check_stdin(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback for what takes `-` for standard input, as which /dev/stdin is read too; `-` must be no file's name."""
    for text in value if isinstance(value, tuple) else (value,):
        if text == "-" and ctx.get_parameter_source(param.name or "") is not click.core.ParameterSource.DEFAULT:
            demand_no_file(text, "standard input", "/dev/stdin")
    if isinstance(value, tuple):
        return tuple("-" if text == "/dev/stdin" else text for text in value)
    return "-" if value == "/dev/stdin" else value


def check_output(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback for options that name an output, where every spelling of standard output is `-`."""
    return "-" if value is not None and files.descriptor(value) == 1 else value


def check_time(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback for options that take an RFC 3339 timestamp."""
    try:
        moment(value)
    except InputError as error:
        raise click.BadParameter(error.message, ctx, param) from None
    return value


def limit_option(*others: str) -> Decorator:
    """`--limit`: the limits of one envelope, and `others` that the command has."""
    names = (*_LIMITS, *others)

    def limits(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Limits:
        chosen = {}
        for text in value:
            name, _, number = text.partition("=")
            if name not in names or not (number.isascii() and number.isdigit() and len(number) < 16):
                known = ", ".join(names)
                raise click.BadParameter(f"{text!r} is not NAME=NUMBER with NAME one of {known}", ctx, param)
            if name in chosen:
                raise click.BadParameter(f"{name} is given twice", ctx, param)
            chosen[name] = int(number)
        return Limits(**chosen)

    return click.option(
        "--limit",
        "limits",
        callback=limits,
        metavar="NAME=N",
        multiple=True,
        help=f"Change a limit: {', '.join(names)}.",
    )


def _remember_format(ctx: click.Context, param: click.Parameter, value: str) -> str:
    session: OutputContext = ctx.obj
    session.format = value
    session.command = ctx.command_path.partition(" ")[2]
    return value


def _format_option(names: Sequence[str], **settings: Any) -> Decorator:
    return click.option(
        "--format",
        type=click.Choice(names),
        default="text",
        envvar="ATTEST_FORMAT",
        is_eager=True,
        expose_value=False,
        callback=_remember_format,
        **settings,
    )


format_option = _format_option(
    ["text", "json"], help="What is printed: text for people, or one JSON object (schemas/result.json)."
)
report_option = _format_option(
    ["text", *formats.names()],
    metavar="FORMAT",
    help=f"What is printed: text for people, or one document for pipelines: {', '.join(formats.names())}.",
)
uri_argument: Decorator = click.argument("uri", metavar="URI", callback=check_signers)
output_option: Decorator = click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=check_output,
    help="Write to FILE, whole or not at all; standard output by default.",
)
signer_option: Decorator = click.option(
    "--signer",
    "signers",
    callback=check_signers,
    metavar="URI",
    multiple=True,
    required=True,
    envvar="ATTEST_SIGNER",
    help="Who signs, by the URI of a signer; may be repeated.",
)
signers_option: Decorator = click.option(
    "--signer",
    "signers",
    callback=check_signers_and_profiles,
    metavar="URI",
    multiple=True,
    envvar="ATTEST_SIGNER",
    help="Who signs, by the URI of a signer or profile:NAME; may be repeated.",
)
config_option: Decorator = click.option(
    "--config",
    metavar="FILE",
    envvar="ATTEST_CONFIG",
    help="Where profiles are described, in place of the user's own configuration.",
)
quorum_option: Decorator = click.option(
    "--quorum", metavar="N", type=click.IntRange(1, 64), help="How many of the signers are enough."
)


def _seconds(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    # Not click.FloatRange, which lets NaN pass.
    if value is not None and not 0 < value <= MAX_SECONDS:
        raise click.BadParameter(f"{value:g} is not a number of seconds above 0 and up to {MAX_SECONDS:,}", ctx, param)
    return value


timeout_option: Decorator = click.option(
    "--timeout", metavar="SECONDS", type=float, callback=_seconds, help="How long they may take."
)
timestamp_option: Decorator = click.option(
    "--timestamp",
    metavar="URL",
    envvar="ATTEST_TIMESTAMP",
    callback=check_timestamp_url,
    help="Have this time-stamping authority (RFC 3161) prove when each signature was made.",
)
trust_root_option: Decorator = click.option(
    "--trust-root",
    metavar="FILE",
    envvar="ATTEST_TRUST_ROOT",
    help="What vouches for a signed trust bundle: its roots, or an older version of it.",
)
passphrase_option: Decorator = click.option(
    "--passphrase-file",
    metavar="FILE",
    envvar="ATTEST_PASSPHRASE_FILE",
    help="A file with the passphrase of an encrypted key. Without it: ATTEST_PASSPHRASE, or the terminal. The PIN of a "
    "token: ATTEST_PIN_<TOKEN> (its label), ATTEST_PIN for a single token, or the terminal.",
)
not_secret_option: Decorator = click.option(
    "--not-secret",
    "public",
    metavar="NAME",
    multiple=True,
    help="A variable that holds no secret, whatever it looks like: it is not masked; may be repeated.",
)
simulated_option: Decorator = click.option(
    "--allow-simulated", is_flag=True, help="Let signatures of the simulator count."
)
old_statement_option: Decorator = click.option(
    "--statement-v0.1", "statement_v0_1", is_flag=True, help="Also read Statements of the old version v0.1."
)
no_schema_option: Decorator = click.option(
    "--no-schema", is_flag=True, help="Don't check the predicate against the schema of its type."
)

schema_dir_option: Decorator = click.option(
    "--schema-dir",
    metavar="DIR",
    is_eager=True,
    envvar="ATTEST_SCHEMA_DIR",
    help="Your own predicate types: a NAME.json in DIR is a JSON Schema whose $id is the type's URI.",
)


def say_masked(masker: Masker, names: Sequence[str] = ()) -> None:
    """Warn of what was masked, and of secrets in the `names` of subjects, which stay as they are."""
    if masker.found:
        _output.prose("warning", f"masked in what is attested: {', '.join(masker.found)}")
    if masker.secret_in("\n".join(names)):
        said = next(
            (f"{name!r} holds {kind}" for name in names if (kind := masker.secret_in(name))), "one holds a secret"
        )
        _output.prose("warning", f"names of subjects are attested as they are, and {said}")


def read_input(name: str, *, limit: int = files.MAX_FILE) -> bytes:
    """The bytes of the file `name`, or of standard input for `-`. Raises InputError as attest._base.files does."""
    if name != "-":
        return files.read(name, limit=limit)
    data = files.read_stream(stdin(), limit)
    if data is None:
        raise InputError("file-too-large", f"this is larger than {files.size(limit)}", where="-")
    return data


def schemas(directory: str | None) -> PredicateSchemas:
    """The predicate types there are, with those of --schema-dir if it was given."""
    return OURS if directory is None else PredicateSchemas.load(directory)


def stdin() -> BinaryIO:
    """Standard input, where something is to be read from it that a person doesn't type."""
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("there is nothing on standard input; name a file")
    return sys.stdin.buffer


def signer_files(uris: Iterable[str], *others: str | None) -> list[str]:
    """The files that signers read, and `others` that were named, so that no output is written over them."""
    found = [name for name in others if name is not None]
    for uri in uris:
        with open_signer(uri) as signer:
            found += signer.files
    return found


def locate(error: AttestError, name: str) -> AttestError:
    """`error` with the file's name before its place, unless it is there already."""
    shown = "standard input" if name == "-" else name
    return error if (error.where or "").startswith(name) else error.at(shown)


def moment(text: str | None) -> datetime | None:
    """The time that an option gave, if it did."""
    return None if text is None else parse_time(text, where="")
