"""`ssh-agent:KEY[?algorithm=NAME][&timeout=SECONDS][&socket=PATH]`: a key in an ssh-agent.

KEY is a fingerprint (`SHA256:...`), a keyid, or the path of a public key file.

Rule: the URI names one key, never the first that an agent has; what the agent signs with is checked.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base import files
from attest._base.text import plural
from attest._base.threads import ForkLock
from attest.envelope import Signature
from attest.errors import InputError
from attest.keys import PublicKey
from attest.keys.openssh import fingerprint, spki_of
from attest.signers._base import BaseSigner
from attest.signers._software import as_signer_error
from attest.signers._uri import percent_decode
from attest.signers.ssh_agent import protocol

if TYPE_CHECKING:
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI

EXAMPLE = "ssh-agent:release.pub"

TIMEOUT: Final = 60.0  # seconds: a person may have to confirm the use of the key
_MAX_KEY_FILE: Final = 64 << 10
_RSA: Final = "rsa-pkcs1v15-sha256"
_KEYID: Final = re.compile(r"[0-9a-fA-F]{64}")
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class AgentKey(NamedTuple):
    """The key that the URI names: `blob` is how the agent encodes it."""

    key: PublicKey
    blob: bytes


class SshAgentSigner(BaseSigner):
    """A key in an ssh-agent, found at the first use and then kept."""

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        uri.expect_query({"algorithm", "timeout", "socket"})
        self._seconds = uri.number("timeout", TIMEOUT, 600, least=0.1)
        self._algorithm = self._chosen()
        self._name = percent_decode(uri.path, where=str(uri))
        if self._name.upper().startswith(("SHA256:", "MD5:")):
            if not _FINGERPRINT.fullmatch(self._name):
                hint = "Copy it from `ssh-add -l`: `SHA256:` and 43 characters."
                raise self._error("signer-uri-invalid", "not the SHA-256 fingerprint of a key", hint)
        elif not _KEYID.fullmatch(self._name):
            self.files: tuple[str, ...] = (self._name,)
        self._lock = ForkLock()
        self._held: AgentKey | None = None

    @property
    def public_key(self) -> PublicKey:
        """The public key, as the agent listed it at the first use.

        Raises SignerError: `agent-unreachable`, `agent-timeout`, `agent-refused`, `agent-failed`, `key-not-found`,
        `key-unreadable` for the public key file, `key-invalid`, `key-unsupported`, `key-too-weak` or
        `key-algorithm-mismatch`.
        """
        return self._found().key

    def sign(self, data: bytes) -> Signature:
        """Have the agent sign `data`. Raises SignerError as `public_key` does, and `data-too-large`."""
        key, blob = self._found()
        signature = self._agent().sign(blob, data, key.algorithm)
        size = (key.rsa_bits or 0) // 8
        return Signature(key.keyid, signature.rjust(size, b"\0"))  # an agent may leave out zeros of an RSA signature

    def _found(self) -> AgentKey:
        # One thread at a time: several that meet at the first use look for the key once.
        with self._lock:
            self._demand_open()
            if self._held is None:
                try:
                    self._held = self._find()
                except InputError as error:
                    raise as_signer_error(error, str(self.uri)) from None
            return self._held

    def _find(self) -> AgentKey:
        keyid, simulated = self._keyid()
        blobs = self._agent().keys()
        for blob in blobs:
            if keyid is None and fingerprint(blob) == self._name:
                return AgentKey(self._pinned(spki_of(blob, "the key"), simulated), blob)
            if keyid is not None and (spki := _spki(blob)) is not None and sha256(spki).hexdigest() == keyid:
                return AgentKey(self._pinned(spki, simulated), blob)
        if not blobs:
            hint = "Add it: `ssh-add FILE`. An agent that is locked shows no key: `ssh-add -X` unlocks it."
            raise self._error("key-not-found", "the agent has no key, or is locked", hint)
        hint = "Add it: `ssh-add FILE`. `ssh-add -l` prints the fingerprints of the keys that the agent has."
        raise self._error("key-not-found", f"the agent has {plural(len(blobs), 'key')}, but not this one", hint)

    def _keyid(self) -> tuple[str | None, bool]:
        """The keyid that the URI or its file names, None for a fingerprint; and whether the key is simulated."""
        if not self.files:
            return (self._name.lower(), False) if _KEYID.fullmatch(self._name) else (None, False)
        try:
            data = files.read(self._name, limit=_MAX_KEY_FILE)
        except InputError as error:
            hint = "Name a public key file, a keyid, or a fingerprint as `ssh-add -l` prints it: SHA256:..."
            raise self._error("key-unreadable", error.message, hint) from None
        key = PublicKey.parse(data, what=self._name)
        return sha256(key.spki).hexdigest(), key.simulated

    def _pinned(self, spki: bytes, simulated: bool) -> PublicKey:
        """The key with the algorithm that the URI or its type says. Raises InputError as `PublicKey.parse`."""
        key = PublicKey.parse(spki, algorithm=self._algorithm)
        if self._algorithm is None and key.rsa_bits is not None:
            key = PublicKey.parse(spki, algorithm=_RSA)
        return PublicKey(key.algorithm, key.spki, simulated=simulated)

    def _agent(self) -> protocol.Agent:
        path = self.uri.query.get("socket") or os.environ.get("SSH_AUTH_SOCK")
        if not path:
            raise protocol.unreachable(str(self.uri))
        return protocol.Agent(path, self._seconds, str(self.uri))

    def _chosen(self) -> str | None:
        algorithm = self.uri.algorithm()
        if algorithm is None:
            return None
        if algorithm.name in protocol.ALGORITHMS:
            return algorithm.name
        hint = f"Use one of: {', '.join(protocol.ALGORITHMS)}."
        raise self._error("key-algorithm-mismatch", f"an ssh-agent cannot sign with {algorithm.name}", hint)


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for an `ssh-agent:` URI; the agent has the key unlocked already, so that there is no secret."""
    return SshAgentSigner(uri)


def _spki(blob: bytes) -> bytes | None:
    """The key that an agent lists, or None for one that attest cannot use, such as a certificate."""
    try:
        return spki_of(blob, "the key")
    except InputError:
        return None
