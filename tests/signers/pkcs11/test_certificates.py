"""A key in a token with a certificate of the company's CA: signed by the command line, and counted for the identity."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from attest import open_signer
from tests.support.cli.calls import call
from tests.support.making.bundles import bundle
from tests.support.making.certified import BUILDER, authority, leaf
from tests.support.making.statements import statement_json
from tests.support.tokens.hsm import ALGORITHMS, PIN, SoftHSM, Templates

NOW = datetime.now(UTC)
TIMES: Any = {"begin": NOW - timedelta(days=1), "end": NOW + timedelta(days=1)}


class InToken:
    """The public half of a key, where a certificate is made for it."""

    def __init__(self, pem: str) -> None:
        self._pem = pem

    def public_key(self) -> object:
        return load_pem_public_key(self._pem.encode())


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    folder = tmp_path_factory.mktemp("certified")
    return Templates(folder).copy(folder / f"hsm-{folder.name}")


@pytest.mark.parametrize("key", ALGORITHMS)
def test_a_key_in_a_token_signs_with_its_certificate(
    key: str, hsm: SoftHSM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = hsm.uri("t", key)
    with open_signer(uri) as signer:
        holder = InToken(signer.public_key.to_pem())
    root = authority("Acme Root", **TIMES)
    ca = authority("Acme Issuing CA", root, **TIMES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTEST_PIN", PIN)
    Path("chain.pem").write_text(leaf("Release", ca, key=holder, **TIMES).pem + ca.pem + root.pem)
    Path("statement.json").write_bytes(statement_json())
    acme = {"kind": "x509", "certificates": [root.pem], "time": "now-or-timestamp"}
    anchor = {"threshold": 1, "identities": [{"authority": "acme", "san": {"uri": BUILDER}}]}
    Path("trust.json").write_bytes(bundle({"release": anchor}, authorities={"acme": acme}).raw)
    call("sign", "statement.json", "--signer", uri, "--certificate-chain", "chain.pem", "-o", "app.json").done()
    call("convert", "app.json", "--to", "sigstore", "-o", "app.sigstore.json").done()
    material = json.loads(Path("app.sigstore.json").read_bytes())["verificationMaterial"]
    assert len(material["x509CertificateChain"]["certificates"]) == 2
    for name in ("app.json", "app.sigstore.json"):
        verified = call("verify", name, "--trust", "trust.json", "--no-artifact", "--format", "json").json
        [check] = verified["envelopes"][0]["signatures"]
        assert check["identity"]["san"] == BUILDER
