"""`attest trust resign`: another signature on existing attestations.

Rule: no attestation is signed that the trust bundle does not verify, and none is changed before that.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import click

from attest import resigning
from attest._base import files
from attest.cli import _commands, _options, _output
from attest.cli._inputs import secrets
from attest.cli.trust import _options as _trust_options
from attest.cli.trust import _show
from attest.errors import AttestError, Rejected, SignerError, gravest
from attest.limits import MAX_ENVELOPE
from attest.signers import open_signer
from attest.trust.bundle import TrustBundle

_WORD: Final = {"signed": "signed", "unchanged": "already signed"}


@click.command(cls=_commands.Command)
@click.argument("file")
@click.argument("attestations", metavar="ATTESTATION...", nargs=-1, required=True)
@click.option(
    "--signer",
    metavar="URI",
    required=True,
    envvar="ATTEST_SIGNER",
    callback=_options.check_signers,
    help="Signer URI of a key in the trust bundle.",
)
@_trust_options.anchor_option(required=False, does="the new signatures must count for")
@_trust_options.verifying_options
@_options.passphrase_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    /,
    file: str,
    attestations: tuple[str, ...],
    signer: str,
    anchor: str | None,
    passphrase_file: str | None,
    **options: Any,
) -> _output.Completed:
    """Add a signature to existing attestations.

    Verifies each ATTESTATION with the trust bundle FILE, then adds the signature in place. Does not change attestations
    that the signer has already signed, or that do not verify (exit 1).
    """
    bundle, now = TrustBundle.load(file), datetime.now(UTC)
    settings = _trust_options.verifying(**options)
    outcomes: dict[str, tuple[str, AttestError | None]] = {}
    with open_signer(signer, secrets=secrets.secrets(passphrase_file)) as opened:
        simulated = settings["allow_simulated"]
        anchors = resigning.anchors_of(opened.public_key, bundle, now=now, anchor=anchor, allow_simulated=simulated)

        def add(attestation: bytes) -> bytes | None:
            signed = resigning.countersign(attestation, bundle, opened, anchors, now=now, **settings)
            return None if signed is None else signed + b"\n"

        for name in dict.fromkeys(attestations):
            try:
                changed = files.update(name, add, limit=MAX_ENVELOPE)
                outcomes[name] = "signed" if changed else "unchanged", None
            except AttestError as error:
                outcomes[name] = "refused" if isinstance(error, Rejected) else "error", _options.locate(error, name)
                if isinstance(error, SignerError):
                    break  # no further try: a token that refused a PIN counts each one
    text = [f"{_WORD[verdict]}: {name}" for name, (verdict, _) in outcomes.items() if verdict in _WORD]
    details = {
        "signer": signer,
        "trust": {"version": bundle.version, "sha256": bundle.sha256},
        "attestations": [_show.attestation(name, *outcome) for name, outcome in outcomes.items()],
    }
    errors = [error for _, error in outcomes.values() if error is not None]
    if not errors:
        return _output.done(session, text, **details)
    _output.undone(session, text, **details)
    raise _output.last_of(session, errors, gravest(errors))
