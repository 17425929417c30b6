"""Remedies for signatures that do not count."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from pathlib import Path
from typing import Any

import attest
from tests.cli.remedies.desk import VERIFY, Desk, remedy
from tests.support.cli.inputs import copy_input, copy_layout
from tests.support.services.tsa import Tsa, serving

LATER = "2026-03-01T12:00:00Z"


@remedy("threshold-not-met")
def one_of_two(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor release --key second.pub --threshold 2")
    desk.attested("app.json", "app.bin")
    desk.no("threshold-not-met", VERIFY)
    desk.attested("half.json", "app.bin", by=["second"])
    desk.do("merge app.json half.json -o both.json")
    desk.do("verify both.json --trust trust.json --artifact app.bin")


@remedy("key-unknown")
def an_old_trust_bundle(desk: Desk) -> None:
    copy_layout(Path("registry"))
    desk.do("trust init --anchor release --key release.pub --root file:second.pem -o 1.json")
    desk.do("trust sign 1.json --signer file:second.pem -o 1.signed.json")
    desk.do("trust publish 1.signed.json --to oci-layout:registry:trust")
    desk.do("trust update mine.jsonl --from oci-layout:registry:trust --trust-root 1.json")
    desk.do("trust show 1.json --public -o 2.json")
    desk.do("trust add 2.json --anchor release --key other.pub")
    desk.do("trust sign 2.json --signer file:second.pem --trust-root 1.signed.json -o 2.signed.json")
    desk.do("trust publish 2.signed.json --to oci-layout:registry:trust")
    desk.attested("app.json", "app.bin", by=["other"])
    verify = "verify app.json --trust mine.jsonl --trust-root 1.json --artifact app.bin"
    ran = desk.no("key-unknown", verify)
    desk.do("explain key-unknown", says="trust update")
    keyid = attest.PublicKey.parse(Path("other.pub").read_bytes()).keyid
    assert keyid.encode() not in desk.do("trust show mine.jsonl --trust-root 1.json").stdout + ran.stdout
    desk.do("trust update mine.jsonl --from oci-layout:registry:trust")
    desk.do(verify)


@remedy("signature-invalid")
def changed_on_the_way(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    original = Path("app.json").read_bytes()
    desk.change("app.json", lambda one: one.update(payload=b64encode(b"{}").decode()))
    desk.no("signature-invalid", VERIFY)
    Path("app.json").write_bytes(original)
    desk.do(VERIFY)


@remedy("signature-not-tried")
def many_signatures_without_keyids(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")

    def crowd(envelope: dict[str, Any]) -> None:
        [own] = envelope["signatures"]
        others = [{"sig": b64encode(bytes([number]) * 64).decode()} for number in range(20)]
        envelope["signatures"] = [{"sig": own["sig"]}, *others, {"sig": own["sig"]}]

    desk.change("app.json", crowd)
    few = f"{VERIFY} --limit tries=5"
    desk.do(few, says="signature-not-tried")  # another signature counted
    desk.change("app.json", lambda one: one["signatures"].pop(0))
    desk.ends(3, few, says="too-many-tries")
    desk.do(f"{VERIFY} --limit tries=50")
    desk.change("app.json", lambda one: one.update(signatures=one["signatures"][-1:]))
    desk.do(few)


@remedy("key-already-counted")
def the_same_key_twice(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor release --key second.pub --threshold 2")
    desk.attested("app.json", "app.bin")
    desk.change("app.json", lambda one: one.update(signatures=one["signatures"] * 2))
    desk.no("key-already-counted", VERIFY)
    desk.do("sign app.json --signer file:second.pem -o both.json")
    desk.do("verify both.json --trust trust.json --artifact app.bin")


@remedy("key-expired", "key-not-yet-valid")
def outside_the_validity_period(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    begin = "trust init --anchor release --key release.pub"
    Path("trust.json").unlink()
    desk.do(f"{begin} --not-after 2026-01-01T00:00:00Z -o trust.json")
    desk.no("key-expired", VERIFY)
    Path("trust.json").unlink()
    desk.do(f"{begin} --not-before 2090-01-01T00:00:00Z -o trust.json")
    desk.no("key-not-yet-valid", VERIFY)
    # The owner of the trust bundle gives a new validity period.
    Path("trust.json").unlink()
    desk.do(f"{begin} --not-after 2090-01-01T00:00:00Z -o trust.json")
    desk.do(VERIFY)


@remedy("key-expired")
def a_timestamp_from_the_time_of_the_key(desk: Desk) -> None:
    for name in ("app.intoto.json", "stamped.intoto.json", "stamped-trust.json", "app.whl"):
        copy_input(name, Path(name))
    rest = f"--trust stamped-trust.json --artifact app.whl --now {LATER}"
    desk.no("key-expired", f"verify app.intoto.json {rest}")
    desk.do(f"verify stamped.intoto.json {rest}")


@remedy("key-retired")
def signed_again_before_it_ends(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    desk.attested("late.json", "app.bin")
    desk.do("trust rotate trust.json --anchor release --old-key release.pub --key second.pub --overlap 1d")
    desk.do("trust resign trust.json app.json --signer file:second.pem")
    desk.do("trust retire trust.json --anchor release --key release.pub")
    desk.do(VERIFY)
    # What was forgotten does not verify, so it is not signed again either; what is known to be good is attested anew.
    late = "verify late.json --trust trust.json --artifact app.bin"
    desk.no("key-retired", late)
    desk.no("key-retired", "trust resign trust.json late.json --signer file:second.pem")
    desk.attested("late.json", "app.bin", by=["second"])
    desk.do(late)


@remedy("key-compromised")
def stolen(desk: Desk) -> None:
    desk.attested("app.json", "app.bin")
    desk.do("trust add trust.json --anchor release --key second.pub")
    desk.do("trust revoke trust.json --key release.pub")
    desk.no("key-compromised", VERIFY)
    desk.attested("app.json", "app.bin", by=["second"])
    desk.do(VERIFY)


@remedy("simulated-key")
def a_test(desk: Desk) -> None:
    desk.do("trust add trust.json --anchor release --key sim:test")
    desk.do("build app.bin --type https://example.com/review/v1 -o statement.json")
    desk.do("sign statement.json --signer sim:test -o app.json")
    desk.no("simulated-key", VERIFY)
    desk.do(f"{VERIFY} --allow-simulated")


@remedy(
    "timestamp-untrusted", "timestamp-chain-invalid", "timestamp-mismatch", "timestamp-in-future", "timestamp-invalid"
)
def a_timestamp(desk: Desk) -> None:
    Path("tsa").mkdir()
    Path("false").mkdir()
    authority, _ = Tsa(Path("tsa").absolute()), Tsa(Path("false").absolute())
    Path("trust.json").unlink()
    desk.do(
        "trust init --anchor release --key release.pub --not-before 2026-01-01 --not-after 2080-01-01 -o trust.json"
    )
    later = f"{VERIFY} --now 2081-01-01T00:00:00Z"
    desk.attested("app.json", "app.bin")
    desk.no("key-expired", later)
    desk.do("build app.bin --type https://example.com/review/v1 -o statement.json")
    with serving(authority.answer) as url:
        desk.do(f"sign statement.json --signer file:release.pem --timestamp {url} -o stamped.json")
        desk.do(f"sign app.json --signer file:second.pem --timestamp {url} -o second.json")
    Path("stamped.json").replace("app.json")
    desk.no("timestamp-untrusted", later)
    shutil.copy("trust.json", "misled.json")
    desk.do("trust authority add misled.json tsa --from false/root.pem --timestamps")
    desk.no("timestamp-chain-invalid", later.replace("trust.json", "misled.json"))
    desk.do("trust authority list trust.json", says="has no authorities")
    desk.do("trust authority add trust.json tsa --from tsa/root.pem --timestamps")
    desk.do(later)
    shutil.copy("trust.json", "retired.json")
    desk.do("trust retire retired.json --anchor release --key release.pub --at 2026-01-02")
    early = f"{VERIFY} --now 2026-01-03T00:00:00Z".replace("trust.json", "retired.json")
    desk.no("timestamp-in-future", early)
    original = Path("app.json").read_bytes()
    [own], (_, second) = (json.loads(Path(name).read_bytes())["signatures"] for name in ("app.json", "second.json"))
    [field] = own.keys() - {"keyid", "sig"}
    for code, content in (("timestamp-mismatch", second[field]), ("timestamp-invalid", {"rfc3161": "AAAA"})):
        envelope = json.loads(original)
        envelope["signatures"][0][field] = content
        desk.write("app.json", json.dumps(envelope))
        desk.no(code, later)
    Path("app.json").write_bytes(original)
    desk.do(later)


@remedy("key-expired")
def a_timestamp_that_comes_too_late(desk: Desk) -> None:
    Path("tsa").mkdir()
    authority = Tsa(Path("tsa").absolute())
    Path("trust.json").unlink()
    desk.do("trust init --anchor release --key release.pub --not-after 2026-01-01 -o trust.json")
    desk.do("trust authority add trust.json tsa --from tsa/root.pem --timestamps")
    desk.do("build app.bin --type https://example.com/review/v1 -o statement.json")
    with serving(authority.answer) as url:
        desk.do(f"sign statement.json --signer file:release.pem --timestamp {url} -o app.json")
    desk.no("key-expired", VERIFY)
