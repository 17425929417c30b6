"""`--statement-out`: the exact bytes of the statement that was verified, for jq, OPA and other programs.

Rule: bytes are written only after a yes, and only if it is certain whose they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from attest.cli import _options, _output
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attest.results.verified import Verified

option: Final[_options.Decorator] = click.option(
    "--statement-out",
    metavar="FILE",
    callback=_options.check_output,
    help="If verification succeeds, write the verified statement to FILE (`-`: standard output), byte for byte. "
    "Exactly one attestation must have verified.",
)


def demand(session: _output.OutputContext, output: str | None, vsa_out: str | None) -> None:
    """Raises UsageError if two things would be written to the same place."""
    if output == "-" and session.format != "text":
        raise click.UsageError("--statement-out - cannot be used with --format: both write to standard output")
    if output is not None and output == vsa_out:
        raise click.UsageError("--statement-out and --vsa-out name the same output")


def write(output: str, verified: Sequence[tuple[str, Verified]], *, inputs: Iterable[str]) -> None:
    """Write the payload of the only attestation that verified. Raises InputError `statement-ambiguous` for several."""
    if len(verified) != 1:
        from attest.results.decisions import some

        names = some([name for name, _ in verified])
        message = f"{len(verified):,} attestations verified, and --statement-out writes one statement: {names}"
        hint = "Choose one with --type, --anchor or --subject-name. --format json has all statements."
        raise InputError("statement-ambiguous", message, hint=hint)
    payload = verified[0][1].payload
    if output == "-":
        _output.write(payload)
    else:
        _output.exactly(output, payload, inputs=inputs)
