"""Roots: the keys that sign trust bundles, and how many of them must have signed one.

Rule: a root signs trust bundles and nothing else, so no key is a root and an anchor's at once.
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
from attest.trust.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.keys import PublicKey

MEDIA_TYPE: Final = "application/vnd.attest.trust-roots.v1+json"
_NAME: Final = "roots"


@dataclass(frozen=True)
class TrustRoots(Keyring):
    """Some keys, and how many of them must have signed a trust bundle. They have no windows, only a status."""

    threshold: int
    keys: tuple[TrustKey, ...]

    @classmethod
    def from_json(cls, data: bytes) -> TrustRoots:
        """Read a file of roots alone (`RootsFile` in schemas/trust-bundle.json) from memory.

        Raises InputError with a JSON pointer: `json-invalid`, `trust-invalid`, `key-duplicate`, `keyid-mismatch`,
        `threshold-unreachable`, and what reading a key raises.
        """
        demand_bytes(data, "roots", reader="attest.trust.history.load_root")
        document = loads_object(data, what="the file of roots")
        shape = schema.part("trust-bundle", "RootsFile")
        if not shape.accepts(document):
            fault = shape.explain(document)
            raise InputError("trust-invalid", f"these are no valid roots: {fault.message}", where=fault.pointer)
        return cls(document["threshold"], read_keys(document, _NAME, ""))

    @classmethod
    def read(cls, entry: Mapping[str, Any], anchors: Mapping[str, TrustAnchor]) -> TrustRoots:
        """The `roots` of a trust bundle with these anchors, from an entry that its schema accepts.

        Raises InputError below `/roots` as `from_json`, and `root-is-anchor-key`.
        """
        where = pointer("roots")
        roots = cls(entry["threshold"], read_keys(entry, _NAME, where))
        owners = {key.public_key.spki: anchor.name for anchor in anchors.values() for key in anchor.keys}
        for index, key in enumerate(roots.keys):
            owner = owners.get(key.public_key.spki)
            if owner is not None:
                raise InputError(
                    "root-is-anchor-key",
                    f"the root {key.public_key.keyid} is a key of the anchor {owner} too",
                    where=where + pointer("keys", index),
                    hint="A root signs trust bundles and nothing else: make a key of its own for one of the two.",
                )
        return roots

    @cached_property
    def anchors(self) -> Mapping[str, TrustAnchor]:  # type: ignore[override]  # nobody writes to either
        """The roots as the one anchor that signatures are counted for."""
        return {_NAME: TrustAnchor(_NAME, self.threshold, self.keys)}

    @property
    def usable(self) -> tuple[TrustKey, ...]:
        """Those that can still count."""
        return tuple(key for key in self.keys if key.status == "active")

    def find(self, key: PublicKey) -> TrustKey | None:
        """The root with this key, whatever its status."""
        return next((root for root in self.keys if root.public_key.spki == key.spki), None)
