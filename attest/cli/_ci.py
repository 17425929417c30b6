"""`attest build --ci`: the predicate that a pipeline's environment fills in.

Rule: what isn't proven is printed as a warning, one line each, besides being recorded.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from attest.building import ci
from attest.building.run.masking import Masker
from attest.cli import _options, _output
from attest.cli._choices import RegistryChoice
from attest.errors import InputError
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.building.ci import Build
    from attest.cli._options import Decorator

TYPE = "slsa-provenance"

ci_option: Decorator = click.option(
    "--ci",
    "system",
    type=RegistryChoice(ci.REGISTRY, "auto"),
    help="Fill SLSA provenance from the environment of this CI system, or of the one that is recognised.",
)
builder_option: Decorator = click.option(
    "--builder-id", metavar="URI", help="The builder of --ci, where only you know who it is."
)


def predicate(
    system: str | None, builder_id: str | None, public: Sequence[str], *, given: str | None, kind: str | None
) -> dict[str, Any]:
    """What --ci fills in, secrets masked, or nothing without it.

    `public` names variables that hold no secrets; `given` is the predicate's file, `kind` the type asked for.
    """
    if system is None:
        if builder_id is not None:
            raise click.UsageError("--builder-id goes with --ci")
        if public:
            raise click.UsageError("--not-secret goes with --ci")
        return {}
    if given is not None:
        raise click.UsageError("--ci fills in the predicate, so --predicate can't give it")
    if kind is not None and OURS.uris(kind)[0] != OURS.uris(TYPE)[0]:
        raise click.UsageError(f"--ci fills in a predicate of type {TYPE} and no other")
    masker = Masker(os.environ, public)
    filled: dict[str, Any] = masker.document(described(system, builder_id).provenance())
    _options.say_masked(masker)
    return filled


def described(system: str | None, builder_id: str | None) -> Build:
    """The build that the environment describes, its doubts printed.

    Without a `system` it is that of the builder which is named. Raises InputError as `ci.detect`, and `ci-unknown`.
    """
    if system is None:
        if builder_id is None:
            raise click.UsageError("say who runs the command: --ci NAME, or --builder-id URI")
        build: Build | None = ci.Build("", builder_id, {}, [])
    else:
        build = ci.detect(os.environ, ".", None if system == "auto" else system)
    if build is None:
        message = "no CI system is recognised here, and git finds no commit in this folder"
        raise InputError("ci-unknown", message, hint="Run it in the folder of the sources, or choose one: --ci NAME.")
    if builder_id is not None:
        build = build.by(builder_id)
    for doubt in build.doubts:
        _output.prose("warning", f"{doubt.message} ({doubt.code})")
    return build
