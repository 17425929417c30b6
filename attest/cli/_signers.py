"""Who signs: the signers that a command line names by their URIs or by a profile.

Rule: what is named is what signs, all of it, unless a quorum is said too.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from attest.errors import SignerError
from attest.signers import _profiles, open_signer
from attest.signers._profiles import SCHEME, Profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.signers import BaseSigner, Secrets


class OpenSigners(NamedTuple):
    """Signers that are open, and how many of them must have signed within how many seconds, where that is said."""

    signers: list[BaseSigner]
    quorum: int | None
    timeout: float | None


def expand(uris: Sequence[str], config: str | None) -> Profile:
    """What the URIs of `--signer` mean, those of profiles replaced by what the configuration says.

    A profile with a quorum stands alone, because its quorum is about its own signers.
    """
    found: list[Profile] = []
    for uri in uris:
        if uri.startswith(SCHEME):
            found.append(_checked(uri, config or _own_config()))
        else:
            found.append(Profile((uri,)))
    if len(found) == 1:
        return found[0]
    for uri, profile in zip(uris, found, strict=True):
        if profile.quorum is not None or profile.timeout is not None:
            raise click.UsageError(f"{uri} has a quorum or timeout of its own, and can't be put together with others")
    return Profile(tuple(uri for profile in found for uri in profile.signers))


@contextmanager
def opened(
    profile: Profile, ask: Secrets, *, quorum: int | None = None, timeout: float | None = None
) -> Iterator[OpenSigners]:
    """The signers of a profile, opened; `quorum` and `timeout` go before its own."""
    if quorum is not None and quorum > len(profile.signers):
        raise click.UsageError(f"--quorum {quorum} asks for more signers than are named")
    with ExitStack() as stack:
        signers = [stack.enter_context(open_signer(uri, secrets=ask)) for uri in profile.signers]
        yield OpenSigners(
            signers,
            profile.quorum if quorum is None else quorum,
            profile.timeout if timeout is None else timeout,
        )


def demand_ready(chosen: OpenSigners) -> None:
    """Have every signer find its key, asking for what opens it, while there is nothing to lose yet.

    Raises SignerError if fewer of them can than must sign.
    """
    faults = []
    for signer in chosen.signers:
        try:
            _ = signer.public_key
        except SignerError as error:
            faults.append(error)
    if len(faults) > len(chosen.signers) - (chosen.quorum or len(chosen.signers)):
        raise faults[0]


def _own_config() -> str | None:
    """The user's own configuration file, if there is one."""
    folder = Path(click.get_app_dir("attest"))
    # A relative XDG_CONFIG_HOME is to be ignored, says the XDG specification: it would mean the current directory.
    path = folder / "config.toml"
    return str(path) if folder.is_absolute() and os.path.lexists(path) else None


def _checked(uri: str, config: str | None) -> Profile:
    profile = _profiles.named(uri, config)
    for signer in profile.signers:
        try:
            open_signer(signer).close()
        except SignerError as error:
            raise error.at(f"{config}: {uri}") from None
    return profile
