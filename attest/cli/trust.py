"""`attest trust`: the trust bundle, from the first key on.

Rule: each command validates the whole bundle before and after, writes it atomically, and prints what it changed.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from attest import _files, trust_checking, trust_editing
from attest._codec import format_time
from attest.cli import _options, _output, _result, _trust_signing
from attest.errors import InputError, Rejected
from attest.keys import ALGORITHMS, HSM_ALGORITHMS, PublicKey
from attest.signers import SignerURI, open_signer, schemes
from attest.trust import TrustBundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attest.anchors import TrustAnchor, TrustKey
    from attest.timestamps import TimestampAuthority


@click.group("trust", short_help="Make, change, show and check trust bundles.")
def command() -> None:
    """Make, change, show and check trust bundles."""


def _anchor_options(function: Any) -> Any:
    """The options that say which keys are trusted for what."""
    for option in reversed(_ANCHOR_OPTIONS):
        function = option(function)
    return function


_ANCHOR_OPTIONS: list[_options.Decorator] = [
    click.option("--anchor", metavar="NAME", required=True, help="The anchor that gets the keys."),
    click.option(
        "--key",
        "keys",
        metavar="URI|FILE",
        multiple=True,
        required=True,
        help="A signer URI, or a file with a public key or certificate; may be repeated.",
    ),
    click.option(
        "--algorithm",
        type=click.Choice([*ALGORITHMS, *HSM_ALGORITHMS]),
        help="Pin the keys to it; by default the key's type decides.",
    ),
    click.option("--threshold", type=click.IntRange(1, 1024), help="How many of the keys must have signed."),
    click.option("--subject", "subjects", metavar="GLOB", multiple=True, help="Vouch only for these subjects."),
    click.option(
        "--predicate-type",
        "predicate_types",
        metavar="NAME|URI",
        multiple=True,
        callback=_options.check_predicate_types,
        help="Vouch only for these predicate types.",
    ),
    click.option("--not-before", metavar="TIME", callback=_options.check_time, help="The keys count from then on."),
    click.option("--not-after", metavar="TIME", callback=_options.check_time, help="The keys count until then."),
    _options.passphrase_option,
    _options.format_option,
]

command.add_command(_trust_signing.sign)


@command.command()
@_anchor_options
@click.option("--expires", metavar="TIME", callback=_options.check_time, help="When the trust bundle ends.")
@click.option(
    "--root",
    "roots",
    metavar="URI|FILE",
    multiple=True,
    help="A key that signs the trust bundle and its next version, as --key; may be repeated.",
)
@click.option("--root-threshold", type=click.IntRange(1, 64), help="How many of the roots must have signed.")
@_options.output_option
@click.pass_obj
def init(
    session: _output.Session,
    /,
    output: str | None,
    expires: str | None,
    roots: tuple[str, ...],
    root_threshold: int | None,
    **options: Any,
) -> _output.Done:
    """Make a trust bundle with one anchor. A file that exists is not written over: it may hold history."""
    if root_threshold is not None and not roots:
        raise click.UsageError("--root-threshold goes with --root")
    entries = _entries(**options)
    signing = {"threshold": root_threshold or 1, "keys": _entries(roots, options["passphrase_file"])} if roots else None
    try:
        bundle = trust_editing.create(
            options["anchor"], entries, now=datetime.now(UTC), expires=expires, roots=signing, **_limits(**options)
        )
    except InputError as error:  # there is no file yet that could be wrong
        raise click.UsageError(str(error)) from None
    if output in (None, "-"):
        _one_document(session)
        _output.document(None, bundle.to_json())
        return _output.Done()
    _output.document(output, bundle.to_json(), overwrite=False)
    return _output.done(session, [f"made {output}", *_lines(bundle)], file=output, **_summary(bundle))


@command.command()
@click.argument("file")
@_anchor_options
@click.pass_obj
def add(session: _output.Session, /, file: str, **options: Any) -> _output.Done:
    """Add keys to an anchor of the trust bundle FILE, in place; the anchor is made if it isn't there."""
    before = TrustBundle.load(file)
    entries = _entries(**options)
    try:
        after = trust_editing.add(before, options["anchor"], entries, now=datetime.now(UTC), **_limits(**options))
    except InputError as error:
        raise _options.locate(error, file) from None
    _files.write(file, after.to_json())
    added = [f"  added {entry['algorithm']} {entry['keyid']}" for entry in entries]
    text = [f"changed {file}: version {before.version} -> {after.version}", *added]
    return _output.done(session, text, file=file, added=[entry["keyid"] for entry in entries], **_summary(after))


@command.command()
@click.argument("file")
@click.option("--public", is_flag=True, help="Print the copy for verifiers, without signers, as JSON.")
@_options.trust_root_option
@_options.simulated_option
@_options.format_option
@_options.output_option
@click.pass_obj
def show(
    session: _output.Session,
    file: str,
    public: bool,
    trust_root: str | None,
    allow_simulated: bool,
    output: str | None,
) -> _output.Done:
    """Show the anchors and keys of the trust bundle FILE; of a signed one, unverified unless --trust-root is given."""
    if public:
        _one_document(session)
        bundle = TrustBundle.load(file)
        _output.document(output, trust_editing.without_signers(bundle).to_json(), inputs=[file])
        return _output.Done()
    if output is not None:
        raise click.UsageError("-o goes with --public")
    bundle, checks = _trust_signing.open_trust(file, trust_root, allow_simulated=allow_simulated)
    if checks is None:
        title = f"UNVERIFIED: {file} claims this, and none of its signatures has been checked"
        unverified = {**_summary(bundle), "trust": bundle.document}
        return _output.done(session, [title, *_lines(bundle)], file=file, unverified=unverified)
    text = [file, *_lines(bundle), *_trust_signing.lines(checks)]
    if trust_root is not None and not checks:
        text.append(f"  version {bundle.version}: the same bytes as the trust root")
    details = {"signed": [_result.root_check(check) for check in checks]} if checks else {}
    return _output.done(session, text, file=file, **_summary(bundle), trust=bundle.document, **details)


@command.command()
@click.argument("file")
@click.option("--soon", metavar="DAYSd", default="30d", show_default=True, help="How near an end is worth a warning.")
@click.option("--strict", is_flag=True, help="Exit 1 if there is anything to warn of.")
@_options.format_option
@click.pass_obj
def check(session: _output.Session, file: str, soon: str, strict: bool) -> _output.Done:
    """Validate the trust bundle FILE, and warn of what its owner should look at."""
    near = _days(soon)
    bundle = TrustBundle.load(file)
    findings = trust_checking.check(bundle, now=datetime.now(UTC), soon=near)
    for finding in findings:
        kind = "error" if finding.is_error else "warning"
        _output.prose(kind, f"{file}: {finding.where}: {finding.message} ({finding.code})")
    wrong = sum(finding.is_error for finding in findings)
    if wrong:
        raise Rejected("trust-contradictory", f"the trust bundle contradicts itself in {wrong} places", where=file)
    if findings and strict:
        raise Rejected("trust-findings", f"there are {len(findings)} warnings", where=file)
    count = f"{len(findings)} warning{'s' if len(findings) != 1 else ''}" if findings else "no warnings"
    text = [f"valid: {file} (version {bundle.version}, {count})"]
    return _output.done(session, text, file=file, **_summary(bundle), findings=[f._asdict() for f in findings])


def _one_document(session: _output.Session) -> None:
    if session.format == "json":
        raise click.UsageError("--format json has nothing to print where the trust bundle itself is printed")


def _days(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})d?", text, re.ASCII)
    if not found:
        raise click.BadParameter(f"{text!r} is not a number of days like 30d", param_hint="--soon")
    return timedelta(days=int(found[1]))


def _entries(
    keys: Sequence[str],
    passphrase_file: str | None,
    algorithm: str | None = None,
    not_before: str | None = None,
    not_after: str | None = None,
    **_: Any,
) -> list[dict[str, Any]]:
    """The entries of `keys` of an anchor or of roots, each read from a signer or from a file with its public half."""
    entries = []
    for named in keys:
        fields: dict[str, str | None] = {"algorithm": algorithm, "not_before": not_before, "not_after": not_after}
        if named.partition(":")[0] in schemes() and not os.path.exists(named):
            with open_signer(named, secrets=_options.secrets(passphrase_file)) as signer:
                key = signer.public_key
            if algorithm:
                key = PublicKey.parse(key.to_pem().encode(), algorithm=algorithm, what=named)
            fields |= {"backend": SignerURI.parse(named).scheme, "signer": named}
        else:
            key = PublicKey.parse(_files.read(named, limit=1 << 20), algorithm=algorithm, what=named)
        entries.append(trust_editing.describe_key(key, **fields))
    return entries


def _limits(threshold: int | None, subjects: Sequence[str], predicate_types: Sequence[str], **_: Any) -> dict[str, Any]:
    from attest.statement import predicate_types as uris

    types = [uri for name in predicate_types for uri in uris(name)]
    return {"threshold": threshold, "subjects": list(subjects) or None, "predicate_types": types or None}


def _summary(bundle: TrustBundle) -> dict[str, Any]:
    return {"version": bundle.version, "sha256": bundle.sha256, "anchors": sorted(bundle.anchors)}


def _lines(bundle: TrustBundle) -> Iterator[str]:
    yield f"  version     {bundle.version}"
    for name in ("issued", "expires"):
        when = getattr(bundle, name)
        if when is not None:
            yield f"  {name:<11} {format_time(when)}"
    if bundle.roots is not None:
        yield f"  roots       {bundle.roots.threshold} of {len(bundle.roots.keys)}"
        yield from _key_lines(bundle.roots.keys)
    for anchor in bundle.anchors.values():
        yield from _anchor_lines(anchor)
    for authority in bundle.timestamp_authorities:
        subjects = ", ".join(one.subject.rfc4514_string() for one in authority.load())
        yield f"  timestamps  {authority.name}: {subjects}{_window(authority)}"


def _anchor_lines(anchor: TrustAnchor) -> Iterator[str]:
    yield f"  anchor      {anchor.name}: {anchor.threshold} of {len(anchor.keys)}"
    for name in ("subjects", "predicate_types", "payload_types"):
        limit = getattr(anchor, name)
        if limit is not None:
            yield f"    {name.replace('_', ' ')}: {', '.join(limit) or 'none'}"
    yield from _key_lines(anchor.keys)


def _key_lines(keys: Iterable[TrustKey]) -> Iterator[str]:
    for key in keys:
        yield f"    {key.status:<11} {key.algorithm} {key.public_key.keyid}{_window(key)}"


def _window(limited: TrustKey | TimestampAuthority) -> str:
    begin = f" from {format_time(limited.not_before)}" if limited.not_before else ""
    end = f" until {format_time(limited.not_after)}" if limited.not_after else ""
    return begin + end
