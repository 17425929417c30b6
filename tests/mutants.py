"""Mutation testing: how many small changes of the code that decides make a test fail?

`python -m tests.mutants [MODULE...]` needs `pip install mutmut`. It copies the repository to a temporary folder,
changes one thing at a time there, and runs those of the tests in TESTS that reach the changed function. It prints the
score of each module, and what survived as a diff. One module takes from one to twenty minutes.

mutmut leaves out functions with a decorator, so in the copy a decorator is applied in a line of its own.

Rule: changes of texts that only people read are left out and counted apart; whatever a program reads counts.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import chdir
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
VECTORS = "test_vectors.py::test_a_vector_ends_as_it_says_in_python"
POLICY = f"test_policy.py test_policy_rules.py test_policy_decision.py test_policy_explain.py {VECTORS}"

# The modules that decide, and the tests that hold each.
TESTS = {
    "_codec": "test_codec.py",
    "digest": "test_digest.py",
    "envelope": "test_envelope.py test_signing.py",
    "statement": "test_statement.py",
    "keys": "test_keys.py test_keys_refused.py test_keys_verify.py",
    "_keyformats": "test_keys.py test_keys_refused.py test_keys_verify.py",
    "artifacts": "test_digest.py test_verifying_artifacts.py",
    "verifying": f"test_verifying.py test_verifying_artifacts.py test_timestamps.py test_bulk.py {VECTORS}",
    "anchors": f"test_trust.py test_resolving.py {VECTORS}",
    "keyring": f"test_trust.py test_verifying.py {VECTORS}",
    "vouching": f"test_trust.py test_trust_checking.py test_verifying.py {VECTORS}",
    "timestamps": f"test_timestamps.py {VECTORS}",
    "_tokens": f"test_timestamps.py {VECTORS}",
    "roots": f"test_roots.py test_trust_chain.py {VECTORS}",
    "trust": f"test_trust.py {VECTORS}",
    "trust_chain": f"test_trust_chain.py test_roots.py {VECTORS}",
    **dict.fromkeys(
        (
            *("policy/_ages", "policy/_decision", "policy/_policy", "policy/_products", "policy/_requirement"),
            *("policy/_shapes", "policy/_vex", "policy/_vsa"),
            *("policy/rules/sbom", "policy/rules/slsa_build", "policy/rules/slsa_source", "policy/rules/step_chain"),
            *("policy/rules/tests_passed", "policy/rules/vulnerabilities"),
        ),
        POLICY,
    ),
}
CONFIGURATION = """[mutmut]
source_paths=attest
only_mutate={path}
also_copy=
    schemas
    fixtures
    docs
pytest_add_cli_args=
    -m
    not slow
    -p
    no:cacheprovider
    --basetemp=tmp
pytest_add_cli_args_test_selection=
    {tests}
timeout_constant=15.0
timeout_multiplier=4.0
use_git_change_detection=false
process_isolation=forkserver
forkserver_warmup=import
preload_modules_file=preload.txt
"""
# What every process of a mutant finds imported, because importing it takes longer than most tests.
PRELOADED = """
pytest hypothesis hypothesis.strategies click jiter jsonschema jsonschema_rs nacl.bindings asn1crypto.tsp rfc3161_client
cryptography.x509 attest.cli attest.verifying attest.policy attest.signing attest.trust_chain
"""
# What pytest's exit code, or the signal that ended it, says of a mutant. Any other is a fault of the run.
ENDINGS = {0: "survived", 1: "killed", 3: "killed", 33: "no tests", 24: "timeout", -24: "timeout", 152: "timeout"}
KEPT_DECORATORS = {"classmethod", "staticmethod", "overload"}
READ_BY_PEOPLE = {"message", "hint", "what", "reason"}


def main(words: list[str]) -> int:
    """Mutate the modules that are named, or all; exits 1 if anything survived."""
    parser = argparse.ArgumentParser("python -m tests.mutants")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"any of {', '.join(TESTS)}; all by default")
    parser.add_argument("--folder", type=Path, help="where to work, and to keep what was found")
    given = parser.parse_args(words)
    for module in given.modules:
        if module not in TESTS:
            parser.error(f"{module} is not in the table of tests/mutants.py")
    score = Counter[str]()
    with TemporaryDirectory() as temporary:
        for module in given.modules or TESTS:
            score += mutate(module, (given.folder or Path(temporary)) / module.replace("/", "."))
    print_score("together", score)
    return 1 if score["survived"] else 0


def mutate(module: str, folder: Path) -> Counter[str]:
    """Mutate one module in a copy of the repository; how many mutants ended how."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "pkcs11_*"))
    path = Path("attest") / f"{module}.py"
    source = undecorated((folder / path).read_text())
    (folder / path).write_text(source)
    tests = "\n    ".join(f"tests/{test}" for test in TESTS[module].split())
    (folder / "preload.txt").write_text("\n".join(PRELOADED.split()))
    (folder / "setup.cfg").write_text(CONFIGURATION.format(path=path, tests=tests))

    with chdir(folder):  # where it looks for its configuration
        mutated = mutate_file_contents(str(path), source)
    functions = {node.name: node for node in ast.walk(ast.parse(mutated.code)) if isinstance(node, ast.FunctionDef)}
    texts = {name for name in mutated.mutant_names if changes_a_text(original_of(functions, name), functions[name])}
    dotted = ".".join(path.with_suffix("").parts)
    asked = [f"{dotted}.{name}" for name in mutated.mutant_names if name not in texts]
    mutmut = [str(Path(sys.executable).with_name("mutmut"))]
    command = [*mutmut, "run", "--max-children", "1", *asked]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # they take longer to load than most tests
    ran = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(ran.stdout[-4000:] + ran.stderr[-4000:])

    codes = json.loads((folder / "mutants" / f"{path}.meta").read_text())["exit_code_by_key"]
    ended = {name: ENDINGS[codes[name]] for name in asked}
    for name, status in ended.items():
        if status != "killed":
            shown = subprocess.run([*mutmut, "show", name], cwd=folder, check=True, capture_output=True, text=True)
            print(f"{shown.stdout.rstrip()}\n", flush=True)
    score = Counter(ended.values())
    score["text"] = len(texts)
    print_score(module, score)
    return score


def print_score(module: str, score: Counter[str]) -> None:
    """One line: the share of mutants that made a test fail, or never end, and how many ended how."""
    counted = score.total() - score["text"]
    noticed = (score["killed"] + score["timeout"]) / (counted or 1)
    print(f"{module}: {noticed:.1%} of {counted}; {dict(sorted(score.items()))}", flush=True)


def undecorated(source: str) -> str:
    """The same module, with `@cached_property def x` written as `def x` and, behind it, `x = cached_property(x)`."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: -node.lineno):
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if not decorators or KEPT_DECORATORS.intersection(decorators) or any(".setter" in one for one in decorators):
            continue
        applied = node.name
        for decorator in reversed(decorators):
            applied = f"{decorator}({applied})"
        lines.insert(node.end_lineno or 0, f"{' ' * node.col_offset}{node.name} = {applied}")
        del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join([*lines, ""])


def original_of(functions: dict[str, ast.FunctionDef], name: str) -> ast.FunctionDef:
    """The unchanged function that `name` is a mutant of."""
    return functions[name.rpartition("_")[0] + "_orig"]


def changes_a_text(original: ast.AST, mutant: ast.AST) -> bool:
    """Whether all that differs is a text that people read: one with a space in it, or one that is named as a text."""
    if is_text(original):
        return True
    if isinstance(original, ast.Compare) or (isinstance(original, ast.Call) and is_comparison(original.func)):
        return False
    parts, others = list(ast.iter_child_nodes(original)), list(ast.iter_child_nodes(mutant))
    changed = [(part, other) for part, other in zip_longest(parts, others) if not same(part, other)]
    if len(parts) > len(others):  # an argument is gone
        return changed[0][0] is not None and is_text(changed[0][0])
    return len(changed) == 1 and None not in changed[0] and changes_a_text(*changed[0])


def same(one: ast.AST | None, other: ast.AST | None) -> bool:
    return one is not None and other is not None and ast.dump(one) == ast.dump(other)


def is_comparison(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in {"startswith", "endswith"}


def is_text(node: ast.AST) -> bool:
    """Whether this is a text for people, or what is made of such."""
    match node:
        case ast.Constant(value=str(value)):
            return " " in value
        case ast.JoinedStr():
            return any(is_text(part) for part in node.values)
        case ast.IfExp():
            return is_text(node.body) and is_text(node.orelse)
        case ast.keyword():
            return node.arg in READ_BY_PEOPLE
        case ast.Name():
            return node.id in READ_BY_PEOPLE
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in READ_BY_PEOPLE
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
