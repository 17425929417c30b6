"""Anchors whose keys are in tokens: who signs for them, what is refused, and tokens that check what they signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli.calls import call
from tests.support.tokens.hsm import SoftHSM


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[SoftHSM, SoftHSM]:
    """Two modules with a token each: with P-256 and RSA-PSS in the one, and P-384 in the other."""
    folder = tmp_path_factory.mktemp("anchors")
    one, two = (SoftHSM.make(folder / f"{folder.name}-{name}", name) for name in ("one", "two"))
    one.add_keys("one", "p256", "rsa")
    two.add_keys("two", "p384")
    return one, two


@pytest.fixture(autouse=True)
def _statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.whl").write_bytes(b"a wheel")
    call("build", "app.whl", "--type", "https://example.com/own/v1", "-o", "statement.json").done()


def trust(*keys: str, threshold: int, **fields: Any) -> dict[str, Any]:
    """Write trust.json with an anchor for these keys, each entry changed by `fields`."""
    named = [word for key in keys for word in ("--key", key)]
    call("trust", "init", "--anchor", "release", *named, "--threshold", str(threshold), "-o", "trust.json").done()
    return edit(**fields)


def edit(**fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path("trust.json").read_bytes())
    for entry in document["anchors"]["release"]["keys"]:
        entry |= fields
    Path("trust.json").write_text(json.dumps(document))
    return document


SIGN = ("sign", "statement.json", "--trust", "trust.json", "--anchor", "release", "-o", "app.intoto.json")
VERIFY = ("verify", "app.intoto.json", "--trust", "trust.json", "--artifact", "app.whl", "--format", "json")


def checked_by(*more: str) -> list[str]:
    ran = call(*VERIFY, *more).done()
    return [signature["checked_by"] for signature in ran.json["envelopes"][0]["signatures"]]


def test_the_tokens_that_an_anchor_names_sign_and_check(tokens: tuple[SoftHSM, SoftHSM]) -> None:
    one, two = tokens
    trust(one.uri("one", "p256"), two.uri("two", "p384"), threshold=2)
    call(*SIGN).done()
    assert checked_by("--with-signer") == ["signer", "signer"]
    assert checked_by() == ["public-key", "public-key"]
    # The copy that a verifier has says nothing of tokens, so none is asked.
    call("trust", "show", "trust.json", "--public", "-o", "public.json").done()
    Path("public.json").replace("trust.json")
    assert checked_by("--with-signer") == ["public-key", "public-key"]


def test_a_key_that_is_pinned_to_another_padding_signs_with_that(tokens: tuple[SoftHSM, SoftHSM]) -> None:
    uri = tokens[0].uri("one", "rsa", x_algorithm="rsa-pkcs1v15-sha384")
    trust(uri, threshold=1)
    call(*SIGN).done()
    assert checked_by("--with-signer") == ["signer"]


@pytest.mark.parametrize("threshold", [1, 2])
def test_a_token_that_is_away_is_exit_4_and_nothing_is_written(threshold: int, tokens: tuple[SoftHSM, SoftHSM]) -> None:
    one, two = tokens
    away = one.uri("one", "p256").replace("token=one", "token=gone")
    call("key", "generate", "file:release.pem").done()
    trust(one.uri("one", "p256"), two.uri("two", "p384"), "file:release.pem", threshold=threshold)
    document = json.loads(Path("trust.json").read_bytes())
    document["anchors"]["release"]["keys"][0]["signer"] = away
    Path("trust.json").write_text(json.dumps(document))
    # Neither the other token nor the file takes its place.
    call(*SIGN).refused(4, "token-not-found")
    assert not Path("app.intoto.json").exists()


def test_a_token_that_is_away_decides_nothing_about_its_signatures(tokens: tuple[SoftHSM, SoftHSM]) -> None:
    one, _ = tokens
    trust(one.uri("one", "p256"), threshold=1)
    call(*SIGN).done()
    edit(signer=one.uri("one", "p256").replace("token=one", "token=gone"))
    ran = call(*VERIFY, "--with-signer")
    ran.refused(4, "token-not-found")
    assert (ran.json["exit"], ran.json["envelopes"][0]["result"]) == (4, "error")
    assert checked_by() == ["public-key"]


def test_a_key_in_a_token_that_resolves_to_something_else_is_refused(tokens: tuple[SoftHSM, SoftHSM]) -> None:
    one, two = tokens
    trust(one.uri("one", "p256"), threshold=1, signer=two.uri("two", "p384"))
    call(*SIGN).refused(4, "key-mismatch")
    call("key", "generate", "file:release.pem").done()
    edit(signer="file:release.pem")
    call(*SIGN).refused(4, "backend-mismatch")
    edit(signer="sim:release")
    call(*SIGN).refused(4, "backend-mismatch")
    assert not Path("app.intoto.json").exists()


def test_an_hsm_algorithm_resolves_to_a_token_and_to_nothing_else(tokens: tuple[SoftHSM, SoftHSM]) -> None:
    one, _ = tokens
    named = ("--algorithm", "HSM-ECDSA-P256", "-o", "trust.json")
    call("trust", "init", "--anchor", "release", "--key", one.uri("one", "p256"), *named).done()
    call(*SIGN).done()
    assert checked_by("--with-signer") == ["signer"]
    # Without a backend the algorithm alone says where the key lives.
    document = json.loads(Path("trust.json").read_bytes())
    del document["anchors"]["release"]["keys"][0]["backend"]
    document["anchors"]["release"]["keys"][0]["signer"] = "sim:release?algorithm=ecdsa-sha2-nistp256"
    Path("trust.json").write_text(json.dumps(document))
    call(*SIGN).refused(4, "backend-mismatch")


def test_a_key_that_may_leave_its_token_does_not_sign_for_an_anchor(tokens: tuple[SoftHSM, SoftHSM]) -> None:
    call("key", "generate", "file:release.pem", "--algorithm", "ecdsa-sha2-nistp256").done()
    folder = Path.cwd() / f"{Path.cwd().name}-imported"
    imported = SoftHSM.make(folder, "t")
    imported.import_key("t", Path("release.pem"), "p256")
    trust(imported.uri(), threshold=1)
    call(*SIGN).refused(4, "key-not-allowed")


def test_a_profile_signs_with_two_tokens_at_once_and_a_quorum_does_without_one(
    tokens: tuple[SoftHSM, SoftHSM],
) -> None:
    one, two = tokens
    gone = one.uri("one", "p256").replace("token=one", "token=gone")
    Path("config.toml").write_text(
        "[profiles]\n"
        f"both.signers = {json.dumps([one.uri('one', 'p256'), two.uri('two', 'p384')])}\n"
        f"enough.signers = {json.dumps([gone, two.uri('two', 'p384')])}\n"
        "enough.quorum = 1\n"
        f"twins.signers = [{json.dumps([gone, one.uri('one', 'p256')])}]\n"
    )
    sign = ("sign", "statement.json", "--config", "config.toml", "--signer")
    assert call(*sign, "profile:both").done().stdout.count(b'"sig"') == 2
    ran = call(*sign, "profile:enough")
    assert (ran.code, ran.stdout.count(b'"sig"')) == (0, 1)
    # The other may have been quicker than the search for the token that is away.
    assert b"token-not-found" in ran.stderr or b"not needed, because enough others signed first" in ran.stderr
    assert call(*sign, "profile:twins").done().stdout.count(b'"sig"') == 1
