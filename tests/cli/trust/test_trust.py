"""`attest trust` at the command line: what is no trust bundle, and changes in place that lose nothing."""

from __future__ import annotations

import json
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attest import TrustBundle
from attest._base.times import format_time
from attest.envelope import Envelope
from tests.support.cli.calls import Ran, call, program, trust
from tests.support.cli.inputs import RELEASE
from tests.support.making.bundles import FUTURE, PAST, anchor, bundle_document, key
from tests.support.making.keys import ALICE, BOB, MemorySigner, private_key, public_bytes
from tests.trust.test_bundle import compressed

pytestmark = pytest.mark.usefixtures("among_inputs")

P256 = MemorySigner("ecdsa-sha2-nistp256", 0).public_key
CHANGES = {
    "add": "add trust.json --anchor release --key stranger.pub.pem",
    "retire": "retire trust.json --anchor release --key release.pub.pem",
    "revoke": f"revoke trust.json --keyid {RELEASE}",
    "rotate": f"rotate trust.json --anchor release --keyid {RELEASE} --key stranger.pub.pem",
}


def attest_program(*arguments: str) -> Ran:
    """The program in a process of its own, from this very checkout."""
    return program(*arguments)


def told(file: str = "trust.json") -> Any:
    return json.loads(Path(file).read_text())


def one(**fields: Any) -> Any:
    return bundle_document({"a": anchor(key(ALICE, **fields))})


BAD = {
    "a name twice": (json.dumps(one()).replace('"threshold": 1', '"threshold": 1, "threshold": 1'), "json-invalid"),
    "a name twice in a key": (json.dumps(one()).replace('"keyid"', '"keyid": "", "keyid"'), "json-invalid"),
    "an unknown version": ({**one(), "mediaType": "application/vnd.attest.trust-bundle.v2+json"}, "trust-invalid"),
    "a version that is none": ({**one(), "version": 0}, "trust-invalid"),
    "an unknown field": (one(not_afer=FUTURE), "trust-invalid"),
    "a threshold too high": (bundle_document({"a": anchor(ALICE, threshold=2)}), "threshold-unreachable"),
    "a threshold without keys": (bundle_document({"a": anchor()}), "threshold-unreachable"),
    "one key twice": (bundle_document({"a": anchor(ALICE, ALICE)}), "key-duplicate"),
    "one key twice, as simulated": (
        bundle_document({"a": anchor(ALICE, key(ALICE, keyid=f"sim:{ALICE.public_key.keyid}"))}),
        "key-duplicate",
    ),
    "one key twice, encoded otherwise": (
        bundle_document({"a": anchor(key(P256), key(P256, public_key=compressed(P256)))}),
        "key-duplicate",
    ),
    "one key twice, under another keyid": (
        bundle_document({"a": anchor(BOB, key(ALICE), key(ALICE, keyid=BOB.public_key.keyid))}),
        "keyid-mismatch",
    ),
    "an algorithm that doesn't fit": (one(algorithm="ecdsa-sha2-nistp256"), "key-algorithm-mismatch"),
    "an algorithm that doesn't exist": (one(algorithm="rot13"), "algorithm-unsupported"),
    "a key that is none": (
        one(public_key="-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        "key-invalid",
    ),
    "a window that ends before it begins": (one(not_before=FUTURE, not_after=PAST), "time-invalid"),
    "a bundle that ends before it begins": ({**one(), "issued": FUTURE, "expires": PAST}, "time-invalid"),
    "a time that is none": (one(not_after="tomorrow"), "time-invalid"),
}
PLACES = {
    "a name twice": "/anchors/a/threshold",
    "a name twice in a key": "/anchors/a/keys/0/keyid",
    "an unknown version": "/mediaType",
    "a version that is none": "/version",
    "an unknown field": "/anchors/a/keys/0",
    "a threshold too high": "/anchors/a/threshold",
    "a threshold without keys": "/anchors/a/threshold",
    "one key twice": "/anchors/a/keys/1",
    "one key twice, as simulated": "/anchors/a/keys/1",
    "one key twice, encoded otherwise": "/anchors/a/keys/1",
    "one key twice, under another keyid": "/anchors/a/keys/2/keyid",
    "an algorithm that doesn't fit": "/anchors/a/keys/0",
    "an algorithm that doesn't exist": "/anchors/a/keys/0",
    "a key that is none": "/anchors/a/keys/0",
    "a window that ends before it begins": "/anchors/a/keys/0/not_after",
    "a bundle that ends before it begins": "/expires",
    "a time that is none": "/anchors/a/keys/0/not_after",
}
READERS = [
    "trust check FILE",
    "trust show FILE",
    "trust add FILE --anchor b --key stranger.pub.pem",
    "trust retire FILE --anchor a --key stranger.pub.pem",
    "trust revoke FILE --key stranger.pub.pem",
    "trust rotate FILE --anchor a --old-key release.pub.pem --key stranger.pub.pem",
    "trust resign FILE app.intoto.json --signer file:release.pem",
    "trust diff trust.json FILE",
    "verify app.intoto.json --trust FILE --artifact app.whl",
]


@pytest.mark.parametrize("line", READERS)
@pytest.mark.parametrize("fault", BAD)
def test_what_is_no_trust_bundle_is_refused_with_the_place_in_the_file(fault: str, line: str) -> None:
    document, code = BAD[fault]
    Path("bad.json").write_text(document if isinstance(document, str) else json.dumps(document))
    before = Path("bad.json").read_bytes()
    said = call(*line.replace("FILE", "bad.json").split()).refused(3, f"({code})")
    assert said.startswith(f"attest: error: bad.json: {PLACES[fault]}: ")
    assert Path("bad.json").read_bytes() == before


def test_two_anchors_that_share_a_key_are_legal_and_a_warning() -> None:
    Path("shared.json").write_text(json.dumps(bundle_document({"a": anchor(ALICE), "b": anchor(ALICE, BOB)})))
    ran = trust("check shared.json")
    assert (ran.code, ran.prose) == (
        0,
        ["attest: warning: shared.json: /anchors/b/keys/0: anchor 'a' has the same key (key-shared)"],
    )
    assert trust("check shared.json --strict").code == 1


@pytest.mark.parametrize("line", CHANGES.values(), ids=CHANGES)
def test_a_change_raises_the_version_and_keeps_permissions_and_all_that_was_there(line: str) -> None:
    document = told() | {"version": 41, "x-owner": "security"}
    Path("trust.json").write_text(json.dumps(document))
    os.chmod("trust.json", 0o604)
    files = {path.name for path in Path().iterdir()}
    ran = trust(line)
    assert ran.code == 0
    assert ran.stdout.startswith(b"changed trust.json: version 41 -> 42\n  anchor 'release': ")
    after = told()
    assert (after["version"], after["x-owner"]) == (42, "security")
    assert after["issued"] > document["issued"]
    assert stat.S_IMODE(Path("trust.json").stat().st_mode) == 0o604
    assert {path.name for path in Path().iterdir()} == files


@pytest.mark.parametrize("line", CHANGES.values(), ids=CHANGES)
def test_what_a_change_says_it_changed_is_what_the_two_versions_differ_in(line: str) -> None:
    shutil.copy("trust.json", "before.json")
    said = trust(f"{line} --format json").json
    found = trust("diff before.json trust.json --format json").json
    ours = [change for change in found["changes"] if change["kind"] not in ("version-changed", "issued-changed")]
    assert said["changes"] == ours
    assert said["sha256"] == found["new"]["sha256"]


@pytest.mark.parametrize("line", [CHANGES["retire"], CHANGES["revoke"]], ids=["retire", "revoke"])
def test_a_threshold_that_can_no_longer_be_met_is_a_warning_and_no_obstacle(line: str) -> None:
    ran = trust(line)
    assert ran.code == 0
    assert [text for text in ran.prose if "(anchor-unsatisfiable)" in text] == ran.prose
    assert len(ran.prose) == 1
    call("verify", "app.intoto.json", "--trust", "trust.json", "--artifact", "app.whl").refused(
        1, "(threshold-not-met)"
    )


def test_a_key_that_signs_with_another_digest_than_usual() -> None:
    Path("p384.pem").write_bytes(public_bytes(private_key("ecdsa-sha2-nistp384", 0)))
    given = ("--key", "p384.pem", "--digest", "sha256")
    created = call("trust", "init", "--anchor", "cosign", *given, "-o", "cosign.json").done()
    assert created.code == 0
    call("trust", "add", "trust.json", "--anchor", "cosign", *given).done()
    for file in ("cosign.json", "trust.json"):
        [entry] = json.loads(Path(file).read_bytes())["anchors"]["cosign"]["keys"]
        assert (entry["algorithm"], entry["digest"]) == ("ecdsa-sha2-nistp384", "sha256")
    call("trust", "add", "trust.json", "--roots", *given).refused(2, "--roots cannot be used with --digest")


def test_changes_that_are_made_at_once_are_all_made() -> None:
    names = [f"sim:signer{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        lines = [f"trust add trust.json --anchor release --key {name}" for name in names]
        for ran in pool.map(lambda line: attest_program(*line.split()), lines):
            assert ran.code == 0, ran.stderr
    after = told()
    assert after["version"] == 7
    assert {entry.get("signer") for entry in after["anchors"]["release"]["keys"]} >= set(names)


def test_a_key_that_is_revoked_stays_so_whatever_is_typed() -> None:
    trust(CHANGES["revoke"])
    for line in (
        "add trust.json --anchor release --key release.pub.pem",
        "add trust.json --anchor other --key file:release.pem",
        "retire trust.json --anchor release --key release.pub.pem",
        "revoke trust.json --key release.pub.pem",
        "rotate trust.json --anchor release --old-key release.pub.pem --key stranger.pub.pem",
        "resign trust.json app.intoto.json --signer file:release.pem",
    ):
        before = Path("trust.json").read_bytes()
        trust(line).refused(3, "(key-compromised)")
        assert Path("trust.json").read_bytes() == before


def test_a_rotation_ends_at_the_overlap_and_what_was_counter_signed_goes_on() -> None:
    line = "rotate trust.json app.intoto.json other.intoto.json --anchor release --old-key release.pub.pem"
    said = trust(f"{line} --key file:stranger.pem --format json").json
    assert [entry["result"] for entry in said["attestations"]] == ["ending", "ending"]
    trust("resign trust.json app.intoto.json --signer file:stranger.pem").done()
    old, new = TrustBundle.load("trust.json").anchors["release"].keys
    assert old.not_after is not None
    assert new.not_before is not None
    assert said["ends"] == format_time(old.not_after)
    for moment, other in ((new.not_before, 0), (old.not_after, 0), (old.not_after + timedelta(seconds=1), 1)):
        options = ("--trust", "trust.json", "--no-artifact", "--now", format_time(moment))
        assert call("verify", "app.intoto.json", *options).code == 0
        assert call("verify", "other.intoto.json", *options).code == other


def test_nothing_is_signed_that_does_not_verify_and_the_others_are() -> None:
    trust("add trust.json --anchor release --key file:stranger.pem").done()
    tampered = json.loads(Path("app.intoto.json").read_text())
    tampered["signatures"][0]["sig"] = "A" * 86 + "=="
    Path("bad.intoto.json").write_text(json.dumps(tampered))
    os.chmod("app.intoto.json", 0o640)
    before = Path("bad.intoto.json").read_bytes()
    ran = trust("resign trust.json bad.intoto.json app.intoto.json --signer file:stranger.pem")
    assert ran.stdout == b"signed: app.intoto.json\n"
    assert "bad.intoto.json: " in ran.refused(1, "(threshold-not-met)")
    assert Path("bad.intoto.json").read_bytes() == before
    assert len(Envelope.from_json(Path("app.intoto.json").read_bytes()).signatures) == 2
    assert stat.S_IMODE(Path("app.intoto.json").stat().st_mode) == 0o640


def test_a_signer_that_fails_is_not_tried_again_and_what_was_signed_is_told() -> None:
    uri = "sim:carol?fail-rate=1"
    trust("add trust.json --anchor release --key sim:carol").done()
    before = [Path(name).read_bytes() for name in ("app.intoto.json", "other.intoto.json")]
    ran = trust(f"resign trust.json app.intoto.json other.intoto.json --allow-simulated --format json --signer {uri}")
    assert (ran.code, ran.json["code"]) == (4, "token-failed")
    assert [entry["attestation"] for entry in ran.json["attestations"]] == ["app.intoto.json"]
    assert [Path(name).read_bytes() for name in ("app.intoto.json", "other.intoto.json")] == before


def test_an_attestation_that_is_given_twice_is_signed_once() -> None:
    trust("add trust.json --anchor release --key file:stranger.pem").done()
    line = "resign trust.json app.intoto.json app.intoto.json --signer file:stranger.pem"
    assert trust(line).done().stdout == b"signed: app.intoto.json\n"


def test_the_overlap_of_one_of_several_people_is_warned_of() -> None:
    line = "rotate sim-trust.json --anchor release --old-key sim:alice --key sim:carol"
    assert "(overlap-counts-twice)" in trust(line).prose[0]
    trust("rotate sim-trust.json --anchor release --old-key sim:bob --key sim:dave --overlap 0").done()


def test_when_and_why_a_key_ended_is_shown() -> None:
    trust(f"{CHANGES['retire']} --at 2026-01-20T00:00:00Z --reason superseded")
    shown = trust("show trust.json").done().stdout.decode()
    assert f"    retired     ed25519 {RELEASE} since 2026-01-20T00:00:00Z (superseded)\n" in shown
