"""Verification of many envelopes with any `concurrent.futures.Executor`, in their order.

Rule: every envelope gives one result, in order, whatever happens to a worker; only some are in memory at a time.

>>> from datetime import UTC, datetime
>>> import attest
>>> from attest.trust import editing
>>> def made(number: int) -> attest.Statement:
...     subject = attest.ResourceDescriptor(f"file-{number}", {"sha256": f"{number:064x}"})
...     return attest.Statement.build([subject], predicate_type="https://example.com/review/v1", predicate={})
>>> with attest.generate_key("file:bulk.pem") as signer:
...     envelopes = [attest.sign(made(number), [signer]).to_json() for number in range(3)]
...     trust = editing.create("release", [editing.describe_key(signer.public_key)], now=datetime.now(UTC))
>>> for outcome in attest.verify_many([*envelopes, b"{}"], trust, artifacts=None):
...     print(outcome.position, outcome.verified is not None, outcome.error and outcome.error.code)
0 True None
1 True None
2 True None
3 False envelope-invalid
"""

from __future__ import annotations

import os
import re
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, Unpack

from attest import digest
from attest._base import notices
from attest._base.expected import demand, demand_several
from attest._base.processes import WorkerLost, Workers
from attest._base.text import plural
from attest.artifacts import artifacts_of, hash_large
from attest.envelope import Envelope
from attest.errors import AttestError, InputError, Rejected, out_of_memory
from attest.results.verified import Verified, _pack, _unpack
from attest.sources import ReadEnvelope
from attest.trust.bundle import TrustBundle
from attest.verifying import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

    from attest.artifacts import Artifact
    from attest.verifying import VerifyOptions

    Answer = Verified | tuple[Any, ...] | AttestError  # a Verified is sent as `_pack` makes it: it cannot be pickled
    Item = bytes | Envelope | InputError  # an error of reading is the result, in its place
    Chunk = list[Item]
    Check = Callable[[Chunk], list[Answer]]

# Envelopes in one task of a worker: the results of more would keep its garbage collector busy.
CHUNK: Final = 64
_CHUNK_BYTES: Final = 4 << 20  # or this many bytes of them
_AHEAD: Final = 3  # chunks in progress for each worker
_BRANCHES: Final[dict[str, type[InputError | Rejected]]] = {"InputError": InputError, "Rejected": Rejected}
_CODE: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_TRIES: Final = 2  # of a chunk whose worker crashed, before its envelopes are verified one by one


class Outcome(NamedTuple):
    """The result of the envelope at `position`: `verified`, or the `error` that says why it is not."""

    position: int
    verified: Verified | None
    error: AttestError | None = None


def verify_many(
    envelopes: Iterable[bytes | Envelope | ReadEnvelope],
    trust: TrustBundle,
    *,
    artifacts: Iterable[str | os.PathLike[str] | Artifact] | None,
    executor: Executor | None = None,
    executor_is_trusted: bool = False,
    workers: int | None = None,
    now: datetime | None = None,
    **options: Unpack[VerifyOptions],
) -> Iterator[Outcome]:
    """Verify `envelopes` as `attest.verify` does each, and yield an Outcome for each, in their order.

    They are read as they are needed, so there may be any number of them. What `attest.sources` read, such as an image,
    can be given too. `options` are those of `attest.verify` except
    `signers`. All envelopes are verified as of the same `now`, and each artifact is hashed once.

    `executor` verifies, and is not closed; `workers` is the number of its workers if it does not have one itself.
    Without an executor, processes of this machine verify if there is more than one chunk of envelopes: `workers` of
    them, or one for each processor. They end with the iterator, and one that crashes is replaced.

    Threads and processes of this machine (exactly the classes `ThreadPoolExecutor` and `ProcessPoolExecutor`) are
    trusted like this process. Another executor is not: what it reports as verified is verified again here, and a
    rejection by it counts, without a report. With `executor_is_trusted` its results count as they are: use this only
    if you know who can answer (docs/verify/many.md).

    An envelope that cannot be read, is rejected or crashes its worker (InputError `worker-lost`) does not stop the
    others. Raises InputError at once for invalid options, artifacts and times, and TypeError for another type.
    """
    several = demand_several(envelopes, "envelopes", "bytes, Envelopes or ReadEnvelopes")
    wanted = None if artifacts is None else artifacts_of(artifacts)
    hash_large(wanted or (), digest.COMMON)
    for artifact in wanted or ():
        artifact.hash_for(digest.COMMON)  # here, because another machine may not have the file
    moment = datetime.now(UTC) if now is None else now
    try:
        # An error in the options does not depend on the envelope, so an empty one finds it.
        verify(b"", trust, artifacts=wanted, now=moment, **options)
    except InputError as error:
        if error.code != "json-invalid":
            raise
    settings = {**options, "artifacts": wanted, "now": moment}
    check = partial(_verify_chunk, trust.to_json(), settings)
    here = partial(_verify_each, trust, settings)
    crew = None
    if executor is not None:
        is_ours = type(executor) in (ThreadPoolExecutor, ProcessPoolExecutor)
        crew = _Crew(executor) if executor_is_trusted or is_ours else _Untrusted(executor)
    number = workers or getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    return _verify_all(_chunks(iter(several)), check, here, crew, number)


def _verify_all(
    chunks: Iterator[Chunk], check: Check, here: Check, crew: _Crew | None, number: int
) -> Iterator[Outcome]:
    first = list(islice(chunks, 2))
    chunks = chain(first, chunks)
    if crew is None and (number == 1 or len(first) < 2):
        yield from _placed(map(here, chunks))
        return
    with ExitStack() as stack:
        crew = crew or stack.enter_context(_Processes(number))
        yield from _placed(_in_turn(chunks, check, crew, number * _AHEAD))


def _in_turn(chunks: Iterable[Chunk], check: Check, crew: _Crew, window: int) -> Iterator[list[Answer]]:
    """The results of each chunk in order, while others are in progress."""
    under_way: deque[tuple[Chunk, Future[list[Answer]]]] = deque()
    for chunk in chunks:
        under_way.append((chunk, crew.submit(check, chunk)))
        if len(under_way) == window:
            yield crew.result(*under_way.popleft(), check)
    while under_way:
        yield crew.result(*under_way.popleft(), check)


def _placed(answers: Iterable[list[Answer]]) -> Iterator[Outcome]:
    for position, answer in enumerate(chain.from_iterable(answers)):
        if isinstance(answer, AttestError):
            yield Outcome(position, None, answer)
        else:
            yield Outcome(position, answer if isinstance(answer, Verified) else _unpack(answer))


class _Crew:
    """The workers of an executor that the caller gave: what happens if one crashes is up to the executor.

    Only what Dask gives up, after several workers died of it, is tried again: each envelope alone.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, check: Check, chunk: Chunk) -> Future[Any]:
        return self._executor.submit(check, chunk)

    def result(self, chunk: Chunk, future: Future[Any], check: Check) -> list[Answer]:
        try:
            return self.answers(chunk, future.result(), check)
        except Exception as error:
            if type(error).__name__ != "KilledWorker":  # of distributed, which need not be installed
                raise
        if len(chunk) == 1:
            return [_worker_lost()]
        notices.info("verifying %s one by one", plural(len(chunk), "envelope"))
        return [self.result([envelope], self.submit(check, [envelope]), check)[0] for envelope in chunk]

    def answers(self, chunk: Chunk, told: Any, check: Check) -> list[Answer]:
        """The results in what a worker answered."""
        found: list[Answer] = told
        return found


class _Untrusted(_Crew):
    """Workers that anyone may have joined: what they report as verified is verified again."""

    def submit(self, check: Check, chunk: Chunk) -> Future[Any]:
        return self._executor.submit(_refusals, check, chunk)

    def answers(self, chunk: Chunk, told: Any, check: Check) -> list[Answer]:
        if not isinstance(told, list) or len(told) != len(chunk):
            notices.info("the executor did not answer for %s; verifying here", plural(len(chunk), "envelope"))
            return check(chunk)
        return [_refusal(one) or check([envelope])[0] for one, envelope in zip(told, chunk, strict=True)]


class _Processes(_Crew):
    """Processes of our own. A chunk that crashes one is tried again, and then each of its envelopes alone."""

    def __init__(self, number: int) -> None:
        self._workers = Workers(number, __name__)

    def submit(self, check: Check, chunk: Chunk) -> Future[list[Answer]]:
        return self._workers.submit(check, chunk)

    def result(self, chunk: Chunk, future: Future[list[Answer]], check: Check) -> list[Answer]:
        for _ in range(_TRIES):
            with suppress(WorkerLost):
                return self._workers.result(future)
            notices.info("a process that verified %s crashed; verifying again", plural(len(chunk), "envelope"))
            future = self.submit(check, chunk)
        notices.info("verifying %s one by one", plural(len(chunk), "envelope"))
        return [self._alone(envelope, check) for envelope in chunk]

    def _alone(self, envelope: Item, check: Check) -> Answer:
        """The result of one envelope of a chunk that crashed its workers; it may be the one that does."""
        for _ in range(_TRIES):
            with suppress(WorkerLost):
                return self._workers.result(self.submit(check, [envelope]))[0]
        return _worker_lost()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.end()


def _worker_lost() -> InputError:
    message = "the worker process crashed while verifying the attestation"
    return InputError("worker-lost", message, hint="Check the available memory, or use fewer --jobs.")


def _chunks(envelopes: Iterator[bytes | Envelope | ReadEnvelope]) -> Iterator[Chunk]:
    chunk: Chunk = []
    size = 0
    for given in envelopes:
        demand(given, (bytes, Envelope, ReadEnvelope), "each of envelopes", "bytes, an Envelope or a ReadEnvelope")
        envelope = given.content if isinstance(given, ReadEnvelope) else given
        chunk.append(envelope)
        size += _size(envelope)
        if len(chunk) == CHUNK or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _size(envelope: Item) -> int:
    """The bytes that a worker gets, with the fields that nothing reads."""
    if isinstance(envelope, bytes):
        return len(envelope)
    if isinstance(envelope, InputError):
        return 0
    return len(envelope.unverified_payload if envelope.fields is None else envelope.to_json())


def _verify_chunk(trust: bytes, options: dict[str, Any], chunk: Chunk) -> list[Answer]:
    """The task of a worker; it may run on another machine, so all arguments are sent there."""
    answers = _verify_each(_bundle(trust), options, chunk)
    return [_pack(one) if isinstance(one, Verified) else one for one in answers]


def _verify_each(trust: TrustBundle, options: dict[str, Any], chunk: Chunk) -> list[Answer]:
    results: list[Answer] = []
    for envelope in chunk:
        try:
            if isinstance(envelope, InputError):
                raise envelope
            results.append(verify(envelope, trust, **options))
        except AttestError as error:
            results.append(error)
        except MemoryError:
            results.append(out_of_memory())
    return results


def _refusals(check: Check, chunk: Chunk) -> list[tuple[str | None, ...] | None]:
    """The task of an untrusted worker: for each envelope None if it verifies, and otherwise what `_refusal` reads."""
    return [
        (type(answer).__name__, answer.code, answer.message, answer.where, answer.hint)
        if isinstance(answer, AttestError)
        else None
        for answer in check(chunk)
    ]


def _refusal(told: object) -> InputError | Rejected | None:
    """The error that an untrusted worker reported, or None if the answer is not one."""
    if not isinstance(told, tuple) or len(told) != 5 or not isinstance(told[0], str) or told[0] not in _BRANCHES:
        return None
    kind, code, message, where, hint = told
    if not (isinstance(code, str) and _CODE.fullmatch(code) and isinstance(message, str)):
        return None
    if not all(text is None or isinstance(text, str) for text in (where, hint)):
        return None
    return _BRANCHES[kind](code, message, where=where, hint=hint)


@lru_cache(maxsize=8)
def _bundle(data: bytes) -> TrustBundle:
    return TrustBundle.from_json(data)
