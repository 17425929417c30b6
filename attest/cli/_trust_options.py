"""The options that the trust commands share: whose keys, which of them, and how attestations are judged.

Rule: a key is named by its keyid or by itself, and never by its place.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from attest._base import files
from attest._base.ambiguity import demand_no_file
from attest._base.times import format_time
from attest.cli import _options, _output, _secrets
from attest.errors import InputError, SignerError
from attest.keys import ALGORITHMS, HSM_ALGORITHMS, PublicKey, certificate
from attest.signers import REGISTRY, SignerURI, open_signer
from attest.trust import editing
from attest.trust.editing import ROOTS, Holder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.keys import Certificate

_KEYID = re.compile(r"(?:sim:)?[0-9a-f]{64}")

roots_option: _options.Decorator = click.option(
    "--roots", is_flag=True, help="In place of --anchor: the keys that vouch for the trust bundle itself."
)
algorithm_option: _options.Decorator = click.option(
    "--algorithm",
    type=click.Choice([*ALGORITHMS, *HSM_ALGORITHMS]),
    help="Pin the keys to it; by default the key's type decides.",
)
expired_option: _options.Decorator = click.option(
    "--allow-expired-certificate",
    is_flag=True,
    help="Take a key out of a certificate that has expired or is not valid yet; it counts within its window.",
)
after_option: _options.Decorator = click.option(
    "--after",
    metavar="OLD",
    help="The version that was given out last: all changes since then are the one version after it.",
)
reason_option: _options.Decorator = click.option("--reason", metavar="TEXT", help="Why; it stays with the key.")


def _check_past(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    moment = _options.moment(_options.check_time(ctx, param, value))
    if moment is not None and moment > datetime.now(UTC):
        raise click.BadParameter(f"{value} has not come yet", ctx, param)
    return value


at_option: _options.Decorator = click.option(
    "--at", metavar="TIME", callback=_check_past, help="Since when, if not since now."
)
_keys_option = click.option(
    "--key",
    "keys",
    metavar="URI|FILE",
    multiple=True,
    required=True,
    help="A signer URI, or a file with a public key or certificate; may be repeated.",
)


def anchor_option(*, required: bool = True, does: str) -> _options.Decorator:
    """The option `--anchor`, whose anchor `does` something."""
    return click.option("--anchor", metavar="NAME", required=required, help=f"The anchor that {does}.")


def adding_options(*, roots: bool) -> _options.Decorator:
    """The options that say which keys are trusted for what; with `roots`, they may be those instead of an anchor's."""
    options: list[_options.Decorator] = [
        anchor_option(required=not roots, does="gets the keys"),
        *([roots_option, after_option] if roots else []),
        _keys_option,
        algorithm_option,
        expired_option,
        click.option("--threshold", type=click.IntRange(1, 1024), help="How many of the keys must have signed."),
        click.option("--subject", "subjects", metavar="GLOB", multiple=True, help="Vouch only for these subjects."),
        click.option(
            "--predicate-type",
            "predicate_types",
            metavar="NAME|URI",
            multiple=True,
            callback=_options.check_predicate_types,
            help="Vouch only for these predicate types.",
        ),
        click.option(
            "--builder",
            "builders",
            metavar="ID",
            multiple=True,
            help="Vouch only for SLSA provenance of these builders.",
        ),
        click.option(
            "--require",
            type=click.Choice(["classical", "post-quantum"]),
            multiple=True,
            help="A signature of this family is needed, beside the threshold; may be repeated.",
        ),
        click.option("--not-before", metavar="TIME", callback=_options.check_time, help="The keys count from then on."),
        click.option("--not-after", metavar="TIME", callback=_options.check_time, help="The keys count until then."),
        _options.passphrase_option,
        _options.format_option,
    ]
    return lambda function: _decorated(function, options)


def one_key_options(*, key: str = "key", what: str = "the key") -> _options.Decorator:
    """The two ways to name one key that the trust bundle has: by its keyid, or by itself."""
    options: list[_options.Decorator] = [
        click.option("--keyid", metavar="HEX", callback=_check_keyid, help=f"The keyid of {what}."),
        click.option(f"--{key}", metavar="URI|FILE", help=f"{what.capitalize()} itself, as in `attest trust add`."),
    ]
    return lambda function: _decorated(function, options)


def holder(anchor: str | None, roots: bool) -> Holder:
    """The anchor that `--anchor` names, or the roots."""
    if (anchor is None) is not roots:
        raise click.UsageError("name either --anchor NAME or --roots")
    return ROOTS if roots else anchor


def check_days(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """A callback for options that take a number of days like 30d."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,5})d?", value, re.ASCII)
    if not found:
        raise click.BadParameter(f"{value!r} is not a number of days like 30d", ctx, param)
    return timedelta(days=int(found[1]))


def keyid_of(keyid: str | None, key: str | None, passphrase_file: str | None, *, option: str = "--key") -> str:
    """The keyid that was named, or that of the key that was."""
    if (keyid is None) is (key is None):
        raise click.UsageError(f"name the key with --keyid or with {option}")
    return keyid if keyid is not None else _public_key(key or "", None, passphrase_file)[0].keyid


def entries(
    keys: Sequence[str],
    passphrase_file: str | None,
    algorithm: str | None = None,
    not_before: str | None = None,
    not_after: str | None = None,
    *,
    allow_expired_certificate: bool = False,
    windows: bool = True,
    **_: Any,
) -> list[dict[str, Any]]:
    """The entries of `keys` of an anchor or of roots, each read from a signer or from a file with its public half.

    A certificate must be valid now, unless it is allowed not to be. Its window is taken over where keys have `windows`.
    """
    described = []
    for named in keys:
        fields: dict[str, str | None] = {"algorithm": algorithm, "not_before": not_before, "not_after": not_after}
        if _is_signer(named):
            scheme = SignerURI.parse(named).scheme
            if algorithm in HSM_ALGORITHMS and scheme != "pkcs11":
                raise SignerError(
                    "backend-mismatch", f"{algorithm} is for keys in tokens, not in {scheme}:", where=named
                )
            fields |= {"backend": scheme, "signer": named}
        key, issued = _public_key(named, algorithm, passphrase_file)
        if issued is not None:
            _demand_valid(issued, named, allowed=allow_expired_certificate, windows=windows)
        described.append(editing.describe_key(key, issued if windows else None, **fields))
    return described


def limits(
    threshold: int | None,
    subjects: Sequence[str],
    predicate_types: Sequence[str],
    builders: Sequence[str],
    require: Sequence[str],
    **_: Any,
) -> dict[str, Any]:
    """The limits of an anchor that options give; None for what isn't given."""
    from attest.schema.predicate_types import OURS

    types = [uri for name in predicate_types for uri in OURS.uris(name)]
    lists = {"subjects": subjects, "predicate_types": types, "builders": builders, "require": sorted(set(require))}
    return {"threshold": threshold, **{name: list(values) or None for name, values in lists.items()}}


def judging_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `attest verify` for commands that verify attestations that they are given; see `judging`."""
    return _decorated(function, [_options.simulated_option, _options.old_statement_option, _options.no_schema_option])


def judging(*, allow_simulated: bool, statement_v0_1: bool, no_schema: bool) -> dict[str, bool]:
    """The same as `attest.verify` has them."""
    return {
        "allow_simulated": allow_simulated,
        "statement_v0_1": statement_v0_1,
        "check_predicate": not no_schema,
    }


def _decorated(function: Callable[..., Any], options: list[_options.Decorator]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function


def _check_keyid(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _KEYID.fullmatch(value := value.lower()):
        raise click.BadParameter(f"{value!r} is not a keyid, which is 64 hex digits", ctx, param)
    return value


def _is_signer(named: str) -> bool:
    scheme, colon, _ = named.partition(":")
    if not colon or scheme not in REGISTRY:  # the name of a file needs no list of plug-ins
        return False
    demand_no_file(named, "the URI of a signer")
    return True


def _demand_valid(certificate: Certificate, named: str, *, allowed: bool, windows: bool) -> None:
    """Raises InputError for a certificate that is not valid now, unless that is allowed; says what is trusted of it."""
    try:
        certificate.demand_valid(datetime.now(UTC), named)
    except InputError as error:
        if not allowed:
            error.hint = "Give a certificate that is valid now. --allow-expired-certificate takes this one."
            raise
        _output.prose("warning", f"{error} ({error.code})")
    if certificate.is_ca:
        _output.prose("warning", f"{named} is the certificate of a CA: only its own key is trusted, not what it issued")
    end = format_time(certificate.not_after)
    until = (
        f"and it counts no longer than until {end}" if windows else f"and the certificate's end, {end}, doesn't count"
    )
    _output.prose("note", f"{named} is a certificate: only its key is taken, {until}")


def _public_key(named: str, algorithm: str | None, passphrase_file: str | None) -> tuple[PublicKey, Certificate | None]:
    """The public key of a signer, or in a file, and the certificate if it is in one."""
    if not _is_signer(named):
        data = files.read(named, limit=1 << 20)
        return PublicKey.parse(data, algorithm=algorithm, what=named), certificate(data)
    with open_signer(named, secrets=_secrets.secrets(passphrase_file)) as signer:
        key = signer.public_key
    return (PublicKey.parse(key.to_pem().encode(), algorithm=algorithm, what=named) if algorithm else key), None
