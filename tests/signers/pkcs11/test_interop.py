"""Keys in tokens behind securesystemslib's signers: tuf and in-toto sign with them; the documented examples run."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import Signer, SSlibKey  # type: ignore[attr-defined]
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata

from attest import SignerError, open_signer
from attest.interop import key_to_securesystemslib, register, to_securesystemslib
from tests.support.peers.securesystemslib import EXAMPLES, check_chain, check_link, check_tuf, root_for, their_table
from tests.support.tokens.hsm import ALGORITHMS, PIN, SoftHSM, Templates
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["their_table"]


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A token `t` with a key of each of ALGORITHMS."""
    folder = tmp_path_factory.mktemp("interop")
    return Templates(folder).copy(folder / f"hsm-{folder.name}")


def their_key(uri: str) -> SSlibKey:
    """The public key in the token, in their form."""
    with open_signer(uri) as ours:
        return key_to_securesystemslib(ours.public_key)


@pytest.mark.parametrize("key", [*ALGORITHMS, "rsa-pkcs1v15"])
def test_tuf_and_in_toto_sign_with_a_key_in_a_token_and_verify_it(key: str, hsm: SoftHSM) -> None:
    named = {"x_algorithm": "rsa-pkcs1v15-sha256"} if key == "rsa-pkcs1v15" else {}
    with open_signer(hsm.uri("t", key.partition("-")[0], **named)) as ours:
        signer = to_securesystemslib(ours)
        assert signer.public_key.scheme == ours.public_key.algorithm.name
        check_tuf(signer)
        check_link(signer)


@pytest.mark.parametrize("key", ALGORITHMS)
@pytest.mark.usefixtures("their_table")
def test_they_open_a_token_by_its_uri_and_their_secrets_handler_gives_the_pin(
    key: str, hsm: SoftHSM, tmp_path: Path
) -> None:
    public = their_key(hsm.uri("t", key))
    fresh = hsm.twin(tmp_path / f"hsm-{tmp_path.name}")  # a token's PIN is asked for once a process
    asked: list[str] = []

    def handler(secret: str) -> str:
        asked.append(secret)
        return PIN

    register()
    with Signer.from_priv_key_uri(fresh.uri("t", key, pin_source=""), public, handler) as signer:  # type: ignore[attr-defined]
        check_tuf(signer)
        check_link(signer)
    assert len(asked) == 1
    assert asked[0].startswith("the PIN of token 't' (serial ")


@pytest.mark.parametrize("dsse", [False, True], ids=["metablock", "envelope"])
def test_in_toto_verifies_a_layout_and_a_link_that_a_token_signed(dsse: bool, hsm: SoftHSM, tmp_path: Path) -> None:
    with open_signer(hsm.uri("t", "p256")) as ours:
        check_chain(to_securesystemslib(ours), tmp_path, dsse=dsse)


@pytest.mark.usefixtures("their_table")
def test_another_key_than_the_tokens_is_refused_before_anything_is_signed(hsm: SoftHSM) -> None:
    register()
    with refused(SignerError, "key-mismatch", hsm.uri("t", "p256")):
        Signer.from_priv_key_uri(hsm.uri("t", "p256"), their_key(hsm.uri("t", "p384")))


@pytest.mark.usefixtures("their_table")
def test_what_the_token_says_arrives_without_the_pin(hsm: SoftHSM, tmp_path: Path) -> None:
    public = their_key(hsm.uri())
    fresh = hsm.twin(tmp_path / f"hsm-{tmp_path.name}")
    register()
    with refused(SignerError, "key-not-found"):
        Signer.from_priv_key_uri(hsm.uri("t", "absent"), public)
    with refused(SignerError, "pin-wrong") as caught:
        Signer.from_priv_key_uri(fresh.uri(pin_source=""), public, lambda _: "hunter2")
    assert "hunter2" not in "".join(map(str, (caught.value, caught.value.hint, caught.value.__cause__)))


def test_a_token_that_is_gone_is_why_tuf_did_not_sign(hsm: SoftHSM, tmp_path: Path) -> None:
    fresh = hsm.twin(tmp_path / f"hsm-{tmp_path.name}")
    with open_signer(fresh.uri(timeout="3")) as ours:
        signer = to_securesystemslib(ours)
        check_tuf(signer)
        for path in sorted((fresh.folder / "tokens").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        root = root_for(signer.public_key)
        with pytest.raises(UnsignedMetadataError) as caught:
            root.sign(signer)
    assert isinstance(caught.value.__cause__, SignerError)
    assert caught.value.__cause__.code == "token-not-found"
    assert not root.signatures


def test_the_root_metadata_of_the_documentation_is_signed_and_signed_again(hsm: SoftHSM, tmp_path: Path) -> None:
    first, second = (code for code in EXAMPLES if "tuf" in code)
    uri = hsm.uri("t", "p384")
    for example in (first, second):
        ran = subprocess.run([sys.executable, "-c", example, uri], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    old, new = (Metadata.from_file(str(tmp_path / f"{version}.root.json")) for version in (1, 2))
    assert (old.signed.version, new.signed.version) == (1, 2)
    old.signed.verify_delegate("root", new.signed_bytes, new.signatures)
