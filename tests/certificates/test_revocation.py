"""Revoked certificates: listed in a trust bundle or in a CRL, which may be damaged, of another, old or partial."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

import attest
from attest import Envelope, InputError, PublicKey, Rejected, RevocationList, Signature, TrustBundle
from attest._base.json import b64encode
from attest.certificates import Revocations, check_chain
from attest.certificates.revocation import MAX_LIST, demand_unlisted
from tests.support.cli.calls import call
from tests.support.examples import examples
from tests.support.making.bundles import anchor, bundle
from tests.support.making.certified import BUILDER, END, NOW, UNKNOWN, Holder, authority, crl, key_of, leaf
from tests.support.making.keys import ALICE
from tests.support.making.statements import ARTIFACT, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

ROOT = authority("root")
ISSUING = authority("issuing", ROOT)
LEAF = leaf("builder", ISSUING)
CHAIN = [one.certificate for one in (LEAF, ISSUING, ROOT)]
OTHER = authority("other")


def serial(one: Holder) -> int:
    return one.certificate.serial_number


def code(refuse: Callable[[], object]) -> str:
    try:
        refuse()
    except (InputError, Rejected) as error:
        return error.code
    return ""


@pytest.mark.parametrize("position", range(3))
def test_a_trust_bundle_revokes_a_certificate_and_all_below_it(position: int) -> None:
    one = CHAIN[position]
    keyid = PublicKey.parse([LEAF, ISSUING, ROOT][position].pem.encode()).keyid
    for entry in (f"serial:{one.serial_number:x}", f"serial:00{one.serial_number:x}", f"keyid:{keyid}"):
        revoked = Revocations.read(["serial:1", entry])
        assert bool(revoked)
        assert code(partial(revoked.demand_not_revoked, CHAIN)) == "certificate-revoked"
    others = Revocations.read([f"serial:{one.serial_number + 1:x}", f"keyid:{one.serial_number:x}"])
    others.demand_not_revoked(CHAIN)
    assert not Revocations.read([])


def test_what_is_no_name_of_a_certificate_is_refused_with_its_place() -> None:
    for entry in ("", "serial", "serial:", "serial:xyz", "sha256:00", "SERIAL:1", "1"):
        with pytest.raises(InputError) as caught:
            Revocations.read(["serial:1", entry])
        assert (caught.value.code, caught.value.where) == ("trust-invalid", "/revoked/1")


def test_another_form_of_a_signature_does_not_hide_a_revoked_certificate() -> None:
    """With ECDSA (r, s) also (r, n - s) is good: the certificate is another sequence of bytes, and as valid."""
    parsed = asn1.Certificate.load(LEAF.der)
    r, s = decode_dss_signature(LEAF.certificate.signature)
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    parsed["signature_value"] = encode_dss_signature(r, n - s)
    changed = x509.load_der_x509_certificate(parsed.dump(force=True))
    assert changed != LEAF.certificate
    chain = check_chain(changed, [ISSUING.certificate], [ROOT.certificate], NOW)
    keyid = PublicKey.parse(LEAF.pem.encode()).keyid
    for entry in (f"serial:{serial(LEAF):x}", f"keyid:{keyid}"):
        with pytest.raises(Rejected, match="revoked"):
            Revocations.read([entry]).demand_not_revoked(chain)
    with pytest.raises(Rejected, match="revoked"):
        demand_unlisted(chain, [RevocationList(crl(ISSUING, [serial(LEAF)]))])


def asked(lists: Sequence[bytes], *, every: bool = False) -> str:
    return code(lambda: demand_unlisted(CHAIN, [RevocationList(data) for data in lists], every=every))


def test_a_crl_revokes_what_its_own_issuer_issued() -> None:
    for by, of in ((ISSUING, LEAF), (ROOT, ISSUING), (ROOT, ROOT)):
        assert asked([crl(OTHER, [serial(of)]), crl(by, [1, serial(of), 2])]) == "certificate-revoked"
    assert asked([crl(ISSUING, [serial(ISSUING)]), crl(ROOT, [serial(LEAF)]), crl(OTHER, [serial(LEAF)])]) == ""
    assert asked([crl(ISSUING), crl(ROOT), crl(ISSUING, [serial(LEAF)])]) == "certificate-revoked"


def test_the_serial_number_of_an_anchor_is_that_of_another_ca() -> None:
    """A CA that counts may give its own serial number to a certificate, which it then revokes."""
    counting = authority("counting", ROOT, serial=2)
    one = leaf("first", counting, serial=3)
    chain = [one.certificate, counting.certificate]
    assert code(lambda: demand_unlisted(chain, [RevocationList(crl(counting, [2]))], every=True)) == ""
    assert code(lambda: demand_unlisted(chain, [RevocationList(crl(counting, [3]))])) == "certificate-revoked"


@pytest.mark.parametrize("reason", [None, *x509.ReasonFlags])
def test_an_entry_counts_whatever_its_reason(reason: x509.ReasonFlags | None) -> None:
    if reason is not x509.ReasonFlags.unspecified:
        assert asked([crl(ISSUING, [serial(LEAF)], reason=reason)]) == "certificate-revoked"


def test_with_crls_each_certificate_below_the_anchor_needs_one_of_its_issuer() -> None:
    assert asked([crl(ISSUING), crl(ROOT)], every=True) == ""
    for lists in ([], [crl(ISSUING)], [crl(ROOT)], [crl(ISSUING), crl(OTHER)]):
        assert asked(lists, every=True) == "crl-missing"
        assert asked(lists) == ""


def test_a_crl_is_only_by_the_key_of_a_ca_that_may_sign_crls() -> None:
    false = crl(ISSUING, [serial(LEAF)], signed_by=key_of("stranger"))
    assert asked([false]) == ""
    assert asked([false, crl(ROOT)], every=True) == "crl-missing"
    mute = authority("mute", ROOT, usage=("key_cert_sign",))
    below = leaf("below", mute)
    chain = [one.certificate for one in (below, mute, ROOT)]
    assert code(lambda: demand_unlisted(chain, [RevocationList(crl(mute, [serial(below)]))])) == ""


def test_no_byte_of_a_crl_can_be_changed_so_that_it_says_nothing() -> None:
    """It cannot be read, or it is no longer that of the CA, so that one is missing; or it still refuses."""
    good, data = RevocationList(crl(ROOT)), crl(ISSUING, [serial(LEAF)])
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << (at % 8)

        def judge(data: bytes = bytes(changed)) -> None:
            demand_unlisted(CHAIN, [good, RevocationList(data)], every=True)

        assert code(judge) in ("crl-invalid", "crl-missing", "certificate-revoked"), at


BAD: dict[str, bytes] = {
    "nothing": b"",
    "garbage": b"not a CRL",
    "a certificate": ROOT.der,
    "another PEM": ROOT.pem.encode(),
    "delta": crl(ISSUING, extensions=[(x509.DeltaCRLIndicator(1), True)]),
    "delta, not critical": crl(ISSUING, extensions=[(x509.DeltaCRLIndicator(1), False)]),
    "unknown critical extension": crl(ISSUING, extensions=[(UNKNOWN, True)]),
    "only CAs": crl(
        ISSUING, extensions=[(x509.IssuingDistributionPoint(None, None, False, True, None, False, False), True)]
    ),
    "indirect": crl(
        ISSUING, extensions=[(x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True)]
    ),
}


def without_end(data: bytes) -> bytes:
    parsed = asn1_crl.CertificateList.load(data)
    del parsed["tbs_cert_list"]["next_update"]
    return bytes(parsed.dump(force=True))


@pytest.mark.parametrize("fault", [*BAD, "no nextUpdate", "two"])
def test_a_crl_that_is_none_or_only_a_part_is_refused(fault: str) -> None:
    pem = x509.load_der_x509_crl(crl(ISSUING)).public_bytes(Encoding.PEM)
    more = {"no nextUpdate": without_end(crl(ISSUING)), "two": pem + pem}
    with pytest.raises(InputError) as caught:
        RevocationList((BAD | more)[fault])
    assert caught.value.code == "crl-invalid"


def test_a_crl_may_have_extensions_that_change_nothing() -> None:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.CRLNumber(7), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ISSUING.key.public_key()), False),
        (UNKNOWN, False),
    ]
    assert asked([crl(ISSUING, [serial(LEAF)], extensions=extensions)]) == "certificate-revoked"


def test_a_crl_is_current_until_its_next_update() -> None:
    found = RevocationList(crl(ISSUING))
    found.demand_current(END)
    with pytest.raises(InputError, match="'CN=issuing,O=Example' expired") as caught:
        found.demand_current(END + timedelta(seconds=1))
    assert caught.value.code == "crl-expired"


def test_a_crl_is_not_larger_than_the_limit_and_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ca.crl"
    path.write_bytes(crl(ISSUING, [serial(LEAF)]))
    found = pickle.loads(pickle.dumps(RevocationList.load(path)))  # noqa: S301
    assert found.is_by(ISSUING.certificate)
    assert found.lists(LEAF.certificate)
    path.write_bytes(bytes(MAX_LIST + 1))
    with pytest.raises(InputError, match="larger than 16 MiB") as caught:
        RevocationList.load(path)
    assert caught.value.where == str(path)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        RevocationList(bytes(MAX_LIST + 1))
    with pytest.raises(TypeError, match="RevocationList"):
        RevocationList.load(b"")  # type: ignore[arg-type]


@examples(200)
@given(st.lists(st.integers(1, 1 << 159), max_size=20), st.booleans())
def test_a_crl_lists_exactly_the_numbers_in_it(numbers: list[int], there: bool) -> None:
    expected = there or serial(LEAF) in numbers
    listed = dict.fromkeys([*numbers, serial(LEAF)] if there else numbers)
    assert asked([crl(ISSUING, listed), crl(ROOT)], every=True) == ("certificate-revoked" if expected else "")


def trust(**fields: Any) -> TrustBundle:
    authorities = {"ca": {"kind": "x509", "certificates": [ROOT.pem], "time": "now-or-timestamp", **fields}}
    anchors = {"builder": {"threshold": 1, "identities": [{"authority": "ca", "san": {"uri": BUILDER}}]}}
    kind = "application/vnd.attest.trust-bundle.v1+json"
    return TrustBundle.from_document({"mediaType": kind, "version": 1, "authorities": authorities, "anchors": anchors})


def signed() -> bytes:
    envelope = Envelope(statement().to_json(), "application/vnd.in-toto+json")
    sig = LEAF.key.sign(envelope.pae(), ec.ECDSA(hashes.SHA256()))
    fields = {"keyid": "", "sig": b64encode(sig), "cert": LEAF.pem + ISSUING.pem}
    return envelope.with_signatures(Signature("", sig, fields)).to_json()


def verdict(bundle: TrustBundle, *lists: bytes, now: datetime = NOW) -> str:
    crls = [RevocationList(data) for data in lists]
    try:
        verified = attest.verify(signed(), bundle, artifacts=None, now=now, crls=crls)
    except Rejected as error:
        return " ".join(str(check.code) for check in error.report.signatures) if error.report else error.code
    except InputError as error:
        return error.code
    [check] = verified.report.signatures
    assert check.identity is not None
    return " ".join(check.identity.checks)


def test_a_verifier_refuses_what_is_revoked_and_says_that_it_asked() -> None:
    both = crl(ISSUING), crl(ROOT)
    assert verdict(trust()) == "chain"
    assert verdict(trust(), *both) == "chain revocation"
    assert verdict(trust(revoked=["serial:1"])) == "chain revocation"
    assert verdict(trust(revoked=[f"serial:{serial(ISSUING):x}"])) == "certificate-revoked"
    assert verdict(trust(), crl(ISSUING, [serial(LEAF)]), crl(ROOT)) == "certificate-revoked"
    assert verdict(trust(), crl(ISSUING), crl(ROOT, [serial(ISSUING)])) == "certificate-revoked"
    assert verdict(trust(), crl(ISSUING)) == "crl-missing"
    assert verdict(trust(), *both, crl(OTHER, until=NOW - timedelta(days=1))) == "crl-expired"


def test_crls_need_an_authority_and_are_crls() -> None:
    keys = bundle(anchors={"release": anchor(ALICE)})
    assert verdict(keys, crl(ISSUING)) == "option-invalid"
    for crls in ([crl(ISSUING)], ["ca.crl"], "ca.crl", 7):
        with pytest.raises(TypeError, match="crls"):
            attest.verify(signed(), trust(), artifacts=None, crls=crls)  # type: ignore[arg-type]


def test_many_envelopes_are_verified_with_crls_by_other_processes() -> None:
    lists = [RevocationList(crl(ISSUING, [serial(LEAF)])), RevocationList(crl(ROOT))]
    outcomes = attest.verify_many([signed()] * 130, trust(), artifacts=None, now=NOW, workers=2, crls=lists)
    assert {outcome.error.code for outcome in outcomes if outcome.error} == {"threshold-not-met"}
    outcomes = attest.verify_many([signed()] * 130, trust(), artifacts=None, now=NOW, workers=2, crls=lists[1:])
    assert all(outcome.verified is None for outcome in outcomes)


def test_the_command_line_takes_crls(tmp_path: Path) -> None:
    for name, data in (("ca", crl(ISSUING)), ("root", crl(ROOT)), ("bad", crl(ISSUING, [serial(LEAF)]))):
        (tmp_path / f"{name}.crl").write_bytes(data)
    (tmp_path / "trust.json").write_bytes(trust().to_json())
    (tmp_path / "app.json").write_bytes(signed())

    def verify(*crls: str) -> Any:
        options = [part for name in crls for part in ("--crl", str(tmp_path / f"{name}.crl"))]
        common = ["--trust", str(tmp_path / "trust.json"), "--artifact", ARTIFACT, "--now", "2026-06-01T00:00:00Z"]
        return call("verify", str(tmp_path / "app.json"), *common, *options, "--format", "json")

    assert verify("ca", "root").code == 0
    assert verify("bad", "root").code == 1
    assert verify("ca").code == 1
    absent = verify("absent")
    assert (absent.code, json.loads(absent.stdout)["code"]) == (3, "file-unreadable")
