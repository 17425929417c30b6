"""The Sigstore attestations of ../shared/data/identity and their mutations, each as a bundle and a trusted root."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from attest._base.json import b64decode, b64encode
from attest.certificates.entries import Signed
from attest.certificates.trusted_root import TrustedRoot
from attest.envelope import pae
from tests.support.making.identity_cases import DATA, document, patched, resolve, text
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Mapping


class Case(NamedTuple):
    """One case of cases.json: its bundle and root, after all patches, and the row that says what is expected."""

    row: Mapping[str, Any]
    bundle: dict[str, Any]
    root: dict[str, Any]

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.row["id"])

    @property
    def log(self) -> bool:
        """Whether the instance has a log; GitHub's has none."""
        return bool(self.row["root"] != "github")

    def entries(self) -> list[dict[str, Any]]:
        """The log entries."""
        return list(self.bundle["verificationMaterial"].get("tlogEntries", []))

    def version(self) -> str:
        """The version of the bundle."""
        return next(number for number in ("0.3", "0.2", "0.1") if number in self.bundle["mediaType"])

    def trusted_root(self) -> TrustedRoot:
        """The root, read."""
        return TrustedRoot.read(self.root)

    def signed(self) -> Signed:
        """What the one signature of the bundle signed."""
        material, envelope = self.bundle["verificationMaterial"], self.bundle["dsseEnvelope"]
        der = (material.get("certificate") or material["x509CertificateChain"]["certificates"][0])["rawBytes"]
        payload, kind = b64decode(envelope["payload"], where=""), envelope["payloadType"]
        sig = b64decode(envelope["signatures"][0]["sig"], where="")
        return Signed(payload, kind, pae(kind, payload), sig, x509.load_der_x509_certificate(b64decode(der, where="")))


@cache
def rows() -> tuple[dict[str, Any], ...]:
    """The rows of cases.json."""
    if not DATA.is_dir():
        missing("the published attestations in shared/data/identity")
    return tuple(json.loads(text("cases.json"))["cases"])


def case(name: str) -> Case:
    """The case with this id."""
    return read(next(row for row in rows() if row["id"] == name))


def originals(*, log: bool = True) -> list[Case]:
    """The valid cases that are no mutations and, with `log`, have a log entry."""
    found = [read(row) for row in rows() if "of" not in row and row["expect"] == "valid"]
    return [one for one in found if one.entries() or not log]


def read(row: Mapping[str, Any]) -> Case:
    """A row as a case. Raises KeyError where nothing is left that could be made a bundle."""
    container = row["container"]
    found = patched(resolve(document(row["file"], container), row["at"]), row.get("patch", []), container)
    root = patched(json.loads(text(f"roots/{row['root']}.json")), row.get("root_patch", []))
    return Case(row, _as_bundle(row, found), root)


def issuer_of(leaf: x509.Certificate, root: TrustedRoot) -> x509.Certificate:
    """The CA certificate of the root that issued a leaf."""
    cas = [one for ca in root.certificate_authorities for one in ca.certificates]
    return next(one for one in cas if one.subject == leaf.issuer)


def _as_bundle(row: Mapping[str, Any], found: Any) -> dict[str, Any]:
    if row["container"].startswith("pep740"):
        return _from_pep740(found)
    if row["container"] == "cosign-old-bundle":
        envelope = json.loads(base64.b64decode(found["base64Signature"]))
        return _from_cosign(envelope, base64.b64decode(found["cert"]), found["rekorBundle"])
    if row["container"] == "cosign-att-layer":
        notes = {key.rpartition("/")[2]: value for key, value in found["annotations"].items()}
        envelope = json.loads(text(row["envelope_file"]))
        return _from_cosign(envelope, notes["certificate"].encode(), json.loads(notes["bundle"]))
    return dict(found)


def _from_pep740(found: Any) -> dict[str, Any]:
    material, envelope = found["verification_material"], found["envelope"]
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": material.get("certificate")},
            "tlogEntries": material.get("transparency_entries"),
        },
        "dsseEnvelope": {
            "payload": envelope["statement"],
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": envelope["signature"]}],
        },
    }


def _from_cosign(envelope: Any, pem: bytes, rekor: Any) -> dict[str, Any]:
    payload = rekor["Payload"]
    body = json.loads(base64.b64decode(payload["body"]))
    entry = {
        "logIndex": str(payload["logIndex"]),
        "logId": {"keyId": b64encode(bytes.fromhex(payload["logID"]))},
        "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
        "integratedTime": str(payload["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": rekor["SignedEntryTimestamp"]},
        "canonicalizedBody": payload["body"],
    }
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "verificationMaterial": {
            "x509CertificateChain": {"certificates": [{"rawBytes": b64encode(der)}]},
            "tlogEntries": [entry],
        },
        "dsseEnvelope": envelope,
    }
