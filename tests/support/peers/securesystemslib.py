"""What is asked of a securesystemslib signer: the own code of tuf and in-toto signs with it and verifies that."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from in_toto.exceptions import SignatureVerificationError
from in_toto.models.layout import Layout, Step
from in_toto.models.link import Link
from in_toto.models.metadata import Envelope, Metablock, Metadata
from in_toto.runlib import in_toto_run
from in_toto.verifylib import in_toto_verify
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata as TufMetadata
from tuf.api.metadata import Root  # type: ignore[attr-defined]

from attest.interop import REGISTERED

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer  # type: ignore[attr-defined]

DOCUMENT = (Path(__file__).parents[3] / "docs" / "develop" / "interop.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def root_for(key: Key) -> TufMetadata[Root]:
    """Root metadata that `key` must sign."""
    root = TufMetadata(Root(expires=datetime(2030, 1, 1, tzinfo=UTC)))
    root.signed.add_key(key, "root")
    return root


def check_tuf(signer: Signer) -> None:
    """tuf signs root metadata with it, and verifies what was written; and refuses it once it is changed."""
    root = root_for(signer.public_key)
    root.sign(signer)
    read = TufMetadata[Root].from_bytes(root.to_bytes())
    read.signed.verify_delegate("root", read.signed_bytes, read.signatures)
    assert read.signed.get_root_verification_result(None, read.signed_bytes, read.signatures).verified
    read.signed.version += 1
    with pytest.raises(UnsignedMetadataError):
        read.signed.verify_delegate("root", read.signed_bytes, read.signatures)


def check_link(signer: Signer, key: Key | None = None) -> None:
    """in-toto signs a link with it, in both of its forms, and verifies it with `key`; and refuses it once changed."""
    public = public_dict(key or signer.public_key)
    for metadata in (Metablock(signed=Link(name="build")), Envelope.from_signable(Link(name="build"))):
        metadata.create_signature(signer)
        document = metadata.to_dict()
        Metadata.from_dict(deepcopy(document)).verify_signature(public)
        changed = Metadata.from_dict(document)
        if isinstance(changed, Envelope):
            changed.payload += b" "
        else:
            changed.signed.name = "test"
        with pytest.raises(SignatureVerificationError):
            changed.verify_signature(public)


def check_chain(signer: Signer, folder: Path, *, dsse: bool) -> None:
    """in-toto records a step with it, signs the layout with it, and verifies the whole in `folder`."""
    key = public_dict(signer.public_key)
    (folder / "app.c").write_text("int main;\n")
    in_toto_run(
        "build",
        ["app.c"],
        ["app.o"],
        ["cp", "app.c", "app.o"],
        base_path=str(folder),
        metadata_directory=str(folder),
        use_dsse=dsse,
        signer=signer,
    )
    layout = layout_for(key, dsse=dsse)
    layout.create_signature(signer)
    layout.dump(str(folder / "root.layout"))
    in_toto_verify(Metadata.load(str(folder / "root.layout")), {key["keyid"]: key}, link_dir_path=str(folder))


def layout_for(key: dict[str, Any], *, dsse: bool) -> Metadata:
    """A layout of one step, which `key` must have done."""
    step = Step(
        name="build",
        pubkeys=[key["keyid"]],
        expected_command=["cp", "app.c", "app.o"],
        expected_materials=[["ALLOW", "app.c"], ["DISALLOW", "*"]],
        expected_products=[["CREATE", "app.o"], ["DISALLOW", "*"]],
    )
    layout = Layout(steps=[step], keys={key["keyid"]: key}, expires="2030-01-01T00:00:00Z")
    return Envelope.from_signable(layout) if dsse else Metablock(signed=layout)


def public_dict(key: Key) -> dict[str, Any]:
    """The key as it stands in an in-toto layout."""
    return {"keyid": key.keyid, **key.to_dict()}


@pytest.fixture
def their_table(monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    """Their table of signers, which is as it was after the test."""
    from securesystemslib.signer import SIGNER_FOR_URI_SCHEME  # type: ignore[attr-defined]

    for scheme in REGISTERED:
        monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, scheme, object)
    table: dict[str, type] = SIGNER_FOR_URI_SCHEME
    return table
