"""The guides are executed: pages that begin with files, keys or services that a reader has already.

Rule: what a page begins with is made by the program itself where it can make it. Every page with commands is here, or
has a test of its own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from tests.repository.test_pages import PLAIN, STARTS
from tests.support.cli.inputs import copy_inputs, copy_layout
from tests.support.making.certified import authority, leaf
from tests.support.making.keyfiles import cosign, pfx
from tests.support.making.keys import private_key
from tests.support.making.reports import cyclonedx, openvex
from tests.support.reading import pages
from tests.support.reading.pages import DOCS, PAGES
from tests.support.services import kms
from tests.support.services.registries import docker_registry, push
from tests.support.services.servers import Request, Response, responding
from tests.support.services.tsa import Tsa, serving
from tests.support.tokens.hsm import SoftHSM, needs
from tests.support.tokens.tpm import MODULE as TPM
from tests.support.tokens.tpm import NEEDS as TPM_NEEDS
from tests.support.tokens.tpm import tpm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A SoftHSM with one token, as the pages about tokens begin with.
TOKEN = """
    rm trust.json
    softhsm2-util --init-token --free --label release --pin 12345678 --so-pin 12345678
    (umask 077; printf 12345678 > pin); cp statement.json one.statement.json; cp statement.json two.statement.json
    M=/usr/lib/softhsm/libsofthsm2.so
    URI="pkcs11:token=release;object=key1?module-path=$M&pin-source=file:$PWD/pin"
    WRAP="pkcs11:token=release;object=wrap;type=secret-key?module-path=$M"
    PIN=12345678 SO_PIN=12345678 PIN_B=22222222
    export ATTEST_PIN=12345678
    """
# What the same shell runs before the first command of a page.
BEFORE = {
    "sign/files.md": "attest key generate file:encrypted.pem --encrypt --passphrase-file passphrase.txt",
    "sign/certificates.md": """
        cp company.intoto.json app.intoto.json; sed 's/"company"/"acme-ca"/' company-trust.json > trust.json
        cp leaf.pem old-builder.pem; cp issuing.crl issuing-ca.crl; cp root.crl root-ca.crl
        export ATTEST_PASSPHRASE_FILE=passphrase.txt
        """,
    "sign/evidence.md": """
        touch app.jar pyproject.toml
        printf 'def test_it():\\n    pass\\n' > test_app.py
        mkdir -p target/surefire-reports modules/one/build/test-results
        cp junit.xml target/surefire-reports; cp junit.xml modules/one/build/test-results
        rm dist/*; cp package-1.0-py3-none-any.whl dist
        cp release.pem ci.pem; cp release.pem security.pem
        """,
    "develop/conformance-kit.md": f"cp -r {DOCS.parent}/fixtures/kit/. .",
    "develop/interop.md": """
        attest key export file:release.pem -o release.pub
        cat app.intoto.json other.intoto.json > attestations.json
        """,
    "sign/run.md": """
        mkdir src; echo one > src/main.c
        printf 'dist:\\n\\tcp src/main.c dist/app.whl\\n.PHONY: dist\\n' > Makefile
        """,
    "sign/ssh-agent.md": "rm trust.json; mkdir -m 700 .ssh; ssh-keygen -q -t ed25519 -N '' -f .ssh/release",
    "sign/hsm.md": TOKEN,
    "sign/hsm-tokens.md": f"{TOKEN}\nTPM={TPM}; trap 'kill $P11_KIT_SERVER_PID' EXIT",
    "sign/hsm-production.md": f"""{TOKEN}
        softhsm2-util --init-token --free --label release-b --pin "$PIN_B" --so-pin 12345678
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out shared.pem
        softhsm2-util --import shared.pem --token release --label shared --id 0b --pin "$PIN"
        softhsm2-util --import shared.pem --token release-b --label shared --id 0b --pin "$PIN_B"
        attest key generate "$URI"
        """,
    "trust/signed.md": "rm -r *.* dist",  # it makes all its files
    "verify/many.md": "mkdir attestations; cp app.intoto.json other.intoto.json attestations",
    "verify/images.md": """
        URI=file:release.pem
        for image in ghcr.io/acme/app:1.2 ghcr.io/acme/app=oci-layout:out; do
            attest build --image $image --type slsa-provenance --predicate provenance.json -o statement.json
            attest sign statement.json --signer $URI -o app.intoto.json
            attest build --image $image --from sbom.cdx.json | attest sign --signer $URI -o sbom.intoto.json
            cp app.intoto.json provenance.intoto.json
        done
        """,
    "reference/command-line.md": """
        URI=file:release.pem
        git init -q .; git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m one
        """,
    "reference/formats.md": "rm company.* sim.* stranger.* other.* stamped.*",
}

# Pages with a test of their own, and those whose commands are the ones of the README.
OWN = {
    *("contributing.md", "index.md", "develop/extending.md", "trust/identities.md"),
    *PLAIN,
    *STARTS,
    "verify/releases-of-attest.md",
}
PLAYED = [name for page in PAGES if pages.commands(page) and (name := page.relative_to(DOCS).as_posix()) not in OWN]
TOKENS = {"sign/hsm.md", "sign/hsm-tokens.md", "sign/hsm-production.md"}
SLOW = {*TOKENS, "trust/signed.md", "verify/images.md", "sign/vault.md", "sign/aws-kms.md"}
# How many lines of `sh` each page has: what no test can do, because it needs an account, hardware, root or a network.
# The number only goes down.
NOT_RUN = {
    "develop/extending.md": 1,
    "develop/interop.md": 2,
    "pipelines/README.md": 6,
    "sign/evidence.md": 1,
    "sign/aws-kms.md": 2,
    "sign/azure-key-vault.md": 4,
    "sign/gcp-kms.md": 5,
    "sign/hsm.md": 1,
    "sign/hsm-pins.md": 2,
    "sign/hsm-tokens.md": 11,
    "sign/kms.md": 3,
    "sign/vault.md": 6,
    "start/five-minutes.md": 3,
    "start/github-attestation.md": 5,
    "start/openbao-release.md": 3,
    "start/softhsm-release.md": 4,
    "trust/identities.md": 10,
    "verify/many.md": 3,
    "verify/others.md": 2,
    "verify/releases-of-attest.md": 9,
}


@pytest.mark.parametrize("page", [pytest.param(one, marks=pytest.mark.slow) if one in SLOW else one for one in PLAYED])
def test_the_commands_of_a_guide_print_what_it_shows(page: str, tmp_path: Path) -> None:
    assert run(page, tmp_path) == len(pages.commands(DOCS / page))


def test_what_is_not_run_is_counted() -> None:
    lines = Counter(
        page.relative_to(DOCS).as_posix()
        for page in PAGES
        for block in pages.blocks(page, "sh")
        for _ in re.sub(r"\\\n|(?s:<<'END'.*?^END)", "", block, flags=re.MULTILINE).strip().splitlines()
    )
    del lines["decide/policy.md"]  # whose test runs them
    assert lines == NOT_RUN


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_block_of_code_says_what_it_is(page: Path) -> None:
    text = re.sub(r"^( *)```[a-z]+\n.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert "```" not in text
    assert not re.search(r"\n\n {4,}[^ ]", text), "an indented block has no language"


def run(page: str, folder: Path, play: Callable[..., int] = pages.play) -> int:
    """Make what a page begins with, and play it."""
    copy_inputs(folder)
    (folder / "dist").mkdir()
    (folder / "dist" / "app.whl").write_bytes((folder / "app.whl").read_bytes())
    environ: dict[str, str] = {}
    replace: dict[str, str] = {}
    with ExitStack() as stack:
        if page == "sign/files.md":
            (folder / "cosign.key").write_bytes(cosign(private_key("ed25519"), ""))
            (folder / "cosign.key").chmod(0o600)
        elif page == "sign/timestamps.md":
            (folder / "tsa").mkdir()
            tsa = Tsa(folder / "tsa")
            (folder / "root.pem").write_text(tsa.root)
            replace["https://timestamp.example.com"] = stack.enter_context(serving(tsa.answer))
        elif page == "sign/aws-kms.md":
            moto = kms.moto()
            moto.key(alias=f"alias/{folder.name}")
            replace["alias/release"] = f"alias/{folder.name}"
            environ |= {"AWS_ENDPOINT_URL": moto.url, "AWS_DEFAULT_REGION": "eu-central-1"}
            environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        elif page == "sign/vault.md":
            bao = kms.bao()
            mount = f"page-{folder.name}"
            environ["VAULT_TOKEN"] = kms.TOKEN
            replace["https://vault.example.com:8200"] = bao.url
            replace["secrets enable transit"] = f"secrets enable -path={mount} transit"
            replace["hv:release"] = f"hv:{mount}/release"
        elif page in TOKENS:
            (folder / "hsm").mkdir()
            environ["SOFTHSM2_CONF"] = str(SoftHSM.make(folder / "hsm").configuration)
            if page == "sign/hsm-tokens.md":
                needs(*TPM_NEEDS, "pkcs11-tool", "certutil", "p11-kit")
                environ |= stack.enter_context(tpm())
                # The name of a socket has at most 107 bytes.
                environ["XDG_RUNTIME_DIR"] = stack.enter_context(TemporaryDirectory(prefix="p-"))
        elif page == "sign/certificates.md":
            now = datetime.now(UTC)
            times: Any = {"begin": now - timedelta(days=30), "end": now + timedelta(days=30)}
            root = authority("Acme Root", **times)
            issuing = authority("Acme CA", root, **times)
            own = leaf("Release", issuing, **times)
            passphrase = (folder / "passphrase.txt").read_text().strip()
            chain = [one.certificate for one in (own, issuing, root)]
            (folder / "release.p12").write_bytes(pfx(own.key, chain, passphrase))
            (folder / "release.p12").chmod(0o600)
        if page in ("sign/evidence.md", "verify/images.md"):
            document = cyclonedx()
            (folder / "sbom.cdx.json").write_text(json.dumps(document))
            digest = sha256((folder / "app.whl").read_bytes()).hexdigest()
            document["metadata"]["component"]["hashes"] = [{"alg": "SHA-256", "content": digest}]
            (folder / "large.cdx.json").write_text(json.dumps(document))
            (folder / "app.openvex.json").write_text(json.dumps(openvex()))
        if page in ("trust/signed.md", "verify/images.md"):
            (folder / "registry").mkdir()
            registry = stack.enter_context(docker_registry(folder / "registry"))
            replace["ghcr.io" if page == "verify/images.md" else "registry.example.com"] = registry.host
            if page == "verify/images.md":
                (folder / "out").mkdir()
                copy_layout(folder / "out")
                push(folder / "out", f"{registry.host}/acme/app:1.2")

            def serve(asked: Request) -> Response:
                return Response(200, {}, (folder / "history.jsonl").read_bytes())

            replace["https://trust.example.com"] = stack.enter_context(responding(serve))
        return play(DOCS / page, folder, environ=environ, replace=replace, before=BEFORE.get(page, ""))
