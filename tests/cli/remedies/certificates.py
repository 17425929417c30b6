"""Remedies for signatures with certificates: of a company's CA, and of a Sigstore instance."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cli.remedies.desk import VERIFY, Desk, remedy
from tests.support.making.certified import BUILDER, SERVER, Holder, authority, crl, leaf
from tests.support.making.identity_cases import DATA
from tests.support.missing import missing
from tests.support.services.tsa import Tsa, serving

LONG: dict[str, Any] = {"begin": datetime(2020, 1, 1, tzinfo=UTC), "end": datetime(2090, 1, 1, tzinfo=UTC)}
ROOT, OTHER = authority("Root", **LONG), authority("Other", **LONG)
ISSUING = authority("Issuing", ROOT, **LONG)
BUILD = leaf("build", ISSUING, **LONG)
JS = "https://github.com/sigstore/sigstore-js"
WORKFLOW = f"uri:{JS}/.github/workflows/release.yml"
GITHUB = "https://token.actions.githubusercontent.com"
BUNDLE = "gh-npm-sigstore-js-v03.json"


def company(desk: Desk, more: str = "", *, time: str = "now-or-timestamp", identity: str = f"uri:{BUILDER}") -> None:
    """A trust bundle with the company's CA and an identity below it, and an attestation by that identity."""
    Path("ca.pem").write_text(ROOT.pem)
    Path("other-ca.pem").write_text(OTHER.pem)
    Path("trust.json").unlink(missing_ok=True)
    desk.do(
        f"trust init --anchor release --authority acme=ca.pem --time {time} --identity {identity} {more} -o trust.json"
    )
    signed(desk, BUILD)


def signed(desk: Desk, who: Holder, more: str = "", name: str = "app.json") -> None:
    pem = who.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    Path("build.pem").write_bytes(pem)
    Path("build.pem").chmod(0o600)
    Path("chain.pem").write_text(who.pem + ISSUING.pem)
    desk.do("build app.bin --type https://example.com/review/v1 -o statement.json")
    Path(name).unlink(missing_ok=True)
    desk.do(f"sign statement.json --signer file:build.pem --certificate-chain chain.pem {more} -o {name}")


@remedy("identity-unknown")
def another_name(desk: Desk) -> None:
    company(desk, identity="uri:https://ci.example.com/builders/nightly")
    desk.no("identity-unknown", VERIFY)
    desk.do("inspect app.json", says=BUILDER)
    desk.do("trust show trust.json", says="builders/nightly")
    desk.do(f"trust add trust.json --anchor release --authority acme --identity uri:{BUILDER}")
    desk.do(VERIFY)


@remedy("identity-expired", "identity-not-yet-valid", "identity-retired", "identity-compromised")
def an_identity_that_does_not_count_now(desk: Desk) -> None:
    company(desk, "--not-after 2026-01-01")
    desk.no("identity-expired", VERIFY)
    company(desk, "--not-before 2090-01-01")
    desk.no("identity-not-yet-valid", VERIFY)
    company(desk)
    desk.do(f"trust retire trust.json --anchor release --identity uri:{BUILDER}")
    desk.no("identity-retired", VERIFY)
    desk.do("trust add trust.json --anchor release --key second.pub")
    desk.attested("new.json", "app.bin", by=["second"])
    desk.do("verify new.json --trust trust.json --artifact app.bin")
    company(desk)
    desk.do(f"trust revoke trust.json --identity uri:{BUILDER}")
    desk.no("identity-compromised", VERIFY)


@remedy("identity-already-counted")
def the_same_person_twice(desk: Desk) -> None:
    company(desk)
    desk.do("trust add trust.json --anchor release --key second.pub --threshold 2")
    signed(desk, leaf("build again", ISSUING, **LONG), name="again.json")
    desk.do("merge app.json again.json -o both.json")
    desk.no("identity-already-counted", "verify both.json --trust trust.json --artifact app.bin")
    desk.do("sign app.json --signer file:second.pem -o both-now.json")
    desk.do("verify both-now.json --trust trust.json --artifact app.bin")


@remedy("certificate-invalid")
def a_certificate_of_a_server(desk: Desk) -> None:
    company(desk)
    replace_certificate("app.json", leaf("build", ISSUING, purposes=SERVER, **LONG))
    desk.no("certificate-invalid", VERIFY)
    signed(desk, BUILD)
    desk.do(VERIFY)


def replace_certificate(name: str, by: Holder) -> None:
    """Another certificate for the same key, where the envelope has one."""
    envelope = json.loads(Path(name).read_bytes())
    envelope["signatures"][0]["certificate"] = b64encode(by.pem.encode()).decode()
    Path(name).write_text(json.dumps(envelope))


@remedy("certificate-untrusted")
def another_ca(desk: Desk) -> None:
    company(desk)
    desk.do("trust authority add trust.json acme --from other-ca.pem --replace --time now-or-timestamp")
    desk.no("certificate-untrusted", VERIFY)
    desk.do("trust authority list trust.json", says="acme")
    desk.do("trust authority add trust.json acme --from ca.pem --replace --time now-or-timestamp")
    desk.do(VERIFY)


@remedy("certificate-expired", "certificate-not-yet-valid")
def too_late_and_too_early(desk: Desk) -> None:
    company(desk)
    desk.no("certificate-expired", f"{VERIFY} --now 2095-01-01T00:00:00Z")
    desk.no("certificate-not-yet-valid", f"{VERIFY} --now 2019-01-01T00:00:00Z")
    desk.do(VERIFY)


@remedy("certificate-revoked", "crl-missing")
def revoked(desk: Desk) -> None:
    company(desk)
    Path("root.crl").write_bytes(crl(ROOT))
    Path("issuing.crl").write_bytes(crl(ISSUING))
    desk.no("crl-missing", f"{VERIFY} --crl issuing.crl --now 2026-06-01T00:00:00Z")
    desk.do(f"{VERIFY} --crl issuing.crl --crl root.crl --now 2026-06-01T00:00:00Z")
    Path("build.crt").write_text(BUILD.pem)
    desk.do("trust authority revoke trust.json acme --certificate build.crt")
    desk.no("certificate-revoked", VERIFY)


@remedy("time-unproven")
def no_proof_of_the_time(desk: Desk) -> None:
    company(desk, time="timestamp")
    Path("tsa").mkdir()
    time = Tsa(Path("tsa").absolute())
    desk.do("trust authority add trust.json tsa --from tsa/root.pem --timestamps")
    desk.no("time-unproven", VERIFY)
    with serving(time.answer) as url:
        signed(desk, BUILD, f"--timestamp {url}")
    desk.do(VERIFY)


def sigstore(desk: Desk, ref: str = "refs/heads/main", issuer: str = GITHUB, claim: str = JS) -> str:
    """A trust bundle for a real Sigstore bundle, and the command that verifies it."""
    if not DATA.exists():
        missing("the public test data is missing, so there is no real Sigstore bundle")
    shutil.copyfile(DATA / "roots" / "public-good.json", "root.json")
    shutil.copyfile(DATA / "files" / BUNDLE, "app.json")
    Path("trust.json").unlink(missing_ok=True)
    desk.do(
        f"trust init --anchor js --authority sigstore=root.json --identity {WORKFLOW}@{ref} --issuer {issuer} "
        f"--claim source-repository-uri={claim} -o trust.json"
    )
    return "verify app.json --trust trust.json --no-artifact"


@remedy("identity-unknown", "issuer-mismatch", "claim-mismatch")
def not_quite_the_identity(desk: Desk) -> None:
    desk.no("identity-unknown", sigstore(desk, ref="refs/tags/*"))
    desk.do("inspect app.json", says="release.yml@refs/heads/main")
    desk.no("issuer-mismatch", sigstore(desk, issuer=f"{GITHUB}/acme"))
    ran = desk.no("claim-mismatch", sigstore(desk, claim="https://github.com/acme/fork"))
    assert JS.encode() in ran.stderr
    assert b"acme/fork" in ran.stderr
    desk.do(sigstore(desk))


@remedy("log-entry-invalid")
def another_instance(desk: Desk) -> None:
    verify = sigstore(desk)
    shutil.copyfile(DATA / "roots" / "github.json", "github.json")
    desk.do("trust authority add trust.json sigstore --from github.json --replace")
    desk.no("log-entry-invalid", verify)
    desk.do("trust authority add trust.json sigstore --from root.json --replace")
    desk.do(verify)


@remedy("log-entry-missing", "key-unknown")
def only_the_envelope(desk: Desk) -> None:
    verify = sigstore(desk)
    whole = Path("app.json").read_bytes()
    desk.change("app.json", lambda one: one["verificationMaterial"].update(tlogEntries=[]))
    desk.no("log-entry-missing", verify)
    Path("app.json").write_bytes(whole)
    desk.write("envelope.json", json.dumps(json.loads(whole)["dsseEnvelope"]))
    desk.no("key-unknown", "verify envelope.json --trust trust.json --no-artifact")
    desk.do(verify)


@remedy("log-entry-missing")
def an_instance_without_a_log(desk: Desk) -> None:
    sigstore(desk)
    shutil.copyfile(DATA / "roots" / "github.json", "github.json")
    lines = (DATA / "files" / "gh-private.jsonl").read_text().splitlines()
    Path("app.json").write_text(lines[0])
    begin = (
        "trust init --anchor demo --authority github=github.json {} --identity "
        f"uri:https://github.com/actions/attest-demo/.github/workflows/*@** --issuer {GITHUB} -o {{}}"
    )
    desk.ends(0, begin.format("", "wrong.json"))
    desk.no("log-entry-missing", "verify app.json --trust wrong.json --no-artifact")
    desk.do(begin.format("--log none", "right.json"))
    desk.do("verify app.json --trust right.json --no-artifact")


@remedy("log-entry-invalid", "sct-invalid")
def a_trusted_root_that_is_too_old(desk: Desk) -> None:
    verify = sigstore(desk)
    current = json.loads(Path("root.json").read_bytes())
    for field, code in (("tlogs", "log-entry-invalid"), ("ctlogs", "sct-invalid")):
        desk.write("old.json", json.dumps({**current, field: []}))
        desk.do("trust authority add trust.json sigstore --from old.json --replace")
        desk.no(code, verify)
        desk.do("trust authority add trust.json sigstore --from root.json --replace")
        desk.do(verify)


@remedy("not-resignable")
def a_sigstore_bundle_signed_again(desk: Desk) -> None:
    verify = sigstore(desk)
    desk.do("trust add trust.json --anchor js --key second.pub")
    desk.ends(3, "trust resign trust.json app.json --signer file:second.pem", says="not-resignable")
    desk.do("convert app.json --to dsse -o envelope.json")
    desk.do("trust resign trust.json envelope.json --signer file:second.pem")
    desk.do("verify envelope.json --trust trust.json --no-artifact --anchor js")
    desk.do(verify)
