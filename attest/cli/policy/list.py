"""`attest policy list`: the built-in rules.

Rule: what is printed about a rule comes from the rule itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from attest.cli import _commands, _options, _output
from attest.errors import InputError
from attest.policy import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.policy import Rule


@click.command(cls=_commands.Command)
@_options.format_option
@click.pass_obj
def command(session: _output.OutputContext) -> _output.Completed:
    """List the built-in rules, with settings and an example."""
    found = dict(_loaded(session))
    theirs = {name: plugin.distributions for name, plugin in rules.REGISTRY.plugins().items()}
    described = [
        {
            "name": name,
            **({"distribution": theirs[name]} if name in theirs else {}),
            "summary": rule.summary,
            "types": list(rule.types),
            "needs": list(rule.needs),
            "settings": rule.settings,
            "example": rule.example,
        }
        for name, rule in found.items()
    ]
    text = [line for name, rule in found.items() for line in _rule(name, rule, theirs.get(name))]
    return _output.done(session, text, rules=described)


def _loaded(session: _output.OutputContext) -> Iterator[tuple[str, Rule]]:
    """All rules by name, with a warning for a plug-in that cannot be loaded."""
    rules.REGISTRY.warn_of_ignored()
    for name in rules.names():
        try:
            rule = rules.named(name)
        except InputError as error:
            session.warn(f"{error} ({error.code})")
            continue
        if rule is not None:
            yield name, rule


def _rule(name: str, rule: Rule, distribution: str | None) -> Iterator[str]:
    yield name if distribution is None else f"{name} ({distribution})"
    yield f"  {rule.summary}"
    yield f"  for types   {', '.join(rule.types)}"
    if rule.needs:
        yield f"  requires    {', '.join(rule.needs)}"
    for setting, shape in rule.settings.get("properties", {}).items():
        required = " (required)" if setting in rule.settings.get("required", ()) else ""
        yield f"  setting     {setting}: {_description(shape)}{required}"
    yield "  example"
    yield f"    [require.rules.{name}]"
    for line in rule.example.splitlines():
        yield f"    {line}"
    yield ""


def _description(setting: Any) -> str:
    """What a setting is for; the rule of a plug-in may have no description."""
    return str(setting.get("description", "")) if isinstance(setting, dict) else ""
