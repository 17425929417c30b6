"""`attest predicate`: every type by every name, every fault in a line of its own, and nothing believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attest import schema
from attest.schema import MAX_FAULTS
from tests.support.cli.calls import call
from tests.support.making.keys import ALICE
from tests.support.making.statements import signed, signed_payload, statement

pytestmark = pytest.mark.usefixtures("among_inputs")

NAMES = {
    spelling: name
    for name, document in schema.predicate_documents().items()
    for spelling in (name, document["$id"], *document.get("x-aliases", ()))
}


def write(name: str, document: Any) -> None:
    Path(name).write_text(json.dumps(document))


@pytest.mark.parametrize("spelling", NAMES)
def test_every_type_is_shown_by_name_alias_and_uri_and_its_example_is_valid(spelling: str) -> None:
    document = schema.predicate_documents()[NAMES[spelling]]
    shown = call("predicate", "show", spelling).done().stdout.decode()
    assert shown.startswith(f"{NAMES[spelling]}: {document['title']}\n")
    assert json.loads(call("predicate", "show", spelling, "--schema").done().stdout) == document
    write("example.json", document["examples"][-1])
    assert call("predicate", "check", "example.json", "--type", spelling).done().stdout.startswith(b"valid: ")


def test_the_list_has_every_type_once() -> None:
    lines = call("predicate", "list").done().stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == list(schema.predicate_documents())


@pytest.mark.parametrize("value", [[], "text", 1, True, None, [{}]])
def test_a_predicate_that_is_no_object_is_refused(value: Any) -> None:
    write("predicate.json", value)
    line = call("predicate", "check", "predicate.json", "--type", "vsa").refused(1, "(predicate-invalid)", hint=False)
    assert "predicate.json: /: " in line


def test_a_statement_whose_predicate_is_no_object_can_not_be_read() -> None:
    write("wrong.json", {**json.loads(Path("statement.json").read_text()), "predicate": []})
    call("predicate", "check", "wrong.json").refused(3, "(statement-invalid)")


def test_an_envelope_is_checked_and_said_to_be_unverified() -> None:
    forged = json.loads(Path("app.intoto.json").read_text())
    forged["signatures"][0]["sig"] = "AAAA"
    write("forged.json", forged)
    assert b"UNVERIFIED" in call("predicate", "check", "forged.json").done().stdout


def test_an_envelope_around_something_else_is_no_attestation() -> None:
    Path("other.json").write_bytes(signed_payload(b"{}", "text/plain").to_json())
    call("predicate", "check", "other.json").refused(3, "(not-an-attestation)", hint=True)


def test_the_subjects_of_a_link_are_looked_at() -> None:
    link = {"name": "build", "materials": [{"name": "a", "digest": {"x": "1"}}] * 2}
    about = statement(predicate_type="https://in-toto.io/attestation/link/v0.3", predicate=link)
    Path("link.json").write_bytes(signed(ALICE, about=about).to_json())
    line = call("predicate", "check", "link.json").refused(1, "(predicate-invalid)")
    assert "link.json: /predicate/materials/1/name: entry 0 also has the name 'a'" in line


def test_all_faults_of_all_files_are_named_and_a_no_goes_before_what_could_not_be_read() -> None:
    ran = call(
        *"predicate check wrong-provenance.json nothing.json provenance.json --type slsa-provenance".split(),
    )
    ran.refused(1, "(predicate-invalid)", errors=4)
    assert ran.stdout == b"valid: provenance.json (https://slsa.dev/provenance/v1)\n"
    assert [line for line in ran.prose if "nothing.json" in line and "(file-unreadable)" in line]


def test_a_flood_of_faults_ends_and_says_so() -> None:
    write("flood.json", {"name": "a", "command": list(range(10_000))})
    ran = call(*"predicate check flood.json --type link".split())
    ran.refused(1, "(predicate-invalid)", hint=True, errors=MAX_FAULTS)


def test_one_file_named_twice_is_checked_once() -> None:
    assert call("predicate", "check", "statement.json", "statement.json").done().stdout.count(b"valid") == 1


def test_control_characters_of_a_file_are_not_drawn() -> None:
    write("drawing.json", {"name": "\x1b[2J\u202e", "command": "\x1b[2J"})
    ran = call(*"predicate check drawing.json --type link".split())
    assert ran.code == 1
    assert all(line.isprintable() for line in ran.prose)


@pytest.mark.parametrize("line", ["list", "show vsa", "check statement.json"])
def test_the_folder_comes_from_the_command_line_or_the_environment_and_from_nowhere_else(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current folder is full of *.json that are no schemas."""
    call("predicate", *line.split()).done()
    monkeypatch.setenv("ATTEST_SCHEMA_DIR", ".")
    call("predicate", *line.split()).refused(3, "(schema-invalid)")


def test_a_folder_may_not_bring_a_second_schema_for_a_known_type() -> None:
    Path("own").mkdir()
    write("own/mine.json", {"$id": "https://slsa.dev/provenance/v1"})
    line = call(*"verify app.intoto.json --trust trust.json --artifact app.whl --schema-dir own".split())
    assert "own/mine.json: https://slsa.dev/provenance/v1 already has a schema" in line.refused(3, "(schema-invalid)")
