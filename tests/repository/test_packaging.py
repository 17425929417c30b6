"""The built wheel is what is tested: it carries its schemas, and works in an empty directory; so does the sdist.

Rule: they are built as a release is, by the script that builds twice and compares.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from attest.cli.completion import SHELLS
from tests.support.missing import missing

ROOT = Path(__file__).parents[2]
SCHEMAS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "schemas").rglob("*.json"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist and the wheel that was built from it."""
    if not (ROOT / ".git").exists():
        missing("this is no clone of the repository, whose files are built")
    folder = tmp_path_factory.mktemp("dist")
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([ROOT / ".ci" / "release" / "build", folder], check=True, capture_output=True, env=environment)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder by itself."""
    folder = tmp_path_factory.mktemp("site")
    wheel = next(dist.glob("*.whl"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, wheel], check=True
    )
    return folder


def test_wheel_and_sdist_carry_the_schemas(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {f"attest/{name}" for name in SCHEMAS} <= names
    assert {"attest/py.typed", "attest/codes.md", "attest/rejected.md", "attest/cli/formats/report.css"} <= names
    assert {f"attest/cli/completion/attest.{shell}" for shell in SHELLS} <= names
    manuals = {name.partition(".data/data/")[2] for name in names if name.endswith(".1")}
    assert manuals == {f"share/man/man1/{path.name}" for path in (ROOT / "docs/man").iterdir()}
    stubs = {path.relative_to(ROOT).as_posix() for path in (ROOT / "attest").rglob("*.pyi")}
    assert stubs <= names, "public names are read from them when the package is imported"
    assert not [name for name in names if name.startswith(("tests", "schemas/"))]
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        contents = {name.partition("/")[2] for name in sdist.getnames()}
    assert set(SCHEMAS) <= contents
    assert {"README.md", "LICENSE", "CHANGELOG.md", ".ci/run", "tests/__main__.py"} <= contents
    assert not [name for name in contents if name.startswith((".venv", ".git/")) or "__pycache__" in name]


def test_the_wheel_does_the_main_job_in_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    where = run("-c", "import attest, attest.schema; print(attest.__file__, attest.schema.directory())")
    assert where.stdout.split() == [str(installed / "attest/__init__.py"), str(installed / "attest/schemas")]
    demo = run("-m", "attest", "demo", "attest-demo")
    assert demo.returncode == 0, demo.stderr
    assert "verified: hello.json" in demo.stdout
    assert "(schema checked)" in demo.stdout


def test_an_editable_install_finds_the_schemas_at_the_root() -> None:
    from attest import schema

    assert schema.directory() in {ROOT / "schemas", Path(schema.__file__).parents[1] / "schemas"}
    assert schema.named("statement").accepts(schema.named("statement").document["examples"][0])
