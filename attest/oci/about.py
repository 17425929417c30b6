"""Which image an attestation is about: the one that was named, or which of the images of an index.

Rule: only the digest of a subject decides, and an attestation of an index is not one of its platforms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.artifacts import Artifact
from attest.errors import InputError, Rejected
from attest.matching import match_statement
from attest.oci.platforms import each, platform_name
from attest.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.oci.attachable import Attachable
    from attest.oci.documents import ImageDocument
    from attest.oci.platforms import PlatformImage
    from attest.oci.store import Store


def demand_about(one: Attachable, image: ImageDocument) -> None:
    """Raises Rejected `artifact-mismatch` if no subject of an attestation has the digest of the image.

    Raises InputError for a payload that is not a statement.
    """
    statement = _statement(one)
    if _is_about(image.digest, statement):
        return
    child = next((entry for entry in image.manifests if _is_about(entry.digest, statement)), None)
    if child is None:
        hint = "Name the image that it is about. To attach it anyway, use --any-subject."
        raise _mismatch(one, f"it is not about the image {image.digest}", hint)
    platform = platform_name(child.platform or {})
    message = f"it is about {child.digest} ({platform or 'no platform'}), which is in the index {image.digest}"
    raise _mismatch(one, message, "Attach it to that manifest: use --platform, or --each-platform for all of them.")


def by_platform(
    store: Store, image: ImageDocument, attestations: Sequence[Attachable]
) -> list[tuple[PlatformImage, list[Attachable]]]:
    """The images of an index that attestations are about, each with those that are about it; one may be about several.

    Raises Rejected `artifact-mismatch` for an attestation that is about none of them, InputError for a payload that is
    not a statement, and as `attest.oci.platforms.each`.
    """
    statements = [_statement(one) for one in attestations]
    missed = dict(enumerate(statements))

    def those_about(digest: str) -> list[int]:
        return [index for index, statement in enumerate(statements) if _is_about(digest, statement)]

    found: list[tuple[PlatformImage, list[Attachable]]] = []
    for child in each(store, image, lambda digest: bool(those_about(digest))):
        about = those_about(child.document.digest)
        found.append((child, [attestations[index] for index in about]))
        for index in about:
            missed.pop(index, None)
    for index, statement in missed.items():
        if _is_about(image.digest, statement):
            message = f"it is about the index {image.digest}, and not about one of its platforms"
            raise _mismatch(attestations[index], message, "Attach it to the index: leave out --each-platform.")
        message = f"it is about no platform of the index {image.digest}"
        raise _mismatch(attestations[index], message, "Name the image that it is about.")
    return found


def _statement(one: Attachable) -> Statement:
    try:
        return Statement.from_json(one.envelope.unverified_payload, foreign=True)
    except InputError as error:
        raise error.at(one.name) from None


def _is_about(digest: str, statement: Statement) -> bool:
    algorithm, _, value = digest.partition(":")
    return bool(match_statement(Artifact(digest, {algorithm: value}), statement).subjects)


def _mismatch(one: Attachable, message: str, hint: str) -> Rejected:
    return Rejected("artifact-mismatch", message, where=one.name, hint=hint)
