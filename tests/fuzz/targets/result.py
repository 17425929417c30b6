"""What is printed of one line of envelopes, in every format: a document that its own readers read, and nothing more.

Rule: no input adds an element, an attribute or a command to a document that it only stands in.
"""

from __future__ import annotations

import json
from functools import cache
from html.parser import HTMLParser
from itertools import islice
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import jsonschema_rs

import attest
from attest.cli import formats
from attest.cli.verify import _result
from attest.collection import decide
from attest.errors import InputError
from attest.sources import ReadEnvelope
from tests.fuzz.oracle import NOW, ROOT, attempt, trust
from tests.fuzz.targets import statement
from tests.vectors.keys import ALICE
from tests.vectors.parts import DIGEST, IN_TOTO, STATEMENT_V1, compact, envelope_of, pae

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def check(data: bytes) -> None:
    lines = [read("a.intoto.jsonl:1", data), read("a.intoto.jsonl:2", compact(envelope_of(ALICE)))]
    text = data[:200].decode("latin-1")
    lines.append(ReadEnvelope(text, None, InputError("json-invalid", text), is_one_of_many=True))
    report = decide(lines, trust(), artifacts=None, now=NOW)
    result = _result.verification(report, trust=trust(), artifacts=None)
    for form in formats.names():
        text = formats.render(form, result).decode()
        assert text.endswith("\n")
        assert all(line.isprintable() for line in text.split("\n")), form
        assert "##[" not in text
        if form in READERS:
            READERS[form](text)


def read(name: str, data: bytes) -> ReadEnvelope:
    """Bytes that are an envelope, or else are signed as one."""
    envelope: Any = attempt(lambda: attest.Envelope.from_json(data))
    if envelope is None:
        envelope = attest.Envelope(data, IN_TOTO, (attest.Signature(ALICE.keyid, ALICE.sign(pae(data))),))
    return ReadEnvelope(name, envelope, is_one_of_many=True)


def as_json(text: str) -> None:
    schema().validate(json.loads(text))


def as_xml(text: str) -> None:
    found = {(element.tag, *sorted(element.attrib)) for element in ElementTree.fromstring(text).iter()}  # noqa: S314
    tags = {"testsuites", "testsuite", "testcase", "failure", "error", "skipped", "properties", "property"}
    assert {tag for tag, *_ in found} <= tags | {"system-out", "system-err"}


def as_html(text: str) -> None:
    reader = _Elements()
    reader.feed(text)
    reader.close()
    assert not {tag for tag, _ in reader.found} & {"script", "iframe", "img", "object", "link", "form", "base", "input"}
    for _, attributes in reader.found:
        assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "srcdoc", "action")]
        assert all((value or "")[:1] in "#" for name, value in attributes if name in ("href", "xlink:href"))
    assert text.count("</html>") == 1


def as_commands(text: str) -> None:
    assert all(line.startswith(("::error", "::warning", "::notice")) for line in text.splitlines())


READERS: dict[str, Callable[[str], object]] = {
    "json": as_json,
    "sarif": json.loads,
    "junit": as_xml,
    "html": as_html,
    "github": as_commands,
}


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


@cache
def schema() -> jsonschema_rs.Draft202012Validator:
    """What a result must be."""
    return jsonschema_rs.Draft202012Validator(json.loads((ROOT / "schemas" / "result.json").read_bytes()))


def seeds() -> Iterator[bytes]:
    yield from islice(statement.seeds(), 0, None, 8)
    yield compact(envelope_of(ALICE))
    yield compact(envelope_of())
    for text in (
        "<script>alert(1)</script>",
        '" onload="x',
        "]]>",
        "::error::x",
        "##[command]",
        "`|<b>",
        "javascript:x",
    ):
        subject = {"name": text, "uri": text, "digest": {"sha256": DIGEST, text: text}}
        yield compact({"_type": STATEMENT_V1, "subject": [subject], "predicateType": "https://example.com/" + text})
