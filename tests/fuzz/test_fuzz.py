"""What the fuzzer found stays found: every input that is kept, put to its target; and short runs of the fuzzer."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from random import Random
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

import attest
from tests.fuzz import mutation, oracle
from tests.fuzz.__main__ import CORPUS, LARGEST, ROOT, Server, corpus, fuzz
from tests.fuzz.targets import named, names
from tests.support.missing import missing
from tests.vectors.keys import ALICE, STRANGER
from tests.vectors.parts import anchor, bundle, compact, envelope_of
from tests.vectors.tokens import TSA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

each_target = pytest.mark.parametrize("name", names())


@pytest.fixture
def fuzzer() -> None:
    """The fuzzer is here, or it has nothing that runs here."""
    if find_spec("atheris") is not None:
        return
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    [needed] = [one for one in map(Requirement, wanted) if one.name == "atheris"]
    if needed.marker is None or needed.marker.evaluate():
        missing("atheris is not here: pip install 'attest-dsse[test]'")
    pytest.skip(f"atheris is only there where {needed.marker}")


@pytest.fixture(scope="module")
def engine() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@each_target
def test_every_input_that_is_kept_ends_as_it_should(name: str) -> None:
    target = named(name)
    assert corpus(name)
    for path in corpus(name):
        target.check(path.read_bytes())


@each_target
def test_what_fuzzing_begins_with_ends_as_it_should(name: str) -> None:
    target = named(name)
    seeds = list(target.seeds())
    assert any(len(data) <= LARGEST for data in seeds)
    for data in seeds:
        target.check(data)


def test_the_corpus_is_small_and_each_input_is_named_by_its_digest() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == names()
    inputs = [path for name in names() for path in corpus(name)]
    assert sum(path.stat().st_size for path in inputs) < 2 << 20
    for path in inputs:
        assert path.name == hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


def nothing(data: bytes, most: int) -> bytes:
    return data[:most]


def test_a_mutation_keeps_the_structure_and_its_seed_decides_it() -> None:
    data = compact(envelope_of(ALICE))
    mutate = mutation.Mutator([data, compact(oracle.TRUSTED)], nothing)
    made = [mutate(data, LARGEST, seed) for seed in range(300)]
    assert made == [mutate(data, LARGEST, seed) for seed in range(300)]
    assert len(set(made)) > 100
    assert all(len(one) <= LARGEST for one in made)
    read = [attest.Envelope.from_json(one) for one in made if _is_envelope(one)]
    assert len({one.unverified_payload for one in read}) > 10, "what stands in base64 is changed by its structure too"


def _is_envelope(data: bytes) -> bool:
    return oracle.attempt(lambda: attest.Envelope.from_json(data)) is not None


@pytest.mark.parametrize("data", [TSA.der, TSA.pem.encode()], ids=["der", "pem"])
def test_a_mutation_of_der_has_good_lengths(data: bytes) -> None:
    change: Callable[[bytes, Random, mutation.Mutate], bytes | None] = (
        mutation.change_pem if data.startswith(b"-") else mutation.change_der
    )
    made = {changed for seed in range(200) if (changed := change(data, Random(seed), nothing)) is not None}
    assert len(made) > 20
    assert all(mutation.values(one) is not None for one in made if data is TSA.der)


def test_a_yes_that_nobody_signed_is_a_finding() -> None:
    document = envelope_of(STRANGER)
    strange = bundle(anchor(STRANGER))
    trust = attest.TrustBundle.from_json(compact(strange))
    verified = attest.verify(compact(document), trust, artifacts=None, now=oracle.NOW)
    with pytest.raises(AssertionError, match="says yes"):
        oracle.signed_for(verified, document)


def test_an_error_that_no_document_lists_or_that_says_nothing_is_a_finding() -> None:
    for error in (attest.InputError("no-such-code", "it is wrong"), attest.InputError("json-invalid", "")):
        with pytest.raises(AssertionError):
            oracle.refusal(error)


@pytest.mark.slow
@pytest.mark.usefixtures("fuzzer")
@each_target
def test_some_fuzzing_finds_nothing(name: str, engine: Server) -> None:
    # All seeds and all that is kept are tried above, so most of these are new.
    outcome = fuzz(named(name), runs=200, most=50, engine=engine)
    assert outcome.finding is None, f"{outcome.finding!r}\n{outcome.output}"
    assert outcome.executions >= 200
    assert outcome.coverage > 10


PLANTED = '''"""A target with a fault."""
import json


def check(data):
    try:
        value = json.loads(data)
    except ValueError:
        return
    if isinstance(value, dict):
        assert value.get("a") is not True


def seeds():
    return ()
'''


@pytest.mark.slow
@pytest.mark.usefixtures("fuzzer")
def test_the_fuzzer_finds_what_is_there_to_be_found_and_writes_it_down(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(PLANTED)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "one").write_bytes(b'{"a": 1}')
    program = (
        "import sys; from tests.fuzz import engine, targets; targets.__path__.append(sys.argv[1]);"
        "engine.main('planted', sys.argv[1] + '/finding', [sys.argv[1] + '/seeds', '-max_total_time=60'])"
    )
    ran = subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, capture_output=True, check=False)
    assert ran.returncode != 0
    [first, *_] = sorted(tmp_path.glob("finding-*"))
    assert json.loads(first.read_bytes())["a"] is True
