"""`attest trust resign`: a second signature for attestations whose own key ends.

Rule: nothing is signed that the trust bundle doesn't verify, and no file is touched before that.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from attest import resigning
from attest._base import files
from attest.cli import _commands, _exits, _options, _output, _result, _secrets, _trust_options
from attest.errors import AttestError, Rejected, SignerError
from attest.limits import MAX_ENVELOPE
from attest.signers import open_signer
from attest.trust.bundle import TrustBundle


@click.command(cls=_commands.Command)
@click.argument("file")
@click.argument("attestations", metavar="ATTESTATION...", nargs=-1, required=True)
@click.option(
    "--signer",
    metavar="URI",
    required=True,
    envvar="ATTEST_SIGNER",
    callback=_options.check_signers,
    help="Who counter-signs: a key that the trust bundle has.",
)
@_trust_options.anchor_option(required=False, does="the signer's key must count for; by default any that vouches")
@_trust_options.judging_options
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def resign(
    session: _output.OutputContext,
    /,
    file: str,
    attestations: tuple[str, ...],
    signer: str,
    anchor: str | None,
    passphrase_file: str | None,
    **options: Any,
) -> _output.Completed:
    """Counter-sign ATTESTATIONs, in place, each if the trust bundle FILE verifies it, and with a key that it trusts.

    One that the signer has signed already is left as it is, and one that doesn't verify is refused.
    """
    bundle, now = TrustBundle.load(file), datetime.now(UTC)
    judging = _trust_options.judging(**options)
    told: dict[str, tuple[str, AttestError | None]] = {}
    with open_signer(signer, secrets=_secrets.secrets(passphrase_file)) as opened:
        simulated = judging["allow_simulated"]
        anchors = resigning.anchors_of(opened.public_key, bundle, now=now, anchor=anchor, allow_simulated=simulated)

        def add(attestation: bytes) -> bytes | None:
            signed = resigning.countersign(attestation, bundle, opened, anchors, now=now, **judging)
            return None if signed is None else signed + b"\n"

        for name in dict.fromkeys(attestations):
            try:
                changed = files.update(name, add, limit=MAX_ENVELOPE)
                told[name] = "signed" if changed else "unchanged", None
            except AttestError as error:
                told[name] = "refused" if isinstance(error, Rejected) else "error", _options.locate(error, name)
                if isinstance(error, SignerError):
                    break  # what is left is not tried: a token that refused a PIN would count each try
    text = [f"{_SAID[verdict]}: {name}" for name, (verdict, _) in told.items() if verdict in _SAID]
    details = {
        "signer": signer,
        "trust": {"version": bundle.version, "sha256": bundle.sha256},
        "attestations": [_result.attestation(name, *outcome) for name, outcome in told.items()],
    }
    errors = [error for _, error in told.values() if error is not None]
    if not errors:
        return _output.done(session, text, **details)
    _output.undone(session, text, **details)
    raise _output.last_of(errors, _exits.gravest(errors))


_SAID = {"signed": "signed", "unchanged": "signed already"}
