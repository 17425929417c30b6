"""How old an attestation is: by the time that stands in its predicate, which is signed.

Rule: no time is not a young one, and a timestamp beside a signature says nothing about age.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from attest import schema
from attest._base.json import MISSING
from attest._base.times import format_time, parse_time
from attest.errors import InputError
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from attest.policy._shapes import VerifiedAttestation

SKEW: Final = timedelta(minutes=5)  # how far the clocks of a signer and of the verifier may be apart
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def duration(text: str) -> timedelta:
    """A duration like `30d`, as schemas/policy.json has it."""
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def time_of(predicate_type: str) -> str | None:
    """Where a predicate of this type says when it was: its schema's `x-time`, a JSON pointer into the predicate."""
    shape = schema.for_predicate(predicate_type)
    return None if shape is None else shape.document.get("x-time")


def too_old(evidence: VerifiedAttestation, at: str | None, max_age: str, now: datetime) -> Iterator[Failure]:
    """What speaks against the attestation being from the `max_age` before `now`; `at` is a pointer into a predicate.

    The time is the signer's own claim. A token beside a signature isn't asked: anyone can take it off and have a newer
    one made, which would make an old attestation young.
    """
    pointer = at or time_of(evidence.statement.predicate_type)
    if pointer is None:
        message = f"where predicates of {evidence.statement.predicate_type} have a time isn't known"
        yield Failure(
            "time-missing", message, None, 'Say in the policy where it stands in the predicate: time = "/...".'
        )
        return
    yield from too_old_at(evidence, f"/predicate{pointer}", max_age, now)


def too_old_at(evidence: VerifiedAttestation, pointer: str, max_age: str, now: datetime) -> Iterator[Failure]:
    """The same for the time at a pointer into the statement."""
    found = evidence.find(pointer)
    if found is MISSING or found is None or found == "":
        hint = f"Have it made again by a tool that says at {pointer} when, like {format_time(now)}."
        yield Failure("time-missing", "there is no time here to tell its age by", pointer, hint)
        return
    try:
        moment = parse_time(found, where=pointer)
    except InputError as error:
        hint = f"Have it made again with a time like {format_time(now)}."
        yield Failure("time-missing", error.message, pointer, hint)
        return
    if moment > now + SKEW:
        hint = (
            f"Set the clock that is wrong: it is {format_time(now)} here. If it is the other one, have it made again."
        )
        yield Failure("time-in-future", f"{format_time(moment)} has not come yet", pointer, hint)
    elif now - moment > duration(max_age):
        message = f"it is from {format_time(moment)}, and at most {max_age} may have passed"
        hint = f"Have it made again: what is from {format_time(now - duration(max_age))} or later is young enough."
        yield Failure("too-old", message, pointer, hint)
