"""The envelopes of a command line, read and verified by this process, by several, or by a cluster.

Rule: everything that is read is returned, in its order: verified, rejected, or as not understood.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import click

from attest.cli import _options
from attest.cli.verify._result import CheckedEnvelope
from attest.errors import AttestError, InputError
from attest.sources import ReadEnvelope, read_all
from attest.verifying import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attest.cli.verify._cluster import Cluster
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
    help="Name or URI that the subjects of the artifacts must have. If repeated, every GLOB must match.",
)
_anchor: _options.Decorator = click.option(
    "--anchor",
    "anchors",
    metavar="NAME",
    multiple=True,
    callback=_listed,
    help="Trust anchor that must have signed. If repeated, all of them must have.",
)


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--subject-name` and `--anchor`."""
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
    """Everything in the files `names`, verified with the options of `attest.verify`, in its order.

    A single envelope must be about all artifacts; each of several about at least one of them, unless `cover` is "none".
    """
    for name in options["anchors"] or ():
        trust.anchor(name)  # an unknown one is an error of the call, not of each envelope
    found = read_all(names, bounds=limits, stdin=stdin)
    if cluster is None and workers == 1:
        for one in found:
            alone = len(names) == 1 and not one.is_one_of_many
            yield _judge(
                one, trust, limits=limits, signers=signers, cover=cover or ("all" if alone else "any"), **options
            )
        return
    from attest.bulk import verify_many  # imports multiprocessing, which one process does not need

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
    error = found.error or InputError("envelope-invalid", "no attestation found")
    many = found.is_one_of_many
    return CheckedEnvelope(found.name, _options.locate(error, found.name), many, understood=not many)
