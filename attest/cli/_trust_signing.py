"""`attest trust sign`, and what `attest trust show` says of who signed.

Rule: what is said to be signed was judged by the roots before it and by its own, and anything else is unverified.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from attest._base import files
from attest.cli import _commands, _options, _output, _result, _secrets
from attest.errors import AttestError
from attest.signers import open_signer
from attest.trust import history, signing
from attest.trust.bundle import TrustBundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attest.results.report import RootCheck


@click.command(cls=_commands.Command)
@click.argument("source", metavar="[FILE|-]", default="-", callback=_options.check_stdin)
@_options.signer_option
@_options.trust_root_option
@_options.passphrase_option
@_options.format_option
@_options.output_option
@click.pass_obj
def sign(
    session: _output.OutputContext,
    source: str,
    signers: tuple[str, ...],
    trust_root: str | None,
    passphrase_file: str | None,
    output: str | None,
) -> _output.Completed:
    """Sign a plain trust bundle with its roots, or add signatures to one that others have signed.

    The bytes of the bundle are signed exactly as they are given. With --trust-root, which is then the version before,
    the roots of that one sign too. How many have signed, and how many it takes, is said.
    """
    to_stdout = output in (None, "-")
    if to_stdout and session.format == "json":
        raise click.UsageError("--format json has nothing to print where the signed trust bundle itself is printed")
    before = None if trust_root is None else history.load_root(trust_root)
    data = _options.read_input(source, limit=history.MAX_HISTORY)
    ask = _secrets.secrets(passphrase_file)
    try:
        what = signing.signable(data, before=before)
    except AttestError as error:
        raise _options.locate(error, source) from None
    with ExitStack() as stack:
        opened = [stack.enter_context(open_signer(uri, secrets=ask)) for uri in signers]
        signed = signing.sign(what, opened, before=before)
    # Whoever signs knows what the keys are; that simulated ones prove nothing is said to those who verify.
    checks = history.judge(signed, before, allow_simulated=True)
    named = [name for name in (source, trust_root) if name is not None]
    inputs = [*named, *_options.signer_files(signers, passphrase_file)]
    _output.document(output, signed.envelope.to_json(), inputs=inputs)
    if to_stdout:
        for check in checks:
            _output.prose("note", _count(check))
        return _output.Completed()
    bundle = signed.unverified
    text = [f"signed {output}: version {bundle.version}", *lines(checks)]
    details = [_result.root_check(check) for check in checks]
    return _output.done(session, text, file=output, version=bundle.version, sha256=bundle.sha256, signed=details)


def open_trust(
    file: str, trust_root: str | None, *, allow_simulated: bool
) -> tuple[TrustBundle, Sequence[RootCheck] | None]:
    """The bundle in a file, and who signed it: nobody, where it is plain, and None where that wasn't checked."""
    root = None if trust_root is None else history.load_root(trust_root)
    try:
        found = history.read(files.read(file, limit=history.MAX_HISTORY))
        if root is None and not isinstance(found, TrustBundle):
            return found[-1].unverified, None
        return history.accept(found, root, allow_simulated=allow_simulated)
    except AttestError as error:
        raise _options.locate(error, file) from None


def lines(checks: Iterable[RootCheck]) -> Iterator[str]:
    """Who signed what, for people."""
    for check in checks:
        yield f"  {_count(check)}"
        for signature in check.signatures:
            verdict = "good" if signature.code is None else f"not counted: {signature.code}"
            named = f"{signature.algorithm or 'unknown'} {signature.keyid or '-'}"
            yield f"    signature {signature.position:<5} {named} ({verdict})"


def _count(check: RootCheck) -> str:
    return f"version {check.version}: signed by {check.counted} of {check.whose}, it takes {check.threshold}"
