"""Files of another kind than expected are named, and nothing else follows from it."""

from __future__ import annotations

import json

import pytest

from attest import errors
from attest._base import documents
from tests.support.cli.inputs import INPUTS, key_pem
from tests.support.making.keys import ALICE
from tests.support.making.statements import signed

METABLOCK = {"signatures": [], "signed": {"_type": "link", "name": "build", "materials": {}, "products": {}}}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (signed(ALICE).to_json(), "a DSSE envelope"),
        ((INPUTS / "statement.json").read_bytes(), "a statement that is not signed"),
        ((INPUTS / "trust.json").read_bytes(), "a trust bundle"),
        ((INPUTS / "policy.toml").read_bytes(), "a policy"),
        ((INPUTS / "simple-policy.json").read_bytes(), "a policy"),
        ((INPUTS / "release.pub.pem").read_bytes(), "a public key"),
        (key_pem("release"), "a private key"),
        (b"A key for people to read\n" + key_pem("release"), "a private key"),
        ((INPUTS / "old.crt").read_bytes(), "a certificate"),
        ((INPUTS / "package-1.0-py3-none-any.whl").read_bytes(), "a ZIP archive, such as a wheel or jar"),
        ((INPUTS / "junit.xml").read_bytes(), "an XML document"),
        (json.dumps(METABLOCK).encode(), "an in-toto Metablock (a link or layout of in-toto 1.0)"),
        (json.dumps(METABLOCK["signed"]).encode(), "an in-toto Metablock (a link or layout of in-toto 1.0)"),
        (
            b'{"type": "https://in-toto.io/Statement/v1", "predicateType": "x"}',
            "almost a statement: `_type` is called `type`",
        ),
        (b'\xef\xbb\xbf {"bomFormat": "CycloneDX"}', "a CycloneDX document"),
        (b'{"subject": [], "predicateType": "x"}', "almost a statement: it has no `_type`"),
        (b'{"schemaVersion": 2, "manifests": []}', "the index of an image or of an OCI layout"),
        (b'{"schemaVersion": 2, "layers": []}', "the manifest of an image or of what is attached to one"),
        (b'{"imageLayoutVersion": "1.0.0"}', "the mark of an OCI layout, which is a directory"),
        (b'{"@context": "https://openvex.dev/ns/v0.2.0"}', "a report, such as a scanner writes"),
        (b'{"matches": [], "descriptor": {}}', "a report, such as a scanner writes"),
        (b'{"SchemaVersion": 2, "ArtifactType": "container_image"}', "a report, such as a scanner writes"),
        (b'{"results": [], "experimental_config": {}}', "a report, such as a scanner writes"),
        (b'{"version": "2.1.0", "runs": []}', "a SARIF document"),
    ],
)
def test_a_kind_is_known_by_its_form(data: bytes, name: str) -> None:
    kind = documents.kind_of(data)
    assert kind is not None
    assert kind.name == name
    assert kind.hint.endswith(".") or kind.hint.endswith("json.")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"hello", b'{"a": 1}', b'{"require": 1, "require": 2}', b"{" * 100_000, b"\xff\xfe\x00"]
)
def test_what_has_no_known_form_keeps_its_error(data: bytes) -> None:
    error = errors.InputError("json-invalid", "the file is not valid JSON")
    assert documents.kind_of(data) is None
    assert documents.named(error, data, "a policy") is error


def test_an_error_in_the_expected_kind_is_kept() -> None:
    error = errors.InputError("policy-invalid", "expected a list", where="/require")
    assert documents.named(error, b'{"require": 1}', "a policy", documents.POLICY) is error
    other = documents.named(error, b'{"require": 1}', "a trust bundle", documents.TRUST)
    assert (other.code, str(other)) == ("policy-invalid", "this is a policy, not a trust bundle")
