"""Which keyid each peer needs to find a key: docs/develop/interop.md, asked of all that can be installed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from in_toto.exceptions import SignatureVerificationError
from in_toto.models.metadata import Envelope as InTotoEnvelope
from securesystemslib.dsse import Envelope as SslibEnvelope
from securesystemslib.exceptions import VerificationError

from attest import Statement, sign
from attest._base.json import dumps
from attest.converting import convert
from attest.interop import key_to_securesystemslib
from attest.keys import KEYID_FORMATS, keyid_in
from tests.support.making.keys import MemorySigner
from tests.support.making.statements import statement, statement_json
from tests.support.peers.securesystemslib import public_dict
from tests.support.peers.sigstore import Question, ask_js

if TYPE_CHECKING:
    from attest.keys import KeyidFormat

TABLE: Final = Path(__file__).parents[2] / "docs" / "develop" / "interop.md"
SIGNERS: Final = [MemorySigner(name, 5) for name in ("ed25519", "ecdsa-sha2-nistp256", "rsassa-pss-sha256")]
P256: Final = SIGNERS[1]
OTHER: Final = MemorySigner("ecdsa-sha2-nistp256", 6)
_ROW: Final = re.compile(r"^\| ([^|]+) \| (yes|no) \| (yes|no) \| (yes|no) \| (yes|no) \| run", re.MULTILINE)


def documented(verifier: str) -> dict[str, bool]:
    """What the table says of a verifier that is run here."""
    [answers] = [found[1:] for found in _ROW.findall(TABLE.read_text()) if found[0] == verifier]
    return {form: answer == "yes" for form, answer in zip(KEYID_FORMATS, answers, strict=True)}


@pytest.mark.parametrize("form", KEYID_FORMATS)
@pytest.mark.parametrize("signer", SIGNERS, ids=lambda one: str(one.uri))
@pytest.mark.parametrize(("verifier", "is_told"), [("securesystemslib", False), ("securesystemslib, told ours", True)])
def test_securesystemslib(verifier: str, is_told: bool, signer: MemorySigner, form: KeyidFormat) -> None:
    key = key_to_securesystemslib(signer.public_key, keyid=signer.public_key.keyid if is_told else None)
    document = json.loads(sign(statement(), [signer], keyid_format=form).to_json())
    try:
        SslibEnvelope.from_dict(document).verify([key], 1)
        accepted = True
    except (VerificationError, KeyError):  # KeyError: it requires a keyid
        accepted = False
    assert accepted == documented(verifier)[form]


@pytest.mark.parametrize("form", KEYID_FORMATS)
def test_in_toto(form: KeyidFormat) -> None:
    document = json.loads(sign(statement(), [P256], keyid_format=form).to_json())
    key = public_dict(key_to_securesystemslib(P256.public_key))
    try:
        InTotoEnvelope.from_dict(document).verify_signature(key)
        accepted = True
    except (SignatureVerificationError, KeyError):
        accepted = False
    assert accepted == documented("in-toto")[form]


def test_sigstore_js_finds_a_key_under_the_hint_and_refuses_another() -> None:
    signed = sign(statement(), [P256])
    pem = P256.public_key.to_pem()
    questions, expected = [], []
    for form in (None, *KEYID_FORMATS):
        [document] = convert(signed, "sigstore", keyid_format=form, keys=[P256.public_key]).documents
        bundle = json.loads(document)
        hint = bundle["verificationMaterial"]["publicKey"]["hint"]
        questions += [
            Question(bundle, {}, keys={hint: pem}),
            Question(bundle, {}, keys={hint: OTHER.public_key.to_pem()}),
            Question(bundle, {}, keys={f"{hint}x": pem}),
        ]
        expected += [True, False, False]
    answers = [answer is None for answer in ask_js(questions)]
    assert answers == expected
    assert documented("sigstore-js") == dict.fromkeys(KEYID_FORMATS, True)


@pytest.mark.parametrize("signer", [P256, MemorySigner("ecdsa-sha2-nistp384", 5)], ids=lambda one: str(one.uri))
@pytest.mark.parametrize("form", KEYID_FORMATS)
def test_model_signing(signer: MemorySigner, form: KeyidFormat, tmp_path: Path) -> None:
    from model_signing.verifying import Config

    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").digest()
    about = Statement.from_json(
        statement_json(
            subject=[{"name": "model", "digest": {"sha256": hashlib.sha256(digest).hexdigest()}}],
            predicateType="https://model_signing/signature/v1.0",
            predicate={
                "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
                "resources": [{"name": "weights", "algorithm": "sha256", "digest": digest.hex()}],
            },
        )
    )
    [document] = convert(sign(about, [signer]), "sigstore", keyid_format=form, keys=[signer.public_key]).documents
    (tmp_path / "model.sig").write_bytes(document)
    (tmp_path / "key.pem").write_text(signer.public_key.to_pem())
    config: Any = Config
    verifier = config().use_elliptic_key_verifier(public_key=tmp_path / "key.pem")
    is_accepted = documented("model-signing")[form]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a warning if there is no hint
        with contextlib.nullcontext() if is_accepted else pytest.raises(ValueError, match="Key mismatch"):
            verifier.verify(model, tmp_path / "model.sig")
        (model / "weights").write_bytes(b"other weights")
        with pytest.raises(ValueError, match="mismatch"):
            verifier.verify(model, tmp_path / "model.sig")


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda one: str(one.uri))
def test_tuf_and_in_toto_name_a_key_as_sslib_does(signer: MemorySigner) -> None:
    assert key_to_securesystemslib(signer.public_key).keyid == keyid_in(signer.public_key, "sslib")


def test_another_signature_is_refused_by_each_peer() -> None:
    """So that a yes above is more than a keyid that was found."""
    envelope = sign(statement(), [P256], keyid_format="sslib")
    document = json.loads(envelope.to_json())
    document["signatures"][0]["sig"] = json.loads(sign(statement(), [OTHER]).to_json())["signatures"][0]["sig"]
    with pytest.raises(VerificationError):
        SslibEnvelope.from_dict(json.loads(dumps(document))).verify([key_to_securesystemslib(P256.public_key)], 1)
    with pytest.raises(SignatureVerificationError):
        InTotoEnvelope.from_dict(document).verify_signature(public_dict(key_to_securesystemslib(P256.public_key)))
