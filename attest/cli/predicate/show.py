"""`attest predicate show`: what a predicate type requires.

Rule: what is printed about a type comes from its schema.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from attest._base.json import dumps
from attest.cli import _commands, _options, _output
from attest.cli.predicate import _types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@click.command(cls=_commands.Command)
@click.argument("name")
@click.option("--schema", is_flag=True, help="Print the JSON Schema.")
@_options.schema_dir_option
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, name: str, schema: bool, schema_dir: str | None) -> _output.Completed:
    """Show the required fields of a predicate type.

    NAME is a short name, an alias or a URI.
    """
    schemas = _options.schemas(schema_dir)
    short, document = schemas.find(name)
    if schema and session.format == "text":  # a result object has the schema anyway
        _output.document(None, dumps(document, indent=2))
        return _output.Completed()
    entry = _types.describe(short, document, schemas)
    return _output.done(session, _described(entry, document), predicate_types=[{**entry, "schema": document}])


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
