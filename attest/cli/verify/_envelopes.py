"""The options of `attest verify` that choose which attestations count, and how they are read.

Rule: an option can only make the choice narrower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest.errors import InputError, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from attest.certificates import RevocationList
    from attest.cli import _options


def _listed(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...] | None:
    return value or None


_subject_name: _options.Decorator = click.option(
    "--subject-name",
    "subject_names",
    metavar="GLOB",
    multiple=True,
    callback=_listed,
    help="Name or URI that the subjects of the artifacts must have. If repeated, every GLOB must match.",
)
_anchor: _options.Decorator = click.option(
    "--anchor",
    "anchors",
    metavar="NAME",
    multiple=True,
    callback=_listed,
    help="Trust anchor that must have signed. If repeated, all of them must have.",
)


_strict: _options.Decorator = click.option(
    "--strict", is_flag=True, help="Reject the call if an attestation or line would be ignored."
)


_crl: _options.Decorator = click.option(
    "--crl",
    "crls",
    metavar="FILE",
    multiple=True,
    help="CRL of a CA (PEM or DER): reject the certificates that it lists. Repeat it for each CA of a chain.",
)


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--subject-name`, `--anchor`, `--strict` and `--crl`."""
    return _subject_name(_anchor(_strict(_crl(command))))


def revocation_lists(files: Iterable[str], now: datetime) -> tuple[RevocationList, ...]:
    """The CRLs in files, which are current. Raises InputError."""
    if not files:
        return ()
    from attest.certificates import RevocationList

    found = []
    for file in files:
        found.append(RevocationList.load(file))
        try:
            found[-1].demand_current(now)
        except InputError as error:
            raise locate(error, file) from None
    return tuple(found)
