"""The signers that a command line names, by their URIs or by a profile.

Rule: all signers that are named sign, unless a quorum is given too.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from attest._base import files
from attest.errors import InputError, SignerError, locate
from attest.keys import keyid_in
from attest.signers import SecretRequest, _profiles, open_signer
from attest.signers._profiles import SCHEME, Profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.keys import KeyidFormat
    from attest.signers import BaseSigner, Secrets


class OpenSigners(NamedTuple):
    """Open signers, and if given, how many of them must sign and within how many seconds."""

    signers: list[BaseSigner]
    quorum: int | None
    timeout: float | None


def expand(uris: Sequence[str], config: str | None) -> Profile:
    """The signers of `--signer`, with profiles replaced by what the configuration says.

    A profile with a quorum cannot be combined with others, because its quorum is about its own signers.
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
            raise click.UsageError(f"{uri} has its own quorum or timeout and cannot be combined with other signers")
    return Profile(tuple(uri for profile in found for uri in profile.signers))


@contextmanager
def opened(
    profile: Profile, ask: Secrets, *, quorum: int | None = None, timeout: float | None = None
) -> Iterator[OpenSigners]:
    """The signers of a profile, opened; `quorum` and `timeout` replace its own."""
    if quorum is not None and quorum > len(profile.signers):
        raise click.UsageError(f"--quorum {quorum} needs more signers than the {len(profile.signers)} that are named")
    with ExitStack() as stack:
        signers = [stack.enter_context(open_signer(uri, secrets=ask)) for uri in profile.signers]
        yield OpenSigners(
            signers,
            profile.quorum if quorum is None else quorum,
            profile.timeout if timeout is None else timeout,
        )


def variables(profile: Profile) -> set[str]:
    """The environment variables that hold keys of signers. Nothing is connected."""
    found: set[str] = set()
    for uri in profile.signers:
        with open_signer(uri) as signer:
            found |= set(signer.variables)
    return found


def read_chains(names: Sequence[str], ask: Secrets) -> list[bytes]:
    """The certificates in the files of `--certificate-chain`, which may be PKCS#12 files.

    Raises InputError that names the file, as signing would, and SignerError for a PKCS#12 file that cannot be opened.
    """
    if not names:
        return []
    from attest.certificates.signing_chain import SigningChain
    from attest.signers import _keyfiles
    from attest.signers._held import MAX_KEY

    chains = []
    for name in names:
        data = files.read(name)
        if len(data) <= MAX_KEY and _keyfiles.is_pkcs12(data):
            request = SecretRequest.passphrase(name)
            data = b"".join(_keyfiles.certificates(data, partial(ask, request), where=name))
        chains.append(data)
        try:
            SigningChain.read(chains[-1], datetime.now(UTC))
        except InputError as error:
            raise locate(error, name) from None
    return chains


def demand_ready(chosen: OpenSigners, chains: Sequence[bytes] = (), keyid_format: KeyidFormat | None = None) -> None:
    """Let every signer find its key, with prompts for secrets, before the command runs.

    Raises SignerError if fewer signers can than must sign, and InputError as signing would for a certificate chain or a
    keyid format.
    """
    errors, keys = [], []
    for signer in chosen.signers:
        try:
            keys.append(signer.public_key)
        except SignerError as error:
            errors.append(error)
    if len(errors) > len(chosen.signers) - (chosen.quorum or len(chosen.signers)):
        raise errors[0]
    if keyid_format is not None:
        for key in keys:
            keyid_in(key, keyid_format)
    if chains:
        from attest.certificates.signing_chain import SigningChains

        found = SigningChains(chains, len(chosen.signers), datetime.now(UTC))
        for key in keys:
            found.take(key)
        found.demand_taken(len(errors))


def _own_config() -> str | None:
    """The user's own configuration file, if there is one."""
    directory = Path(click.get_app_dir("attest"))
    # The XDG specification: ignore a relative XDG_CONFIG_HOME. It would mean the current directory.
    path = directory / "config.toml"
    return str(path) if directory.is_absolute() and os.path.lexists(path) else None


def _checked(uri: str, config: str | None) -> Profile:
    profile = _profiles.named(uri, config)
    for signer in profile.signers:
        try:
            open_signer(signer).close()
        except SignerError as error:
            raise error.at(f"{config}: {uri}") from None
    return profile
