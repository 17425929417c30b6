"""What statement.md and digest_set.md require of a statement, and what of that is only noted when others made it.

Rule: what decides what a statement is about or means is an error, whoever made it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from attest import digest, schema
from attest._base.json import pointer
from attest._base.text import plural
from attest.errors import InputError
from attest.schema import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

V1: Final = "https://in-toto.io/Statement/v1"
V0_1: Final = "https://in-toto.io/Statement/v0.1"
FOREIGN_HINT: Final = "If it was made by others, use --foreign to take it as it is."
MISNAMED: Final = "algorithm-name"  # the rule of a name that is an algorithm in another case


def examine(
    document: Mapping[str, Any], *, foreign: bool, max_subjects: int, max_digests: int
) -> tuple[Violation, ...]:
    """What is only noted of a statement, at most MAX_NOTED: nothing unless it is `foreign`.

    Raises InputError: `subject-missing`, `statement-invalid`, `too-many-subjects` or `too-many-digests`.
    """
    noted = []
    kind = document.get("_type")
    if kind == V0_1 and foreign:
        noted.append(Violation("/_type", "the statement is of version v0.1, which v1 replaced", "version"))
    if document.get("subject") == []:
        raise InputError("subject-missing", "the statement has no subject", where="/subject")
    shape = _shape(V0_1 if kind == V0_1 else V1)
    if not shape.accepts(document):
        looser = shape.when("verifying")
        is_read = looser.accepts(document)
        if not (is_read and foreign):
            raise _not_valid(document, shape if is_read else looser, FOREIGN_HINT if is_read else None)
        noted += shape.noted(document)
    subjects = document["subject"]
    if len(subjects) > max_subjects:
        raise InputError(
            "too-many-subjects",
            f"the statement has {plural(len(subjects), 'subject')}, expected at most {max_subjects:,}",
            where="/subject",
            hint="Use --limit subjects=N to allow more subjects.",
        )
    for index, subject in enumerate(subjects):
        digests = subject["digest"]
        if len(digests) <= max_digests and digest.is_usual(digests):
            continue
        for misnamed in _misnamed(digests, max_digests, index):
            if not foreign:
                raise InputError("statement-invalid", misnamed.message, where=misnamed.pointer, hint=FOREIGN_HINT)
            noted.append(misnamed)
    return tuple(noted[: schema.MAX_NOTED])


@lru_cache(maxsize=2)
def _shape(version: str) -> schema.Schema:
    if version == V1:
        return schema.named("statement")
    # v0.1 has another constant in _type. It also wants unique names, which matching by digest has no use for.
    document = dict(schema.named("statement").document)
    document["properties"] = document["properties"] | {"_type": {"const": V0_1}}
    return schema.Schema(document)


def _not_valid(document: Mapping[str, Any], shape: schema.Schema, hint: str | None) -> InputError:
    """The error for a statement that a schema does not accept."""
    if document.get("_type") in ("link", "layout"):
        message = f"it is an in-toto {document['_type']} of the old format, not a statement"
        where, hint = "/_type", "Have a statement signed with a predicate of type `link`."
    elif "_type" not in document and document.get("type") in (V1, V0_1):
        message = "its member `_type` is called `type`"
        where, hint = "/type", "Have it signed again with `_type`."
    else:
        fault = shape.explain(document)
        message, where, hint = fault.message, fault.pointer, fault.hint or hint
    return InputError("statement-invalid", f"the statement is not valid: {message}", where=where, hint=hint)


def _misnamed(digests: Mapping[str, str], limit: int, index: int) -> Iterator[Violation]:
    """The names that are an algorithm in another case. Raises InputError for digests that are not valid."""
    if len(digests) > limit:
        raise InputError(
            "too-many-digests",
            f"the subject has {plural(len(digests), 'digest')}, expected at most {limit:,}",
            where=pointer("subject", index, "digest"),
        )
    for algorithm, value in digests.items():
        if not digest.is_well_formed(algorithm, value):
            raise InputError(
                "statement-invalid",
                f"expected a {algorithm} digest in hex",
                where=pointer("subject", index, "digest", algorithm),
            )
        meant = digest.meant(algorithm)
        if meant is not None:
            message = f"{algorithm!r} is not an algorithm of digest_set.md, so it matches nothing; use {meant!r}"
            yield Violation(pointer("subject", index, "digest", algorithm), message, MISNAMED)
