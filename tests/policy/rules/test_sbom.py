"""The rule sbom: what it describes, by its digest or a name, in each format."""

from __future__ import annotations

from hashlib import sha512
from typing import Any

import pytest

from tests.support.making.policies import (
    CYCLONE,
    OTHER,
    SPDX,
    SPDX3,
    asks,
    claim,
    codes,
    cyclonedx,
    decide,
    no,
    spdx,
    spdx3,
)
from tests.support.making.statements import CONTENT, DIGEST

SBOMS = {
    "cyclonedx": (
        cyclonedx,
        {"hashes": [{"alg": "SHA-256", "content": DIGEST.upper()}]},
        {"hashes": [{"alg": "SHA-256", "content": OTHER}]},
    ),
    "spdx": (
        spdx,
        {"checksums": [{"algorithm": "SHA256", "checksumValue": DIGEST}]},
        {"checksums": [{"algorithm": "SHA256", "checksumValue": OTHER}]},
    ),
    "spdx3": (
        spdx3,
        {"verifiedUsing": [{"algorithm": "sha256", "hashValue": DIGEST}]},
        {"verifiedUsing": [{"algorithm": "sha256", "hashValue": OTHER}]},
    ),
}


@pytest.mark.parametrize("kind", SBOMS)
def test_an_sbom_names_the_artifact_by_its_digest_or_by_a_name(kind: str) -> None:
    make, good, bad = SBOMS[kind]
    assert decide(asks("sbom", {}), make(**good)).yes
    assert codes(decide(asks("sbom", {}), make(**bad))) == ["artifact-not-named"]
    assert codes(decide(asks("sbom", {}), make())) == ["artifact-not-named"]
    assert decide(asks("sbom", {"names": ["app"]}), make()).yes
    assert codes(decide(asks("sbom", {"names": ["left-pad"]}), make())) == ["artifact-not-named"]
    assert codes(decide(asks("sbom", {"names": ["app"], "components": 2}), make())) == ["sbom-empty"]


@pytest.mark.parametrize("wrong", ["SHA-256", "SHA-512"])
@pytest.mark.parametrize("order", [1, -1])
def test_an_sbom_with_a_digest_of_the_artifact_and_one_of_another_is_a_no(wrong: str, order: int) -> None:
    """Not one of its digests that is the artifact's, but all that both have."""
    own = {"SHA-256": DIGEST, "SHA-512": sha512(CONTENT).hexdigest()}
    artifact = ",".join(f"{name.lower().replace('-', '')}:{value}" for name, value in own.items())
    made = {name: "0" * len(value) if name == wrong else value for name, value in own.items()}
    for digests, yes in ((own, True), (made, False)):
        hashes = [{"alg": name, "content": value} for name, value in digests.items()][::order]
        assert decide(asks("sbom", {}), cyclonedx(hashes=hashes), artifacts=[artifact]).yes == yes


@pytest.mark.parametrize("order", [(OTHER, DIGEST), (DIGEST, OTHER), (DIGEST, OTHER, DIGEST)])
def test_an_sbom_that_contradicts_itself_about_a_digest_is_a_no(order: tuple[str, ...]) -> None:
    hashes = [{"alg": ("SHA-256", "SHA256")[number % 2], "content": value} for number, value in enumerate(order)]
    assert codes(decide(asks("sbom", {}), cyclonedx(hashes=hashes))) == ["artifact-not-named"]
    assert decide(asks("sbom", {}), cyclonedx(hashes=[{"alg": "SHA-256", "content": DIGEST}] * 2)).yes


@pytest.mark.parametrize("kind", SBOMS)
def test_an_sbom_whose_digest_is_of_something_else_is_a_no_whatever_it_is_called(kind: str) -> None:
    make, good, bad = SBOMS[kind]
    asked = asks("sbom", {"names": ["app"]})
    assert decide(asked, make(**good)).yes
    [failure] = no(decide(asked, make(**bad)))
    assert (failure.code, "digests differ" in (failure.hint or "")) == ("artifact-not-named", True)
    # Where no artifact is asked for there is nothing that the digest could be of something else than.
    assert decide(asked, make(**bad), no_artifact=True).yes


@pytest.mark.parametrize(
    ("kind", "listed", "described"),
    [
        ("cyclonedx", "/predicate/components", "/predicate/metadata/component"),
        ("spdx", "/predicate/packages", "/predicate/packages/0"),
        ("spdx3", "/predicate/@graph", "/predicate/@graph/1"),
    ],
)
def test_what_an_sbom_lacks_is_told_where_it_stands(kind: str, listed: str, described: str) -> None:
    make, _, bad = SBOMS[kind]
    for made in (make(), make(**bad)):
        failures = no(decide(asks("sbom", {"names": ["left-pad"], "components": 2}), made))
        assert [(one.code, one.pointer) for one in failures] == [
            ("sbom-empty", listed),
            ("artifact-not-named", described),
        ]
    [failure] = no(decide(asks("sbom", {"names": ["app"]}), make(**bad)))
    assert failure.pointer == described


APP_IN_SPDX = {"SPDXID": "SPDXRef-app", "name": "app"}
APP_IN_SPDX3 = {"type": "software_Package", "spdxId": "urn:app", "name": "app"}


@pytest.mark.parametrize(
    ("made", "others"),
    [
        (claim({"bomFormat": "CycloneDX", "metadata": {"component": {"name": "app"}}}, kind=CYCLONE), 0),
        (
            claim(
                {
                    "bomFormat": "CycloneDX",
                    "metadata": {"component": {"name": "app"}},
                    "components": [1, {"name": "a"}, [], {"name": "b"}],
                },
                kind=CYCLONE,
            ),
            2,
        ),
        *(
            (claim({"documentDescribes": ["SPDXRef-app"], "packages": packages, "files": files}, kind=SPDX), others)
            for packages, files, others in (
                ([{"SPDXID": "a"}, 1, {"SPDXID": "b"}, APP_IN_SPDX], [], 2),
                ([APP_IN_SPDX, [], {"SPDXID": "a"}, {}], None, 2),
                ([{"SPDXID": "a"}], [{"SPDXID": "b"}, APP_IN_SPDX, {"SPDXID": "c"}], 3),
                (None, [APP_IN_SPDX], 0),
            )
        ),
        *(
            (
                claim(
                    {
                        "relationships": [
                            "x",
                            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DEPENDS_ON"},
                            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other},
                        ],
                        "packages": [{"SPDXID": "a"}, APP_IN_SPDX],
                    },
                    kind=SPDX,
                ),
                1,
            )
            for one, kind, other in (
                ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-app"),
                ("SPDXRef-app", "DESCRIBED_BY", "SPDXRef-DOCUMENT"),
            )
        ),
        *(
            (
                claim(
                    {
                        "@graph": [
                            1,
                            {"type": "software_File", "spdxId": "urn:a"},
                            {"type": "Person", "spdxId": "urn:p", "rootElement": ["urn:a"]},
                            {"type": "software_Package"},
                            {**APP_IN_SPDX3, "type": kind},
                            {"type": whole, "rootElement": ["urn:x", "urn:app"]},
                        ]
                    },
                    kind=SPDX3,
                ),
                2,
            )
            for whole in ("software_Sbom", "SpdxDocument", "Bom")
            for kind in ("software_Package", "software_File")
        ),
    ],
)
def test_what_an_sbom_describes_and_lists_is_found_wherever_it_stands(made: Any, others: int) -> None:
    assert decide(asks("sbom", {"names": ["app"], "components": others}), made).yes
    assert codes(decide(asks("sbom", {"names": ["app"], "components": others + 1}), made)) == ["sbom-empty"]


@pytest.mark.parametrize(
    "made",
    [
        *(cyclonedx(**{field: "pkg:it"}) for field in ("name", "purl", "bom-ref")),
        *(spdx(**{field: "pkg:it"}) for field in ("name", "fileName")),
        spdx(externalRefs=[1, {"referenceType": "cpe23Type"}, {"referenceType": "purl", "referenceLocator": "pkg:it"}]),
        *(spdx3(**{field: "pkg:it"}) for field in ("name", "software_packageUrl")),
    ],
)
def test_an_sbom_has_several_names_for_what_it_describes(made: Any) -> None:
    assert decide(asks("sbom", {"names": ["nothing", "pkg:*"]}), made).yes
    assert codes(decide(asks("sbom", {"names": ["nothing"]}), made)) == ["artifact-not-named"]


@pytest.mark.parametrize(
    ("one", "kind", "other"),
    [
        ("SPDXRef-DOCUMENT", "CONTAINS", "SPDXRef-app"),
        ("SPDXRef-DOCUMENT", "DESCRIBED_BY", "SPDXRef-app"),
        ("SPDXRef-app", "DESCRIBES", "SPDXRef-DOCUMENT"),
        ("SPDXRef-a", "DESCRIBES", "SPDXRef-app"),
        ("SPDXRef-app", "DESCRIBED_BY", "SPDXRef-a"),
    ],
)
def test_another_relationship_does_not_say_what_an_sbom_describes(one: str, kind: str, other: str) -> None:
    relationship = {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
    made = claim({"relationships": [relationship], "packages": [{"SPDXID": "a"}, APP_IN_SPDX]}, kind=SPDX)
    assert codes(decide(asks("sbom", {"names": ["app"]}), made)) == ["artifact-not-named"]


@pytest.mark.parametrize("made", [spdx("SPDXRef-b"), spdx3("urn:b"), claim({"bomFormat": "CycloneDX"}, kind=CYCLONE)])
def test_an_sbom_of_something_else_is_a_no(made: Any) -> None:
    assert "artifact-not-named" in codes(decide(asks("sbom", {"names": ["app"]}), made))


@pytest.mark.parametrize(
    "predicate",
    [{}, {"bomFormat": 1, "metadata": 2, "components": 3}, {"@graph": {}}, {"packages": [1], "relationships": "x"}],
)
def test_nonsense_that_is_no_sbom_is_a_no(predicate: dict[str, Any]) -> None:
    assert codes(decide(asks("sbom", {}), claim(predicate, kind=SPDX))) == ["sbom-empty", "artifact-not-named"]


def test_an_sbom_that_cosign_wrapped_is_read_inside() -> None:
    good = {"hashes": [{"alg": "SHA-256", "content": DIGEST}]}
    plain = cyclonedx(**good)
    wrapped = claim({"Data": dict(plain.statement.predicate)}, kind=CYCLONE)
    assert decide(asks("sbom", {}), wrapped).yes
    [failure] = no(decide(asks("sbom", {"components": 100}), wrapped))
    assert (failure.code, failure.pointer) == ("sbom-empty", "/predicate/Data/components")
    others: list[Any] = [{}, "text", [], {"components": [{}]}]
    for data in others:
        assert not decide(asks("sbom", {"components": 0}), claim({"Data": data}, kind=CYCLONE)).yes


def test_the_signed_type_says_what_a_document_is() -> None:
    good = dict(cyclonedx(hashes=[{"alg": "SHA-256", "content": DIGEST}]).statement.predicate)
    other = dict(spdx(checksums=[{"algorithm": "SHA256", "checksumValue": OTHER}]).statement.predicate)
    for hidden in (good, {"Data": good}):
        assert codes(decide(asks("sbom", {}), claim({**hidden, **other}, kind=SPDX))) == ["artifact-not-named"]
    assert decide(asks("sbom", {}), claim({"Data": good}, kind=CYCLONE)).yes
