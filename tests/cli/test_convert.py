"""`attest convert`, and the options of `sign` and `run` for other verifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attest import open_signer
from attest.keys import KEYID_FORMATS, keyid_in
from tests.support.cli.calls import call

pytestmark = pytest.mark.usefixtures("among_inputs")

TRUST = ("--trust", "trust.json", "--artifact", "app.whl", "--now", "2026-01-31T12:00:00Z")
SIGN = ("sign", "statement.json", "--signer", "file:release.pem")


def keyid_of(data: bytes) -> Any:
    return json.loads(data)["signatures"][0].get("keyid")


def test_there_and_back_is_the_same_envelope_with_its_hint() -> None:
    call("convert", "app.intoto.json", "--to", "sigstore", "-o", "app.sigstore.json").done()
    call("verify", "app.sigstore.json", *TRUST).done()
    call("convert", "app.sigstore.json", "--to", "dsse", "-o", "again.json").done()
    call("verify", "again.json", *TRUST).done()
    before, after = (json.loads(Path(name).read_bytes()) for name in ("app.intoto.json", "again.json"))
    extension = after["signatures"][0].pop("extension")
    assert before == after
    assert extension["ext"]["publicKey"]["hint"]


def test_several_inputs_are_several_lines_in_their_order() -> None:
    given = call(
        "convert", "app.intoto.json", "-", "--to", "jsonl", stdin=Path("other.intoto.json").read_bytes()
    ).done()
    expected = [json.loads(Path(name).read_bytes()) for name in ("app.intoto.json", "other.intoto.json")]
    assert [json.loads(line) for line in given.stdout.splitlines()] == expected
    shown = call("convert", "app.intoto.json", "other.intoto.json", "--to", "jsonl", "--format", "json").done().json
    assert shown["converted"] == expected


def test_nothing_is_written_if_one_cannot_be_converted() -> None:
    call("convert", "app.intoto.json", "trust.json", "--to", "jsonl", "-o", "made.jsonl").refused(3, "envelope-invalid")
    call("convert", "app.intoto.json", "other.intoto.json", "--to", "dsse", "-o", "made.json").refused(
        3, "not-convertible", hint=True
    )
    line = call("convert", "app.intoto.json", "--to", "pep740", "-o", "made.json").refused(3, "not-convertible")
    assert "app.intoto.json: /signatures/0: a PyPI attestation needs a certificate" in line
    assert not list(Path().glob("made*"))


def test_an_empty_folder_has_nothing_to_convert() -> None:
    Path("empty").mkdir()
    call("convert", "empty", "--to", "jsonl").refused(3, "envelope-missing")
    call("convert", "-", "-", "--to", "jsonl").refused(2, "standard input can be read only once")


def test_what_is_lost_is_a_warning_and_in_the_result() -> None:
    document = json.loads(Path("app.intoto.json").read_bytes())
    Path("named.json").write_text(json.dumps({**document, "note": "by hand"}))
    ran = call("convert", "named.json", "--to", "sigstore", "--format", "json")
    assert ran.code == 0
    assert ran.prose == ["attest: warning: not kept: the field 'note' of the envelope"]
    assert ran.json["warnings"] == ["not kept: the field 'note' of the envelope"]


@pytest.mark.parametrize("form", KEYID_FORMATS)
def test_keyids_are_written_in_every_format(form: Any) -> None:
    with open_signer("file:release.pem") as signer:
        expected = keyid_in(signer.public_key, form) or None
    assert keyid_of(call(*SIGN, "--keyid-format", form).done().stdout) == expected
    key = ("--key", "release.pub.pem")
    changed = call("convert", "app.intoto.json", "--to", "dsse", "--keyid-format", form, *key).done().stdout
    assert keyid_of(changed) == expected
    Path("changed.json").write_bytes(changed)
    call("verify", "changed.json", *TRUST).done()
    run = ("run", "--step", "pack", "--products", "app.whl", "--allow-unchanged", "--type", "slsa-provenance")
    step = (*run[:5], "--signer", "file:release.pem", "--keyid-format", form, "-o", "step.json", "--", "true")
    assert call(*step).code == 0
    assert keyid_of(Path("step.json").read_bytes()) == expected


def test_a_key_that_is_not_known_has_no_other_keyid() -> None:
    call("convert", "app.intoto.json", "--to", "dsse", "--keyid-format", "ssh").refused(3, "not-convertible", hint=True)
    other = ("--key", "stranger.pub.pem")
    call("convert", "app.intoto.json", "--to", "dsse", "--keyid-format", "ssh", *other).refused(3, "not-convertible")


def test_a_chain_for_another_key_is_refused_before_the_command_of_run_starts() -> None:
    Path("chain.pem").write_text("no certificate")
    chain = ("--certificate-chain", "chain.pem")
    line = call(*SIGN, *chain, "-o", "made.json").refused(3, "certificate-invalid", hint=True)
    assert "chain.pem: the certificate chain cannot be read" in line
    step = ("run", "--step", "pack", "--products", "app.whl", "--signer", "file:release.pem", *chain, "-o", "made.json")
    call(*step, "--", "touch", "started").refused(3, "certificate-invalid")
    assert not list(Path().glob("made*"))
    assert not Path("started").exists()


def test_the_scheme_of_a_signature_is_named() -> None:
    call("key", "generate", "file:rsa.pem", "--algorithm", "rsassa-pss-sha256")
    Path("rsa.pub.pem").write_bytes(call("key", "export", "file:rsa.pem").done().stdout)
    call("trust", "init", "--anchor", "release", "--key", "rsa.pub.pem", "-o", "rsa.json")
    other = "file:rsa.pem?algorithm=rsa-pkcs1v15-sha256"
    call("sign", "statement.json", "--signer", other, "-o", "rsa.intoto.json").done()
    ran = call("verify", "rsa.intoto.json", "--trust", "rsa.json", "--artifact", "app.whl")
    assert (ran.code, len(ran.prose)) == (1, 2)
    assert 'write "algorithm": "rsa-pkcs1v15-sha256" in the entry of the key' in ran.prose[1]
