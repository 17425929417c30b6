"""What may be signed: a statement, or an envelope with a statement in it.

Rule: only a statement that `attest.verify` would read is signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base.large_json import LazyObject
from attest.envelope import check_payload, is_in_toto
from attest.errors import InputError
from attest.limits import Limits
from attest.schema.predicate_types import OURS
from attest.statement import Statement

if TYPE_CHECKING:
    from attest.envelope import Envelope
    from attest.schema import Violation
    from attest.schema.predicate_types import PredicateSchemas

_BUILD: Final = "A statement is signed, not a file. `attest build FILE --type TYPE` makes a statement about a file."
_MEMBERS: Final = ("/payloadType", "/payload", "/signatures")


def signable(
    data: bytes,
    *,
    allow_v0_1: bool = False,
    foreign: bool = False,
    check_predicate: bool = True,
    schemas: PredicateSchemas = OURS,
    limits: Limits | None = None,
) -> Statement | Envelope:
    """Read an input that may be signed: a statement, or an envelope with a statement as its payload.

    `foreign` accepts what others made as `attest.verify` does. Raises InputError: `not-signable` for anything else,
    `envelope-too-large` for a statement whose envelope the same limits would refuse, and what reading an envelope or a
    statement raises.
    """
    return read_signable(
        data,
        allow_v0_1=allow_v0_1,
        foreign=foreign,
        check_predicate=check_predicate,
        schemas=schemas,
        limits=limits or Limits(),
    ).what


def read_signable(
    data: bytes, *, allow_v0_1: bool, foreign: bool, check_predicate: bool, schemas: PredicateSchemas, limits: Limits
) -> Signable:
    """`signable`, with what is only noted of the statement."""
    try:
        members = LazyObject(data, what="the input", max_depth=limits.depth)
    except InputError as error:
        raise _named(error, data) from None
    is_envelope = "payload" in members and "signatures" in members
    envelope = None if "_type" in members and not is_envelope else _envelope(data, limits, is_envelope)
    if envelope is not None:
        if not is_in_toto(envelope.payload_type):
            message = f"expected the payload type of a statement, found {envelope.payload_type!r}"
            raise InputError("not-signable", message, where="/payloadType")
        payload = envelope.unverified_payload
    else:
        check_payload(len(data), limits.envelope)
        payload = data
    statement = Statement.from_json(
        payload,
        allow_v0_1=allow_v0_1,
        foreign=foreign,
        max_subjects=limits.subjects,
        max_digests=limits.digests,
        max_depth=limits.depth,
    )
    noted = statement.examine_predicate(schemas, foreign=foreign) if check_predicate else None
    return Signable(envelope or statement, (*statement.deviations, *(noted or ())))


def _envelope(data: bytes, limits: Limits, is_envelope: bool) -> Envelope:
    """The envelope, or the one in a container, with what the container brings. Raises InputError `not-signable`."""
    from attest.sources import read_single

    try:
        return read_single(data, limits).envelope
    except InputError as error:
        if is_envelope or error.code != "envelope-invalid" or error.where not in _MEMBERS:
            raise
        refused = InputError("not-signable", "the input is neither a statement nor an envelope", hint=_BUILD)
        raise _named(refused, data) from None


def _named(error: InputError, data: bytes) -> InputError:
    from attest._base import documents  # only to word an error

    shown = documents.named(error, data, "a statement or an envelope", documents.STATEMENT, *documents.ATTESTATIONS)
    if documents.kind_of(data) in (None, *documents.ARTIFACTS) and data.lstrip()[:1] not in (b"", b"{"):
        shown.hint = _BUILD
    return shown


class Signable(NamedTuple):
    """What may be signed, and what is only noted of its statement."""

    what: Statement | Envelope
    deviations: tuple[Violation, ...]
