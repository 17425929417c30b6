"""Large statements and many subjects: the answers of small ones, and work and memory that grow no faster than these."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from attest import InputError, Limits, ResourceDescriptor, Statement, digest, sign, verify
from attest._base import json, large_json
from attest._base.json import loads_object
from attest.artifacts import Artifact, match
from attest.envelope import Envelope
from attest.schema import predicate_documents
from attest.schema.predicate_types import OURS
from attest.statement.content import Content
from attest.trust import signatures
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, MemorySigner
from tests.support.making.statements import PREDICATE_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRUST = bundle({"release": anchor(ALICE)})
OUTLINED = ("cyclonedx", "spdx", "spdx3")
DAMAGES = {
    "none": (b"", b""),
    "a duplicate name": (b'"predicate":{', b'"predicate":{"a":1,"a":2,'),
    "a duplicate predicate": (b'"predicateType"', b'"predicate":{},"predicateType"'),
    "a number that is none": (b'"predicate":{', b'"predicate":{"a":NaN,'),
    "a number out of range": (b'"predicate":{', b'"predicate":{"a":[1e999],'),
    "too deep": (b'"predicate":{', b'"predicate":{"a":' + b"[" * 70 + b"]" * 70 + b","),
    "another kind of bracket": (b'"predicate":{', b'"predicate":{"a":[1},'),
    "a list": (b'"predicate":{', b'"predicate":[{'),
    "no comma": (b'"predicate":{', b'"predicate":{"a":[{}{}],'),
    "something after it": (b'"_type"', b'{"_type"'),
    "a list of other things": (b'"predicate":{', b'"predicate":{"components":[1],"packages":[1],"@graph":[1],'),
    "a subject without digests": (b'"digest":{"sha256"', b'"digest":{},"x":{"sha256"'),
}


@pytest.fixture
def _all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "LARGE", 0)
    monkeypatch.setattr(large_json, "_PIECE", 64)


def outcome(data: bytes) -> Any:
    """What reading a statement and checking its predicate comes to: its parts, or the code of the error."""

    def read() -> Any:
        made = Statement.from_json(data, foreign=True)
        return made.subjects, made.deviations, made.examine_predicate(foreign=True), made.document

    return outcome_of(read)


def outcome_of(act: Callable[[], Any]) -> Any:
    """What it returns, or the code of the error."""
    try:
        return act()
    except InputError as error:
        return error.code


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("form", OUTLINED)
def test_a_large_statement_has_the_outcome_of_a_small_one(
    form: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = [ResourceDescriptor("a", {"sha256": "0" * 64})]
    predicate = predicate_documents()[form]["examples"][0]
    old, new = DAMAGES[damage]
    data = Statement.build(subject, predicate_type=form, predicate=predicate).raw.replace(old, new, 1)
    small = outcome(data)
    assert isinstance(small, tuple) == (damage == "none")
    monkeypatch.setattr(large_json, "LARGE", 0)
    monkeypatch.setattr(large_json, "_PIECE", 64)
    assert outcome(data) == small


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b"[],", b'{"a":[[]]},'])
def test_nothing_is_looked_for_in_what_has_too_many_values(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find a bracket takes longer than to parse it, and there can be one in each byte."""
    monkeypatch.setattr(large_json.LazyObject, "_find", None)
    monkeypatch.setattr(large_json, "LARGE", 0)
    monkeypatch.setattr(json, "MAX_VALUES", 100)
    with pytest.raises(InputError) as caught:
        large_json.PartlyRead.of(b'{"predicate":{"a":[' + piece * 1000, "predicate", what="it", max_depth=64)
    assert caught.value.code == "json-too-many-values"


@pytest.mark.parametrize("levels", [61, 62, 63])
@pytest.mark.parametrize("read", [loads_object, large_json.LazyObject])
def test_what_is_built_is_not_too_deep_to_be_read(read: Any, levels: int) -> None:
    """The object, the list in it, and the statement around it are levels too."""
    predicate = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
    given = {"predicate_type": "https://example.com/a", "predicate": read(predicate, what="it")}
    made = outcome_of(lambda: Statement.build([ResourceDescriptor("a", {"sha256": "0" * 64})], **given).raw)
    assert made == "json-too-deep" if levels > 62 else isinstance(outcome(made), tuple)


@pytest.mark.usefixtures("_all_are_large")
def test_the_predicate_of_a_large_statement_is_parsed_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    document = predicate_documents()["cyclonedx"]["examples"][0]
    subject = [ResourceDescriptor("a", {"sha256": "0" * 64})]
    made = Statement.build(subject, predicate_type="cyclonedx", predicate=document)
    envelope = sign(made, [ALICE]).to_json()
    whole: list[Content] = []
    parse = Content.whole

    def parsing(content: Content) -> dict[str, Any]:
        whole.append(content)
        return parse(content)

    monkeypatch.setattr(Content, "whole", parsing)
    verified = verify(envelope, TRUST, artifacts=["sha256:" + "0" * 64], now=NOW)
    assert verified.report.predicate_schema == "checked"
    assert not whole
    assert verified.statement.predicate == document
    assert whole


def test_only_schemas_that_look_no_deeper_take_an_outline() -> None:
    """tests/building/evidence/test_sboms.py looks at what they say of lists."""
    outlined = {name for name, document in predicate_documents().items() if "x-outline" in document}
    assert outlined == set(OUTLINED)
    assert all((check := OURS.for_type(OURS.uris(name)[0])) is not None and check.rule is None for name in OUTLINED)


@pytest.mark.parametrize("extra", [{}, {"payload": None, "first": [1]}], ids=["new", "read"])
def test_a_large_envelope_is_the_json_of_a_small_one(extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from attest import envelope as module

    envelope = Envelope(bytes(range(256)) * 33, "text/plain", fields=extra or None).with_signatures(ALICE.sign(b"x"))
    small = envelope.to_json()
    monkeypatch.setattr(module, "LARGE", 0)
    monkeypatch.setattr(module, "_PIECE", 6)
    assert envelope.to_json() == small
    again = Envelope.from_json(small)
    assert again.fields is not None
    assert again.fields["payload"] is None
    assert again.to_json() == small
    assert again.with_signatures().to_json() == small


def test_the_text_of_a_large_payload_in_the_other_alphabet_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from attest import envelope as module

    monkeypatch.setattr(module, "LARGE", 0)
    data = b'{"payload":"-_-_","payloadType":"text/plain","signatures":[]}'
    assert Envelope.from_json(data).with_signatures().to_json() == data


_MEASURED = """
from datetime import UTC, datetime
import attest
from attest.trust import editing

def most():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

def used(act):
    open("/proc/self/clear_refs", "w").write("5")
    before = most()
    made = act()
    print((most() - before) / size)
    return made

component = b'{"type":"library","name":"lib","purl":"pkg:npm/%b","licenses":[{"license":{"id":"MIT"}}]}' % (b"x" * 200)
size = 20 << 20
sbom = b'{"bomFormat":"CycloneDX","specVersion":"1.6","components":[%b]}' % b",".join([component] * (size // 287))
subject = attest.ResourceDescriptor("a", {"sha256": "0" * 64})
with attest.generate_key("file:key.pem") as signer:
    trust = editing.create("r", [editing.describe_key(signer.public_key)], now=datetime.now(UTC))
    statement = used(lambda: attest.evidence.read(sbom, check=False).statement([subject]))
    data = used(lambda: attest.sign(statement, [signer]).to_json())
limits = attest.Limits(envelope=64 << 20)
used(lambda: attest.verify(data, trust, artifacts=["sha256:" + "0" * 64], limits=limits))
"""


@pytest.mark.slow
def test_a_large_sbom_is_built_signed_and_verified_in_little_memory(tmp_path: Path) -> None:
    """Besides what each is given: the SBOM, the statement, and the envelope, which is a third larger."""
    command = [sys.executable, "-c", _MEASURED]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    built, signed, verified = map(float, ran.stdout.split())
    assert built < 2
    assert signed < 3
    assert verified < 2.7


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-sha2-nistp256", "rsassa-pss-sha256", "ml-dsa-44"])
def test_every_algorithm_verifies_a_large_payload_and_no_other(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = MemorySigner(algorithm, 1)
    envelope = Envelope(b"x" * 20_000, "text/plain")
    envelope = envelope.with_signatures(signer.sign(envelope.pae()))
    ring = bundle({"release": anchor(signer)})
    monkeypatch.setattr(signatures, "LARGE", 0)
    for payload, code in ((envelope.unverified_payload, None), (b"y" * 20_000, "signature-invalid")):
        [check], _ = signatures.check_signatures(replace(envelope, unverified_payload=payload), ring, NOW, True)
        assert check.code == code


def test_many_subjects_and_artifacts_are_compared_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    number = 10_000
    subjects = [ResourceDescriptor(f"{n}", {"sha256": f"{n:064x}"}) for n in range(number)]
    made = Statement.build(subjects, predicate_type=PREDICATE_TYPE, max_subjects=number)
    artifacts = [Artifact.of(f"sha256:{n:064x}") for n in range(number // 2, number + number // 2)]
    compared: list[Any] = []
    compare = digest.compare

    def comparing(*sets: Any) -> Any:
        compared.append(sets)
        return compare(*sets)

    monkeypatch.setattr(digest, "compare", comparing)
    verified = verify(
        sign(made, [ALICE]), TRUST, artifacts=artifacts, cover="any", limits=Limits(subjects=number), now=NOW
    )
    assert len(verified.artifacts) == len(compared) == number // 2


def test_an_index_finds_what_comparing_with_each_subject_finds() -> None:
    chance = random.Random(7)
    names = ("sha256", "sha512", "md5", "sha1", "own")

    def some() -> dict[str, str]:
        return {name: chance.choice("aAbc") * 4 for name in chance.sample(names, chance.randint(1, 4))}

    for _ in range(300):
        subjects = [some() for _ in range(12)]
        named = {name: value if name == "own" else value.lower() for name, value in some().items()}
        artifact = Artifact("x", named)  # as it is given at the command line
        assert match(artifact, digest.DigestIndex(subjects)) == match(artifact, subjects)
