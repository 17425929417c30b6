"""Scenarios of statements: what is signed and still says nothing that can be relied on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE
from tests.vectors.parts import (
    CLAIM,
    DIGEST,
    OTHER_DIGEST,
    SLSA,
    STATEMENT,
    STATEMENT_V0_1,
    SUBJECT,
    case,
    compact,
    envelope_of,
    rejected,
    row,
    statement,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_INVALID = rejected("statement-invalid", None)
_CLAIM = statement(predicateType=CLAIM, predicate={})
_STATEMENT_MD = "in-toto statement.md: "


def cases() -> Iterator[Scenario]:
    yield from _versions()
    yield from _duplicates()
    yield from _aliases()
    yield from _not_json()
    yield from _wrong_fields()
    yield from _accepted()
    yield from _limits()


def _signed(payload: bytes) -> dict[str, Any]:
    return envelope_of(ALICE, payload=payload)


def _with(extra: bytes, payload: bytes = STATEMENT) -> bytes:
    """A statement with raw JSON put before its first field."""
    return b"{" + extra + b"," + payload[1:]


def _versions() -> Iterator[Scenario]:
    old = _signed(statement(_type=STATEMENT_V0_1))
    why = "the types of npm, cosign and the SBOM specifications are still Statement v0.1"
    yield case(
        "statement-v0.1",
        "A Statement v0.1 is read, with a note.",
        why,
        verified(None),
        envelope=old,
    )
    yield case(
        "statement-v0.1-asked-for",
        "The option that asked for v0.1 before it was always read has no effect.",
        why,
        verified(None),
        envelope=old,
        statement_v0_1=True,
    )
    for name, kind in (
        ("v2", "https://in-toto.io/Statement/v2"),
        ("v1-with-a-slash", "https://in-toto.io/Statement/v1/"),
    ):
        yield case(
            f"statement-{name}",
            "A `_type` that isn't exactly the one of v1 is refused.",
            _STATEMENT_MD + "_type",
            _INVALID,
            envelope=_signed(statement(_type=kind)),
        )


def _duplicates() -> Iterator[Scenario]:
    evil = compact([{"name": "evil.txt", "digest": {"sha256": OTHER_DIGEST}}])
    documents = {
        "subject": ("Two lists of subjects.", _with(b'"subject":' + evil)),
        "subject-by-an-escape": (
            "A key that is written with an escape is the same key.",
            _with(b'"\\u0073ubject":' + evil),
        ),
        "type": ("Two types.", _with(b'"_type":"https://in-toto.io/Statement/v0.1"')),
        "predicate-type": ("Two predicate types.", _with(b'"predicateType":"%b"' % CLAIM.encode())),
        "digest": (
            "Two values of one digest.",
            STATEMENT.replace(b'{"sha256":', b'{"sha256":"%b","sha256":' % OTHER_DIGEST.encode()),
        ),
        "in-the-predicate": (
            "A key twice in the predicate.",
            _CLAIM.replace(b'"predicate":{', b'"predicate":{"a":1,"a":2'),
        ),
    }
    for name, (title, payload) in documents.items():
        yield case(f"statement-duplicate-key-{name}", title, row(12), _INVALID, envelope=_signed(payload))


def _aliases() -> Iterator[Scenario]:
    without_type = statement(without="_type", type="https://in-toto.io/Statement/v1")
    without_predicate_type = statement(without="predicateType", predicate_type=SLSA)
    yield case(
        "alias-key-type-for-_type",
        "`type` is not `_type`.",
        row(13),
        _INVALID,
        envelope=_signed(without_type),
    )
    yield case(
        "alias-key-predicate_type-for-predicatetype",
        "`predicate_type` is not `predicateType`.",
        row(13),
        _INVALID,
        envelope=_signed(without_predicate_type),
    )
    yield case(
        "alias-key-subjects-in-another-case",
        "`Subject` is not `subject`, whatever a reader that ignores case makes of it.",
        row(11),
        _INVALID,
        envelope=_signed(statement(without="subject", Subject=[SUBJECT])),
    )
    both = statement(
        {"name": "app.txt", "digest": {"sha256": OTHER_DIGEST}},
        type=STATEMENT_V0_1,
        predicate_type=CLAIM,
        Subject=[SUBJECT],
    )
    yield case(
        "alias-keys-are-not-read",
        "Beside the real fields their aliases are ignored, with the artifact that only they name.",
        row(11, 13),
        rejected("artifact-mismatch", None),
        envelope=_signed(both),
    )
    yield case(
        "alias-key-does-not-give-the-predicate-type",
        "The predicate type asked for stands in an alias only.",
        row(9, 13),
        rejected("predicate-type-mismatch", None),
        envelope=_signed(both),
        predicate_type=CLAIM,
        artifacts=None,
    )
    yield case(
        "keys-written-with-escapes",
        "A key is what its escapes stand for.",
        row(11),
        verified(None),
        envelope=_signed(STATEMENT.replace(b'"_type"', b'"\\u005ftype"').replace(b'"subject"', b'"subj\\u0065ct"')),
    )


def _not_json() -> Iterator[Scenario]:
    deep = b'"predicate":{"x":' + b"[" * 70 + b"]" * 70
    documents = {
        "not-a-number": ("NaN is not JSON.", 12, _with(b'"x":NaN')),
        "number-out-of-range": ("1e999 is infinity to one reader.", 11, _with(b'"x":-1e999')),
        "lone-surrogate": ("Half of a surrogate pair is no character.", 11, _with(b'"x":"\\udc00"')),
        "invalid-utf-8": ("JSON is UTF-8.", 26, _with(b'"x":"\xff"')),
        "byte-order-mark": ("A byte order mark is not JSON.", 11, b"\xef\xbb\xbf" + STATEMENT),
        "nested-too-deep": ("More levels than are read.", 22, _CLAIM.replace(b'"predicate":{', deep)),
        "truncated": ("The end is missing.", 26, STATEMENT[:-1]),
        "with-more-behind": ("Something follows the statement.", 11, STATEMENT + STATEMENT),
        "empty": ("The payload has no bytes.", 7, b""),
        "a-list": ("A list of statements is not a statement.", 26, b"[" + STATEMENT + b"]"),
        "null": ("Null is not a statement.", 26, b"null"),
        "not-json": ("The payload is text; that it can't be parsed is a no and no pass.", 9, b"hello world"),
    }
    for name, (title, number, payload) in documents.items():
        yield case(f"statement-{name}", title, row(number), _INVALID, envelope=_signed(payload))


def _wrong_fields() -> Iterator[Scenario]:
    def digest(**values: Any) -> bytes:
        return statement({"name": "app.txt", "digest": values})

    missing = rejected("subject-missing", None)
    yield case(
        "no-subjects",
        "A statement about nothing proves nothing.",
        row(7),
        missing,
        envelope=_signed(statement(subject=[])),
        artifacts=None,
    )
    documents = {
        "subject-field-missing": ("The list of subjects is missing.", statement(without="subject")),
        "subject-field-null": ("The list of subjects is null.", statement(subject=None)),
        "subject-field-an-object": ("The subjects are one object.", statement(subject=SUBJECT)),
        "subject-null": ("A subject is null.", statement(subject=[SUBJECT, None])),
        "subject-without-digest": ("A subject has only a name.", statement(SUBJECT, {"name": "b.txt"})),
        "subject-with-an-empty-digest-set": ("A subject has no digest in its set.", digest()),
        "subject-with-an-empty-digest": ("A digest is empty.", digest(sha256="")),
        "subject-with-half-a-digest": ("A digest is shorter than its algorithm's.", digest(sha256=DIGEST[:32])),
        "subject-with-a-digest-not-hex": ("A digest is not hex.", digest(sha256="g" * 64)),
        "subject-with-a-prefixed-digest": (
            "A digest names its algorithm once more.",
            digest(sha256=f"sha256:{DIGEST}"),
        ),
        "subject-with-a-digest-a-number": ("A digest is a number.", digest(sha256=1)),
        "subject-name-a-number": ("A name is a number.", statement({**SUBJECT, "name": 1})),
        "predicate-type-missing": ("The predicate type is missing.", statement(without="predicateType")),
        "predicate-type-null": ("The predicate type is null.", statement(predicateType=None)),
        "predicate-type-blank": ("The predicate type has a blank.", statement(predicateType="a type")),
        "predicate-type-empty": ("The predicate type is empty.", statement(predicateType="")),
        "predicate-a-list": ("The predicate is a list.", statement(predicateType=CLAIM, predicate=[])),
        "type-missing": ("`_type` is missing.", statement(without="_type")),
        "type-null": ("`_type` is null.", statement(_type=None)),
    }
    for name, (title, payload) in documents.items():
        vacuous = "digest" in name
        why = row(19) if vacuous else f"{_STATEMENT_MD}the fields that a statement must have; {row(26)}"
        yield case(f"statement-{name}", title, why, _INVALID, envelope=_signed(payload), artifacts=None)


def _tekton(digest: str = DIGEST) -> bytes:
    """Provenance as it is written, with a builder that is empty."""
    predicate = {"builder": {"id": ""}, "buildType": "tekton.dev/v1/TaskRun", "materials": [{"uri": "a/b"}]}
    about = {**SUBJECT, "digest": {"sha256": digest}}
    return statement(about, predicateType="https://slsa.dev/provenance/v0.2", predicate=predicate)


def _accepted() -> Iterator[Scenario]:
    twice = [SUBJECT, {"name": "app.txt", "digest": {"sha256": OTHER_DIGEST}}]
    documents = {
        "unknown-fields-are-ignored": (
            "Fields that the specification doesn't have change nothing.",
            "in-toto v1/README.md: unknown fields MUST be ignored",
            statement({**SUBJECT, "x": 1}, x=[{}]),
        ),
        "predicate-unset": (
            "A predicate that isn't there is an empty one.",
            _STATEMENT_MD + "predicate is optional; in-toto-attestation 0.9.3 wants one",
            statement(predicateType=CLAIM, without="predicate"),
        ),
        "predicate-null": (
            "A predicate of null is an empty one.",
            _STATEMENT_MD + "unset is the same as empty",
            statement(predicateType=CLAIM, predicate=None),
        ),
        "subjects-of-one-name": (
            "Subjects are told apart by digest: two may have one name.",
            _STATEMENT_MD + "names SHOULD be unique",
            statement(*twice),
        ),
        "subject-without-a-name": (
            "A subject needs no name.",
            "in-toto resource_descriptor.md",
            statement({"digest": {"sha256": DIGEST}}),
        ),
        "predicate-type-without-a-scheme": (
            "A predicate type that others write without a scheme is read, with a note.",
            "old cosign and Chainloop; in-toto field_types.md: TypeURI",
            statement(predicateType="chainloop.dev/attestation/v0.2"),
        ),
        "uris-without-a-scheme": (
            "URIs that Tekton Chains writes without a scheme, and the empty builder of BuildKit, are read with a note.",
            "tektoncd/chains, moby/buildkit; in-toto field_types.md: ResourceURI, TypeURI",
            _tekton(),
        ),
        "with-white-space": (
            "The payload's bytes are signed as they are, indented or not.",
            row(11),
            json.dumps(json.loads(STATEMENT), indent=1).encode() + b"\n",
        ),
    }
    for name, (title, why, payload) in documents.items():
        yield case(f"statement-{name}", title, why, verified(None), envelope=_signed(payload))
    yield case(
        "statement-uris-without-a-scheme-of-another",
        "What is only noted makes an attestation about nothing else.",
        "docs/sign/predicates.md, What others made",
        rejected("artifact-mismatch", None),
        envelope=_signed(_tekton(OTHER_DIGEST)),
    )


def _limits() -> Iterator[Scenario]:
    two = statement(SUBJECT, {"name": "b.txt", "digest": {"sha256": OTHER_DIGEST}})
    digests = statement({"digest": {"sha256": DIGEST, "x1": "1", "x2": "2"}})
    limits: dict[str, tuple[str, bytes, dict[str, int], dict[str, Any]]] = {
        "too-many-subjects": (
            "More subjects than are read.",
            two,
            {"subjects": 1},
            rejected("too-many-subjects", None),
        ),
        "as-many-subjects-as-are-allowed": ("As many subjects as are read.", two, {"subjects": 2}, verified(None)),
        "too-many-digests": (
            "More digests of one subject than are read.",
            digests,
            {"digests": 2},
            rejected("too-many-digests", None),
        ),
        "as-many-digests-as-are-allowed": ("As many digests as are read.", digests, {"digests": 3}, verified(None)),
    }
    for name, (title, payload, limit, expect) in limits.items():
        yield case(name, title, row(22), expect, envelope=_signed(payload), limits=limit)
    many = statement({"digest": {"sha256": DIGEST} | {f"x{number}": "1" for number in range(32)}})
    yield case(
        "too-many-digests-by-default",
        "33 digests are more than are read.",
        row(22),
        rejected("too-many-digests", None),
        envelope=_signed(many),
    )
