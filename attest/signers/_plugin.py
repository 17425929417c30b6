"""A signer of another distribution, behind what the rest of attest expects of a signer.

Rule: it must have `public_key`, `sign` and `close`, and nothing more; whatever goes wrong in it names the plug-in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attest.envelope import Signature
from attest.keys import PublicKey
from attest.signers._protocol import Signer

if TYPE_CHECKING:
    from attest._base.plugins import Plugin
    from attest.signers._uri import SignerURI

_OPTIONAL = ("verify", "encrypt", "decrypt", "digest")


class PluginSigner(Signer):
    """The signer that a plug-in made.

    What else it can do is found by what it has: `verify`, `encrypt`, `decrypt`, `digest`, or by its `capabilities`.
    """

    def __init__(self, uri: SignerURI, signer: Any, plugin: Plugin) -> None:
        super().__init__(uri)
        self._signer = signer
        self._plugin = plugin
        with plugin.guarded():
            self.files = tuple(map(str, getattr(signer, "files", ())))

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can: sign, and what else it has."""
        with self._plugin.guarded():
            said = getattr(self._signer, "capabilities", None)
            found = said if said is not None else {name for name in _OPTIONAL if hasattr(self._signer, name)}
            return frozenset({"sign", *found})

    @property
    def public_key(self) -> PublicKey:
        """The public half, as the plug-in has it."""
        self._demand_open()
        with self._plugin.guarded():
            key = self._signer.public_key
        self._plugin.demand(key, PublicKey, "public_key")
        found: PublicKey = key
        return found

    def sign(self, data: bytes) -> Signature:
        """Sign `data`; anything with a `keyid` and a `sig` is taken as the signature."""
        self._demand_open()
        with self._plugin.guarded():
            made = self._signer.sign(data)
            keyid, sig = made.keyid, made.sig
        self._plugin.demand(keyid, str, "the signature's keyid")
        self._plugin.demand(sig, bytes, "the signature's sig")
        return made if isinstance(made, Signature) else Signature(keyid, sig)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature with the public key, and then also where the key is: the plug-in can only refuse one."""
        self._demand_able("verify")
        self.public_key.verify(signature, data)
        self._call("verify", type(None), signature, data)

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Encrypt and authenticate `data`, and authenticate `associated` with it."""
        encrypted: bytes = self._call("encrypt", bytes, data, associated)
        return encrypted

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Undo `encrypt`, or raise if anything was changed."""
        decrypted: bytes = self._call("decrypt", bytes, data, associated)
        return decrypted

    def digest(self, data: bytes, algorithm: str = "sha256") -> str:
        """The hex digest of `data`, computed where the key is."""
        digest: str = self._call("digest", str, data, algorithm)
        return digest

    def close(self) -> None:
        """Close the plug-in's signer, once."""
        if not self.closed:
            super().close()
            with self._plugin.guarded():
                self._signer.close()

    def _demand_able(self, capability: str) -> None:
        self._demand_open()
        if capability not in self.capabilities:
            self._lacks(capability)

    def _call(self, capability: str, kind: type, *arguments: Any) -> Any:
        self._demand_able(capability)
        with self._plugin.guarded():
            result = getattr(self._signer, capability)(*arguments)
        self._plugin.demand(result, kind, f"the result of {capability}")
        return result
