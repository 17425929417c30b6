"""Keys that the command line reads from standard input, from variables and from files of other tools."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attest.signers import open_signer
from tests.support.cli.calls import call, on_terminal, program
from tests.support.making.certified import authority, leaf
from tests.support.making.keyfiles import cosign, openssh, pfx, pkcs8
from tests.support.making.keys import private_key

KEY = private_key("ed25519")
P256 = private_key("ecdsa-sha2-nistp256")
PASSPHRASE = "correct horse"
NOW = datetime.now(UTC)
TIMES: Any = {"begin": NOW - timedelta(days=30), "end": NOW + timedelta(days=30)}
ROOT = authority("Acme Root", **TIMES)
CA = authority("Acme CA", ROOT, **TIMES)
LEAF = leaf("Release", CA, **TIMES)
P12 = pfx(LEAF.key, [one.certificate for one in (LEAF, CA, ROOT)], PASSPHRASE)
EMPTY_COSIGN = cosign(KEY, "")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)


def write(name: str, data: bytes) -> str:
    path = Path(name)
    path.write_bytes(data)
    path.chmod(0o600)
    return name


def statement(name: str = "statement.json") -> str:
    made = call("build", "a=sha256:" + "0" * 64, "--type", "https://example.com/x").stdout
    return write(name, made)


def test_the_empty_passphrase_is_an_empty_file_or_an_empty_cosign_password(monkeypatch: pytest.MonkeyPatch) -> None:
    write("cosign.key", EMPTY_COSIGN)
    check = ("key", "check", "file:cosign.key")
    call(*check).refused(4, "(passphrase-missing)", hint=True)
    for content in (b"", b"\n", b"\nnotes\n"):
        call(*check, "--passphrase-file", write("empty", content)).done()
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    call(*check).done()
    monkeypatch.setenv("ATTEST_PASSPHRASE", "another")
    call(*check).refused(4, "(passphrase-wrong)")


def test_cosign_password_is_for_keys_of_cosign_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", PASSPHRASE)
    write("secret.pem", pkcs8(KEY, passphrase=PASSPHRASE))
    call("key", "check", "file:secret.pem").refused(4, "(passphrase-missing)")
    monkeypatch.setenv("COSIGN_KEY", cosign(KEY, PASSPHRASE).decode())
    call("key", "check", "env:COSIGN_KEY").done()


def test_no_key_is_encrypted_with_the_empty_passphrase() -> None:
    line = ("key", "generate", "file:new.pem", "--encrypt", "--passphrase-file", write("empty", b""))
    call(*line).refused(4, "(passphrase-missing)")
    assert not Path("new.pem").exists()


def test_the_empty_passphrase_can_be_entered() -> None:
    write("cosign.key", EMPTY_COSIGN)
    ran = on_terminal("key", "check", "file:cosign.key", typed=[b"\n"])
    assert ran.code == 0, ran.stdout


@pytest.mark.parametrize("uri", ["file:-", "file:/dev/stdin"])
def test_a_key_is_read_from_standard_input(uri: str) -> None:
    statement()
    call("sign", "statement.json", "--signer", uri, stdin=openssh(KEY)).done()
    secret = write("secret", PASSPHRASE.encode())
    call("key", "check", uri, "--passphrase-file", secret, stdin=openssh(KEY, PASSPHRASE)).done()
    line = call("key", "check", uri, stdin=openssh(KEY, PASSPHRASE)).refused(4, "(passphrase-missing)")
    assert PASSPHRASE not in line
    call("key", "check", uri).refused(4, "standard input is empty")
    call("key", "check", uri, stdin=b"x" * 70_000).refused(4, "longer than 64 KiB")
    call("key", "generate", uri).refused(4, "(capability-missing)")


@pytest.mark.parametrize(
    "line",
    [
        "sign statement.json --signer file:- --signer file:/dev/stdin",
        "sign - --signer file:-",
        "sign --signer file:-",
        "sign statement.json --signer file:- --passphrase-file /dev/stdin",
        "sign statement.json --signer file:- --certificate-chain /dev/stdin",
        "trust init --anchor a --key file:- --key file:-",
        "trust sign - --signer FILE:-",
        "sign - --signer sim:a?failover=file:-",
        "sign - --signer file:a.pem?failover=sim:a%20file%3A-",
    ],
)
def test_standard_input_with_a_key_is_for_nothing_else(line: str) -> None:
    statement()
    call(*line.split(), stdin=pkcs8(KEY)).refused(2, "standard input can be read only once")


def test_a_trust_bundle_does_not_record_standard_input() -> None:
    made = call("trust", "init", "--anchor", "a", "--key", "file:-", "-o", "trust.json", stdin=pkcs8(KEY))
    assert (made.code, made.prose) == (
        0,
        ["attest: note: the trust bundle does not record file:-: the key will not be on standard input again"],
    )
    [key] = json.loads(Path("trust.json").read_bytes())["anchors"]["a"]["keys"]
    assert "signer" not in key
    assert key["backend"] == "file"


def test_a_dash_that_is_an_output_or_of_the_command_reads_nothing() -> None:
    statement()
    call("sign", "statement.json", "--signer", "file:-", "-o", "-", stdin=pkcs8(KEY)).done()
    line = ("run", "--step", "s", "--products", "a", "--signer", "file:-", "--", "sh", "-c", 'cat "$0" > a', "-")
    assert program(*line, stdin=pkcs8(KEY)).code == 0
    assert Path("a").read_bytes() == b""


def test_a_file_with_the_name_of_standard_input_is_ambiguous() -> None:
    write("-", pkcs8(P256))
    call("key", "check", "file:-", stdin=pkcs8(KEY)).refused(2, "(name-ambiguous)", hint=True)
    call("key", "check", "file:./-").done()


def test_a_key_is_read_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    text = pkcs8(KEY).decode()
    with open_signer(f"file:{write('key.pem', text.encode())}") as signer:
        keyid = signer.public_key.keyid
    for value in (text, text.replace("\n", "\\n"), base64.b64encode(text.encode()).decode()):
        monkeypatch.setenv("RELEASE", value)
        for uri in ("env:RELEASE", "env://RELEASE"):
            assert call("key", "check", uri, "--format", "json").json["key"]["keyid"] == keyid
    monkeypatch.setenv("RELEASE", base64.b64encode(P12).decode())
    call("key", "check", "env:RELEASE", "--passphrase-file", write("secret", PASSPHRASE.encode())).done()


@pytest.mark.parametrize(
    ("value", "says"),
    [(None, "is not set"), ("", "it is empty"), (" \n", "it is empty"), ("hunter2" * 10_000, "longer than 64 KiB")],
)
def test_a_variable_without_a_key_is_named_and_not_shown(
    value: str | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RELEASE", raising=False)
    if value is not None:
        monkeypatch.setenv("RELEASE", value)
    line = call("key", "check", "env:RELEASE").refused(4, says)
    assert "RELEASE" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("uri", ["env:", "env:A-B", "env:1A", "env:A=B", "env:A?with=sim:a", "env:Ä", "env:///A"])
def test_what_is_no_name_of_a_variable_is_a_wrong_command_line(uri: str) -> None:
    call("key", "check", uri).refused(2, "URI")


def test_what_is_no_name_of_a_variable_is_not_shown_as_it_may_be_the_key() -> None:
    assert "hunter2" not in call("key", "check", "env:hunter2+/=").refused(2, "the name of an environment variable")


def test_no_key_is_generated_in_a_variable() -> None:
    call("key", "generate", "env:RELEASE").refused(4, "(capability-missing)")


def test_the_command_of_run_does_not_get_the_variables_of_its_signers() -> None:
    value = base64.b64encode(cosign(KEY, PASSPHRASE)).decode()
    environment = {**os.environ, "RELEASE": value, "COSIGN_PASSWORD": PASSPHRASE, "OTHER": "x"}
    line = ("run", "--step", "s", "--products", "a", "--signer", "env:RELEASE", "--")
    command = ("sh", "-c", 'echo "$RELEASE,$COSIGN_PASSWORD,$OTHER" > a', f"argument {value}")
    ran = program(*line, *command, env=environment)
    assert ran.code == 0, ran.stderr
    assert Path("a").read_text() == ",,x\n"
    payload = base64.b64decode(json.loads(Path("s.intoto.json").read_bytes())["payload"])
    assert value.encode() not in payload
    assert b"argument ***" in payload
    again = ("run", "--step", "s", "--products", "a", "--signer", "sim:a?failover=env:RELEASE", "--")
    assert program(*again, *command, env=environment).code == 0
    assert Path("a").read_text().startswith(",")
    # One that no signer used stays with the command, which may be cosign.
    statement_of = ("run", "--step", "s", "--products", "a", "--signer", "sim:a", "--")
    assert program(*statement_of, *command, env=environment).code == 0
    assert Path("a").read_text() == f"{value},{PASSPHRASE},x\n"


def test_the_variable_with_the_key_is_not_recorded() -> None:
    environment = {**os.environ, "RELEASE": pkcs8(KEY).decode()}
    line = ("run", "--step", "s", "--products", "a", "--signer", "env:RELEASE", "--env", "RELEASE", "--not-secret")
    program(*line, "RELEASE", "--", "touch", "a", env=environment).refused(3, "(env-secret)", hint=True)
    assert not Path("a").exists()


def chained() -> tuple[str, ...]:
    write("release.p12", P12)
    statement()
    return ("sign", "statement.json", "--signer", "file:release.p12", "--certificate-chain", "release.p12")


def test_the_chain_of_a_pkcs12_file_is_written_beside_its_signature() -> None:
    line = chained()
    envelope = call(*line, "--passphrase-file", write("secret", PASSPHRASE.encode())).done().json
    assert base64.b64decode(envelope["signatures"][0]["certificate"]).decode() == LEAF.pem
    assert [base64.b64decode(one).decode() for one in envelope["signatures"][0]["intermediates"]] == [CA.pem]
    write("key.pem", pkcs8(LEAF.key))
    separate = ("sign", "statement.json", "--signer", "file:key.pem", "--certificate-chain", "release.p12")
    again = call(*separate, "--passphrase-file", "secret").done().json
    assert again["signatures"][0]["certificate"] == envelope["signatures"][0]["certificate"]


def test_a_pkcs12_file_that_is_named_twice_needs_its_passphrase_once() -> None:
    ran = on_terminal(*chained(), "-o", "signed.json", typed=[PASSPHRASE.encode() + b"\n"])
    assert ran.code == 0, ran.stdout
    assert ran.stdout.count(b"Enter the passphrase of release.p12") == 1


def test_a_chain_in_pkcs12_that_does_not_open_or_has_no_certificate_is_refused() -> None:
    line = chained()
    call(*line).refused(4, "(passphrase-missing)")
    call(*line, "--passphrase-file", write("wrong", b"wrong")).refused(4, "(passphrase-wrong)")
    write("bare.p12", pfx(LEAF.key, (), PASSPHRASE))
    bare = (*line[:-1], "bare.p12", "--passphrase-file", write("secret", PASSPHRASE.encode()))
    assert "no certificate" in call(*bare).refused(4, "(key-unreadable)")


def test_the_certificates_of_a_signer_are_a_chain_for_python() -> None:
    from attest import Statement, sign

    made = Statement.from_json(Path(statement()).read_bytes())
    write("release.p12", P12)
    with open_signer("file:release.p12", secrets=lambda _: PASSPHRASE) as signer:
        assert signer.certificates == (LEAF.der, CA.der, ROOT.der)
        envelope = sign(made, [signer], certificate_chains=[b"".join(signer.certificates)])
    fields = json.loads(envelope.to_json())["signatures"][0]
    assert base64.b64decode(fields["certificate"]).decode() == LEAF.pem
    with open_signer("sim:a") as signer:
        assert signer.certificates == ()


def test_a_key_file_that_others_can_read_is_used_with_a_warning() -> None:
    for name, data in (("id", openssh(KEY)), ("cosign.key", EMPTY_COSIGN)):
        Path(write(name, data)).chmod(0o644)
        ran = call("key", "export", f"file:{name}", "--passphrase-file", write("empty", b""))
        assert ran.code == 0
        assert f"{name} is accessible to other users".encode() in ran.stderr
