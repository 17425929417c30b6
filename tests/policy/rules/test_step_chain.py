"""The rule step-chain: the products of one step are the materials of the next."""

from __future__ import annotations

from typing import Any

import pytest

from attest import ResourceDescriptor
from tests.support.making.keys import BOB, MALLORY
from tests.support.making.policies import JUNK, OBJECT, SOURCE, chain, claim, codes, decide, link, no
from tests.support.making.statements import DIGEST

BUILD = link("build", {"a.c": SOURCE}, {"a.o": OBJECT})
PACKAGE = link("package", {"a.o": OBJECT}, {"app.whl": DIGEST})


def test_the_products_of_one_step_are_the_materials_of_the_next() -> None:
    assert decide(chain("build", "package"), BUILD, PACKAGE).yes
    fetch = link("fetch", {}, {"a.c": SOURCE})
    assert decide(chain("fetch", "build", "package"), PACKAGE, BUILD, fetch).yes


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ((PACKAGE,), ["step-missing"]),
        ((BUILD,), ["evidence-missing"]),
        ((BUILD, link("package", {"a.o": JUNK}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((BUILD, link("package", {"a.o": OBJECT, "b": JUNK}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((BUILD, link("package", {}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((BUILD, link("pack", {"a.o": OBJECT}, {"app.whl": DIGEST})), ["step-mismatch"]),
        ((link("build", {}, {"a.o": OBJECT}, by=MALLORY), PACKAGE), ["step-missing"]),
        ((link("build", {}, {"a.o": JUNK}), link("build", {}, {"b.o": JUNK}), PACKAGE), ["step-mismatch"]),
    ],
)
def test_steps_that_do_not_follow_each_other_are_a_no(links: tuple[Any, ...], expected: list[str]) -> None:
    assert codes(decide(chain("build", "package"), *links)) == expected


def test_the_last_step_by_somebody_else_is_a_no_that_names_who_may_do_it() -> None:
    stranger = link("package", {"a.o": OBJECT}, {"app.whl": DIGEST}, by=MALLORY)
    for steps in (("build", "package"), ("build", {"name": "package", "anchors": ["ci"]})):
        failures = no(decide(chain(*steps), BUILD, stranger))
        assert [failure.code for failure in failures] == ["anchor-not-accepted", "step-mismatch"]
        assert failures[1].hint == "Have the link signed for anchor 'ci'."


def test_what_two_builds_made_is_not_what_one_made() -> None:
    one, two = link("build", {}, {"a.o": OBJECT}), link("build", {}, {"b.o": JUNK})
    both = link("package", {"a.o": OBJECT, "b.o": JUNK}, {"app.whl": DIGEST})
    assert codes(decide(chain("build", "package"), one, two, both)) == ["step-mismatch"]


def test_a_chain_is_followed_through_its_middle() -> None:
    stray = link("fetch", {}, {"x.c": JUNK})
    failures = no(decide(chain("fetch", "build", "package"), stray, BUILD, PACKAGE))
    assert [failure.code for failure in failures] == ["step-mismatch"]
    assert "'fetch'" in failures[0].message


def test_who_does_a_step_is_said_for_each() -> None:
    by_bob = link("build", {}, {"a.o": OBJECT}, by=BOB)
    asked = chain({"name": "build", "anchors": ["security"]}, "package")
    assert decide(asked, by_bob, PACKAGE).yes
    assert codes(decide(asked, BUILD, PACKAGE)) == ["step-missing"]
    last = chain("build", {"name": "package", "anchors": ["security"]})
    assert codes(decide(last, BUILD, PACKAGE)) == ["step-mismatch"]


def test_only_the_materials_that_are_named_must_be_products() -> None:
    extra = link("package", {"dist/a.o": OBJECT, "tools/x": JUNK}, {"app.whl": DIGEST})
    assert decide(chain("build", {"name": "package", "materials": ["dist/**"]}), BUILD, extra).yes
    assert not decide(chain("build", {"name": "package", "materials": ["tools/**"]}), BUILD, extra).yes
    assert not decide(chain("build", {"name": "package", "materials": ["none/**"]}), BUILD, extra).yes


def test_a_material_may_have_a_uri_in_place_of_a_name() -> None:
    step = {"name": "package", "materials": ["dist/**"]}
    for digest, yes in ((OBJECT, True), (JUNK, False)):
        for names in ({"uri": "dist/b.o"}, {"name": "dist/b.o", "uri": "tools/b.o"}):
            materials = [{"name": "dist/a.o", "digest": {"sha256": OBJECT}}, {**names, "digest": {"sha256": digest}}]
            made = claim({"name": "package", "materials": materials}, kind="https://in-toto.io/attestation/link/v0.3")
            assert decide(chain("build", step), BUILD, made).yes == yes


def test_a_material_whose_name_climbs_is_asked_about_all_the_same() -> None:
    both = link("package", {"a.o": OBJECT, "dist/../b.o": JUNK}, {"app.whl": DIGEST})
    assert codes(decide(chain("build", "package"), BUILD, both)) == ["step-mismatch"]
    named = {"name": "package", "materials": ["*.o", "dist/**"]}
    assert codes(decide(chain("build", named), BUILD, both)) == ["step-mismatch"]


def test_a_product_that_differs_in_another_digest_is_another_one() -> None:
    product = ResourceDescriptor("a.o", {"sha256": OBJECT, "sha512": "dd" * 64})
    build = claim({"name": "build"}, kind="https://in-toto.io/attestation/link/v0.3", subjects=(product,))
    material = {"name": "a.o", "digest": {"sha256": OBJECT, "sha512": "ee" * 64}}
    made = claim({"name": "package", "materials": [material]}, kind="https://in-toto.io/attestation/link/v0.3")
    assert codes(decide(chain("build", "package"), build, made)) == ["step-mismatch"]
