"""The parts of an authority: its CAs, logs and timestamp authorities, each with the period for which it is trusted.

Rule: whatever of an authority can change a verification is in a part of it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from attest._base.json import pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from attest.certificates.trusted_root import TransparencyLog


class AuthorityPart(NamedTuple):
    """A part of an authority: its kind (`CA`, `intermediate`, `log`, `CT log`, `TSA`, `certificate`), and its name.

    `sha256` is the digest of its certificates or of its public key, and `valid_for` the period that the trusted root
    gives it. It confirms something only from `not_before` to `not_after`, when its certificates are valid too. `where`
    is a JSON pointer below the authority.
    """

    kind: str
    name: str
    sha256: str
    not_before: datetime | None
    not_after: datetime | None
    where: str
    valid_for: tuple[datetime | None, datetime | None] = (None, None)

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.sha256[:16]})"


def parts_of(entry: Mapping[str, Any]) -> list[AuthorityPart]:
    """The parts of an entry of `authorities` or `timestamp_authorities` in a valid trust bundle.

    Of certificates of a CA or a timestamp authority, the period is their own.
    """
    if entry.get("kind") == "sigstore":
        return list(_of_trusted_root(entry["trusted_root"]))
    kind = "CA" if "kind" in entry else "certificate"
    found = [("certificates", kind, text, at) for at, text in enumerate(entry["certificates"])]
    found += [("intermediates", "intermediate", text, at) for at, text in enumerate(entry.get("intermediates", ()))]
    return [_of_chain(kind, [_load(text)], None, None, pointer(field, at)) for field, kind, text, at in found]


def _of_trusted_root(document: Mapping[str, Any]) -> Iterator[AuthorityPart]:
    from attest.certificates.trusted_root import TrustedRoot

    root, where = TrustedRoot.read(document), pointer("trusted_root")
    for at, ca in enumerate(root.certificate_authorities):
        place = where + pointer("certificateAuthorities", at)
        yield _of_chain("CA", ca.certificates, ca.not_before, ca.not_after, place)
    yield from _of_logs("log", root.logs, where + pointer("tlogs"))
    yield from _of_logs("CT log", root.ct_logs, where + pointer("ctlogs"))
    for at, tsa in enumerate(root.timestamp_authorities):
        place = where + pointer("timestampAuthorities", at)
        yield _of_chain("TSA", tsa.load(), tsa.not_before, tsa.not_after, place)


def _of_logs(kind: str, logs: Iterable[TransparencyLog], where: str) -> Iterator[AuthorityPart]:
    for at, log in enumerate(logs):
        digest = sha256(log.checkpoint_key_id + log.key_id + log.public_key.spki).hexdigest()
        window = log.not_before, log.not_after
        yield AuthorityPart(kind, log.base_url, digest, *window, where + pointer(at), window)


def _of_chain(
    kind: str, chain: Sequence[Certificate], not_before: datetime | None, not_after: datetime | None, where: str
) -> AuthorityPart:
    """A part with certificates, of which the first one is named."""
    from cryptography.hazmat.primitives.serialization import Encoding

    begin = max(one.not_valid_before_utc for one in chain)
    end = min(one.not_valid_after_utc for one in chain)
    return AuthorityPart(
        kind,
        chain[0].subject.rfc4514_string(),
        sha256(b"".join(one.public_bytes(Encoding.DER) for one in chain)).hexdigest(),
        begin if not_before is None else max(begin, not_before),
        end if not_after is None else min(end, not_after),
        where,
        (not_before, not_after),
    )


def _load(text: str) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(text.encode())
