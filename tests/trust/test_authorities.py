"""Authorities made from files, replaced, restricted and removed, and every change of them shown for what it is."""

from __future__ import annotations

import json
from datetime import timedelta
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError, TrustBundle
from attest.trust import authorities, diff
from attest.trust.authority_parts import parts_of
from tests.support.cli.inputs import key_pem
from tests.support.examples import examples
from tests.support.making import certified
from tests.support.making.authorities import CA, ISSUING, TSA, identity, named, sigstore, x509
from tests.support.making.bundles import NOW, bundle
from tests.support.making.identity_cases import text
from tests.support.watching import refused
from tests.vectors.tokens import ROOT, party

ROOTS = ["public-good", "public-good-2024-github-tsa", "github", "staging", "conformance-custom"]
_EVERY = ("version-changed", "issued-changed")
LEAF = party("builder", ISSUING)


def having(**listed: Any) -> TrustBundle:
    return bundle(authorities=listed)


def changes(old: TrustBundle, new: TrustBundle) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.where, one.weakened) for one in diff.diff(old, new) if one.kind not in _EVERY]


@pytest.mark.parametrize("name", ROOTS)
def test_a_published_trusted_root_is_kept_as_it_is(name: str) -> None:
    data = text(f"roots/{name}.json").encode()
    assert authorities.describe_authority(data) == {"kind": "sigstore", "trusted_root": json.loads(data)}
    assert authorities.describe_authority(data, log="none")["log"] == "none"


def test_of_certificates_the_self_signed_ones_are_trusted() -> None:
    both = f"A comment\n{ISSUING.pem}{CA.pem}{CA.pem}".encode()
    assert authorities.describe_authority(both) == x509(intermediates=[ISSUING.pem])
    rolled = certified.holder("new key", certified.authority("Root"), ca=True, subject=certified.name_of("Root"))
    found = authorities.describe_authority(f"{CA.pem}{rolled.pem}".encode())
    assert found == x509(intermediates=[rolled.pem])  # it has the name of its issuer, and another key
    alone = authorities.describe_authority(ISSUING.pem.encode(), time="now-or-timestamp")
    assert alone == {"kind": "x509", "certificates": [ISSUING.pem], "time": "now-or-timestamp"}


def test_a_file_of_beginnings_is_read_quickly() -> None:
    before = process_time()
    for label in ("CERTIFICATE", "A"):
        with refused(InputError, "authority-invalid"):
            authorities.describe_authority(f"-----BEGIN {label}-----\n".encode() * 30_000)
    assert process_time() - before < 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "authority-invalid"),
        (b"\xff\x00", "authority-invalid"),
        (b"{", "json-invalid"),
        (b"{}", "authority-invalid"),
        (b'{"mediaType": 1}', "authority-invalid"),
        (text("roots/npm-keys.json").encode(), "authority-invalid"),
        (b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=9"}', "trusted-root-invalid"),
        (LEAF.pem.encode(), "certificate-invalid"),
        (CA.pem.encode() + LEAF.pem.encode(), "certificate-invalid"),
        (CA.pem.encode() + key_pem("release"), "authority-invalid"),
        (CA.pem.encode()[:-40], "authority-invalid"),
        (CA.pem.replace("M", "N", 3).encode(), "authority-invalid"),
        (CA.pem.encode() + b"-----BEGIN CERTIFICATE-----\n", "authority-invalid"),
    ],
)
def test_what_is_no_authority_is_refused(data: bytes, code: str) -> None:
    with refused(InputError, code):
        authorities.describe_authority(data)


def test_a_setting_of_the_other_kind_is_refused() -> None:
    with refused(InputError, "option-invalid"):
        authorities.describe_authority(CA.pem.encode(), log="none")
    with refused(InputError, "option-invalid"):
        authorities.describe_authority(text("roots/github.json").encode(), time="timestamp")


def test_a_timestamp_authority_is_added_and_removed() -> None:
    entry = authorities.describe_timestamp_authority(ROOT.pem.encode(), not_after="2030-01-01T00:00:00Z")
    made = authorities.add(bundle(), "tsa", entry, now=NOW, timestamps=True)
    assert [one.name for one in made.timestamp_authorities] == ["tsa"]
    assert changes(bundle(), made) == [
        ("authority-added", "/timestamp_authorities/tsa", True),
        ("authority-changed", "/timestamp_authorities/tsa/certificates/0", True),
    ]
    gone = authorities.remove(made, "tsa", now=NOW, timestamps=True)
    assert "timestamp_authorities" not in gone.document
    assert changes(made, gone) == [("authority-removed", "/timestamp_authorities/tsa", False)]
    with refused(InputError, "certificate-invalid"):
        authorities.describe_timestamp_authority(LEAF.pem.encode())
    with refused(InputError, "authority-unknown"):
        authorities.remove(made, "tsa", now=NOW)


def test_a_replacement_keeps_what_was_set_and_revoked() -> None:
    was = having(acme=x509(time="now-or-timestamp", revoked=["serial:1"], description="ours"))
    new = authorities.describe_authority(ISSUING.pem.encode())
    after = authorities.replace(was, "acme", new, now=NOW).document["authorities"]["acme"]
    assert after == {**was.document["authorities"]["acme"], "certificates": [ISSUING.pem]}
    stricter = authorities.describe_authority(CA.pem.encode(), time="timestamp")
    assert authorities.replace(was, "acme", stricter, now=NOW).document["authorities"]["acme"]["time"] == "timestamp"
    # What the new file does not have is gone.
    two = having(acme=x509(intermediates=[ISSUING.pem]))
    entry = authorities.describe_authority(CA.pem.encode())
    assert "intermediates" not in authorities.replace(two, "acme", entry, now=NOW).document["authorities"]["acme"]


def test_a_replacement_is_of_the_same_kind() -> None:
    was = having(acme=x509(), github=sigstore("github", log="none"))
    with refused(InputError, "authority-kind-differs"):
        authorities.replace(was, "acme", sigstore(), now=NOW)
    with refused(InputError, "authority-unknown"):
        authorities.replace(was, "other", x509(), now=NOW)
    with refused(InputError, "authority-exists"):
        authorities.add(was, "acme", x509(), now=NOW)
    newer = authorities.replace(
        was, "github", authorities.describe_authority(text("roots/staging.json").encode()), now=NOW
    )
    assert newer.document["authorities"]["github"]["log"] == "none"


@pytest.mark.parametrize("status", ["active", "retired", "compromised"])
def test_an_authority_is_not_removed_while_an_identity_names_it(status: str) -> None:
    was = bundle({"a": named(identity(status=status))}, authorities={"sigstore": sigstore(), "acme": x509()})
    with refused(InputError, "authority-in-use"):
        authorities.remove(was, "sigstore", now=NOW)
    assert list(authorities.remove(was, "acme", now=NOW).authorities) == ["sigstore"]


@pytest.mark.parametrize("revoked", [[], ["serial:1"]])
def test_a_revocation_is_not_forgotten_without_a_word(revoked: list[str]) -> None:
    old = having(acme=x509(**({"revoked": revoked} if revoked else {})))
    new = authorities.remove(old, "acme", now=NOW)
    assert changes(old, new) == [("authority-removed", "/authorities/acme", bool(revoked))]


def test_certificates_of_a_ca_are_revoked() -> None:
    was = having(acme=x509(), sigstore=sigstore())
    listed = [authorities.revocation_of(LEAF.pem.encode()), "serial:aff", "serial:aff"]
    after = authorities.revoke(was, "acme", listed, now=NOW)
    assert after.document["authorities"]["acme"]["revoked"] == listed[:2]
    assert changes(was, after) == [("authority-changed", "/authorities/acme/revoked", False)] * 2
    assert changes(after, was) == [("authority-changed", "/authorities/acme/revoked", True)] * 2
    with refused(InputError, "certificate-revoked"):
        authorities.revoke(after, "acme", ["serial:aff"], now=NOW)
    with refused(InputError, "authority-kind-differs"):
        authorities.revoke(was, "sigstore", ["serial:1"], now=NOW)
    with refused(InputError, "trust-invalid", "/authorities/acme/revoked/0"):
        authorities.revoke(was, "acme", ["serial:x"], now=NOW)
    for data in (b"", CA.pem.encode() + ISSUING.pem.encode()):
        with refused(InputError, "authority-invalid"):
            authorities.revocation_of(data)


CAS, LOGS, TSAS = (f"trusted_root/{kind}" for kind in ("certificateAuthorities", "tlogs", "timestampAuthorities"))
BOTH = [(f"{LOGS}/0", False), (f"{LOGS}/0", True)]  # another log in the place of one


def changed(path: str, value: Any) -> dict[str, Any]:
    """The root of the staging instance with one thing changed, or removed."""
    entry = sigstore("staging")
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    parent: Any = entry
    for step in way:
        parent = parent[step]
    if value is None:
        del parent[last]
    else:
        parent[last] = value
    return entry


@pytest.mark.parametrize(
    ("path", "value", "there", "back"),
    [
        ("log", "none", [("log", True)], [("log", False)]),
        ("log", "required", [], []),
        ("description", "ours", [("description", False)], [("description", False)]),
        (f"{CAS}/0/validFor/end", "2024-01-01T00:00:00Z", [(f"{CAS}/0", False)], [(f"{CAS}/0", True)]),
        ("trusted_root/certificateAuthorities", [], [(f"{CAS}/0", False)], [(f"{CAS}/0", True)]),
        (f"{LOGS}/0/publicKey/validFor/end", "2024-01-01T00:00:00Z", [(f"{LOGS}/0", False)], [(f"{LOGS}/0", True)]),
        (f"{LOGS}/0/baseUrl", "https://x", BOTH, BOTH),
        (TSAS, None, [(f"{TSAS}/0", False)], [(f"{TSAS}/0", True)]),
        (f"{CAS}/0/uri", "https://other", [("trusted_root", False)], [("trusted_root", False)]),
    ],
)
def test_each_change_of_a_trusted_root_is_found_and_called_what_it_is(
    path: str, value: Any, there: list[tuple[str, bool]], back: list[tuple[str, bool]]
) -> None:
    old, new = having(it=sigstore("staging")), having(it=changed(path, value))
    for one, other, expected in ((old, new, there), (new, old, back)):
        assert changes(one, other) == [("authority-changed", f"/authorities/it/{at}", weak) for at, weak in expected]


@pytest.mark.parametrize(
    ("old", "new", "weakened"),
    [
        (x509(), x509(time="now-or-timestamp"), [True]),
        (x509(time="now-or-timestamp"), x509(time="timestamp"), [False]),
        (x509(), x509(intermediates=[ISSUING.pem]), [True]),
        (x509(intermediates=[ISSUING.pem]), x509(), [False]),
        (x509(), x509(certificates=[ISSUING.pem]), [False, True]),
        (x509(), sigstore("github"), [True, False] + [True] * 12),
        (x509(), x509(**{"x-note": 1}), [False]),
        (x509(certificates=[CA.pem]), x509(certificates=[f"{CA.pem}\n"]), [False]),
    ],
)
def test_each_change_of_a_ca_is_called_what_it_is(
    old: dict[str, Any], new: dict[str, Any], weakened: list[bool]
) -> None:
    found = changes(having(it=old), having(it=new))
    assert [weak for _, _, weak in found] == weakened, found


def test_the_period_of_a_timestamp_authority_is_compared() -> None:
    old, new = (
        bundle(timestamp_authorities={"tsa": {**TSA, "not_after": f"203{year}-01-01T00:00:00Z"}}) for year in "01"
    )
    place = "/timestamp_authorities/tsa/not_after"
    assert changes(old, new) == [("authority-changed", place, True)]
    assert changes(new, old) == [("authority-changed", place, False)]


@examples(40)
@given(st.sampled_from(ROOTS), st.sampled_from(ROOTS), st.integers(0, 1))
def test_the_difference_of_two_roots_names_every_part_that_is_not_in_both(one: str, other: str, at: int) -> None:
    old, new = having(it=sigstore(one)), having(it=sigstore(other))
    was, now = ({(part.kind, part.name, part.sha256) for part in parts_of(sigstore(name))} for name in (one, other))
    found = diff.diff(old, new)
    assert sum(change.message.endswith(" removed") for change in found) == len(was - now)
    assert sum(" added" in change.message and change.weakened for change in found) == len(now - was)
    assert bool(found) is (one != other)


def test_a_part_ends_with_the_first_of_its_certificates() -> None:
    ends = {part.kind: part.not_after for part in parts_of(sigstore("github"))}
    assert ends["CA"] is not None
    assert ends["CA"] > NOW - timedelta(days=365)
    assert {part.kind for part in parts_of(sigstore("github"))} == {"CA", "TSA"}
    assert [part.kind for part in parts_of(x509(intermediates=[ISSUING.pem]))] == ["CA", "intermediate"]
    assert [part.kind for part in parts_of(TSA)] == ["certificate"]
