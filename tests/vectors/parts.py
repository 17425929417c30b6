"""What the vectors are put together from: statements, envelopes, trust bundles and the verdict that is expected.

Nothing of the package is used here, so that the vectors can't share a mistake with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, Key
from tests.vectors.scenarios import ENVELOPE, TRUST, Scenario, indented

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = "2026-07-01T12:00:00Z"
IN_TOTO = "application/vnd.in-toto+json"
STATEMENT_V1, STATEMENT_V0_1 = "https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"
SLSA = "https://slsa.dev/provenance/v1"
CLAIM = "https://example.com/claim/v1"
ARTIFACT = b"the artifact\n"
DIGEST = hashlib.sha256(ARTIFACT).hexdigest()
OTHER_DIGEST = hashlib.sha256(b"another artifact\n").hexdigest()
SUBJECT: dict[str, Any] = {"name": "app.txt", "digest": {"sha256": DIGEST}}
PREDICATE = {
    "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {"ref": "v1"}},
    "runDetails": {"builder": {"id": "https://example.com/builder"}},
}

# Ids as pitfalls.md has them.
_ROWS = {
    1: "CVE-2020-6174 = PYSEC-2020-147, GHSA-pwqf-9h7j-7mv8 python-tuf; GMS-2022-4197; GHSA-5q2r-92f9-4m49 tough; "
    "rust-tuf #283; php-tuf #154",
    2: "GHSA-3633-5h82-39pq go-tuf; go-tuf PR #733; python-tuf PR #1091; securesystemslib 1.6.0 and tuf 7.0.1",
    3: "GHSA-fphv-w9fq-2525 go-tuf; securesystemslib accepts 0.5/True",
    4: "GHSA-9vcr-p3rj-q5q6 sigstore-go",
    5: "GHSA-wqqc-jjcq-vfxm sigstore-go",
    6: "GHSA-jjgp-whrp-gq8m in-toto",
    7: "CVE-2025-25204 / GHSA-fgw4-v983-mgp8 gh; GHSA-567m-4668-m656, GHSA-rgp5-33mp-jhfm go-witness; "
    "pypi-attestations 0.0.30",
    8: "cli #10418 gh; pypi-attestations #57",
    9: "CVE-2022-35929 / GHSA-vjxv-45g9-9296, CVE-2026-39395 / GHSA-w6c6-c85g-mmv6 cosign; CVE-2022-35930 "
    "policy-controller",
    10: "kyverno #2739; GHSA-r2xv-vpr2-42m9; GHSA-2v4r-xhmm-ghv8; jdx/mise PR #9260",
    11: "dsse PR #68; in-toto/specification #74",
    12: "assay PR #1915; attestation PR #570; json.loads, pydantic, serde",
    13: "in-toto-attestation",
    14: "CVE-2022-23649 / GHSA-ccxc-vr6p-4858, CVE-2022-36056 / GHSA-8gw7-4j42-w388, GHSA-whqx-f9j3-ch6m cosign; "
    "sigstore-go 60a1fd5",
    15: "DSSE reference implementation, sigstore-python; model-signing 0.2; model-transparency PR #413",
    16: "jsr PR #1418; slsa-verifier #380; sigstore-python; securesystemslib",
    17: "sigstore-go 60a1fd5",
    18: "pypi-attestations #89; attestation #292; model-transparency #111",
    19: "GHSA-pgpm-j729-qcvh, GHSA-vmvj-p3hw-39q3 go-witness; wrangle #763",
    20: "GHSA-r4fv-8r9j-vgcg, GHSA-c346-qp3r-53vf, GHSA-g9jx-rqhm-mj7g go-witness",
    21: "GHSA-mpvw-hw8p-7x27 go-witness",
    22: "CVE-2020-6173 python-tuf; CVE-2023-46737 / GHSA-vfp6-jrw2-99g9, CVE-2024-29902, CVE-2024-29903 cosign; "
    "CVE-2024-45395 / GHSA-cq38-jh5f-37mq sigstore-go",
    24: "GHSA-v6px-jqx8-8xwj, GHSA-3vpg-3m94-v3qr go-witness; GHSA-wjw6-2cqr-j4qr python-tuf; GHSA-vrxp-mg9f-hwf3 "
    "in-toto-golang",
    26: "CHANGELOGs of cosign v3.0.5 and sigstore 4.5.0",
    27: "DSSE binds the algorithm to the key, not to the envelope",
    28: "GHSA-72c7-4g63-hpw5 go-witness",
    29: "bundle.md; GHSA-p86f-xmg6-9q4x",
}

_UNSET: Any = object()


def case(
    name: str,
    title: str,
    why: str,
    expect: Mapping[str, Any],
    *,
    envelope: Mapping[str, Any] | bytes = _UNSET,
    trust: Mapping[str, Any] | bytes = _UNSET,
    artifacts: Sequence[str] | None = (f"sha256:{DIGEST}",),
    files: Mapping[str, bytes] | None = None,
    policy: Mapping[str, Any] | bytes | None = None,
    also: Mapping[str, Mapping[str, Any]] | None = None,
    now: str = NOW,
    **options: Any,
) -> Scenario:
    """A scenario. Unless told otherwise Alice signed the usual statement, is trusted, and its artifact is asked for.

    With a `policy` that decides, over the envelope and those that are there `also`, by the names of their files.
    """
    signed = envelope_of(ALICE) if envelope is _UNSET else envelope
    trusted = bundle(anchor(ALICE)) if trust is _UNSET else trust
    data = signed if isinstance(signed, bytes) else compact(signed)
    if policy is not None:
        options |= {
            "policy": "policy.json" if not isinstance(policy, bytes) else "policy.toml",
            "also": list(also or ()),
        }
    document = {
        "title": title,
        "why": why,
        "now": now,
        "artifacts": artifacts if artifacts is None else list(artifacts),
        "options": options,
        "expect": expect,
    }
    contents = {ENVELOPE: data, TRUST: trusted if isinstance(trusted, bytes) else indented(trusted)}
    if policy is not None:
        contents[options["policy"]] = policy if isinstance(policy, bytes) else indented(policy)
    contents |= {path: compact(one) for path, one in (also or {}).items()}
    return Scenario(name, document, contents | dict(files or {}))


def verified(*signatures: str | None) -> dict[str, Any]:
    """A yes; `signatures` are the code of each, None where it counted."""
    return {"outcome": "verified", "code": None, "signatures": list(signatures)}


def rejected(code: str, *signatures: str | None) -> dict[str, Any]:
    """A no, after the signatures were judged."""
    return {"outcome": "rejected", "code": code, "signatures": list(signatures)}


def unmet(
    *failures: str, signatures: Sequence[str | None] = (None,), vsa: Sequence[str] | None = None
) -> dict[str, Any]:
    """A no of the policy: the codes of everything that its requirements lack, in order, and of what a VSA lacks."""
    said = {"outcome": "rejected", "code": "policy-failed", "signatures": list(signatures), "failures": list(failures)}
    return said if vsa is None else {**said, "vsa": list(vsa)}


def error(code: str) -> dict[str, Any]:
    """Nothing was decided."""
    return {"outcome": "error", "code": code}


def row(*numbers: int) -> str:
    """The rows of pitfalls.md that a scenario is from, with the ids of the bugs."""
    return "; ".join(f"pitfalls.md row {number}: {_ROWS[number]}" for number in numbers)


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def pae(payload: bytes, payload_type: str = IN_TOTO) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def statement(*subjects: Mapping[str, Any], without: str = "", **fields: Any) -> bytes:
    """The usual statement about `subjects`, with `fields` changed or added and one left out."""
    document: dict[str, Any] = {
        "_type": STATEMENT_V1,
        "subject": list(subjects) or [SUBJECT],
        "predicateType": SLSA,
        "predicate": PREDICATE,
    }
    document.update(fields)
    document.pop(without, None)
    return compact(document)


STATEMENT = statement()


def signature(
    key: Key, payload: bytes = STATEMENT, payload_type: str = IN_TOTO, *, sig: bytes | None = None, **fields: Any
) -> dict[str, Any]:
    """An entry of `signatures`: the key's over the payload, or `sig` in its place; `fields` change or add others."""
    made = key.sign(pae(payload, payload_type)) if sig is None else sig
    return {"keyid": key.keyid, "sig": b64(made), **fields}


def envelope_of(
    *signed: Key | Mapping[str, Any], payload: bytes = STATEMENT, payload_type: str = IN_TOTO, **fields: Any
) -> dict[str, Any]:
    """An envelope signed by keys, or with entries that are made already; `fields` change or add others."""
    entries = [signature(one, payload, payload_type) if isinstance(one, Key) else one for one in signed]
    return {"payload": b64(payload), "payloadType": payload_type, "signatures": entries, **fields}


def trust_key(key: Key, **fields: Any) -> dict[str, Any]:
    """An anchor's entry for a key, with `fields` changed or added."""
    return {"keyid": key.keyid, "algorithm": key.algorithm, "public_key": key.pem, **fields}


def anchor(*keys: Key | Mapping[str, Any], threshold: Any = 1, **limits: Any) -> dict[str, Any]:
    """A trust anchor with `keys`, or entries that are made already."""
    return {
        "threshold": threshold,
        **limits,
        "keys": [trust_key(one) if isinstance(one, Key) else one for one in keys],
    }


def bundle(
    release: Mapping[str, Any] | None = None, *, also: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A trust bundle with an anchor named release, if there is one, and those in `also`; `fields` are its own."""
    anchors = {} if release is None else {"release": release}
    head = {"mediaType": "application/vnd.attest.trust-bundle.v1+json", "version": 1, **fields}
    return {**head, "anchors": anchors | dict(also or {})}
