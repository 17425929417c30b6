"""Scenarios of trust bundles that are refused whole, each with one fault."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.vectors.keys import ALICE, BOB, ED448, P256, P521, RSA, RSA_1024, to_pem
from tests.vectors.parts import (
    anchor,
    bundle,
    case,
    compact,
    envelope_of,
    error,
    rejected,
    row,
    trust_key,
    verified,
)
from tests.vectors.scenarios import indented

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.vectors.scenarios import Scenario

_GOOD = bundle(anchor(ALICE))
_WHOLE = "design: a trust bundle is validated whole before any of it is used"
_INVALID = "trust-invalid"


def cases() -> Iterator[Scenario]:
    yield from _thresholds()
    yield from _fields()
    yield from _keys()
    yield from _certificates()
    yield from _times()
    yield from _not_json()
    yield from _empty()


def _refused(name: str, title: str, why: str, code: str, trust: Mapping[str, Any] | bytes) -> Scenario:
    return case(f"trust-{name}", title, why, error(code), trust=trust)


def _thresholds() -> Iterator[Scenario]:
    thresholds = {
        "zero": 0,
        "negative": -1,
        "a-fraction": 0.5,
        "true": True,
        "a-string": "1",
        "null": None,
        "a-list": [1],
        "huge": 10**30,
    }
    for name, threshold in thresholds.items():
        title = "A threshold is a whole number from 1."
        trust = bundle(anchor(ALICE, threshold=threshold))
        yield _refused(f"threshold-{name}", title, row(3), _INVALID, trust)
    without = {"keys": [trust_key(ALICE)]}
    yield _refused("threshold-missing", "There is no threshold by default.", row(3), _INVALID, bundle(without))
    yield _refused(
        "threshold-too-high",
        "More signatures than there are keys can never be had.",
        row(3),
        "threshold-unreachable",
        bundle(anchor(ALICE, BOB, threshold=3)),
    )


def _fields() -> Iterator[Scenario]:
    entry = trust_key(ALICE)
    unknown = "A field that isn't known might be a limit, so it is not ignored."
    documents: dict[str, tuple[str, str, Mapping[str, Any]]] = {
        "unknown-field": (unknown, _WHOLE, _GOOD | {"policy": {}}),
        "unknown-field-of-an-anchor": (unknown, row(21), bundle(anchor(ALICE, subject=["*.txt"]))),
        "unknown-field-of-a-key": (unknown, row(5), bundle(anchor(entry | {"not_afer": "2020-01-01T00:00:00Z"}))),
        "limit-null": ("Null is neither a limit nor none.", row(21), bundle(anchor(ALICE, subjects=None))),
        "limit-a-string": ("A limit is a list.", row(21), bundle(anchor(ALICE, subjects="*"))),
        "limit-with-an-empty-string": ("An empty glob is a slip.", row(21), bundle(anchor(ALICE, subjects=[""]))),
        "status-unknown": ("A status is one of three.", row(6), bundle(anchor(entry | {"status": "revoked"}))),
        "status-in-capitals": (
            "A status is written as it is.",
            row(6),
            bundle(anchor(entry | {"status": "Compromised"})),
        ),
        "status-null": ("Null is no status.", row(6), bundle(anchor(entry | {"status": None}))),
        "anchor-named-as-a-path": ("An anchor's name is no path.", row(24), bundle(also={"../release": anchor(ALICE)})),
        "anchor-without-a-name": ("An anchor has a name.", row(24), bundle(also={"": anchor(ALICE)})),
        "media-type-missing": ("A trust bundle says that it is one.", _WHOLE, _without(_GOOD, "mediaType")),
        "media-type-wrong": ("A trust bundle of another version.", _WHOLE, _GOOD | {"mediaType": "application/json"}),
        "version-missing": ("A trust bundle has a version.", _WHOLE, _without(_GOOD, "version")),
        "version-zero": ("Versions begin with 1.", _WHOLE, _GOOD | {"version": 0}),
        "anchors-missing": ("A trust bundle has anchors.", row(7), _without(_GOOD, "anchors")),
        "anchors-a-list": ("Anchors have names.", _WHOLE, _GOOD | {"anchors": [anchor(ALICE)]}),
        "keys-an-object": ("Keys are a list.", _WHOLE, bundle({"threshold": 1, "keys": {ALICE.keyid: entry}})),
    }
    for name, (title, why, trust) in documents.items():
        yield _refused(name, title, why, _INVALID, trust)
    yield case(
        "trust-with-free-fields",
        "Names that begin with x- are free.",
        "schemas/trust-bundle.json",
        verified(None),
        trust=bundle(anchor(entry | {"x-owner": "Alice"}, **{"x-note": None})) | {"x-ticket": 7},
    )


def _without(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def _keys() -> Iterator[Scenario]:
    entry = trust_key(ALICE)
    pem = ALICE.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def named(algorithm: str) -> dict[str, Any]:
        return bundle(anchor(entry | {"algorithm": algorithm}))

    def written(public_key: str) -> dict[str, Any]:
        return bundle(anchor(entry | {"public_key": public_key}))

    weak = bundle(anchor(trust_key(RSA_1024, algorithm="rsa-pkcs1v15-sha256")))
    pinned = bundle(anchor(trust_key(P256, algorithm="ecdsa-sha2-nistp384")))
    documents = {
        "keyid-wrong": (
            "The keyid isn't the key's.",
            27,
            "keyid-mismatch",
            bundle(anchor(entry | {"keyid": BOB.keyid})),
        ),
        "keyid-in-capitals": (
            "A keyid is written in lower case.",
            2,
            _INVALID,
            bundle(anchor(entry | {"keyid": ALICE.keyid.upper()})),
        ),
        "algorithm-unknown": ("There is no such algorithm.", 27, "algorithm-unsupported", named("ed25519ph")),
        "algorithm-none": ("`none` is no algorithm.", 27, "algorithm-unsupported", named("none")),
        "algorithm-empty": ("No name is not any algorithm that fits.", 21, "algorithm-unsupported", named("")),
        "algorithm-sha1": ("SHA-1 is refused.", 27, "algorithm-unsupported", named("rsa-pkcs1v15-sha1")),
        "algorithm-of-a-cipher": ("A cipher signs nothing.", 27, "algorithm-unsupported", named("HSM-AES-256-GCM")),
        "algorithm-of-another-key-type": (
            "The algorithm doesn't fit the key.",
            27,
            "key-algorithm-mismatch",
            named("rsassa-pss-sha256"),
        ),
        "algorithm-of-another-curve": ("The curve doesn't fit.", 27, "key-algorithm-mismatch", pinned),
        "rsa-1024": ("RSA needs 2048 bits.", 27, "key-too-weak", weak),
        "p521": (
            "P-521 is not used here.",
            27,
            "key-algorithm-mismatch",
            bundle(anchor(trust_key(P521, algorithm="ecdsa-sha2-nistp384"))),
        ),
        "ed448": (
            "Ed448 is not used here.",
            27,
            "key-unsupported",
            bundle(anchor(trust_key(ED448, algorithm="ed25519"))),
        ),
        "private-key": ("A private key doesn't belong here.", 26, "key-invalid", written(pem)),
        "key-not-pem": ("The key is no PEM.", 26, "key-invalid", written("hello")),
        "key-empty": ("The key is empty.", 28, "key-invalid", written("")),
        "two-keys-in-one-pem": ("Only one key can be meant.", 2, "key-invalid", written(ALICE.pem + BOB.pem)),
        "key-cut-short": (
            "The key's DER is cut short.",
            26,
            "key-invalid",
            written(to_pem(ALICE.spki[:-1])),
        ),
    }
    for name, (title, number, code, trust) in documents.items():
        yield _refused(name, title, row(number), code, trust)


def _certificates() -> Iterator[Scenario]:
    name = x509.Name([])
    dates = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
    builder = x509.CertificateBuilder().issuer_name(name).subject_name(name).public_key(ALICE.public).serial_number(1)
    certificate = builder.not_valid_before(dates[0]).not_valid_after(dates[1]).sign(ALICE.private, None)
    written = trust_key(ALICE, public_key=certificate.public_bytes(Encoding.PEM).decode())
    yield case(
        "trust-key-in-a-certificate",
        "Of a certificate only the key is read: the trust bundle says how long the key is valid, here always.",
        row(5),
        verified(None),
        trust=bundle(anchor(written)),
    )
    yield _refused(
        "key-and-its-certificate",
        "A key and a certificate of it are one key.",
        row(2),
        "key-duplicate",
        bundle(anchor(ALICE, written, threshold=2)),
    )


def _times() -> Iterator[Scenario]:
    entry = trust_key(ALICE)
    early, late = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
    wrong = {
        "without-a-zone": ("A time without a zone can be any.", "2027-01-01T00:00:00"),
        "of-no-day": ("There is no 30 February.", "2027-02-30T00:00:00Z"),
        "a-date": ("A date is no moment.", "2027-01-01"),
        "empty": ("An empty time is not `never`.", ""),
    }
    for name, (title, text) in wrong.items():
        yield _refused(f"time-{name}", title, row(5), "time-invalid", bundle(anchor(entry | {"not_after": text})))
    yield _refused(
        "key-dates-reversed",
        "A window that ends before it begins is a slip.",
        row(5),
        "time-invalid",
        bundle(anchor(entry | {"not_before": late, "not_after": early})),
    )
    yield _refused(
        "dates-reversed",
        "A trust bundle that expires before it was issued is a slip.",
        row(5),
        "time-invalid",
        bundle(anchor(ALICE), issued=late, expires=early),
    )
    yield _refused("expires-null", "Null is not `never`.", row(5), _INVALID, bundle(anchor(ALICE), expires=None))


def _not_json() -> Iterator[Scenario]:
    data = compact(_GOOD)
    twice = compact(bundle(anchor(ALICE, threshold=2)))
    documents = {
        "duplicate-key-threshold": (
            "Two thresholds.",
            12,
            twice.replace(b'"threshold":2', b'"threshold":2,"threshold":1'),
        ),
        "duplicate-key-anchor": (
            "Two anchors of one name.",
            12,
            data.replace(b'"release":', b'"release":%b,"release":' % compact(anchor(BOB))),
        ),
        "duplicate-key-status": (
            "Two statuses of a key.",
            12,
            data.replace(b'"keyid":', b'"status":"compromised","status":"active","keyid":'),
        ),
        "not-a-number": ("NaN is not JSON.", 12, data.replace(b'"threshold":1', b'"threshold":NaN')),
        "byte-order-mark": ("A byte order mark is not JSON.", 11, b"\xef\xbb\xbf" + indented(_GOOD)),
        "truncated": ("The end is missing.", 26, data[:-1]),
        "empty": ("No bytes at all.", 7, b""),
        "a-list": ("A list is no trust bundle.", 26, b"[" + data + b"]"),
        "a-key": ("A public key is no trust bundle.", 26, ALICE.pem.encode()),
    }
    for name, (title, number, trust) in documents.items():
        yield _refused(name, title, row(number), "json-invalid", trust)


def _empty() -> Iterator[Scenario]:
    yield case(
        "trust-without-anchors",
        "Where nobody is trusted, nothing is verified.",
        row(7),
        rejected("threshold-not-met", "key-unknown"),
        trust=bundle(),
    )
    yield case(
        "trust-without-anchors-and-no-signatures",
        "Nobody trusted and nothing signed is no yes either.",
        row(7),
        rejected("threshold-not-met"),
        envelope=envelope_of(),
        trust=bundle(),
    )
    yield _refused(
        "anchor-without-keys",
        "An anchor without keys can never vouch for anything.",
        row(7),
        "threshold-unreachable",
        bundle(anchor()),
    )
    yield case(
        "trust-refused-whole",
        "One bad key of an anchor that isn't needed is enough to refuse the trust bundle.",
        _WHOLE,
        error("key-too-weak"),
        trust=bundle(anchor(ALICE), also={"other": anchor(trust_key(RSA_1024), RSA)}),
    )
