"""The public names: all importable, all documented, and none of them paid for before it is used."""

from __future__ import annotations

import copy
import inspect
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

import attest
from attest import Artifact, AttestError, InputError, Limits, Policy, PredicateSchemas, Rejected, SignerError
from attest.signers import SignerURI
from tests.support.making.bundles import bundle
from tests.support.making.keys import ALICE
from tests.support.making.statements import signed, statement

HEAVY = {
    "cryptography",
    "jsonschema",
    "jsonschema_rs",
    "securesystemslib",
    "in_toto_attestation",
    "google.protobuf",
    "pkcs11",
    "nacl",
    "click",
}
# The names that the design's own example uses.
DESIGNED = {"Statement", "open_signer", "sign", "TrustBundle", "verify", "AttestError", "InputError", "SignerError"}


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has loaded after running `code`."""
    program = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    # Coverage or a debugger in this process must not load anything in the other.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    loaded: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return set(loaded)


def test_every_public_name_is_there_and_sorted() -> None:
    assert attest.__all__ == sorted(attest.__all__)
    assert set(attest.__all__) >= DESIGNED
    assert all(getattr(attest, name) is not None for name in attest.__all__)
    assert set(attest.__all__) <= set(dir(attest))


def test_a_name_that_is_not_public_is_missing() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = attest.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", attest.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(attest, name))


def test_a_star_import_brings_the_public_names() -> None:
    names: dict[str, Any] = {}
    exec("from attest import *", names)  # noqa: S102
    assert set(attest.__all__) <= set(names)


def test_importing_the_package_loads_nothing_heavy_nor_anything_of_its_own() -> None:
    loaded = modules_after("import attest")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("attest.")} == set()


def test_the_errors_load_nothing_else() -> None:
    loaded = modules_after("from attest import AttestError, Rejected")
    expected = {"attest.errors", "attest.results", "attest.results.rejected", "attest._base", "attest._base.lazy"}
    assert {name for name in loaded if name.startswith("attest.")} == expected


def test_having_all_public_names_loads_no_cryptography() -> None:
    assert not modules_after("from attest import *") & (HEAVY - {"jsonschema_rs"})


@pytest.mark.parametrize("kind", [AttestError, InputError, SignerError, Rejected])
def test_an_error_has_a_code_a_sentence_a_place_and_a_hint(kind: type[AttestError]) -> None:
    error = kind("some-code", "it is wrong", where="/here", hint="Do this.")
    assert (error.code, error.message, error.where, error.hint) == ("some-code", "it is wrong", "/here", "Do this.")
    assert str(error) == "/here: it is wrong"
    assert str(kind("some-code", "it is wrong")) == "it is wrong"
    assert isinstance(error, AttestError)


@pytest.mark.parametrize("kind", [AttestError, InputError, SignerError, Rejected])
def test_an_error_survives_pickling_whole(kind: type[AttestError]) -> None:
    error = kind("some-code", "it is wrong", where="/here", hint="Do this.")
    error.add_note("seen in a worker")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    assert again.__dict__ == error.__dict__
    assert again.args == error.args
    assert str(again) == str(error)


def test_a_place_is_put_before_the_one_that_is_known() -> None:
    error = InputError("some-code", "it is wrong").at("/a").at("trust.json")
    assert error.where == "trust.json: /a"


def test_the_branches_are_no_branches_of_each_other() -> None:
    branches = (InputError, SignerError, Rejected)
    assert all(not issubclass(one, other) for one in branches for other in branches if one is not other)


def shared() -> list[Any]:
    """What several threads share (docs/develop/python.md), and what a result is made of."""
    trust, envelope = bundle(), signed()
    [anchor], [signature] = trust.anchors.values(), envelope.signatures
    verified = attest.verify(envelope, trust, artifacts=None)
    policy = Policy.from_bytes(b'{"require": [{"id": "it", "type": "https://example.com/x", "anchors": ["release"]}]}')
    parts = [anchor.keys[0], ALICE.public_key, signature, SignerURI.parse("sim:x"), Artifact("sha256:" + "0" * 64)]
    about = statement(predicate={"a": [1]})
    return [trust, anchor, *parts, envelope, about, verified, policy, PredicateSchemas(), Limits()]


@pytest.mark.parametrize("value", shared(), ids=lambda value: type(value).__name__)
def test_what_is_shared_never_changes(value: Any) -> None:
    names = [name for name in dir(value) if not name.startswith("_") and not callable(getattr(value, name))]
    assert names
    for name in names:
        with pytest.raises((AttributeError, TypeError)):
            setattr(value, name, getattr(value, name))
        with pytest.raises((AttributeError, TypeError)):
            delattr(value, name)
        if isinstance(getattr(value, name), Mapping) and name not in ("fields", "document"):
            with pytest.raises(TypeError):
                getattr(value, name)["added"] = None
    assert value != copy.copy(value) or hash(value) == hash(copy.copy(value))
    assert len(repr(value)) < 1000


def test_a_trust_bundle_without_identities_loads_nothing_that_certificates_need() -> None:
    """Not even for a signature that brings a certificate, as long as it verifies."""
    loaded = modules_after(
        "import attest; from datetime import UTC, datetime; from attest.trust import editing\n"
        "from dataclasses import replace\n"
        "subject = attest.ResourceDescriptor('a', {'sha256': '0' * 64})\n"
        "statement = attest.Statement.build([subject], predicate_type='https://example.com/x', predicate={})\n"
        "signer = attest.open_signer('sim:x')\n"
        "key = editing.describe_key(signer.public_key)\n"
        "trust = editing.create('release', [key], now=datetime.now(UTC))\n"
        "envelope = attest.sign(statement, [signer])\n"
        "[one] = envelope.signatures\n"
        "envelope = replace(envelope, signatures=(replace(one, fields={**one.to_dict(), 'cert': 'x'}),), raw=None)\n"
        "assert attest.verify(envelope.to_json(), trust, artifacts=None, allow_simulated=True)"
    )
    assert not {name for name in loaded if name.startswith(("attest.certificates", "cryptography.x509"))}
    assert "attest.trust.anchors.identities" not in loaded
