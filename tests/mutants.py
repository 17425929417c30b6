"""Mutation testing: how many small changes of the code that decides make a test fail?

`python -m tests.mutants [MODULE...]` needs `pip install mutmut`. It copies the repository to a temporary folder,
changes one thing at a time there, and runs those of the tests in GROUPS that reach the changed function. It prints the
score of each module, and what survived as a diff. One module takes from one to twenty minutes. `--sample 50` takes at
random so many mutants of each module, and `--seed` others; with the same seed a larger sample begins with a smaller.

mutmut leaves out functions with a decorator, so in the copy a decorator is applied in a line of its own.

Rule: changes of texts that only people read are left out and counted apart; whatever a program reads counts.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import chdir
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
VECTORS = "vectors/test_vectors.py::test_a_vector_ends_as_it_says_in_python"

# The modules that decide, each with others that the same tests hold.
GROUPS = (
    (
        "_base/json _base/large_json _base/plain_json _base/times digest envelope statement/__init__ statement/content "
        "keys/public_key keys/formats",
        "base/test_json.py statement/test_digest.py statement/test_envelope.py statement/test_signing.py "
        "statement/test_statement.py "
        "predicates/test_predicates.py keys/test_keys.py keys/test_keys_refused.py keys/test_keys_verify.py "
        "trust/test_certificates.py verifying/test_memory.py::test_what_is_demanded_is_a_share_for_every_part "
        "verifying/test_artifacts.py verifying/test_large.py "
        "base/test_large_json.py",
    ),
    (
        "artifacts matching/_statement matching/model_signing matching/pypi_publish verifying trust/anchors/__init__ "
        "trust/anchors/keyring trust/anchors/owners trust/anchors/roots trust/anchors/standing trust/permission "
        "trust/signatures/__init__ trust/bundle trust/history timestamps/authorities timestamps/tokens",
        "matching verifying/test_verifying.py verifying/test_artifacts.py verifying/test_subject_names.py "
        "statement/test_digest.py "
        "timestamps/test_authorities.py timestamps/test_client.py trust/test_bundle.py trust/test_lint.py "
        "trust/test_diff.py trust/test_history.py trust/test_roots.py trust/test_signers.py "
        "verifying/test_costs.py::test_a_keyid_that_nobody_has_is_tried_before_a_false_one "
        f"{VECTORS}",
    ),
    (
        "policy/_ages policy/_decision policy/_summaries policy/_policy policy/_products policy/_ratings "
        "policy/_requirement results/decisions results/levels "
        "policy/_several policy/_shapes policy/_vex policy/_vsa policy/rules/sbom policy/rules/slsa_build "
        "policy/rules/slsa_source policy/rules/step_chain policy/rules/tests_passed policy/rules/vulnerabilities",
        "policy/test_policy.py policy/test_rules.py policy/rules policy/test_decision.py "
        "policy/test_several.py policy/test_together.py "
        f"policy/test_explain.py {VECTORS}",
    ),
)
# What measures time is left out: mutated code is called through another function, on a machine that is busy.
# So is what runs the program: a process of its own finds no mutant, and fails where mutmut counts who calls what.
CONFIGURATION = """[mutmut]
source_paths=attest
only_mutate=
    {paths}
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
    -k
    not linear_time and not forever and not quickly and not grows and not warns_of_in_a_token
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
cryptography.x509 attest.cli attest.verifying attest.policy attest.signing attest.trust.history
"""
# What pytest's or mutmut's exit code, or the signal that ended it, says of a mutant. Any other is a fault of the run.
ENDINGS = {0: "survived", 1: "killed", 3: "killed", 5: "no tests", 33: "no tests"}
ENDINGS |= dict.fromkeys((24, -24, 36, 152, 255), "timeout")
KEPT_DECORATORS = {"classmethod", "staticmethod", "overload"}
READ_BY_PEOPLE = {"message", "hint", "what", "reason"}


def main(words: list[str]) -> int:
    """Mutate the modules that are named, or all; exits 1 if anything survived."""
    known = [module for modules, _ in GROUPS for module in modules.split()]
    parser = argparse.ArgumentParser("python -m tests.mutants")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"any of {', '.join(known)}; all by default")
    parser.add_argument("--folder", type=Path, help="where to work, and to keep what was found")
    parser.add_argument("--sample", type=int, metavar="N", help="run only N mutants of each module, drawn at random")
    parser.add_argument("--seed", default="0", help="what is drawn: any word, 0 by default")
    given = parser.parse_args(words)
    for module in given.modules:
        if module not in known:
            parser.error(f"{module} is not in the table of tests/mutants.py")
    score = Counter[str]()
    with TemporaryDirectory() as temporary:
        for number, (modules, tests) in enumerate(GROUPS):
            chosen = [module for module in modules.split() if module in (given.modules or known)]
            if chosen:
                folder = (given.folder or Path(temporary)) / str(number)
                score += mutate(chosen, tests, folder, given.sample, given.seed)
    print_score("together", score)
    return 1 if score["survived"] else 0


def mutate(modules: list[str], tests: str, folder: Path, sample: int | None, seed: str) -> Counter[str]:
    """Mutate modules in a copy of the repository in `folder`; how many mutants ended how."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "corpus"))
    paths = [Path("attest") / f"{module}.py" for module in modules]
    selected = "\n    ".join(f"tests/{test}" for test in tests.split())
    configuration = CONFIGURATION.format(paths="\n    ".join(map(str, paths)), tests=selected)
    (folder / "setup.cfg").write_text(configuration)
    (folder / "preload.txt").write_text("\n".join(PRELOADED.split()))
    asked, texts = {}, {}
    for path in paths:
        (folder / path).write_text(undecorated((folder / path).read_text()))
        found, texts[path] = mutants_of(path, folder)
        asked[path] = found if sample is None else drawn(found, f"{seed}:{path}")[:sample]
    names = [name for found in asked.values() for name in found]
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    command = [mutmut, "run", "--max-children", "1", *names]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # they take longer to load than most tests
    ran = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(ran.stdout[-4000:] + ran.stderr[-4000:])
    together = Counter[str]()
    for path in paths:
        codes = json.loads((folder / "mutants" / f"{path}.meta").read_text())["exit_code_by_key"]
        ended = {name: ENDINGS[codes[name]] for name in asked[path]}
        for name in [name for name, ending in ended.items() if ending != "killed"]:
            shown = subprocess.run([mutmut, "show", name], cwd=folder, check=True, capture_output=True, text=True)
            print(f"{shown.stdout.rstrip()}\n", flush=True)
        score = Counter(ended.values()) + Counter(text=texts[path])
        print_score(str(path), score)
        together += score
    return together


def mutants_of(path: Path, folder: Path) -> tuple[list[str], int]:
    """The mutants of a module, by the names that mutmut gives them, and how many more change a text alone."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    with chdir(folder):  # where it looks for its configuration
        mutated = mutate_file_contents(str(path), path.read_text())
    functions = {node.name: node for node in ast.walk(ast.parse(mutated.code)) if isinstance(node, ast.FunctionDef)}
    dotted = ".".join(path.with_suffix("").parts)
    names = [
        f"{dotted}.{name}"
        for name in mutated.mutant_names
        if not changes_a_text(functions[name.rpartition("_")[0] + "_orig"], functions[name])
    ]
    return names, len(mutated.mutant_names) - len(names)


def drawn(names: list[str], seed: str) -> list[str]:
    """The names in an order that is the same for the same seed."""
    shuffled = sorted(names)
    random.Random(seed).shuffle(shuffled)
    return shuffled


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
