"""The decision about the entries of collections, and of files that must verify.

Rule: an error of one attestation never ends the call; an error of an artifact or an option always does.
"""

from __future__ import annotations

import os
from collections import deque
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, Unpack

from attest._base.expected import demand_several, wrong_type
from attest.artifacts import artifacts_of
from attest.collection._collected import Collected
from attest.envelope import Envelope
from attest.errors import AttestError, InputError, out_of_memory
from attest.limits import Limits
from attest.results.collection import CheckedEnvelope, CollectionReport
from attest.sources import ReadEnvelope, read_all, read_document
from attest.verifying import VerifyOptions, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor

    from attest.artifacts import Artifact
    from attest.policy import Policy
    from attest.results.verified import Verified
    from attest.trust.bundle import TrustBundle
    from attest.trust.signers import SignerChecks

    Outcome = Verified | AttestError

# What is wrong with one attestation. Another InputError is about an artifact or the call, and ends it.
_OF_ONE: Final = frozenset(
    "envelope-too-large log-entry-unsupported out-of-memory too-many-signatures too-many-tries worker-lost".split()
)


class CollectionOptions(VerifyOptions, total=False):
    """The options of `decide` besides those of `verify`; `decide` describes them."""

    strict: bool
    accept_vsa: bool
    now: datetime | None
    signers: SignerChecks | None
    workers: int
    executor: Executor | None
    executor_is_trusted: bool
    seen: Callable[[CheckedEnvelope], None] | None
    keep: bool


def verify_collection(
    attestations: Iterable[str | os.PathLike[str] | bytes | Envelope | ReadEnvelope],
    trust: TrustBundle,
    *,
    artifacts: Iterable[str | os.PathLike[str] | Artifact] | None,
    **options: Unpack[CollectionOptions],
) -> CollectionReport:
    """Verify attestations of a collection, and return what verified; all other results are exceptions.

    Some of the attestations may be about other artifacts.

    `attestations` are names of files and directories, read as `attest.sources.read_all` does, documents (bytes or
    Envelopes), which are entries of a collection, and what `attest.sources` read, such as an image. The rest is as in
    `decide`. Raises the `refusal` of the report (Rejected, InputError or SignerError), and what `decide` raises.
    """
    report = decide(_entries(attestations, options.get("limits")), trust, artifacts=artifacts, **options)
    if report.refusal is not None:
        raise report.refusal
    return report


def decide(
    entries: Iterable[ReadEnvelope],
    trust: TrustBundle,
    *,
    artifacts: Iterable[str | os.PathLike[str] | Artifact] | None,
    strict: bool = False,
    accept_vsa: bool = False,
    now: datetime | None = None,
    signers: SignerChecks | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    executor_is_trusted: bool = False,
    seen: Callable[[CheckedEnvelope], None] | None = None,
    keep: bool = True,
    **options: Unpack[VerifyOptions],
) -> CollectionReport:
    """The decision about `entries`, as `attest.sources.read_all` reads them.

    An entry of a collection (`is_one_of_many`) that does not verify is ignored, whatever the reason. With `strict`, and
    of entries that are not from a collection, each must verify. At least one attestation must verify, each artifact
    needs one that does, and the `policy` must be met. Without a policy, a single entry that must verify has to be about
    all artifacts, and one of several about at least one of them. A policy gets every attestation that verified once:
    copies, also with fewer signatures, are left out.

    `options` are those of `verify`; `cover` has no effect. `workers`, `executor` and `executor_is_trusted` are those of
    `verify_many`, and cannot be used with `signers`. `seen` is called with each entry when it is checked. With
    `keep=False` and no policy, `verified` and `refused` have only the first entries.

    Raises InputError for options, artifacts and times that are not valid, and `too-many-attestations`; what is ignored
    does not count for that limit.
    """
    bounds = options.get("limits") or Limits()
    policy = options.pop("policy", None)
    policies: tuple[Policy, ...] = ()
    if policy is not None:
        from attest.policy import decide as decide_policies
        from attest.policy import policies_of

        policies = policies_of(policy)
    wanted = None if artifacts is None else artifacts_of(artifacts)
    moment = datetime.now(UTC) if now is None else now
    _demand_options(trust, artifacts=wanted, now=moment, policy=policies or None, **options)
    if signers is not None and (executor is not None or workers != 1):
        raise InputError("option-invalid", "`signers` cannot be used with `workers` or `executor`")
    found = iter(entries)
    first = list(islice(found, 1))
    if first and not first[0].is_one_of_many:
        first += islice(found, 1)
    is_alone = len(first) == 1 and not first[0].is_one_of_many
    options["cover"] = "none" if policies else "all" if is_alone else "any"
    settings: dict[str, Any] = {**options, "artifacts": wanted, "now": moment}
    collected = Collected(bounds, strict=strict, keep=keep or bool(policies))
    if executor is None and workers == 1:
        checked = _checked_here(chain(first, found), trust, signers=signers, **settings)
    else:
        settings |= {"workers": workers, "executor": executor, "executor_is_trusted": executor_is_trusted}
        checked = _checked_by_others(chain(first, found), trust, **settings)
    for entry, outcome in checked:
        if entry.is_one_of_many and isinstance(outcome, InputError) and entry.envelope is not None:
            _demand_of_one(outcome)
        one = collected.take(entry, outcome)
        if seen is not None:
            seen(one)
    decision = None
    if policies and collected.verified:
        called, proofs = collected.distinct()
        decision = decide_policies(
            policies, proofs, artifacts=wanted, now=moment, names=called, accept_vsa=accept_vsa, limits=bounds
        )
    refusal = collected.refusal(wanted, decision, policies[0].name if len(policies) == 1 else None)
    ignored = collected.ignored.reasons()
    return CollectionReport(
        moment, collected.number, tuple(collected.verified), collected.refused.reasons(), ignored, decision, refusal
    )


def _entries(
    attestations: Iterable[str | os.PathLike[str] | bytes | Envelope | ReadEnvelope], limits: Limits | None
) -> Iterator[ReadEnvelope]:
    given = demand_several(attestations, "attestations", "paths, bytes, Envelopes or ReadEnvelopes")
    for number, one in enumerate(given, 1):
        name = f"attestation {number}"
        if isinstance(one, str | os.PathLike):
            yield from read_all([os.fspath(one)], limits=limits)
        elif isinstance(one, ReadEnvelope):
            yield one
        elif isinstance(one, Envelope):
            yield ReadEnvelope(name, one, None, True)
        elif isinstance(one, bytes):
            yield from read_document(name, one, limits)
        else:
            raise wrong_type("each of attestations", "a path, bytes, an Envelope or a ReadEnvelope", one)


def _demand_options(trust: TrustBundle, **options: Any) -> None:
    """Raises for an error in the options: it does not depend on the attestation, so an empty one finds it."""
    try:
        verify(b"", trust, **options)
    except InputError as error:
        if error.code != "json-invalid":
            raise


def _demand_of_one(error: InputError) -> None:
    if error.code not in _OF_ONE:
        raise error


def _checked_here(
    entries: Iterable[ReadEnvelope], trust: TrustBundle, **options: Any
) -> Iterator[tuple[ReadEnvelope, Outcome]]:
    for entry in entries:
        try:
            content = entry.content
            yield entry, content if isinstance(content, InputError) else verify(content, trust, **options)
        except AttestError as error:
            yield entry, error
        except MemoryError:
            yield entry, out_of_memory()


def _checked_by_others(
    entries: Iterable[ReadEnvelope], trust: TrustBundle, **options: Any
) -> Iterator[tuple[ReadEnvelope, Outcome]]:
    from attest.bulk import verify_many  # imports multiprocessing, which one process does not need

    waiting: deque[ReadEnvelope] = deque()

    def given() -> Iterator[ReadEnvelope]:
        for entry in entries:
            waiting.append(entry)
            yield entry  # each has its turn, so that few are waiting

    for outcome in verify_many(given(), trust, **options):
        result = outcome.verified or outcome.error
        assert result is not None  # noqa: S101
        yield waiting.popleft(), result
