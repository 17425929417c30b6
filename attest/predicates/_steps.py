"""What a statement says about the step that made its subjects: its name, builder, materials, and whether it failed.

Rule: it reads only predicates about a step, and makes no assumption about their shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import b64decode, loads_object
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.statement import Statement

# What SLSA provenance is called; the second is from before it was SLSA's. Without a scheme it has no shape that is
# known: no builder is found, so an anchor's limit refuses it.
_SLSA: Final = ("https://slsa.dev/provenance/", "https://in-toto.io/Provenance/")
PROVENANCE: Final = (*_SLSA, *(name.removeprefix("https://") for name in _SLSA))
_LINK: Final = "https://in-toto.io/attestation/link/"
_TRACE: Final = "https://in-toto.io/attestation/runtime-trace/"

# What `attest run` writes (docs/reference/buildtypes.md). Who pins the first never takes a failed build for a good one.
BUILD_TYPE: Final = "urn:attest:buildtype:run:v1"
FAILED_BUILD_TYPE: Final = "urn:attest:buildtype:run-failed:v1"


class BuildStep(NamedTuple):
    """A step as a predicate describes it; what it does not contain is None, or no materials.

    `materials` are ResourceDescriptors with `name`, `uri` and `digest` as far as they have the right type.
    """

    name: str | None = None
    builder: str | None = None
    build_type: str | None = None
    materials: tuple[Mapping[str, Any], ...] = ()


class Failed(NamedTuple):
    """A command that failed, according to the attestation: `how` it ended, and the JSON `pointer` to that place.

    `how` is "exit 3", "killed by SIGKILL" or "exit status unknown".
    """

    how: str
    pointer: str


class _Shape(NamedTuple):
    """Where a predicate has the parts of a Step, each a path of keys."""

    name: tuple[str, ...] = ()
    builder: tuple[str, ...] = ()
    build_type: tuple[str, ...] = ()
    materials: tuple[str, ...] = ("materials",)


_UNKNOWN: Final = "exit status unknown"
_LINK_SHAPE: Final = _Shape(name=("name",))
_V1: Final = _Shape(
    builder=("runDetails", "builder", "id"),
    build_type=("buildDefinition", "buildType"),
    materials=("buildDefinition", "resolvedDependencies"),
)
_V0_2: Final = _Shape(builder=("builder", "id"), build_type=("buildType",))
_V0_1: Final = _Shape(builder=("builder", "id"), build_type=("recipe", "type"))


def step(statement: Statement) -> BuildStep | None:
    """The step of a link or a SLSA provenance, or None for any other predicate."""
    shape = _shape(statement.predicate_type)
    if shape is None:
        return None
    predicate = statement.predicate
    found = _at(predicate, shape.materials)
    materials = tuple(
        [_descriptor(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    )
    name, builder, build_type = (_text(_at(predicate, path)) for path in shape[:3])
    return BuildStep(name, builder, build_type, materials)


def builder(statement: Statement) -> str | None:
    """The `builder.id` of a SLSA provenance."""
    shape = _shape(statement.predicate_type)
    # As it was parsed: a verification asks this, and would pay for a read-only copy.
    return None if shape is None else _text(_at(statement._content.whole().get("predicate"), shape.builder))


def command_failed(statement: Statement) -> Failed | None:
    """`failed`, for which the predicate of a type that says nothing about commands is not parsed."""
    kind = statement.predicate_type
    says = kind.startswith((_LINK, _TRACE)) or _shape(kind) is not None
    return failed(kind, statement.predicate) if says else None


def failed(predicate_type: str, predicate: Any) -> Failed | None:
    """How the command failed, according to a link, a provenance or a runtime trace; None if none of them says so.

    A link fails by any `return-value` but 0, by any tool: a value that is not a number is no success. A
    link without one says nothing. Provenance and traces say it by the build type of `attest run`; provenance also by
    the outcome beside that.
    """
    if predicate_type.startswith(_LINK):
        return _unsuccessful(_at(predicate, ("byproducts",)), "/predicate/byproducts")
    if predicate_type.startswith(_TRACE):
        kind = _at(predicate, ("monitoredProcess", "type"))
        return Failed(_UNKNOWN, "/predicate/monitoredProcess/type") if kind == FAILED_BUILD_TYPE else None
    shape = _shape(predicate_type)
    kind = None if shape is None else _at(predicate, shape.build_type)
    if shape is None or kind not in (BUILD_TYPE, FAILED_BUILD_TYPE):
        return None
    told = _outcome(_at(predicate, ("runDetails", "byproducts")))
    if kind == FAILED_BUILD_TYPE:
        return Failed(told.how if told else _UNKNOWN, "/".join(("/predicate", *shape.build_type)))
    return told


def _unsuccessful(outcome: Any, pointer: str) -> Failed | None:
    """What `return-value` and `signal` say, of a command that did not end with 0."""
    if not isinstance(outcome, dict):
        return None
    name = outcome.get("signal")
    if name is not None:
        named = isinstance(name, str) and name.isascii() and name.isalnum() and len(name) < 20
        return Failed(f"killed by {name if named else 'a signal'}", f"{pointer}/signal")
    status = outcome.get("return-value", 0)
    # Protobuf's JSON has 0.0 for 0; true is equal to 1, and is no number.
    if isinstance(status, bool) or not isinstance(status, int | float) or not -256 < status < 2**32 or status % 1:
        return Failed(_UNKNOWN, f"{pointer}/return-value")
    if status == 0:
        return None
    # Python has the negative number of a signal that ended a child.
    how = f"killed by signal {-int(status)}" if status < 0 else f"exit {int(status)}"
    return Failed(how, f"{pointer}/return-value")


def _outcome(byproducts: Any) -> Failed | None:
    for index, one in enumerate(byproducts if isinstance(byproducts, list) else ()):
        if isinstance(one, dict) and one.get("name") == "outcome":
            where = f"/predicate/runDetails/byproducts/{index}"
            try:
                told = loads_object(b64decode(one.get("content"), where=where), what="the outcome")
            except InputError:
                return Failed(_UNKNOWN, where)
            found = _unsuccessful(told, where)
            if found is not None:
                return found._replace(pointer=where)
    return None


def _shape(predicate_type: str) -> _Shape | None:
    if predicate_type.startswith(_LINK):
        return _LINK_SHAPE
    if predicate_type == f"{_SLSA[0]}v1":
        return _V1
    if predicate_type in [f"{name}v0.1" for name in _SLSA]:
        return _V0_1
    # Whatever version comes, the builder is looked for at the top: an anchor's limit finds none there, and refuses.
    return _V0_2 if predicate_type.startswith(_SLSA) else None


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if path else None


def _text(value: Any) -> str | None:
    """`value`, if it is text that says something: an empty builder.id names no builder."""
    return value if isinstance(value, str) and value else None


def _descriptor(item: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: item[key] for key in ("name", "uri") if isinstance(item.get(key), str)}
    digests = item.get("digest")
    if not isinstance(digests, dict):
        return named
    return named | {"digest": {key: value for key, value in digests.items() if isinstance(value, str)}}
