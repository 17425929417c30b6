"""A root ceremony with real tokens: two people with a token each and a key in a file, two of the three needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli.calls import call
from tests.support.tokens.hsm import SoftHSM

if TYPE_CHECKING:
    from tests.support.cli.calls import Ran


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[SoftHSM, SoftHSM]:
    """Two modules, each with one token and one key, as two people would have them."""
    folder = tmp_path_factory.mktemp("ceremony")
    ann, ben = (SoftHSM.make(folder / f"{folder.name}-{name}", name) for name in ("ann", "ben"))
    ann.add_keys("ann", "p256")
    ben.add_keys("ben", "p384")
    return ann, ben


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def next_version(**changes: Any) -> None:
    """The owner's next trust bundle, as an editor would write it."""
    document = json.loads(Path("trust.json").read_bytes())
    document["version"] += 1
    Path("trust.json").write_text(json.dumps(document | changes))


def verify(trust: str, root: str, *more: str) -> Ran:
    return call("verify", "app.intoto.json", "--no-artifact", "--trust", trust, "--trust-root", root, *more)


def test_two_tokens_and_a_file_are_three_roots_of_which_two_sign(tokens: tuple[SoftHSM, SoftHSM]) -> None:
    ann, ben = tokens[0].uri("ann", "p256"), tokens[1].uri("ben", "p384")
    for name in ("release", "safe", "next"):
        call("key", "generate", f"file:{name}.pem").done()
    Path("app.whl").write_bytes(b"a wheel")
    statement = call("build", "app.whl", "--type", "https://example.com/own/v1").done().stdout
    call("sign", "--signer", "file:release.pem", "-o", "app.intoto.json", stdin=statement).done()

    # The bundle is made where all public keys are at hand; the copy for verifiers is what is signed.
    roots = [word for root in (ann, ben, "file:safe.pem") for word in ("--root", root)]
    init = ("trust", "init", "--anchor", "release", "--key", "file:release.pem", "--expires", "2090-01-01T00:00:00Z")
    call(*init, *roots, "--root-threshold", "2", "-o", "trust.json").done()
    call("trust", "show", "trust.json", "--public", "-o", "1.json").done()
    assert b"pkcs11:" not in Path("1.json").read_bytes()
    assert call("trust", "check", "trust.json", "--strict").done()

    # Ann signs with her token, and her file goes to Ben.
    said = call("trust", "sign", "1.json", "--signer", ann, "-o", "1.ann.json").done().stdout
    assert b"1 of 2 required signatures by the roots of version 1" in said
    Path("roots.json").write_text(
        json.dumps(
            {
                "mediaType": "application/vnd.attest.trust-roots.v1+json",
                **json.loads(Path("1.json").read_bytes())["roots"],
            }
        )
    )
    verify("1.ann.json", "roots.json").refused(1, "(root-threshold-not-met)")
    call("trust", "sign", "1.ann.json", "--signer", ann).refused(3, "(already-signed)")
    call("trust", "sign", "1.ann.json", "--signer", "file:release.pem").refused(3, "(root-unknown)")
    call("trust", "sign", "1.ann.json", "--signer", ben, "-o", "1.signed.json").done()
    assert verify("1.signed.json", "roots.json").done()
    assert verify("1.signed.json", "1.json").done()

    # Version 2: Ben's root is replaced by another; Ben and Ann sign for the old roots, Ann and the new one for the new.
    call("trust", "init", "--anchor", "x", "--key", "file:next.pem", "-o", "other.json").done()
    old = json.loads(Path("trust.json").read_bytes())["roots"]["keys"]
    [new] = json.loads(Path("other.json").read_bytes())["anchors"]["x"]["keys"]
    next_version(roots={"threshold": 2, "keys": [old[0], old[1] | {"status": "retired"}, old[2], new]})
    call("trust", "show", "trust.json", "--public", "-o", "2.json").done()
    root = ("--trust-root", "1.signed.json")
    said = call("trust", "sign", "2.json", *root, "--signer", ann, "--signer", ben, "-o", "2.ab.json").done().stdout
    assert b"version 2: 2 of 2 required signatures by the roots of version 1" in said
    assert b"version 2: 1 of 2 required signatures by the roots of version 2" in said
    verify("2.ab.json", "1.signed.json").refused(1, "(root-threshold-not-met)")
    call("trust", "sign", "2.ab.json", *root, "--signer", "file:next.pem", "-o", "2.signed.json").done()
    assert verify("2.signed.json", "1.signed.json").done()

    # Version 3 is signed by the new roots, and led to only over version 2.
    next_version()
    call("trust", "show", "trust.json", "--public", "-o", "3.json").done()
    call("trust", "sign", "3.json", "--trust-root", "2.signed.json", "--signer", ben).refused(3, "(root-unknown)")
    signers = ("--signer", ann, "--signer", "file:next.pem")
    call("trust", "sign", "3.json", "--trust-root", "2.signed.json", *signers, "-o", "3.signed.json").done()
    verify("3.signed.json", "1.signed.json").refused(1, "(trust-version-gap)")
    Path("history.jsonl").write_bytes(b"".join(Path(f"{number}.signed.json").read_bytes() for number in (1, 2, 3)))
    for start in ("roots.json", "1.json", "1.signed.json", "2.signed.json", "3.signed.json", "history.jsonl"):
        assert b"(trust bundle version 3)" in verify("history.jsonl", start, "--trust-min-version", "3").done().stdout
    verify("2.signed.json", "history.jsonl").refused(1, "(trust-rollback)")
