"""`attest predicate`: the predicate types that have a schema, and whether a predicate is a good one of its type.

Rule: what is checked here is what building, signing and verifying check; no signature is looked at, and that is said.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from attest import predicates
from attest._base.json import dumps, loads
from attest.cli import _commands, _exits, _options, _output, _result
from attest.errors import AttestError, InputError, Rejected
from attest.schema import MAX_FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from attest.schema import Violation
    from attest.schema.predicate_types import PredicateCheck, PredicateSchemas


_MORE = f"There may be more: at most {MAX_FAULTS} faults of a file are named."


class _CheckedPredicate(NamedTuple):
    """What became of one file: of which type it claims to be, and its faults; or why it can't be read."""

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
        found = [Rejected("predicate-invalid", fault.message, where=fault.pointer) for fault in self.faults]
        for error in found[-1:]:
            error.hint = _MORE if len(self.faults) >= MAX_FAULTS else self.hint
        return [_options.locate(error, self.file) for error in found]


@click.group(cls=_commands.Group, short_help="List and show predicate types, and check predicates.")
def command() -> None:
    """List and show the predicate types that have a schema, and check predicates against them."""


@command.command("list")
@_options.schema_dir_option
@_options.format_option
@click.pass_obj
def list_(session: _output.OutputContext, schema_dir: str | None) -> _output.Completed:
    """List the predicate types that have a schema: short name, URI, title."""
    schemas = _options.schemas(schema_dir)
    entries = [_entry(name, document, schemas) for name, document in schemas.documents.items()]
    widths = [max(len(entry[column]) for entry in entries) for column in ("name", "uri")]
    text = [
        f"{entry['name']:<{widths[0]}}  {entry['uri']:<{widths[1]}}  {entry['title'] or ''}".rstrip()
        for entry in entries
    ]
    return _output.done(session, text, predicate_types=entries)


@command.command()
@click.argument("name")
@click.option("--schema", is_flag=True, help="Print the JSON Schema itself.")
@_options.schema_dir_option
@_options.format_option
@click.pass_obj
def show(session: _output.OutputContext, name: str, schema: bool, schema_dir: str | None) -> _output.Completed:
    """Show what predicates of the type NAME need. NAME is a short name, an alias or a URI."""
    if schema and session.format == "json":
        raise click.UsageError("--format json has the schema in it; --schema prints it alone")
    schemas = _options.schemas(schema_dir)
    short, document = schemas.find(name)
    if schema:
        _output.document(None, dumps(document, indent=2))
        return _output.Completed()
    entry = _entry(short, document, schemas)
    return _output.done(session, _described(entry, document), predicate_types=[{**entry, "schema": document}])


@command.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, callback=_options.check_stdin)
@click.option(
    "--type",
    "predicate_type",
    metavar="NAME|URI",
    callback=_options.check_predicate_types,
    help="FILE is a predicate by itself, of this type.",
)
@_options.schema_dir_option
@_options.format_option
@click.pass_obj
def check(
    session: _output.OutputContext, files: tuple[str, ...], predicate_type: str | None, schema_dir: str | None
) -> _output.Completed:
    """Check the predicates in FILEs, and name every fault.

    FILE is a statement or an envelope, whose signatures are not looked at, or, with --type, a predicate by itself; or -
    for standard input.
    """
    if files.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    schemas = _options.schemas(schema_dir)
    wanted = None if predicate_type is None else schemas.uris(predicate_type)[0]
    checked = [_check(name, wanted, schemas) for name in dict.fromkeys(files)]
    text = [_verdict(one) for one in checked if not one.errors]
    details = [_result.predicate_check(*one[:5]) for one in checked]
    errors = [error for one in checked for error in one.errors]
    if not errors:
        return _output.done(session, text, checked=details)
    _output.undone(session, text, checked=details)
    raise _output.last_of(errors, _exits.gravest(reversed(errors)))


def _entry(name: str, document: Mapping[str, Any], schemas: PredicateSchemas) -> dict[str, Any]:
    builder = None if name in schemas.own else predicates.builder_for(name)
    return {
        "name": name,
        "uri": document["$id"],
        "aliases": list(document.get("x-aliases", ())),
        "title": document.get("title"),
        "own": name in schemas.own,
        "builder": None if builder is None else f"attest.predicates.{builder.__name__}",
    }


def _described(entry: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    yield f"{entry['name']}: {entry['title'] or '(no title)'}"
    yield f"  type            {entry['uri']}"
    yield from (f"  alias           {uri}" for uri in entry["aliases"])
    yield f"  required        {', '.join(document.get('required', ())) or '(nothing)'}"
    yield f"  builder         {entry['builder'] or '(none)'}"
    if document.get("description"):
        yield ""
        yield from (f"  {line}" for line in wrap(document["description"], 98))
    for example in document.get("examples", ())[:1]:
        yield from ("", "  example")
        yield from (f"    {line}" for line in dumps(example, indent=2).decode().splitlines())


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
    hint = "This looks like a statement or an envelope; leave out --type." if is_more else None
    return _CheckedPredicate(name, "predicate", wanted, inside, hint=hint)


def _attestation(name: str, data: bytes, schemas: PredicateSchemas) -> _CheckedPredicate:
    from attest.envelope import Envelope, is_in_toto
    from attest.statement import Statement

    document = loads(data, what="this")
    source, payload = "statement", data
    is_one = isinstance(document, dict) and "_type" in document
    if isinstance(document, dict) and "payload" in document:
        envelope = Envelope.from_json(data)
        source, payload = "envelope", envelope.unverified_payload
        is_one = is_in_toto(envelope.payload_type)
    if not is_one:
        raise InputError(
            "not-an-attestation",
            "this is neither a statement nor an envelope with one",
            hint="If it is a predicate by itself, name its type: --type NAME.",
        )
    statement = Statement.from_json(payload, allow_v0_1=True)
    faults = _demand(statement.predicate_type, schemas).all(statement.predicate, statement.document["subject"])
    return _CheckedPredicate(name, source, statement.predicate_type, faults)


def _demand(predicate_type: str, schemas: PredicateSchemas) -> PredicateCheck:
    found = schemas.for_type(predicate_type)
    if found is None:
        raise schemas.unknown(predicate_type)
    return found


def _verdict(one: _CheckedPredicate) -> str:
    unverified = "; UNVERIFIED: no signature was looked at" if one.source == "envelope" else ""
    file = "standard input" if one.file == "-" else one.file
    return f"valid: {file} ({one.predicate_type}{unverified})"
