"""What is handed over in another type than expected is a TypeError that says what was expected, and shows no value."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import attest
from attest import Policy, PublicKey, Statement, TrustBundle
from attest.trust import TrustRoots, history
from tests.support.making.bundles import NOW, bundle
from tests.support.making.keys import ALICE
from tests.support.making.statements import ARTIFACT, signed, statement

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "hunter2"
TRUST, ENVELOPE = bundle(), signed()


def verify(envelope: Any = ENVELOPE, trust: Any = TRUST, **options: Any) -> object:
    return attest.verify(envelope, trust, **{"artifacts": [ARTIFACT], "now": NOW, **options})


def verify_many(envelopes: Any, trust: Any = TRUST, **options: Any) -> object:
    return list(attest.verify_many(envelopes, trust, **{"artifacts": [ARTIFACT], "now": NOW, **options}))


BYTES: dict[str, Callable[[Any], object]] = {
    "Envelope.from_json": attest.Envelope.from_json,
    "Statement.from_json": Statement.from_json,
    "TrustBundle.from_json": TrustBundle.from_json,
    "TrustRoots.from_json": TrustRoots.from_json,
    "history.read": history.read,
    "Policy.from_bytes": Policy.from_bytes,
    "PublicKey.parse": PublicKey.parse,
    "verify": verify,
    "verify_many": lambda one: verify_many([one]),
}
PATHS: dict[str, Callable[[Any], object]] = {
    "TrustBundle.load": TrustBundle.load,
    "history.load": history.load,
    "history.load_root": history.load_root,
    "Policy.load": Policy.load,
    "PredicateSchemas.load": attest.PredicateSchemas.load,
    "Statement.build": lambda one: Statement.build([one], predicate_type="https://example.com/x", predicate={}),
    "Artifact.of": attest.Artifact.of,
}
LISTS: dict[str, Callable[[Any], object]] = {
    "artifacts": lambda one: verify(artifacts=one),
    "artifacts of many": lambda one: verify_many([ENVELOPE], artifacts=one),
    "artifacts of a policy": lambda one: attest.policy.decide(Policy.from_bytes(b""), [], artifacts=one, now=NOW),
    "anchors": lambda one: verify(anchors=one),
    "subject_names": lambda one: verify(subject_names=one),
    "envelopes": verify_many,
    "signers": lambda one: attest.sign(statement(), one),
    "subjects": lambda one: Statement.build(one, predicate_type="https://example.com/x", predicate={}),
    "policy": lambda one: verify(policy=one),
}
OTHERS: dict[str, Callable[[], object]] = {
    "a TrustBundle": lambda: verify(trust="trust.json"),
    "a TrustBundle, many": lambda: verify_many([ENVELOPE], trust="trust.json"),
    "Limits": lambda: verify(limits={"envelope": 7}),
    "PredicateSchemas": lambda: verify(schemas="schemas"),
    "SignerChecks": lambda: verify(signers=[ALICE]),
    "a datetime": lambda: verify(now="2026-11-24T00:00:00Z"),
    "text": lambda: attest.open_signer(Path("release.pem")),  # type: ignore[arg-type]
    "text, key": lambda: attest.generate_key(b"file:release.pem"),  # type: ignore[arg-type]
    "a function": lambda: attest.open_signer("file:release.pem", secrets=SECRET),  # type: ignore[arg-type]
    "text, url": lambda: attest.Timestamper(7),  # type: ignore[arg-type]
    "a path, a TrustBundle or TrustRoots": lambda: TrustBundle.load("trust.json", root=7),  # type: ignore[arg-type]
    "a Verified": lambda: attest.policy.decide(Policy.from_bytes(b""), [ENVELOPE], artifacts=None, now=NOW),  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("wrong", [SECRET, Path(SECRET), None, {"payload": SECRET}, bytearray(SECRET.encode())])
def test_bytes(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected bytes") as caught:
        BYTES[name](wrong)
    assert SECRET not in str(caught.value)
    if isinstance(wrong, str | Path) and name in ("TrustBundle.from_json", "Policy.from_bytes"):
        assert f"{name.partition('.')[0]}.load reads a file" in str(caught.value)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("wrong", [SECRET.encode(), None, 7])
def test_paths(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"expected (the path of a file|a path)") as caught:
        PATHS[name](wrong)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("wrong", [SECRET, SECRET.encode(), Path(SECRET), ENVELOPE, 7])
def test_lists(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a (list of|Policy or a list)") as caught:
        LISTS[name](wrong)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("expected", OTHERS)
def test_others(expected: str) -> None:
    with pytest.raises(TypeError, match=f"expected {expected.partition(',')[0]}") as caught:
        OTHERS[expected]()
    assert SECRET not in str(caught.value)


def test_nothing_of_that_is_in_the_way_of_what_is_right() -> None:
    for envelope in (ENVELOPE, ENVELOPE.to_json()):
        verify(envelope)
    for listed in ([ARTIFACT], (ARTIFACT,), iter([ARTIFACT]), {ARTIFACT}):
        verify(artifacts=listed)
    for names in (["release"], ("release",), {"release"}, {"release": 1}):
        verify(anchors=names)
    assert verify(now=datetime.fromisoformat("2026-11-24T00:00:00+00:00"))
