"""Bodies of log entries: each kind is about one envelope, one signature and one certificate, and no other."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from attest import Rejected
from attest._base.json import b64encode, dumps
from attest.certificates.entries import demand_about
from tests.support.making.keys import certificate, private_key
from tests.support.making.logs import SIGNED, dsse_body, hashedrekord_body, intoto_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attest.certificates.entries import Signed

BODIES = {"dsse": dsse_body, "intoto": intoto_body, "hashedrekord": hashedrekord_body}
STRANGER = x509.load_pem_x509_certificate(certificate(private_key("ecdsa-sha2-nistp256", 8)))
OTHERS = {
    "payload": SIGNED._replace(payload=b"{}", pae=b"DSSEv1 of another"),
    "signature": SIGNED._replace(sig=b"another"),
    "certificate": SIGNED._replace(certificate=STRANGER),
}
STRANGE: list[Any] = [None, "", "x", 1, True, [], {}, [[]], ["x", "y"], {"0": 1}, "AA==", -1.5]
each_kind = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


def ask(body: Any, signed: Signed = SIGNED) -> str | None:
    try:
        demand_about(dumps(body), body["kind"], body["apiVersion"], signed)
    except Rejected as error:
        return error.code
    return None


@each_kind
def test_an_entry_is_about_what_it_was_written_for(body: Callable[..., dict[str, Any]]) -> None:
    assert ask(body()) is None
    for other in OTHERS.values():
        assert ask(body(), other) == "log-entry-invalid"
        assert ask(body(other), other) is None
        assert ask(body(other)) == "log-entry-invalid"


def test_the_intoto_entry_is_about_the_payload_type_and_may_leave_out_the_payload() -> None:
    body = intoto_body()
    assert ask(body, SIGNED._replace(payload_type="application/json")) == "log-entry-invalid"
    envelope = body["spec"]["content"]["envelope"]
    payload = envelope.pop("payload")
    assert ask(body) is None
    envelope["payload"] = b64encode(b64encode(b"other").encode())
    assert ask(body) == "log-entry-invalid"
    envelope["payload"] = b64encode(SIGNED.payload)
    assert payload
    assert ask(body) == "log-entry-invalid", "base64 once, not twice"


def values(body: Any) -> Iterator[tuple[Any, Any]]:
    """Each container of a body with each of its keys."""
    items = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in list(items):
        yield body, key
        if isinstance(value, dict | list):
            yield from values(value)


@each_kind
def test_whatever_else_stands_anywhere_in_a_body_the_answer_is_no(body: Callable[..., dict[str, Any]]) -> None:
    count = len(list(values(body())))
    assert count > 8
    for place in range(count):
        for other in STRANGE:
            changed = deepcopy(body())
            holder, key = list(values(changed))[place]
            if key in ("kind", "apiVersion", "payload"):
                continue
            holder[key] = other
            assert ask(changed) == "log-entry-invalid", (key, other)


@each_kind
def test_a_body_says_its_kind_itself(body: Callable[..., dict[str, Any]]) -> None:
    good = body()
    for fields in ({"kind": "dsse2"}, {"apiVersion": "0.0.9"}, {"kind": None}, {"apiVersion": 2}):
        with pytest.raises(Rejected) as caught:
            demand_about(dumps({**good, **fields}), good["kind"], good["apiVersion"], SIGNED)
        assert caught.value.code == "log-entry-invalid"


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("dsse", "0.0.2"),
        ("intoto", "0.0.1"),
        ("hashedrekord", "0.0.1"),
        ("rekord", "0.0.1"),
        ("", ""),
        ("x" * 9999, "y"),
    ],
)
def test_a_kind_that_is_not_read_is_said_to_be_unsupported(kind: str, version: str) -> None:
    with pytest.raises(Rejected) as caught:
        demand_about(dumps({"kind": kind, "apiVersion": version}), kind, version, SIGNED)
    assert caught.value.code == "log-entry-unsupported"
    assert len(caught.value.message) < 300


def test_two_signatures_or_none_are_not_one() -> None:
    body = dsse_body()
    entries = body["spec"]["signatures"]
    for signatures in ([], entries * 2, [*entries, {}], entries[0]):
        body["spec"]["signatures"] = signatures
        assert ask(body) == "log-entry-invalid"


def test_a_certificate_in_pem_may_have_other_line_ends_and_nothing_beside_it() -> None:
    pem = SIGNED.certificate.public_bytes(Encoding.PEM)
    for text, good in [
        (pem, True),
        (pem.strip(), True),
        (pem.replace(b"\n", b"\r\n"), True),
        (pem + pem, False),
        (b"x" + pem, False),
        (pem[:-2], False),
        (SIGNED.certificate.public_bytes(Encoding.DER), False),
    ]:
        body = dsse_body()
        body["spec"]["signatures"][0]["verifier"] = b64encode(text)
        assert (ask(body) is None) is good
