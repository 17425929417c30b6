"""`attest inspect`: the content of an envelope or statement.

Rule: everything that is shown is marked as unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest._base.json import b64encode, dumps, loads, loads_object
from attest.cli import _commands, _options, _output
from attest.envelope import Envelope
from attest.errors import AttestError, InputError
from attest.predicates import _steps

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command(cls=_commands.Command, short_help="Show the content of an attestation without verifying it.")
@click.argument("source", metavar="FILE|-", callback=_options.check_stdin)
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, source: str) -> _output.Completed:
    """Show the content of an attestation without verifying it.

    FILE is an envelope or a statement. Anyone could have written it.
    """
    data = _options.read_input(source)
    try:
        claims = _with_outcome(_claims(data))
    except AttestError as error:
        raise _options.locate(error, source) from None
    return _output.done(session, _lines(source, claims), unverified=claims)


def _claims(data: bytes) -> dict[str, Any]:
    document = loads_object(data, what="the file")
    if "_type" in document and "predicateType" in document:
        return {"statement": document}
    if "payload" not in document:
        raise InputError(
            "not-an-attestation",
            "the file is neither an envelope nor a statement",
            hint="An envelope has `payload`, `payloadType` and `signatures`; a statement `_type` and `predicateType`.",
        )
    envelope = Envelope.from_json(data)
    claims: dict[str, Any] = {
        "payloadType": envelope.payload_type,
        "signatures": [{"keyid": signature.keyid, "bytes": len(signature.sig)} for signature in envelope.signatures],
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
    name = "standard input" if source == "-" else source
    yield f"UNVERIFIED: content of {name}; nothing is checked"
    if "payloadType" in claims:
        yield f"  payload type    {claims['payloadType']}"
    for index, signature in enumerate(claims.get("signatures", ())):
        yield f"  signature {index:<5} {signature['bytes']} bytes, keyid {signature['keyid'] or '(none)'}"
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
