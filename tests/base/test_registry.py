"""Open registries: entry points are read when a name is not ours, and nothing of a plug-in is imported before that."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from attest import signers
from attest._base import plugins
from attest.errors import SignerError
from tests.support.cli.calls import program, python
from tests.support.cli.inputs import copy_inputs
from tests.support.plugins import ACME, PLUGIN, acme, offer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["acme"]
GROUPS = ["attest.signers", "attest.evidence", "attest.ci", "attest.policy_rules", "attest.sources"]


def test_the_third_party_adds_to_every_registry() -> None:
    assert sorted(ACME) == sorted(GROUPS)


def test_names_are_listed_and_nothing_is_imported(acme: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]
    assert signers.schemes()[-1] == "broken"
    assert signers.schemes().count("file") == 1
    assert "acme" in signers.REGISTRY
    assert not {"acme_attest", "acme_broken"} & set(sys.modules)


def test_what_is_ignored_is_a_warning_of_the_library(acme: Path, caplog: pytest.LogCaptureFixture) -> None:
    offer(acme, "odd-attest", {"attest.signers": {"Odd Name": "acme_attest"}})
    signers.REGISTRY.warn_of_ignored()
    texts = [record.message for record in caplog.records if record.name == "attest"]
    assert len(texts) == 4
    assert [text for text in texts if "'Odd Name' (attest.signers) of odd-attest is ignored: names have only" in text]
    assert signers.REGISTRY.find("Odd Name") is None


def test_metadata_that_cannot_be_read_hides_plug_ins_and_stops_nothing(acme: Path) -> None:
    (acme / "acme_attest-1.0.dist-info" / "entry_points.txt").write_bytes(b"[attest.signers]\nx = \xff\xfe")
    assert "file" in signers.schemes()
    (acme / "acme_attest-1.0.dist-info" / "entry_points.txt").write_text("[attest.signers]\nx = a b c\n")
    plugins.entries.cache_clear()
    with pytest.raises(SignerError, match=r"'x' \(attest.signers\) of acme-attest failed"):
        signers.open_signer("x:y")


def test_a_module_that_is_not_installed_is_named(acme: Path) -> None:
    offer(acme, "lost-attest", {"attest.signers": {"lost": "module_that_is_nowhere:scheme"}})
    with pytest.raises(SignerError, match="of lost-attest needs the module 'module_that_is_nowhere'"):
        signers.open_signer("lost:x")


@pytest.mark.parametrize(
    "line",
    [
        ["build", "app.whl", "--type", "https://example.com/x/v1"],
        ["build", "app.whl", "--from", "grype.json", "--detail", "scanStartedOn=2026-11-01T00:00:00Z"],
        ["sign", "statement.json", "--signer", "file:release.pem"],
        ["key", "generate", "file:key.pem"],
        ["trust", "init", "--anchor", "a", "--key", "release.pub.pem"],
        ["policy", "check", "policy.toml"],
        ["verify", "app.intoto.json", "--trust", "trust.json", "--artifact", "app.whl"],
    ],
    ids=lambda line: " ".join(line[:3]),
)
def test_what_needs_no_plug_in_never_asks_for_the_list_of_them(line: list[str], tmp_path: Path) -> None:
    copy_inputs(tmp_path)
    script = (
        "import json, sys; from attest._base import plugins; from attest.cli import main; code = main(sys.argv[1:]);"
        "print(json.dumps([code, plugins.entries.cache_info().misses]), file=sys.stderr)"
    )
    ran = python("-c", script, *line, cwd=tmp_path)
    assert json.loads(ran.prose[-1]) == [0, 0], ran.prose


def test_a_broken_plug_in_does_not_stop_another_command(tmp_path: Path) -> None:
    offer(tmp_path / "site", "acme-attest", ACME)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(PLUGIN)])}
    for line in (["key", "generate", "file:key.pem"], ["key", "check", "acme:x"], ["signer", "list", "--help"]):
        assert program(*line, cwd=tmp_path, env=environment).code == 0


def test_what_cannot_be_imported_is_imported_once(acme: Path) -> None:
    (acme / "counted.py").write_text("import sys; sys.tries = getattr(sys, 'tries', 0) + 1; raise ValueError")
    offer(acme, "counted-attest", {"attest.signers": {"counted": "counted"}})
    for _ in range(3):
        with pytest.raises(SignerError, match="counted-attest failed") as raised:
            signers.open_signer("counted:x")
        assert isinstance(raised.value.__cause__, ValueError)
    assert vars(sys).pop("tries") == 1
