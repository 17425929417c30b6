"""`hashivault://NAME`: cosign's name for a key that `hv:` signs with.

Rule: everything is as for `hv:`, but a URI without a mount uses TRANSIT_SECRET_ENGINE_PATH, as cosign does.
"""

from __future__ import annotations

from attest.signers.hv import generate_key, open_signer

__all__ = ["generate_key", "open_signer"]

EXAMPLE = "hashivault://release"
