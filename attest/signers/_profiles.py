"""Profiles: signers under one name, with a quorum, in a configuration file.

Rule: a configuration file is read only if it is named, and never because it is in the current directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest import schema
from attest._base import files
from attest._base.json import loads_toml
from attest.errors import InputError
from attest.signers._uri import in_order

if TYPE_CHECKING:
    import os

SCHEME: Final = "profile:"
_MAX_CONFIG: Final = 1 << 20


class Profile(NamedTuple):
    """Signer URIs in order, the number of them that must sign (None: all), and a timeout in seconds for all of them."""

    signers: tuple[str, ...]
    quorum: int | None = None
    timeout: float | None = None


def load(path: str | os.PathLike[str]) -> dict[str, Profile]:
    """The profiles of a configuration file (TOML, schemas/config.json), by their names.

    A signer is a URI, or a list of URIs of one key in several places, which fail over in that order. Raises
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
        message = f"the configuration is not valid: {fault.message}"
        raise InputError("config-invalid", message, where=f"{name}: {fault.pointer}", hint=fault.hint)
    profiles = {}
    for title, entry in document.get("profiles", {}).items():
        signers = tuple(in_order([one] if isinstance(one, str) else one) for one in entry["signers"])
        quorum = entry.get("quorum")
        if quorum is not None and quorum > len(signers):
            raise InputError(
                "config-invalid",
                f"expected a quorum of at most {len(signers)}, the number of signers, found {quorum}",
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
        message = f"profile {name!r} requires a configuration file"
        raise InputError("profile-unknown", message, hint="Name the file: `--config FILE`, or `ATTEST_CONFIG`.")
    profiles = load(path)
    if name not in profiles:
        hint = f"Its profiles are: {', '.join(sorted(profiles))}." if profiles else None
        raise InputError("profile-unknown", f"the file has no profile {name!r}", where=str(path), hint=hint)
    return profiles[name]
