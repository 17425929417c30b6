"""Profiles: what a configuration file may say, and where it is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attest import InputError
from attest.signers import open_signer
from attest.signers._profiles import Profile, load, named
from tests.support.cli.calls import call
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

DUAL = '[profiles.dual]\nsigners = ["sim:alice", "sim:bob"]\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_a_profile_is_signers_with_a_quorum_and_a_timeout(tmp_path: Path) -> None:
    path = write(tmp_path, DUAL + 'quorum = 1\ntimeout = 2.5\n[profiles.one]\nsigners = ["file:a b.pem"]\n')
    assert load(path) == {
        "dual": Profile(("sim:alice", "sim:bob"), 1, 2.5),
        "one": Profile(("file:a b.pem",)),
    }
    assert named("profile:one", path) == Profile(("file:a b.pem",))


def test_a_list_of_uris_is_one_signer_that_fails_over(tmp_path: Path) -> None:
    tokens = [
        "pkcs11:token=a;object=k?module-path=/m.so",
        "pkcs11:token=b;object=k?module-path=/m.so&pin-source=file:/p",
    ]
    path = write(tmp_path, f"[profiles.hsm]\nsigners = [{tokens}, ['pkcs11:token=c;object=k']]\n")
    first, second = load(path)["hsm"].signers
    assert second == "pkcs11:token=c;object=k"
    with open_signer(first) as signer:
        assert [str(uri) for uri in signer._uris][1:] == tokens[1:]  # type: ignore[attr-defined]
        assert signer._uris[0].query["module-path"] == "/m.so"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[profiles.a]\n", "/profiles/a"),
        ("[profiles.a]\nsigners = []\n", "/profiles/a/signers"),
        ("[profiles.a]\nsigners = [1]\n", "/profiles/a/signers/0"),
        ('[profiles.a]\nsigners = ["profile:b"]\n', "/profiles/a/signers/0"),
        ('[profiles.a]\nsigners = [["sim:x", "profile:y"]]\n', "/profiles/a/signers/0"),
        ('[profiles.a]\nsigners = ["sim:x"]\nquorum = 0\n', "/profiles/a/quorum"),
        ('[profiles.a]\nsigners = ["sim:x"]\nquorum = 2\n', "/profiles/a/quorum"),
        ('[profiles.a]\nsigners = ["sim:x"]\ntimeout = 0\n', "/profiles/a/timeout"),
        ('[profiles.a]\nsigners = ["sim:x"]\nquorom = 1\n', "/profiles/a"),
        ('[profile.a]\nsigners = ["sim:x"]\n', "/"),
        ("when = 2026-01-01\n", ""),
        ('[profiles."a b"]\nsigners = ["sim:x"]\n', "/profiles"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused_at_its_place(text: str, where: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with refused(InputError, "config-invalid") as caught:
        load(path)
    assert (caught.value.where or "").startswith(f"{path}: {where}" if where else str(path))


@pytest.mark.parametrize(
    "data", [b"\xff", b"a = ", b"a = 1\na = 2\n", b"[" * 5000, b"a = " + b"9" * 5000, b"a = 0x" + b"f" * 5000]
)
def test_a_file_that_is_not_toml_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(data)
    with refused(InputError, "config-invalid"):
        load(path)


def test_a_profile_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with refused(InputError, "profile-unknown") as caught:
        named("profile:daul", write(tmp_path, DUAL))
    assert "dual" in str(caught.value.hint)
    with refused(InputError, "profile-unknown"):
        named("profile:dual", None)


def test_the_current_directory_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "attest").mkdir(parents=True)
    for folder in (tmp_path / "here", tmp_path / "here" / "attest"):
        write(folder, DUAL)
    monkeypatch.chdir(tmp_path / "here")
    # A relative XDG_CONFIG_HOME would make it the user's own.
    for base in (str(tmp_path / "elsewhere"), ".", ""):
        monkeypatch.setenv("XDG_CONFIG_HOME", base)
        monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
        call("sign", "-", "--signer", "profile:dual", stdin=b"{}").refused(3, "not-signable")
        statement = call(
            "build", "sha256:" + "0" * 64, "--type", "https://example.com/x/v1", "--predicate", "-", stdin=b"{}"
        )
        call("sign", "-", "--signer", "profile:dual", stdin=statement.stdout).refused(3, "profile-unknown")


def test_the_users_own_configuration_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "attest").mkdir()
    write(tmp_path / "attest", DUAL)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    statement = call(
        "build", "sha256:" + "0" * 64, "--type", "https://example.com/x/v1", "--predicate", "-", stdin=b"{}"
    )
    signed = call("sign", "-", "--signer", "profile:dual", stdin=statement.stdout)
    assert (signed.code, signed.stdout.count(b'"keyid"')) == (0, 2)


def test_a_profile_with_a_bad_uri_says_which_file_and_which_profile(tmp_path: Path) -> None:
    path = write(tmp_path, '[profiles.bad]\nsigners = ["sim:x?nonsense=1"]\n')
    statement = call(
        "build", "sha256:" + "0" * 64, "--type", "https://example.com/x/v1", "--predicate", "-", stdin=b"{}"
    )
    ran = call("sign", "-", "--config", str(path), "--signer", "profile:bad", stdin=statement.stdout)
    ran.refused(4, "signer-uri-invalid")
    assert f"{path}: profile:bad".encode() in ran.stderr
