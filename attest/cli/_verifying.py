"""The envelopes of a command line, read and verified one after the other or by several processes or machines.

Rule: what is read comes out again, in its order: verified, refused, or named as not understood.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import click

from attest.cli import _options
from attest.cli._checked import CheckedEnvelope
from attest.errors import AttestError, InputError
from attest.sources import ReadEnvelope, read_all
from attest.verifying import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attest.cli._dask import Cluster
    from attest.envelope import Envelope
    from attest.limits import Limits
    from attest.results.verified import Verified
    from attest.trust.bundle import TrustBundle
    from attest.trust.signers import SignerChecks


def _listed(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...] | None:
    return value or None


_subject_name: _options.Decorator = click.option(
    "--subject-name",
    "subject_names",
    metavar="GLOB",
    multiple=True,
    callback=_listed,
    help="What the statement must call each artifact, by name or URI; if repeated, every GLOB must match.",
)
_anchor: _options.Decorator = click.option(
    "--anchor",
    "anchors",
    metavar="NAME",
    multiple=True,
    callback=_listed,
    help="A trust anchor that must vouch for it; if repeated, all of them must.",
)


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--subject-name` and `--anchor`: as what, and by whom, something must be attested."""
    return _subject_name(_anchor(command))


def verify_all(
    names: Sequence[str],
    trust: TrustBundle,
    limits: Limits,
    *,
    stdin: BinaryIO | None,
    signers: SignerChecks | None = None,
    cluster: Cluster | None = None,
    workers: int = 1,
    cover: Literal["none"] | None = None,
    **options: Any,
) -> Iterator[CheckedEnvelope]:
    """Everything that `names` hold, judged by the options of `attest.verify`, in its order.

    An envelope that stands alone must be about all of the artifacts, and each of several about one of them at least,
    unless `cover` asks for none.
    """
    for name in options["anchors"] or ():
        trust.anchor(name)  # once, and not of every envelope
    found = read_all(names, bounds=limits, stdin=stdin)
    if cluster is None and workers == 1:
        for one in found:
            alone = len(names) == 1 and not one.is_one_of_many
            yield _judge(
                one, trust, limits=limits, signers=signers, cover=cover or ("all" if alone else "any"), **options
            )
        return
    from attest.bulk import verify_many  # brings multiprocessing along, which one process has no use for

    waiting: deque[ReadEnvelope] = deque()

    def readable() -> Iterator[bytes | Envelope]:
        for one in found:
            waiting.append(one)
            if one.envelope is not None:
                yield one.envelope

    settings = {**options, "limits": limits, "cover": cover or "any"}
    if cluster is not None:
        settings |= {"executor": cluster.executor, "executor_is_trusted": cluster.is_trusted}
    for outcome in verify_many(readable(), trust, workers=workers, **settings):
        while waiting[0].envelope is None:
            yield _unread(waiting.popleft())
        result = outcome.verified if outcome.error is None else outcome.error
        assert result is not None  # noqa: S101
        yield _judged(waiting.popleft(), result)
    while waiting:
        yield _unread(waiting.popleft())


def _judge(found: ReadEnvelope, trust: TrustBundle, **options: Any) -> CheckedEnvelope:
    if found.envelope is None:
        return _unread(found)
    try:
        return _judged(found, verify(found.envelope, trust, **options))
    except AttestError as error:
        return _judged(found, error)


def _judged(found: ReadEnvelope, outcome: Verified | AttestError) -> CheckedEnvelope:
    if isinstance(outcome, AttestError):
        outcome = _options.locate(outcome, found.name)
    return CheckedEnvelope(found.name, outcome, found.is_one_of_many, True, found.unchecked, found.envelope)


def _unread(found: ReadEnvelope) -> CheckedEnvelope:
    error = found.error or InputError("envelope-invalid", "there is no envelope")
    many = found.is_one_of_many
    return CheckedEnvelope(found.name, _options.locate(error, found.name), many, understood=not many)
