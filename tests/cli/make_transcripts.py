"""Command-line sessions in fixtures/transcripts: replayed here, and written by `python -m tests.cli.make_transcripts`.

A session is a text file: a title and what it needs behind `#`, then steps. A step is a line that a person types behind
`$`, what it prints to standard output behind `|` and to standard error behind `!`, and its exit code. Lines are run in
order in one fresh folder that holds the inputs it names, copied from fixtures/transcripts/inputs; FOLDER/NAME is NAME
in a folder of its own.

What can't be the same twice is written as a word in brackets: `[now]` for a time stamp within a day of the run, `[ms]`
for milliseconds, and, only where a session says `# varies:`, `[keyid]` of a key made at random and `[sha256]` of a
trust bundle that holds the time, or of what contains it.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import zipfile
from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from attest import Envelope, Signature, Statement, open_signer, sign
from attest._base.json import b64decode, b64encode, dumps, loads
from attest.oci.documents import OCI_INDEX, OCI_MANIFEST
from attest.statement import V0_1, V1
from attest.trust import editing
from attest.trust.authorities import describe_authority
from attest.trust.bundle import MEDIA_TYPE
from tests.support.cli.calls import Ran, call
from tests.support.cli.inputs import INPUTS, copy_input, key_pem
from tests.support.making import certified
from tests.support.making.reports import JUNIT, grype, spdx
from tests.vectors.tokens import ROOT, Party, authority, party, token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attest.keys import PublicKey

TRANSCRIPTS = INPUTS.parent
ACME = party("acme root", ca=True)
ISSUING = party("acme issuing", ACME, ca=True)
FULCIO, NEW_FULCIO = (party(name, ca=True) for name in ("fulcio", "new fulcio"))
ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
PROVENANCE = {
    "buildDefinition": {
        "buildType": "https://example.com/build/v1",
        "externalParameters": {"source": "https://example.com/app"},
    },
    "runDetails": {"builder": {"id": "https://example.com/builders/1"}},
}
REVIEW = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/review/v1",
    "title": "Code review",
    "type": "object",
    "required": ["reviewer", "approved"],
    "properties": {"reviewer": {"type": "string"}, "approved": {"const": True}},
    "examples": [{"reviewer": "alice", "approved": True}],
}
CONFIG = """\
[profiles.dual]
signers = ["sim:alice", "sim:bob"]

[profiles.either]
signers = ["sim:alice?fail-rate=1&seed=1", "sim:bob", "file:stranger.pem"]
quorum = 1
timeout = 10
"""

POLICY = """\
[parameters.source]
default = "https://example.com/app"

[[require]]
id = "provenance"
anchors = ["release"]
cel = ["predicate.buildDefinition.externalParameters.source == params.source"]

[require.rules.slsa-build]
level = 2
builders = ["https://example.com/builders/*"]

[require.rules.slsa-source]
repository = ["${source}"]

[[require]]
id = "tests"
anchors = ["release"]
rules.tests-passed.tests = ["unit"]

[vsa]
verifiers = ["https://example.com/verifier"]
anchors = ["release"]
resources = ["pkg:pypi/app@*"]
max_age = "1d"
levels = ["SLSA_BUILD_LEVEL_2"]
policies = ["this"]
"""
TESTS = {"result": "PASSED", "configuration": [], "passedTests": ["unit"]}

_VARIES = {
    "keyid": (r'(keyid"?:? +"?|ed25519 )[0-9a-f]{64}', r"\1[keyid]"),
    "sha256": (r'("sha256": "|\bsha256:)[0-9a-f]{64}', r"\1[sha256]"),
}
_MILLISECONDS = re.compile(r'((?:signed in|connected) +|"(?:milliseconds|connect|sign)": )\d+\.\d+')
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Transcript:
    """The part of a transcript that somebody wrote: its head, and the lines that are typed."""

    head: tuple[str, ...]
    typed: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Transcript:
        """Read it from a transcript, whether what is printed stands in it yet or not."""
        lines = text.splitlines()
        return cls(
            tuple(line for line in lines if line.startswith("#")),
            tuple(line.removeprefix("$ ") for line in lines if line.startswith("$ ")),
        )

    def says(self, name: str) -> list[str]:
        """The words behind `# NAME:`."""
        return next((line.split()[2:] for line in self.head if line.startswith(f"# {name}: ")), [])

    def replay(self, folder: Path, type_in: Callable[[str], Ran] | None = None) -> str:
        """The whole transcript, from what the lines print when `type_in` runs them in the empty `folder`."""
        for name in self.says("inputs"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy_input(Path(name).name, folder / name)
        environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1"}
        environment["GIT_CEILING_DIRECTORIES"] = str(folder.parent)
        with chdir(folder), patch.dict(os.environ, environment, clear=True):
            steps = [self._step(line, (type_in or in_process)(line)) for line in self.typed]
        return "\n".join(["\n".join(self.head) + "\n", *steps])

    def _step(self, line: str, ran: Ran) -> str:
        printed = [*_marked("|", ran.stdout), *_marked("!", ran.stderr)]
        return "\n".join([f"$ {line}", *(self._settled(text) for text in printed), f"exit {ran.code}", ""])

    def _settled(self, text: str) -> str:
        for name in self.says("varies"):
            text = re.sub(*_VARIES[name], text)
        return _TIMESTAMP.sub(_unless_fixed, _MILLISECONDS.sub(r"\1[ms]", text))


def in_process(line: str) -> Ran:
    """Run a line as a shell would, as far as transcripts go: pipes, `NAME=VALUE` in front, `< FILE` and `> FILE`."""
    ran, errors = Ran(0, b"", b""), b""
    for part in line.split(" | "):
        words = shlex.split(part)
        environment, stdin, target = {}, ran.stdout, None
        while "=" in words[0]:
            name, _, environment[name] = words.pop(0).partition("=")
        while words[-2:-1] in (["<"], [">"]):
            redirection, name = words[-2:]
            del words[-2:]
            stdin, target = (Path(name).read_bytes(), target) if redirection == "<" else (stdin, Path(name))
        assert words[0] == "attest", f"a transcript runs attest and nothing else: {line}"
        with patch.dict(os.environ, environment):
            ran = call(*words[1:], stdin=stdin)
        if target is not None:
            target.write_bytes(ran.stdout)
            ran = Ran(ran.code, b"", ran.stderr)
        errors += ran.stderr
    return Ran(ran.code, ran.stdout, errors)


def make_inputs(folder: Path) -> None:
    """Write the files that sessions start from, the same bytes every time."""
    files = {
        "app.whl": b"not really a wheel\n",
        "renamed.whl": b"not really a wheel\n",
        "other.whl": b"another one\n",
        "passphrase.txt": b"open sesame\n",
        "empty.txt": b"",
    }
    files["review.json"] = dumps(REVIEW, indent=2) + b"\n"
    files["approval.json"] = dumps({"reviewer": "alice", "approved": True}, indent=2) + b"\n"
    files["broken.json"] = dumps({**REVIEW, "properties": {"reviewer": {"$ref": "#/$defs/Nobody"}}}, indent=2) + b"\n"
    wrong = {"buildDefinition": {"buildType": "Make"}, "runDetails": {"builder": {"id": 5}}}
    files["wrong-provenance.json"] = dumps(wrong, indent=2) + b"\n"
    tekton = {"builder": {"id": ""}, "buildType": "tekton.dev/v1/TaskRun"}
    files["tekton-provenance.json"] = dumps(tekton, indent=2) + b"\n"
    seconds = {**spdx()["creationInfo"], "created": "2026-06-01T10:00:00.123Z"}
    files["sbom.spdx.json"] = dumps(spdx(creationInfo=seconds), indent=2) + b"\n"
    files["junit.xml"] = JUNIT["surefire"].encode()
    files["grype.json"] = dumps(grype(), indent=2) + b"\n"
    sums = [f"{sha256(files[name]).hexdigest()}  {name}\n" for name in ("app.whl", "other.whl")]
    files["SHA256SUMS"] = "".join(sums).encode()
    files["MD5SUMS"] = f"{'a' * 32}  app.whl\n".encode()
    files["package-1.0-py3-none-any.whl"] = _wheel()
    files |= {f"{name}.pem": key_pem(name) for name in ("release", "stranger")}
    files["old.crt"] = _old_certificate()
    files["ca.pem"] = "".join(one.pem for one in (ACME, ISSUING)).encode()
    files["leaf.pem"] = party("builder", ISSUING).pem.encode()
    files["tsa.pem"] = ROOT.pem.encode()
    files["trusted-root.json"] = _trusted_root([(FULCIO, None)], logs=("rekor",))
    files["new-trusted-root.json"] = _trusted_root(
        [(FULCIO, "2026-01-01T00:00:00Z"), (NEW_FULCIO, None)], logs=("rekor",)
    )
    files["private-root.json"] = _trusted_root([(FULCIO, None)])
    files["provenance.json"] = dumps(PROVENANCE, indent=2) + b"\n"
    files |= _layout()
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600 if name.endswith(".pem") else 0o644)
    signers = {
        name: open_signer(f"file:{folder / name}.pem" if name in ("release", "stranger") else f"sim:{name}")
        for name in ("release", "stranger", "alice", "bob")
    }
    keys = {name: signer.public_key for name, signer in signers.items()}
    for name in ("release", "stranger"):
        (folder / f"{name}.pub.pem").write_text(keys[name].to_pem())

    def statement(artifact: str) -> Statement:
        built = Statement.build([folder / artifact], predicate_type="slsa-provenance", predicate=PROVENANCE)
        return Statement.from_json(built.raw + b"\n")

    about_app = statement("app.whl")
    old = Statement.from_json(about_app.raw.replace(V1.encode(), V0_1.encode()), allow_v0_1=True)
    documents = {
        "statement.json": about_app.raw,
        "old-statement.json": old.raw,
        "app.intoto.json": sign(about_app, [signers["release"]]).to_json(),
        "other.intoto.json": sign(statement("other.whl"), [signers["release"]]).to_json(),
        "stranger.intoto.json": sign(about_app, [signers["stranger"]]).to_json(),
        "stamped.intoto.json": _stamped(sign(about_app, [signers["release"]]).to_json()),
        "sim.intoto.json": sign(about_app, [signers["alice"], signers["bob"]]).to_json(),
        "trust.json": _trust({"release": "file:release.pem"}, keys),
        "sim-trust.json": _trust({"alice": "sim:alice", "bob": "sim:bob"}, keys, threshold=2),
        "past-trust.json": _trust({"release": None}, keys, not_after="2026-02-01T00:00:00Z", subjects=[]),
    }
    documents["identity-trust.json"] = _identities(files["trusted-root.json"], files["ca.pem"])
    past = _trust({"release": None}, keys, not_after="2026-02-01T00:00:00Z")
    listed = {"timestamp_authorities": {"corporate": authority(ROOT)}}
    documents |= _company(about_app, folder)
    documents["stamped-trust.json"] = dumps({**loads(past, what="the trust bundle"), **listed}, indent=2)
    (folder / "config.toml").write_text(CONFIG)
    (folder / "policy.toml").write_text(POLICY)
    (folder / "typo-policy.toml").write_text(POLICY.replace("rules.tests-passed", "rules.test-passed"))
    for name, subjects, by in (("simple", "all", "release"), ("any", "any", "release"), ("misspelt", "all", "relase")):
        simple = {"require": [{"type": "slsa-provenance", "anchors": [by], "subjects": subjects}]}
        (folder / f"{name}-policy.json").write_bytes(dumps(simple, indent=2) + b"\n")
    (folder / "tests.json").write_bytes(dumps(TESTS, indent=2) + b"\n")
    for name, data in documents.items():
        (folder / name).write_bytes(data if data.endswith(b"\n") else data + b"\n")


def _identities(trusted_root: bytes, ca: bytes) -> bytes:
    """A trust bundle with an identity below a Sigstore instance, and a CA that no identity names."""
    listed = {"sigstore": describe_authority(trusted_root), "acme": describe_authority(ca)}
    ann = editing.describe_identity("email", "ann@acme.example", "sigstore", issuer="https://accounts.google.com")
    return editing.create("people", [], now=ISSUED, identities=[ann], authorities=listed).to_json()


def _company(statement: Statement, folder: Path) -> dict[str, bytes]:
    """An envelope with a certificate of a company's CA, the trust bundle for it, and CRLs, which are written."""
    root = certified.authority("root")
    issuing = certified.authority("issuing", root)
    leaf = certified.leaf("builder", issuing)
    revoked = [leaf.certificate.serial_number]
    for name, data in (("root", certified.crl(root)), ("issuing", certified.crl(issuing))):
        (folder / f"{name}.crl").write_bytes(data)
    (folder / "revoked.crl").write_bytes(certified.crl(issuing, revoked))
    unsigned = Envelope(statement.raw, "application/vnd.in-toto+json")
    sig = leaf.key.sign(unsigned.pae(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    fields = {"keyid": "", "sig": b64encode(sig), "cert": leaf.pem + issuing.pem}
    identity = {"authority": "company", "san": {"uri": "https://ci.example.com/builders/*"}}
    trust = {
        "mediaType": MEDIA_TYPE,
        "version": 1,
        "authorities": {"company": {"kind": "x509", "certificates": [root.pem], "time": "now-or-timestamp"}},
        "anchors": {"builder": {"threshold": 1, "identities": [identity]}},
    }
    return {
        "company.intoto.json": unsigned.with_signatures(Signature("", sig, fields)).to_json(),
        "company-trust.json": dumps(trust, indent=2),
    }


def _old_certificate() -> bytes:
    """A CA's certificate that has expired, the same bytes every time."""
    private = load_pem_private_key(key_pem("old"), None)
    assert isinstance(private, Ed25519PrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2021))
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, begin, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(private, None).public_bytes(Encoding.PEM)


def _trusted_root(cas: list[tuple[Party, str | None]], *, logs: tuple[str, ...] = ()) -> bytes:
    """A Sigstore trusted root with a CA for each pair of a party and the end of its period, and with logs."""

    def window(end: str | None) -> dict[str, Any]:
        return {"validFor": {"start": "2020-01-01T00:00:00Z", **({"end": end} if end else {})}}

    def chain(one: Party) -> dict[str, Any]:
        return {"certChain": {"certificates": [{"rawBytes": b64encode(one.der)}]}}

    def log(name: str) -> dict[str, Any]:
        spki = party(name).key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key = {"rawBytes": b64encode(spki), "keyDetails": "PKIX_ED25519", **window(None)}
        where = f"https://{name}.example.com"
        return {
            "baseUrl": where,
            "hashAlgorithm": "SHA2_256",
            "publicKey": key,
            "logId": {"keyId": b64encode(sha256(spki).digest())},
        }

    document = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [log(name) for name in logs],
        "certificateAuthorities": [
            {"uri": "https://fulcio.example.com", **chain(ca), **window(end)} for ca, end in cas
        ],
        "ctlogs": [log(f"ct-{name}") for name in logs],
        "timestampAuthorities": [{"uri": "https://tsa.example.com", **chain(ROOT), **window(None)}],
    }
    return dumps(document, indent=2) + b"\n"


def _layout() -> dict[str, bytes]:
    """The files of an OCI layout with an image for two platforms; a blob has the name that it has in the layout."""
    blobs: dict[str, bytes] = {}

    def blob(media_type: str, document: object) -> dict[str, Any]:
        data = dumps(document)
        digest = sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    config = blob("application/vnd.oci.image.config.v1+json", {})
    entries = []
    for architecture in ("amd64", "arm64"):
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
        entry = blob(OCI_MANIFEST, {**manifest, "annotations": {"platform": architecture}})
        entries.append({**entry, "platform": {"os": "linux", "architecture": architecture}})
    index = blob(OCI_INDEX, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    named = {**index, "annotations": {"org.opencontainers.image.ref.name": "registry.example.com/app:1.0"}}
    blobs["index.json"] = dumps({"schemaVersion": 2, "manifests": [named]})
    return {**blobs, "oci-layout": b'{"imageLayoutVersion": "1.0.0"}\n'}


def _wheel() -> bytes:
    """A wheel with nothing in it but its name, the same bytes every time."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(zipfile.ZipInfo("package-1.0.dist-info/METADATA"), "Name: package\nVersion: 1.0\n")
    return whole.getvalue()


def _stamped(envelope: bytes) -> bytes:
    """The envelope with a token of a January day beside its signature."""
    document = loads(envelope, what="the envelope")
    [entry] = document["signatures"]
    stamp = token(b64decode(entry["sig"], where="/sig"), "2026-01-15T10:00:00Z")
    entry["timestamps"] = [{"type": "tsp", "data": b64encode(stamp)}]
    return dumps(document)


def _trust(
    names: dict[str, str | None],
    keys: Mapping[str, PublicKey],
    *,
    threshold: int | None = None,
    subjects: list[str] | None = None,
    **fields: str,
) -> bytes:
    entries = [editing.describe_key(keys[name], **fields, signer=uri) for name, uri in names.items()]
    return editing.create("release", entries, now=ISSUED, threshold=threshold, subjects=subjects).to_json()


def _marked(mark: str, data: bytes) -> list[str]:
    text = data.decode()
    assert not text or text.endswith("\n"), f"what is printed ends in the middle of a line: {text!r}"
    return [f"{mark} {line}".rstrip() for line in text.removesuffix("\n").split("\n")] if text else []


def _unless_fixed(found: re.Match[str]) -> str:
    try:
        apart = datetime.now(UTC) - datetime.fromisoformat(found[0])
    except ValueError:
        return found[0]
    return "[now]" if abs(apart) < timedelta(days=1) else found[0]


def main() -> None:
    """Write every input and every transcript anew."""
    INPUTS.mkdir(parents=True, exist_ok=True)
    make_inputs(INPUTS)
    for path in sorted(TRANSCRIPTS.glob("*.txt")):
        with TemporaryDirectory() as folder:
            path.write_text(Transcript.parse(path.read_text()).replay(Path(folder)))
    print(f"wrote {TRANSCRIPTS}; look at what changed before you keep it", file=sys.stderr)


if __name__ == "__main__":
    main()
