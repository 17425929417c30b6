"""Likely mistakes at the prompt: each message says what happened, and its hint what to do next."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest.keys import PublicKey
from tests.support.cli.calls import call

if TYPE_CHECKING:
    from collections.abc import Callable

TYPE = "https://example.com/review/v1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each kind of file, and with what people do to them."""
    folder = tmp_path_factory.mktemp("mistakes")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for name in ("release", "other"):
            call("key", "generate", f"file:{name}.pem").done()
        Path("release.pub").write_bytes(call("key", "export", "file:release.pem").stdout)
        call("trust", "init", "--anchor", "release", "--key", "release.pub", "-o", "trust.json").done()
        Path("app.bin").write_bytes(b"app")
        call("build", "app.bin", "--type", TYPE, "-o", "statement.json").done()
        call("sign", "statement.json", "--signer", "file:release.pem", "-o", "app.json").done()
        change("app.json", "changed.json", lambda one: {**one, "payload": other_payload(one["payload"])})
        trust = json.loads(Path("trust.json").read_bytes())
        anchor = trust["anchors"]["release"]
        key = dict(anchor["keys"][0])
        key["algoritm"] = key.pop("algorithm")
        write("treshold.json", {**trust, "anchors": {"release": {**anchor, "treshold": 2}}})
        write("algoritm.json", {**trust, "anchors": {"release": {**anchor, "keys": [key]}}})
        Path("policy.toml").write_text(f'[[require]]\ntype = "{TYPE}"\n')
        Path("treshold.toml").write_text(f'[[require]]\ntype = "{TYPE}"\ntreshold = 2\n')
        Path("profiles.toml").write_text('[profiles.ci]\nsingers = ["file:release.pem"]\n')
        Path("app.json.gz").write_bytes(gzip.compress(Path("app.json").read_bytes()))
        Path("answer.jsonl").write_text(json.dumps(json.loads(Path("app.json").read_bytes()), indent=2))
        Path("empty.json").write_bytes(b"")
        other_encodings(Path("app.json").read_text())
        Path("cut.json").write_bytes(Path("app.json").read_bytes()[:40])
        Path("folder").mkdir()
        Path("localhost:1/folder").mkdir(parents=True)
    finally:
        os.chdir(before)
    return folder


def other_encodings(envelope: str) -> None:
    """What tools, editors, servers and shells make of a JSON document."""
    Path("bom.json").write_text(envelope, encoding="utf-8-sig")
    Path("utf16.json").write_text(envelope, encoding="utf-16")
    Path("crlf.json").write_bytes(json.dumps(json.loads(envelope), indent=1).replace("\n", "\r\n").encode())
    Path("array.json").write_text(f"[{envelope}]")
    Path("base64.txt").write_bytes(b64encode(envelope.encode()))
    Path("page.html").write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    Path("lfs.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    Path("token.txt").write_text("eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.AAAA")
    Path("app.asc").write_text("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")
    Path("trust.yaml").write_text("mediaType: application/vnd.attest.trust-bundle.v1+json\nversion: 1\n")


def other_payload(payload: str) -> str:
    return b64encode(b64decode(payload).replace(b"app.bin", b"apq.bin")).decode()


def write(name: str, document: Any) -> None:
    Path(name).write_text(json.dumps(document))


def change(name: str, copy: str, how: Callable[[Any], Any]) -> None:
    write(copy, how(json.loads(Path(name).read_bytes())))


VERIFY = "verify app.json --trust trust.json --artifact app.bin"
MISTAKES = {
    "changed": (VERIFY.replace("app.json", "changed.json"), 1, "changed after signing, or not made by the key"),
    "swapped": ("verify app.bin --trust trust.json --artifact app.json", 3, "Swap them: app.json is the attestation."),
    "artifact-as-argument": ("verify app.json app.bin --trust trust.json", 2, "--artifact FILE"),
    "trust-is-a-key": (VERIFY.replace("trust.json", "release.pub"), 3, "attest trust init --anchor NAME --key FILE"),
    "trust-treshold": (VERIFY.replace("trust.json", "treshold.json"), 3, "Did you mean 'threshold'?"),
    "trust-algoritm": (VERIFY.replace("trust.json", "algoritm.json"), 3, "'algoritm'. Did you mean 'algorithm'?"),
    "trust-is-a-folder": (VERIFY.replace("trust.json", "folder"), 3, "Name a file in this directory."),
    "trust-mistyped": (VERIFY.replace("trust.json", "trust.jsno"), 3, "Did you mean 'trust.json'?"),
    "trust-empty": (VERIFY.replace("trust.json", "empty.json"), 3, "it may have failed"),
    "tilde": (VERIFY.replace("trust.json", "~/trust.json"), 3, "The shell expands `~` only at the start of a word"),
    "envelope-cut": (VERIFY.replace("app.json", "cut.json"), 3, "The end is missing."),
    "envelope-not-lines": (VERIFY.replace("app.json", "answer.jsonl"), 3, "name it .json."),
    "inspect-not-lines": ("inspect answer.jsonl", 3, "name it .json."),
    "envelope-gz": (VERIFY.replace("app.json", "app.json.gz"), 3, "gunzip"),
    "policy-treshold": (f"{VERIFY} --policy treshold.toml", 3, "Did you mean 'threshold'?"),
    "policy-is-trust": (f"{VERIFY} --policy trust.json", 3, "--trust"),
    "type": (f"{VERIFY} --type slsa", 2, "Did you mean slsa-provenance"),
    "anchor": (f"{VERIFY} --anchor Release", 3, "Did you mean 'release'?"),
    "bare-digest": (VERIFY.replace("app.bin", "ab" * 32), 2, f"write sha256:{'ab' * 32}"),
    "signer-is-a-path": ("sign statement.json --signer release.pem", 2, "`file:release.pem`"),
    "signer-mistyped": ("sign statement.json --signer file:relase.pem", 4, "Did you mean 'release.pem'?"),
    "signer-tilde": ("sign statement.json --signer file:~/release.pem", 4, "$HOME"),
    "signer-is-trust": ("sign statement.json --signer file:trust.json", 4, "a trust bundle, not a private key"),
    "signer-rs256": ("sign statement.json --signer file:release.pem?algorithm=RS256", 2, "'rsa-pkcs1v15-sha256'"),
    "signer-es256": ("sign statement.json --signer file:release.pem?algorithm=ecdsa-sha2-nistp256", 4, "ed25519"),
    "signer-algoritm": (
        "sign statement.json --signer file:release.pem?algoritm=ed25519",
        2,
        "Did you mean 'algorithm'?",
    ),
    "profile-singers": ("sign statement.json --signer profile:ci --config profiles.toml", 3, "Did you mean 'signers'?"),
    "sign-a-key": ("sign release.pem --signer file:release.pem", 3, "a private key, not a statement or an envelope"),
    "sign-a-file": ("sign app.bin --signer file:release.pem", 3, "`attest build FILE --type TYPE`"),
    "sign-an-archive": ("sign app.json.gz --signer file:release.pem", 3, "`attest build FILE --type TYPE`"),
    "sign-empty": ("sign empty.json --signer file:release.pem", 3, "it may have failed"),
    "build-without-predicate": ("build app.bin --type slsa-provenance", 3, "--predicate"),
    "attach-swapped": ("oci attach app.json localhost:1/app:1", 3, "The image comes first, then app.json"),
    "image-is-a-folder": ("oci list localhost:1/folder", 4, "write oci-layout:"),
    "output-folder": (
        "sign statement.json --signer file:release.pem -o none/app.json",
        3,
        "Create the directory first",
    ),
    "key-is-a-statement": ("trust init --anchor a --key statement.json", 3, "not a public key"),
    "bom": (VERIFY.replace("app.json", "bom.json"), 3, "without a byte order mark"),
    "utf-16": (VERIFY.replace("app.json", "utf16.json"), 3, "iconv -f UTF-16"),
    "json-array": (VERIFY.replace("app.json", "array.json"), 3, "one document in each line"),
    "base64": (VERIFY.replace("app.json", "base64.txt"), 3, "base64 -d"),
    "error-page": (VERIFY.replace("app.json", "page.html"), 3, "a web page"),
    "git-lfs": (VERIFY.replace("app.json", "lfs.json"), 3, "git lfs pull"),
    "web-token": (VERIFY.replace("app.json", "token.txt"), 3, "a JSON Web Token"),
    "pgp": (VERIFY.replace("app.json", "app.asc"), 3, "a file of PGP"),
    "trust-yaml": (VERIFY.replace("trust.json", "trust.yaml"), 3, "yq -o json"),
    "policy-yaml": (f"{VERIFY} --policy trust.yaml", 3, "yq -o json"),
    "trust-url": (VERIFY.replace("trust.json", "https://example.com/trust.json"), 3, "Download it first"),
    "no-such-artifact": (VERIFY.replace("app.bin", "dist/nothing.whl"), 3, "the directory in which the command runs"),
    "other-artifact": (VERIFY.replace("app.bin", "policy.toml"), 1, "The attestation is about 'app.bin'"),
    "md5": (VERIFY.replace("app.bin", f"md5:{'ab' * 16}"), 1, "the attestation has sha256"),
    "another-type": (f"{VERIFY} --type slsa-provenance", 1, "correct --type"),
    "another-subject-name": (f"{VERIFY} --subject-name *.whl", 1, "correct --subject-name"),
    "verify-key": ("verify app.json --key release.pub --artifact app.bin", 2, "attest trust init"),
    "sign-key": ("sign statement.json --key release.pem", 2, "--signer file:PATH"),
    "flag-with-value": (f"{VERIFY} --strict=true", 2, "attest verify --help"),
    "help": ("help", 2, "Run `attest --help`."),
    "help-verify": ("help verify", 2, "Run `attest verify --help`."),
    "help-trust-add": ("trust help add", 2, "Run `attest trust add --help`."),
    "help-nothing": ("help trust nothing", 2, "Run `attest trust --help`."),
    "vault": ("sign statement.json --signer vault:release", 2, "Did you mean `hv:`?"),
    "yubikey": ("sign statement.json --signer yubikey:release", 2, "Did you mean `pkcs11:`?"),
    "signed-already": ("sign app.json --signer file:release.pem", 3, "use the envelope as it is"),
    "added-twice": ("trust add trust.json --anchor release --key release.pub", 3, "Leave one of them out"),
    "threshold": ("trust init --anchor a --key release.pub --threshold 2", 2, "Give 2 different keys"),
    "generate-existing": ("key generate file:release.pem --encrypt", 3, "Choose another name"),
    "module": ("key check pkcs11:token=a?module-path=/none.so", 4, "attest signer list"),
    "publish-untagged": ("trust publish trust.json --to oci:localhost:1/acme/trust", 3, "HOST/REPOSITORY:TAG"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_leads_on(mistake: str, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line, code, says = MISTAKES[mistake]
    monkeypatch.chdir(made)
    ran = call(*line.split())
    assert ran.code == code, ran.prose
    assert says in " ".join(ran.prose)
    assert any(text.startswith("attest: hint: ") for text in ran.prose), ran.prose
    assert b"Traceback" not in ran.stderr


def test_the_end_of_lines_does_not_matter(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    call(*VERIFY.replace("app.json", "crlf.json").split()).done()


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github", "html", "markdown"])
def test_a_private_key_where_a_name_belongs_is_not_shown(
    form: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    pem = Path("release.pem").read_text()
    encoded = b64encode(pem.encode()).decode()
    secret = pem.splitlines()[1]
    for given in (pem, encoded):
        for line in (
            ["--trust", "trust.json", "--artifact", "app.bin", "--", given],
            ["app.json", "--trust", "trust.json", f"--artifact={given}"],
        ):
            ran = call("verify", "--format", form, *line)
            shown = (ran.stdout + ran.stderr).decode()
            assert ran.code == 3, shown
            assert secret not in shown
            assert encoded not in shown


def test_a_public_key_where_the_private_one_belongs_is_named_by_its_keyid(made: Path) -> None:
    public = made / "release.pub"
    key = PublicKey.parse(public.read_bytes())
    ran = call("key", "check", f"file:{public}")
    assert (ran.code, key.keyid in ran.prose[-1]) == (4, True)


def test_a_new_anchor_with_a_name_like_that_of_another_is_no_quiet_success(made: Path, tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    shutil.copy(made / "trust.json", trust)
    call("key", "generate", f"file:{tmp_path}/new.pem").done()
    for name, warned in (
        ("re", True),
        ("rel", True),
        ("releases", True),
        ("relaese", True),
        ("people", False),
        ("release", False),
    ):
        ran = call("trust", "add", str(trust), "--anchor", name, "--key", f"file:{tmp_path}/new.pem")
        assert ran.code == 0
        assert (b"is a new anchor" in ran.stderr) == warned, name
        assert (f"new anchor '{name}'".encode() in ran.stdout) == (name != "release")


def test_a_name_that_is_not_utf_8_is_shown_byte_by_byte(made: Path, tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/app\xff.bin")
    shutil.copy(made / "app.bin", name)
    for subject in (name, f"{tmp_path}/*"):
        said = call("build", subject, "--type", TYPE).refused(3, "(name-invalid)", hint=True)
        assert r"app\xff.bin" in said


def test_a_line_of_allowed_signers_that_is_for_other_namespaces_is_read_with_a_warning(
    made: Path, tmp_path: Path
) -> None:
    line = call("key", "export", f"file:{made}/release.pem", "--format", "ssh").stdout
    path = tmp_path / "allowed_signers"
    path.write_bytes(b'ann@example.com namespaces="file,git" ' + line)
    ran = call("trust", "init", "--anchor", "release", "--key", str(path))
    assert ran.code == 0
    assert any("`namespaces`, which attest does not apply" in text for text in ran.prose)
    assert PublicKey.parse(line).keyid in ran.stdout.decode()
