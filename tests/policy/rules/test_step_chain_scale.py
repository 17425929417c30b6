"""The rule step-chain finds what comparing each link with each other one finds, in time that grows with the links."""

from __future__ import annotations

import time
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Artifact, ResourceDescriptor
from attest._base import globbing
from attest.digest import STRONG
from attest.policy import Context, VerifiedAttestation
from attest.policy.rules import step_chain
from tests.support.examples import examples
from tests.support.making.bundles import NOW
from tests.support.making.keys import ALICE, BOB
from tests.support.making.policies import claim, codes, decide, link, policy
from tests.support.making.statements import ARTIFACT, DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest import Policy, Verified

LINK: Final = "https://in-toto.io/attestation/link/v0.3"
STEPS: Final = ("fetch", "build", "package")
_Told = tuple[str, str | None, str]


def content(*parts: object) -> str:
    """The SHA-256 of something that only it is."""
    return sha256(repr(parts).encode()).hexdigest()


# The rule as it reads, with every link compared with every other one.


def reference(one: VerifiedAttestation, steps: Sequence[dict[str, Any]], context: Context) -> list[_Told]:
    """Code, pointer and what is said, of each failure."""
    last = steps[-1]
    told: list[_Told] = []
    if one.predicate["name"] != last["name"]:
        message = f"expected the link of the last step {last['name']!r}, found step {one.predicate['name']!r}"
        return [("step-mismatch", "/predicate/name", message)]
    if not one.signed_for(last.get("anchors", context.anchors)):
        wanted = " or ".join(map(repr, last.get("anchors", context.anchors) or ()))
        signed = ", ".join(map(repr, one.anchors))
        message = f"step {last['name']!r} is signed for anchor {signed}, expected {wanted}"
        told.append(("step-mismatch", None, message))
    by_step = [_by_whom(step, context) for step in steps[:-1]]
    good = by_step[0]
    if not good:
        told.append(_missing(steps[0]))
    for (before, step), candidates in zip(pairwise(steps[:-1]), by_step[1:], strict=True):
        pairs = {(a, b): list(_loose(candidates[a], step, good[b])) for a, b in _pairs(candidates, good)}
        followed = [candidates[a] for a in range(len(candidates)) if any(not pairs[a, b] for b in range(len(good)))]
        if not candidates:
            told.append(_missing(step))
        elif good and not followed:
            told += _said(min(pairs.values(), key=len), before)
        good = followed
    if good:
        told += _said(min((list(_loose(one, last, before)) for before in good), key=len), steps[-2])
    return told


def _pairs(some: Sequence[VerifiedAttestation], others: Sequence[VerifiedAttestation]) -> Iterator[tuple[int, int]]:
    return ((a, b) for a in range(len(some)) for b in range(len(others)))


def _by_whom(step: dict[str, Any], context: Context) -> list[VerifiedAttestation]:
    anchors = step.get("anchors", context.anchors)
    return [one for one in context.evidence if one.predicate["name"] == step["name"] and one.signed_for(anchors)]


def _missing(step: dict[str, Any]) -> _Told:
    by = f" signed for anchor {' or '.join(map(repr, step['anchors']))}" if "anchors" in step else ""
    return "step-missing", None, f"no verified link of step {step['name']!r}{by}"


def _said(loose: list[tuple[str, str]], before: dict[str, Any]) -> list[_Told]:
    return [("step-mismatch", where, f"{message} of step {before['name']!r}") for where, message in loose[:16]]


def _loose(one: VerifiedAttestation, step: dict[str, Any], before: VerifiedAttestation) -> Iterator[tuple[str, str]]:
    compared = 0
    for index, material in enumerate(one.predicate["materials"]):
        if not any(globbing.chooses(glob, material["name"]) for glob in step.get("materials", ("**",))):
            continue
        compared += 1
        if not any(_same(material["digest"], subject["digest"]) for subject in before.subjects):
            yield f"/predicate/materials/{index}", f"material {material['name']!r} is not a product"
    if not compared:
        yield "/predicate/materials", f"step {step['name']!r} has no material that could be a product"


def _same(one: dict[str, str], other: Any) -> bool:
    common = [name for name in one if name in other]
    differ = any(one[name].lower() != other[name].lower() for name in common)
    return not differ and any(name in STRONG for name in common)


values = st.sampled_from([content(number) for number in range(3)])
digests = st.fixed_dictionaries(
    {"sha256": values},
    optional={"sha512": values.map(lambda text: text * 2), "md5": values.map(lambda text: text[:32])},
)
weak = st.fixed_dictionaries({"md5": values.map(lambda text: text[:32])})
files = st.tuples(st.sampled_from(["a", "dir/b", "dir/c"]), st.one_of(digests, digests, weak))


@st.composite
def links(draw: st.DrawFn) -> Verified:
    """The link of a step, with what it used and made; the last one is about the artifact."""
    name = draw(st.sampled_from(STEPS))
    materials = [{"name": path, "digest": made} for path, made in draw(st.lists(files, max_size=3))]
    strong = st.tuples(st.sampled_from(["a", "dir/b", "dir/c"]), digests)
    products = draw(st.lists(strong, min_size=1, max_size=3, unique_by=lambda one: one[0]))
    subjects = [ResourceDescriptor(path, made) for path, made in products]
    if name == STEPS[-1]:
        subjects.append(ResourceDescriptor("app.whl", {"sha256": DIGEST}))
    by = draw(st.sampled_from([ALICE, ALICE, BOB]))
    return claim({"name": name, "materials": materials}, by, kind=LINK, subjects=tuple(subjects))


steps = st.tuples(
    *(
        st.fixed_dictionaries(
            {"name": st.just(name)},
            optional={
                "anchors": st.sampled_from([["ci"], ["security"], ["ci", "security"]]),
                "materials": st.sampled_from([["dir/**"], ["a", "dir/b"]]),
            },
        )
        for name in STEPS
    )
)


@given(st.lists(links(), max_size=8), steps)
@examples(250)
def test_it_finds_what_comparing_each_with_each_finds(
    verified: list[Verified], asked: tuple[dict[str, Any], ...]
) -> None:
    evidence = [VerifiedAttestation(one, str(number)) for number, one in enumerate(verified)]
    context = Context(NOW, Artifact.of(ARTIFACT), evidence, ("ci",))
    for one in evidence:
        told = list(step_chain.check(one, {"steps": list(asked)}, context))
        assert [(failure.code, failure.pointer, failure.message) for failure in told] == reference(
            one, asked, Context(NOW, Artifact.of(ARTIFACT), evidence, ("ci",))
        )
        assert all(failure.hint for failure in told)


def chain(number: int, *, follows: bool) -> tuple[Policy, list[Verified]]:
    """As many builds, each with a step that packages what it made and no other did, and a licence that all have."""
    licence, made = {"LICENSE": content("licence")}, []
    for one in range(number // 2):
        product = {"app.bin": content(one)}
        stray = {} if follows else {"stray": content("stray", one)}
        made.append(link("build", {}, {**product, **licence}))
        made.append(link("package", {**product, **licence, **stray}, {"app.whl": DIGEST}))
    rule = {"step-chain": {"steps": [{"name": "build"}, {"name": "package"}]}}
    return policy({"anchors": ["ci"], "rules": rule}), made


@pytest.mark.parametrize("follows", [True, False])
def test_four_times_as_many_links_take_four_times_as_long_and_not_sixteen_times(follows: bool) -> None:
    took: dict[int, list[float]] = {250: [], 1000: []}
    chains = {number: chain(number, follows=follows) for number in took}
    for _ in range(3):  # by turns, so that what else the machine does slows both
        for number, (asked, made) in chains.items():
            began = time.thread_time()
            assert decide(asked, *made).yes is follows
            took[number].append(time.thread_time() - began)
    assert min(took[1000]) < 8 * min(took[250]), took


def test_a_last_link_of_somebody_else_is_a_no_and_names_who_may_do_it() -> None:
    build = link("build", {}, {"a.o": content("a")})
    package = link("package", {"a.o": content("a")}, {"app.whl": DIGEST}, by=BOB)
    rule = {"step-chain": {"steps": [{"name": "build"}, {"name": "package"}]}}
    decision = decide(policy({"anchors": ["ci"], "rules": rule}), build, package)
    assert codes(decision) == ["anchor-not-accepted", "step-mismatch"]
    assert decision.requirements[0].failures[1].hint == "Have the link signed for anchor 'ci'."
