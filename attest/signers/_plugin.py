"""A signer of a plug-in: a signer of another package whose errors name the plug-in.

Rule: it must have `public_key`, `sign` and `close`, and nothing more; whatever goes wrong in it names the plug-in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.errors import Rejected
from attest.signers._adapter import AdaptedSigner, adapt

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import UnionType

    from attest._base.plugins import Plugin
    from attest.signers._protocol import Signer
    from attest.signers._uri import SignerURI


class PluginSigner(AdaptedSigner):
    """The signer that a plug-in made. Raises SignerError `plugin-failed` for whatever is wrong with it."""

    def __init__(self, signer: Signer, uri: SignerURI, plugin: Plugin) -> None:
        self._plugin = plugin
        with plugin.guarded():
            adapt(signer)
            super().__init__(signer, uri)

    @property
    def capabilities(self) -> frozenset[str]:
        """As AdaptedSigner has them."""
        with self._plugin.guarded():
            return super().capabilities

    def _failures(self, name: str) -> AbstractContextManager[None]:
        # A signer may reject a signature that it checks, and nothing else.
        return self._plugin.guarded(*(Rejected,) if name == "verify" else ())

    def _demand(self, value: object, kind: type | UnionType, member: str, expected: str, *, hint: str = "") -> None:
        self._plugin.demand(value, kind, member)
