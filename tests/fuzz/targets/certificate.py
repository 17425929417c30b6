"""Certificates and CRLs in DER, one after the other: a leaf and CAs above it, or a CRL; a yes needs what a CA signed.

Rule: no mutation signs anything, so a chain that is accepted, and a CRL of a CA, have signed parts that a seed has.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from asn1crypto import parser
from cryptography import x509

from attest.certificates import RevocationList, check_chain, demand_ca, names_in
from attest.errors import Rejected
from attest.keys.formats import load_certificate
from tests.fuzz.oracle import attempt
from tests.support.making.certified import BUILDER, CODE, DNS, MAIL, NOW, UNKNOWN, URI, authority, claim, crl, leaf

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = authority("root")
CONSTRAINTS = x509.NameConstraints([URI("ci.example.com"), MAIL("example.com"), DNS("example.com")], [DNS("evil.test")])
ISSUING = authority("issuing", ROOT, path_length=0, purposes=CODE, extensions=[(CONSTRAINTS, True)])
CLAIMS = [claim("1.1", b"https://issuer.example"), claim("1.8", b"\x0c\x16https://issuer.example")]
LEAF = leaf("builder", ISSUING, extensions=[*CLAIMS, (UNKNOWN, False)])
PERSON = leaf("person", ISSUING, sans=[MAIL("release@example.com")])
HOST = leaf("host", ISSUING, sans=[DNS("ci.example.com")])
NAMES = (BUILDER, "release@example.com", "ci.example.com")


def check(data: bytes) -> None:
    _check_list(data)
    found = []
    for der in _pieces(data):
        try:
            found.append(load_certificate(der))
        except ValueError:
            return
    if not found:
        return
    one, *others = found
    attempt(lambda: demand_ca(one))
    names = attempt(lambda: names_in(one), Rejected)
    if names is not None:
        assert names.san.isascii()
        assert names.san.isprintable()
        assert " " not in names.san
    chain = attempt(lambda: check_chain(one, others, [ROOT.certificate], NOW), Rejected)
    if chain is not None:
        assert {certificate.tbs_certificate_bytes for certificate in chain} <= signed()
        assert names is not None
        assert names.san in NAMES


def _check_list(data: bytes) -> None:
    found = attempt(lambda: RevocationList(data))
    if found is not None and found.is_by(ISSUING.certificate):
        read = x509.load_der_x509_crl(data) if data[:1] == b"0" else x509.load_pem_x509_crl(data)
        assert read.tbs_certlist_bytes in lists()
        assert not found.lists(PERSON.certificate)


def _pieces(data: bytes) -> Iterator[bytes]:
    for _ in range(4):
        try:
            size = parser.peek(data)
        except ValueError:
            return
        yield data[:size]
        data = data[size:]
        if not data:
            return


@cache
def signed() -> frozenset[bytes]:
    """What is signed in the certificates of the seeds."""
    return frozenset(holder.certificate.tbs_certificate_bytes for holder in (ROOT, ISSUING, LEAF, PERSON, HOST))


@cache
def lists() -> frozenset[bytes]:
    """What is signed in the CRLs of the seeds."""
    return frozenset(x509.load_der_x509_crl(data).tbs_certlist_bytes for data in _lists())


def _lists() -> Iterator[bytes]:
    yield crl(ISSUING)
    yield crl(ISSUING, [1, LEAF.certificate.serial_number], extensions=[(x509.CRLNumber(1), False)])


def seeds() -> Iterator[bytes]:
    for one in (LEAF, PERSON, HOST):
        yield one.der
        yield one.der + ISSUING.der
    yield LEAF.der + ROOT.der + ISSUING.der
    yield from _lists()
