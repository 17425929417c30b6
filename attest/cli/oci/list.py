"""`attest oci list`: what is stored beside an image.

Rule: everything but the image's digest is shown as unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest._base import files
from attest._base.json import loads_object
from attest.cli import _commands, _options, _output
from attest.cli._options import registry as registry_options
from attest.cli._output import material, results
from attest.errors import AttestError, InputError
from attest.keys.keyids import hex_keyid
from attest.oci.statements import read_statement
from attest.sources import image as open_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.envelope import Envelope
    from attest.limits import Limits
    from attest.oci.store import Store
    from attest.sources import StoredAttestation

_MAX_CLAIM = 1_000  # characters
_CREATED = "org.opencontainers.image.created"


@click.command(cls=_commands.Command)
@registry_options.image_argument
@registry_options.platform_option
@registry_options.registry_options
@_options.limit_option()
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    image: str,
    platform: str | None,
    registry: registry_options.RegistryOptions,
    limits: Limits,
) -> _output.Completed:
    """List what is stored beside an image. Nothing is verified.

    These are referrers (OCI 1.1), what is under the tags of cosign v2, and unsigned statements in an index.

    \b
    Example:
      attest oci list registry.example.com/app:1.0
    """
    entries: list[dict[str, Any]] = []
    problem: AttestError | None = None
    with open_image(image, platform=platform, options=registry.store(), limits=limits) as found:
        described = registry_options.described(found)
        try:
            for one in found.stored():
                entries.append(_described(one, found.store, limits))  # noqa: PERF401  (kept if the next one fails)
        except AttestError as error:
            problem = error
    text = [f"image: {described['name']}"]
    text.append("UNVERIFIED: what is stored beside the image; nothing is checked" if entries else "nothing is attached")
    text += (line for entry in entries for line in _lines(entry))
    if not entries and problem is None and found.document.kind == "index" and platform is None:
        _output.prose("hint", "It is an index: look at one image of it with --platform OS/ARCHITECTURE.")
    details = {"image": described, "unverified": {"attachments": entries}}
    if problem is not None:  # what makes it too much is among the rest
        if entries:
            _output.undone(session, text, **details)
        raise problem
    return _output.done(session, text, **details)


def _described(one: StoredAttestation, store: Store, limits: Limits) -> dict[str, Any]:
    stored, envelope = one.attachment, one.entry.envelope
    manifest, layer = stored.manifest, stored.layer
    entry: dict[str, Any] = {
        "name": one.entry.name,
        "kind": stored.kind,
        "source": stored.source,
        "about": stored.about,
        "manifest": manifest and manifest.digest,
        "layer": layer and layer.digest,
        "mediaType": layer and _claim(layer.media_type),
        "artifactType": _claim(stored.artifact_type),
        "size": layer and layer.size,
        "created": manifest and _claim(manifest.annotations.get(_CREATED)),
    }
    if envelope is not None:
        entry["predicateType"] = _predicate_type(envelope)
        entry["signatures"] = [
            {"keyid": hex_keyid(signature.keyid), **material.described(signature)} for signature in envelope.signatures
        ]
    elif stored.kind == "statement":
        try:
            statement, _, unchecked = read_statement(store, stored, limits)
        except InputError as error:
            entry |= results.why(error)
        else:
            entry["predicateType"] = statement.predicate_type
            entry["unchecked"] = list(unchecked)
    elif isinstance(one.entry.error, AttestError) and stored.kind != "other":
        entry |= results.why(one.entry.error)
    return entry


def _predicate_type(envelope: Envelope) -> str | None:
    try:
        found = loads_object(envelope.unverified_payload, what="the payload").get("predicateType")
    except InputError:
        return None
    return _claim(found) if isinstance(found, str) else None


def _claim(text: str | None) -> str | None:
    """A text that anybody may have written, of which all of a list are kept until it is shown."""
    return text if text is None or len(text) <= _MAX_CLAIM else f"{text[:_MAX_CLAIM]}..."


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    # The artifact type says what something else is; that of an attestation is in its statement alone.
    kind = entry["artifactType"] if entry["kind"] in ("other", "unreadable") else entry.get("predicateType")
    yield f"  {_KINDS[entry['kind']]}: {kind or '(no type)'}"
    if "message" in entry:
        yield f"    problem       {entry['message']} ({entry['code']})"
    for signature in entry.get("signatures", ()):
        certificate = signature.get("certificate") or {}
        who = certificate.get("san") or (f"keyid {signature['keyid']}" if signature["keyid"] else "(nobody is named)")
        yield f"    signer        {who}"
    if entry["kind"] == "statement":
        yield "    signer        none: the statement is unsigned, and counts for nothing"
    yield from (f"    note          {sentence}" for sentence in entry.get("unchecked", ()))
    if entry["about"] is not None and entry["source"] == "in-index":
        yield f"    about         {entry['about']}"
    if entry["created"]:
        yield f"    created       {entry['created']}"
    if entry["size"] is not None:
        yield f"    size          {files.size(entry['size'])}"
    yield f"    {entry['source']:<14}{entry['manifest'] or '(unknown)'}"


_KINDS = {
    "sigstore-bundle": "Sigstore bundle",
    "dsse": "DSSE envelope",
    "statement": "unsigned statement",
    "other": "something else",
    "unreadable": "cannot be read",
}
