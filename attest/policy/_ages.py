"""The age of an attestation, and which one is the newest, by the time in the predicate, which is signed.

Rule: without a time the age is unknown, which fails; the timestamp of a signature is not used.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from attest import schema
from attest._base.json import MISSING
from attest._base.times import format_time, parse_time
from attest.errors import InputError
from attest.results.decisions import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
    yield from _too_old(_claimed(evidence, at, now), max_age, now)


def too_old_at(evidence: VerifiedAttestation, pointer: str, max_age: str, now: datetime) -> Iterator[Failure]:
    """The same for the time at a pointer into the statement."""
    yield from _too_old(_claimed_at(evidence, pointer, now), max_age, now)


def newest(
    candidates: Sequence[VerifiedAttestation], at: str | None, now: datetime
) -> tuple[list[VerifiedAttestation], list[Failure]]:
    """The newest of `candidates`, all of them if several have the same time; `at` is a pointer into the predicate.

    Nothing but failures if it is unknown which one that is, because one has no time or a time in the future.
    """
    times: list[datetime] = []
    failures: list[Failure] = []
    for one in candidates:
        claimed = _claimed(one, at, now)
        if isinstance(claimed, Failure):
            failures.append(claimed._replace(attestation=one.name))
        else:
            times.append(claimed.moment)
    if failures:
        return [], failures
    last = max(times, default=now)
    return [one for one, moment in zip(candidates, times, strict=True) if moment == last], []


class _Claimed(NamedTuple):
    """The time that an attestation claims, and its place."""

    moment: datetime
    pointer: str


def _claimed(evidence: VerifiedAttestation, at: str | None, now: datetime) -> _Claimed | Failure:
    pointer = at or time_of(evidence.statement.predicate_type)
    if pointer is None:
        message = f"attest does not know where predicates of type {evidence.statement.predicate_type!r} have their time"
        return Failure("time-missing", message, None, 'Set the place in the predicate in the policy: time = "/...".')
    return _claimed_at(evidence, f"/predicate{pointer}", now)


def _claimed_at(evidence: VerifiedAttestation, pointer: str, now: datetime) -> _Claimed | Failure:
    found = evidence.find(pointer)
    if found is MISSING or found is None or found == "":
        hint = f"Create it again with a time in {pointer}, for example {format_time(now)}."
        return Failure("time-missing", "the predicate has no time, so its age is unknown", pointer, hint)
    try:
        moment = parse_time(found, where=pointer)
    except InputError as error:
        hint = f"Create it again with a valid time, for example {format_time(now)}."
        return Failure("time-missing", error.message, pointer, hint)
    if moment > now + SKEW:
        hint = f"Check both clocks: the time here is {format_time(now)}. If the other clock is wrong, create it again."
        return Failure("time-in-future", f"the time {format_time(moment)} is in the future", pointer, hint)
    return _Claimed(moment, pointer)


def _too_old(claimed: _Claimed | Failure, max_age: str, now: datetime) -> Iterator[Failure]:
    if isinstance(claimed, Failure):
        yield claimed
    elif now - claimed.moment > duration(max_age):
        message = f"the attestation is from {format_time(claimed.moment)}, but at most {max_age} may have passed"
        hint = f"Create it again: it must be from {format_time(now - duration(max_age))} or later."
        yield Failure("too-old", message, claimed.pointer, hint)
