"""Profiles: signers under one name, with a quorum, in a configuration file.

Rule: a file is read because somebody named it, and never because it lies in the current directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest import schema
from attest._base import files
from attest._base.json import loads_toml
from attest.errors import InputError

if TYPE_CHECKING:
    import os

SCHEME: Final = "profile:"
_MAX_CONFIG: Final = 1 << 20


class Profile(NamedTuple):
    """Signer URIs in their order, how many must have signed (all, if None), and seconds that all of it may take."""

    signers: tuple[str, ...]
    quorum: int | None = None
    timeout: float | None = None


def load(path: str | os.PathLike[str]) -> dict[str, Profile]:
    """The profiles of a configuration file (TOML, schemas/config.json), by their names.

    A signer is a URI, or a list of `pkcs11:` URIs of one key in several tokens, which fail over in that order. Raises
    InputError `config-invalid` with the place, and `file-unreadable`.
    """
    name = str(path)
    data = files.read(path, limit=_MAX_CONFIG)
    try:
        document = loads_toml(data, what="the configuration", code="config-invalid")
    except InputError as error:
        raise error.at(name) from None
    shape = schema.named("config")
    if not shape.accepts(document):
        fault = shape.explain(document)
        message = f"this is not a valid configuration: {fault.message}"
        raise InputError("config-invalid", message, where=f"{name}: {fault.pointer}")
    profiles = {}
    for title, entry in document.get("profiles", {}).items():
        signers = tuple(_one(signer) for signer in entry["signers"])
        quorum = entry.get("quorum")
        if quorum is not None and quorum > len(signers):
            raise InputError(
                "config-invalid",
                f"a quorum of {quorum} can't be had of {len(signers)} signers",
                where=f"{name}: /profiles/{title}/quorum",
            )
        profiles[title] = Profile(signers, quorum, entry.get("timeout"))
    return profiles


def named(uri: str, path: str | os.PathLike[str] | None) -> Profile:
    """The profile that `profile:NAME` means in the configuration file at `path`.

    Raises InputError `profile-unknown`, and what reading the file raises.
    """
    name = uri.removeprefix(SCHEME)
    if path is None:
        message = f"there is no configuration that could have a profile {name!r}"
        raise InputError("profile-unknown", message, hint="Name the file: --config FILE, or ATTEST_CONFIG.")
    profiles = load(path)
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise InputError("profile-unknown", f"there is no profile {name!r}; there is {known}", where=str(path))
    return profiles[name]


def _one(signer: str | list[str]) -> str:
    """One URI: of several tokens the first's, with the others in `failover=`."""
    if isinstance(signer, str):
        return signer
    from attest.signers.pkcs11.uri import percent_encode

    first, *others = signer
    if not others:
        return first
    return f"{first}{'&' if '?' in first else '?'}failover={percent_encode(' '.join(others))}"
