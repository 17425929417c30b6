"""Identities and authorities at the command line: which option belongs to which, and what a signed bundle carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cli.calls import call
from tests.support.examples import examples
from tests.support.making.authorities import CA
from tests.support.making.identity_cases import DATA

GITHUB = "https://token.actions.githubusercontent.com"
JS = "https://github.com/sigstore/sigstore-js"
WORKFLOW = f"uri:{JS}/.github/workflows/release.yml@refs/heads/main"
CLAIMS = st.dictionaries(
    st.sampled_from(["source-repository-uri", "build-trigger", "runner-environment"]), st.sampled_from(["a=b", "c"])
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("identities")
    (made / "ca.pem").write_text(CA.pem)
    (made / "root.json").write_bytes((DATA / "roots" / "public-good.json").read_bytes())
    (made / "bundle.json").write_bytes((DATA / "files" / "sigstore-go-npm-provenance.json").read_bytes())
    return made


@examples(30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sigstore", "x509"]),
            st.booleans(),
            st.lists(st.tuples(st.sampled_from(["https://a", "https://b"]), CLAIMS), max_size=2),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_an_option_belongs_to_what_was_named_last(folder: Path, drawn: list[Any]) -> None:
    words: list[str] = []
    identities: list[dict[str, Any]] = []
    settings: dict[str, dict[str, str]] = {}
    for kind, loose, below in drawn:
        name, file = f"a{len(settings)}", folder / ("root.json" if kind == "sigstore" else "ca.pem")
        words += ["--authority", f"{name}={file}"]
        option, value = ("log", "none") if kind == "sigstore" else ("time", "now-or-timestamp")
        settings[name] = {option: value} if loose else {}
        words += [f"--{option}", value] if loose else []
        for issuer, claims in below:
            san = f"https://ci.example.com/{len(identities)}"
            entry: dict[str, Any] = {"authority": name, "san": {"uri": san}, "status": "active"}
            words += ["--identity", f"uri:{san}"]
            if kind == "sigstore":
                entry["issuer"] = issuer
                words += ["--issuer", issuer]
            for claim, text in claims.items():
                words += ["--claim", f"{claim}={text}"]
            if claims:
                entry["claims"] = claims
            identities.append(entry)
    ran = call("trust", "init", "--anchor", "a", *words)
    if not identities:
        assert ran.code == 2
        return
    assert ran.code == 0, ran.stderr
    made = json.loads(ran.stdout)
    assert made["anchors"]["a"]["identities"] == identities
    for name, entry in made["authorities"].items():
        assert {option: entry[option] for option in ("log", "time") if option in entry} == settings[name]


@pytest.mark.usefixtures("among_inputs")
def test_a_signed_trust_bundle_verifies_with_its_authorities(folder: Path) -> None:
    authority, bundle = f"sigstore={folder / 'root.json'}", str(folder / "bundle.json")
    claim = ("--claim", f"source-repository-uri={JS}")
    first = ("--anchor", "js", "--authority", authority, "--identity", WORKFLOW, "--issuer", GITHUB, *claim)
    assert call("trust", "init", *first, "--root", "file:release.pem", "-o", "new.json").code == 0
    assert call("trust", "show", "new.json", "--public", "-o", "1.json").code == 0
    assert call("trust", "sign", "1.json", "--signer", "file:release.pem", "-o", "1.signed.json").code == 0
    assert call("trust", "revoke", "new.json", "--identity", WORKFLOW, "--after", "1.signed.json").code == 0
    assert call("trust", "show", "new.json", "--public", "-o", "2.json").code == 0
    signing = ("--trust-root", "1.signed.json", "--signer", "file:release.pem", "-o", "2.signed.json")
    assert call("trust", "sign", "2.json", *signing).code == 0
    Path("history.jsonl").write_bytes(Path("1.signed.json").read_bytes() + b"\n" + Path("2.signed.json").read_bytes())
    trusted = ("--trust-root", "1.json", "--no-artifact", "--format", "json")
    ran = call("verify", bundle, "--trust", "1.signed.json", *trusted)
    assert (ran.code, json.loads(ran.stdout)["envelopes"][0]["signatures"][0]["identity"]["authority"]) == (
        0,
        "sigstore",
    )
    ran = call("verify", bundle, "--trust", "history.jsonl", *trusted)
    assert (ran.code, json.loads(ran.stdout)["envelopes"][0]["signatures"][0]["code"]) == (1, "identity-compromised")


@pytest.mark.usefixtures("among_inputs")
def test_an_identity_signs_nothing_here(folder: Path) -> None:
    named = ("--anchor", "js", "--authority", f"sigstore={folder / 'root.json'}", "--identity", WORKFLOW)
    assert call("trust", "init", *named, "--issuer", GITHUB, "-o", "new.json").code == 0
    ran = call("sign", "statement.json", "--trust", "new.json", "--anchor", "js")
    assert (ran.code, b"signer-missing" in ran.stderr) == (4, True)
    assert b"An identity has no signer here" in ran.stderr


@pytest.mark.usefixtures("among_inputs")
def test_a_sigstore_bundle_is_counter_signed_in_a_copy_and_never_in_place(folder: Path) -> None:
    Path("bundle.json").write_bytes((folder / "bundle.json").read_bytes())
    named = ("--anchor", "js", "--authority", f"sigstore={folder / 'root.json'}", "--identity", WORKFLOW)
    both = ("--key", "file:release.pem", "--key", "stranger.pub.pem", "--issuer", GITHUB)
    assert call("trust", "init", *named, *both, "-o", "new.json").code == 0
    ran = call("trust", "resign", "new.json", "bundle.json", "--signer", "file:release.pem")
    assert (ran.code, b"(not-resignable)" in ran.stderr) == (3, True)
    assert Path("bundle.json").read_bytes() == (folder / "bundle.json").read_bytes()
    # The identity keeps the attestation valid, whatever happens to a key.
    rotation = ("--anchor", "js", "--old-key", "stranger.pub.pem", "--key", "sim:new", "--overlap", "0d")
    ran = call("trust", "rotate", "new.json", "bundle.json", *rotation, "--format", "json")
    assert [one["result"] for one in json.loads(ran.stdout)["attestations"]] == ["kept"]


def test_an_identity_that_is_too_broad_is_warned_about_when_it_is_added(folder: Path, tmp_path: Path) -> None:
    trust, authority = str(tmp_path / "trust.json"), f"s={folder / 'root.json'}"
    ran = call("trust", "init", "--anchor", "a", "--authority", authority, "--identity", WORKFLOW, "--issuer", GITHUB)
    assert (ran.code, ran.stderr.count(b"(identity-any-source)")) == (0, 1)
    Path(trust).write_bytes(ran.stdout)
    ran = call(
        "trust", "add", trust, "--anchor", "a", "--authority", "s", "--identity", "uri:**", "--issuer", "http://a"
    )
    assert ran.code == 0
    warned = [line.split()[-1] for line in ran.stderr.decode().splitlines()]
    assert warned == ["(identity-too-broad)", "(issuer-not-https)"]
