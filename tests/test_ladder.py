"""The ladder of docs/architecture.md: imports only point down, so that a room never depends on what stands above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "attest"

# From the ground up: a room may import the rooms before it, and nothing else of this package.
LADDER = [
    "errors",
    "_notices",
    "_codec",
    "_records",
    "_members",
    "_files",
    "_ambiguity",
    "_git",
    "_globs",
    "_plugins",
    "_together",
    "_secrets",
    "digest",
    "artifacts",
    "schema",
    "predicate_rules",
    "predicate_schemas",
    "statement",
    "packages",
    "steps",
    "subjects",
    "_gitignore",
    "trees",
    "snapshots",
    "_masking",
    "running",
    "_strace",
    "tracing",
    "evidence",
    "ci",
    "predicates",
    "envelope",
    "limits",
    "recording",
    "_keyformats",
    "_tokens",
    "_checks",
    "keys",
    "pkcs11",
    "signers",
    "_bridge",
    "interop",
    "anchors",
    "ownership",
    "timestamps",
    "sigstore",
    "reading",
    "keyring",
    "roots",
    "trust",
    "vouching",
    "trust_editing",
    "trust_checking",
    "trust_diff",
    "report",
    "policy",
    "profiles",
    "resolving",
    "timestamping",
    "signing",
    "verifying",
    "trust_chain",
    "trust_signing",
    "handover",
    "_worker",
    "_workers",
    "bulk",
    "cli",
    "__main__",
]
MODULES = sorted(path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))


def room(module: str) -> str:
    """The room that a dotted module name of this package stands in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> set[str]:
    """The rooms that a module imports when it runs; what only a type checker sees doesn't count."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "attest":
            if node.module == "attest":
                found |= {alias.name for alias in node.names}
            else:
                found.add(room(node.module))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
        elif isinstance(node, ast.Import):
            found |= {room(alias.name) for alias in node.names if alias.name.split(".")[0] == "attest"}
    return found - {"__version__"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_only_point_down(module: Path) -> None:
    own = room(".".join(module.with_suffix("").parts))
    if own == "__init__":
        pytest.fail("the package imports something") if imports(PACKAGE.parent / module) else None
        return
    assert own in LADDER, f"{own} is not on the ladder: say where it stands"
    allowed = set(LADDER[: LADDER.index(own) + 1])
    assert imports(PACKAGE.parent / module) <= allowed


def test_every_module_says_what_it_is_for_and_its_rule() -> None:
    for module in MODULES:
        docstring = ast.get_docstring(ast.parse((PACKAGE.parent / module).read_text()))
        assert docstring, f"{module} has no docstring"
        assert "\n\nRule: " in docstring, f"{module} states no rule"


def test_one_module_prints() -> None:
    """Nothing but cli/_output.py writes to a terminal; __main__ does for the case that it can't be imported."""
    printing = set()
    for module in MODULES:
        for node in ast.walk(ast.parse((PACKAGE.parent / module).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "click.echo", "click.secho"}:
                printing.add(module.as_posix())
    assert printing == {"attest/cli/_output.py", "attest/__main__.py"}


def test_a_verified_is_made_in_one_place() -> None:
    made = [
        module.as_posix()
        for module in MODULES
        for node in ast.walk(ast.parse((PACKAGE.parent / module).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Verified")
    ]
    # Once by verify, and once to bring one back from another process.
    assert made == ["attest/verifying.py", "attest/verifying.py"]
