"""The roots of a trust bundle have the same life as an anchor's keys."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attest import InputError
from attest.trust import editing
from attest.trust.diff import diff
from attest.trust.editing import ROOTS
from tests.support.cli.calls import call
from tests.support.cli.inputs import copy_inputs
from tests.support.making.bundles import NOW, anchor, bundle, key
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner
from tests.support.watching import refused

CAROL = MemorySigner("ed25519", 4)
MONTH = timedelta(days=30)


def roots(*keys: Any, threshold: int = 1) -> dict[str, Any]:
    return {"roots": anchor(*keys, threshold=threshold)}


def test_roots_are_made_and_added_to() -> None:
    trust = editing.add(bundle(), ROOTS, [key(BOB)], now=NOW)
    assert trust.document["roots"] == {"threshold": 1, "keys": [key(BOB)]}
    trust = editing.add(trust, ROOTS, [key(MALLORY)], now=NOW, threshold=2)
    assert trust.document["roots"] == {"threshold": 2, "keys": [key(BOB), key(MALLORY)]}
    assert trust.anchors == bundle().anchors
    with refused(InputError, "key-duplicate"):
        editing.add(trust, ROOTS, [key(BOB)], now=NOW)


def test_a_root_is_retired_and_rotated() -> None:
    trust = bundle(**roots(CAROL, BOB))
    retired = editing.retire(trust, ROOTS, BOB.public_key.keyid, now=NOW, reason="left")
    assert retired.document["roots"]["keys"][1]["status"] == "retired"
    rotated = editing.rotate(trust, ROOTS, BOB.public_key.keyid, key(MALLORY), now=NOW, overlap=MONTH)
    assert rotated.document["roots"]["keys"][1]["status"] == "retired", "a root has no window, and so no overlap"
    assert rotated.document["roots"]["keys"][2]["keyid"] == MALLORY.public_key.keyid
    assert rotated.anchors == trust.anchors


def test_a_key_is_revoked_in_the_roots_too_and_added_to_neither() -> None:
    trust = editing.revoke(bundle(**roots(CAROL, BOB)), BOB.public_key.keyid, now=NOW)
    assert trust.document["roots"]["keys"][1]["status"] == "compromised"
    trust = editing.revoke(trust, ALICE.public_key.keyid, now=NOW)
    assert trust.anchors["release"].keys[0].status == "compromised"
    with refused(InputError, "key-compromised"):
        editing.add(trust, "release", [key(BOB)], now=NOW)
    with refused(InputError, "key-compromised"):
        editing.add(trust, ROOTS, [key(ALICE)], now=NOW)


def test_the_copy_for_verifiers_says_nothing_about_the_signers_of_roots() -> None:
    trust = bundle(**roots(key(BOB, signer="file:bob.pem")))
    assert b"bob.pem" not in editing.without_signers(trust).to_json()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, roots(BOB), [("anchor-added", "/roots", False), ("key-added", "/roots/keys/0", False)]),
        (roots(BOB), {}, [("anchor-removed", "/roots", True), ("key-removed", "/roots/keys/0", False)]),
        (roots(BOB), roots(BOB, MALLORY), [("key-added", "/roots/keys/1", True)]),
        (roots(BOB, MALLORY, threshold=2), roots(BOB, MALLORY), [("threshold-changed", "/roots/threshold", True)]),
    ],
)
def test_a_change_of_the_roots_is_found(old: Any, new: Any, expected: Any) -> None:
    found = diff(bundle(version=1, **old), bundle(version=2, **new))[1:]
    assert [(change.kind, change.where, change.weakened) for change in found] == expected


def test_the_roots_at_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    for line in (
        "add trust.json --roots --key sim:first --key sim:root",
        "rotate trust.json --roots --old-key sim:root --key stranger.pub.pem",
        "retire trust.json --roots --key stranger.pub.pem",
        "revoke trust.json --roots --key sim:first",
    ):
        assert call("trust", *line.split()).code == 0, line
    keys = json.loads(Path("trust.json").read_text())["roots"]["keys"]
    assert [entry["status"] for entry in keys] == ["compromised", "retired", "retired"]
    call("trust", "rotate", "trust.json", "--roots", "--key", "x", "--keyid", "0" * 64, "--overlap", "3d").refused(
        2, "validity period"
    )
    call("trust", "rotate", "trust.json", "app.intoto.json", "--roots", "--key", "x", "--keyid", "0" * 64).refused(
        2, "--roots"
    )


def test_several_changes_are_one_version_after_the_one_that_was_given_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    call("trust", "add", "trust.json", "--roots", "--key", "sim:root").done()
    call("trust", "sign", "trust.json", "--signer", "sim:root", "-o", "2.json").done()
    shutil.copy("trust.json", "older.json")
    for line in (
        "add trust.json --anchor nightly --key stranger.pub.pem --after 2.json",
        "rotate trust.json --anchor nightly --old-key stranger.pub.pem --key sim:new --after 2.json",
        "retire trust.json --anchor release --key release.pub.pem --after 2.json",
        "revoke trust.json --key stranger.pub.pem --after 2.json",
    ):
        call("trust", *line.split())
        assert json.loads(Path("trust.json").read_text())["version"] == 3, line
    call("trust", "sign", "trust.json", "--trust-root", "2.json", "--signer", "sim:root", "-o", "3.json").done()
    again = ("trust", "add", "older.json", "--anchor", "nightly", "--key", "stranger.pub.pem", "--after")
    call(*again, "3.json").refused(3, "trust-rollback")
    roots = json.loads(Path("older.json").read_text())["roots"]
    roots["mediaType"] = "application/vnd.attest.trust-roots.v1+json"
    Path("roots.json").write_text(json.dumps(roots))
    call(*again, "roots.json").refused(2, "roots file")
