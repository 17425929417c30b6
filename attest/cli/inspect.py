"""`attest inspect`: the content of an envelope or statement.

Rule: everything that is shown is marked as unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest._base.documents import STATEMENT, kind_of
from attest._base.json import b64encode, dumps, loads, loads_object
from attest.cli import _commands, _options, _output
from attest.cli._output import material, results
from attest.errors import InputError
from attest.predicates import _steps
from attest.sources import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.envelope import Envelope
    from attest.errors import AttestError
    from attest.limits import Limits
    from attest.sources import ReadEnvelope


@click.command(cls=_commands.Command, short_help="Show the content of an attestation without verifying it.")
@click.argument("source", metavar="FILE|-", callback=_options.check_stdin)
@_options.limit_option()
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, source: str, limits: Limits) -> _output.Completed:
    """Show the content of an attestation without verifying it.

    FILE is anything that `attest verify` reads, also with several attestations, or a statement that is not signed.
    Anyone could have written it.
    """
    stdin = _options.stdin() if source == "-" else None
    shown, ignored = [], []
    several = False
    for found in read_all([source], limits=limits, stdin=stdin):
        several = several or found.is_one_of_many
        if found.envelope is not None:
            claims = _with_outcome(_claims(found.envelope))
            shown.append((found.name, {**claims, **({"unchecked": list(found.unchecked)} if found.unchecked else {})}))
        elif found.unread is not None and kind_of(found.unread) is STATEMENT:
            statement = loads_object(found.unread, what="the statement", max_depth=limits.depth)
            shown.append((found.name, _with_outcome({"statement": statement})))
        elif found.error is not None:
            error = _options.locate(_not_an_attestation(found), found.name)
            if not found.is_one_of_many:
                raise error
            ignored.append((found.name, error))
    alike: dict[str, list[tuple[str, AttestError]]] = {}
    for name, error in ignored:
        alike.setdefault(error.code, []).append((name, error))
    for code, ((_, first), *others) in alike.items():
        same = _output.same_code((name for name, _ in others), len(others))
        _output.prose("note", f"ignored: {first} ({code}){same}")
    if not shown:
        hint = ignored[0][1].hint if ignored else None
        raise InputError("envelope-missing", "no attestation found", where=source, hint=hint)
    if not several:
        [(name, claims)] = shown
        return _output.done(session, _lines(name, claims), unverified=claims)
    unverified = {
        "attestations": [{"name": name, **claims} for name, claims in shown],
        "not_understood": [{"name": name, **results.why(error)} for name, error in ignored],
    }
    text = (line for name, claims in shown for line in _lines(name, claims))
    return _output.done(session, text, unverified=unverified)


def _not_an_attestation(found: ReadEnvelope) -> AttestError:
    """The error about a document; where its kind is not known, it says what an attestation has."""
    error = found.error or InputError("envelope-invalid", "no attestation found")
    try:
        members = loads_object(found.unread or b"", what="the file")
    except InputError:
        return error
    if "payload" in members or kind_of(found.unread or b"") is not None:
        return error
    return InputError(
        "not-an-attestation",
        "the file is neither an envelope nor a statement",
        hint="An envelope has `payload`, `payloadType` and `signatures`; a statement `_type` and `predicateType`.",
    )


def _claims(envelope: Envelope) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "payloadType": envelope.payload_type,
        "signatures": [
            {"keyid": signature.keyid, "bytes": len(signature.sig), **material.described(signature)}
            for signature in envelope.signatures
        ],
    }
    try:
        claims["statement"] = loads(envelope.unverified_payload, what="the payload")
    except InputError as error:
        claims["payload"] = b64encode(envelope.unverified_payload)
        claims["problem"] = str(error)
    return claims


def _with_outcome(claims: dict[str, Any]) -> dict[str, Any]:
    statement = claims.get("statement")
    if not isinstance(statement, dict) or not isinstance(kind := statement.get("predicateType"), str):
        return claims
    failed = _steps.failed(kind, statement.get("predicate"))
    return claims if failed is None else {**claims, "commandFailed": failed.how}


def _lines(source: str, claims: dict[str, Any]) -> Iterator[str]:
    name = _options.shown(source)
    yield f"UNVERIFIED: content of {name}; nothing is checked"
    if "payloadType" in claims:
        yield f"  payload type    {claims['payloadType']}"
    else:
        yield "  signatures      none: this statement is unsigned; sign it with `attest sign`"
    for index, signature in enumerate(claims.get("signatures", ())):
        yield f"  signature {index:<5} {signature['bytes']} bytes, keyid {signature['keyid'] or '(none)'}"
        yield from material.lines(signature)
    yield from (f"  not signed      {sentence}" for sentence in claims.get("unchecked", ()))
    if "problem" in claims:
        yield f"  payload         {claims['problem']}"
        return
    statement = claims["statement"]
    if not isinstance(statement, dict):
        yield "  payload         not a statement"
        return
    yield f"  statement       {statement.get('_type')}"
    subjects = statement.get("subject")
    for subject in subjects if isinstance(subjects, list) else ():
        yield f"  subject         {_subject(subject)}"
    yield f"  predicate       {statement.get('predicateType')}"
    if "commandFailed" in claims:
        yield f"  outcome         the command failed ({claims['commandFailed']})"
    yield from (f"    {line}" for line in dumps(statement.get("predicate"), indent=2).decode().splitlines())


def _subject(subject: Any) -> str:
    if not isinstance(subject, dict):
        return "not an object"
    digests = subject.get("digest")
    shown = (
        ", ".join(f"{name}:{value}" for name, value in digests.items()) if isinstance(digests, dict) else "no digest"
    )
    return f"{subject.get('name') or subject.get('uri') or '(no name)'} ({shown})"
