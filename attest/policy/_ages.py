"""The age of an attestation, by the time in its predicate, which is signed.

Rule: without a time the age is unknown, which fails; the timestamp of a signature is not used.
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

SKEW: Final = timedelta(minutes=5)  # the accepted difference between the clocks of signer and verifier
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def duration(text: str) -> timedelta:
    """A duration like `30d`, as schemas/policy.json has it."""
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def time_of(predicate_type: str) -> str | None:
    """Where a predicate of this type has its time: `x-time` of its schema, a JSON pointer into the predicate."""
    shape = schema.for_predicate(predicate_type)
    return None if shape is None else shape.document.get("x-time")


def too_old(evidence: VerifiedAttestation, at: str | None, max_age: str, now: datetime) -> Iterator[Failure]:
    """The failure if an attestation is older than `max_age` at `now`; `at` is a pointer into the predicate.

    The time is what the signer claims. A timestamp of the signature is not used: anyone can replace it by a newer one,
    which would make an old attestation look new.
    """
    pointer = at or time_of(evidence.statement.predicate_type)
    if pointer is None:
        message = f"unknown where predicates of type {evidence.statement.predicate_type!r} have their time"
        yield Failure("time-missing", message, None, 'Set the place in the predicate in the policy: time = "/...".')
        return
    yield from too_old_at(evidence, f"/predicate{pointer}", max_age, now)


def too_old_at(evidence: VerifiedAttestation, pointer: str, max_age: str, now: datetime) -> Iterator[Failure]:
    """The same for the time at a pointer into the statement."""
    found = evidence.find(pointer)
    if found is MISSING or found is None or found == "":
        hint = f"Create it again with a time in {pointer}, for example {format_time(now)}."
        yield Failure("time-missing", "the predicate has no time, so its age is unknown", pointer, hint)
        return
    try:
        moment = parse_time(found, where=pointer)
    except InputError as error:
        hint = f"Create it again with a valid time, for example {format_time(now)}."
        yield Failure("time-missing", error.message, pointer, hint)
        return
    if moment > now + SKEW:
        hint = f"Check both clocks: the time here is {format_time(now)}. If the other clock is wrong, create it again."
        yield Failure("time-in-future", f"the time {format_time(moment)} is in the future", pointer, hint)
    elif now - moment > duration(max_age):
        message = f"the attestation is from {format_time(moment)}, but at most {max_age} may have passed"
        hint = f"Create it again: it must be from {format_time(now - duration(max_age))} or later."
        yield Failure("too-old", message, pointer, hint)
