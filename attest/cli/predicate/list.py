"""`attest predicate list`: the predicate types that have a schema.

Rule: what is printed about a type comes from its schema.
"""

from __future__ import annotations

import click

from attest.cli import _commands, _options, _output
from attest.cli.predicate import _types


@click.command(cls=_commands.Command)
@_options.schema_dir_option
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext, schema_dir: str | None) -> _output.Completed:
    """List predicate types that have a schema."""
    schemas = _options.schemas(schema_dir)
    entries = [_types.describe(name, document, schemas) for name, document in schemas.documents.items()]
    widths = [max(len(entry[column]) for entry in entries) for column in ("name", "uri")]
    text = [
        f"{entry['name']:<{widths[0]}}  {entry['uri']:<{widths[1]}}  {entry['title'] or ''}".rstrip()
        for entry in entries
    ]
    return _output.done(session, text, predicate_types=entries)
