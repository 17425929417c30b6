"""`python -m tests.lowest`: the tests of the core with the lowest versions that pyproject.toml allows, from pip.

Rule: versions are read from pyproject.toml and nowhere else; a lower bound that is not true fails here.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

# The extras whose libraries have a say in what the tests below decide, what runs these tests, and the tests: those that
# a library answers for. What is Python's own and ours (rules, digests, artifacts, the limits of a process) comes out
# the same with any of them.
EXTRAS = ("cel", "dask", "sbom")
TOOLS = {"cyclonedx-python-lib", "hypothesis", "pytest", "pytest-xdist", "pyyaml"}
CORE = """
base/test_json.py statement/test_envelope.py statement/test_statement.py keys/test_keys.py keys/test_keys_refused.py
keys/test_keys_verify.py schema/test_schema.py schema/test_predicate_types.py trust/test_bundle.py
timestamps/test_authorities.py certificates/test_log.py certificates/test_sct.py certificates/test_trusted_root.py
verifying/test_verifying.py
vectors/test_vectors.py::test_a_vector_ends_as_it_says_in_python
policy/test_cel.py::test_a_decision_over_many_has_one_process_and_each_is_answered_for_itself
policy/test_cel.py::test_a_text_does_not_end_at_a_nul
policy/rules/test_vulnerabilities.py building/evidence/test_sboms.py signers/test_file.py signers/test_sim.py
verifying/test_bulk_dask.py cli/every_command/test_terminal.py oci/test_credentials.py
oci/test_lying_redirects.py oci/test_lying_registries.py
cli/every_command/test_transcripts.py::test_a_session_goes_as_it_is_written_down
""".split()


def lowest(requirement: str) -> str:
    """`NAME==VERSION` of a requirement with a lower bound and nothing else."""
    parsed = Requirement(requirement)
    (bound,) = parsed.specifier
    assert bound.operator == ">=", f"{requirement}: lower bounds only"
    return f"{parsed.name}=={bound.version}"


def constraints(project: dict[str, Any]) -> list[str]:
    """The lowest version of every dependency, those of the extras above among them."""
    extras = project["optional-dependencies"]
    return sorted(
        {lowest(one) for one in (*project["dependencies"], *[one for name in EXTRAS for one in extras[name]])}
    )


def tools(project: dict[str, Any]) -> list[str]:
    """The requirements of the extra `test` that run the tests."""
    found = [
        one for one in project["optional-dependencies"]["test"] if canonicalize_name(Requirement(one).name) in TOOLS
    ]
    assert len(found) == len(TOOLS)
    return found


def environment(project: dict[str, Any]) -> Path:
    """The Python of an environment with these versions. It is kept below the one that runs this, for the next time."""
    folder = Path(sys.prefix, "lowest")
    python, versions, made = folder / "bin" / "python", folder / "constraints.txt", folder / "made.txt"
    wanted = "\n".join([*constraints(project), *tools(project)])
    if not made.is_file() or made.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        versions.write_text("\n".join(constraints(project)))
        install = ["pip", "install", "-qq", "--disable-pip-version-check", "--constraint", str(versions)]
        what = ["--editable", f"{ROOT}[{','.join(EXTRAS)}]", *tools(project)]
        subprocess.run([python, "-m", *install, *what], check=True)
        made.write_text(wanted)
    return python


def main() -> int:
    """Install and run; the exit code of the tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    print(f"with {' '.join(constraints(project))}", flush=True)
    python = environment(project)
    run = ["pytest", "--numprocesses", "auto", "--quiet", "-m", "not slow", "-p", "no:cacheprovider"]
    tests = [f"tests/{name}" for name in CORE]
    return subprocess.run([python, "-m", *run, *tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
