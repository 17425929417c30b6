"""`convert`: attestations from any container that is read into one that is written.

Rule: one target is one function of an envelope, which returns documents and what they lack.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from attest._base.expected import demand, demand_several
from attest._base.text import plural
from attest.converting import _keyids, _pep740, _sigstore
from attest.envelope import Envelope
from attest.errors import InputError
from attest.keys import PublicKey
from attest.sources import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attest.keys import KeyidFormat
    from attest.limits import Limits

Target = Literal["dsse", "jsonl", "sigstore", "pep740"]
TARGETS: Final[tuple[Target, ...]] = ("dsse", "jsonl", "sigstore", "pep740")
_ONE: Final = ("dsse", "pep740")  # whose file holds one attestation


class Converted(NamedTuple):
    """The documents, each JSON in one line, and sentences on what they cannot hold and was left out."""

    documents: tuple[bytes, ...]
    lost: tuple[str, ...] = ()


def convert(
    attestations: bytes | Envelope | Iterable[Envelope],
    to: Target,
    *,
    keyid_format: KeyidFormat | None = None,
    keys: Iterable[PublicKey] = (),
    limits: Limits | None = None,
) -> Converted:
    """The attestations of a document, or envelopes that were read, in another container. Nothing is verified.

    `dsse` is one DSSE envelope; `jsonl` is any number, a document each; `sigstore` is a Sigstore bundle for each
    signature, v0.3, or v0.2 with a certificate chain; `pep740` is one PyPI attestation. Certificates, log entries and
    timestamps of a signature stay with it: in an envelope, as an extension of DSSE 1.1.

    `keyid_format` is for the keyids, and for `sigstore` the hints of public keys; without it they stay as they are, but
    what is the SHA-256 of a key is hex in an envelope and base64 in a hint. `keys` are needed to know the keys of
    signatures without a certificate.

    Raises InputError as `attest.sources.read`, `not-convertible` for what the container cannot hold,
    `certificate-invalid` for material that is ambiguous or cannot be read, and `algorithm-unsupported` and
    `option-invalid` for a format.
    """
    if to not in TARGETS:
        raise InputError("option-invalid", f"expected one of {', '.join(TARGETS)}, found {to!r}")
    known = tuple(demand_several(keys, "keys", "public keys"))
    for key in known:
        demand(key, PublicKey, "a key", "a PublicKey")
    given = _envelopes(attestations, limits)
    demand_number(to, len(given))
    documents: list[bytes] = []
    lost: list[str] = []
    for envelope in given:
        named = _keyids.apply(envelope, keyid_format, known, for_hints=to == "sigstore")
        if to == "sigstore":
            made, without = _sigstore.bundles(named, keep_hint=keyid_format is None)
        elif to == "pep740":
            made, without = _pep740.attestation(named)
        else:
            made, without = (replace(named, raw=None).to_json(),), ()
        for document in made:
            _demand_readable(document, limits)
        documents += made
        lost += without
    return Converted(tuple(documents), tuple(dict.fromkeys(lost)))


def _demand_readable(document: bytes, limits: Limits | None) -> None:
    """Raises InputError `not-convertible` for a document that nobody could read, such as a bundle of two keys."""
    try:
        read(document, limits)
    except InputError as error:
        if error.code in ("envelope-too-large", "too-many-signatures"):
            raise
        raise InputError("not-convertible", f"it would be unreadable: {error.message}", where=error.where) from None


def demand_number(to: Target, found: int) -> None:
    """Raises InputError `not-convertible` if a file of a target cannot hold as many attestations."""
    if to in _ONE and found != 1:
        hint = "Convert them one by one." if to == "pep740" else "Use --to jsonl for several."
        message = f"a file for --to {to} holds one attestation, found {plural(found, 'attestation')}"
        raise InputError("not-convertible", message, hint=hint)


def _envelopes(given: bytes | Envelope | Iterable[Envelope], limits: Limits | None) -> Sequence[Envelope]:
    if isinstance(given, bytes):
        return [one.envelope for one in read(given, limits)]
    several = (given,) if isinstance(given, Envelope) else tuple(demand_several(given, "attestations", "envelopes"))
    for one in several:
        demand(one, Envelope, "an attestation", "an Envelope")
    return several
