"""Globs: what `*`, `?` and `**` mean in names and purls, and that no pattern takes long."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest._base.globbing import Ranked, chooses, matches, overlap, specificity

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("", ""),
        ("app.whl", "app.whl"),
        ("*.whl", "app.whl"),
        ("*.whl", ".whl"),
        ("*", ""),
        ("?", "é"),
        ("a?c", "abc"),
        ("pkg:pypi/acme/*", "pkg:pypi/acme/app@1.0"),
        ("pkg:pypi/acme/*", "pkg:pypi/acme/"),
        ("pkg:pypi/**", "pkg:pypi/acme/deep/app@1.0"),
        ("**", "a/b/c"),
        ("**/c", "a/b/c"),
        ("a**c", "a/b/c"),
        ("a***c", "a/b/c"),
        ("*/*", "a/b"),
        ("**.whl", "dist/app.whl"),
        ("[ab].{x,y}!", "[ab].{x,y}!"),
        ("a\\*", "a\\b"),
        ("*a*b*c*", "xxaxxbxxcxx"),
        ("../app.whl", "../app.whl"),
        ("app@*", "app@1..2"),
        ("dist/**", "dist/..app/app.../..."),
        ("dist/**", "dist/./app"),
    ],
)
def test_a_pattern_matches(pattern: str, name: str) -> None:
    assert matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("", "a"),
        ("a", ""),
        ("app.whl", "app.whl.sig"),
        ("app.whl", "xapp.whl"),
        ("app.whl", "App.whl"),
        ("*.whl", "dist/app.whl"),
        ("*.whl", "app.whl\n"),
        ("?", ""),
        ("?", "/"),
        ("?", "ab"),
        ("a?c", "a/c"),
        ("pkg:pypi/acme/*", "pkg:pypi/acme"),
        ("pkg:pypi/acme/*", "pkg:pypi/acme-evil/app"),
        ("pkg:pypi/acme/*", "pkg:pypi/acme/app/../../evil/app"),
        ("https://example.com/acme/**", "https://example.com/acme/../evil/app"),
        ("https://example.com/acme/**", "https://example.com/acme/%2e%2E/evil/app"),
        ("https://example.com/acme/**", "https://example.com/acme/.%2e%2Fevil/app"),
        ("https://example.com/acme/*", "https://example.com/acme/.."),
        ("https://example.com/acme/**", "https://example.com/acme/..?x#y"),
        ("https://example.com/acme**", "https://example.com/acme\\..\\evil"),
        ("dist/**", "dist/../app.whl"),
        ("**", ".."),
        ("*", "../"),
        ("**/c", "c"),
        ("*/*", "a/b/c"),
        ("[ab]", "a"),
        ("a.c", "abc"),
    ],
)
def test_a_pattern_does_not_match(pattern: str, name: str) -> None:
    assert not matches(pattern, name)


@pytest.mark.parametrize("wildcard", ["*", "**", "*?"])
def test_a_hostile_pattern_takes_no_longer_than_pattern_times_name(wildcard: str) -> None:
    before = time.process_time()
    assert not matches(f"{wildcard}a" * 100 + "b", "a" * 1000)
    # Backtracking would take longer than the age of the universe; this allows for a very slow machine.
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("app.whl", "*.whl"),
        ("a", "aaaa*"),
        ("pkg:pypi/acme/*", "pkg:pypi/**"),
        ("pkg:pypi/acme/*", "pkg:pypi/*/core"),
        ("acme-*", "*-1.0-py3-none-any.whl"),
        ("*.whl", "*"),
        ("*", "**"),
        ("a?c", "a*c"),
        ("a*b", "a*b*"),
    ],
)
def test_a_pattern_is_more_specific_than_another(more: str, less: str) -> None:
    assert specificity(more) > specificity(less)


def test_the_most_specific_is_chosen_among_those_that_match() -> None:
    patterns = ["**", "pkg:pypi/*", "pkg:pypi/acme/*", "pkg:pypi/acme/core/*"]
    assert Ranked(patterns).most_specific("pkg:pypi/acme/app") == ("pkg:pypi/acme/*",)
    assert Ranked(patterns).most_specific("app.whl") == ("**",)
    assert Ranked(["*.txt"]).most_specific("app.whl") == ()
    assert set(Ranked(["*a.whl", "*.whl", "*p.whl"]).most_specific("pa.whl")) == {"*a.whl"}
    assert set(Ranked(["?a", "a?", "aa", "*"]).most_specific("aa")) == {"aa"}
    assert set(Ranked(["?a?", "??a"]).most_specific("aaa")) == {"?a?", "??a"}


@given(st.lists(st.text("ab/*?.", max_size=6), max_size=6), st.text("ab/.*", max_size=7))
def test_the_ranked_are_those_that_a_look_at_each_of_them_finds(patterns: list[str], name: str) -> None:
    found = [pattern for pattern in patterns if matches(pattern, name)]
    best = max(map(specificity, found), default=None)
    assert set(Ranked(patterns).most_specific(name)) == {one for one in found if specificity(one) == best}


def test_many_globs_are_not_all_tried() -> None:
    ranked = Ranked([f"pkg:pypi/acme/lib-{number}/*" for number in range(1_000)] + ["**"])
    for number in range(1_000):
        name = f"pkg:pypi/acme/lib-{number}/core"
        assert ranked.most_specific(name) == (f"pkg:pypi/acme/lib-{number}/*",)
    assert ranked.tried == 1_000


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", True),
        ("a", "a", True),
        ("a", "b", False),
        ("a", "", False),
        ("*", "", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("*.whl", "acme-*", True),
        ("*.whl", "*.zip", False),
        ("a*/b", "a/*", True),
        ("*a", "?b", False),
        ("?", "/", False),
        ("?", "*", True),
        ("**/c", "a/*", True),
        ("a/*", "b/*", False),
        ("*x*", "*y*", True),
    ],
)
def test_two_patterns_overlap_if_one_name_matches_both(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is expected


@given(st.text("ab/*?", max_size=6), st.text("ab/*?", max_size=6), st.lists(st.text("ab/", max_size=5), max_size=20))
def test_a_name_that_both_match_means_that_they_overlap(one: str, other: str, names: list[str]) -> None:
    if any(matches(one, name) and matches(other, name) for name in names):
        assert overlap(one, other)
    assert overlap(one, one)


@given(st.text("ab/*?", max_size=4), st.text("ab/*?", max_size=4))
def test_patterns_that_overlap_have_a_name_in_common(one: str, other: str) -> None:
    longest = len(one) + len(other)
    if overlap(one, other) and longest <= 6:
        names = ("".join(name) for size in range(longest + 1) for name in product("ab/", repeat=size))
        assert any(matches(one, name) and matches(other, name) for name in names)


def test_a_name_that_climbs_is_allowed_nothing_and_let_off_nothing() -> None:
    assert not matches("dist/**", "dist/../evil")
    assert chooses("dist/**", "dist/../evil")


def test_many_globs_with_several_wildcards_are_followed_together() -> None:
    read = 0

    class Name(str):
        """A name that counts how many of its characters are looked at one by one."""

        def __getitem__(self, at: Any) -> Any:
            return Name(super().__getitem__(at))

        def __iter__(self) -> Iterator[str]:
            nonlocal read
            for character in super().__iter__():
                read += 1
                yield character

    ranked = Ranked([f"**a{number}*b{number}**.whl" for number in range(100)])
    name = Name("a1" * 2_000 + ".whl")
    assert ranked.most_specific(name) == ()
    assert read <= len(name)
