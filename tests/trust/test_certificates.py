"""A certificate given as a key: its key is trusted within its window, and nothing that it issued."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from attest import InputError, PublicKey, TrustBundle
from attest._base.times import format_time
from attest.keys import Certificate, certificate
from attest.trust import editing, lint
from tests.support.cli.calls import Ran, call
from tests.support.cli.inputs import key_pem
from tests.support.making.keys import json_key, private_key, public_bytes
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
WINDOWS = {
    "valid": (NOW - DAY, NOW + 90 * DAY),
    "expired": (NOW - 90 * DAY, NOW - DAY),
    "coming": (NOW + DAY, NOW + 90 * DAY),
}
ALLOW = "--allow-expired-certificate"


def issued(when: str, *, is_ca: bool | None = None, encoding: Encoding = Encoding.PEM, number: int = 0) -> bytes:
    """A certificate for a P-256 key, by that key itself."""
    private = private_key("ecdsa-sha2-nistp256", number)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, when)])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, *WINDOWS[when])
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_ca, None), critical=True)
    return builder.sign(private, SHA256()).public_bytes(encoding)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for when in WINDOWS:
        Path(f"{when}.crt").write_bytes(issued(when))
    Path("other.crt").write_bytes(issued("valid", number=1))
    Path("ca.crt").write_bytes(issued("valid", is_ca=True, encoding=Encoding.DER))
    Path("key.pem").write_bytes(key_pem("a"))
    Path("key.pem").chmod(0o600)


def init(*words: str) -> Ran:
    return call("trust", "init", "--anchor", "a", *words, "-o", "trust.json")


def entry(index: int = 0, file: str = "trust.json") -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(Path(file).read_text())["anchors"]["a"]["keys"][index]
    return found


def window(when: str) -> dict[str, str]:
    begin, end = WINDOWS[when]
    return {"not_before": format_time(begin), "not_after": format_time(end)}


def told(ran: Ran, kind: str) -> list[str]:
    return [line for line in ran.prose if line.startswith(f"attest: {kind}: ")]


def test_a_certificate_is_read_in_both_encodings_and_nothing_else_is_one() -> None:
    for encoding in (Encoding.PEM, Encoding.DER):
        for is_ca in (None, False, True):
            data = issued("valid", is_ca=is_ca, encoding=encoding)
            assert certificate(data) == Certificate(*WINDOWS["valid"], bool(is_ca))
    public = public_bytes(private_key("ecdsa-sha2-nistp256"))
    text = issued("valid").decode()
    for wrapped in (
        json_key("ecdsa-sha2-nistp256", text),
        b"# simulated key: anyone can sign with it\n" + text.encode(),
    ):
        assert PublicKey.parse(wrapped).spki == PublicKey.parse(text.encode()).spki
        assert certificate(wrapped) == Certificate(*WINDOWS["valid"], False)
    for other in (
        public,
        b"",
        b"nonsense",
        json_key("ed25519", "00" * 32),
        b"-----BEGIN CERTIFICATE-----\n",
        b"\x30\x03\x02\x01\x01",
    ):
        assert certificate(other) is None


def test_a_certificate_is_valid_from_its_first_to_its_last_second() -> None:
    begin, end = WINDOWS["valid"]
    one, second = Certificate(begin, end, False), timedelta(seconds=1)
    for now in (begin, end):
        one.demand_valid(now)
    with refused(InputError, "certificate-expired"):
        one.demand_valid(end + second)
    with refused(InputError, "certificate-not-yet-valid"):
        one.demand_valid(begin - second)


def test_a_key_out_of_a_certificate_counts_as_long_as_that() -> None:
    ran = init("--key", "valid.crt")
    assert ran.code == 0
    assert [line for line in ran.prose if window("valid")["not_after"] in line] == told(ran, "note")
    assert told(ran, "warning") == []
    assert window("valid").items() <= entry().items()
    assert "PUBLIC KEY" in entry()["public_key"]
    shown = call("trust", "show", "trust.json").done().stdout.decode()
    assert f"until {window('valid')['not_after']}" in shown


@pytest.mark.parametrize("when", ["expired", "coming"])
@pytest.mark.parametrize("command", ["init", "add", "rotate", "root", "add --roots"])
def test_a_certificate_that_is_not_valid_now_is_refused_unless_that_is_allowed(command: str, when: str) -> None:
    code = {"expired": "(certificate-expired)", "coming": "(certificate-not-yet-valid)"}[when]
    given = ["--key", f"{when}.crt"]
    if command in ("init", "root"):
        line = [
            "init",
            "--anchor",
            "a",
            *(given if command == "init" else ["--key", "file:key.pem", "--root", f"{when}.crt"]),
        ]
        line += ["-o", "new.json"]
    else:
        init("--key", "file:key.pem", "--root", "sim:root").done()
        old = TrustBundle.load("trust.json").anchors["a"].keys[0].public_key.keyid
        place = ["--roots"] if "roots" in command else ["--anchor", "a"]
        line = [command.split()[0], "trust.json", *place, *given]
        line += ["--keyid", old] if command == "rotate" else []
    before = {path: path.read_bytes() for path in Path().iterdir()}
    call("trust", *line).refused(3, code, hint=True)
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
    ran = call("trust", *line, ALLOW)
    if (command, when) == ("rotate", "expired"):  # the new key would have ended before it begins
        assert (ran.code, told(ran, "error")[0].endswith("(time-invalid)")) == (3, True)
        return
    assert ran.code == 0
    assert code in told(ran, "warning")[0]
    if command in ("init", "add", "rotate"):
        where = ("new.json" if command == "init" else "trust.json"), (0 if command == "init" else 1)
        assert window(when).items() <= entry(where[1], where[0]).items() or command == "rotate"
        assert entry(where[1], where[0])["not_after"] == window(when)["not_after"]


def test_an_allowed_certificate_still_counts_only_within_its_window() -> None:
    for when, code in {"expired": "key-expired", "coming": "key-not-yet-valid"}.items():
        Path("trust.json").unlink(missing_ok=True)
        init("--key", f"{when}.crt", ALLOW)
        [key] = TrustBundle.load("trust.json").anchors["a"].keys
        assert key.objection(NOW) == code


def test_a_rotation_never_begins_before_the_certificate_does() -> None:
    init("--key", "file:key.pem").done()
    old = TrustBundle.load("trust.json").anchors["a"].keys[0].public_key.keyid
    call("trust", "rotate", "trust.json", "--anchor", "a", "--keyid", old, "--key", "coming.crt", ALLOW)
    assert entry(1)["not_before"] == window("coming")["not_before"]


def test_of_two_windows_the_narrower_one_counts() -> None:
    begin, end = (format_time(moment) for moment in (NOW + DAY, NOW + 9 * DAY))
    assert init("--key", "valid.crt", "--not-before", begin, "--not-after", end).code == 0
    assert (entry()["not_before"], entry()["not_after"]) == (begin, end)
    Path("trust.json").unlink()
    wide = [format_time(moment) for moment in (NOW - 900 * DAY, NOW + 900 * DAY)]
    assert init("--key", "valid.crt", "--not-before", wide[0], "--not-after", wide[1]).code == 0
    assert window("valid").items() <= entry().items()
    Path("trust.json").unlink()
    ran = init("--key", "valid.crt", "--not-before", format_time(NOW + 99 * DAY))
    assert (ran.code, "`not_after` is before" in told(ran, "error")[0]) == (2, True)


def test_of_the_certificate_of_a_ca_it_is_said_what_is_not_trusted() -> None:
    ran = init("--key", "ca.crt")
    assert ran.code == 0
    [warning] = told(ran, "warning")
    assert "ca.crt is a CA certificate" in warning
    assert "not the certificates that it issued" in warning
    assert told(init("--key", "valid.crt"), "warning") == []


def test_a_root_out_of_a_certificate_has_no_window_as_no_root_has() -> None:
    assert init("--key", "file:key.pem", "--root", "valid.crt").code == 0
    assert call("trust", "add", "trust.json", "--roots", "--key", "other.crt").code == 0
    for root in json.loads(Path("trust.json").read_text())["roots"]["keys"]:
        assert not root.keys() & {"not_before", "not_after"}


@pytest.mark.parametrize("command", ["retire --anchor a", "revoke"])
def test_a_key_is_named_by_its_certificate_even_when_that_has_ended(command: str) -> None:
    init("--key", "expired.crt", ALLOW)
    name, *words = command.split()
    assert call("trust", name, "trust.json", *words, "--key", "expired.crt").done()
    assert entry()["status"] in ("retired", "compromised")


def test_what_a_program_describes_has_the_window_too() -> None:
    data = issued("valid")
    made = editing.describe_key(PublicKey.parse(data), certificate(data), reason="new")
    assert window("valid").items() <= made.items()
    assert made["reason"] == "new"
    assert "not_after" not in editing.describe_key(PublicKey.parse(data))


def test_a_certificate_in_a_bundle_whose_key_counts_longer_is_a_finding() -> None:
    data = issued("expired")
    for end, codes in {None: ["certificate-outlived"], NOW + DAY: ["certificate-outlived"], NOW - DAY: []}.items():
        fields = {} if end is None else {"not_after": format_time(end)}
        key = editing.describe_key(PublicKey.parse(data), **fields) | {"public_key": data.decode()}
        bundle = editing.create("a", [key], now=NOW)
        found = lint.check(bundle, now=NOW)
        assert [finding.code for finding in found if finding.code == "certificate-outlived"] == codes
