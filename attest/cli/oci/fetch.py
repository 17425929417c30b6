"""`attest oci fetch`: the attestations of an image, in a file.

Rule: what is not an attestation, or cannot be read, is named and left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from attest._base.json import dumps, loads_object
from attest.cli import _commands, _inputs, _options, _output, _registry_options
from attest.cli.oci import _image
from attest.errors import InputError
from attest.sources import image as open_image

if TYPE_CHECKING:
    from attest.limits import Limits
    from attest.sources import StoredAttestation


@click.command(cls=_commands.Command)
@_image.argument
@_registry_options.platform_option
@_registry_options.registry_options
@_options.limit_option("attestations")
@_options.product_format_option
@_options.output_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    image: str,
    platform: str | None,
    registry: _registry_options.RegistryOptions,
    limits: Limits,
    output: str | None,
) -> _output.Completed:
    """Fetch the attestations of an image, one in each line. Nothing is verified.

    They are written as they are stored: Sigstore bundles and DSSE envelopes. Unsigned statements are left out.

    \b
    Example:
      attest oci fetch registry.example.com/app:1.0 -o app.intoto.jsonl
    """
    documents: list[bytes] = []
    left_out: list[InputError] = []
    size = 0
    with open_image(image, platform=platform, options=registry.store(), limits=limits) as found:
        for one in found.stored():
            if one.attachment.kind == "other":
                continue
            if one.entry.envelope is None:
                error = one.entry.error or InputError("envelope-invalid", "no attestation found")
                left_out.append(InputError(error.code, error.message, where=one.entry.name))
                continue
            documents.append(_line(one))
            size += len(documents[-1])
            _inputs.check_together(size, found.name, "Verify the image instead: attest verify --image.")
            limits.check_attestations(len(documents))
        described = _image.described(found)
    for error in left_out:
        _output.prose("note", f"left out: {error} ({error.code})")
    if not documents:
        raise InputError("envelope-missing", "no attestation found", where=found.name)
    _output.prose("note", f"image: {found.name}")
    _output.product(session, output, b"\n".join(documents))
    return _output.made(
        session, output, "fetched", lambda: [loads_object(one, what="the document") for one in documents], image=described
    )


def _line(one: StoredAttestation) -> bytes:
    """The document in one line; what a layer of cosign brings in its annotations is in the envelope."""
    if one.attachment.kind == "dsse" and one.entry.envelope is not None:
        return replace(one.entry.envelope, raw=None).to_json()
    return dumps(loads_object(one.document or b"", what="the document"))
