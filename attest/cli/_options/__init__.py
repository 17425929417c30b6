"""The options and arguments that several commands share.

Rule: no option is read from a file that was not named, and no secret is the value of an option.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from attest._base import files
from attest._base.filenames import demand_no_file
from attest.cli import formats
from attest.cli._output import WrongValue
from attest.errors import InputError, SignerError
from attest.errors import locate as locate
from attest.errors import shown as shown
from attest.keys import KEYID_FORMATS
from attest.limits import Limits
from attest.schema.predicate_types import OURS, PredicateSchemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from attest.cli._output import OutputContext
    from attest.timestamps.client import Timestamper

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


MAX_SECONDS = 86_400
_LIMITS = ("envelope", "signatures", "subjects", "digests", "depth")  # of one envelope


class Keyid(click.ParamType[str]):
    """A keyid or, if `short`, at least 8 digits of it: only to choose a key that a trust bundle has already."""

    name = "hex"

    def __init__(self, *, short: bool = False) -> None:
        self._shape = re.compile(rf"(?:sim:)?[0-9a-f]{{{'8,' if short else ''}64}}")
        self._expected = "a keyid, or at least its first 8 hex digits" if short else "a keyid of 64 hex digits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The keyid in lower case. Raises BadParameter."""
        text = str(value).lower()
        if not self._shape.fullmatch(text):
            self.fail(f"expected {self._expected}, found {text!r}", param, ctx)
        return text


KEYID = Keyid()
SHORT_KEYID = Keyid(short=True)


def check_signers(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback: a URI without a signer is a wrong command line. Nothing is connected."""
    from attest.signers import open_signer

    for text in value if isinstance(value, tuple) else (value,):
        try:
            open_signer(text).close()
        except SignerError as error:
            if error.code.startswith("plugin-"):  # which no other command line would change
                raise
            raise WrongValue(error, ctx, param) from None
    return value


def check_signers_and_profiles(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The same, except for names of profiles, whose signers are found when they are needed."""
    from attest.signers._profiles import SCHEME

    check_signers(ctx, param, tuple(text for text in value if not text.startswith(SCHEME)))
    return value


def check_predicate_types(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback: an unknown short name is a wrong command line.

    With --schema-dir it may be a name from there, which is read when the command runs.
    """
    if ctx.params.get("schema_dir") is not None:
        return value
    for name in value if isinstance(value, tuple) else (value,):
        try:
            if name is not None:
                OURS.uris(name)
        except InputError as error:
            raise WrongValue(error, ctx, param) from None
    return value


def timestamper(ctx: click.Context, param: click.Parameter, value: str | None) -> Timestamper | None:
    """A callback: the time-stamping authority at a URL; one that it cannot have is a wrong command line."""
    if value is None:
        return None
    from attest.timestamps.client import Timestamper

    try:
        return Timestamper(value)
    except InputError as error:
        raise click.BadParameter(error.message, ctx, param) from None


def check_stdin(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A callback for what accepts `-` and /dev/stdin as standard input; no file may have the name `-`."""
    for text in value if isinstance(value, tuple) else (value,):
        if text == "-" and ctx.get_parameter_source(param.name or "") is not click.core.ParameterSource.DEFAULT:
            demand_no_file(text, "standard input", "/dev/stdin")
    if isinstance(value, tuple):
        return tuple("-" if text == "/dev/stdin" else text for text in value)
    return "-" if value == "/dev/stdin" else value


def check_output(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback for options that name an output: makes every spelling of standard output `-`."""
    return "-" if value is not None and files.descriptor(value) == 1 else value


def limit_option(*others: str, of: Sequence[str] = _LIMITS, defaults: Limits | None = None) -> Decorator:
    """`--limit`: the limits `of` one envelope, and `others` of the command, which may have other `defaults`."""
    names = (*of, *others)

    def limits(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Limits:
        chosen = {}
        for text in value:
            name, _, number = text.partition("=")
            if name not in names or not (number.isascii() and number.isdigit() and len(number) < 16):
                known = ", ".join(names)
                raise click.BadParameter(f"expected NAME=NUMBER with NAME one of {known}, found {text!r}", ctx, param)
            if name in chosen:
                raise click.BadParameter(f"{name} was given twice", ctx, param)
            chosen[name] = int(number)
        return replace(defaults or Limits(), **chosen)

    return click.option(
        "--limit",
        "limits",
        callback=limits,
        metavar="NAME=N",
        multiple=True,
        help=f"Change a limit: {', '.join(names)}. May be repeated.",
    )


def remember_format(ctx: click.Context, param: click.Parameter, value: str) -> str:
    session: OutputContext = ctx.obj
    session.format = value
    session.command = ctx.command_path.partition(" ")[2]
    return value


def _format_option(names: Sequence[str], *, envvar: str | None = "ATTEST_FORMAT", **settings: Any) -> Decorator:
    return click.option(
        "--format",
        type=click.Choice(names),
        default="text",
        envvar=envvar,
        is_eager=True,
        expose_value=False,
        callback=remember_format,
        **settings,
    )


_JSON = ["text", "json"]
format_option = _format_option(_JSON, help="Output format: text, or one JSON object (schemas/result.json).")
# Without a variable: one that is set for a whole pipeline must not change what goes through a pipe.
product_format_option = _format_option(
    _JSON, envvar=None, help="Output format: text, or one JSON object that contains what was made."
)
report_option = _format_option(
    ["text", *formats.names()],
    metavar="FORMAT",
    help=f"Output format: text, or one document: {', '.join(formats.names())}.",
)
uri_argument: Decorator = click.argument("uri", metavar="URI", callback=check_signers)
output_option: Decorator = click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=check_output,
    show_default="standard output",
    help="Output file. Written completely or not at all.",
)
signer_option: Decorator = click.option(
    "--signer",
    "signers",
    callback=check_signers,
    metavar="URI",
    multiple=True,
    required=True,
    envvar="ATTEST_SIGNER",
    help="Signer URI. May be repeated.",
)
signers_option: Decorator = click.option(
    "--signer",
    "signers",
    callback=check_signers_and_profiles,
    metavar="URI",
    multiple=True,
    envvar="ATTEST_SIGNER",
    help="Signer URI, or profile:NAME. May be repeated.",
)
config_option: Decorator = click.option(
    "--config",
    metavar="FILE",
    envvar="ATTEST_CONFIG",
    show_default="~/.config/attest/config.toml",
    help="Configuration file with profiles.",
)
quorum_option: Decorator = click.option(
    "--quorum",
    metavar="N",
    type=click.IntRange(1, 64),
    show_default="all, or the profile's",
    help="Number of signers that must sign.",
)


def check_seconds(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """A callback for options that take a number of seconds."""
    # Not click.FloatRange, which lets NaN pass.
    if value is not None and not 0 < value <= MAX_SECONDS:
        raise click.BadParameter(
            f"expected a number of seconds above 0 and at most {MAX_SECONDS:,}, found {value:g}", ctx, param
        )
    return value


timeout_option: Decorator = click.option(
    "--timeout",
    metavar="SECONDS",
    type=float,
    callback=check_seconds,
    show_default="no limit, or the profile's",
    help="Time for all signers together, in seconds.",
)
timestamp_option: Decorator = click.option(
    "--timestamp",
    metavar="URL",
    envvar="ATTEST_TIMESTAMP",
    callback=timestamper,
    help="URL of a time-stamping authority (RFC 3161) that timestamps each signature.",
)


def certificate_chain_option(of: str = "a signer") -> Decorator:
    """`--certificate-chain`; `of` says whose certificate is meant."""
    file = f"File with the certificate of {of}, and the CAs above it"
    help_text = f"{file}, to write beside its signature: PEM, or PKCS#12. May be repeated."
    return click.option("--certificate-chain", "certificate_chains", metavar="PEM", multiple=True, help=help_text)


def keyid_format_option(default: str = "spki", of: str = "the keyids") -> Decorator:
    """`--keyid-format` of what `of` says; without it the value is None, which `default` puts in words."""
    return click.option(
        "--keyid-format",
        type=click.Choice(KEYID_FORMATS),
        show_default=default,
        help=f"Format of {of}, for other verifiers (docs/develop/interop.md).",
    )


trust_root_option: Decorator = click.option(
    "--trust-root",
    metavar="FILE",
    envvar="ATTEST_TRUST_ROOT",
    help="Roots file, or an older version that you trust. Required if the trust bundle is signed.",
)
passphrase_option: Decorator = click.option(
    "--passphrase-file",
    metavar="FILE",
    envvar="ATTEST_PASSPHRASE_FILE",
    show_default="ATTEST_PASSPHRASE, or a prompt",
    help="File whose first line is the passphrase of the key. The PIN of a token is read from ATTEST_PIN_<TOKEN> (its "
    "label), or from ATTEST_PIN if there is only one token, or from a prompt.",
)
not_secret_option: Decorator = click.option(
    "--not-secret",
    "public",
    metavar="NAME",
    multiple=True,
    help="Variable that contains no secret, although it looks like one: do not mask it. May be repeated.",
)
simulated_option: Decorator = click.option(
    "--allow-simulated", is_flag=True, help="Count signatures by simulated keys. For tests only: anyone can make them."
)
# From before v0.1 was read by `verify` and `--foreign`: kept so that commands that have it still work.
old_statement_option: Decorator = click.option("--statement-v0.1", "statement_v0_1", is_flag=True, hidden=True)
foreign_option: Decorator = click.option(
    "--foreign",
    is_flag=True,
    help="Accept minor violations of a specification by other tools, as `attest verify` does, with a warning.",
)
no_schema_option: Decorator = click.option(
    "--no-schema", is_flag=True, help="Do not check the predicate against the schema of its type."
)

schema_dir_option: Decorator = click.option(
    "--schema-dir",
    metavar="DIR",
    is_eager=True,
    envvar="ATTEST_SCHEMA_DIR",
    help="Directory of your own predicate types: JSON Schemas NAME.json whose $id is the URI of the type.",
)


def read_input(name: str, *, limit: int = files.MAX_FILE) -> bytes:
    """The bytes of the file `name`, or of standard input for `-`. Raises InputError as attest._base.files does."""
    if name != "-":
        return files.read(name, limit=limit)
    data = files.read_stream(stdin(), limit)
    if data is None:
        raise InputError("file-too-large", f"standard input is larger than {files.size(limit)}", where="-")
    return data


def schemas(directory: str | None) -> PredicateSchemas:
    """The known predicate types, with those of --schema-dir if it was given."""
    return OURS if directory is None else PredicateSchemas.load(directory)


def stdin() -> BinaryIO:
    """Standard input. Raises UsageError if there is none, or if it is a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("nothing can be read from standard input; name a file")
    return sys.stdin.buffer


def signer_files(uris: Iterable[str], *others: str | None) -> list[str]:
    """The files that signers read, and `others` that were named: no output is written over them."""
    from attest.signers import open_signer

    found = [name for name in others if name is not None]
    for uri in uris:
        with open_signer(uri) as signer:
            found += signer.files
    return found
