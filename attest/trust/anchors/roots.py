"""Roots: the keys that sign trust bundles, with their threshold.

Rule: a root signs only trust bundles, so no key is both a root and a key of an anchor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from attest import schema
from attest._base.expected import demand_bytes
from attest._base.json import loads_object, pointer
from attest.errors import InputError
from attest.trust.anchors import TrustAnchor, TrustKey, read_keys
from attest.trust.anchors.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.keys import PublicKey

MEDIA_TYPE: Final = "application/vnd.attest.trust-roots.v1+json"
_NAME: Final = "roots"


@dataclass(frozen=True)
class TrustRoots(Keyring):
    """Root keys, and how many of them must have signed a trust bundle. They have no validity period, only a status."""

    threshold: int
    keys: tuple[TrustKey, ...]

    @classmethod
    def from_json(cls, data: bytes) -> TrustRoots:
        """Read a roots file (`RootsFile` in schemas/trust-bundle.json) from memory.

        Raises InputError with a JSON pointer: `json-invalid`, `trust-invalid`, `key-duplicate`, `keyid-mismatch`,
        `threshold-unreachable`, and what reading a key raises.
        """
        demand_bytes(data, "roots", reader="attest.trust.history.load_root")
        document = loads_object(data, what="the roots file")
        shape = schema.part("trust-bundle", "RootsFile")
        if not shape.accepts(document):
            fault = shape.explain(document)
            raise InputError(
                "trust-invalid", f"the roots file is not valid: {fault.message}", where=fault.pointer, hint=fault.hint
            )
        return cls(document["threshold"], read_keys(document, "the roots", ""))

    @classmethod
    def read(cls, entry: Mapping[str, Any], anchors: Mapping[str, TrustAnchor]) -> TrustRoots:
        """The `roots` of a trust bundle with these anchors, from an entry that its schema accepts.

        Raises InputError below `/roots` as `from_json`, and `root-is-anchor-key`.
        """
        where = pointer("roots")
        roots = cls(entry["threshold"], read_keys(entry, "the roots", where))
        owners = {key.public_key.spki: anchor.name for anchor in anchors.values() for key in anchor.keys}
        for index, key in enumerate(roots.keys):
            owner = owners.get(key.public_key.spki)
            if owner is not None:
                raise InputError(
                    "root-is-anchor-key",
                    f"the key {key.public_key.keyid} is both a root and a key of anchor {owner!r}",
                    where=where + pointer("keys", index),
                    hint="Create a separate key for one of the two: a root signs only trust bundles.",
                )
        return roots

    @cached_property
    def anchors(self) -> Mapping[str, TrustAnchor]:  # type: ignore[override]  # neither is ever assigned to
        """The roots as a single anchor, for which signatures are counted."""
        return {_NAME: TrustAnchor(_NAME, self.threshold, self.keys)}

    @property
    def usable(self) -> tuple[TrustKey, ...]:
        """The roots that can still count."""
        return tuple(key for key in self.keys if key.status == "active")

    def find(self, key: PublicKey) -> TrustKey | None:
        """The root with this key, whatever its status."""
        return next((root for root in self.keys if root.public_key.spki == key.spki), None)
