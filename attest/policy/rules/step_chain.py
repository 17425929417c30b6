"""Whether steps follow each other: the products of one are the materials of the next, by digest.

Rule: every selected material must be a product of one link of the previous step, signed for an anchor of that step,
whose command succeeded.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from attest.policy._products import Products, materials_of
from attest.policy._shapes import ANCHORS, NAMES, Context, Rule, VerifiedAttestation
from attest.results.decisions import Failure
from attest.schema.predicate_types import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_MOST: Final = 16  # materials that are reported for one link


def check(evidence: VerifiedAttestation, settings: Mapping[str, Any], context: Context) -> Iterator[Failure]:
    """The link is of the last of `steps`, and each step's materials are the products of the step before it."""
    steps: Sequence[Mapping[str, Any]] = settings["steps"]
    last = steps[-1]
    name = evidence.predicate.get("name")
    if name != last["name"]:
        message = f"expected the link of the last step {last['name']!r}, found step {str(name)[:100]!r}"
        yield Failure("step-mismatch", message, "/predicate/name", f"Give the link of step {last['name']!r}.")
        return
    anchors = last.get("anchors", context.anchors)
    if not evidence.signed_for(anchors):
        wanted = " or ".join(map(repr, anchors))
        message = (
            f"step {last['name']!r} is signed for anchor {', '.join(map(repr, evidence.anchors))}, expected {wanted}"
        )
        yield Failure("step-mismatch", message, None, f"Have the link signed for anchor {wanted}.")
    failures, products = context.once(_before, settings)
    yield from failures
    if products is not None:
        yield from _nearest([evidence], last, products, steps[-2])


def _before(context: Context, settings: Mapping[str, Any]) -> tuple[list[Failure], Products | None]:
    """The failures of the steps before the last one, and the products of these steps if they follow each other."""
    steps: Sequence[Mapping[str, Any]] = settings["steps"]
    links = _links(context.evidence)
    good = _of(links, steps[0], context)
    failures = [] if good else [_missing(links, steps[0], context)]
    for before, step in pairwise(steps[:-1]):
        candidates = _of(links, step, context)
        products = Products(good)
        followed = [link for link in candidates if products.hold(materials_of(link, step))]
        if not candidates:
            failures.append(_missing(links, step, context))
        elif good and not followed:
            failures += _nearest(candidates, step, products, before)
        good = followed
    return failures, Products(good) if good else None


def _links(evidence: Iterable[VerifiedAttestation]) -> dict[str, list[VerifiedAttestation]]:
    types = OURS.uris("link")
    found: dict[str, list[VerifiedAttestation]] = defaultdict(list)
    for one in evidence:
        if one.statement.predicate_type in types and isinstance(one.predicate.get("name"), str):
            found[one.predicate["name"]].append(one)
    return found


def _of(
    links: Mapping[str, list[VerifiedAttestation]], step: Mapping[str, Any], context: Context
) -> list[VerifiedAttestation]:
    """The links of a step by its anchors, of commands that succeeded, unless the requirement allows others."""
    return [link for link in _by_whom(links, step, context) if context.allow_failed or link.command_failed is None]


def _by_whom(
    links: Mapping[str, list[VerifiedAttestation]], step: Mapping[str, Any], context: Context
) -> list[VerifiedAttestation]:
    anchors = step.get("anchors", context.anchors)
    return [link for link in links.get(step["name"], ()) if link.signed_for(anchors)]


def _missing(links: Mapping[str, list[VerifiedAttestation]], step: Mapping[str, Any], context: Context) -> Failure:
    """The failure if no link of a step counts."""
    for link in _by_whom(links, step, context):
        if link.command_failed is not None:
            message = f"the command of step {step['name']!r} failed ({link.command_failed.how}): {link.name}"
            hint = f"Fix step {step['name']!r}, run it and the later steps again; or set `allow_failed = true`."
            return Failure("command-failed", message, None, hint)
    by = f" signed for anchor {' or '.join(map(repr, step['anchors']))}" if "anchors" in step else ""
    message = f"no verified link of step {step['name']!r}{by}"
    return Failure("step-missing", message, None, f"Give the link of step {step['name']!r} too.")


def _nearest(
    links: Iterable[VerifiedAttestation], step: Mapping[str, Any], products: Products, before: Mapping[str, Any]
) -> Iterator[Failure]:
    """The materials that do not match between the two links that fit best."""
    best: list[tuple[str, str]] | None = None
    for link in links:
        materials = materials_of(link, step)
        if best is None or products.fewest_loose(materials) < len(best):
            loose = products.loose(materials)
            best = loose if best is None or len(loose) < len(best) else best
    for where, message in (best or ())[:_MOST]:
        hint = f"Run step {step['name']!r} only on products of step {before['name']!r}."
        yield Failure("step-mismatch", f"{message} of step {before['name']!r}", where, hint)


_STEP: Final = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"description": "Name of the step in its link.", "type": "string", "minLength": 1},
        "anchors": {
            "description": "Anchors that are allowed to sign its link. Default: those of the requirement.",
            **ANCHORS,
        },
        "materials": {
            "description": "Globs for the materials that must be products of the previous step. Default: all.",
            **NAMES,
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
                "description": "Steps in order; the link of the last one is about the artifact.",
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
