"""The rooms of docs/understand/architecture.md: imports only point down, no room depends on one above it.

Rule: what only a type checker imports counts too.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "attest"

# From the ground up: a room may import the rooms before it, and nothing else of this package.
ROOMS = [
    "errors",
    "_base",
    "limits",
    "digest",
    "envelope",
    "schema",
    "statement",
    "artifacts",
    "matching",
    "keys",
    "predicates",
    "signers",
    "timestamps",
    "certificates",
    "oci",
    "sources",
    "signing",
    "building",
    "evidence",
    "ci",
    "results",
    "trust",
    "policy",
    "verifying",
    "resigning",
    "bulk",
    "collection",
    "converting",
    "interop",
    "cli",
    "__main__",
]
MODULES = sorted(path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))
NAMES = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}

FOLDERS = {".".join(path.parent.parts) for path in MODULES}


def entry(folder: str, module: str) -> str:
    """The entry of a folder that a module stands in; nothing for the folder itself, and for what is not in it."""
    return module.removeprefix(f"{folder}.").partition(".")[0] if module.startswith(f"{folder}.") else ""


def room(module: str) -> str:
    """The room that a dotted module name of this package stands in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@cache
def imports(path: Path) -> set[str]:
    """The modules of this package that a module imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE.parent / path).read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module and node.module.split(".")[0] == "attest":
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name if name in NAMES else node.module for name in inner}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "attest"}
    return found - {"attest"}


def test_imports_only_point_down() -> None:
    assert not imports(Path("attest/__init__.py")), "importing the package imports nothing of it"
    named = {module: room(".".join(module.with_suffix("").parts)) for module in MODULES}
    unknown = {own for own in named.values() if own not in ROOMS} - {"__init__"}
    assert not unknown, "they are not among the rooms: say where they stand"
    upwards = {
        module: above
        for module, own in named.items()
        if own != "__init__" and (above := {room(name) for name in imports(module)} - {*ROOMS[: ROOMS.index(own) + 1]})
    }
    assert not upwards


def test_no_two_modules_import_each_other() -> None:
    """Not even in a larger circle, and not for a type checker; a package's `__init__` is no module of its folder."""
    graph = {name: imports(path) - {name.rpartition(".")[0]} for name, path in NAMES.items()}
    # The one exception: `TrustBundle.load` reads signed bundles too, and those are made of trust bundles.
    graph["attest.trust.bundle"].remove("attest.trust.history")
    TopologicalSorter(graph).prepare()


def test_imports_between_the_entries_of_a_folder_only_point_down() -> None:
    """A folder inside a room is a room too: what stands in it never needs what needs it."""
    for folder in FOLDERS:
        entries: dict[str, set[str]] = {}
        for name, path in NAMES.items():
            if own := entry(folder, name):
                entries.setdefault(own, set()).update(entry(folder, one) for one in imports(path))
        graph = {own: needed - {own, ""} for own, needed in entries.items()}
        if folder == "attest.trust":
            graph["bundle"].remove("history")  # the same exception
        TopologicalSorter(graph).prepare()


def test_a_folder_has_few_entries() -> None:
    """So that one `ls` shows where something is; `attest/` itself is the table of the rooms."""
    for folder in FOLDERS - {"attest"}:
        found = [path.name for path in (PACKAGE.parent / folder.replace(".", "/")).iterdir()]
        assert len({*found} - {"__pycache__"}) <= 25, folder


def test_the_architecture_page_lists_every_room_in_its_own_words() -> None:
    page = (PACKAGE.parent / "docs" / "understand" / "architecture.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)(?:\.py|/)`(?: \*)? \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(name, in_one_sentence(name)) for name in ROOMS]


def in_one_sentence(name: str) -> str:
    """The first sentence of a room's docstring, without its full stop."""
    folder = PACKAGE / name
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").removesuffix(".")


def test_every_module_says_what_it_is_for_and_its_rule() -> None:
    for module in MODULES:
        docstring = ast.get_docstring(ast.parse((PACKAGE.parent / module).read_text()))
        assert docstring, f"{module} has no docstring"
        assert "\n\nRule: " in docstring, f"{module} states no rule"


@cache
def calls() -> set[tuple[str, str]]:
    """Each module with what it calls, as it is written."""
    return {
        (module.as_posix(), ast.unparse(node.func))
        for module in MODULES
        for node in ast.walk(ast.parse((PACKAGE.parent / module).read_text()))
        if isinstance(node, ast.Call)
    }


def test_one_room_prints() -> None:
    """Nothing but cli/_output writes to a terminal; __main__ does for the case that it can't be imported."""
    printing = {module for module, name in calls() if name in {"print", "click.echo", "click.secho"}}
    assert printing == {"attest/cli/_output/messages.py", "attest/__main__.py"}


def test_a_verified_is_made_in_one_place() -> None:
    makers = {"_make", "_unpack", "Verified"}
    named = {(module, name.rpartition(".")[2]) for module, name in calls()}
    users = {(module, name) for module, name in named if name in makers}
    # By verify; and for what a process says that `attest.bulk` trusts.
    expected = {"attest/verifying.py", "attest/results/verified.py"}
    assert users == {*((module, "_make") for module in expected), ("attest/bulk.py", "_unpack")}
