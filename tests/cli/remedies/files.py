"""Remedies for what is wrong with the file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import attest
from tests.cli.remedies.desk import REVIEW, VERIFY, Desk, remedy


def sha(name: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, Path(name).read_bytes()).hexdigest()


@remedy("artifact-mismatch")
def another_file(desk: Desk) -> None:
    desk.attested("lib.json", "lib.bin")
    desk.attested("app.json", "app.bin")
    desk.no("artifact-mismatch", "verify lib.json --trust trust.json --artifact app.bin")
    desk.do("inspect lib.json", says=sha("lib.bin"))
    desk.do(VERIFY)


@remedy("artifact-mismatch")
def another_build(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    release = Path("app.bin").read_bytes()
    Path("app.bin").write_bytes(b"built again")
    ran = desk.no("artifact-mismatch", VERIFY)
    assert b"other content of 'app.bin'" in ran.stderr
    Path("app.bin").write_bytes(release)
    desk.do(VERIFY)


@remedy("artifact-not-covered")
def one_is_missing(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    desk.attested("lib.json", "lib.bin", by=["other"])
    both = "--trust trust.json --artifact app.bin --artifact lib.bin"
    Path("all").mkdir()
    for name in ("app.json", "lib.json"):
        Path(name).rename(f"all/{name}")
    ran = desk.no("artifact-not-covered", f"verify all {both}")
    assert b"key-unknown" in ran.stderr  # one that is about the file did not verify, and its code is above
    desk.attested("all/lib.json", "lib.bin")
    desk.do(f"verify all {both}")


@remedy("artifact-missing")
def a_glob_without_files(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    trust = attest.TrustBundle.load("trust.json")
    with pytest.raises(attest.Rejected) as caught:
        attest.verify(Path("app.json").read_bytes(), trust, artifacts=list(Path.cwd().glob("dist/*")))
    assert caught.value.code == "artifact-missing"
    desk.ends(2, "verify app.json --trust trust.json --artifact 'dist/*'", says="no file matches")
    desk.do(VERIFY)


@remedy("digest-conflict")
def two_digests(desk: Desk) -> None:
    desk.foreign(
        "app.json", {"name": "app.bin", "digest": {"sha256": sha("app.bin"), "sha512": sha("lib.bin", "sha512")}}
    )
    desk.no("digest-conflict", VERIFY)
    desk.do("inspect app.json", says=sha("lib.bin", "sha512"))


@remedy("digest-weak")
def only_sha1(desk: Desk) -> None:
    desk.foreign("app.json", {"name": "app.bin", "digest": {"sha1": sha("app.bin", "sha1")}})
    desk.no("digest-weak", f"verify app.json --trust trust.json --artifact sha1:{sha('app.bin', 'sha1')}")
    assert b"only weak digests" in desk.no("artifact-mismatch", VERIFY).stderr
    desk.attested("app.json", "app.bin")
    desk.do(VERIFY)


@remedy("package-name-mismatch")
def a_renamed_wheel(desk: Desk) -> None:
    name, renamed = Path("acme-1.0-py3-none-any.whl"), Path("evil-1.0-py3-none-any.whl")
    name.write_bytes(b"wheel")
    digest = {"sha256": sha(str(name))}
    kind = "https://docs.pypi.org/attestations/publish/v1"
    desk.foreign("app.json", {"name": str(name), "digest": digest}, predicateType=kind, predicate=None)
    name.rename(renamed)
    desk.no("package-name-mismatch", f"verify app.json --trust trust.json --artifact {renamed}")
    renamed.rename(name)
    desk.do(f"verify app.json --trust trust.json --artifact {name}")


@remedy("model-invalid", "model-unsupported")
def a_model(desk: Desk) -> None:
    Path("model").mkdir()
    Path("model/weights").write_bytes(b"weights")
    verify = "verify app.json --trust trust.json --artifact model"
    kind = "https://model_signing/signature/v1.0"
    listed = {"name": "weights", "digest": sha("model/weights"), "algorithm": "sha256"}

    def signed(resource: dict[str, str], method: str = "files") -> None:
        root = hashlib.sha256(bytes.fromhex(resource["digest"])).hexdigest()
        serialization = {"method": method, "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}
        predicate = {"serialization": serialization, "resources": [resource]}
        desk.foreign("app.json", {"name": "model", "digest": {"sha256": root}}, predicateType=kind, predicate=predicate)

    signed({**listed, "name": "../weights"})
    desk.no("model-invalid", verify)
    signed(listed, "shards")
    desk.no("model-unsupported", verify)
    signed(listed)
    desk.do(verify)


@remedy("attestation-repeated")
def twice(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    Path("all").mkdir()
    for name in ("app.json", "copy.json"):
        Path("all", name).write_bytes(Path("app.json").read_bytes())
    desk.write("policy.toml", f'[[require]]\ntype = "{REVIEW}"\nsigners = 2\n')
    desk.do("trust add trust.json --anchor release --key second.pub")
    verify = "verify all --trust trust.json --artifact app.bin"
    assert b"attestation-repeated" in desk.do(verify).stderr
    assert b"signers-too-few" in desk.no("policy-failed", f"{verify} --policy policy.toml").stderr
    desk.attested("all/copy.json", "app.bin", by=["second"])
    desk.do(f"{verify} --policy policy.toml")
