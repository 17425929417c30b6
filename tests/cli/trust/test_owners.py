"""Owners of a trust bundle: its end, what a reviewer sees, and working copies that others have overtaken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from attest import TrustBundle
from tests.support.cli.calls import Ran, call
from tests.support.making.bundles import anchor, bundle_document
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner

OTHER = MemorySigner("ed25519", 9)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("trust.json", expires="2099-01-01T00:00:00Z")


def write(name: str, **fields: Any) -> None:
    anchors = {"release": anchor(ALICE, BOB, subjects=["app-*"])}
    roots = {"threshold": 1, "keys": anchor(MALLORY, OTHER)["keys"]}
    document = bundle_document(fields.pop("anchors", anchors), **{"roots": roots, **fields})
    Path(name).write_text(json.dumps(document))


def trust(*line: str) -> Ran:
    return call("trust", *line)


def own() -> TrustBundle:
    return TrustBundle.load("trust.json")


@pytest.mark.parametrize(("end", "weakened"), [("2100-01-31", True), ("2098-01-31", False)])
def test_the_end_is_moved(end: str, weakened: bool) -> None:
    ran = trust("limit", "trust.json", "--expires", end, "--format", "json").done().json
    assert [(one["kind"], one["weakened"]) for one in ran["changes"]] == [("expires-changed", weakened)]
    assert (own().version, own().document["expires"]) == (2, f"{end}T00:00:00Z")


def test_an_end_in_the_past_is_refused() -> None:
    trust("limit", "trust.json", "--expires", "2020-01-01").refused(3, "time-invalid")


@pytest.mark.parametrize(
    "options",
    [
        ("--anchor", "release", "--expires", "2098-01-01"),
        ("--roots", "--expires", "2098-01-01"),
        ("--threshold", "2", "--expires", "2098-01-01"),
    ],
)
def test_an_anchor_without_a_limit_or_a_limit_without_an_anchor_is_a_wrong_command_line(
    options: tuple[str, ...],
) -> None:
    before = Path("trust.json").read_bytes()
    assert trust("limit", "trust.json", *options).code == 2
    assert Path("trust.json").read_bytes() == before


def test_the_end_needs_no_roots_and_goes_together_with_a_limit() -> None:
    document = json.loads(Path("trust.json").read_bytes())
    del document["roots"]
    Path("trust.json").write_text(json.dumps(document))
    trust("limit", "trust.json", "--expires", "2098-01-01").done()
    assert b"not changed" in trust("limit", "trust.json", "--expires", "2098-01-01").done().stdout
    trust("limit", "trust.json", "--expires", "2097-01-01", "--anchor", "release", "--threshold", "2").done()
    assert (own().version, own().anchor("release").threshold) == (3, 2)


# Two owners change copies of one version.


def test_a_copy_that_was_overtaken_is_refused() -> None:
    shutil.copy("trust.json", "mine.json")
    trust("revoke", "trust.json", "--keyid", BOB.public_key.keyid).done()
    trust("limit", "mine.json", "--expires", "2090-01-01").done()
    before = Path("mine.json").read_bytes()
    said = trust("limit", "mine.json", "--expires", "2091-01-01", "--after", "trust.json").refused(3, "trust-fork")
    assert "compromised -> active" in said
    assert Path("mine.json").read_bytes() == before


def test_with_changes_of_its_own_it_may_not_bring_back_a_revoked_key() -> None:
    shutil.copy("trust.json", "mine.json")
    trust("revoke", "trust.json", "--keyid", BOB.public_key.keyid).done()
    for end in ("2091-01-01", "2092-01-01"):
        trust("limit", "mine.json", "--expires", end).done()
    trust("limit", "mine.json", "--expires", "2093-01-01", "--after", "trust.json").refused(3, "trust-fork")


def test_what_it_lacks_otherwise_is_a_warning() -> None:
    shutil.copy("trust.json", "mine.json")
    write("published.json", version=2, anchors={"release": anchor(ALICE, BOB, subjects=["app-*"]), "a": anchor(OTHER)})
    for end in ("2091-01-01", "2092-01-01"):
        trust("limit", "mine.json", "--expires", end).done()
    document = json.loads(Path("published.json").read_text())
    document["roots"]["keys"] = json.loads(Path("mine.json").read_text())["roots"]["keys"][:1]
    Path("published.json").write_text(json.dumps(document))
    ran = trust("limit", "mine.json", "--expires", "2093-01-01", "--after", "published.json")
    assert ran.code == 0
    assert b"/anchors/a: version 2 is published: anchor 'a' removed" in ran.stderr
    assert b"(published-change-lost)" in ran.stderr


def test_a_limit_of_the_other_owner_that_got_lost_is_a_warning() -> None:
    shutil.copy("trust.json", "mine.json")
    trust("limit", "trust.json", "--anchor", "release", "--subject", "app-1.*", "--threshold", "2").done()
    for end in ("2091-01-01", "2092-01-01"):
        trust("limit", "mine.json", "--expires", end).done()
    ran = trust("limit", "mine.json", "--expires", "2093-01-01", "--after", "trust.json")
    assert ran.code == 0
    said = ran.stderr.decode()
    assert said.count("(published-change-lost)") == 2
    assert "version 2 is published: anchor 'release': threshold: 2 -> 1" in said
    assert "version 2 is published: anchor 'release': app-* added to subjects" in said


def test_a_copy_of_the_published_version_goes_on_without_a_word() -> None:
    trust("show", "trust.json", "--public", "-o", "1.json").done()
    for end in ("2091-01-01", "2092-01-01"):
        trust("limit", "trust.json", "--expires", end, "--after", "1.json").done()
    assert own().version == 2


# What a reviewer must see.


def changed(**new: Any) -> str:
    write("new.json", version=2, expires="2099-01-01T00:00:00Z", **new)
    return call("trust", "diff", "trust.json", "new.json").stdout.decode()


def test_a_new_anchor_is_shown_with_its_limits_or_that_it_has_none() -> None:
    old = anchor(ALICE, BOB, subjects=["app-*"])
    new = anchor(MemorySigner("ed25519", 7), subjects=["app-1.*"], predicate_types=["https://a.example/x"])
    text = changed(anchors={"release": old, "one": new, "two": anchor(MemorySigner("ed25519", 8))})
    assert "new anchor 'one': 1 of 1 key (weakened)\n" in text
    assert "anchor 'one': subjects limited to app-1.*\n" in text
    assert "anchor 'one': predicate types limited to https://a.example/x\n" in text
    assert "new anchor 'two': 1 of 1 key, for all subjects (weakened)\n" in text


def test_a_letter_of_another_alphabet_is_named() -> None:
    text = changed(anchors={"release": anchor(ALICE, BOB, subjects=["app-*", "\u0430pp-*"])})
    assert "    not ASCII: U+0430 CYRILLIC SMALL LETTER A\n" in text


def test_a_difference_in_the_middle_of_a_long_value_shows() -> None:
    text = changed(**{"x-note": "a" * 5000 + "b" + "a" * 5000})
    other = changed(**{"x-note": "a" * 5000 + "c" + "a" * 5000})
    assert "... (sha256:" in text
    assert text != other


def test_roots_that_can_never_count_are_not_counted() -> None:
    trust("revoke", "trust.json", "--roots", "--keyid", OTHER.public_key.keyid)
    shown = trust("show", "trust.json").done().stdout.decode()
    assert "roots       1 of 1 (1 more can never count)" in shown


def test_an_anchor_without_subjects_beside_one_with_them_is_warned_about() -> None:
    write("new.json", anchors={"release": anchor(ALICE, subjects=["app-*"]), "all": anchor(BOB)})
    assert (
        b"/anchors/all: anchor 'all' has no subjects, so it may sign for every name"
        in call("trust", "check", "new.json").stderr
    )
    different = anchor(BOB, predicate_types=["https://a.example/y"])
    first = anchor(ALICE, subjects=["app-*"], predicate_types=["https://a.example/x"])
    write("new.json", anchors={"release": first, "all": different})
    assert b"subjects-unlimited" not in call("trust", "check", "new.json").stderr
