"""The options that the trust commands share.

Rule: a key is named by its keyid or by itself, an identity by its SAN, and neither by its position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest.cli import _options
from attest.cli._options import times
from attest.cli.trust import _identities
from attest.keys import ALGORITHMS, HSM_ALGORITHMS
from attest.trust.editing import ROOTS, Holder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from attest.verifying import VerifyOptions

roots_option: _options.Decorator = click.option("--roots", is_flag=True, help="Change the roots instead of an anchor.")
algorithm_option: _options.Decorator = click.option(
    "--algorithm",
    metavar="NAME",
    type=click.Choice([*ALGORITHMS, *HSM_ALGORITHMS]),
    show_default="by key type",
    help=f"Algorithm of the keys: {', '.join(ALGORITHMS)}, or an HSM- name for keys in a token.",
)
digest_option: _options.Decorator = click.option(
    "--digest",
    type=click.Choice(["sha256"]),
    show_default="that of the algorithm",
    help="Digest that the keys sign with. cosign signs with SHA-256, also with a key for ecdsa-sha2-nistp384.",
)
expired_option: _options.Decorator = click.option(
    "--allow-expired-certificate",
    is_flag=True,
    help="Accept a certificate that has expired or is not valid yet. Its key counts in its validity period only.",
)
after_option: _options.Decorator = click.option(
    "--after",
    metavar="OLD",
    help="The last published version. All changes since then become one new version.",
)
reason_option: _options.Decorator = click.option(
    "--reason", metavar="TEXT", help="Reason, stored with the key or identity."
)


at_option: _options.Decorator = click.option(
    "--at",
    type=times.DATE,
    callback=times.check_past,
    show_default="now",
    help="Time of the retirement or compromise, in the past.",
)
_keys_option = click.option(
    "--key",
    "keys",
    metavar="URI|FILE",
    multiple=True,
    help="Key: a signer URI, or a file with a public key or certificate. May be repeated.",
)


def anchor_option(*, required: bool = True, does: str) -> _options.Decorator:
    """The option `--anchor`; `does` ends its help: the anchor that ..."""
    return click.option("--anchor", metavar="NAME", required=required, help=f"Anchor that {does}.")


def adding_options(*, roots: bool) -> _options.Decorator:
    """The options that say which keys are trusted for what; with `roots`, also the option to change the roots."""
    options: list[_options.Decorator] = [
        anchor_option(required=not roots, does="gets the keys and identities"),
        *([roots_option, after_option] if roots else []),
        _keys_option,
        *_identities.group_options(existing=roots),
        algorithm_option,
        digest_option,
        expired_option,
        limit_options,
        times.not_before_option("the keys and identities"),
        times.not_after_option("the keys and identities"),
        _options.passphrase_option,
        _options.format_option,
    ]
    return lambda function: _decorated(function, options)


def limit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what an anchor may sign, and how many must sign."""
    options: list[_options.Decorator] = [
        click.option(
            "--threshold",
            metavar="N",
            type=click.IntRange(1, 1024),
            show_default="1 for a new anchor",
            help="Number of the keys and identities that must have signed.",
        ),
        click.option(
            "--subject",
            "subjects",
            metavar="GLOB",
            multiple=True,
            help="Allow the anchor to sign only for these subjects. May be repeated.",
        ),
        click.option(
            "--predicate-type",
            "predicate_types",
            metavar="NAME|URI",
            multiple=True,
            callback=_options.check_predicate_types,
            help="Allow the anchor to sign only these predicate types. May be repeated.",
        ),
        click.option(
            "--builder",
            "builders",
            metavar="ID",
            multiple=True,
            help="Allow the anchor to sign SLSA provenance only of these builders. May be repeated.",
        ),
        click.option(
            "--require",
            type=click.Choice(["classical", "post-quantum"]),
            multiple=True,
            help="Also require a signature of this family. May be repeated.",
        ),
    ]
    return _decorated(function, options)


def one_key_options(*, key: str = "key", what: str = "the key") -> _options.Decorator:
    """The two ways to name a key of the trust bundle: by its keyid, or by itself."""
    options: list[_options.Decorator] = [
        click.option("--keyid", type=_options.SHORT_KEYID, help=f"Keyid of {what}, or at least its first 8 digits."),
        click.option(
            f"--{key}",
            metavar="URI|FILE",
            help=f"{what.capitalize()}: a signer URI, or a file with a public key or certificate.",
        ),
    ]
    return lambda function: _decorated(function, options)


def ending_options(*, does: str) -> _options.Decorator:
    """FILE and the options of a command that ends the use of a key or identity; `does` says what --anchor is for."""
    options: list[_options.Decorator] = [
        click.argument("file"),
        anchor_option(required=False, does=does),
        roots_option,
        one_key_options(),
        *_identities.selecting_options(),
    ]
    options += [reason_option, after_option, at_option, _options.passphrase_option, _options.format_option]
    return lambda function: _decorated(function, options)


def demand_members(keys: Sequence[str], named: _identities.Named, digest: str | None) -> None:
    """Raises UsageError if there is neither a key nor an identity, and for a digest without a key."""
    if digest is not None and not keys:
        raise click.UsageError("--digest requires --key")
    if not keys and not named.identities:
        raise click.UsageError("--key or --identity is required")


def holder(anchor: str | None, roots: bool) -> Holder:
    """The anchor that `--anchor` names, or the roots."""
    if (anchor is None) is not roots:
        raise click.UsageError(
            "--anchor and --roots cannot be used together" if roots else "--anchor or --roots is required"
        )
    return ROOTS if roots else anchor


def demand_limits_of(place: Holder, given: Collection[str]) -> None:
    """Raises UsageError for limits that the roots cannot have."""
    if place is ROOTS and set(given) - {"threshold"}:
        raise click.UsageError(
            "--roots can only be used with --threshold, and with no other limit: roots sign only trust bundles"
        )


def limits(
    threshold: int | None,
    subjects: Sequence[str],
    predicate_types: Sequence[str],
    builders: Sequence[str],
    require: Sequence[str],
    **_: Any,
) -> dict[str, Any]:
    """The limits of an anchor that options give; None for those that are not given."""
    from attest.schema.predicate_types import OURS

    types = [uri for name in predicate_types for uri in OURS.uris(name)]
    lists = {"subjects": subjects, "predicate_types": types, "builders": builders, "require": sorted(set(require))}
    return {"threshold": threshold, **{name: list(values) or None for name, values in lists.items()}}


def verifying_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `attest verify` for commands that verify the attestations they are given."""
    return _decorated(function, [_options.simulated_option, _options.old_statement_option, _options.no_schema_option])


def verifying(*, allow_simulated: bool, statement_v0_1: bool, no_schema: bool) -> VerifyOptions:
    """The same options, as arguments of `attest.verify`."""
    return {
        "allow_simulated": allow_simulated,
        "statement_v0_1": statement_v0_1,
        "check_predicate": not no_schema,
    }


def _decorated(function: Callable[..., Any], options: list[_options.Decorator]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function
