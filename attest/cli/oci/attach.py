"""`attest oci attach`: attestations stored beside an image.

Rule: what is not about the image is refused before anything is stored, and nothing is attached twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from attest.cli import _commands, _options, _output
from attest.cli._options import registry as registry_options
from attest.converting import FORMS, attachable
from attest.errors import InputError
from attest.oci.about import by_platform
from attest.oci.attaching import PLACES, attach
from attest.sources import image as open_image
from attest.sources import read_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.converting import Form
    from attest.limits import Limits
    from attest.oci.attachable import Attachable
    from attest.oci.attaching import As, Attached


@click.command(cls=_commands.Command)
@registry_options.image_argument
@click.argument("envelopes", metavar="ATTESTATION...", nargs=-1, required=True, callback=_options.check_stdin)
@click.option(
    "--as",
    "as_",
    type=click.Choice(PLACES),
    default="referrer",
    help="referrer: OCI 1.1, as cosign v3 and gh read it. tag: the tag of cosign v2. both: for older readers too.",
)
@click.option(
    "--container",
    "form",
    type=click.Choice(FORMS),
    show_default="sigstore if it can hold everything",
    help="What a referrer contains: a Sigstore bundle, which has one signature, or the DSSE envelope.",
)
@click.option("--any-subject", is_flag=True, help="Also attach attestations that are not about the image.")
@registry_options.platform_option
@click.option(
    "--each-platform", is_flag=True, help="Attach each attestation to the platforms of the index that it is about."
)
@registry_options.registry_options
@_options.limit_option("attestations")
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    image: str,
    envelopes: tuple[str, ...],
    as_: As,
    form: Form | None,
    any_subject: bool,
    platform: str | None,
    each_platform: bool,
    registry: registry_options.RegistryOptions,
    limits: Limits,
) -> _output.Completed:
    """Attach attestations to an image.

    IMAGE is [oci://]HOST/REPOSITORY[:TAG][@DIGEST] or oci-layout:DIRECTORY[:TAG|@DIGEST]. ATTESTATION is whatever
    `attest verify` reads. Nothing is verified. Each attestation is attached once: repeat the command after an
    interruption.

    \b
    Examples:
      attest oci attach registry.example.com/app:1.0 app.intoto.json
      attest oci attach registry.example.com/app:1.0 *.intoto.json --each-platform
    """
    if each_platform:
        for option, used in (("--platform", platform is not None), ("--any-subject", any_subject)):
            if used:
                raise click.UsageError(f"--each-platform and {option} cannot be used together")
    try:
        given = _read(envelopes, form, limits)
    except InputError as error:
        if error.code == "file-unreadable" and os.path.isfile(image):
            error.hint = f"The image comes first, then {image}: `attest oci attach IMAGE ATTESTATION...`."
        raise
    if as_ != "referrer":
        for attestation in given:
            for part in attestation.layer.lost:
                _output.prose("warning", f"{attestation.name}: cosign v2 will not see this under the tag: {part}")
    attached: list[Attached] = []
    platforms: dict[str, str] = {}
    with open_image(image, platform=platform, options=registry.store(), limits=limits, ahead=False) as found:
        if each_platform:
            for child, about in by_platform(found.store, found.document, given):
                platforms[child.document.digest] = child.platform
                attached += attach(found.store, child.document, about, as_=as_)
        else:
            attached += attach(found.store, found.document, given, as_=as_, any_subject=any_subject)
        described = registry_options.described(found)
    text = [f"image: {described['name']}"]
    for one in attached:
        done = "attached" if one.is_new else "already attached"
        text.append(f"{done}: {one.name}")
        if each_platform:
            text.append(f"  {'platform':<16}{one.image} ({platforms[one.image] or 'no platform'})")
        text.append(f"  {one.place:<16}{one.manifest}")
        text.append(f"  {'content':<16}{one.layer} ({one.media_type})")
    results = [
        {
            "attestation": one.name,
            "image": one.image,
            "place": one.place,
            "manifest": one.manifest,
            "layer": one.layer,
            "mediaType": one.media_type,
            "new": one.is_new,
        }
        for one in attached
    ]
    return _output.done(session, text, image=described, attached=results)


def _read(names: Sequence[str], form: Form | None, limits: Limits) -> list[Attachable]:
    """The attestations in files, all of which must be readable."""
    if names.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    stdin = _options.stdin() if "-" in names else None
    found: list[Attachable] = []
    for name in names:
        before = len(found)
        for entry in read_all([name], limits=limits, stdin=stdin):
            try:
                found.append(attachable(entry.demand(), form, name=entry.name))
            except InputError as error:
                raise _options.locate(error, entry.name) from None
            limits.check_attestations(len(found))
        if len(found) == before:
            raise _options.locate(InputError("envelope-missing", "no attestation was found"), name)
    return found
