"""Verifications worth a report: real envelopes by real keys, each a folder and the command line that verifies them."""

from __future__ import annotations

import json
from contextlib import chdir
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from attest import ResourceDescriptor, Statement, sign
from attest._base.json import dumps
from tests.support.cli.calls import Ran, call
from tests.support.making.bundles import anchor, bundle_document, key
from tests.support.making.keys import ALICE, BOB, MALLORY, MemorySigner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from attest import Signer

LINK = "https://in-toto.io/attestation/link/v0.3"
PROVENANCE = "https://slsa.dev/provenance/v1"
REVIEW = "https://example.com/review/v1"
TESTED = "https://in-toto.io/attestation/test-result/v0.1"
CAROL, DAVE = MemorySigner("ecdsa-sha2-nistp256", 4), MemorySigner("ed25519", 5)
# What would hurt somewhere: HTML, XML, Markdown, workflow commands, terminals, and eyes.
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> & ']]>",
    "##[set-output name=x]y ##vso[task.setvariable variable=x]y",
    "::error file=x,line=1::owned\n::stop-commands::x\r\n",
    "| a | b |\n|---|---|\n``` @octocat #1 https://evil.example www.evil.example a@evil.example `x` \\",
    "[link](javascript:alert(1)) ![i](https://evil.example/i.png) *a* _b_ ~~c~~ $x$ :tada:",
    "\x1b[31mred\x1b[0m\x00\x07\x7f\x9b2J\ufffe\u2028",
    "\u202egpj.exe",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "Z\u0351\u0343\u0363\u036b\u035b\u0362a\u0351\u0343\u0363\u036b\u035bl\u0351\u0343\u0363g\u0351\u0343o",
    "very-long-" * 400,
    "\u6f22\u5b57" * 60,
    "",
    " ",
)


def content(name: str) -> bytes:
    """What the file of that name holds."""
    return f"this is {name}\n".encode()


def resource(name: str, **fields: Any) -> dict[str, Any]:
    """The descriptor of a file."""
    return {"name": name, "digest": {"sha256": sha256(content(name)).hexdigest()}, **fields}


def attestation(
    kind: str, subjects: Sequence[str], predicate: dict[str, Any], *signers: Signer, check: bool = True
) -> bytes:
    """An envelope about files of those names."""
    described = [ResourceDescriptor(name, resource(name)["digest"]) for name in subjects]
    about = Statement.build(described, predicate_type=kind, predicate=predicate, check_predicate=check)
    return sign(about, signers).to_json()


def link(name: str, materials: Sequence[str], products: Sequence[str], *signers: Signer) -> bytes:
    """A step that made files from others."""
    predicate = {"name": name, "command": ["make", name], "materials": [resource(one) for one in materials]}
    return attestation(LINK, products, predicate, *signers)


def provenance(builder: str, materials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The predicate of a SLSA provenance."""
    return {
        "buildDefinition": {
            "buildType": "https://example.com/build/v1",
            "externalParameters": {"source": "https://example.com/app"},
            "resolvedDependencies": list(materials),
        },
        "runDetails": {"builder": {"id": builder}},
    }


def one(folder: Path) -> list[str]:
    """One envelope that is verified."""
    (folder / "app.intoto.json").write_bytes(
        attestation(PROVENANCE, ["app.whl"], provenance("https://ci.example/1", []), ALICE)
    )
    return _verify(folder, ["app.intoto.json"], ["app.whl"])


def chain(folder: Path) -> list[str]:
    """A repository is cloned, built and packaged, and what comes out is tested."""
    sources = ["src/main.c", "src/util.c", "Makefile"]
    commit = {"uri": "git+https://example.com/app@refs/tags/v1.2.0", "digest": {"gitCommit": "5f" * 20}}
    tools = [
        resource(f"toolchain/{name}.deb") for name in ("gcc-13", "binutils", "libc6-dev", "make", "cmake", "ninja")
    ]
    cloned = {"name": "clone", "command": ["git", "clone"], "materials": [{"name": "app", **commit}]}
    tested = {"result": "PASSED", "configuration": [resource("ci.yml")]}
    envelopes = {
        "clone.intoto.json": attestation(LINK, sources, cloned, ALICE, check=False),
        "build.intoto.json": attestation(
            PROVENANCE,
            ["app.bin", "libapp.so"],
            provenance("https://ci.example/builders/linux", [*(resource(name) for name in sources), *tools]),
            BOB,
        ),
        "package.intoto.json": link("package", ["app.bin", "libapp.so", "LICENSE"], ["app-1.2.0.tar.gz"], ALICE, CAROL),
        "test.intoto.json": attestation(TESTED, ["app.bin", "app-1.2.0.tar.gz"], tested, BOB),
    }
    for name, data in envelopes.items():
        (folder / name).write_bytes(data)
    artifacts = ["src/main.c", "app.bin", "app-1.2.0.tar.gz"]
    anchors = {"source": anchor(ALICE), "build": anchor(BOB), "release": anchor(ALICE, CAROL, threshold=2)}
    return _verify(folder, list(envelopes), artifacts, anchors)


def refusal(folder: Path) -> list[str]:
    """Several signatures of which none is enough, beside an envelope that is fine and one that can't be read."""
    predicate = provenance("https://ci.example/1", [resource("main.c")])
    (folder / "app.intoto.json").write_bytes(
        attestation(PROVENANCE, ["app.whl"], predicate, ALICE, BOB, CAROL, MALLORY)
    )
    (folder / "other.intoto.json").write_bytes(attestation(PROVENANCE, ["other.whl"], predicate, DAVE))
    (folder / "wrong.intoto.json").write_bytes(attestation(PROVENANCE, ["third.whl"], predicate, DAVE))
    (folder / "broken.intoto.json").write_bytes(b'{"payload": "e30=", "payload": "e30="}')
    lost = key(ALICE, status="compromised")
    old = key(BOB, not_before="2020-01-01T00:00:00Z", not_after="2021-01-01T00:00:00Z")
    anchors = {"release": anchor(lost, old, CAROL, threshold=2), "other": anchor(DAVE, subjects=["other.*"])}
    names = ["app.intoto.json", "other.intoto.json", "wrong.intoto.json", "broken.intoto.json"]
    return _verify(folder, names, ["app.whl", "other.whl", "third.whl"], anchors)


def many(folder: Path, number: int = 200) -> list[str]:
    """Many envelopes, every fortieth by somebody unknown."""
    names = [f"package-{index:03}" for index in range(number)]
    for index, name in enumerate(names):
        signer = MALLORY if index % 40 == 7 else ALICE
        (folder / f"{name}.intoto.json").write_bytes(link("package", [f"{name}.c", "Makefile"], [name], signer))
    return _verify(folder, [f"{name}.intoto.json" for name in names], names)


def hostile(folder: Path) -> list[str]:
    """Names and claims that would break out of a format if one let them."""
    names = [name for name in HOSTILE if name]
    predicate = {"name": HOSTILE[0], "materials": [resource(name or "-", uri=name) for name in HOSTILE]}
    (folder / "##[error]|`@x`<b>.json").write_bytes(attestation(LINK, names, predicate, ALICE, check=False))
    for index, name in enumerate(HOSTILE):
        made = provenance(name, [{"uri": name, "digest": {"sha256": "00" * 32, name: name}}, {"content": name}])
        data = attestation(PROVENANCE, ["app.whl"], made, ALICE, check=False)
        (folder / f"{index}.json").write_bytes(data)
    about = attestation(f"https://example.com/{HOSTILE[1]}", ["app.whl"], {}, ALICE, MALLORY)
    document = json.loads(about)
    document["signatures"][1]["keyid"] = HOSTILE[5]
    (folder / "type.json").write_bytes(dumps(document))
    # A key that stands twice is no JSON here, and the error names it.
    twice = b"{%s,%s}" % ((dumps({HOSTILE[4]: 1})[1:-1],) * 2)
    (folder / "lines|<b>`.jsonl").write_bytes(
        b"\n".join([attestation(TESTED, ["app.whl"], {}, ALICE, check=False), twice])
    )
    usual = [name for name in names if "/" not in name and "\0" not in name and len(name.encode()) < 200]
    files = [
        "##[error]|`@x`<b>.json",
        "type.json",
        "lines|<b>`.jsonl",
        *(f"{index}.json" for index in range(len(HOSTILE))),
    ]
    command, *arguments = _verify(folder, files, ["app.whl", "##[error] | <i>`@nobody`\n::error::x", *usual])
    return [command, "--no-schema", *arguments]


def unread(folder: Path) -> list[str]:
    """A trust bundle that isn't there, so that nothing is decided."""
    arguments = one(folder)
    (folder / "trust.json").unlink()
    return arguments


def met(folder: Path) -> list[str]:
    """A policy that is met, beside an entry of a collection that nobody known signed and that decides nothing."""
    return _policed(folder, "https://ci.example/1")


def unmet(folder: Path) -> list[str]:
    """A policy of which two requirements are not met, one for two reasons."""
    return _policed(folder, "https://ci.example/other")


def _policed(folder: Path, builder: str) -> list[str]:
    made = provenance(builder, [resource("main.c")])
    reviewed = [{"approved": builder.endswith("/1"), "round": number} for number in (1, 2)]
    envelopes = {
        "app.intoto.json": attestation(PROVENANCE, ["app.whl"], made, ALICE),
        "review1.intoto.json": attestation(REVIEW, ["app.whl"], reviewed[0], ALICE),
        "review2.intoto.json": attestation(REVIEW, ["app.whl"], reviewed[1], ALICE),
        "stranger.intoto.jsonl": attestation(PROVENANCE, ["app.whl"], made, MALLORY),
    }
    for name, data in envelopes.items():
        (folder / name).write_bytes(data)
    schema = {"properties": {"approved": {"const": True}}}
    asked = [
        {
            "id": "built",
            "anchors": ["release"],
            "rules": {"slsa-build": {"level": 1, "builders": ["https://ci.example/1"]}},
        },
        {"id": "reviewed", "type": REVIEW, "schema": schema},
    ]
    (folder / "policy.json").write_bytes(dumps({"require": asked}))
    command, *arguments = _verify(folder, list(envelopes), ["app.whl"])
    return [command, "--policy", "policy.json", *arguments]


# Some of what the drawing of `chain` must show: a repository, its sources, what was built of them, and the package.
CHAIN_STEPS = {
    ("app", "clone"),
    ("clone", "src/main.c"),
    ("src/main.c", "https://ci.example/builders/linux"),
    ("https://ci.example/builders/linux", "app.bin"),
    ("app.bin", "package"),
    ("package", "app-1.2.0.tar.gz"),
    ("app-1.2.0.tar.gz", "test-result"),
}
SCENARIOS: dict[str, tuple[Callable[[Path], list[str]], int]] = {
    "one": (one, 0),
    "chain": (chain, 0),
    "refusal": (refusal, 1),
    "many": (many, 1),
    "hostile": (hostile, 1),
    "unread": (unread, 3),
    "met": (met, 0),
    "unmet": (unmet, 1),
}


def run(name: str, form: str, folder: Path) -> Ran:
    """Make a scenario in a folder and verify it there; the exit code is seen to."""
    make, code = SCENARIOS[name]
    command, *arguments = make(folder)
    with chdir(folder):
        ran = call(command, "--format", form, *arguments)
    assert ran.code == code, ran.stderr
    return ran


def _verify(
    folder: Path, envelopes: Sequence[str], artifacts: Sequence[str], anchors: dict[str, Any] | None = None
) -> list[str]:
    (folder / "trust.json").write_bytes(dumps(bundle_document(anchors)))
    for name in artifacts:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content(name))
    wanted = [word for name in artifacts for word in ("--artifact", name)]
    return ["verify", "--trust", "trust.json", "--now", "2026-06-01T12:00:00Z", *wanted, "--", *envelopes]
