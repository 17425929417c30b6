"""The signer for one version of a key in Azure Key Vault or Managed HSM.

Rule: the vault's own description of a key decides whether it may sign, and every answer must name that version.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attest._base.json import at, b64decode
from attest.errors import InputError
from attest.keys.formats import NEW_RSA_BITS
from attest.signers._kms import KmsError, KmsFault, KmsKey, KmsSigner
from attest.signers._uri import SignerURI, percent_decode
from attest.signers.azurekms.vault import NOT_FOR_SIGNING, Vault, fault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from attest.keys import Algorithm, PublicKey

# The clouds of Microsoft. A server under any other name decides what a token is for that it gets.
_CLOUDS: Final = ("azure.net", "azure.cn", "usgovcloudapi.net")
_HOST: Final = rf"[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.(?:vault|managedhsm)\.(?:{'|'.join(map(re.escape, _CLOUDS))})"
_NAME: Final = r"[0-9A-Za-z-]{1,127}"
_VERSION: Final = r"[0-9a-f]{32}"
# `keys` after the host is never the name of a key: such a key is written HOST/keys/keys.
_KEY: Final = re.compile(
    rf"(?://)?({_HOST})/(?:keys/|(?!keys(?:/|$)))({_NAME})(?:/({_VERSION}))?", re.ASCII | re.IGNORECASE
)
_QUERY: Final = re.compile(r"[A-Za-z0-9$&=%._~:/+*-]{1,4096}", re.ASCII)
_MAX_PAGES: Final = 40  # of 25 versions

_ALGORITHMS: Final[Mapping[str, str]] = {
    "ecdsa-sha2-nistp256": "ES256",
    "ecdsa-sha2-nistp384": "ES384",
    **{f"rsassa-pss-sha{bits}": f"PS{bits}" for bits in (256, 384, 512)},
    **{f"rsa-pkcs1v15-sha{bits}": f"RS{bits}" for bits in (256, 384, 512)},
}
_COORDINATE: Final[Mapping[str, int]] = {"ES256": 32, "ES384": 48}  # bytes of r, and of s
_CURVES: Final[Mapping[object, str]] = {
    "P-256": "SECP256R1",
    "P-384": "SECP384R1",
    "P-521": "SECP521R1",
    "P-256K": "SECP256K1",
}
_DELETED: Final = KmsError(
    "key-exists", "a deleted key has this name, and it can still be recovered", "Choose another name, or purge the key."
)


class AzureKmsSigner(KmsSigner):
    """One version of a key in Azure Key Vault or Managed HSM."""

    service = "Key Vault"
    creates: ClassVar[Collection[str]] = _ALGORITHMS
    libraries: ClassVar[tuple[str, ...]] = ("azure.identity", "azure.keyvault.keys")
    extra = "azure"

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        found = _KEY.fullmatch(percent_decode(uri.path, where=str(uri)))
        if not found:
            hosts = ", ".join(f"NAME.vault.{cloud}" for cloud in _CLOUDS)
            hint = (
                f"Write `azurekms:HOST/keys/KEY`, or add `/VERSION`. HOST is one of {hosts}, or has `managedhsm` there."
            )
            raise self._error("signer-uri-invalid", "expected a key in Azure Key Vault or Managed HSM", hint)
        self._host, self._name, self._version = found[1].lower(), found[2], found[3] and found[3].lower()
        self._path = f"/keys/{self._name}"
        kid = rf"https://{re.escape(self._host)}(?::443)?{self._path}/({_VERSION})"
        self._kid = re.compile(kid, re.ASCII | re.IGNORECASE)  # as names of keys are

    def _connect(self) -> KmsKey:
        with ExitStack() as stack:
            vault = self._vault(stack)
            key, version = self._usable(vault)
            if "sign" not in key["key_ops"]:
                raise KmsFault(*NOT_FOR_SIGNING)
            public = self._parsed(_spki(key))
            sign = partial(self._signed, vault, version, public)
            return self._hold(public, sign, stack.pop_all().close, self._uri_of(version), version)

    def _create(self, algorithm: Algorithm) -> str:
        hsm = "-HSM" if ".managedhsm." in self._host else ""
        kind = {"kty": f"RSA{hsm}", "key_size": NEW_RSA_BITS}
        if algorithm.family == "ecdsa":
            kind = {"kty": f"EC{hsm}", "crv": f"P-{algorithm.parameter[4:7]}"}
        with ExitStack() as stack:
            vault = self._vault(stack)
            # For a key that exists, `create` adds a version. Two that create at the same moment both find no key.
            try:
                vault.ask("GET", f"{self._path}/")
            except KmsFault as error:
                if error.fault.code != "key-not-found":
                    raise
            else:
                raise KmsFault("key-exists", "the vault already has a key with this name", "Choose another name.")
            made = vault.ask("POST", f"{self._path}/create", {**kind, "key_ops": ["sign", "verify"]}, conflict=_DELETED)
            return self._uri_of(self._version_in(made["key"]))

    def _fault(self, error: Exception) -> KmsError | None:
        return fault(error)

    def _vault(self, stack: ExitStack) -> Vault:
        """The vault of the key, whose connections `stack` closes."""
        vault = Vault(self._host, self._timeout)
        stack.callback(vault.close)
        vault.connect()
        return vault

    def _uri_of(self, version: str) -> str:
        return f"azurekms:{self._host}{self._path}/{version}"

    def _usable(self, vault: Vault) -> tuple[Mapping[str, Any], str]:
        """The key and its version: that of the URI, or else the newest that is usable now.

        Raises KmsFault `key-disabled` if there is none.
        """
        answer, version = self._described(vault, self._version or "")
        reason = _unusable(answer["attributes"])
        if reason is not None and not self._version:
            answer, version = self._described(vault, self._newest(vault, reason))
            reason = _unusable(answer["attributes"])
        if reason is not None:
            raise KmsFault("key-disabled", f"the version of the key {reason}")
        return answer["key"], version

    def _described(self, vault: Vault, version: str) -> tuple[Mapping[str, Any], str]:
        """What the vault says about a version, "" for the latest, and that version."""
        answer = vault.ask("GET", f"{self._path}/{version}")
        return answer, self._version_in(answer["key"], version)

    def _newest(self, vault: Vault, reason: str) -> str:
        """The newest version that is usable now; `reason` is why the latest one is not."""
        created: dict[str, float] = {}
        query = ""
        for _ in range(_MAX_PAGES):
            try:
                page = vault.ask("GET", f"{self._path}/versions{query}")
            except KmsFault as error:
                if error.fault.code != "access-denied":
                    raise
                message = f"the latest version of the key {reason}, and the credentials may not list the others"
                raise KmsFault("key-disabled", message, "Name a version in the URI, or allow `list`.") from None
            usable = [one for one in page["value"] if _unusable(one["attributes"]) is None]
            created |= {self._version_in(one): float(one["attributes"]["created"]) for one in usable}
            link = page.get("nextLink")
            if not link:
                break
            # Only its query is used: the link could lead to another host, which would get the token.
            query = "?" + str(link).partition("?")[2]
            if not _QUERY.fullmatch(query[1:]):
                raise KmsFault("kms-failed", "the answer of Key Vault has an invalid link to the next page")
        if not created:
            raise KmsFault("key-disabled", f"the latest version of the key {reason}, and no other one is usable")
        return max(created, key=lambda version: (created[version], version))

    def _signed(self, vault: Vault, version: str, key: PublicKey, data: bytes) -> bytes:
        name = _ALGORITHMS[key.algorithm.name]
        digest = hashlib.new(key.algorithm.digest, data).digest()
        body = {"alg": name, "value": urlsafe_b64encode(digest).rstrip(b"=").decode()}
        answer = vault.ask("POST", f"{self._path}/{version}/sign", body)
        self._version_in(answer, version)
        raw = _decoded(answer["value"])
        return _der(raw, _COORDINATE[name]) if name in _COORDINATE else raw

    def _version_in(self, described: Mapping[str, Any], expected: str = "") -> str:
        """The version that the identifier `kid` names. Raises KmsFault for another key, or another than expected."""
        found = self._kid.fullmatch(str(at(described, "kid")))
        if found is None or expected not in ("", found[1].lower()):
            raise KmsFault("kms-failed", "the answer of Key Vault is about another key, or another version of it")
        return found[1].lower()


def _unusable(attributes: Mapping[str, Any]) -> str | None:
    """Why a version cannot be used now, as the end of a sentence, or None."""
    if attributes["enabled"] is not True:
        return "is disabled"
    now = time()
    begin, end = attributes.get("nbf"), attributes.get("exp")
    if begin is not None and now < begin:
        return f"is not valid before {datetime.fromtimestamp(begin, UTC):%Y-%m-%dT%H:%M:%SZ}"
    if end is not None and now >= end:
        return f"expired at {datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return None


def _spki(key: Mapping[str, Any]) -> bytes:
    """The DER of a key that is described as a JWK (RFC 7517). Raises InputError `key-invalid` or `key-unsupported`."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    kind = str(key["kty"]).removesuffix("-HSM")
    numbers: ec.EllipticCurvePublicNumbers | rsa.RSAPublicNumbers
    if kind == "EC" and key["crv"] in _CURVES:
        curve = getattr(ec, _CURVES[key["crv"]])()
        numbers = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), curve)
    elif kind == "RSA":
        numbers = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"]))
    else:
        raise InputError("key-unsupported", "the key is not an EC or RSA key, or its curve is not supported")
    try:
        public = numbers.public_key()
    except ValueError:
        raise InputError("key-invalid", "the key in the answer of Key Vault is not a valid public key") from None
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _der(raw: bytes, size: int) -> bytes:
    """The DER of an ECDSA signature in the form r || s, each of `size` bytes (RFC 7518 section 3.4)."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if len(raw) != 2 * size:
        raise ValueError
    return encode_dss_signature(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))


def _number(text: object) -> int:
    return int.from_bytes(_decoded(text), "big")


def _decoded(text: object) -> bytes:
    """Decode base64url without padding (RFC 7515 section 2). Raises ValueError."""
    try:
        return b64decode(f"{text}{'=' * (-len(str(text)) % 4)}", where="/value")
    except InputError:
        raise ValueError from None
