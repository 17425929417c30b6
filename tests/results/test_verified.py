"""What hangs on a `Verified`: no ordinary use of Python, and no data, changes what it says (docs/adr/0022)."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import attest
from attest import Artifact, Envelope, InputError, Policy, Rejected, Verified, verify, verify_many
from attest import schema as schemas
from attest._base.read_only import read_only
from attest.predicates import from_statement
from attest.results import verified
from attest.results.report import Report
from attest.verifying import uncovered
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, BOB, MALLORY
from tests.support.making.statements import ARTIFACT, DIGEST, signed, statement
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Callable

TRUST = bundle({"release": anchor(ALICE), "wide": anchor(ALICE, BOB, subjects=["**"])})
PREDICATE = {"reviewers": ["ann", {"name": "ben", "of": ["security"]}], "result": "ACCEPTED"}
POLICY = Policy.from_document({"require": [{"type": "https://example.com/review/v1", "anchors": ["release"]}]})


def ask(**options: Any) -> Verified:
    given = {"artifacts": [Artifact.of(ARTIFACT)], "now": NOW, **options}
    return verify(signed(about=statement(predicate=PREDICATE)).to_json(), TRUST, **given)


def seen(one: Verified) -> str:
    """All that a Verified says, down to the last digest."""
    artifacts = [(check.artifact.name, check.artifact.digests, check.subjects) for check in one.report.artifacts or ()]
    parts = [one.payload, one.statement.type, one.statement.predicate_type, one.statement.document]
    parts += [one.statement.predicate, one.statement.subjects, one.anchors, one.keyids, one.report, artifacts]
    return repr([*parts, one.covers(Artifact.of(ARTIFACT))])


def setting(path: str, value: object) -> Callable[[Verified], object]:
    """An assignment to the attribute that `path` leads to."""
    *way, last = path.split(".")

    def change(one: Verified) -> None:
        target: Any = one
        for name in way:
            target = target[int(name)] if name.isdigit() else getattr(target, name)
        setattr(target, last, value)

    return change


CHANGES: list[Callable[[Any], object]] = [
    setting("anchors", ("boss",)),
    setting("report", None),
    setting("statement", None),
    setting("payload", b"{}"),
    setting("keyids", ()),
    setting("anything", 1),
    lambda one: delattr(one, "report"),
    lambda one: object.__setattr__(one, "anchors", ("boss",)),
    *[setting(f"report.{name}", ()) for name in Report._fields],
    setting("report.signatures.0.code", None),
    setting("report.signatures.0.keyid", "0" * 64),
    setting("report.artifacts.0.subjects", (7,)),
    setting("report.artifacts.0.artifact.name", "other"),
    setting("report.artifacts.0.artifact.digests", {}),
    lambda one: one.report.artifacts[0].artifact.digests.clear(),
    lambda one: one.report.artifacts[0].artifact.digests.update(sha256="0" * 64),
    lambda one: one.report.artifacts[0].artifact.hash_for(["sha256"]).pop("sha256"),
    setting("statement.raw", b"{}"),
    setting("statement.type", "x"),
    setting("statement.predicate_type", "x"),
    setting("statement.document", {}),
    setting("statement.subjects", ()),
    setting("statement.predicate", {}),
    lambda one: one.statement.document.__setitem__("predicate", {}),
    lambda one: one.statement.document.pop("subject"),
    lambda one: one.statement.document.popitem(),
    lambda one: one.statement.document.clear(),
    lambda one: one.statement.document.update(predicate={}),
    lambda one: one.statement.document.setdefault("x", 1),
    lambda one: one.statement.document.__delitem__("predicate"),
    lambda one: one.statement.document.__ior__({"predicate": {}}),
    lambda one: one.statement.document.__init__({"predicate": {}}),
    lambda one: one.statement.document["subject"].append({}),
    lambda one: one.statement.document["subject"][0].update(name="x"),
    lambda one: one.statement.document["subject"][0]["digest"].update(sha256="0" * 64),
    lambda one: one.statement.predicate.update(result="REJECTED"),
    lambda one: one.statement.predicate["reviewers"].__setitem__(0, "eve"),
    lambda one: one.statement.predicate["reviewers"][1]["of"].extend(["eve"]),
    *[
        lambda one, name=name, arguments=arguments: getattr(one.statement.predicate["reviewers"], name)(*arguments)
        for name, arguments in {
            "append": (1,),
            "clear": (),
            "extend": ([1],),
            "insert": (0, 1),
            "pop": (),
            "remove": ("ann",),
            "reverse": (),
            "sort": (),
            "__setitem__": (0, 1),
            "__delitem__": (0,),
            "__iadd__": ([1],),
            "__imul__": (0,),
            "__init__": ([1],),
        }.items()
    ],
    lambda one: one.statement.subjects[0].digest.clear(),
    setting("statement.subjects.0.name", "x"),
    lambda one: dict(one.statement.document)["predicate"].clear(),
    lambda one: list(one.statement.predicate["reviewers"])[1].clear(),
    lambda one: (one.statement.document | {})["predicate"].clear(),
    lambda one: one.statement.document.copy()["predicate"].clear(),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_nothing_that_hangs_on_a_verified_can_be_changed(number: int) -> None:
    one = ask()
    before = seen(one)
    with pytest.raises((AttributeError, TypeError)):
        CHANGES[number](one)
    assert seen(one) == before


def test_all_methods_that_change_a_dict_or_a_list_are_refused() -> None:
    """Whatever a later Python adds to them."""
    fixed = read_only({"a": [1]})
    for kind, value in ((dict, fixed), (list, fixed["a"])):
        for name in set(dir(kind)) - set(dir(tuple)) - {"__init__"}:
            method = getattr(value, name)
            if callable(method):
                for arguments in ((), ("a",), (0,), ("a", 2), (0, 2), ({"a": 2},), ([2],)):
                    try:
                        method(*arguments)
                    except (TypeError, KeyError, ValueError, IndexError):
                        continue
    assert json.dumps(fixed) == '{"a": [1]}'


def test_what_is_read_only_is_a_dict_to_whoever_reads_it() -> None:
    one = ask()
    document = one.statement.document
    assert (type(document) is dict, isinstance(document, dict), document == json.loads(one.payload)) == (
        False,
        True,
        True,
    )
    assert json.loads(json.dumps(document, sort_keys=True)) == json.loads(one.payload)
    shape = {"properties": {"predicate": {"properties": {"reviewers": {"type": "array", "minItems": 2}}}}}
    jsonschema.Draft202012Validator(shape).validate(document)
    assert schemas.Schema(shape).accepts(document)
    assert not schemas.Schema({"properties": {"predicate": {"required": ["nothing"]}}}).accepts(document)
    for mine in (copy.deepcopy(document), pickle.loads(pickle.dumps(document))):  # noqa: S301
        assert type(mine["predicate"]["reviewers"]) is list
        mine["predicate"]["reviewers"].clear()
        mine["subject"][0]["digest"].clear()
    assert document == json.loads(one.payload)


def test_a_predicate_taken_apart_by_its_builder_changes_nothing() -> None:
    predicate = {"name": "build", "command": ["make"], "materials": [], "byproducts": {"return-value": 0}}
    about = statement(predicate_type="https://in-toto.io/attestation/link/v0.3", predicate=predicate)
    one = verify(signed(about=about), TRUST, artifacts=None, now=NOW)
    before = seen(one)
    link = from_statement(one.statement)
    taken = link.to_dict()
    taken["command"] = ["rm"]
    taken["byproducts"]["return-value"] = 1
    assert seen(one) == before


def test_a_verified_is_made_by_verify_and_by_nothing_else() -> None:
    one = ask()
    with pytest.raises(TypeError, match="only attest"):
        Verified()
    with pytest.raises(TypeError, match="only attest"):
        Verified(one.statement, one.anchors, one.report, object())
    with pytest.raises(TypeError, match="cannot have subclasses"):
        type("Other", (Verified,), {})
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(one, anchors=("boss",))  # type: ignore[type-var]
    assert copy.copy(one) is one
    assert copy.deepcopy(one) is one
    assert one == ask()
    assert hash(one) == hash(ask())
    assert one.report._replace(anchors=("boss",)).anchors != one.anchors


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_verified_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="verify it again"):
        pickle.dumps(ask(), protocol)


def test_a_refusal_is_pickled_whole() -> None:
    with pytest.raises(Rejected) as caught:
        verify(signed(MALLORY), TRUST, artifacts=None, now=NOW)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (again.code, str(again), again.report) == (caught.value.code, str(caught.value), caught.value.report)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_of_our_own_tell_all_that_was_established(workers: int) -> None:
    """Their answers cross a socket to the process that started them, and to nobody else."""
    envelopes = [signed(about=statement(predicate=PREDICATE)).to_json()] * 65
    outcomes = list(verify_many(envelopes, TRUST, artifacts=[ARTIFACT], now=NOW, workers=workers, policy=POLICY))
    expected = seen(ask(artifacts=[ARTIFACT], policy=POLICY))
    assert {outcome.verified and seen(outcome.verified) for outcome in outcomes} == {expected}


def test_a_process_pool_tells_all_that_was_established() -> None:
    with ProcessPoolExecutor(1) as executor:
        [outcome] = verify_many([signed().to_json()], TRUST, artifacts=[ARTIFACT], now=NOW, executor=executor)
    assert outcome.verified is not None
    assert seen(outcome.verified) == seen(verify(signed(), TRUST, artifacts=[ARTIFACT], now=NOW))


def test_what_was_passed_in_can_be_changed_later_and_means_nothing() -> None:
    artifact = Artifact("app", {"sha256": DIGEST})
    digests = {"sha256": DIGEST}
    other = Artifact("other", digests)
    envelope = signed(about=statement(predicate=PREDICATE))
    parsed = Envelope.from_json(envelope.to_json())
    trust = bundle({"release": anchor(ALICE)})
    given = [artifact, other]
    one = verify(parsed, trust, artifacts=given, now=NOW)
    before = seen(one)
    assert parsed.fields is not None
    parsed.fields["payload"] = ""
    parsed.fields["signatures"].clear()
    assert parsed.signatures[0].fields is not None
    parsed.signatures[0].fields["sig"] = ""
    digests["sha256"] = "0" * 64
    given.clear()
    trust.document["anchors"].clear()
    with pytest.raises(TypeError, match="read-only"):
        trust.anchors.clear()  # type: ignore[attr-defined]
    assert seen(one) == before
    assert one.covers(other)
    assert not one.covers(Artifact("other", {"sha256": "0" * 64}))


@pytest.mark.parametrize("part", ["payload", "signature"])
def test_an_envelope_of_bytes_that_can_change_is_a_wrong_type(part: str) -> None:
    good = signed()
    payload, signature = good.unverified_payload, good.signatures[0]
    if part == "payload":
        given = Envelope(bytearray(payload), good.payload_type, good.signatures)  # type: ignore[arg-type]
    else:
        given = Envelope(payload, good.payload_type, (attest.Signature("", bytearray(signature.sig)),))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytearray"):
        verify(given, TRUST, artifacts=None, now=NOW)


def test_an_envelope_that_names_other_bytes_than_it_has_is_judged_by_those_it_has() -> None:
    good = signed()

    class Other(Envelope):
        def pae(self) -> bytes:
            return good.pae()

    forged = Other(statement(predicate={"result": "forged"}).raw, good.payload_type, good.signatures)
    with refused(Rejected, "threshold-not-met"):
        verify(forged, TRUST, artifacts=None, now=NOW)


class LooksAlike:
    """All that a policy reads of a Verified, and no more."""

    def __init__(self, like: Verified) -> None:
        self.statement, self.anchors, self.report = like.statement, like.anchors, like.report

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return Verified

    def covers(self, artifact: Artifact) -> bool:
        return True


def test_a_policy_decides_over_what_was_verified_and_nothing_that_looks_like_it() -> None:
    one = ask()
    assert POLICY.decide([one], artifacts=None, now=NOW).yes
    fake: Any = LooksAlike(one)
    assert isinstance(fake, Verified)
    others: list[Any] = [fake, one.report, None, one.statement]
    for given in others:
        with pytest.raises(TypeError, match="expected a Verified"):
            POLICY.decide([one, given], artifacts=None, now=NOW)
    with pytest.raises(TypeError, match="expected a Verified"):
        uncovered([Artifact.of(ARTIFACT)], [fake])


def test_what_nobody_vouches_for_is_not_made_a_verified() -> None:
    for report in (ask().report._replace(anchors=()), ask().report._replace(statement=None)):
        with pytest.raises(TypeError, match="no anchor has signed"):
            verified._make(report)


def test_an_artifact_that_is_hashed_with_more_later_is_the_same(tmp_path: Any) -> None:
    path = tmp_path / "app"
    path.write_bytes(b"hello\n")
    artifact = Artifact.of(path)
    first = artifact.hash_for(["sha256"])
    assert set(first) == {"sha256"}
    assert set(artifact.hash_for(["sha512"])) == {"sha256", "sha512"}
    assert set(first) == {"sha256"}
    with refused(InputError, "digest-invalid"):
        Artifact.of("sha256:12")
