"""What several suites make: keys, signers, statements, envelopes and trust bundles, all real and none of them kept."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest import Envelope, PublicKey, Statement, TrustBundle, open_signer
from attest._base import threads
from attest._base.json import dumps
from attest.envelope import PAYLOAD_TYPE
from attest.keys import ALGORITHMS
from attest.signers import BaseSigner, _software
from attest.trust import editing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pytest

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def private_key(algorithm: str, number: int = 0) -> Any:
    """The private key `number` for `algorithm`, made once a process; the RSA algorithms share theirs, of 2048 bits."""
    return _made_once("rsa" if "rsa" in algorithm else algorithm, number)


@cache
def _made_once(kind: str, number: int) -> Any:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else _software.generate(ALGORITHMS[kind])


def software_key(algorithm: str, number: int = 0) -> _software.SoftwareKey:
    """`private_key` as attest signs with it."""
    return _software.SoftwareKey.of(private_key(algorithm, number), algorithm)


def public_bytes(private: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    """The public half as SubjectPublicKeyInfo, by `cryptography` and not by attest."""
    written: bytes = private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return written


def certificate(private: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    """A certificate for the key of `private` that nobody would trust: out of date, and signed by another key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1)
    dated = builder.not_valid_before(datetime(2001, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2002, 1, 1, tzinfo=UTC))
    return dated.sign(private_key("ecdsa-sha2-nistp256"), SHA256()).public_bytes(encoding)


def json_key(scheme: object, public: object, **fields: object) -> bytes:
    """A key as securesystemslib writes it."""
    return dumps({"keytype": "any", "scheme": scheme, "keyval": {"public": public}, **fields})


def file_signer(folder: Path, algorithm: str, number: int = 0) -> BaseSigner:
    """The signer over a file in `folder` with `private_key` in it."""
    path = folder / f"{algorithm}-{number}.pem"
    path.write_bytes(_software.to_pem(private_key(algorithm, number)))
    return open_signer(f"file:{path}?algorithm={algorithm}")


def closings(monkeypatch: pytest.MonkeyPatch, kind: type[BaseSigner]) -> list[str]:
    """The URIs of the signers of this kind that are closed from now on, as a list that grows."""
    closed: list[str] = []
    close = kind.close

    def closing(signer: BaseSigner) -> None:
        closed.append(str(signer.uri))
        close(signer)

    monkeypatch.setattr(kind, "close", closing)
    return closed


@contextmanager
def without_waiting() -> Iterator[None]:
    """What is done here gives up in time, and does not wait for what takes a minute at least, or has no end.

    The bound is far from both: no machine stalls that long, and nothing that waits comes back so soon.
    """
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 30


def statement_json(*without: str, **fields: Any) -> bytes:
    """The JSON of a valid Statement v1 about an empty file, without some of its fields and with others."""
    document: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app.whl", "digest": {"sha256": EMPTY_SHA256}}],
        "predicateType": "https://example.com/predicate/v1",
        "predicate": {"passed": True},
    }
    return dumps({name: value for name, value in {**document, **fields}.items() if name not in without})


def statement(**fields: Any) -> Statement:
    """`statement_json`, read."""
    return Statement.from_json(statement_json(**fields))


def envelope_by(
    *keys: _software.SoftwareKey, payload: bytes | None = None, payload_type: str = PAYLOAD_TYPE
) -> Envelope:
    """An envelope around `payload`, a valid statement by default, signed whatever it is."""
    envelope = Envelope(statement_json() if payload is None else payload, payload_type)
    return envelope.with_signatures(*(key.sign(envelope.pae()) for key in keys))


def trust_in(*keys: PublicKey, threshold: int = 1, **limits: Any) -> TrustBundle:
    """A trust bundle with `keys` under the one anchor `release`."""
    return editing.create(
        "release", [editing.describe_key(key) for key in keys], now=NOW, threshold=threshold, **limits
    )


def envelope_json(envelope: Envelope, **fields: Any) -> bytes:
    """The envelope's JSON with other `fields`, for what no signer would write."""
    from attest._base.json import loads_object

    document: Mapping[str, Any] = loads_object(envelope.to_json(), what="the envelope")
    return dumps({**document, **fields})


def shared_out(monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """What `threads.share_out` is given from now on, one list for each call; it still does its work."""
    found: list[list[object]] = []
    share_out = threads.share_out

    def counted(act: Any, items: Any, **options: Any) -> Any:
        found.append(list(items))
        return share_out(act, items, **options)

    monkeypatch.setattr(threads, "share_out", counted)
    return found
