"""The real Sigstore attestations of ../shared/data/identity and their mutations, each as a Sigstore bundle and a root."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509

from attest._base.json import b64decode, b64encode, steps
from attest.certificates.entries import Signed
from attest.certificates.trusted_root import TrustedRoot
from attest.envelope import pae
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parents[3] / "shared/data/identity"


class Case(NamedTuple):
    """One case of cases.json: its bundle and root, after all patches, and the row that says what is expected."""

    id: str
    row: Mapping[str, Any]
    bundle: dict[str, Any]
    root: dict[str, Any]

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


def rows() -> list[dict[str, Any]]:
    """The rows of cases.json."""
    if not FOLDER.is_dir():
        missing("the published attestations in shared/data/identity")
    return list(_rows())


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((FOLDER / "cases.json").read_bytes())["cases"])


def case(name: str) -> Case:
    """The case with this id."""
    return read(next(row for row in rows() if row["id"] == name))


def originals(*, log: bool = True) -> list[Case]:
    """The valid cases that are no mutations and, with `log`, have a log entry."""
    found = [read(row) for row in rows() if "of" not in row and row["expect"] == "valid"]
    return [one for one in found if one.entries() or not log]


def read(row: Mapping[str, Any]) -> Case:
    """A row as a case; what cannot be made a bundle stays as it is."""
    document = deepcopy(_attestation(row["file"], row["container"], row["at"]))
    for change in row.get("patch", ()):
        document = patched(document, change)
    root = json.loads((FOLDER / "roots" / f"{row['root']}.json").read_bytes())
    for change in row.get("root_patch", ()):
        root = patched(root, change)
    return Case(row["id"], row, _as_bundle(row, document), root)


def signed_of(bundle: Mapping[str, Any]) -> Signed:
    """What a bundle with one signature signed."""
    material, envelope = bundle["verificationMaterial"], bundle["dsseEnvelope"]
    der = (material.get("certificate") or material["x509CertificateChain"]["certificates"][0])["rawBytes"]
    payload = b64decode(envelope["payload"], where="")
    return Signed(
        payload,
        envelope["payloadType"],
        pae(envelope["payloadType"], payload),
        b64decode(envelope["signatures"][0]["sig"], where=""),
        x509.load_der_x509_certificate(b64decode(der, where="")),
    )


def issuer_of(leaf: x509.Certificate, root: TrustedRoot) -> x509.Certificate:
    """The CA certificate of the root that issued a leaf."""
    cas = [one for ca in root.certificate_authorities for one in ca.certificates]
    return next(one for one in cas if one.subject == leaf.issuer)


def patched(document: Any, change: Mapping[str, Any]) -> Any:
    """The document after one operation of RFC 6902, a `flip`, or a `copy` from another file."""
    *path, last = steps(change["path"]) or ("",)
    if not last and not path:
        return change["value"]
    place: Any = document
    for step in path:
        place = place[int(step)] if isinstance(place, list) else place[step]
    key: Any = last if isinstance(place, dict) else len(place) if last == "-" else int(last)
    if change["op"] == "remove":
        del place[key]
        return document
    value = _value(document, change, place, key)
    if isinstance(place, list) and change["op"] in ("add", "copy"):
        if last == "-" or change["op"] == "add":
            place.insert(key, value)
            return document
    place[key] = value
    return document


def _value(document: Any, change: Mapping[str, Any], place: Any, key: Any) -> Any:
    if change["op"] == "flip":
        data = bytearray(base64.b64decode(place[key]))
        data[change["byte"]] ^= 1
        return base64.b64encode(data).decode()
    if change["op"] != "copy":
        return change["value"]
    source = document
    path: Sequence[str] = steps(change["from"])
    if (name := change.get("from_file")) is not None:
        source = json.loads((FOLDER / name).read_bytes()) if ".jsonl" not in name else _lines(name)
    for step in path:
        source = source[int(step)] if isinstance(source, list) else source[step]
    return deepcopy(source)


def _lines(name: str) -> list[Any]:
    found: list[Any] = []
    for line in (FOLDER / name).read_bytes().splitlines():
        if line.strip():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append(None)
    return found


@cache
def _attestation(name: str, container: str, at: str) -> Any:
    document: Any = _lines(name) if container.startswith("jsonl") else json.loads((FOLDER / name).read_bytes())
    for step in steps(at):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _as_bundle(row: Mapping[str, Any], document: Any) -> dict[str, Any]:
    if row["container"].startswith("pep740"):
        return _from_pep740(document)
    if row["container"] == "cosign-old-bundle":
        envelope = json.loads(base64.b64decode(document["base64Signature"]))
        return _from_cosign(envelope, base64.b64decode(document["cert"]), document["rekorBundle"])
    if row["container"] == "cosign-att-layer":
        envelope = json.loads((FOLDER / row["envelope_file"]).read_bytes())
        notes = {key.rpartition("/")[2]: value for key, value in document["annotations"].items()}
        return _from_cosign(envelope, notes["certificate"].encode(), json.loads(notes["bundle"]))
    return dict(document)


def _from_pep740(document: Any) -> dict[str, Any]:
    material, envelope = document["verification_material"], document["envelope"]
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
    from cryptography.hazmat.primitives.serialization import Encoding

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
