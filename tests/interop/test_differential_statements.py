"""attest and in_toto_attestation agree on statements, but for the places named here, where attest means to differ."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson, Parse, ParseError, SerializeToJsonError
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor as TheirDescriptor
from in_toto_attestation.v1.statement import Statement as TheirStatement
from in_toto_attestation.v1.statement_pb2 import Statement as TheirMessage

from attest import InputError, ResourceDescriptor, Statement, verify
from tests.support.making.bundles import trust_in
from tests.support.making.keys import software_key
from tests.support.making.statements import EMPTY_SHA256, envelope_by, statement_json

SHA256 = {"sha256": EMPTY_SHA256}
OTHER_SHA256 = {"sha256": "a" * 64}


def theirs(data: bytes) -> TheirStatement:
    """What they read, having found it valid."""
    read = TheirStatement.copy_from_pb(Parse(data, TheirMessage()))
    read.validate()
    return read


def their_json(data: bytes) -> Any:
    """What they would write of what they read."""
    return json.loads(MessageToJson(theirs(data).pb))


def our_refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        Statement.from_json(data)
    return caught.value


def with_digest(digest: Any) -> bytes:
    return statement_json(subject=[{"name": "app.whl", "digest": digest}])


# Agreement


def test_they_read_what_we_build_as_we_do() -> None:
    subjects = [
        ResourceDescriptor("app.whl", SHA256, "pkg:pypi/app@1.0", media_type="application/zip"),
        ResourceDescriptor(None, {**OTHER_SHA256, "gitCommit": "b" * 40}),
    ]
    predicate = {"text": "é\u2028", "list": [], "nested": {"none": None, "yes": True}, "half": 0.5}
    built = Statement.build(subjects, predicate_type="https://example.com/predicate/v1", predicate=predicate)
    assert their_json(built.to_json()) == built.document


@pytest.mark.parametrize("indent", [None, 2])
def test_we_read_what_they_build_as_they_do(indent: int | None) -> None:
    subject = TheirDescriptor(name="app.whl", uri="pkg:pypi/app@1.0", digest=SHA256, annotations={"a": "b"})
    made = TheirStatement([subject.pb], "https://example.com/predicate/v1", {"passed": True, "of": [0.5, None]})
    made.validate()
    data = MessageToJson(made.pb, indent=indent).encode()
    read = Statement.from_json(data)
    assert [(one.name, one.uri, one.digest) for one in read.subjects] == [("app.whl", "pkg:pypi/app@1.0", SHA256)]
    assert (read.type, read.predicate_type) == (made.pb.type, made.pb.predicate_type)
    assert read.predicate == {"passed": True, "of": [0.5, None]}
    key = software_key("ed25519")
    verified = verify(envelope_by(key, payload=data), trust_in(key.public_key), artifacts=[f"sha256:{EMPTY_SHA256}"])
    assert theirs(verified.payload).pb == made.pb


BOTH_REFUSE = {
    "another _type": statement_json(_type="https://in-toto.io/Statement/v2"),
    "v0.1, unless asked": statement_json(_type="https://in-toto.io/Statement/v0.1"),
    "no _type": statement_json("_type"),
    "a _type in capitals": b'{"_Type"' + statement_json().removeprefix(b'{"_type"'),
    "no subject": statement_json("subject"),
    "an empty list of subjects": statement_json(subject=[]),
    "a subject that is null": statement_json(subject=[None]),
    "a subject without a list": statement_json(subject={"name": "app.whl", "digest": SHA256}),
    "a subject without a digest": statement_json(subject=[{"name": "app.whl"}]),
    "an empty digest set": with_digest({}),
    "a digest that is a number": with_digest({"sha256": 5}),
    "a name that is a number": statement_json(subject=[{"name": 5, "digest": SHA256}]),
    "no predicateType": statement_json("predicateType"),
    "an empty predicateType": statement_json(predicateType=""),
    "a predicateType that is a number": statement_json(predicateType=5),
    "a predicate that is a list": statement_json(predicate=[]),
    "a predicate that is text": statement_json(predicate="x"),
    "a name given twice": statement_json().replace(b"{", b'{"_type":"x",', 1),
    "a name given twice, deep inside": statement_json().replace(b'"passed"', b'"passed":false,"passed"'),
    "bytes that are no UTF-8": statement_json().replace(b"app", b"\xff"),
    "half a surrogate pair": statement_json().replace(b"app", rb"\ud800"),
    "a byte order mark": b"\xef\xbb\xbf" + statement_json(),
    "something behind it": statement_json() + b"{}",
    "nothing": b"",
}


@pytest.mark.parametrize("case", BOTH_REFUSE)
def test_both_refuse(case: str) -> None:
    with pytest.raises((ValueError, ParseError)):
        theirs(BOTH_REFUSE[case])
    assert our_refusal(BOTH_REFUSE[case]).code in {
        "json-invalid",
        "statement-invalid",
        "statement-version",
        "subject-missing",
    }


# Where we differ on purpose


@pytest.mark.parametrize(
    "data",
    [statement_json("predicate"), statement_json(predicate={}), statement_json(predicate=None)],
    ids=["unset", "empty", "null"],
)
def test_a_statement_without_a_predicate_is_read_where_they_want_one(data: bytes) -> None:
    with pytest.raises(ValueError, match="Predicate object required"):
        theirs(data)
    assert Statement.from_json(data).predicate == {}


@pytest.mark.parametrize(
    "data",
    [statement_json(extension=1), statement_json(subject=[{"name": "app.whl", "digest": SHA256, "extension": 1}])],
    ids=["statement", "subject"],
)
def test_an_extension_field_is_kept_where_they_refuse_or_drop_it(data: bytes) -> None:
    with pytest.raises(ParseError, match='no field named "extension"'):
        theirs(data)
    dropped = MessageToJson(Parse(data, TheirMessage(), ignore_unknown_fields=True))
    assert "extension" not in dropped
    assert Statement.from_json(data).to_json() == data


def test_the_alias_type_is_no_type_where_they_take_it() -> None:
    data = statement_json("_type", type="https://in-toto.io/Statement/v1")
    assert theirs(data).pb.type == "https://in-toto.io/Statement/v1"
    assert our_refusal(data).code == "statement-invalid"


def test_the_alias_predicate_type_is_no_predicate_type_where_they_take_it() -> None:
    data = statement_json("predicateType", predicate_type="https://example.com/predicate/v1")
    assert theirs(data).pb.predicate_type == "https://example.com/predicate/v1"
    assert our_refusal(data).code == "statement-invalid"


def test_an_alias_beside_the_name_changes_nothing_where_they_take_the_last() -> None:
    data = statement_json(predicate_type="https://example.com/another/v1")
    assert theirs(data).pb.predicate_type == "https://example.com/another/v1"
    assert Statement.from_json(data).predicate_type == "https://example.com/predicate/v1"
    data = statement_json(type="https://in-toto.io/Statement/v2")
    with pytest.raises(ValueError, match="Wrong statement type"):
        theirs(data)
    assert Statement.from_json(data).type == "https://in-toto.io/Statement/v1"


def test_subjects_of_one_name_that_differ_are_not_built_where_they_are_made() -> None:
    made = [TheirDescriptor(name="app.whl", digest=digest).pb for digest in (SHA256, OTHER_SHA256)]
    theirs_made = TheirStatement(made, "https://example.com/predicate/v1", {"passed": True})
    theirs_made.validate()
    with pytest.raises(InputError) as caught:
        Statement.build(
            [ResourceDescriptor("app.whl", SHA256), ResourceDescriptor("app.whl", OTHER_SHA256)],
            predicate_type="https://example.com/predicate/v1",
        )
    assert caught.value.code == "subject-ambiguous"
    # Names SHOULD be unique, no more; they are matched by digest alone, so others' statements are read.
    assert len(Statement.from_json(MessageToJson(theirs_made.pb).encode()).subjects) == 2


@pytest.mark.parametrize("digest", ["", "zz", "abcd", "z" * 64, " " + "a" * 63, "a" * 65, "0x" + "a" * 62])
def test_a_digest_that_is_not_the_algorithm_s_hex_is_refused_where_they_take_anything(digest: str) -> None:
    for digests in ({"sha256": digest}, {"sha256": EMPTY_SHA256, "sha512": digest}):
        assert theirs(with_digest(digests)).pb.subject[0].digest == digests
        error = our_refusal(with_digest(digests))
        assert error.code == "statement-invalid"
        assert (error.where or "").startswith("/subject/0/digest/sha")


def test_a_predicate_type_that_is_no_uri_is_refused_where_they_take_any_text() -> None:
    for text in ("provenance", "/slsa/v1", "slsa.dev/provenance/v1", " https://slsa.dev/provenance/v1"):
        assert theirs(statement_json(predicateType=text)).pb.predicate_type == text
        assert our_refusal(statement_json(predicateType=text)).where == "/predicateType"


def test_numbers_keep_their_form_where_they_all_become_floating_point() -> None:
    data = statement_json().replace(b'"passed":true', b'"a":1,"b":9223372036854775807,"c":1.50,"d":1e2')
    assert dict(theirs(data).pb.predicate)["b"] == float(2**63)
    assert '"a": 1.0' in MessageToJson(theirs(data).pb)
    read = Statement.from_json(data)
    assert read.to_json() == data
    assert read.predicate["b"] == 2**63 - 1
    assert type(read.predicate["a"]) is int


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_is_none_is_refused_when_read_where_they_find_it_valid(number: bytes) -> None:
    data = statement_json().replace(b"true", number)
    read = theirs(data)
    with pytest.raises(SerializeToJsonError):
        MessageToJson(read.pb)
    assert our_refusal(data).code == "json-invalid"


def provenance(started: str) -> dict[str, Any]:
    return {
        "buildDefinition": {
            "buildType": "https://example.com/build",
            "externalParameters": {"ref": "main"},
            "resolvedDependencies": [],
        },
        "runDetails": {"builder": {"id": "https://example.com"}, "metadata": {"startedOn": started}},
    }


def test_an_empty_list_stays_where_they_leave_it_out() -> None:
    predicate = provenance("2026-01-01T00:00:00Z")
    written = json.loads(MessageToJson(Parse(json.dumps(predicate), Provenance())))
    assert "resolvedDependencies" not in written["buildDefinition"]
    read = Statement.from_json(statement_json(predicateType="https://slsa.dev/provenance/v1", predicate=predicate))
    assert read.check_predicate()
    assert read.predicate == predicate


def test_a_time_with_an_offset_is_refused_where_they_write_another() -> None:
    predicate = provenance("2026-01-01T02:00:00+02:00")
    written = json.loads(MessageToJson(Parse(json.dumps(predicate), Provenance())))
    assert written["runDetails"]["metadata"]["startedOn"] == "2026-01-01T00:00:00Z"
    read = Statement.from_json(statement_json(predicateType="https://slsa.dev/provenance/v1", predicate=predicate))
    with pytest.raises(InputError) as caught:
        read.check_predicate()
    assert caught.value.where == "/predicate/runDetails/metadata/startedOn"


def test_statement_v0_1_is_read_when_asked_where_they_never_read_it() -> None:
    data = statement_json(_type="https://in-toto.io/Statement/v0.1")
    with pytest.raises(ValueError, match="Wrong statement type"):
        theirs(data)
    assert our_refusal(data).code == "statement-version"
    assert Statement.from_json(data, allow_v0_1=True).type == "https://in-toto.io/Statement/v0.1"


def test_a_list_of_subjects_too_long_is_refused_where_they_have_no_limit() -> None:
    data = statement_json(subject=[{"digest": SHA256}] * 1025)
    assert len(theirs(data).pb.subject) == 1025
    assert our_refusal(data).code == "too-many-subjects"
