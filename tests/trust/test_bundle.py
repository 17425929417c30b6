"""Trust bundles: validated whole before use, resolved from signatures to keys and from keys to signers."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from attest import InputError, PublicKey, ResourceDescriptor, Signature, SignerError, TrustBundle, TrustKey, open_signer
from attest._base.json import b64encode, dumps
from attest._base.times import parse_time
from attest.signers._software import to_pem
from attest.signers.file import FileSigner
from attest.trust import permission
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle, bundle_document, key
from tests.support.making.keys import ALICE, BOB, MALLORY, private_key
from tests.support.making.statements import statement
from tests.support.watching import closings, refused

if TYPE_CHECKING:
    from pathlib import Path

PAYLOAD_TYPE = "application/vnd.in-toto+json"
P256 = PublicKey.parse(
    private_key("ecdsa-sha2-nistp256").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)


def compressed(key: PublicKey) -> str:
    """The PEM of an ECDSA key in the encoding that fewer write."""
    public = load_der_public_key(key.spki)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    body = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    return f"-----BEGIN PUBLIC KEY-----\n{b64encode(body)}\n-----END PUBLIC KEY-----\n"


def test_a_bundle_is_read() -> None:
    release = anchor(key(ALICE, not_before=PAST, not_after=FUTURE), BOB, threshold=2, subjects=["*.whl"])
    trust = bundle({"release": release}, version=7, issued=PAST, expires=FUTURE)
    assert (trust.version, trust.issued, trust.expires) == (
        7,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    [read] = trust.anchors.values()
    assert (read.name, read.threshold, read.subjects, read.predicate_types) == ("release", 2, ("*.whl",), None)
    assert [entry.public_key for entry in read.keys] == [ALICE.public_key, BOB.public_key]
    assert read.keys[0].not_after == trust.expires


def test_the_exact_bytes_are_kept_and_name_the_bundle() -> None:
    data = json.dumps(bundle_document({"a": anchor(ALICE)}, **{"x-note": {"any": 1.0}}), indent=5).encode()
    trust = TrustBundle.from_json(data)
    assert trust.to_json() == data
    assert TrustBundle.from_json(data + b"\n").sha256 != trust.sha256
    assert pickle.loads(pickle.dumps(trust)) == trust  # noqa: S301
    made = TrustBundle.from_document(document := bundle_document())
    assert made.to_json() == made.raw == json.dumps(document, indent=2).encode() + b"\n"


def test_a_bundle_that_was_asked_who_owns_a_name_may_go_to_another_process() -> None:
    trust = bundle({"a": anchor(ALICE, subjects=["**"]), "b": anchor(BOB, subjects=["*.whl"])})
    owned = {name: trust.owners.who(name) for name in ("x.whl", "x")}
    assert owned == {"x.whl": {"b": "*.whl"}, "x": {"a": "**"}}
    sent = pickle.loads(pickle.dumps(trust))  # noqa: S301
    assert {name: sent.owners.who(name) for name in owned} == owned


def test_a_file_is_named_in_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    with refused(InputError, "file-unreadable", str(path)):
        TrustBundle.load(path)
    path.write_bytes(dumps(bundle_document() | {"version": 0}))
    with refused(InputError, "trust-invalid", f"{path}: /version"):
        TrustBundle.load(path)
    path.write_bytes(b"{")
    with refused(InputError, "json-invalid", str(path)):
        TrustBundle.load(path)
    path.write_bytes(bundle().to_json())
    assert TrustBundle.load(path) == bundle()


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"mediaType": "application/vnd.attest.trust-bundle.v2+json"}, "/mediaType"),
        ({"version": 0}, "/version"),
        ({"version": True}, "/version"),
        ({"version": "1"}, "/version"),
        ({"version": 2**53}, "/version"),
        ({"expires": None}, "/expires"),
        ({"anchors": []}, "/anchors"),
        ({"anchors": {"": anchor(ALICE)}}, "/anchors"),
        ({"anchors": {"a/b": anchor(ALICE)}}, "/anchors"),
        ({"root": {}}, "/"),
        ({"anchors": {"a": anchor(ALICE, threshold=0)}}, "/anchors/a/threshold"),
        ({"anchors": {"a": anchor(ALICE, threshold=-1)}}, "/anchors/a/threshold"),
        ({"anchors": {"a": anchor(ALICE) | {"threshold": 0.5}}}, "/anchors/a/threshold"),
        ({"anchors": {"a": anchor(ALICE) | {"threshold": True}}}, "/anchors/a/threshold"),
        ({"anchors": {"a": {"keys": [key(ALICE)]}}}, "/anchors/a"),
        ({"anchors": {"a": anchor(ALICE, subject=["*"])}}, "/anchors/a"),
        ({"anchors": {"a": anchor(ALICE, subjects="*")}}, "/anchors/a/subjects"),
        ({"anchors": {"a": anchor(ALICE, subjects=None)}}, "/anchors/a/subjects"),
        ({"anchors": {"a": anchor(ALICE, predicate_types=[""])}}, "/anchors/a/predicate_types/0"),
        ({"anchors": {"a": anchor(key(ALICE, status="revoked"))}}, "/anchors/a/keys/0/status"),
        ({"anchors": {"a": anchor(key(ALICE, not_afer=FUTURE))}}, "/anchors/a/keys/0"),
        ({"anchors": {"a": anchor(key(ALICE, keyid="abc"))}}, "/anchors/a/keys/0/keyid"),
        ({"anchors": {"a": anchor(key(ALICE, keyid=ALICE.public_key.keyid.upper()))}}, "/anchors/a/keys/0/keyid"),
        ({"anchors": {"a": anchor(key(ALICE, signer="FILE:x"))}}, "/anchors/a/keys/0/signer"),
    ],
)
def test_what_breaks_the_schema_is_refused_at_its_place(fields: dict[str, Any], where: str) -> None:
    with refused(InputError, "trust-invalid", where):
        TrustBundle.from_json(dumps(bundle_document() | fields))


def test_a_version_and_a_threshold_are_integers_as_written() -> None:
    for fields in ({"version": 1.0}, {"anchors": {"a": anchor(ALICE) | {"threshold": 1.0}}}):
        with refused(InputError, "trust-invalid"):
            TrustBundle.from_json(dumps(bundle_document() | fields))


@pytest.mark.parametrize(
    ("anchors", "code", "where"),
    [
        (anchor(ALICE, threshold=2), "threshold-unreachable", "/anchors/a/threshold"),
        (anchor(), "threshold-unreachable", "/anchors/a/threshold"),
        (anchor(ALICE, require=["post-quantum"]), "threshold-unreachable", "/anchors/a/require"),
        (anchor(ALICE, ALICE), "key-duplicate", "/anchors/a/keys/1"),
        (
            anchor(key(P256), key(P256, public_key=compressed(P256)), threshold=2),
            "key-duplicate",
            "/anchors/a/keys/1",
        ),
        (anchor(BOB, key(ALICE, keyid=BOB.public_key.keyid)), "keyid-mismatch", "/anchors/a/keys/1/keyid"),
        (anchor(key(ALICE, algorithm="ecdsa-sha2-nistp256")), "key-algorithm-mismatch", "/anchors/a/keys/0"),
        (anchor(key(ALICE, algorithm="rsa-pkcs1v15-sha1")), "algorithm-unsupported", "/anchors/a/keys/0"),
        (anchor(key(ALICE, public_key="")), "key-invalid", "/anchors/a/keys/0"),
        (anchor(key(ALICE, public_key=to_pem(private_key("ed25519")).decode())), "key-invalid", "/anchors/a/keys/0"),
        (anchor(key(ALICE, not_after="tomorrow")), "time-invalid", "/anchors/a/keys/0/not_after"),
        (anchor(key(ALICE, not_before=FUTURE, not_after=PAST)), "time-invalid", "/anchors/a/keys/0/not_after"),
    ],
)
def test_a_bundle_that_contradicts_itself_is_refused(anchors: dict[str, Any], code: str, where: str) -> None:
    with refused(InputError, code, where):
        bundle({"a": anchors})


def test_a_certificate_of_a_version_that_does_not_exist_is_refused_as_a_key() -> None:
    private = private_key("ecdsa-sha2-nistp256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, NOW, NOW)
    der = builder.sign(private, SHA256()).public_bytes(Encoding.DER)
    version_3, version_6 = bytes.fromhex("a003020102"), bytes.fromhex("a003020105")
    body = b64encode(der.replace(version_3, version_6, 1))
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    with refused(InputError, "key-invalid", "/anchors/a/keys/0"):
        bundle({"a": anchor(key(P256, public_key=pem))})


def test_a_bundle_whose_own_window_is_reversed_is_refused() -> None:
    with refused(InputError, "time-invalid", "/expires"):
        bundle(issued=FUTURE, expires=PAST)


def test_one_bad_anchor_spoils_the_bundle() -> None:
    with pytest.raises(InputError):
        bundle({"good": anchor(ALICE), "bad": anchor(key(BOB, public_key="nothing"))})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, None),
        ({"status": "retired"}, "key-retired"),
        ({"status": "compromised"}, "key-compromised"),
        ({"not_after": PAST}, "key-expired"),
        ({"not_before": FUTURE}, "key-not-yet-valid"),
        ({"not_before": "2026-06-01T12:00:00Z", "not_after": "2026-06-01T12:00:00Z"}, None),
        ({"not_after": "2026-06-01T11:59:59.999999Z"}, "key-expired"),
        ({"status": "compromised", "not_before": FUTURE}, "key-compromised"),
    ],
)
def test_a_key_says_why_it_does_not_count(fields: dict[str, str], code: str | None) -> None:
    [entry] = bundle({"a": anchor(key(ALICE, **fields))}).anchors["a"].keys
    assert entry.objection(NOW) == code


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({}, False),
        ({"not_after": PAST}, True),
        ({"not_before": PAST}, False),
        ({"status": "retired"}, False),
        ({"status": "retired", "status_since": PAST}, True),
        ({"status": "compromised", "status_since": PAST, "not_after": FUTURE}, False),
    ],
)
def test_a_time_can_help_a_key_that_has_an_end_and_is_not_compromised(fields: dict[str, str], may: bool) -> None:
    [entry] = bundle({"a": anchor(key(ALICE, **fields))}).anchors["a"].keys
    assert entry.may_be_proven is may


def objection(*subjects: ResourceDescriptor, **limits: Any) -> str | None:
    trust = bundle({"a": anchor(ALICE, **limits)})
    found = permission.not_allowed(trust.owners, trust.anchors["a"], PAYLOAD_TYPE, statement(*subjects))
    return found and found.code


def named(name: str | None, uri: str | None = None) -> ResourceDescriptor:
    return ResourceDescriptor(name, {"sha256": "0" * 64}, uri)


def test_a_limit_that_is_absent_does_not_limit_and_an_empty_one_allows_nothing() -> None:
    assert objection() is None
    assert objection(subjects=[]) == "subject-not-allowed"
    assert objection(predicate_types=[]) == "predicate-type-not-allowed"
    assert objection(payload_types=[]) == "payload-type-not-allowed"
    assert (
        objection(subjects=["*"], predicate_types=["https://example.com/review/v1"], payload_types=[PAYLOAD_TYPE])
        is None
    )


def test_every_name_and_uri_of_every_subject_must_be_allowed() -> None:
    limits = {"subjects": ["*.whl", "pkg:pypi/acme/*"]}
    assert objection(named("app.whl"), named("pkg:pypi/acme/app@1"), **limits) is None
    assert objection(named("app.whl", "pkg:pypi/acme/app@1"), **limits) is None
    assert objection(named("_", "pkg:pypi/acme/app@1"), **limits) is None
    for bad in (
        named("app.exe"),
        named(None),
        named("_"),
        named(""),
        named("app.whl", "pkg:pypi/evil/app@1"),
        named("evil", "pkg:pypi/acme/app@1"),
    ):
        assert objection(named("good.whl"), bad, **limits) == "subject-not-allowed"


def test_a_predicate_type_is_compared_to_the_letter_and_is_no_glob() -> None:
    for text in ("https://example.com/review/*", "https://example.com/review", "https://example.com/Review/v1"):
        assert objection(predicate_types=[text]) == "predicate-type-not-allowed"


def test_a_signature_resolves_to_every_key_those_hinted_at_first() -> None:
    trust = bundle({"a": anchor(ALICE, BOB), "b": anchor(BOB, MALLORY)})

    def order(keyid: str) -> list[PublicKey]:
        return [candidate.public_key for candidate in trust.resolve(Signature(keyid, b""))]

    everyone = [ALICE.public_key, BOB.public_key, MALLORY.public_key]
    assert order("") == order("nobody") == order(ALICE.public_key.keyid) == everyone
    assert order(MALLORY.public_key.keyid) == [everyone[2], *everyone[:2]]
    assert trust.knows(BOB.public_key.keyid)
    assert not trust.knows("")
    [shared] = [candidate for candidate in trust.candidates if candidate.public_key == BOB.public_key]
    assert [owner.name for owner, _ in shared.entries] == ["a", "b"]


@pytest.mark.parametrize("mark", [{"backend": "sim"}, {"keyid": f"sim:{ALICE.public_key.keyid}"}, {"signer": "sim:x"}])
def test_one_mark_of_a_simulated_key_is_enough_for_every_anchor(mark: dict[str, str]) -> None:
    trust = bundle({"a": anchor(ALICE), "b": anchor(key(ALICE, **mark))})
    assert all(candidate.simulated for candidate in trust.candidates)


@pytest.fixture
def release(tmp_path: Path) -> str:
    """The signer URI of a key file."""
    (tmp_path / "release.pem").write_bytes(to_pem(private_key("ecdsa-sha2-nistp256"), "secret"))
    return f"file:{tmp_path / 'release.pem'}"


def entry(**fields: Any) -> TrustKey:
    [read] = bundle({"a": anchor(key(P256, **fields))}).anchors["a"].keys
    return read


def test_a_key_resolves_to_the_signer_that_holds_its_private_half(release: str) -> None:
    asked: list[str] = []

    def secrets(what: str) -> str:
        asked.append(what)
        return "secret"

    with entry(signer=release, backend="file").resolve(secrets=secrets) as signer:
        assert P256.accepts(signer.sign(b"data").sig, b"data")
    assert len(asked) == 1
    with refused(SignerError, "passphrase-missing"):
        entry(signer=release).resolve()


def test_a_key_without_a_signer_resolves_to_none() -> None:
    with refused(SignerError, "signer-missing", P256.keyid):
        entry().resolve()


@pytest.mark.parametrize("backend", ["pkcs11", "awskms", "sim"])
def test_a_key_never_resolves_to_another_backend(release: str, backend: str) -> None:
    with refused(SignerError, "backend-mismatch"):
        entry(signer=release, backend=backend).resolve(secrets=lambda _: "secret")


@pytest.mark.parametrize("fields", [{}, {"backend": "file"}, {"backend": "pkcs11"}])
def test_an_hsm_algorithm_resolves_to_a_token_and_to_nothing_else(release: str, fields: dict[str, str]) -> None:
    token = entry(signer=release, algorithm="HSM-ECDSA-P256", **fields)
    assert token.required_scheme == "pkcs11"
    assert token.public_key.algorithm == P256.algorithm
    with refused(SignerError, "backend-mismatch", P256.keyid):
        token.resolve(secrets=lambda _: "secret")


@pytest.mark.parametrize(
    ("uri", "opened"),
    [
        ("pkcs11:token=t;object=k", "pkcs11:token=t;object=k?key-policy=strict"),
        ("pkcs11:token=t?module-path=/m.so", "pkcs11:token=t?module-path=/m.so&key-policy=strict"),
        ("pkcs11:token=t?key-policy=any&module-path=/m.so", "pkcs11:token=t?key-policy=any&module-path=/m.so"),
        ("file:release.pem", "file:release.pem"),
        ("file:release.pem?algorithm=ed25519", "file:release.pem?algorithm=ed25519"),
    ],
)
def test_a_key_in_a_token_is_held_to_a_strict_policy_unless_the_bundle_says_another(
    uri: str, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def open_nothing(uri: str, **_: Any) -> None:
        asked.append(uri)
        raise SignerError("token-not-found", "there is none")

    monkeypatch.setattr("attest.signers.open_signer", open_nothing)
    with refused(SignerError, "token-not-found"):
        entry(signer=uri).resolve()
    assert asked == [opened]


def test_a_signer_with_another_key_is_refused_and_closed(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [other] = bundle({"a": anchor(key(ALICE, signer=release))}).anchors["a"].keys
    [own] = bundle({"a": anchor(key(P256, signer=release))}).anchors["a"].keys
    closed = closings(monkeypatch, FileSigner)
    with refused(SignerError, "key-mismatch", ALICE.public_key.keyid):
        other.resolve(secrets=lambda _: "secret")
    assert closed == [release]
    with refused(SignerError, "passphrase-wrong"):
        own.resolve(secrets=lambda _: "wrong")
    assert closed == [release, release]
    own.resolve(secrets=lambda _: "secret")
    assert closed == [release, release]


def test_a_simulated_key_resolves_to_the_simulator() -> None:
    simulated = open_signer("sim:test").public_key
    [read] = bundle({"a": anchor(key(simulated, signer="sim:test"))}).anchors["a"].keys
    assert read.required_scheme == "sim"
    assert read.resolve().public_key == simulated


def test_a_time_is_read_as_the_codec_reads_it() -> None:
    [read] = bundle({"a": anchor(key(ALICE, not_after="2027-01-01T02:00:00+02:00"))}).anchors["a"].keys
    assert read.not_after == parse_time(FUTURE, where="")


def test_a_name_that_no_anchor_has_is_told_with_the_one_that_is_close() -> None:
    trust = bundle({"release": anchor(ALICE), "security": anchor(BOB)})
    assert trust.anchor("release") is trust.anchors["release"]
    for name, hint in (("relaese", "Did you mean 'release'?"), ("x", "Use one of its anchors: release, security.")):
        with refused(InputError, "anchor-unknown") as caught:
            trust.anchor(name)
        assert caught.value.hint == hint
