"""Public keys in every format that is read, alone and in certificates: what is read is one key, whatever it came in.

Rule: a key that was read is the same key when it is written and read again, and accepts nothing that nobody signed.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from attest import PublicKey
from attest.keys import exported, forms_of
from tests.fuzz.oracle import attempt
from tests.support.making.keys import certificate, json_key
from tests.vectors.keys import ALICE, DSSE, ED448, ML_DSA, P256, P384, P521, RSA, RSA_1024, to_pem
from tests.vectors.tokens import ROOT, TSA

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(data: bytes) -> None:
    key = attempt(lambda: PublicKey.parse(data))
    if key is None:
        return
    again = PublicKey.parse(key.to_pem().encode(), algorithm=key.algorithm.name)
    assert again == key
    assert (again.keyid, again.simulated) == (key.keyid, key.simulated)
    assert key.keyid.startswith("sim:") is key.simulated
    for form in forms_of(key):
        pinned = None if form in ("sslib", "jwk") else key.algorithm.name
        assert PublicKey.parse(exported(key, form).encode(), algorithm=pinned) == key
    theirs = load_der_public_key(key.spki)
    assert theirs.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == key.spki
    size = 64 if key.algorithm.family != "rsassa-pss" else (key.rsa_bits or 0) // 8
    for signature in (bytes(size), b"\x01" + bytes(size - 1), b"", b"\x30\x06\x02\x01\x00\x02\x01\x00"):
        assert not key.accepts(signature, b"what nobody signed")


def seeds() -> Iterator[bytes]:
    for key in (ALICE, P256, P384, P521, RSA, RSA_1024, ED448, DSSE, *ML_DSA.values()):
        yield key.spki
        yield key.pem.encode()
        yield b"# simulated key: anyone can sign with it\n" + key.pem.encode()
        yield json_key(key.algorithm, key.pem)
    for party in (ROOT, TSA):
        yield party.der
        yield party.pem.encode()
    yield json_key("ed25519", ALICE.spki[12:].hex())
    yield to_pem(RSA.spki, "RSA PUBLIC KEY").encode()
    yield certificate(RSA.private)
    yield b"untrusted comment: x\n" + base64.b64encode(b"Ed" + bytes(8) + ALICE.spki[12:])
    for key in (ALICE, P256, P384, RSA, *ML_DSA.values()):
        read = PublicKey.parse(key.spki)
        forms = {form: exported(read, form) for form in forms_of(read)}
        yield from (text.encode() for text in forms.values())
        if "ssh" in forms:
            text = forms["ssh"].strip()
            yield f'ann@example.com namespaces="file" {text} a comment'.encode()
            yield f'command="/bin/a \\"b\\"",no-pty {text}'.encode()
            lines = ("---- BEGIN SSH2 PUBLIC KEY ----", "Comment: x", text.split()[1], "---- END SSH2 PUBLIC KEY ----")
            yield "\n".join(lines).encode()
