"""What others signed although it breaks a letter of a specification is verified with a note, and judged as it is.

The files and what is right for each are in data/foreign/cases.json.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Envelope, InputError, PublicKey, Rejected, Statement, TrustBundle, verify
from attest._base.json import dumps
from attest.policy import Policy
from attest.schema import MAX_NOTED, Schema, predicate_documents
from attest.sources import read_all
from tests.support.cli.calls import call
from tests.support.examples import examples
from tests.support.making.bundles import NOW, anchor, bundle, trust_in
from tests.support.making.keys import ALICE
from tests.support.making.statements import ARTIFACT, DIGEST, signed_payload
from tests.support.watching import refused

FOREIGN = Path(__file__).parents[3] / "shared" / "data" / "foreign"
CASES: list[dict[str, Any]] = json.loads((FOREIGN / "cases.json").read_bytes()) if FOREIGN.is_dir() else []

# Their statements, and not only their envelopes, are refused.
NEVER = (
    "ite5-link-package.json",
    "macaron-vsa-offset.json",
    "guac-subject-without-digest.statement.json",
    "type-instead-of-_type.json",
)

V0_2, V1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"
TYPE_URI = predicate_documents()["slsa-provenance-v0.2"]["$defs"]["TypeURI"]
GOOD = {"builder": {"id": "https://a.example"}, "buildType": "https://a.example/t"}
PROVENANCE = {"builder": {"id": ""}, "buildType": "tekton.dev/v1/TaskRun"}


def by_name(name: str) -> dict[str, Any]:
    return next(case for case in CASES if case["file"] == name)


def payload_of(case: dict[str, Any], folder: Path) -> bytes:
    data: bytes = (folder / case["file"]).read_bytes()
    document: dict[str, Any] = json.loads(data)
    if case["kind"] == "statement":
        return data
    decoded: bytes = base64.b64decode(document.get("dsseEnvelope", document)["payload"])
    return decoded


def of(predicate_type: str, predicate: dict[str, Any], **fields: Any) -> bytes:
    """A statement about ARTIFACT, as others may write it."""
    subject = {"name": "app.whl", "digest": {"sha256": DIGEST}}
    return dumps(
        {"_type": "https://in-toto.io/Statement/v1", "subject": [subject]}
        | {"predicateType": predicate_type, "predicate": predicate}
        | fields
    )


def google(**fields: Any) -> dict[str, Any]:
    """A provenance of Google Cloud Build, cut; slsa-verifier has whole ones (v1.0-gcloud-container-github.json)."""
    kind = "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1"
    builder = {"id": "https://cloudbuild.googleapis.com/GoogleHostedWorker"}
    build = {"buildType": kind, "externalParameters": {"substitutions": {}}}
    return {
        "buildDefinition": {**build, "resolvedDependencies": fields.get("dependencies", [])},
        "runDetails": {"builder": builder, "byproducts": fields.get("byproducts", [{}])},
    }


def pointers(payload: bytes, **options: Any) -> list[str | None]:
    verified = verify(signed_payload(payload), bundle(), artifacts=None, **options)
    assert {note.code for note in verified.report.notes} <= {"spec-deviation"}
    return [note.pointer for note in verified.report.notes]


def says_yes(payload: bytes, trust: TrustBundle, policy: Policy | None) -> bool:
    try:
        verify(signed_payload(payload), trust, artifacts=[ARTIFACT], policy=policy, now=NOW)
    except Rejected:
        return False
    return True


@pytest.fixture(scope="session")
def foreign(shared_data: Path) -> Path:
    return shared_data / "foreign"


def test_all_the_cases_are_here(foreign: Path) -> None:
    assert len(json.loads((foreign / "cases.json").read_bytes())) == len(CASES) == 18


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_each_is_treated_as_is_right_for_it(case: dict[str, Any], foreign: Path) -> None:
    wanted = case["treatment"]["verify"]
    if case["kind"] == "other":
        found = list(read_all([str(foreign / case["file"])]))
        assert [one.is_one_of_many for one in found] == [True, True]
        assert all(one.envelope is not None for one in found)
        return
    if "key" in case:
        envelope = (foreign / case["file"]).read_bytes()
        trust = trust_in(PublicKey.parse((foreign / case["key"]).read_bytes()))
    else:
        envelope, trust = signed_payload(payload_of(case, foreign)).to_json(), bundle()
    if wanted.startswith("refuse") and "without an artifact" not in wanted:
        if case["file"] == "macaron-vsa-offset.json":
            with refused(InputError, "envelope-invalid", "/signatures") as caught:
                verify((foreign / case["file"]).read_bytes(), trust, artifacts=None)
            assert "no signature" in caught.value.message
            return
        with refused(Rejected, "statement-invalid"):
            verify(envelope, trust, artifacts=None)
        return
    notes = verify(envelope, trust, artifacts=None).report.notes
    broken = [note for note in notes if note.pointer != "/_type"]
    assert bool(broken) is ("note" in wanted), broken


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_sign_is_strict_and_signs_with_foreign_what_verify_reads(
    case: dict[str, Any], foreign: Path, tmp_path: Path
) -> None:
    """A bundle is signed again, with all that it brings; of what is no container the statement is tried."""
    if case["kind"] == "other":
        assert call("sign", str(foreign / case["file"]), "--signer", "sim:a").code == 3
        return
    data = payload_of(case, foreign)
    file = tmp_path / "statement.json"
    file.write_bytes(data)
    plain = call("sign", str(file), "--signer", "sim:a")
    loose = call("sign", str(file), "--signer", "sim:a", "--foreign", "--format", "json")
    if case["treatment"]["verify"].startswith("refuse") and case["file"] in NEVER:
        assert (plain.code, loose.code) == (3, 3)
        return
    assert loose.code == 0
    verified = verify(signed_payload(data), bundle(), artifacts=None)
    assert loose.json["notes"] == [note._asdict() for note in verified.report.notes]
    if case["kind"] == "sigstore-bundle" and not verified.report.notes:
        again = call("sign", str(foreign / case["file"]), "--signer", "sim:a")
        [theirs, _] = json.loads(again.done().stdout)["signatures"]
        assert theirs["extension"]["ext"] == json.loads((foreign / case["file"]).read_text())["verificationMaterial"]
    elif "sign: as verify" in case["treatment"]["build_and_sign"]:
        assert plain.code == 0
        assert "attest: warning: /predicate/creationInfo/created: " in plain.stderr.decode()
    else:
        assert plain.code == 3
        assert "--foreign" in plain.stderr.decode()


def test_a_digest_name_in_another_case_matches_nothing(foreign: Path) -> None:
    case = by_name("digest-name-upper.statement.json")
    envelope = signed_payload(payload_of(case, foreign))
    digest = case["artifact"].replace("SHA256", "sha256")
    with refused(Rejected, "artifact-mismatch") as caught:
        verify(envelope, bundle(), artifacts=[digest])
    assert "'SHA256'" in (caught.value.hint or "")
    assert "'sha256'" in (caught.value.hint or "")


def test_the_old_type_of_cosign_is_found_by_its_new_name(foreign: Path) -> None:
    envelope = signed_payload(payload_of(by_name("cosign-custom-schemeless.json"), foreign))
    for name in ("cosign-custom", "cosign.sigstore.dev/attestation/v1"):
        assert verify(envelope, bundle(), artifacts=None, predicate_type=name)
    chainloop = signed_payload(payload_of(by_name("chainloop-v0.2.json"), foreign))
    assert verify(chainloop, bundle(), artifacts=None, predicate_type="chainloop.dev/attestation/v0.2")
    with refused(Rejected, "predicate-type-mismatch"):
        verify(chainloop, bundle(), artifacts=None, predicate_type="chainloop.dev/attestation/v0.3")


@pytest.mark.parametrize(
    ("predicate_type", "predicate", "pointer"),
    [
        (V0_2, {"builder": {"id": 1}, "buildType": "a"}, "/predicate/builder/id"),
        (V0_2, {"builder": {"id": None}, "buildType": "a"}, "/predicate/builder/id"),
        (V0_2, {"buildType": "tekton.dev/v1/TaskRun"}, "/predicate"),
        (V0_2, {"builder": {"id": "a\n"}, "buildType": "a"}, "/predicate/builder/id"),
        (V0_2, {**PROVENANCE, "metadata": {"buildStartedOn": "yesterday"}}, "/predicate/metadata/buildStartedOn"),
        (V0_2, {**PROVENANCE, "metadata": {"buildStartedOn": "2026-01-01T00:00:00"}}, None),
        ("https://slsa.dev/provenance/v0.1", {"recipe": {"type": "a", "definedInMaterial": "x"}}, None),
        (V1, google(byproducts=[{"name": "log"}]), None),
        (V1, google(byproducts=[[]]), None),
        (V1, google(dependencies=[{}]), "/predicate/buildDefinition/resolvedDependencies/0"),
    ],
)
def test_what_has_a_meaning_or_another_type_is_a_no(
    predicate_type: str, predicate: dict[str, Any], pointer: str | None
) -> None:
    with refused(Rejected, "predicate-invalid", pointer):
        verify(signed_payload(of(predicate_type, predicate)), bundle(), artifacts=[ARTIFACT])


@pytest.mark.parametrize("kind", ["", " ", "a b", "a\n", 1, None])
def test_a_predicate_type_that_names_nothing_is_a_no(kind: Any) -> None:
    with refused(Rejected, "statement-invalid", "/predicateType"):
        verify(signed_payload(of("x", {}, predicateType=kind)), bundle(), artifacts=None)


def test_the_notes_are_few() -> None:
    materials = [{"uri": f"no-scheme-{number}", "digest": {"sha1": "a"}} for number in range(2000)]
    found = pointers(of(V0_2, {**PROVENANCE, "materials": materials}))
    assert 0 < len(found) <= MAX_NOTED
    assert len(pointers(of("no-scheme", {}))) == 1
    good = [{"uri": f"https://example.com/{number}"} for number in range(2000)]
    last = pointers(of(V0_2, {**GOOD, "materials": [*good, {"uri": "no-scheme"}]}))
    assert last == ["/predicate/materials/2000/uri"]


def test_an_empty_by_product_is_noted() -> None:
    assert pointers(of(V1, google())) == ["/predicate/runDetails/byproducts/0"]
    assert pointers(of(V1, google(byproducts=[]))) == []


def test_an_empty_builder_is_nobody() -> None:
    """Neither a limit of an anchor nor a rule of a policy takes it for one, whatever they allow."""
    envelope = signed_payload(of(V0_2, PROVENANCE))
    assert verify(envelope, bundle(), artifacts=[ARTIFACT])
    for builders in (["*"], [], ["https://example.com"]):
        trust = bundle({"release": anchor(ALICE, builders=builders)})
        with refused(Rejected, "builder-not-allowed"):
            verify(envelope, trust, artifacts=[ARTIFACT])
    for glob in ("*", "**", "?*"):
        with refused(Rejected, "policy-failed"):
            verify(envelope, bundle(), artifacts=[ARTIFACT], policy=slsa_build(glob))


def slsa_build(glob: str) -> Policy:
    return Policy.from_bytes(
        f"""[[require]]
id = "build"
type = "{V0_2}"
anchors = ["release"]
[require.rules.slsa-build]
level = 1
builders = ["{glob}"]
""".encode()
    )


def test_a_limit_of_builders_holds_for_a_type_without_its_scheme() -> None:
    trust = bundle({"release": anchor(ALICE, builders=["https://example.com/builder"])})
    for kind in (V0_2, V1, "https://in-toto.io/Provenance/v0.1"):
        payload = of(kind.removeprefix("https://"), {"builder": {"id": "https://example.com/builder"}})
        with refused(Rejected, "builder-not-allowed"):
            verify(signed_payload(payload), trust, artifacts=[ARTIFACT])


def test_a_limit_of_types_compares_them_as_they_are() -> None:
    payload = of(V0_2.removeprefix("https://"), PROVENANCE)
    assert pointers(payload) == ["/predicateType"]
    with refused(Rejected, "predicate-type-not-allowed"):
        verify(
            signed_payload(payload), bundle({"release": anchor(ALICE, predicate_types=[V0_2])}), artifacts=[ARTIFACT]
        )


def test_what_verifies_strictly_has_no_notes_and_the_strict_reading_is_the_default() -> None:
    assert pointers(of(V0_2, GOOD)) == []
    for payload in (of("no-scheme", {}), of(V0_2, {}, _type="https://in-toto.io/Statement/v0.1")):
        with pytest.raises(InputError) as caught:
            Statement.from_json(payload)
        assert "--foreign" in (caught.value.hint or "")
        assert Statement.from_json(payload, foreign=True).deviations


def test_the_notes_are_in_every_output(tmp_path: Path, alice_trust: str) -> None:
    file = tmp_path / "e.json"
    file.write_bytes(signed_payload(of(V0_2, PROVENANCE)).to_json())
    asked = ("verify", str(file), "--trust", alice_trust, "--artifact", ARTIFACT, "--format")
    notes = call(*asked, "json").json["envelopes"][0]["notes"]
    assert [note["pointer"] for note in notes] == ["/predicate/buildType", "/predicate/builder/id"]
    for form in ("text", "html", "markdown", "junit", "sarif"):
        shown = call(*asked, form).stdout.decode()
        assert "/predicate/buildType" in shown, form
        assert "tekton.dev/v1/TaskRun" in shown, form


@pytest.fixture
def alice_trust(tmp_path: Path) -> str:
    file = tmp_path / "trust.json"
    file.write_bytes(bundle().to_json())
    return str(file)


def test_an_envelope_that_nobody_signed_says_so() -> None:
    envelope = json.loads(signed_payload(of(V0_2, PROVENANCE)).to_json())
    for lacking in ({**envelope, "signatures": None}, {k: v for k, v in envelope.items() if k != "signatures"}):
        with refused(InputError, "envelope-invalid", "/signatures") as caught:
            Envelope.from_json(dumps(lacking))
        assert "nobody has signed it" in caught.value.message
    with refused(Rejected, "threshold-not-met"):
        verify(replace(signed_payload(of(V0_2, PROVENANCE)), signatures=(), raw=None), bundle(), artifacts=None)


@given(st.text(max_size=30), st.sampled_from(["https://example.com/builder", "a", "b/c"]))
@examples(200)
def test_only_the_builder_that_is_named_is_accepted(builder: str, listed: str) -> None:
    """Whatever a builder.id looks like: what is only noted never passes a limit or a rule for another value."""
    payload = of(V0_2, {"builder": {"id": builder}, "buildType": "a"})
    trust = bundle({"release": anchor(ALICE, builders=[listed])})
    assert says_yes(payload, trust, None) is (builder == listed)
    assert says_yes(payload, bundle(), slsa_build(listed)) is (builder == listed)


@given(st.text(max_size=30))
@examples(200)
def test_a_value_is_noted_or_strictly_valid_or_refused(value: str) -> None:
    """The looser reading has no opinion of its own: it accepts with a note exactly what is broken and loose."""
    strictly = Schema({"type": "string", "format": "uri", "pattern": TYPE_URI["pattern"]}).accepts(value)
    payload = of(V0_2, {"builder": {"id": "https://a.example"}, "buildType": value})
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in value):
        with refused(Rejected, "predicate-invalid"):
            verify(signed_payload(payload), bundle(), artifacts=None)
        return
    assert pointers(payload) == ([] if strictly else ["/predicate/buildType"])


@pytest.mark.parametrize(
    ("started", "yes"),
    [
        ("2026-05-31T23:00:00+08:00", True),  # 15:00Z
        ("2026-05-30T23:00:00-02:00", False),  # 01:00Z of the next day
        ("2026-06-02T01:00:00+14:00", True),  # 11:00Z of the day before
        ("2026-06-02T12:00:00+00:00", False),  # in the future
    ],
)
def test_a_time_with_an_offset_is_its_instant(started: str, yes: bool) -> None:
    policy = Policy.from_bytes(
        f"""[[require]]
id = "build"
type = "{V0_2}"
max_age = "1d"
""".encode()
    )
    predicate = {**PROVENANCE, "metadata": {"buildFinishedOn": started}}
    assert says_yes(of(V0_2, predicate), bundle(), policy) is yes
