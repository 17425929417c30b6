"""Trust bundles: what a verifier trusts, in one file of anchors by name.

Rule: a bundle is validated whole before any of it is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from attest import schema
from attest._base import documents, files
from attest._base.expected import demand_bytes, demand_path
from attest._base.json import dumps, loads_object, pointer
from attest._base.read_only import read_only
from attest._base.times import read_window
from attest.errors import AttestError, InputError, Rejected
from attest.timestamps.authorities import TimestampAuthority, TimestampCheck, prove
from attest.timestamps.authorities import read_authorities as read_timestamp_authorities
from attest.trust.anchors import named, read_anchor
from attest.trust.anchors.keyring import Keyring
from attest.trust.anchors.owners import Owners
from attest.trust.anchors.roots import TrustRoots

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime

    from attest.certificates import Authority
    from attest.envelope import Signature
    from attest.trust.anchors import TrustAnchor

MEDIA_TYPE: Final = "application/vnd.attest.trust-bundle.v1+json"


@dataclass(frozen=True)
class TrustBundle(Keyring):
    """What a verifier trusts: anchors by name, the version and dates of the bundle, and the bytes it was read from.

    `authorities` confirm the identities of the anchors, and `timestamp_authorities` the time of a signature.
    `roots` sign its next version, and this one if it is signed; None if the bundle is not meant to be signed.
    """

    version: int
    anchors: Mapping[str, TrustAnchor]
    issued: datetime | None
    expires: datetime | None
    raw: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    timestamp_authorities: tuple[TimestampAuthority, ...] = ()
    roots: TrustRoots | None = None
    authorities: Mapping[str, Authority] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.raw)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        root: str | os.PathLike[str] | TrustBundle | TrustRoots | None = None,
        min_version: int | None = None,
        allow_simulated: bool = False,
    ) -> TrustBundle:
        """Read the file at `path`: an unsigned bundle or, with `root`, a signed one or the last version of a history.

        `root` is what you trust already: an older version of the bundle, or its roots (docs/trust/signed.md). Without
        it the file must be unsigned, and is trusted as it is. `min_version` is the lowest version that is accepted.
        `allow_simulated` accepts simulated keys as roots.

        Raises InputError as `from_json`, with the name of the file, and `file-unreadable` and `roots-missing`. Raises
        Rejected `trust-rollback`, for a signed bundle as `attest.trust.history.walk`, and `trust-unsigned` for an
        unsigned one with `root`.
        """
        demand_path(path, "path", reader="TrustBundle.from_json")
        if root is not None:
            # The one import upwards: users look for this here, and `history` is made of bundles.
            from attest.trust import history

            return history.load(path, root=root, min_version=min_version, allow_simulated=allow_simulated)
        try:
            bundle = cls.from_json(files.read(path))
            demand_version(bundle, min_version)
        except AttestError as error:
            if error.code.startswith("file-"):
                raise
            raise error.at(str(path)) from None
        return bundle

    @classmethod
    def from_json(cls, data: bytes) -> TrustBundle:
        """Read and validate a trust bundle from memory.

        Raises InputError `trust-signed` for a signed one, which `attest.trust.history` reads, and with a JSON pointer:
        `json-invalid`, `trust-invalid`, `time-invalid`, `key-invalid`, `key-duplicate`, `keyid-mismatch`,
        `threshold-unreachable`, `root-is-anchor-key`, `certificate-invalid`, and what reading a key raises.
        """
        demand_bytes(data, "trust bundle", reader="TrustBundle.load")
        if signed_parts(data):
            raise InputError(
                "trust-signed",
                "the trust bundle is signed, but an unsigned one is needed",
                hint="Change your unsigned copy, then sign that. To verify with a signed one, use --trust-root FILE.",
            )
        try:
            return cls.from_document(loads_object(data, what="the trust bundle"), data)
        except InputError as error:
            raise documents.named(error, data, "a trust bundle", documents.TRUST) from None

    @classmethod
    def from_document(cls, document: Mapping[str, Any], raw: bytes | None = None) -> TrustBundle:
        """The same from parsed JSON; `raw` are the bytes that it was read from, if it was read."""
        shape = schema.named("trust-bundle")
        if not shape.accepts(document):
            fault = shape.explain(document)
            raise InputError(
                "trust-invalid", f"the trust bundle is not valid: {fault.message}", where=fault.pointer, hint=fault.hint
            )
        version = document["version"]
        if not isinstance(version, int):  # JSON Schema calls 1.0 an integer; other readers do not.
            raise InputError("trust-invalid", f"expected a whole number, found {version!r}", where=pointer("version"))
        issued, expires = read_window(document, "issued", "expires")
        issuing: Mapping[str, Authority] = {}
        if "authorities" in document:
            from attest.certificates import read_authorities

            issuing = read_authorities(document["authorities"])
        anchors = {name: read_anchor(name, entry, issuing) for name, entry in document["anchors"].items()}
        roots = TrustRoots.read(document["roots"], anchors) if "roots" in document else None
        timing = read_timestamp_authorities(document.get("timestamp_authorities", {}))
        data = dumps(document, indent=2) + b"\n" if raw is None else raw
        return cls(version, read_only(anchors), issued, expires, data, document, timing, roots, read_only(issuing))

    def prove(
        self, signature: Signature, now: datetime, known: dict[tuple[bytes, bytes], TimestampCheck] | None = None
    ) -> TimestampCheck | None:
        """What the timestamps of a signature prove, by the `timestamp_authorities` of this bundle."""
        return prove(signature, self.timestamp_authorities, now, known)

    def __reduce__(self) -> tuple[object, ...]:
        # Certificates cannot be pickled. Whoever reads the bytes checks them as a whole again.
        return TrustBundle.from_json, (self.raw,)

    def anchor(self, name: str) -> TrustAnchor:
        """The anchor of that name. Raises InputError `anchor-unknown`."""
        return named(self.anchors, name)

    def to_json(self) -> bytes:
        """The exact bytes it was read from or, for one made here, indented JSON."""
        return self.raw

    @cached_property
    def owners(self) -> Owners:
        """Which anchors are responsible for a name."""
        return Owners.of(self.anchors)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the bytes of the bundle, as results name it."""
        return hashlib.sha256(self.raw).hexdigest()


def demand_version(bundle: TrustBundle, least: int | None) -> None:
    """Raises Rejected `trust-rollback` for a version below `least`."""
    if least is not None and bundle.version < least:
        message = f"expected version {least} or higher of the trust bundle, found {bundle.version}"
        raise Rejected("trust-rollback", message)


def signed_parts(data: bytes) -> list[tuple[int, bytes]]:
    """The envelopes in a file that is a signed trust bundle or a history of them, with their lines; otherwise none.

    The caller checks what the envelopes contain. A file that begins with an envelope is never read as an unsigned one.
    """
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
    if len(lines) > 1 and not _is_envelope(lines[0][1]):
        lines = [(1, data)]
    return lines if lines and _is_envelope(lines[0][1]) else []


def _is_envelope(data: bytes) -> bool:
    if b"payload" not in data:  # so that an unsigned bundle is parsed once
        return False
    try:
        return "payload" in loads_object(data, what="the line")
    except InputError:
        return False
