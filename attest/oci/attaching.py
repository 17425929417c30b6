"""Attaching: attestations stored beside an image, as referrers or under cosign's tag, in a registry or a layout.

Rule: an attestation is attached only when it was read back from the list that readers use.
"""

from __future__ import annotations

import random
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from attest._base import notices
from attest._base.json import dumps, loads_object
from attest.errors import InputError, SignerError
from attest.oci.about import demand_about
from attest.oci.attachments import cosign_tag, find, referrers_tag
from attest.oci.documents import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor, ImageDocument, described, digest_of
from attest.oci.layers import DSSE
from attest.oci.store import read_if_there

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from attest.envelope import Envelope
    from attest.oci.attachable import Attachable
    from attest.oci.store import Store

As = Literal["referrer", "tag", "both"]
PLACES: Final[tuple[As, ...]] = ("referrer", "tag", "both")
SIGSTORE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_MATERIAL: Final = "dev.sigstore.cosign/"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_EMBEDDED: Final = 64 << 10  # bytes of content that are in the manifest too: most provenance, and few SBOMs
_ROUNDS: Final = 60  # of an update of a tag, each of which another writer may undo
_SEEN: Final = 3  # times in a row that the entries must be there: a slow writer with an old copy drops them later
_WAIT: Final = (0.05, 0.25)  # seconds, at random, so that those who write at the same time come apart
_ASKED: Final = 6  # times that the referrers API is asked, with a longer wait each time


class Attached(NamedTuple):
    """Where an attestation is: the layer with the digest `layer`, of the manifest with the digest `manifest`.

    `image` is the digest of what it is attached to. `is_new` is false if it was there before. Under cosign's tag each
    attestation that is attached later makes another manifest.
    """

    name: str
    place: Literal["referrer", "tag"]
    manifest: str
    layer: str
    media_type: str
    is_new: bool
    image: str


def attach(
    store: Store,
    image: ImageDocument,
    attestations: Sequence[Attachable],
    *,
    as_: As = "referrer",
    any_subject: bool = False,
) -> list[Attached]:
    """Store attestations beside `image`, each once. Nothing is verified.

    A `referrer` is a manifest whose `subject` is the image (image-spec 1.1). The registry lists it, or, without the
    referrers API, the tag `sha256-HEX` does. The `tag` is cosign's `sha256-HEX.att`: a manifest in which each layer is
    a DSSE envelope. After an interruption the same call completes what is missing.

    Raises Rejected `artifact-mismatch`, before anything is stored, for an attestation that is not about the image,
    unless `any_subject`; SignerError as the store does, and `attachment-not-listed` if others keep changing the list.
    """
    for one in attestations:
        if not any_subject:
            demand_about(one, image)
    attached: list[Attached] = []
    if as_ != "tag":
        attached += _as_referrers(store, image, attestations)
    if as_ != "referrer":
        attached += _under_tag(store, image, attestations)
    return attached


def _as_referrers(store: Store, image: ImageDocument, attestations: Sequence[Attachable]) -> list[Attached]:
    # By media type and size too: what is stored as something else is not found or not read by readers.
    known: dict[object, str] = {}
    for found in find(store, image):
        layer, manifest = found.layer, found.manifest
        if found.source not in ("referrer", "fallback-tag") or layer is None or manifest is None:
            continue
        known.setdefault(_reading(layer), manifest.digest)
    attached: list[Attached] = []
    pushed: dict[object, Descriptor] = {}
    for one in attestations:
        layer = Descriptor(one.media_type, digest_of(one.data), len(one.data))
        key = _reading(layer)
        if key not in known and key not in pushed:
            pushed[key] = _push_referrer(store, image, one)
        digest = known[key] if key in known else pushed[key].digest
        is_new = key not in known
        attached.append(Attached(one.name, "referrer", digest, layer.digest, one.media_type, is_new, image.digest))
    if pushed:
        _list(store, image, list(pushed.values()))
    return attached


def _push_referrer(store: Store, image: ImageDocument, one: Attachable) -> Descriptor:
    """The descriptor of the manifest that a list of referrers has; the same attestation has the same manifest."""
    predicate_type = _predicate_type(one.envelope)
    if one.media_type == SIGSTORE:  # specs/BUNDLE_SPEC.md of sigstore/cosign
        annotations = {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": predicate_type,
        }
        title = f"{digest_of(one.data).replace(':', '-')}.sigstore.json"
        of_layer = {"org.opencontainers.image.title": title}
    else:
        annotations, of_layer = {}, {"in-toto.io/predicate-type": predicate_type}
    config = store.push_blob(b"{}", OCI_EMPTY)
    layer = store.push_blob(one.data, one.media_type)
    content = described(layer._replace(annotations=of_layer))
    if len(one.data) <= _EMBEDDED:  # readers that know `data` need no other request
        content["data"] = b64encode(one.data).decode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": one.media_type,
        "config": described(config),
        "layers": [content],
        "subject": described(Descriptor(image.media_type, image.digest, len(image.data))),
        **({"annotations": annotations} if annotations else {}),
    }
    try:
        found = store.push_manifest(dumps(manifest), OCI_MANIFEST).descriptor
    except SignerError as error:
        if error.code == "registry-refused":
            error.hint = "If the registry does not accept manifests with a `subject`, use --as tag."
        raise
    return found._replace(artifact_type=one.media_type, annotations=annotations)


def _list(store: Store, image: ImageDocument, pushed: list[Descriptor]) -> None:
    """See that referrers are listed: by the registry, or by the referrers tag if it has no such list.

    What the registry said when the manifest was pushed (`OCI-Subject`) decides nothing: some say it without a list, and
    some have a list and do not say it.
    """
    for attempt in range(_ASKED):
        listed = store.referrers(image.digest)
        if listed is None:
            _update_tag(store, referrers_tag(image.digest), lambda found: _with_entries(image, found, pushed), pushed)
            return
        if {one.identity for one in pushed} <= {one.identity for one in listed}:
            return
        if attempt + 1 < _ASKED:
            time.sleep(_pause() * (attempt + 1))
    raise _not_listed(store, pushed, "the registry does not list it among the referrers of the image")


def _with_entries(image: ImageDocument, found: ImageDocument | None, pushed: list[Descriptor]) -> _Change | None:
    """The index under the referrers tag with what it lacks (distribution-spec, "Referrers Tag Schema"), or None."""
    # GitLab takes the tag for the digest that is in it, and answers with the image itself.
    if found is None or found.digest == image.digest:
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    elif found.kind == "index":
        document = loads_object(found.data, what="the referrers tag")
    else:
        raise _occupied(found, "an index")
    entries = document["manifests"] or []
    listed = {entry.identity for entry in found.manifests} if found else set()
    missing = [described(one) for one in pushed if one.identity not in listed]
    media_type = document.get("mediaType") or OCI_INDEX
    return _Change({**document, "manifests": [*entries, *missing]}, media_type) if missing else None


def _under_tag(store: Store, image: ImageDocument, attestations: Sequence[Attachable]) -> list[Attached]:
    layers: dict[object, Descriptor] = {}
    named: list[tuple[str, object]] = []
    for one in attestations:
        # What cosign looks for: the signature is in the envelope, and the type only chooses among layers.
        annotations = {"dev.cosignproject.cosign/signature": "", "predicateType": _predicate_type(one.envelope)}
        pushed = store.push_blob(one.layer.data, DSSE)
        layer = pushed._replace(annotations={**annotations, **one.layer.annotations})
        layers.setdefault(_reading(layer), layer)
        named.append((one.name, _reading(layer)))
    tag = cosign_tag(image.digest)
    before = read_if_there(store, tag)
    there = {key for key, layer in layers.items() if before and _has(before, layer)}
    kept = _update_tag(store, tag, lambda found: _with_layers(store, found, layers), list(layers.values()))
    return [
        Attached(name, "tag", kept.digest, layers[key].digest, DSSE, key not in there, image.digest)
        for name, key in named
    ]


def _with_layers(store: Store, found: ImageDocument | None, layers: Mapping[object, Descriptor]) -> _Change | None:
    """cosign's manifest with the layers that it lacks, or None; the config lists all of them, as in an image."""
    if found is not None and found.kind != "manifest":
        raise _occupied(found, "a manifest")
    document = loads_object(found.data, what="the tag of cosign") if found else {}
    missing = [described(layer) for layer in layers.values() if not (found and _has(found, layer))]
    if not missing:
        return None
    entries = [*(document.get("layers") or ()), *missing]
    diff_ids = [entry["digest"] for entry in entries]
    config = {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": diff_ids}, "config": {}}
    stored = described(store.push_blob(dumps(config), _CONFIG))
    media_type = found.media_type if found else OCI_MANIFEST
    own = {"schemaVersion": 2, "mediaType": media_type}
    return _Change({**own, **document, "config": stored, "layers": entries}, media_type)


def _has(found: ImageDocument, layer: Descriptor) -> bool:
    """Whether a manifest has a layer that reads the same."""
    return any(_reading(one) == _reading(layer) for one in found.layers)


def _reading(layer: Descriptor) -> object:
    """What decides how a layer is read: the content, and what cosign's annotations add to it, which may be no good."""
    added = {name: text for name, text in layer.annotations.items() if name.startswith(_MATERIAL)}
    return layer.identity, tuple(sorted(added.items()))


class _Change(NamedTuple):
    """What a tag is to name next."""

    document: dict[str, Any]
    media_type: str


def _update_tag(
    store: Store, tag: str, change: Callable[[ImageDocument | None], _Change | None], entries: Sequence[Descriptor]
) -> ImageDocument:
    """Put `entries` into what a tag names, and read it back until they stay; returns the document that has them.

    A registry lets the last writer win, and those who read before it lose their entries. So each writer looks again
    after a while, and repeats. The slower it is itself, the longer it waits, because others are as slow. `If-Match` is
    sent too, but many registries ignore it.
    """
    seen, is_written, slowest = 0, False, 0.0
    for _ in range(_ROUNDS):
        started = time.monotonic()
        found = read_if_there(store, tag)
        changed = change(found)
        if changed is None and found is not None:
            seen += 1
            if seen == _SEEN or not is_written:
                return found
        elif changed is not None:
            seen = 0
            latest = read_if_there(store, tag)  # to prepare the change may have taken a while
            if (latest and latest.digest) != (found and found.digest):
                continue
            is_written = True
            _put(store, tag, changed, latest, entries)
        slowest = max(slowest, time.monotonic() - started)
        time.sleep(_pause() + 2 * slowest)
    raise _not_listed(store, entries, f"others keep changing the tag {tag}")


def _put(store: Store, tag: str, changed: _Change, found: ImageDocument | None, entries: Sequence[Descriptor]) -> None:
    etag = None if found is None else found.etag
    try:
        store.push_manifest(dumps(changed.document), changed.media_type, tag=tag, if_match=etag)
    except InputError as error:
        if error.code != "image-changed":
            raise
        notices.debug("%s: another program changed the tag %s at the same time", store.name, tag)
    except SignerError as error:
        if error.code == "registry-refused":
            stored = ", ".join(one.digest for one in entries)
            hint = error.hint or f"The registry must allow changes of the tag {tag}: it lists what is attached."
            error.hint = f"{hint} Stored, and not listed: {stored}."
        raise


def _pause() -> float:
    return random.uniform(*_WAIT)  # noqa: S311  (nothing depends on whether it can be guessed)


def _predicate_type(envelope: Envelope) -> str:
    """What the payload claims; annotations are for people and for choosing, and nothing is decided by them."""
    try:
        claimed = loads_object(envelope.unverified_payload, what="the payload").get("predicateType")
    except InputError:
        claimed = None
    return claimed if isinstance(claimed, str) else ""


def _occupied(found: ImageDocument, expected: str) -> InputError:
    message = f"expected {expected} with attestations, found {found.media_type} {found.digest}; it is left as it is"
    return InputError("image-invalid", message)


def _not_listed(store: Store, entries: Sequence[Descriptor], why: str) -> SignerError:
    stored = ", ".join(one.digest for one in entries)
    message = f"the attestation is stored, but {why}"
    hint = f"Run the command again. Stored, and not listed: {stored}."
    return SignerError("attachment-not-listed", message, where=store.name, hint=hint)
