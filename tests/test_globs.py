"""Globs: what `*`, `?` and `**` mean in names and purls, and that no pattern takes long."""

from __future__ import annotations

import time

import pytest

from attest._globs import matches


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
