"""`--ci` and `--builder-id`: provenance from the environment of a CI system.

Rule: every caveat is recorded, and printed as a warning of one line.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest._base.times import format_time
from attest.building import ci
from attest.building.run.masking import Masker
from attest.cli import _output
from attest.cli._options.choices import RegistryChoice
from attest.errors import InputError
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attest.building.ci import Build, Caveat
    from attest.cli._options import Decorator

TYPE = "slsa-provenance"

ci_option: Decorator = click.option(
    "--ci",
    "system",
    type=RegistryChoice(ci.REGISTRY, "auto"),
    help="Make SLSA provenance from the environment of this CI system; `auto` detects it.",
)
builder_option: Decorator = click.option(
    "--builder-id", metavar="URI", help="URI of the builder. Nothing confirms it. Requires --ci."
)


def predicate(
    system: str | None, builder_id: str | None, public: Sequence[str], *, given: str | None, kind: str | None
) -> dict[str, Any]:
    """The predicate that --ci makes, with secrets masked; empty without --ci.

    `public` names variables that contain no secrets; `given` is the file of --predicate, `kind` the type of --type.
    """
    if system is None:
        if builder_id is not None:
            raise click.UsageError("--builder-id requires --ci")
        if public:
            raise click.UsageError("--not-secret requires --ci")
        return {}
    if given is not None:
        raise click.UsageError("--ci and --predicate cannot be used together")
    if kind is not None and OURS.uris(kind)[0] != OURS.uris(TYPE)[0]:
        raise click.UsageError(f"--ci makes a predicate of type {TYPE}; --type must be the same or missing")
    masker = Masker(os.environ, public)
    # The files are there, so the build has ended by now.
    finished = format_time(datetime.now(UTC))
    filled: dict[str, Any] = masker.document(described(system, builder_id).provenance(finished_on=finished))
    warn_masked(masker)
    return filled


def warn_masked(masker: Masker, names: Sequence[str] = ()) -> None:
    """Warn about what was masked, and about secrets in the `names` of subjects, which are not masked."""
    if masker.found:
        _output.prose("warning", f"masked in the attestation: {', '.join(masker.found)}")
    if masker.secret_in("\n".join(names)):
        found = next(
            (f"{name!r} contains {kind}" for name in names if (kind := masker.secret_in(name))),
            "one of them contains a secret",
        )
        _output.prose("warning", f"names of subjects are not masked: {found}")


def described(system: str | None, builder_id: str | None) -> Build:
    """The build that the environment describes; prints its caveats.

    Without a `system` it is only what --builder-id says. Raises InputError as `ci.detect`, and `ci-unknown`.
    """
    if system is None:
        if builder_id is None:
            raise click.UsageError("a builder is required: --ci NAME or --builder-id URI")
        build: Build | None = ci.Build("", builder_id, {}, [])
    else:
        build = ci.detect(os.environ, ".", None if system == "auto" else system)
    if build is None:
        detected = "no CI system detected, and " if system == "auto" else ""
        reason = ci.refusal(".", os.environ)
        message = f"{detected}no git commit found in this directory{f' ({reason})' if reason else ''}"
        hint = "Run the command in the directory of the sources, or name the CI system: --ci NAME."
        raise InputError("ci-unknown", message, hint=hint)
    if builder_id is not None:
        build = build.by(builder_id)
    warn(build.caveats)
    return build


def warn(caveats: Iterable[Caveat]) -> None:
    """Print a warning for each caveat."""
    for caveat in caveats:
        _output.prose("warning", f"{caveat.message} ({caveat.code})")
