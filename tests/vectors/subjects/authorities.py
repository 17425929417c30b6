"""Scenarios of time-stamping authorities: which are believed, their chains, and tokens that break RFC 3161."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from tests.vectors.keys import ALICE
from tests.vectors.parts import anchor, bundle, case, envelope_of, error, rejected, trust_key
from tests.vectors.subjects.timestamps import BEFORE, BEGIN, END, EXPIRED, GOOD, LISTED, SIG, entry, stamped
from tests.vectors.tokens import (
    BETWEEN,
    FALSE_ROOT,
    FALSE_TSA,
    OTHER_ROOT,
    OTHER_TSA,
    ROOT,
    TSA,
    TSA_BELOW,
    Party,
    authority,
    party,
    response,
    stamper,
    token,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_RFC = "RFC 3161"


def cases() -> Iterator[Scenario]:
    yield from _authorities()
    yield from _chains()
    yield from _certificates()
    yield from _broken_tokens()
    yield from _bundles()


def _authorities() -> Iterator[Scenario]:
    why = "design: Trust bundle: the trust bundle lists the authorities it believes"
    foreign = token(SIG, BEFORE, OTHER_TSA, embedded=[OTHER_TSA, OTHER_ROOT])
    own = stamper("Self", None)
    rows: dict[str, tuple[str, str | None, bytes, dict[str, Any]]] = {
        "from-an-unlisted-authority": (
            "Nobody listed this authority; that it brings its root along changes nothing.",
            "timestamp-untrusted",
            foreign,
            LISTED,
        ),
        "from-itself": (
            "A self-signed certificate that comes in the token is nobody's.",
            "timestamp-untrusted",
            token(SIG, BEFORE, own),
            LISTED,
        ),
        "from-a-listed-self-signed-authority": (
            "A listed one may be its own root.",
            None,
            token(SIG, BEFORE, own),
            {"own": authority(own)},
        ),
        "from-the-second-authority": (
            "Any listed authority will do.",
            None,
            foreign,
            {**LISTED, "other": authority(OTHER_ROOT)},
        ),
        "where-none-is-listed": ("An empty list believes none.", "timestamp-untrusted", GOOD, {}),
        "from-the-listed-certificate": ("The one that is listed.", None, GOOD, {"tsa": authority(ROOT, TSA)}),
        "from-another-than-the-listed-certificate": (
            "Where an authority's own certificate is listed, no other under the same root will do.",
            "timestamp-untrusted",
            token(SIG, BEFORE, stamper("Vector TSA Two", ROOT)),
            {"tsa": authority(ROOT, TSA)},
        ),
        "without-certificates": (
            "A token without certificates, whose signer nobody listed.",
            "timestamp-untrusted",
            token(SIG, BEFORE, embedded=()),
            LISTED,
        ),
        "without-certificates-from-the-listed-one": (
            "A token needs no certificates where they are listed.",
            None,
            token(SIG, BEFORE, embedded=()),
            {"tsa": authority(ROOT, TSA)},
        ),
        "inside-the-authoritys-window": (
            "An authority is believed about times within its own window.",
            None,
            GOOD,
            {"tsa": authority(ROOT, not_before=BEFORE, not_after=BEFORE)},
        ),
        "after-the-authoritys-window": (
            "An authority that isn't believed any more may date back, but not past its window.",
            "timestamp-untrusted",
            GOOD,
            {"tsa": authority(ROOT, not_after="2026-05-15T09:59:59Z")},
        ),
        "before-the-authoritys-window": (
            "... nor before it.",
            "timestamp-untrusted",
            GOOD,
            {"tsa": authority(ROOT, not_before="2026-05-15T10:00:01Z")},
        ),
    }
    for name, (title, code, stamp, listed) in rows.items():
        yield stamped(name, title, why, code, stamp, listed=listed)
    yield case(
        "timestamp-where-the-trust-bundle-has-no-authorities",
        "A trust bundle that lists no authorities believes none.",
        why,
        rejected("threshold-not-met", "timestamp-untrusted"),
        envelope=envelope_of(entry(GOOD)),
        trust=bundle(anchor(EXPIRED)),
    )


def _chains() -> Iterator[Scenario]:
    below = [TSA_BELOW, BETWEEN]
    yield from (
        stamped(f"chain-{name}", title, f"{_RFC} 2.3; RFC 5280 6", code, stamp, listed=listed)
        for name, title, code, stamp, listed in (
            (
                "through-an-intermediate",
                "The token brings it.",
                None,
                token(SIG, BEFORE, TSA_BELOW, embedded=below),
                LISTED,
            ),
            (
                "through-a-listed-intermediate",
                "The trust bundle has it.",
                None,
                token(SIG, BEFORE, TSA_BELOW),
                {"tsa": authority(ROOT, BETWEEN)},
            ),
            (
                "unsorted",
                "Certificates in another order than DER has are read: real authorities write them so.",
                None,
                token(SIG, BEFORE, TSA_BELOW, embedded=below, sort=False),
                LISTED,
            ),
            (
                "without-its-intermediate",
                "Nobody has it, so the token leads nowhere.",
                "timestamp-untrusted",
                token(SIG, BEFORE, TSA_BELOW),
                LISTED,
            ),
            (
                "mixed-of-two-authorities",
                "The intermediate of one authority and the root of another make no chain.",
                "timestamp-chain-invalid",
                token(SIG, BEFORE, TSA_BELOW),
                {"one": authority(ROOT), "two": authority(OTHER_ROOT, BETWEEN)},
            ),
            (
                "of-false-names",
                "Names are not what makes a chain.",
                "timestamp-chain-invalid",
                token(SIG, BEFORE, FALSE_TSA),
                LISTED,
            ),
            (
                "of-false-names-with-a-root",
                "A root that comes in the token is nobody's, whatever its name.",
                "timestamp-chain-invalid",
                token(SIG, BEFORE, FALSE_TSA, embedded=[FALSE_TSA, FALSE_ROOT]),
                LISTED,
            ),
        )
    )


def _certificates() -> Iterator[Scenario]:
    # It has the purpose, and isn't a CA, and issues one all the same.
    presumptuous = stamper("Vector TSA As CA", ROOT)
    signers: dict[str, tuple[str, str | None, Party, list[Party]]] = {
        "expired-since": (
            "A certificate that expired after the token's time was good then.",
            None,
            stamper("Vector TSA Old", ROOT, end="2026-06-01T00:00:00Z"),
            [],
        ),
        "expired-before": (
            "A certificate that had expired at the token's time is no proof.",
            "timestamp-chain-invalid",
            stamper("Vector TSA Older", ROOT, end="2026-05-01T00:00:00Z"),
            [],
        ),
        "not-yet-valid": (
            "A certificate that wasn't valid yet at the token's time dates back.",
            "timestamp-chain-invalid",
            stamper("Vector TSA New", ROOT, begin="2026-06-01T00:00:00Z"),
            [],
        ),
        "without-a-purpose": (
            "A certificate for anything is none for time-stamping.",
            "timestamp-chain-invalid",
            party("Vector Anything", ROOT),
            [],
        ),
        "for-another-purpose": (
            "A certificate for code signing is none for time-stamping.",
            "timestamp-chain-invalid",
            party("Vector Code", ROOT, purposes=[Purpose.CODE_SIGNING]),
            [],
        ),
        "for-two-purposes": (
            "A certificate for time-stamping is for that alone.",
            "timestamp-chain-invalid",
            party("Vector Both", ROOT, purposes=[Purpose.TIME_STAMPING, Purpose.CODE_SIGNING]),
            [],
        ),
        "whose-purpose-is-not-critical": (
            "The purpose has to be critical.",
            "timestamp-chain-invalid",
            stamper("Vector Lax", ROOT, critical=False),
            [],
        ),
        "below-a-certificate-that-issues-nothing": (
            "An authority's own certificate issues no other.",
            "timestamp-chain-invalid",
            stamper("Vector TSA Below A TSA", presumptuous),
            [presumptuous],
        ),
    }
    for name, (title, code, signer, more) in signers.items():
        stamp = token(SIG, BEFORE, signer, embedded=[signer, *more])
        yield stamped(f"certificate-{name}", title, f"{_RFC} 2.3", code, stamp)


def _broken_tokens() -> Iterator[Scenario]:
    flipped = bytearray(GOOD)
    flipped[-1] ^= 1
    rows: dict[str, tuple[str, bytes]] = {
        "with-a-bad-signature": ("The last bit of the token's own signature is another.", bytes(flipped)),
        "cut-off": ("The last byte is missing.", GOOD[:-1]),
        "with-something-behind": ("There is a byte behind the token.", GOOD + b"\0"),
        "in-its-answer": ("The whole answer of the authority stands where its token belongs.", response(GOOD)),
        "empty": ("There is no byte.", b""),
        "garbage": ("It isn't DER.", b"not a token"),
        "with-two-signers": ("A token has one signer.", token(SIG, BEFORE, signers=2)),
        "without-a-signing-certificate": ("The token has to name its certificate.", token(SIG, BEFORE, unnamed=True)),
        "with-another-signing-certificate": (
            "The certificate that is named is the one it is signed with.",
            token(SIG, BEFORE, names=TSA_BELOW),
        ),
        "signed-over-sha1": ("The token's own signature is over SHA-1.", token(SIG, BEFORE, digest="sha1")),
        "of-another-content": ("It is signed data, and no time stamp.", token(SIG, BEFORE, content_type="data")),
        "with-one-serial-number-for-two": (
            "Two certificates that both could be meant.",
            token(
                SIG,
                BEFORE,
                embedded=[TSA, stamper("Vector TSA", ROOT, seed="twin", serial=TSA.certificate.serial_number)],
            ),
        ),
    }
    for name, (title, data) in rows.items():
        yield stamped(name, title, f"{_RFC} 2.4.2; RFC 5816", "timestamp-invalid", data)


def _bundles() -> Iterator[Scenario]:
    key_pem = ALICE.pem
    entries: dict[str, tuple[str, str, dict[str, Any]]] = {
        "without-certificates": ("An authority needs certificates.", "trust-invalid", {"certificates": []}),
        "with-a-field-that-is-not-known": (
            "A field that isn't known may be a limit.",
            "trust-invalid",
            authority(ROOT, notafter=END),
        ),
        "with-a-key": ("A public key is no certificate.", "certificate-invalid", {"certificates": [key_pem]}),
        "with-two-in-one": (
            "Two certificates in one text.",
            "certificate-invalid",
            {"certificates": [ROOT.pem + BETWEEN.pem]},
        ),
        "with-garbage": (
            "Not PEM.",
            "certificate-invalid",
            {"certificates": [ROOT.pem, "-----BEGIN CERTIFICATE-----"]},
        ),
        "without-a-root": ("Nothing leads to it.", "certificate-invalid", authority(BETWEEN, TSA)),
        "with-a-bad-time": ("Not RFC 3339.", "time-invalid", authority(ROOT, not_after="2026-06-01")),
        "that-ends-before-it-begins": (
            "The window is empty.",
            "time-invalid",
            authority(ROOT, not_before=END, not_after=BEGIN),
        ),
    }
    for name, (title, code, listed) in entries.items():
        yield case(
            f"timestamp-authority-{name}",
            title,
            "design: Trust bundle: validated whole before any of it is used",
            error(code),
            trust=bundle(anchor(ALICE), timestamp_authorities={"tsa": listed}),
        )
    yield case(
        "status-since-that-is-no-time",
        "When a key was retired decides what counts, so it has to be a time.",
        "design: Trust bundle: validated whole before any of it is used",
        error("time-invalid"),
        trust=bundle(anchor(trust_key(ALICE, status="retired", status_since="last summer"))),
    )
