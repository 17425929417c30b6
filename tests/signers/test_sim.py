"""The simulator: the same keys everywhere, faults on demand, and marks on everything that comes from it."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from attest import PublicKey, SignerError, open_signer
from attest.keys import ALGORITHMS
from attest.keys.formats import SIMULATED_NOTE
from attest.signers import BaseSigner, generate_key
from attest.signers._software import to_pem
from attest.signers.sim import faults
from tests.support.making.keys import private_key
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

# Written down, because keys that change from one release to the next would break whoever develops against them.
KEYIDS = {
    "ed25519": "sim:7c5f8aef7820d00185f0215c8e00667e2a46a57a842a59819be1f8589e273cf4",
    "ecdsa-sha2-nistp256": "sim:a839fdaa2877f9d3827ce9f8ff2be88d299ee3d0d782c1afd4c181f7d88a9e77",
    "ml-dsa-44": "sim:caf4b6b87c889370d8ff512bce8bbb69d3345e324e8ac09402277ad0e41461f2",
}
DERIVED = [name for name in ALGORITHMS if not name.startswith("rsa")]


def outcomes(signer: BaseSigner, times: int) -> list[str]:
    """What became of so many operations: `good`, or the code of the error."""
    found = []
    for _ in range(times):
        try:
            signer.sign(b"data")
            found.append("good")
        except SignerError as error:
            found.append(error.code)
    return found


@pytest.mark.parametrize(("algorithm", "keyid"), KEYIDS.items())
def test_a_name_stands_for_the_same_key_for_ever(algorithm: str, keyid: str) -> None:
    assert open_signer(f"sim:test?algorithm={algorithm}").public_key.keyid == keyid


def test_names_and_algorithms_give_different_keys() -> None:
    keys = [open_signer(f"sim:{name}?algorithm={algorithm}").public_key for name in "ab" for algorithm in DERIVED]
    assert len({key.spki for key in keys}) == 2 * len(DERIVED)


@pytest.mark.parametrize("hsm", ["HSM-ECDSA-P256", "HSM-ECDSA-P384"])
def test_a_tokens_name_for_an_algorithm_is_understood(hsm: str) -> None:
    assert open_signer(f"sim:test?algorithm={hsm}").public_key.algorithm.family == "ecdsa"


def test_everything_is_marked_as_simulated() -> None:
    signer = open_signer("sim:test")
    key = signer.public_key
    assert key.simulated
    assert key.keyid.startswith("sim:")
    assert signer.sign(b"").keyid == key.keyid
    assert key.to_pem().startswith(SIMULATED_NOTE)
    assert PublicKey.parse(key.to_pem().encode()).simulated


def test_an_rsa_key_is_made_once_and_is_there_after_a_restart(tmp_path: Path) -> None:
    uri = f"sim:test?algorithm=rsassa-pss-sha256&state={tmp_path / 'deep' / 'state'}"
    first = open_signer(uri).public_key
    assert first.rsa_bits == 3072
    program = "import sys, attest; print(attest.open_signer(sys.argv[1]).public_key.keyid)"
    ran = subprocess.run([sys.executable, "-c", program, uri], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == first.keyid
    [kept] = (tmp_path / "deep" / "state").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_the_rsa_algorithms_of_a_name_share_its_key(tmp_path: Path) -> None:
    (tmp_path / "test.rsa.pem").write_bytes(to_pem(private_key("rsassa-pss-sha256")))
    uris = [f"sim:test?algorithm={name}&state={tmp_path}" for name in ALGORITHMS if name.startswith("rsa")]
    assert len({open_signer(uri).public_key.spki for uri in uris}) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_instances_that_race_for_an_rsa_key_agree_on_it(tmp_path: Path) -> None:
    uri = f"sim:test?algorithm=rsassa-pss-sha256&state={tmp_path}"
    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda _: open_signer(uri).public_key.keyid, range(4)))
    assert len(keys) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_state_folder_is_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".local" / "state" / "attest" / "sim"
    folder.mkdir(parents=True)
    (folder / "test.rsa.pem").write_bytes(to_pem(private_key("rsassa-pss-sha256")))
    kept = open_signer("sim:test?algorithm=rsassa-pss-sha256").public_key
    assert kept == PublicKey.parse(kept.spki)
    assert kept.rsa_bits == 2048


def test_a_state_folder_that_can_not_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with refused(SignerError, "state-unwritable"):
        _ = open_signer(f"sim:test?algorithm=rsassa-pss-sha256&state={tmp_path}/file/state").public_key


@pytest.mark.parametrize("kept", ["a directory", "another algorithm's key", "no such name"])
def test_a_kept_key_that_can_not_be_used_is_a_signers_error(tmp_path: Path, kept: str) -> None:
    if kept == "a directory":
        (tmp_path / "test.rsa.pem").mkdir()
    else:
        (tmp_path / "test.rsa.pem").write_bytes(to_pem(private_key("ed25519")))
    state = "%00" if kept == "no such name" else tmp_path
    with pytest.raises(SignerError):
        _ = open_signer(f"sim:test?algorithm=rsassa-pss-sha256&state={state}").public_key


def test_a_kept_key_that_is_damaged_is_a_signers_error(tmp_path: Path) -> None:
    (tmp_path / "test.rsa.pem").write_bytes(b"damaged")
    with refused(SignerError, "key-unreadable"):
        _ = open_signer(f"sim:test?algorithm=rsassa-pss-sha256&state={tmp_path}").public_key


def test_without_faults_nothing_fails() -> None:
    assert outcomes(open_signer("sim:test"), 50) == ["good"] * 50


def test_a_fail_rate_fails_as_often_and_always_at_the_same_operations() -> None:
    uri = "sim:test?fail-rate=0.3&seed=7"
    first = outcomes(open_signer(uri), 200)
    assert outcomes(open_signer(uri), 200) == first
    assert set(first) == {"good", "token-failed"}
    assert 30 < first.count("token-failed") < 90
    assert outcomes(open_signer("sim:test?fail-rate=0.3&seed=8"), 200) != first
    assert outcomes(open_signer("sim:other?fail-rate=0.3&seed=7"), 200) != first
    assert outcomes(open_signer("sim:test?fail-rate=1"), 5) == ["token-failed"] * 5


def test_a_token_that_went_away_stays_away() -> None:
    signer = open_signer("sim:test?disconnect-after=3")
    assert outcomes(signer, 6) == ["good"] * 3 + ["token-lost"] * 3
    with refused(SignerError, "token-lost", str(signer.uri)):
        signer.verify(b"", b"data")
    assert outcomes(open_signer("sim:test?disconnect-after=0"), 2) == ["token-lost"] * 2


def test_operations_of_all_threads_count() -> None:
    signer = open_signer("sim:test?disconnect-after=20")
    with ThreadPoolExecutor(8) as pool:
        found = [code for codes in pool.map(lambda _: outcomes(signer, 5), range(8)) for code in codes]
    assert sorted(found) == ["good"] * 20 + ["token-lost"] * 20


def test_latency_is_waited_for_and_does_not_hold_up_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(8, timeout=60)  # which ends only if all wait at the same time
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        together.wait()

    signer = open_signer("sim:test?latency=200")
    _ = signer.public_key
    monkeypatch.setattr(faults, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(signer.sign, [b"data"] * 8))
    assert waits == [0.2] * 8


def test_verifying_in_the_simulator_meets_the_same_faults() -> None:
    signature = open_signer("sim:test").sign(b"data").sig
    with refused(SignerError, "token-failed"):
        open_signer("sim:test?fail-rate=1").verify(signature, b"data")


@pytest.mark.parametrize(
    "uri",
    [
        "sim:",
        "sim:a/b",
        "sim:..",
        "sim:a%2Fb",
        f"sim:{'a' * 65}",
        "sim:é",
        "sim:test?fail-rate=2",
        "sim:test?fail-rate=-1",
        "sim:test?fail-rate=nan",
        "sim:test?latency=inf",
        "sim:test?latency=soon",
        "sim:test?disconnect-after=-1",
        "sim:test?seed=1&seed=2",
    ],
)
def test_a_uri_that_makes_no_sense_is_refused_at_once(uri: str) -> None:
    with refused(SignerError, "signer-uri-invalid"):
        open_signer(uri)


def test_an_algorithm_that_does_not_exist_is_refused_at_once() -> None:
    with refused(SignerError, "algorithm-unsupported"):
        open_signer("sim:test?algorithm=rsa-pkcs1v15-sha1")


def test_a_key_is_there_without_being_made_and_only_for_the_uris_algorithm() -> None:
    assert generate_key("sim:test").public_key == open_signer("sim:test").public_key
    assert generate_key("sim:test", ALGORITHMS["ed25519"]).public_key.keyid == KEYIDS["ed25519"]
    with refused(SignerError, "signer-uri-invalid") as caught:
        generate_key("sim:test", ALGORITHMS["ml-dsa-44"])
    assert "algorithm=ml-dsa-44" in (caught.value.hint or "")
