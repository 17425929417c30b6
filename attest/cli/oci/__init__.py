"""`attest oci`: attestations stored beside images, in registries and OCI layouts; one command a file.

Rule: nothing here verifies an attestation, and the digest of the image is always printed.
"""

from __future__ import annotations

import click

from attest.cli import _commands


@click.group("oci", cls=_commands.Group, package=__name__, short_help="Attach attestations to images, and find them.")
def command() -> None:
    """Attach attestations to images in registries and OCI layouts, and find them."""
