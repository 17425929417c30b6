"""The authorities and identities that a trust command names.

Rule: an option belongs to the authority or identity that was named last before it, and to nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from attest._base import files
from attest.cli import _commands
from attest.errors import InputError
from attest.trust import authorities as trust_authorities
from attest.trust import editing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from attest.cli import _options

_MAX_AUTHORITY: Final = 1 << 20
TYPES: Final = ("uri", "email", "dns")
_T = TypeVar("_T")
_GROUPED: Final = ("authorities", "log", "time", "identities", "issuer", "claims")
_SPELT: Final = {"log": "--log", "time": "--time", "issuer": "--issuer", "claims": "--claim"}


class Named(NamedTuple):
    """The entries that options describe: authorities by name, and identities."""

    authorities: dict[str, dict[str, Any]]
    identities: list[dict[str, Any]]


class _Owner(NamedTuple):
    """An authority or identity of the command line, which has options of its own."""

    name: str
    options: dict[str, Any]


def _check_identity(
    ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...] | None
) -> str | tuple[str, ...] | None:
    for text in [value] if isinstance(value, str) else value or ():
        san_type, _, glob = text.partition(":")
        if san_type not in TYPES or not glob:
            expected = ", ".join(f"{name}:GLOB" for name in TYPES)
            raise click.BadParameter(f"expected {expected}, found {text!r}", ctx, param)
    return value


def _check_claims(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in value:
        name, _, content = text.partition("=")
        if not name or not content:
            raise click.BadParameter(f"expected NAME=VALUE, found {text!r}", ctx, param)
        pairs.append((name, content))
    return tuple(pairs)


def setting_options(*, grouped: bool) -> _options.Decorator:
    """`--log` and `--time` of one authority or, `grouped`, of each of several."""
    of = " For the last --authority." if grouped else ""
    log = click.option(
        "--log",
        type=click.Choice(["required", "none"]),
        show_default="required",
        help=f"Whether signatures must be in a transparency log of a Sigstore instance.{of}",
        multiple=grouped,
    )
    time = click.option(
        "--time",
        type=click.Choice(["timestamp", "now-or-timestamp"]),
        show_default="timestamp",
        help=f"When certificates of a CA must be valid: at the time of a timestamp, or now if there is none.{of}",
        multiple=grouped,
    )
    return lambda function: log(time(function))


def group_options(*, existing: bool) -> list[_options.Decorator]:
    """The options for authorities, and for identities below each; with `existing`, also below those of the bundle."""
    new = "FILE is a Sigstore trusted_root.json, or certificates of CAs in PEM."
    authority = click.option(
        "--authority",
        "authorities",
        metavar="NAME[=FILE]" if existing else "NAME=FILE",
        multiple=True,
        help=f"Authority of the identities that follow. {new} May be repeated.",
    )
    return [authority, setting_options(grouped=True), *_identity_options(grouped=True)]


def selecting_options() -> list[_options.Decorator]:
    """The options that name an identity of the trust bundle."""
    authority = click.option("--authority", metavar="NAME", help="Authority of the identity.")
    return [*_identity_options(grouped=False), authority]


def _identity_options(*, grouped: bool) -> list[_options.Decorator]:
    """`--identity` and what belongs to it, of one identity of the bundle or, `grouped`, of each of several new ones."""
    what = "the name in a certificate, after its type (uri, email or dns)"
    of = " For the last --identity." if grouped else ""
    identity = click.option(
        "--identity",
        *(["identities"] if grouped else []),
        metavar="TYPE:GLOB",
        callback=_check_identity,
        help=f"Identity: {what}. May be repeated." if grouped else "Identity, written as in the trust bundle.",
        multiple=grouped,
    )
    issuer = click.option("--issuer", metavar="URL", help=f"Issuer in the certificate.{of}", multiple=grouped)
    claim = click.option(
        "--claim",
        "claims",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_check_claims,
        help=f"Required content of the certificate.{of} May be repeated.",
    )
    return [identity, issuer, claim]


def selector(
    identity: str, authority: str | None, issuer: str | None, claims: Iterable[tuple[str, str]]
) -> editing.IdentitySelector:
    """The identities that the options of `selecting_options` name."""
    san_type, _, glob = identity.partition(":")
    return editing.IdentitySelector(san_type, glob, authority, issuer, _by_name(claims))


def read(
    ctx: click.Context, *, existing: bool, not_before: str | None = None, not_after: str | None = None, **_: Any
) -> Named:
    """The entries that the options of `group_options` describe. With `existing`, an authority needs no file.

    Raises UsageError for an option without what it belongs to, and InputError for a file that is no authority.
    """
    authorities: dict[str, _Owner] = {}
    identities: list[_Owner] = []
    for option, value in _commands.in_order(ctx, *_GROUPED):
        if option == "authorities":
            group = _authority(value, existing=existing)
            if group.name in authorities:
                raise click.UsageError(f"--authority {group.name} was given twice; give it once")
            authorities[group.name] = group
        elif option == "identities":
            if not authorities:
                raise click.UsageError("--identity requires an --authority before it")
            identities.append(_Owner(value, {"authority": list(authorities)[-1], "claims": []}))
        elif option in ("log", "time"):
            _set(list(authorities.values()), "--authority", option, value)
        else:
            _set(identities, "--identity", option, value)
    window = {"not_before": not_before, "not_after": not_after}
    return Named(
        {name: _described(group) for name, group in authorities.items() if group.options["file"] is not None},
        [_identity(group, window) for group in identities],
    )


def read_file(file: str, read: Callable[[bytes], _T]) -> _T:
    """What `read` makes of the file of an authority or certificate; an InputError names the file."""
    data = files.read(file, limit=_MAX_AUTHORITY)
    try:
        return read(data)
    except InputError as error:
        raise error.at(file) from None


def described(file: str, **settings: str | None) -> dict[str, Any]:
    """The entry of the authority in a file. Raises InputError, and UsageError for a setting that it cannot have."""
    try:
        return read_file(file, lambda data: trust_authorities.describe_authority(data, **settings))
    except InputError as error:
        if error.code == "option-invalid":
            message = f"{file}: {error.message}".replace("`log`", "--log").replace("`time`", "--time")
            raise click.UsageError(message) from None
        raise


def _authority(text: str, *, existing: bool) -> _Owner:
    name, equals, file = text.partition("=")
    if not name or (equals and not file) or not (equals or existing):
        expected = "NAME or NAME=FILE" if existing else "NAME=FILE"
        raise click.UsageError(f"--authority: expected {expected}, found {text!r}")
    return _Owner(name, {"file": file or None})


def _set(groups: list[_Owner], owner: str, option: str, value: Any) -> None:
    """Give a setting to the last of the groups."""
    if not groups:
        raise click.UsageError(f"{_SPELT[option]} requires an {owner} before it")
    name, options = groups[-1]
    if option == "claims":
        options["claims"].append(value)
        return
    if owner == "--authority" and options["file"] is None:
        raise click.UsageError(f"{_SPELT[option]} requires an --authority with a file before it")
    if option in options:
        raise click.UsageError(f"{_SPELT[option]} was given twice for {name}; give it once")
    options[option] = value


def _described(group: _Owner) -> dict[str, Any]:
    return described(group.options["file"], log=group.options.get("log"), time=group.options.get("time"))


def _identity(group: _Owner, window: dict[str, str | None]) -> dict[str, Any]:
    san_type, _, glob = group.name.partition(":")
    options = group.options
    claims = _by_name(options["claims"])
    return editing.describe_identity(
        san_type, glob, options["authority"], claims, issuer=options.get("issuer"), **window
    )


def _by_name(claims: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in claims:
        if name in found:
            raise click.UsageError(f"--claim {name} was given twice; give it once")
        found[name] = text
    return found
