"""What a statement says of the step that made its subjects: its name, its builder, and what it was made from.

Rule: it reads the predicates that speak of a step and no others, and takes nothing for granted about their shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.statement import Statement

# What SLSA provenance is called; the second is from before it was SLSA's.
PROVENANCE: Final = ("https://slsa.dev/provenance/", "https://in-toto.io/Provenance/")
_LINK: Final = "https://in-toto.io/attestation/link/"


class Step(NamedTuple):
    """A step as a predicate tells it; what it doesn't tell is None, or no materials.

    `materials` are ResourceDescriptors with `name`, `uri` and `digest` as far as they have the right type.
    """

    name: str | None = None
    builder: str | None = None
    build_type: str | None = None
    materials: tuple[Mapping[str, Any], ...] = ()


class _Shape(NamedTuple):
    """Where a predicate has the parts of a Step, each a path of keys."""

    name: tuple[str, ...] = ()
    builder: tuple[str, ...] = ()
    build_type: tuple[str, ...] = ()
    materials: tuple[str, ...] = ("materials",)


_LINK_SHAPE: Final = _Shape(name=("name",))
_V1: Final = _Shape(
    builder=("runDetails", "builder", "id"),
    build_type=("buildDefinition", "buildType"),
    materials=("buildDefinition", "resolvedDependencies"),
)
_V0_2: Final = _Shape(builder=("builder", "id"), build_type=("buildType",))
_V0_1: Final = _Shape(builder=("builder", "id"), build_type=("recipe", "type"))


def step(statement: Statement) -> Step | None:
    """The step that a link or a SLSA provenance tells of, or None for a predicate that tells of none."""
    shape = _shape(statement.predicate_type)
    if shape is None:
        return None
    predicate = statement.predicate
    found = _at(predicate, shape.materials)
    materials = tuple(
        [_descriptor(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    )
    name, builder, build_type = (_text(_at(predicate, path)) for path in shape[:3])
    return Step(name, builder, build_type, materials)


def builder(statement: Statement) -> str | None:
    """The `builder.id` of a SLSA provenance."""
    shape = _shape(statement.predicate_type)
    # As it was parsed: a verification asks this, and would pay for a read-only copy.
    return None if shape is None else _text(_at(statement._plain().get("predicate"), shape.builder))


def _shape(predicate_type: str) -> _Shape | None:
    if predicate_type.startswith(_LINK):
        return _LINK_SHAPE
    if predicate_type == f"{PROVENANCE[0]}v1":
        return _V1
    if predicate_type in [f"{name}v0.1" for name in PROVENANCE]:
        return _V0_1
    # Whatever version comes, the builder is looked for at the top: an anchor's limit finds none there, and refuses.
    return _V0_2 if predicate_type.startswith(PROVENANCE) else None


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if path else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _descriptor(item: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: item[key] for key in ("name", "uri") if isinstance(item.get(key), str)}
    digests = item.get("digest")
    if not isinstance(digests, dict):
        return named
    return named | {"digest": {key: value for key, value in digests.items() if isinstance(value, str)}}
