"""The transit engine: read a key, choose a version, have it sign, create one.

Rule: every setting that decides the form of a signature is sent, because the defaults of Vault are others, and an
answer from another version is refused.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import new
from typing import TYPE_CHECKING, Any, Final

from attest.keys.formats import ED25519_SPKI, NEW_RSA_BITS
from attest.signers._kms import KmsFault
from attest.signers.hv.faults import StatusError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.keys import Algorithm
    from attest.signers.hv.access import VaultAccess

MAX_DATA: Final = (24 << 20) - 1024  # bytes that fit as base64 into 32 MiB, the default of Vault for a request

_TYPES: Final = ("ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096")
# The type of a new key, by the algorithm that it is for.
NEW_TYPES: Final[Mapping[str, str]] = {
    "ed25519": "ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-p256",
    "ecdsa-sha2-nistp384": "ecdsa-p384",
    **{
        f"{family}-sha{bits}": f"rsa-{NEW_RSA_BITS}"
        for family in ("rsassa-pss", "rsa-pkcs1v15")
        for bits in (256, 384, 512)
    },
}
_TYPE: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_RESTORE: Final = "Restore it: `bao write -f transit/keys/NAME/soft-delete-restore`."
_SIGNATURE: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})", re.ASCII)


class TransitKey:
    """A key of a transit engine, by its mount and name."""

    def __init__(self, access: VaultAccess, mount: str, name: str) -> None:
        from hvac.api.secrets_engines import Transit

        self._access = access
        self._engine = Transit(access.adapter)
        self._mount, self._name = mount, name
        self._path = f"{mount}/keys/{name}"

    def read(self) -> dict[str, Any]:
        """What Vault says about the key. Raises StatusError with status 404 if there is none, and KmsFault."""
        answer = self._access.perform(
            lambda: self._engine.read_key(self._name, mount_point=self._mount), f"`read` on `{self._path}`"
        )
        data: dict[str, Any] = answer["data"]
        return data

    def demand_new(self) -> None:
        """Raises KmsFault `key-exists` if Vault has a key of this name: it would not refuse to create it again."""
        try:
            self.read()
        except StatusError as error:
            if not error.is_no_key:
                raise
        else:
            raise KmsFault("key-exists", "Vault already has a key with this name", "Choose another name.")

    def create(self, algorithm: Algorithm) -> None:
        """Create the key, which nobody can export, after `demand_new`. Raises StatusError and KmsFault."""
        kind = NEW_TYPES[algorithm.name]
        self._access.perform(
            lambda: self._engine.create_key(
                self._name, exportable=False, allow_plaintext_backup=False, key_type=kind, mount_point=self._mount
            ),
            f"`create`, `update` and `read` on `{self._path}`",
        )
        made = self.read()
        if made["type"] != kind or made["latest_version"] != 1:
            message = "someone else created a key with this name at the same time"
            raise KmsFault("key-exists", message, "Choose another name.")

    def sign(self, data: bytes, version: str, algorithm: Algorithm) -> bytes:
        """The signature over `data`, in the form of DSSE. Raises StatusError and KmsFault."""
        content = new(algorithm.digest, data).digest() if algorithm.digest else data
        try:
            answer = self._access.perform(
                lambda: self._engine.sign_data(
                    self._name,
                    hash_input=b64encode(content).decode(),
                    key_version=int(version),
                    mount_point=self._mount,
                    **_form(algorithm),
                ),
                f"`update` on `{self._mount}/sign/{self._name}`",
            )
        except StatusError as error:
            if error.status in (400, 404, 405, 500):
                chosen(self.read(), version)  # raises if the key has changed
            raise
        return _checked(answer["data"], version)


def chosen(data: Mapping[str, Any], version: str | None) -> tuple[str, bytes]:
    """The version that signs, by default the newest one, and its public key in PEM or DER. Raises KmsFault."""
    kind = data["type"]
    if kind not in _TYPES or data.get("derived"):
        is_readable = isinstance(kind, str) and _TYPE.fullmatch(kind)
        found = "a derived key" if data.get("derived") else kind if is_readable else "another one"
        raise KmsFault("key-unsupported", f"expected a key of type {', '.join(_TYPES)}, found {found}")
    if data.get("soft_deleted"):
        raise KmsFault("key-disabled", "the key is deleted", _RESTORE)
    versions = {int(number): entry for number, entry in data["keys"].items()}
    number = int(version or data["latest_version"])
    if number < max(data["min_encryption_version"], data.get("min_decryption_version", 0)):
        least = data["min_encryption_version"]
        raise KmsFault(
            "key-disabled",
            f"version {number} of the key is disabled: its min_encryption_version is {least}",
            "Sign with a newer version, or lower min_encryption_version and min_decryption_version of the key.",
        )
    if number not in versions:
        there = ", ".join(map(str, sorted(versions))) or "none"
        raise KmsFault("key-not-found", f"Vault does not have version {number} of the key; it has {there}")
    text = versions[number]["public_key"]
    return str(number), ED25519_SPKI + b64decode(text, validate=True) if kind == "ed25519" else text.encode("ascii")


def _form(algorithm: Algorithm) -> dict[str, Any]:
    if not algorithm.digest:
        return {}
    form = {"hash_algorithm": f"sha2-{algorithm.digest.removeprefix('sha')}", "prehashed": True}
    if algorithm.family == "ecdsa":
        return {**form, "marshaling_algorithm": "asn1"}
    if algorithm.family == "rsassa-pss":
        return {**form, "signature_algorithm": "pss", "salt_length": "hash"}
    return {**form, "signature_algorithm": "pkcs1v15"}


def _checked(data: Mapping[str, Any], version: str) -> bytes:
    found = _SIGNATURE.fullmatch(data["signature"])
    # Not every server repeats the version.
    if found is None or found[1] != version or str(data.get("key_version", version)) != version:
        raise KmsFault("kms-failed", f"Vault did not answer with a signature of version {version} of the key")
    return b64decode(found[2], validate=True)
