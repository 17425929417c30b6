"""A program that uses every public name type-checks under `mypy --strict`, as its author sees attest: installed."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.repository.test_docstrings import ROOMS

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("typed_program.py")
TREE = ast.parse(PROGRAM.read_text())
NAMED = {node.attr for node in ast.walk(TREE) if isinstance(node, ast.Attribute)}
IMPORTED = {alias.name for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom) for alias in node.names}


@pytest.mark.parametrize("room", ROOMS)
def test_it_uses_every_public_name(room: str) -> None:
    public = getattr(import_module(room), "__all__", ())
    assert set(public) <= NAMED | IMPORTED


def test_it_uses_no_private_name() -> None:
    own = {"_behind", "__init__", "__version__"}
    assert not {name for name in NAMED | IMPORTED if name.startswith("_")} - own
    imports = [node.module or "" for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)]
    ours = [module for module in imports if module.partition(".")[0] == "attest"]
    assert {*ours} <= {*ROOMS}


MISTAKES = {
    "attest.sign(b'', [])": "arg-type",
    "attest.verify(b'', 'trust.json', artifacts=None)": "arg-type",
    "attest.verify_many([], attest.TrustBundle.load(''), artifacts=None, colour='red')": "call-arg",
    "attest.verify_many([], attest.TrustBundle.load(''), artifacts=None, cover='most')": "arg-type",
    "attest.open_signer('sim:x', secrets='1234')": "arg-type",
    "attest.sign(attest.Statement.from_json(b''), [object()])": "list-item",
    "attest.trust.history.nothing": "attr-defined",
}


@pytest.mark.slow
def test_it_type_checks_and_mistakes_are_found(tmp_path: Path) -> None:
    """That it type-checks would mean nothing if what it uses were Any. One run for both: it takes ten seconds.

    Or two, as after `mypy` in the repository, whose cache spares it the libraries; mypy itself checks what it may keep.
    """
    shutil.copy(PROGRAM, tmp_path)
    (tmp_path / "mistakes.py").write_text("import attest\n" + "".join(f"{line}\n" for line in MISTAKES))
    environment = {name: value for name, value in os.environ.items() if name not in ("MYPYPATH", "PYTHONPATH")}
    cache = ROOT / ".mypy_cache"
    if cache.is_dir():
        shutil.copytree(cache, tmp_path / "cache")
    options = ["--strict", "--config-file=", "--cache-dir=cache"]
    command = [sys.executable, "-m", "mypy", *options, PROGRAM.name, "mistakes.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    found = [line for line in ran.stdout.splitlines() if ": error: " in line]
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert not [line for line in found if not line.startswith("mistakes.py:")], ran.stdout
    for number, code in enumerate(MISTAKES.values(), start=2):
        assert any(line.startswith(f"mistakes.py:{number}:") and f"[{code}]" in line for line in found), ran.stdout
