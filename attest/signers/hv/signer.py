"""The signer for a key in Vault or OpenBao, and what its URI names.

Rule: the version that signs is chosen once and kept, also over a fork and a new login.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from attest.signers._kms import KmsError, KmsFault, KmsKey, KmsSigner
from attest.signers._uri import SignerURI, percent_decode
from attest.signers.hv import faults, logins, settings
from attest.signers.hv.faults import StatusError
from attest.signers.hv.transit import MAX_DATA, NEW_TYPES, TransitKey, chosen

if TYPE_CHECKING:
    from collections.abc import Collection

    from attest.keys import Algorithm

_MOUNT: Final = "transit"  # where `bao secrets enable transit` puts the engine
_COSIGN_MOUNT: Final = "TRANSIT_SECRET_ENGINE_PATH"
_PART: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,254}[A-Za-z0-9_])?", re.ASCII)
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_MAX_PARTS: Final = 16
_HINT: Final = (
    "Write `hv:[MOUNT/]NAME[/VERSION]`, for example `hv:release/1`. `bao read transit/keys/NAME` lists versions."
)


class VaultKeyName(NamedTuple):
    """What a URI names. `mount` is "" and `version` None if the URI does not say them."""

    mount: str
    name: str
    version: str | None


class VaultSigner(KmsSigner):
    """One version of a key in Vault or OpenBao."""

    service = "Vault"
    creates: ClassVar[Collection[str]] = NEW_TYPES
    first_version: ClassVar[str] = "1"
    libraries: ClassVar[tuple[str, ...]] = ("hvac",)
    extra = "vault"

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        found = key_name(percent_decode(uri.path, where=str(uri)))
        if found is None:
            raise self._error("signer-uri-invalid", "expected the name of a key in Vault", _HINT)
        self._name = found
        self._version = found.version

    def _connect(self) -> KmsKey:
        with ExitStack() as stack:
            transit, mount = self._transit(stack)
            version, encoded = chosen(transit.read(), self._version)
            key = self._parsed(encoded)

            def sign(data: bytes) -> bytes:
                if not key.algorithm.digest:
                    self._demand_size(data, MAX_DATA)
                return transit.sign(data, version, key.algorithm)

            return self._hold(key, sign, stack.pop_all().close, self._written(mount, version), version)

    def _create(self, algorithm: Algorithm) -> str:
        with ExitStack() as stack:
            transit, mount = self._transit(stack)
            transit.demand_new()
            transit.create(algorithm)
            return self._written(mount, self.first_version)

    def _fault(self, error: Exception) -> KmsError | None:
        if isinstance(error, StatusError):
            return faults.of_status(error)
        if isinstance(error, AttributeError | LookupError | TypeError | ValueError):
            return faults.NOT_VAULT  # JSON without what Vault answers with
        return None

    def _transit(self, stack: ExitStack) -> tuple[TransitKey, str]:
        """The key and its mount, over connections that `stack` closes. Nothing is sent yet."""
        from attest.signers.hv.access import VaultAccess
        from attest.signers.hv.adapter import VaultAdapter

        where = settings.read(os.environ)
        self._demand_private(where.address, where.address_name)
        adapter = VaultAdapter(where, self._timeout)
        stack.callback(adapter.close)
        mount = self._name.mount or self._default_mount()
        return TransitKey(VaultAccess(adapter, logins.configured(os.environ)), mount, self._name.name), mount

    def _default_mount(self) -> str:
        given = os.environ.get(_COSIGN_MOUNT, "").strip("/") if self.uri.scheme == "hashivault" else ""
        if given and not all(map(_PART.fullmatch, given.split("/"))):
            raise KmsFault("kms-misconfigured", f"{_COSIGN_MOUNT} is not the path of a mount")
        return given or _MOUNT

    def _written(self, mount: str, version: str) -> str:
        """The canonical URI of a version."""
        return f"hv:{'' if mount == _MOUNT else f'{mount}/'}{self._name.name}/{version}"


def key_name(path: str) -> VaultKeyName | None:
    """What the path of a signer URI names: the last part is the version if it is a number and not the only part.

    So `a/1` is version 1 of the key `a`, and a key that is called 5 is `transit/5/1`. None for another text.
    """
    parts = path.removeprefix("//").split("/")
    if len(parts) > _MAX_PARTS or not all(map(_PART.fullmatch, parts)):
        return None
    *others, last = parts
    if not last.isdecimal():
        return VaultKeyName("/".join(others), last, None)
    if not others or not _VERSION.fullmatch(last):
        return None
    *mount, name = others
    return VaultKeyName("/".join(mount), name, last)
