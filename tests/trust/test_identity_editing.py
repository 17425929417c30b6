"""Identities added, retired and revoked: nothing is lost, and what is compromised stays so in all anchors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError, Rejected, TrustBundle, verify
from attest.trust import diff, editing, history, lint, signing
from attest.trust.editing import IdentitySelector
from tests.support.examples import examples
from tests.support.making.authorities import GITHUB, SOURCE, WORKFLOW, identity, named, sigstore, trusting, x509
from tests.support.making.bundles import NOW, bundle, key
from tests.support.making.identity_cases import text
from tests.support.making.keys import ALICE, BOB
from tests.support.watching import refused

EARLIER = datetime(2026, 5, 1, tzinfo=UTC)
FORK = {"source-repository-uri": "https://github.com/mallory/app"}
RELEASE = IdentitySelector("uri", WORKFLOW)


def entries(trust: TrustBundle, anchor: str = "release") -> Any:
    return trust.document["anchors"][anchor]["identities"]


def test_an_identity_is_described_by_what_a_certificate_must_say() -> None:
    described = editing.describe_identity(
        "uri", WORKFLOW, "sigstore", SOURCE, issuer=GITHUB, name="release", not_before=None
    )
    assert described == {"name": "release", **identity(claims=SOURCE), "status": "active"}
    assert "claims" not in editing.describe_identity("dns", "ci.acme.example", "acme")


def test_a_bundle_is_created_with_identities_alone() -> None:
    made = editing.create(
        "release", [], now=NOW, identities=[identity(claims=SOURCE)], authorities={"sigstore": sigstore()}
    )
    assert list(made.document) == ["mediaType", "version", "issued", "authorities", "anchors"]
    assert "keys" not in made.document["anchors"]["release"]
    assert [str(one) for one in made.anchors["release"].identities] == [
        f"uri:{WORKFLOW}, issuer {GITHUB}, source-repository-uri 'https://github.com/acme/app', authority sigstore"
    ]


def test_a_key_and_an_identity_count_to_one_threshold() -> None:
    made = editing.add(trusting(identity()), "release", [key(ALICE)], now=NOW, threshold=2)
    assert (made.anchors["release"].threshold, len(made.anchors["release"].keys)) == (2, 1)
    with refused(InputError, "threshold-unreachable", "/anchors/release/threshold"):
        editing.add(trusting(identity()), "release", [], now=NOW, threshold=2)


def test_identities_and_authorities_are_added_together() -> None:
    was = bundle()
    made = editing.add(
        was, "people", [], now=NOW, identities=[identity()], authorities={"sigstore": sigstore()}, threshold=1
    )
    assert (made.version, list(made.authorities)) == (2, ["sigstore"])
    with refused(InputError, "authority-exists"):
        editing.add(made, "people", [], now=NOW, identities=[], authorities={"sigstore": sigstore()})
    with refused(InputError, "authority-unknown", "/anchors/people/identities/0/authority"):
        editing.add(was, "people", [], now=NOW, identities=[identity()])
    with refused(InputError, "identity-duplicate", "/anchors/people/identities/1"):
        editing.add(made, "people", [], now=NOW, identities=[identity(status="retired")])


def test_a_retired_identity_keeps_its_time_and_reason() -> None:
    made = editing.retire(trusting(identity()), "release", RELEASE, now=NOW, at=EARLIER, reason="moved")
    [entry] = entries(made)
    assert (entry["status"], entry["status_since"], entry["reason"]) == ("retired", "2026-05-01T00:00:00Z", "moved")
    with refused(InputError, "identity-retired"):
        editing.retire(made, "release", RELEASE, now=NOW)
    lost = editing.revoke(made, RELEASE, now=NOW)
    [entry] = entries(lost)
    assert entry["history"] == [{"status": "retired", "status_since": "2026-05-01T00:00:00Z", "reason": "moved"}]
    with refused(InputError, "identity-compromised"):
        editing.retire(lost, "release", RELEASE, now=NOW)
    with refused(InputError, "identity-compromised"):
        editing.revoke(lost, RELEASE, now=NOW)


@pytest.mark.parametrize(
    ("selector", "code"),
    [
        (RELEASE, "identity-ambiguous"),
        (RELEASE._replace(authority="sigstore"), "identity-ambiguous"),
        (RELEASE._replace(claims=SOURCE), None),
        (RELEASE._replace(claims=FORK), None),
        (RELEASE._replace(issuer="https://gitlab.com"), "identity-unknown"),
        (RELEASE._replace(authority="acme"), "identity-unknown"),
        (RELEASE._replace(san_type="email"), "identity-unknown"),
        (RELEASE._replace(san=WORKFLOW.replace("*", "v1")), "identity-unknown"),
    ],
)
def test_one_identity_is_retired_or_none(selector: IdentitySelector, code: str | None) -> None:
    was = trusting(identity(claims=SOURCE), identity(claims=FORK))
    if code is not None:
        with refused(InputError, code):
            editing.retire(was, "release", selector, now=NOW)
        return
    after = editing.retire(was, "release", selector, now=NOW)
    assert [entry["claims"] for entry in entries(after) if entry.get("status") == "retired"] == [selector.claims]


def test_a_compromised_identity_is_not_added_again_and_neither_is_a_part_of_it() -> None:
    lost = editing.revoke(
        trusting(identity(claims=SOURCE), identity(claims=FORK)), RELEASE._replace(claims=FORK), now=NOW
    )
    for again in (identity(claims=FORK), identity(claims={**FORK, "runner-environment": "self-hosted"})):
        with refused(InputError, "identity-compromised"):
            editing.add(lost, "other", [], now=NOW, identities=[again])
    assert editing.add(lost, "other", [], now=NOW, identities=[identity(claims=SOURCE)]).version == 3


def test_a_revocation_holds_in_all_anchors_and_is_never_refused() -> None:
    authorities = {"sigstore": sigstore()}
    was = bundle(
        {"a": named(identity()), "b": named(identity(claims=SOURCE), identity(issuer="https://x"))},
        authorities=authorities,
    )
    after = editing.revoke(was, RELEASE._replace(issuer=GITHUB), now=NOW)
    assert [entry.get("status") for name in "ab" for entry in entries(after, name)] == ["compromised"] * 2 + [None]
    found = [finding.code for finding in lint.check(after, now=NOW)]
    assert found.count("anchor-unsatisfiable") == 1


IDENTITIES = st.lists(
    st.builds(
        identity,
        st.sampled_from([WORKFLOW, WORKFLOW.replace("*", "v1")]),
        st.sampled_from(["sigstore", "acme"]),
        issuer=st.sampled_from([GITHUB, "https://gitlab.com"]),
        claims=st.sampled_from([None, SOURCE, FORK, {**SOURCE, "runner-environment": "github-hosted"}]),
        status=st.sampled_from([None, "active", "retired", "compromised"]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda entry: str([entry.get(name) for name in ("authority", "san", "claims")]),
)
SELECTORS = st.builds(
    IdentitySelector,
    st.just("uri"),
    st.just(WORKFLOW),
    st.sampled_from([None, "sigstore"]),
    st.sampled_from([None, GITHUB]),
    st.sampled_from([{}, SOURCE]),
)


@examples(60)
@given(IDENTITIES, SELECTORS)
def test_a_revocation_weakens_nothing_and_touches_nothing_else(
    drawn: list[dict[str, Any]], selector: IdentitySelector
) -> None:
    for entry in drawn:
        if entry["authority"] == "acme":
            del entry["issuer"]
    was = trusting(*drawn)
    meant = [entry for entry in entries(was) if selector.selects(entry)]
    if all(entry.get("status") == "compromised" for entry in meant):
        with refused(InputError, "identity-compromised" if meant else "identity-unknown"):
            editing.revoke(was, selector, now=NOW)
        return
    after = editing.revoke(was, selector, now=NOW)
    assert not [change for change in diff.diff(was, after) if change.weakened]
    for before, entry in zip(entries(was), entries(after), strict=True):
        if selector.selects(before):
            assert entry["status"] == "compromised"
        else:
            assert entry == before
    assert [change.kind for change in diff.diff(after, was) if change.weakened]


def test_a_signed_bundle_carries_its_authorities() -> None:
    roots = {"threshold": 1, "keys": [key(BOB)]}
    first = editing.create(
        "release", [], now=NOW, identities=[identity()], authorities={"sigstore": sigstore()}, roots=roots
    )
    second = editing.add(
        first, "ci", [], now=NOW, identities=[identity("https://ci", "acme", issuer=None)], authorities={"acme": x509()}
    )
    signed = [signing.sign(signing.signable(one.to_json()), [BOB]) for one in (first, second)]
    data = b"\n".join(one.envelope.to_json() for one in signed)
    found, checks = history.accept(history.read(data), first)
    assert {check.version for check in checks} == {2}
    assert (list(found.authorities), found.document) == (["sigstore", "acme"], second.document)
    with refused(Rejected, "root-threshold-not-met"):
        history.accept(history.read(data.replace(b'"sig":"', b'"sig":"AAAA')), first)


SIGNED = datetime(2023, 4, 18, 17, 45, 12, tzinfo=UTC)  # as the log of the public instance has it
JS = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main"
MEANT = IdentitySelector("uri", JS)


def verdict(trust: TrustBundle) -> str | None:
    """The code of the one signature of a published attestation; None where it is accepted."""
    data = text("files/sigstore-go-npm-provenance.json").encode()
    try:
        [check] = verify(data, trust, artifacts=None, now=NOW).report.signatures
    except Rejected as error:
        [check] = error.report.signatures  # type: ignore[union-attr]
    return check.code


def test_the_time_that_a_log_proves_decides_about_a_retired_identity() -> None:
    was = trusting(identity(JS, claims={"source-repository-uri": "https://github.com/sigstore/sigstore-js"}))
    assert verdict(was) is None
    for days, code in ((1, None), (0, None), (-1, "identity-retired")):
        moment = SIGNED + timedelta(days=days)
        assert verdict(editing.retire(was, "release", MEANT, now=NOW, at=moment)) == code
    assert verdict(trusting(identity(JS, not_before="2023-05-01T00:00:00Z"))) == "identity-not-yet-valid"
    assert verdict(trusting(identity(JS, not_after="2023-04-01T00:00:00Z"))) == "identity-expired"


def test_a_revocation_in_one_anchor_is_one_in_all() -> None:
    was = editing.add(trusting(identity(JS)), "other", [], now=NOW, identities=[identity(JS.replace("main", "*"))])
    assert verdict(was) is None
    lost = editing.revoke(was, MEANT, now=NOW, at=SIGNED + timedelta(days=1))
    assert verdict(lost) == "identity-compromised"
    elsewhere = editing.revoke(
        editing.add(trusting(identity(JS)), "b", [], now=NOW, identities=[identity(JS, claims=SOURCE)]),
        MEANT._replace(claims=SOURCE),
        now=NOW,
    )
    assert verdict(elsewhere) is None
