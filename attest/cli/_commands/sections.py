"""The sections in which help lists the options of a command: those that belong together are together.

Rule: a command with few options has one section, and an option that no section names is in the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FEW: Final = 12
# By the long names of options.
_SECTIONS: Final = {
    "Options for policies": "policy set accept-vsa vsa-out verifier-id resource-uri",
    "Options for images and registries": "platform each-platform registry-auth-file registry-auth-host "
    "registry-ca-file registry-timeout plain-http",
    "Options for signing": "signer config quorum timeout timestamp certificate-chain keyid-format passphrase-file",
    "Options for many attestations": "jobs dask dask-ca dask-cert dask-key allow-insecure-dask",
    "Options for predicates": "no-schema schema-dir statement-v0.1 foreign",
    "General options": "format output limit verbose help",
}


def sections(options: Sequence[tuple[str, tuple[str, str]]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Options, each with its long name, by the title of their section."""
    if len(options) <= _FEW:
        yield "Options", [record for _, record in options]
        return
    place = {name: title for title, names in _SECTIONS.items() for name in names.split()}
    for title in ("Options", *_SECTIONS):
        rows = [record for name, record in options if place.get(name, "Options") == title]
        if rows:
            yield title, rows
