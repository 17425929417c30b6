"""`attest oci fetch`: the attestations of an image, in a file.

Rule: what is not an attestation, or cannot be read, is named and left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from attest._base.json import dumps, loads_object
from attest._base.text import plural
from attest.cli import _commands, _options, _output
from attest.cli._inputs import lines
from attest.cli._options import registry as registry_options
from attest.errors import InputError
from attest.sources import image as open_image

if TYPE_CHECKING:
    from attest.envelope import Envelope
    from attest.limits import Limits
    from attest.sources import StoredAttestation


@click.command(cls=_commands.Command)
@registry_options.image_argument
@registry_options.platform_option
@registry_options.registry_options
@lines.options
@click.pass_obj
def command(
    session: _output.OutputContext,
    image: str,
    platform: str | None,
    registry: registry_options.RegistryOptions,
    limits: Limits,
    output: str | None,
) -> _output.Completed:
    """Fetch the attestations of an image, one in each line. Nothing is verified.

    They are written as they are stored: Sigstore bundles and DSSE envelopes. Unsigned statements are left out.

    \b
    Example:
      attest oci fetch registry.example.com/app:1.0 -o app.intoto.jsonl
    """
    documents = lines.DocumentLines("Verify the image instead: attest verify --image.")
    unsigned = 0
    with (
        open_image(image, platform=platform, options=registry.store(), limits=limits) as found,
        _output.counted(session, "fetching", "attestations") as progress,
    ):
        for one in found.stored():
            if progress is not None:
                progress(1)
            if one.attachment.kind in ("other", "statement"):
                unsigned += one.attachment.kind == "statement"
                continue
            try:
                document = _line(one, one.entry.demand())
            except InputError as error:
                _output.prose("note", f"left out: {_options.locate(error, one.entry.name)} ({error.code})")
                continue
            documents.add([document], found.name)
            limits.check_attestations(len(documents))
        described = registry_options.described(found)
    if unsigned:
        _output.prose("note", f"left out: {plural(unsigned, 'unsigned statement')}")
    if not documents:
        hint = f"Run `attest oci list {found.name}` to see what is stored beside it."
        raise InputError("envelope-missing", "no attestation found", where=found.name, hint=hint)
    _output.prose("note", f"image: {found.name}")
    return documents.write(session, output, "fetched", image=described)


def _line(one: StoredAttestation, envelope: Envelope) -> bytes:
    """The document in one line; what a layer of cosign brings in its annotations is in the envelope."""
    if one.attachment.kind == "dsse":
        return replace(envelope, raw=None).to_json()
    return dumps(loads_object(one.document or b"", what="the document"))
