"""Signed trust bundles at the command line: made, signed by several, shown, and verified with from a root."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.cli.calls import SCHEMA, call
from tests.support.cli.inputs import key_pem
from tests.support.making.chains import R1, R2, envelope, history, roots_file, version

RESULT = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
NAMES = ("ann", "ben", "cat")


@pytest.fixture(autouse=True)
def _among_the_inputs(among_inputs: Path) -> None:
    for name in NAMES:
        Path(f"{name}.pem").write_bytes(key_pem(name))
        Path(f"{name}.pem").chmod(0o600)


@pytest.fixture
def signed() -> str:
    """A signed version 1 with three roots, of which two have signed."""
    init("1.json")
    call(
        "trust", "sign", "1.json", "--signer", "file:ann.pem", "--signer", "file:cat.pem", "-o", "1.signed.json"
    ).done()
    return "1.signed.json"


def init(name: str, *more: str) -> None:
    roots = [word for owner in NAMES for word in ("--root", f"file:{owner}.pem")]
    anchor = ("--anchor", "release", "--key", "release.pub.pem")
    call("trust", "init", *anchor, *roots, "--root-threshold", "2", "-o", name, *more).done()


def result(*arguments: str) -> Any:
    document = call(*arguments, "--format", "json").json
    RESULT.validate(document)
    return document


def verify(trust: str, root: str, *more: str) -> tuple[str, ...]:
    return ("verify", "app.intoto.json", "--artifact", "app.whl", "--trust", trust, "--trust-root", root, *more)


def test_what_was_signed_by_two_verifies_and_nothing_less(signed: str) -> None:
    Path("roots.json").write_bytes(
        json.dumps(
            {"mediaType": "application/vnd.attest.trust-roots.v1+json"}
            | json.loads(Path("1.json").read_bytes())["roots"]
        ).encode()
    )
    assert call(*verify(signed, "roots.json")).done()
    call("trust", "sign", "1.json", "--signer", "file:ben.pem", "-o", "1.ben.json").done()
    call(*verify("1.ben.json", "roots.json")).refused(1, "(root-threshold-not-met)")
    call("trust", "sign", "1.ben.json", "--signer", "file:ann.pem", "-o", "1.two.json").done()
    assert call(*verify("1.two.json", "roots.json")).done()


def test_the_options_come_from_the_environment_and_lose_against_the_command_line(
    signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ("verify", "app.intoto.json", "--artifact", "app.whl")
    monkeypatch.setenv("ATTEST_TRUST", signed)
    call(*plain).refused(3, "(trust-root-missing)")
    monkeypatch.setenv("ATTEST_TRUST_ROOT", "1.json")
    assert call(*plain).done()
    monkeypatch.setenv("ATTEST_TRUST_MIN_VERSION", "2")
    call(*plain).refused(1, "(trust-rollback)")
    assert call(*plain, "--trust-min-version", "1").done()
    monkeypatch.setenv("ATTEST_TRUST_MIN_VERSION", "none")
    call(*plain).refused(2, "--trust-min-version")


def test_a_pinned_root_asks_for_signatures_and_a_plain_file_has_none(signed: str) -> None:
    call(*verify("trust.json", signed)).refused(1, "(trust-unsigned)", hint=True)
    call(
        "verify", "app.intoto.json", "--artifact", "app.whl", "--trust", "trust.json", "--trust-min-version", "2"
    ).refused(1, "(trust-rollback)")


def test_an_expired_bundle_verifies_nothing_however_well_it_is_signed() -> None:
    init("1.json", "--expires", "2099-01-01T00:00:00Z")
    call("trust", "sign", "1.json", "--signer", "file:ann.pem", "--signer", "file:cat.pem", "-o", "s.json").done()
    assert call(*verify("s.json", "1.json")).done()
    call(*verify("s.json", "1.json", "--now", "2099-01-01T00:00:01Z")).refused(1, "(trust-expired)")


def test_a_history_is_the_signed_files_one_after_the_other() -> None:
    versions, lines = history()
    Path("history.jsonl").write_bytes(b"".join(lines))
    Path("5.json").write_bytes(versions[4].raw)
    shown = result("trust", "show", "history.jsonl", "--trust-root", "5.json")
    assert shown["version"] == 10
    assert [(check["version"], check["roots_version"]) for check in shown["signed"]] == [
        pair for number in range(6, 11) for pair in ((number, number - 1), (number, number))
    ]
    assert all(check["counted"] >= check["threshold"] for check in shown["signed"])
    Path("history.jsonl").write_bytes(b"".join(reversed(lines)))
    call("trust", "show", "history.jsonl", "--trust-root", "5.json").refused(1, "(trust-rollback)")


def test_what_nothing_vouches_for_is_shown_as_unverified(signed: str) -> None:
    shown = result("trust", "show", signed)
    assert set(shown) == {"mediaType", "command", "result", "exit", "file", "unverified"}
    assert shown["unverified"]["trust"] == json.loads(Path("1.json").read_bytes())
    assert call("trust", "show", signed).done().stdout.startswith(b"UNVERIFIED: ")
    assert not call("trust", "show", "1.json").done().stdout.startswith(b"UNVERIFIED")


def test_what_is_vouched_for_is_shown_with_who_signed_it() -> None:
    Path("1.json").write_bytes(version(1, R1).raw)
    Path("2.json").write_bytes(envelope(version(2, R2), R1, R2))
    text = call("trust", "show", "2.json", "--trust-root", "1.json").done().stdout.decode()
    assert f"{R1.public_key.keyid} (counted)" in text
    assert "(not counted: key-unknown)" in text
    Path("roots.json").write_bytes(roots_file(R2))
    assert result("trust", "show", "2.json", "--trust-root", "roots.json")["signed"][0]["roots_version"] is None
    Path("roots.json").write_bytes(roots_file(R1, R2, threshold=2))
    assert result("trust", "show", "2.json", "--trust-root", "roots.json")["signed"][0]["counted"] == 2


def test_a_history_is_reviewed_and_never_verified() -> None:
    Path("history.jsonl").write_bytes(envelope(version(1, R1), R1) + envelope(version(2, R2), R1, R2))
    text = call("trust", "diff", "history.jsonl").done().stdout.decode()
    assert text.startswith("UNVERIFIED: history.jsonl: version 1 -> 2: ")
    assert "version 2: 1 of 1 required signatures by the roots of version 1\n" in text
    shown = result("trust", "diff", "history.jsonl")
    assert not {"old", "new", "changes", "weakened"} & shown.keys()
    assert ([one["roots_version"] for one in shown["signed"]], shown["findings"]) == ([1, 2], [])
    checked = call("trust", "check", "history.jsonl")
    assert checked.stdout.startswith(b"UNVERIFIED: history.jsonl (version 2, 2 warnings)\n")
    assert b"\n  1 earlier version: enough signatures\n" in checked.stdout
    # New roots that the old ones did not agree to.
    Path("1.json").write_bytes(version(1, R1).raw)
    Path("2.json").write_bytes(envelope(version(2, R2), R2))
    [finding] = result("trust", "diff", "1.json", "2.json")["findings"]
    assert finding["message"] == "version 2 has 0 of 1 required signatures by the roots of version 1"


@pytest.mark.parametrize("line", ["add FILE --anchor release --key stranger.pub.pem", "show FILE --public"])
def test_a_signed_file_is_not_edited_or_copied(line: str, signed: str) -> None:
    before = Path(signed).read_bytes()
    call("trust", *line.replace("FILE", signed).split()).refused(3, "(trust-signed)", hint=True)
    assert Path(signed).read_bytes() == before


def test_signing_says_how_many_signatures_are_there_and_keeps_standard_output_for_the_envelope(signed: str) -> None:
    call("trust", "add", "1.json", "--anchor", "nightly", "--key", "stranger.pub.pem").done()
    ran = call("trust", "sign", "1.json", "--signer", "file:ben.pem", "--trust-root", signed)
    assert ran.code == 0
    assert ran.json["payloadType"] == "application/vnd.attest.trust-bundle+json"
    assert ran.stdout.count(b"\n") == 1
    assert ran.prose == [
        "attest: note: version 2: 1 of 2 required signatures by the roots of version 1",
        "attest: note: version 2: 1 of 2 required signatures by the roots of version 2",
    ]
    done = result("trust", "sign", "1.json", "--signer", "file:ben.pem", "--trust-root", signed, "-o", "2.ben.json")
    assert [(check["roots_version"], check["counted"]) for check in done["signed"]] == [(1, 1), (2, 1)]
    piped = call("trust", "sign", "-", "--signer", "file:cat.pem", "-o", "2.json", stdin=ran.stdout)
    assert piped.done()
    assert call(*verify("2.json", signed)).done()


def test_what_is_not_the_next_version_is_not_signed(signed: str) -> None:
    call("trust", "sign", "1.json", "--signer", "file:ben.pem", "--trust-root", signed).refused(1, "(trust-rollback)")
    for name in ("a", "b"):
        call("trust", "add", "1.json", "--anchor", name, "--key", "stranger.pub.pem").done()
    call("trust", "sign", "1.json", "--signer", "file:ben.pem", "--trust-root", signed).refused(
        1, "(trust-version-gap)"
    )


def test_nothing_is_written_unless_every_root_signed(signed: str) -> None:
    before = Path(signed).read_bytes()
    for signers, code, slug in (
        (("file:ben.pem", "file:release.pem"), 3, "(root-unknown)"),
        (("file:ben.pem", "file:ann.pem"), 3, "(already-signed)"),
        (("file:ben.pem", "file:nobody.pem"), 4, "(key-unreadable)"),
    ):
        words = [word for signer in signers for word in ("--signer", signer)]
        call("trust", "sign", signed, *words, "-o", "out.json").refused(code, slug)
        assert not Path("out.json").exists()
    call("trust", "sign", signed, "--signer", "file:ben.pem", "-o", signed).refused(2, "also an input")
    assert Path(signed).read_bytes() == before
