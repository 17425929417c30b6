"""What is worth a warning about identities and authorities."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from attest.trust.lint import check
from tests.support.making.authorities import CA, ISSUING, SOURCE, TSA, WORKFLOW, identity, named, sigstore, x509
from tests.support.making.bundles import FUTURE, NOW, PAST, anchor, bundle
from tests.support.making.keys import ALICE
from tests.vectors.tokens import party

GITLAB = "https://gitlab.com/acme/app//ci.yml@refs/tags/*"
PLACE = "/anchors/a/identities/0"
ENDING = party("ending", ca=True, end="2026-06-20T00:00:00Z")
ENDED = party("ended", ca=True, end="2026-05-20T00:00:00Z")


def findings(
    *identities: dict[str, Any], authorities: dict[str, Any] | None = None, now: datetime = NOW, **fields: Any
) -> list[tuple[str, str]]:
    listed = {"sigstore": sigstore()} if authorities is None else authorities
    trust = bundle({"a": named(*identities)}, authorities=listed, **fields)
    return [(finding.code, finding.where) for finding in check(trust, now=now)]


def of(san_type: str, san: str, **fields: Any) -> dict[str, Any]:
    return identity(claims=SOURCE) | {"san": {san_type: san}} | fields


def test_an_identity_that_is_in_order_has_no_findings() -> None:
    assert findings(identity(claims=SOURCE), identity(claims={**SOURCE, "build-trigger": "push"})) == []


@pytest.mark.parametrize(
    ("san_type", "san", "broad"),
    [
        ("uri", "**", True),
        ("uri", "https://**", True),
        ("uri", "https://*/acme/app", True),
        ("uri", "https://github.co?/acme/app", True),
        ("uri", "*://github.com/acme/app", True),
        ("uri", "https://github.com/**", True),
        ("uri", "https://github.com/*/app/**", True),
        ("uri", "https://github.com/acme*/app", True),
        ("uri", "https://github.com/acme/**@refs/tags/*", True),
        ("uri", "https://github.com/acme/app/.github/workflows/*@refs/heads/**", False),
        ("uri", "https://github.com/acme/**", False),
        ("uri", "https://github.com/acme", False),
        ("uri", "https://dotcom.releases.github.com", False),
        ("uri", "urn:example:builder", False),
        ("email", "**", True),
        ("email", "ann@*", True),
        ("email", "*@*.example", True),
        ("email", "*@acme.example", False),
        ("email", "ann@acme.example", False),
        ("dns", "*", True),
        ("dns", "*.com", True),
        ("dns", "acme.*", True),
        ("dns", "*.acme.example", False),
    ],
)
def test_a_glob_that_says_too_little(san_type: str, san: str, broad: bool) -> None:
    expected = [("identity-too-broad", f"{PLACE}/san/{san_type}")] if broad else []
    assert findings(of(san_type, san)) == expected


def test_below_a_company_ca_the_host_is_enough() -> None:
    listed = {"acme": x509(time="now-or-timestamp")}
    one = of("uri", "spiffe://acme.example/**", authority="acme", issuer=None)
    del one["issuer"]
    assert findings(one, authorities=listed) == []
    assert findings(one | {"san": {"uri": "spiffe://**"}}, authorities=listed)[0][0] == "identity-too-broad"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"issuer": "http://token.example.com"}, [("issuer-not-https", f"{PLACE}/issuer")]),
        ({"issuer": "token.actions.githubusercontent.com"}, [("issuer-not-https", f"{PLACE}/issuer")]),
        ({"claims": {}}, [("identity-any-source", PLACE)]),
        ({"claims": {"runner-environment": "github-hosted"}}, [("identity-any-source", PLACE)]),
        ({"claims": {"source-repository-identifier": "1"}}, []),
        ({"claims": {"source-repository-owner-uri": "https://github.com/acme"}}, []),
        ({"claims": {}, "san": {"uri": GITLAB}, "issuer": "https://gitlab.com"}, [("identity-any-source", PLACE)]),
        ({"claims": {}, "san": {"email": "ann@acme.example"}, "issuer": "https://accounts.google.com"}, []),
        ({"claims": {}, "san": {"uri": "https://agents.example.com/1"}, "issuer": "https://agents.example.com"}, []),
        ({"claims": {}, "status": "retired"}, [("anchor-unsatisfiable", "/anchors/a"), ("identity-any-source", PLACE)]),
        ({"claims": {}, "status": "compromised"}, [("anchor-unsatisfiable", "/anchors/a")]),
        ({"not_after": PAST}, [("anchor-unsatisfiable", "/anchors/a"), ("identity-expired", f"{PLACE}/not_after")]),
        ({"not_after": "2026-06-15T00:00:00Z"}, [("identity-expires-soon", f"{PLACE}/not_after")]),
        ({"not_before": FUTURE}, []),
    ],
)
def test_an_identity_to_look_at(fields: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert findings(identity(claims=SOURCE) | fields) == found


def test_keys_and_identities_reach_a_threshold_together() -> None:
    lost = identity(status="compromised")
    for one, codes in (
        (identity(claims=SOURCE), []),
        (identity(claims=SOURCE, status="retired"), ["anchor-unsatisfiable"]),
    ):
        both = anchor(ALICE, threshold=2) | {"identities": [one]}
        trust = bundle({"a": both}, authorities={"sigstore": sigstore()})
        assert [finding.code for finding in check(trust, now=NOW)] == codes
    elsewhere = bundle({"a": named(identity(claims=SOURCE)), "b": named(lost)}, authorities={"sigstore": sigstore()})
    places = [finding.where for finding in check(elsewhere, now=NOW) if finding.code == "anchor-unsatisfiable"]
    assert places == ["/anchors/a", "/anchors/b"]


def test_an_authority_that_no_identity_names() -> None:
    listed = {"sigstore": sigstore(), "acme": x509(time="now-or-timestamp")}
    assert findings(identity(claims=SOURCE), authorities=listed) == [("authority-unused", "/authorities/acme")]


def test_an_authority_that_can_confirm_nothing() -> None:
    assert findings(identity(claims=SOURCE), authorities={"sigstore": sigstore("github")}) == [
        ("authority-unsatisfiable", "/authorities/sigstore"),
        ("authority-unsatisfiable", "/authorities/sigstore"),
    ]
    company = of("uri", WORKFLOW, authority="acme")
    del company["issuer"]
    listed = {"acme": x509()}
    assert findings(company, authorities=listed) == [("authority-unsatisfiable", "/authorities/acme")]
    assert findings(company, authorities=listed, timestamp_authorities={"tsa": TSA}) == []


def test_an_instance_whose_log_is_not_asked_for() -> None:
    found = findings(identity(claims=SOURCE), authorities={"sigstore": sigstore(log="none")})
    assert found == [("authority-without-log", "/authorities/sigstore/log")]


@pytest.mark.parametrize(
    ("moment", "code"),
    [("2027-05-01", None), ("2027-05-20", "authority-expires-soon"), ("2027-07-01", "authority-expired")],
)
def test_the_end_of_the_last_ca_of_an_instance_is_near(moment: str, code: str | None) -> None:
    authorities = {"sigstore": sigstore("github", log="none")}
    found = findings(
        identity(claims=SOURCE), authorities=authorities, now=datetime.fromisoformat(f"{moment}T00:00:00Z")
    )
    places = [
        f"/authorities/sigstore/trusted_root/{kind}/5" for kind in ("certificateAuthorities", "timestampAuthorities")
    ]
    assert found == [(code, place) for place in places if code is not None]


def test_each_certificate_of_a_ca_has_its_end() -> None:
    company = of("uri", WORKFLOW, authority="acme")
    del company["issuer"]
    listed = {
        "acme": x509(certificates=[CA.pem, ENDED.pem, ENDING.pem], intermediates=[ISSUING.pem], time="now-or-timestamp")
    }
    place = "/authorities/acme/certificates"
    assert findings(company, authorities=listed) == [
        ("authority-expired", f"{place}/1"),
        ("authority-expires-soon", f"{place}/2"),
    ]
