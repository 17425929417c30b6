"""Signer URIs of every scheme: parsed and opened, which touches nothing, and a PIN in one is never shown.

Rule: whatever a URI says, it is a signer that isn't connected yet, or a refusal that doesn't repeat its secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attest import open_signer
from attest.errors import AttestError, InputError, SignerError
from attest.signers import SignerURI
from attest.signers.pkcs11.uri import Pkcs11URI
from tests.fuzz.oracle import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIN = "hunter2"
GIVEN = re.compile(f"pin(-|%2d)value(=|%3d){PIN}", re.IGNORECASE)


def check(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    for read in (SignerURI.parse, Pkcs11URI.parse, open_):
        discreet(text, read)
        attempt(lambda read=read: read(text), SignerError, InputError)  # type: ignore[misc]
    parsed = attempt(lambda: SignerURI.parse(text), SignerError)
    if parsed is not None:
        assert SignerURI.parse(parsed.text) == parsed
        assert parsed.scheme == parsed.scheme.lower()


def open_(text: str) -> None:
    open_signer(text).close()


def discreet(text: str, read: Callable[[str], object]) -> None:
    """Nothing that is said of a URI shows the PIN that is given in it, and stands nowhere else."""
    given = GIVEN.findall(text)
    if not given or text.count(PIN) != len(given):
        return
    said = ""
    try:
        read(text)
    except AttestError as error:
        said = f"{error} {error.hint}"
    assert PIN not in said


def seeds() -> Iterator[bytes]:
    yield from (
        b"file:release.pem",
        b"file:/keys/a%20b.pem?algorithm=rsa-pkcs1v15-sha256&wrapped-by=pkcs11:token=a",
        b"sim:alice?algorithm=ecdsa-sha2-nistp256&latency=10&fail-rate=0.5&disconnect-after=3&seed=1",
        b"pkcs11:token=release;object=key1;id=%01%02;type=private?module-path=/usr/lib/x.so&pin-source=file:/run/pin",
        b"pkcs11:slot-id=0;serial=1;manufacturer=m;model=n?module-name=softhsm2&pool-size=4&timeout=5&prefer=first",
        b"pkcs11:token=a?module-path=/a.so&failover=pkcs11:token%3Db&key-policy=strict&x-algorithm=HSM-ECDSA-P256",
        b"pkcs11:token=a?pin-value=hunter2",
        b"pkcs11:token=a;pin-value=hunter2;object=b",
        b"awskms:key",
        b"azurekms://example.vault.azure.net/keys/release/0123456789abcdef0123456789abcdef?algorithm=rsassa-pss-sha256",
        b"gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/versions/1?timeout=5",
        b"ssh-agent:SHA256:QBeRZFyVcLj/O1ALX5BopA0N1eRX/hoesVpiaIBuPN8?algorithm=ed25519&timeout=5&socket=/run/agent",
        b"ssh-agent:release.pub",
    )
