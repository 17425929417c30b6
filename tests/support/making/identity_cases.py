"""The cases of data/identity: real attestations signed by certificates, their mutations, and the trust bundles to ask.

Rule: what a case changes is changed here as its README says, and nothing else.
"""

from __future__ import annotations

import base64
import copy
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from attest import Rejected, TrustBundle
from attest.certificates import CLAIMS, material_of, names_in
from attest.errors import InputError
from attest.sources import read

DATA: Final = Path(__file__).parents[4] / "shared" / "data" / "identity"
_CLAIM_NAMES: Final = {arcs: name for name, arcs in CLAIMS.items()}


@cache
def text(file: str) -> str:
    return (DATA / file).read_text()


def document(file: str, container: str) -> Any:
    """A file as its case's pointers see it: a file of lines is a list of them."""
    if not container.startswith("jsonl"):
        return json.loads(text(file))
    lines = [line for line in text(file).splitlines() if line.strip()]
    return [_line(line) for line in lines]


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def resolve(value: Any, pointer: str) -> Any:
    for step in _steps(pointer):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def patched(value: Any, operations: list[dict[str, Any]], container: str = "") -> Any:
    """A copy of `value` with RFC 6902's operations, and `flip` and `copy` of the README."""
    value = copy.deepcopy(value)
    for one in operations:
        *way, last = _steps(one["path"])
        parent = resolve(value, "".join(f"/{_escaped(step)}" for step in way))
        key: Any = (len(parent) if last == "-" else int(last)) if isinstance(parent, list) else last
        if one["op"] == "remove":
            del parent[key]
        elif one["op"] == "flip":
            parent[key] = flipped(parent[key], one["byte"])
        else:
            new = one.get("value")
            if one["op"] == "copy":
                other = one.get("from_file")
                source = document(other, container if other.endswith("jsonl") else "") if other else value
                new = copy.deepcopy(resolve(source, one["from"]))
            if isinstance(parent, list) and one["op"] != "replace" and key == len(parent):
                parent.append(new)
            else:
                parent[key] = new
    return value


def flipped(encoded: str, byte: int) -> str:
    data = bytearray(base64.b64decode(encoded))
    data[byte] ^= 1
    return base64.b64encode(bytes(data)).decode()


def attestation(case: dict[str, Any]) -> bytes:
    """The attestation of a case, alone, as JSON."""
    whole = document(case["file"], case["container"])
    found = resolve(whole, case["at"])
    found = patched(found, case.get("patch", []), case["container"])
    return json.dumps(found).encode()


def trust_for(case: dict[str, Any], data: bytes) -> TrustBundle:
    """The trust bundle that a case asks with. Where it asks for no issuer, that of the certificate is right."""
    root = patched(json.loads(text(f"roots/{case['root']}.json")), case.get("root_patch", []))
    authority: dict[str, Any] = {"kind": "sigstore", "trusted_root": root}
    if case["root"] == "github":
        authority["log"] = "none"
    issuer, kind = _named(data)
    identity: dict[str, Any] = {"authority": "it", "san": {kind: case["identity"] or "**"}}
    issuer = case["issuer"] if case["issuer"] is not None else issuer
    if issuer is not None:
        identity["issuer"] = issuer
    if case.get("claims"):
        identity["claims"] = {_CLAIM_NAMES.get(arcs, arcs): said for arcs, said in case["claims"].items()}
    return TrustBundle.from_document(
        {
            "mediaType": "application/vnd.attest.trust-bundle.v1+json",
            "version": 1,
            "authorities": {"it": authority},
            "anchors": {"signer": {"threshold": 1, "identities": [identity]}},
        }
    )


def _named(data: bytes) -> tuple[str | None, str]:
    """The issuer and the type of the name in the certificate, as far as it can be read."""
    try:
        envelope = read(data)[0].envelope
        material = material_of(envelope.signatures[0]) if envelope.signatures else None
        names = None if material is None else names_in(material.certificate)
    except (InputError, Rejected):
        names = None
    if names is None or names.san_type == "other":
        return "https://token.actions.githubusercontent.com", "uri"
    return names.issuer, names.san_type


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
