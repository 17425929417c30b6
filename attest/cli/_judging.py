"""The envelopes of a command line, read and verified one after the other or by several processes or machines.

Rule: what is read comes out again, in its order: verified, refused, or named as not understood.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from attest.cli import _options
from attest.errors import AttestError, InputError, SignerError
from attest.reading import Found, read_all
from attest.verifying import Verified, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from attest.envelope import Envelope
    from attest.resolving import SignerChecks
    from attest.trust import TrustBundle
    from attest.verifying import Limits


class Judged(NamedTuple):
    """One envelope and what became of it.

    `is_one_of_many` says that it came out of a folder or with other lines; one of those that is not `understood`
    decides nothing.
    """

    name: str
    outcome: Verified | AttestError
    is_one_of_many: bool
    understood: bool = True
    unchecked: tuple[str, ...] = ()
    envelope: Envelope | None = None


def judge(
    names: Sequence[str],
    trust: TrustBundle,
    limits: Limits,
    *,
    stdin: BinaryIO | None,
    signers: SignerChecks | None = None,
    executor: Executor | None = None,
    workers: int = 1,
    cover: Literal["none"] | None = None,
    **options: Any,
) -> Iterator[Judged]:
    """Everything that `names` hold, judged by the options of `attest.verify`, in its order.

    An envelope that stands alone must be about all of the artifacts, and each of several about one of them at least,
    unless `cover` asks for none.
    """
    found = read_all(names, bounds=limits, stdin=stdin)
    if executor is None and workers == 1:
        for one in found:
            alone = len(names) == 1 and not one.is_one_of_many
            yield _judge(
                one, trust, limits=limits, signers=signers, cover=cover or ("all" if alone else "any"), **options
            )
        return
    from attest.bulk import verify_many  # brings multiprocessing along, which one process has no use for

    waiting: deque[Found] = deque()

    def readable() -> Iterator[bytes | Envelope]:
        for one in found:
            waiting.append(one)
            if one.envelope is not None:
                yield one.envelope

    settings = {**options, "limits": limits, "cover": cover or "any"}
    for outcome in verify_many(readable(), trust, executor=executor, workers=workers, **settings):
        while waiting[0].envelope is None:
            yield _unread(waiting.popleft())
        result = outcome.verified if outcome.error is None else outcome.error
        assert result is not None  # noqa: S101
        yield _judged(waiting.popleft(), result)
    while waiting:
        yield _unread(waiting.popleft())


@contextmanager
def dask(address: str | None) -> Iterator[Executor | None]:
    """The executor of a Dask cluster, whose scheduler listens at `address`. Raises SignerError or InputError."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        hint = "Install it: pip install 'attest-dsse[dask]'."
        raise SignerError("library-missing", "verifying with Dask needs its package `distributed`", hint=hint) from None
    try:
        client = Client(address, timeout=10, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        message = f"there is no Dask scheduler that answers ({type(error).__name__})"
        raise SignerError("scheduler-unreachable", message, where=address) from None
    with client:
        yield client.get_executor()  # type: ignore[no-untyped-call]


def _judge(found: Found, trust: TrustBundle, **options: Any) -> Judged:
    if found.envelope is None:
        return _unread(found)
    try:
        return _judged(found, verify(found.envelope, trust, **options))
    except AttestError as error:
        return _judged(found, error)


def _judged(found: Found, outcome: Verified | AttestError) -> Judged:
    if isinstance(outcome, AttestError):
        outcome = _options.locate(outcome, found.name)
    return Judged(found.name, outcome, found.is_one_of_many, True, found.unchecked, found.envelope)


def _unread(found: Found) -> Judged:
    error = found.error or InputError("envelope-invalid", "there is no envelope")
    many = found.is_one_of_many
    return Judged(found.name, _options.locate(error, found.name), many, understood=not many)
