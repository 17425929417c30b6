"""The worked example of each public room runs as it is written, in an empty directory."""

from __future__ import annotations

import doctest
import pydoc
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import attest

if TYPE_CHECKING:
    from pathlib import Path

ROOMS = [
    "attest",
    "attest.building",
    "attest.bulk",
    "attest.collection",
    "attest.converting",
    "attest.evidence",
    "attest.interop",
    "attest.keys",
    "attest.policy",
    "attest.predicates",
    "attest.resigning",
    "attest.results",
    "attest.signers",
    "attest.signing",
    "attest.sources",
    "attest.timestamps",
    "attest.trust",
]


@pytest.mark.parametrize("name", ROOMS)
def test_the_example_of_a_room_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = import_module(name).__doc__ or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    assert example.examples, "there is no example"
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    assert runner.run(example, out=said.append).failed == 0, "".join(said)


def test_the_manual_is_one_page_and_leads_to_every_room() -> None:
    manual = attest.__doc__ or ""
    assert len(manual.splitlines()) <= 66
    assert all(f"    {name} " in manual for name in ROOMS[1:])
    assert manual.splitlines()[10] in pydoc.render_doc(attest)
