"""`ssh-agent:`: OpenSSH's own agent signs with the key that is named, and an agent that answers badly is refused."""

from __future__ import annotations

import sys
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from attest import PublicKey, SignerError, open_signer
from attest.keys import openssh
from attest.signers.ssh_agent import protocol
from tests.support.cli.calls import call
from tests.support.making.keys import private_key, public_bytes
from tests.support.services import ssh_agents as agents
from tests.support.watching import refused, without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = b"DSSEv1 what is signed"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> agents.SshAgent:
    monkeypatch.setenv("SSH_AUTH_SOCK", agents.shared().path)
    return agents.shared()


def fingerprint(private: Any) -> str:
    return openssh.fingerprint(openssh.blob_of(PublicKey.parse(public_bytes(private)).spki))


def test_a_key_is_named_by_a_public_key_file_in_any_format(agent: agents.SshAgent, tmp_path: Path) -> None:
    private = private_key("ed25519", 7)
    agent.add(private)
    path = tmp_path / "50% off.pub"
    path.write_bytes(public_bytes(private))
    with open_signer(f"ssh-agent:{path}".replace("%", "%25")) as signer:
        assert signer.files == (str(path),)
        signer.public_key.verify(signer.sign(DATA).sig, DATA)


def test_a_simulated_key_stays_marked(agent: agents.SshAgent, tmp_path: Path) -> None:
    private = private_key("ed25519", 7)
    agent.add(private)
    path = tmp_path / "key.pub"
    path.write_bytes(b"# simulated key: anyone can sign with it\n" + public_bytes(private))
    with open_signer(f"ssh-agent:{path}") as signer:
        assert signer.public_key.simulated


def test_the_key_is_never_the_first_one(agent: agents.SshAgent, tmp_path: Path) -> None:
    agent.add(private_key("ed25519"))
    path = tmp_path / "key.pub"
    path.write_bytes(public_bytes(private_key("ed25519", 8)))
    for uri in (f"ssh-agent:{path}", f"ssh-agent:{fingerprint(private_key('ed25519', 8))}"):
        with refused(SignerError, "key-not-found", uri) as caught, open_signer(uri) as signer:
            signer.sign(DATA)
        assert "ssh-add -l" in (caught.value.hint or "")


def test_a_key_of_another_type_is_unsupported(agent: agents.SshAgent) -> None:
    private = ec.generate_private_key(ec.SECP521R1())
    public = agent.add(private)
    name = openssh.fingerprint(b64decode(public.read_bytes().split()[1]))
    with refused(SignerError, "key-unsupported"):
        open_signer(f"ssh-agent:{name}").sign(DATA)


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("SHA256:abc", "signer-uri-invalid"),
        ("SHA256:" + "A" * 43 + "=", "signer-uri-invalid"),
        ("MD5:" + ":".join(["00"] * 16), "signer-uri-invalid"),
        ("x.pub?algorithm=rsassa-pss-sha256", "key-algorithm-mismatch"),
        ("x.pub?algorithm=rsa-pkcs1v15-sha384", "key-algorithm-mismatch"),
        ("x.pub?algorithm=none", "signer-uri-invalid"),
        ("x.pub?timeout=0", "signer-uri-invalid"),
        ("x.pub?key=first", "signer-uri-invalid"),
    ],
)
def test_a_uri_that_cannot_work_is_refused_when_it_is_opened(rest: str, code: str) -> None:
    with refused(SignerError, code):
        open_signer(f"ssh-agent:{rest}")


def test_a_type_that_the_algorithm_does_not_fit_is_a_mismatch(agent: agents.SshAgent) -> None:
    public = agent.add(private_key("ecdsa-sha2-nistp256"))
    with refused(SignerError, "key-algorithm-mismatch"):
        open_signer(f"ssh-agent:{public}?algorithm=ed25519").sign(DATA)


def test_a_public_key_file_that_is_none_is_named(agent: agents.SshAgent, tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    with refused(SignerError, "key-unreadable") as caught:
        open_signer(f"ssh-agent:{path}").sign(DATA)
    assert "SHA256:" in (caught.value.hint or "")
    path.write_bytes(b"hello")
    with refused(SignerError, "key-invalid", f"ssh-agent:{path}"):
        open_signer(f"ssh-agent:{path}").sign(DATA)


def test_data_up_to_the_limit_of_the_agent_is_signed(agent: agents.SshAgent) -> None:
    public = agent.add(private_key("ed25519"))
    with open_signer(f"ssh-agent:{public}") as signer:
        # A message is a byte, the key (51 bytes), the data, each behind a length, and the flags.
        most = bytes(protocol.MAX_MESSAGE - (1 + 4 + 51 + 4 + 4))
        signer.public_key.verify(signer.sign(most).sig, most)
        with refused(SignerError, "data-too-large") as caught:
            signer.sign(most + b"\0")
    assert "262,081" in caught.value.message


def test_threads_share_a_signer(agent: agents.SshAgent) -> None:
    public = agent.add(private_key("ed25519"))
    with open_signer(f"ssh-agent:{public}") as signer, ThreadPoolExecutor(8) as pool:
        data = [str(number).encode() for number in range(40)]
        for one, signature in zip(data, pool.map(signer.sign, data), strict=True):
            signer.public_key.verify(signature.sig, one)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
def test_no_agent_and_a_socket_without_one_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, agent: agents.SshAgent
) -> None:
    uri = f"ssh-agent:{'0' * 64}"
    monkeypatch.delenv("SSH_AUTH_SOCK")
    (tmp_path / "file").touch()
    paths = [None, "", "/nowhere/agent", str(tmp_path), str(tmp_path / "file"), "x" * 200, "a\0b"]
    for path in paths:
        if path is not None:
            uri = f"ssh-agent:{'0' * 64}?socket={path}".replace("\0", "%00")
        with refused(SignerError, "agent-unreachable", uri) as caught:
            open_signer(uri).sign(DATA)
        assert "SSH_AUTH_SOCK" in f"{caught.value.message}{caught.value.hint}"


def test_a_socket_of_the_uri_comes_before_the_environment(agent: agents.SshAgent, monkeypatch: Any) -> None:
    public = agent.add(private_key("ed25519"))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere")
    open_signer(f"ssh-agent:{public}?socket={agent.path}").sign(DATA)


def test_a_locked_agent_is_a_possible_reason() -> None:
    own = agents.SshAgent()
    try:
        public = own.add(private_key("ed25519"))
        with open_signer(f"ssh-agent:{public}?socket={own.path}") as signer:
            signer.sign(DATA)
            own.lock()
            with refused(SignerError, "agent-refused") as caught:
                signer.sign(DATA)
            assert "ssh-add -X" in (caught.value.hint or "")
            with refused(SignerError, "key-not-found") as caught:
                open_signer(str(signer.uri)).sign(DATA)
            assert "locked" in caught.value.message
            own.lock(23)
            signer.sign(DATA)
    finally:
        own.close()


@pytest.mark.parametrize("answer", ["true", "false"])
def test_a_person_confirms_or_refuses(answer: str) -> None:
    own = agents.SshAgent(SSH_ASKPASS=f"/bin/{answer}", SSH_ASKPASS_REQUIRE="force", DISPLAY=":0")
    try:
        with open_signer(f"ssh-agent:{own.add(private_key('ed25519'), '-c')}?socket={own.path}") as signer:
            if answer == "true":
                signer.public_key.verify(signer.sign(DATA).sig, DATA)
            else:
                with refused(SignerError, "agent-refused"):
                    signer.sign(DATA)
    finally:
        own.close()


@pytest.fixture
def troubled(shared_servers: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> Iterator[Any]:
    from sshagent import SshAgent  # type: ignore[import-not-found]

    made = SshAgent(tmp_path_factory.mktemp("a"))
    monkeypatch.setenv("SSH_AUTH_SOCK", made.path)
    yield made
    made.close()


def test_the_other_agent_signs_too(troubled: Any) -> None:
    for kind in ("ed25519", "p256", "p384", "rsa"):
        private = troubled.key(kind)
        with open_signer(f"ssh-agent:{fingerprint(private)}") as signer:
            for number in range(20 if kind.startswith("p") else 1):  # numbers with and without a zero before them
                data = str(number).encode()
                signer.public_key.verify(signer.sign(data).sig, data)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ("refuse", "agent-refused"),
        ("truncated", "agent-failed"),
        ("endless", "agent-timeout"),
        ("hang", "agent-timeout"),
        ("close", "agent-failed"),
        ("huge", "agent-failed"),
        ("wrong-kind", "agent-failed"),
    ],
)
def test_an_agent_that_does_not_answer_well_is_named(troubled: Any, trouble: str, code: str) -> None:
    seconds = 2 if code == "agent-timeout" else 20
    with open_signer(f"ssh-agent:{fingerprint(troubled.key())}?timeout={seconds}") as signer:
        signer.sign(DATA)
        troubled.trouble = trouble
        with without_waiting(), refused(SignerError, code, str(signer.uri)) as caught:
            signer.sign(DATA)
        assert DATA.decode() not in str(caught.value)


def test_a_list_that_ends_too_early_is_refused(troubled: Any) -> None:
    name = fingerprint(troubled.key())
    troubled.trouble = "short-list"
    with refused(SignerError, "agent-failed"):
        open_signer(f"ssh-agent:{name}").sign(DATA)


def test_sha_1_is_refused(troubled: Any) -> None:
    private = private_key("rsa-pkcs1v15-sha256")
    troubled.key(private=private)
    troubled.trouble = "sha1"
    with refused(SignerError, "key-algorithm-mismatch") as caught:
        open_signer(f"ssh-agent:{fingerprint(private)}").sign(DATA)
    assert "rsa-sha2-256" in caught.value.message


def test_the_signature_of_another_key_is_found_out(troubled: Any, tmp_path: Path) -> None:
    uri = f"ssh-agent:{fingerprint(troubled.key())}"
    troubled.trouble = "other-key"
    assert call("key", "check", uri).code == 4


ECDSA = PublicKey.parse(public_bytes(private_key("ecdsa-sha2-nistp256"))).algorithm


@pytest.mark.parametrize(
    "numbers",
    [
        (b"\1", b"\0\1"),  # a zero too many
        (b"\1", b""),
        (b"\x80", b"\1"),  # negative
        (b"\1" * 34, b"\1"),
        (b"\1", b"\1", b"\1"),
        (b"\1",),
    ],
)
def test_numbers_of_an_ecdsa_signature_that_openssh_would_not_write_are_refused(numbers: tuple[bytes, ...]) -> None:
    assert protocol.in_dsse(openssh.string(b"\1") + openssh.string(b"\2"), ECDSA) == bytes.fromhex("3006020101020102")
    with pytest.raises(ValueError, match=r"number|data|bytes"):
        protocol.in_dsse(b"".join(map(openssh.string, numbers)), ECDSA)


def test_the_main_job(agent: agents.SshAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    public = agent.add(private_key("rsa-pkcs1v15-sha256"))
    uri = f"ssh-agent:{public}"
    Path("app.whl").write_bytes(b"hello\n")
    call("trust", "init", "--anchor", "release", "--key", uri, "-o", "trust.json").done()
    built = call("build", "app.whl", "--type", "https://example.com/x/v1", "--predicate", "-", stdin=b"{}").done()
    Path("app.intoto.json").write_bytes(call("sign", "--signer", uri, stdin=built.stdout).done().stdout)
    call("verify", "app.intoto.json", "--trust", "trust.json", "--artifact", "app.whl").done()
    said = call("key", "check", uri, "--format", "json").done().json
    assert (said["capabilities"], said["certificates"]) == (["sign"], [])
    assert call("key", "export", uri, "--format", "ssh").done().stdout.split() == public.read_bytes().split()
    assert call("sign", "--signer", uri, "-o", str(public), stdin=built.stdout).code == 2  # never written over


def test_it_cannot_generate_keys(agent: agents.SshAgent) -> None:
    assert call("key", "generate", "ssh-agent:new").code == 4
