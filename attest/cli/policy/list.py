"""`attest policy list`: the built-in rules.

Rule: what is printed about a rule comes from the rule itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from attest.cli import _commands, _options, _output
from attest.policy import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.policy import Rule


@click.command(cls=_commands.Command)
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext) -> _output.Completed:
    """List the built-in rules, with settings and an example."""
    found = {name: rule for name in rules.names() if (rule := rules.named(name)) is not None}
    described = [
        {
            "name": name,
            "summary": rule.summary,
            "types": list(rule.types),
            "needs": list(rule.needs),
            "settings": rule.settings,
            "example": rule.example,
        }
        for name, rule in found.items()
    ]
    text = [line for name, rule in found.items() for line in _rule(name, rule)]
    return _output.done(session, text, rules=described)


def _rule(name: str, rule: Rule) -> Iterator[str]:
    yield name
    yield f"  {rule.summary}"
    yield f"  for types   {', '.join(rule.types)}"
    if rule.needs:
        yield f"  requires    {', '.join(rule.needs)}"
    for setting, shape in rule.settings["properties"].items():
        required = " (required)" if setting in rule.settings.get("required", ()) else ""
        yield f"  setting     {setting}: {shape['description']}{required}"
    yield "  example"
    yield f"    [require.rules.{name}]"
    for line in rule.example.splitlines():
        yield f"    {line}"
    yield ""
