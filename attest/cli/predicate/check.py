"""`attest predicate check`: all errors of predicates.

Rule: no signature is verified, and the output says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from attest._base.json import loads
from attest.cli import _commands, _options, _output
from attest.cli._output import results
from attest.errors import AttestError, InputError, Rejected, gravest
from attest.schema import MAX_FAULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.schema import Violation
    from attest.schema.predicate_types import PredicateCheck, PredicateSchemas


_MORE = f"There may be more: at most {MAX_FAULTS} errors of a file are listed."


class _CheckedPredicate(NamedTuple):
    """One file: the type that it claims and its violations, or why it cannot be read."""

    file: str
    source: str
    predicate_type: str | None = None
    faults: Sequence[Violation] = ()
    error: AttestError | None = None
    hint: str | None = None

    @property
    def errors(self) -> list[AttestError]:
        if self.error is not None:
            return [self.error]
        found = [
            Rejected("predicate-invalid", fault.message, where=fault.pointer, hint=fault.hint) for fault in self.faults
        ]
        for error in found[-1:]:
            error.hint = _MORE if len(self.faults) >= MAX_FAULTS else self.hint or error.hint
        return [_options.locate(error, self.file) for error in found]


@click.command(cls=_commands.Command)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, callback=_options.check_stdin)
@click.option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    callback=_options.check_predicate_types,
    help="FILE is a predicate alone, of this type.",
)
@_options.schema_dir_option
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext, files: tuple[str, ...], predicate_type: str | None, schema_dir: str | None
) -> _output.Completed:
    """Check predicates and list all errors.

    FILE is a statement, an envelope (its signatures are not verified), `-`, or with --type a predicate alone.
    """
    if files.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    schemas = _options.schemas(schema_dir)
    wanted = None if predicate_type is None else schemas.uris(predicate_type)[0]
    checked = [_check(name, wanted, schemas) for name in dict.fromkeys(files)]
    text = [_verdict(one) for one in checked if not one.errors]
    details = [_describe(one) for one in checked]
    errors = [error for one in checked for error in one.errors]
    if not errors:
        return _output.done(session, text, checked=details)
    _output.undone(session, text, checked=details)
    raise _output.last_of(session, errors, gravest(reversed(errors)))


def _describe(one: _CheckedPredicate) -> dict[str, Any]:
    """One file in a result object; its type is what the file claims."""
    if one.error is not None:
        return {"file": one.file, "result": "error", **results.why(one.error)}
    return {
        "file": one.file,
        "from": one.source,
        "unverified_predicate_type": one.predicate_type,
        "result": "invalid" if one.faults else "valid",
        "faults": [{"where": fault.pointer, "rule": fault.rule, "message": fault.message} for fault in one.faults],
    }


def _check(name: str, wanted: str | None, schemas: PredicateSchemas) -> _CheckedPredicate:
    try:
        data = _options.read_input(name)
        return _predicate(name, data, wanted, schemas) if wanted is not None else _attestation(name, data, schemas)
    except AttestError as error:
        return _CheckedPredicate(name, "unknown", error=_options.locate(error, name))


def _predicate(name: str, data: bytes, wanted: str, schemas: PredicateSchemas) -> _CheckedPredicate:
    predicate = loads(data, what="the predicate")
    faults = _demand(wanted, schemas).all(predicate)
    inside = [fault._replace(pointer=fault.pointer.removeprefix("/predicate") or "/") for fault in faults]
    is_more = isinstance(predicate, dict) and ("predicateType" in predicate or "payload" in predicate)
    hint = "The file looks like a statement or an envelope. Leave out --type." if is_more else None
    return _CheckedPredicate(name, "predicate", wanted, inside, hint=hint)


def _attestation(name: str, data: bytes, schemas: PredicateSchemas) -> _CheckedPredicate:
    from attest.envelope import Envelope, is_in_toto
    from attest.statement import Statement

    document = loads(data, what="the file")
    source, payload = "statement", data
    is_one = isinstance(document, dict) and "_type" in document
    if isinstance(document, dict) and "payload" in document:
        envelope = Envelope.from_json(data)
        source, payload = "envelope", envelope.unverified_payload
        is_one = is_in_toto(envelope.payload_type)
    if not is_one:
        raise InputError(
            "not-an-attestation",
            "the file is neither a statement nor an envelope with a statement",
            hint="If it is a predicate alone, give its type: --type NAME.",
        )
    statement = Statement.from_json(payload, foreign=True)
    faults = _demand(statement.predicate_type, schemas).all(statement.predicate, statement.document["subject"])
    return _CheckedPredicate(name, source, statement.predicate_type, faults)


def _demand(predicate_type: str, schemas: PredicateSchemas) -> PredicateCheck:
    found = schemas.for_type(predicate_type)
    if found is None:
        raise schemas.unknown(predicate_type)
    return found


def _verdict(one: _CheckedPredicate) -> str:
    unverified = "; UNVERIFIED: signatures are not checked" if one.source == "envelope" else ""
    file = _options.shown(one.file)
    return f"valid: {file} ({one.predicate_type}{unverified})"
