"""`sign --timestamp` against a real authority on loopback, and against servers that answer otherwise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from attest import Envelope, InputError, Rejected, SignerError, Timestamper, sign, verify
from attest._base.json import b64decode, b64encode, dumps
from attest._base.times import format_time
from attest.timestamps import tokens
from attest.timestamps.authorities import MAX_TOKEN
from tests.support.cli.calls import call
from tests.support.making.bundles import anchor, bundle, key
from tests.support.making.keys import ALICE, BOB
from tests.support.making.statements import ARTIFACT, signed, statement
from tests.support.services.servers import absent
from tests.support.services.tsa import Tsa, serving
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.services.tsa import Answer

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return Tsa(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def url(tsa: Tsa) -> Iterator[str]:
    with serving(tsa.answer) as where:
        yield where


def tokens_of(envelope: Envelope, position: int = 0) -> list[Any]:
    """What stands in the field of a signature."""
    entries: list[Any] = json.loads(envelope.to_json())["signatures"][position].get("timestamps", [])
    return entries


def trusting(tsa: Tsa, *entries: Any, threshold: int = 1) -> Any:
    """A trust bundle that believes the authority."""
    listed = {"corporate": {"certificates": [tsa.root]}}
    return bundle({"release": anchor(*entries, threshold=threshold)}, timestamp_authorities=listed)


def test_a_signature_gets_a_token_that_openssl_accepts(tsa: Tsa, url: str) -> None:
    envelope = sign(statement(), [ALICE], timestamp=Timestamper(url))
    [entry] = tokens_of(envelope)
    assert set(entry) == {"type", "data"}
    assert entry["type"] == "tsp"
    token = b64decode(entry["data"], where="")
    assert tsa.accepts(token, envelope.signatures[0].sig)
    assert not tsa.accepts(token, envelope.pae())


def test_it_proves_that_an_expired_key_signed_before(tsa: Tsa, url: str) -> None:
    envelope = sign(statement(), [ALICE], timestamp=Timestamper(url)).to_json()
    later = NOW + 30 * DAY
    trust = trusting(tsa, key(ALICE, not_after=format_time(NOW + DAY)))
    [check] = verify(envelope, trust, artifacts=[ARTIFACT], now=later).report.signatures
    assert check.timestamp is not None
    assert check.timestamp.authority == "corporate"
    assert check.timestamp.time is not None
    assert abs(check.timestamp.time - datetime.now(UTC)) < timedelta(minutes=2)
    with refused(Rejected, "threshold-not-met"):
        verify(signed(), trust, artifacts=[ARTIFACT], now=later)


def test_it_outlives_its_authoritys_certificate(tsa: Tsa, url: str) -> None:
    envelope = sign(statement(), [ALICE], timestamp=Timestamper(url))
    trust = trusting(tsa, key(ALICE, status="retired", status_since=format_time(NOW + DAY)))
    assert verify(envelope, trust, artifacts=[ARTIFACT], now=NOW + 3650 * DAY)


def test_each_new_signature_gets_one_and_the_others_keep_theirs(tsa: Tsa, url: str) -> None:
    first = Envelope.from_json(sign(statement(), [ALICE], timestamp=Timestamper(url)).to_json())
    second = sign(first, [BOB], timestamp=Timestamper(url))
    assert [len(tokens_of(second, position)) for position in (0, 1)] == [1, 1]
    assert tokens_of(second) == tokens_of(first)
    plain = sign(first, [BOB])
    assert (tokens_of(plain), tokens_of(plain, 1)) == (tokens_of(first), [])
    ended = [key(owner, not_after=format_time(NOW + DAY)) for owner in (ALICE, BOB)]
    trust = trusting(tsa, *ended, threshold=2)
    assert verify(second, trust, artifacts=[ARTIFACT], now=NOW + 2 * DAY).report.signatures[1].timestamp
    with refused(Rejected, "threshold-not-met"):
        verify(plain, trust, artifacts=[ARTIFACT], now=NOW + 2 * DAY)


@pytest.mark.parametrize("settings", [{"identified_by": "sha1"}, {"chain": True}, {"digests": "sha256"}], ids=str)
def test_other_authorities_are_believed_too(settings: dict[str, Any], tmp_path: Path) -> None:
    """By the old attribute of RFC 3161, and with a chain in the order of openssl and not of DER."""
    other = Tsa(tmp_path, "Another", **settings)
    with serving(other.answer) as where:
        envelope = sign(statement(), [ALICE], timestamp=Timestamper(where))
    trust = trusting(other, key(ALICE, not_after=format_time(NOW + DAY)))
    assert verify(envelope, trust, artifacts=[ARTIFACT], now=NOW + 2 * DAY)


def test_an_authority_of_the_same_names_is_not_believed(tsa: Tsa, tmp_path: Path) -> None:
    impostor = Tsa(tmp_path)
    with serving(impostor.answer) as where:
        envelope = sign(statement(), [ALICE], timestamp=Timestamper(where))
    trust = trusting(tsa, key(ALICE, not_after=format_time(NOW + DAY)))
    with refused(Rejected, "threshold-not-met") as caught:
        verify(envelope, trust, artifacts=[ARTIFACT], now=NOW + 2 * DAY)
    assert "signature 0: timestamp-chain-invalid" in str(caught.value)


def failing(answer: Answer, **settings: Any) -> str:
    """What is said when the authority answers so; nothing comes back."""
    with (
        serving(answer, **settings) as where,
        refused(SignerError, "timestamp-failed", where=where) as caught,
    ):
        sign(statement(), [ALICE], timestamp=Timestamper(where))
    assert caught.value.hint
    return str(caught.value)


def test_an_answer_to_another_question_is_refused(tsa: Tsa) -> None:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    def other(data: bytes, **settings: Any) -> Answer:
        request = TimestampRequestBuilder(data, HashAlgorithm.SHA256, **settings).build()
        return lambda _: (200, tsa.reply(request.as_bytes()))

    signature = signed().signatures[0].sig  # Ed25519: the same every time
    assert "about other data" in failing(other(b"something else"))
    assert "is for another request" in failing(other(signature))
    assert "is for another request" in failing(other(signature, nonce=False))


def test_what_is_no_token_is_refused(tsa: Tsa) -> None:
    assert "HTTP status 503" in failing(lambda _: (503, b"busy"))
    assert "is not valid" in failing(lambda _: (200, b"<html>"))
    assert "is not valid" in failing(lambda _: (200, b""))
    assert "is not valid" in failing(lambda query: (200, tsa.reply(query)[:-1]))
    assert "larger than 65,536 bytes" in failing(lambda _: (200, b"0" * (MAX_TOKEN + 1)))


def der(content: bytes) -> bytes:
    return b"\x30" + bytes([len(content)]) + content


def test_a_refusal_of_the_authority_is_told(tmp_path: Path) -> None:
    choosy = Tsa(tmp_path, digests="sha512")
    said = failing(choosy.answer)
    assert "rejection" in said
    assert "Message digest algorithm is not supported" in said
    for status, text in ((2, ""), (3, "30060c0462757379")):  # rejected, and told to wait, with or without saying why
        answer = der(der(b"\x02\x01" + bytes([status]) + bytes.fromhex(text)))
        with refused(Rejected, "timestamp-invalid") as caught:
            tokens.unwrap(answer)
        assert caught.value.message.endswith(": busy") is bool(text)


@pytest.mark.parametrize("status", range(7))
def test_two_of_the_statuses_of_an_answer_come_with_a_token(status: int) -> None:
    """RFC 3161, 2.4.2: granted, and granted with modifications. A token that comes with another one does not count."""
    token = der(b"\x05\x00")
    answer = der(der(b"\x02\x01" + bytes([status])) + token)
    if status in (0, 1):
        assert tokens.unwrap(answer) == token
        return
    with refused(Rejected, "timestamp-invalid"):
        tokens.unwrap(answer)


def test_a_redirect_is_not_followed(tsa: Tsa) -> None:
    with serving(tsa.answer) as elsewhere:
        assert "HTTP status 307" in failing(lambda _: (307, b""), headers={"Location": elsewhere})


def test_an_authority_that_is_not_there_is_told() -> None:
    with refused(SignerError, "timestamp-failed") as caught:
        sign(statement(), [ALICE], timestamp=Timestamper(absent()))
    assert "connection refused" in str(caught.value)


def test_an_authority_that_speaks_something_else_is_told() -> None:
    with serving(lambda _: (200, b"")) as where, refused(SignerError, "timestamp-failed") as caught:
        Timestamper(where.replace("http:", "https:"), timeout=5).token(b"data")
    assert "no TLS connection" in str(caught.value)


def test_an_authority_that_answers_a_byte_at_a_time_is_given_up(tsa: Tsa) -> None:
    gone = Event()

    def silent(_: bytes) -> tuple[int, bytes]:
        gone.wait(60)
        return 200, b""

    with serving(silent) as where:
        try:
            with without_waiting(), refused(SignerError, "timestamp-failed") as caught:
                Timestamper(where, timeout=0.2).token(b"data")
        finally:
            gone.set()
    assert "within 0.2 s" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tsa.example",
        "ftp://tsa.example/",
        "file:///etc/passwd",
        "http://",
        "http:///tsr",
        "http://user:secret@tsa.example/",
        "ftp://user:secret@tsa.example/",
        "user:secret@tsa.example",
        "http://tsa.example:99999/",
        "http://tsa.example/a b",
        "http://tsa.example/\r\nHost: x",
        "http://[::1/",
        "http://größe.example/",
    ],
)
def test_only_an_http_url_is_asked(url: str) -> None:
    with refused(InputError, "timestamp-url-invalid") as caught:
        Timestamper(url)
    assert "secret" not in str(caught.value)
    refusal = call("sign", "statement.json", "--signer", "sim:alice", "--timestamp", url).refused(2, "--timestamp")
    assert "secret" not in refusal


def test_a_url_is_asked_at_its_path_and_query(tsa: Tsa) -> None:
    assert repr(Timestamper("http://tsa.example")) == "Timestamper('http://tsa.example')"
    with serving(tsa.answer) as where:
        assert Timestamper(f"{where}?policy=1#fragment").token(b"data")


def test_the_command_line_signs_and_verifies_with_proven_time(
    tsa: Tsa, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "statement.json").write_bytes(statement().raw)
    call("key", "generate", "file:release.pem").done()
    end = format_time(NOW + DAY)
    keys = ("--anchor", "release", "--key", "file:release.pem", "--not-after", end)
    call("trust", "init", *keys, "-o", "trust.json").done()
    document = json.loads((tmp_path / "trust.json").read_bytes())
    document["timestamp_authorities"] = {"corporate": {"certificates": [tsa.root]}}
    (tmp_path / "trust.json").write_bytes(dumps(document))

    call("sign", "statement.json", "--signer", "file:release.pem", "--timestamp", url, "-o", "a.json").done()
    asked = ["--trust", "trust.json", "--artifact", ARTIFACT, "--now", format_time(NOW + 2 * DAY)]
    said = call("verify", "a.json", *asked).done().stdout.decode()
    proven = json.loads(call("verify", "a.json", *asked, "--format", "json").done().stdout)
    [check] = proven["envelopes"][0]["signatures"]
    assert check["timestamp"] == {**check["timestamp"], "authority": "corporate", "code": None, "message": None}
    assert f"    signed before {check['timestamp']['time']} (timestamp by corporate)\n" in said

    monkeypatch.setenv("ATTEST_TIMESTAMP", url)
    call("sign", "statement.json", "--signer", "file:release.pem", "-o", "b.json").done()
    call("verify", "b.json", *asked).done()
    monkeypatch.delenv("ATTEST_TIMESTAMP")
    call("sign", "statement.json", "--signer", "file:release.pem", "-o", "c.json").done()
    line = call("verify", "c.json", *asked).refused(1, "(threshold-not-met)", hint=True)
    assert "signature 0: key-expired" in line

    moved = json.loads((tmp_path / "a.json").read_bytes())
    moved["signatures"][0]["timestamps"][0]["data"] = b64encode(Timestamper(url).token(b"something else"))
    (tmp_path / "d.json").write_bytes(dumps(moved))
    ran = call("verify", "d.json", *asked)
    assert "signature 0: timestamp-mismatch" in ran.refused(1, "(threshold-not-met)", hint=True)
    assert "attest: hint: Check the timestamp of signature 0: the timestamp is not about the signature." in ran.prose
    now = call("verify", "d.json", "--trust", "trust.json", "--artifact", ARTIFACT).done().stdout.decode()
    assert "    timestamp not counted: the timestamp is not about the signature (timestamp-mismatch)\n" in now
    assert "  timestamps  corporate: CN=Test Root\n" in call("trust", "show", "trust.json").done().stdout.decode()


def test_nothing_is_written_without_the_timestamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "statement.json").write_bytes(statement().raw)
    with serving(lambda _: (500, b"")) as where:
        ran = call("sign", "statement.json", "--signer", "sim:alice", "--timestamp", where, "-o", "a.json")
    ran.refused(4, "(timestamp-failed)", hint=True)
    assert ran.stdout == b""
    assert not (tmp_path / "a.json").exists()
