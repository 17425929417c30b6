"""Statements in an image index, as BuildKit writes them.

Rule: they are unsigned, so they are shown, and never count for anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest.digest import compare, parse_digest
from attest.errors import InputError
from attest.limits import Limits
from attest.oci.attachments import read
from attest.statement import Statement

if TYPE_CHECKING:
    from attest.oci.attachments import Attachment
    from attest.oci.store import Store

_TYPE: Final = "in-toto.io/predicate-type"


class UnsignedStatement(NamedTuple):
    """A statement that nobody signed. `is_about` says whether a subject is what it is attached to.

    `unchecked` are sentences on what is said beside it and is not in it.
    """

    statement: Statement
    is_about: bool
    unchecked: tuple[str, ...]


def read_statement(store: Store, attachment: Attachment, limits: Limits | None = None) -> UnsignedStatement:
    """The statement in an attachment of the kind `statement`.

    Raises as `attachments.read`, and InputError as `Statement.from_json`.
    """
    bounds = limits or Limits()
    if attachment.kind != "statement" or attachment.layer is None:
        raise attachment.error or InputError("container-unsupported", "the attachment is not an unsigned statement")
    statement = Statement.from_json(
        read(store, attachment, bounds),
        foreign=True,
        max_subjects=bounds.subjects,
        max_digests=bounds.digests,
        max_depth=bounds.depth,
    )
    about = parse_digest(attachment.about)
    is_about = any(compare(about, subject.digest) == "same" for subject in statement.subjects)
    claimed = attachment.layer.annotations.get(_TYPE)
    notes = []
    if not is_about:
        notes.append(f"it is attached to {attachment.about}, but no subject has this digest")
    if claimed and claimed != statement.predicate_type:
        notes.append(f"the image says that the predicate type is {claimed!r:.200}, but the statement has another type")
    return UnsignedStatement(statement, is_about, tuple(notes))
