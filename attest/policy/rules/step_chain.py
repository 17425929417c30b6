"""Whether steps follow each other: the products of one are the materials of the next, digest by digest.

Rule: every material that is asked about must be a product of one link of the step before, made by who may do that step.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from attest import _globs
from attest._codec import pointer
from attest.digest import STRONG
from attest.policy._shapes import Context, Evidence, Failure, Rule
from attest.statement import predicate_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_MOST: Final = 16  # materials that are told of one link


def check(evidence: Evidence, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The link is of the last of `steps`, and each step's materials are the products of the step before it."""
    steps: Sequence[Mapping[str, Any]] = settings["steps"]
    last = steps[-1]
    name = evidence.predicate.get("name")
    if name != last["name"]:
        message = f"this is the link of step {str(name)[:100]!r}, and {last['name']!r} is the last one"
        yield Failure("step-mismatch", message, "/predicate/name", f"Give the link of step {last['name']!r}.")
        return
    allowed = last.get("anchors", context.anchors)
    if not evidence.vouched_by(allowed):
        message = f"step {last['name']!r} was done by {', '.join(evidence.anchors)}, who may not do it"
        yield Failure("step-mismatch", message, None, f"Have it done by one of: {', '.join(allowed or ())}.")
    links = _links(context.evidence)
    good = _of(links, steps[0], context)
    if not good:
        yield _missing(steps[0])
    for before, step in pairwise(steps[:-1]):
        candidates = _of(links, step, context)
        followed = [link for link in candidates if any(not list(_loose(link, step, one)) for one in good)]
        if not candidates:
            yield _missing(step)
        elif good and not followed:
            yield from _nearest(candidates, step, good, before)
        good = followed
    if good:
        yield from _nearest([evidence], last, good, steps[-2])


def _links(evidence: Iterable[Evidence]) -> dict[str, list[Evidence]]:
    types = predicate_types("link")
    found: dict[str, list[Evidence]] = defaultdict(list)
    for one in evidence:
        if one.statement.predicate_type in types and isinstance(one.predicate.get("name"), str):
            found[one.predicate["name"]].append(one)
    return found


def _of(links: Mapping[str, list[Evidence]], step: Mapping[str, Any], context: Context) -> list[Evidence]:
    """The links of a step by who may do it."""
    anchors = step.get("anchors", context.anchors)
    return [link for link in links.get(step["name"], ()) if link.vouched_by(anchors)]


def _missing(step: Mapping[str, Any]) -> Failure:
    by = f" by {' or '.join(step['anchors'])}" if "anchors" in step else ""
    message = f"no verified link says how step {step['name']!r} was done{by}"
    return Failure("step-missing", message, None, f"Give the link of step {step['name']!r} too.")


def _nearest(
    links: Iterable[Evidence], step: Mapping[str, Any], good: Iterable[Evidence], before: Mapping[str, Any]
) -> Iterator[Failure]:
    """What is loose between the two links that fit best; nothing where they fit."""
    before_all = list(good)
    loose = min((list(_loose(link, step, one)) for link in links for one in before_all), key=len)
    for where, message in loose[:_MOST]:
        hint = f"Run step {step['name']!r} on what step {before['name']!r} made, and nothing else."
        yield Failure("step-mismatch", f"{message} of step {before['name']!r}", where, hint)


def _loose(link: Evidence, step: Mapping[str, Any], before: Evidence) -> Iterator[tuple[str, str]]:
    """The materials of `link` that are no products of `before`: where they stand, and what is said of them."""
    products: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for subject in before.subjects:
        for algorithm, value in subject["digest"].items():
            if algorithm in STRONG:
                products[algorithm, value.lower()].append(subject["digest"])
    globs = step.get("materials", ("**",))
    materials = link.predicate.get("materials")
    compared = 0
    for index, material in enumerate(materials if isinstance(materials, list) else ()):
        if not isinstance(material, dict):
            continue
        name = str(material.get("name", material.get("uri", "")))
        if not any(_globs.matches(glob, name) for glob in globs):
            continue
        compared += 1
        digests = material.get("digest")
        if not isinstance(digests, dict) or not _is_product(digests, products):
            yield pointer("predicate", "materials", index), f"material {name[:200]!r} is no product"
    if not compared:
        yield pointer("predicate", "materials"), f"step {step['name']!r} used nothing that could be a product"


def _is_product(digests: Mapping[str, Any], products: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]) -> bool:
    """Whether a product has a strong digest in common with `digests`, and none that differs."""
    own = {name: str(value).lower() for name, value in digests.items()}
    return any(
        all(product.get(name, value).lower() == value for name, value in own.items())
        for key in own.items()
        for product in products.get(key, ())
    )


_STEP: Final = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"description": "The step's name, as its link has it.", "type": "string", "minLength": 1},
        "anchors": {
            "description": "Who may do it; the requirement's anchors, if it is left out.",
            "type": "array",
            "minItems": 1,
            "maxItems": 64,
            "items": {"type": "string", "minLength": 1},
        },
        "materials": {
            "description": "Globs for the materials that must be products of the step before; all, if it is left out.",
            "type": "array",
            "minItems": 1,
            "maxItems": 64,
            "items": {"type": "string", "minLength": 1},
        },
    },
    "additionalProperties": False,
}

RULE: Final = Rule(
    check,
    types=("link",),
    settings={
        "type": "object",
        "required": ["steps"],
        "properties": {
            "steps": {
                "description": "The steps in their order; the last one's link is the one that is about the artifact.",
                "type": "array",
                "minItems": 2,
                "maxItems": 32,
                "items": _STEP,
            }
        },
        "additionalProperties": False,
    },
    example="""\
steps = [
  { name = "build", anchors = ["ci"] },
  { name = "package", anchors = ["release"], materials = ["dist/**"] },
]
""",
    needs=("anchors",),
)
