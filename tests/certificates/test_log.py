"""Log entries: real ones and those of a log of the tests are accepted, and any other value of any field is not."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import Rejected
from attest._base.json import b64encode, dumps
from attest.certificates.log import LogProof, check_entry, root_from
from tests.support.examples import examples, few
from tests.support.making import logs
from tests.support.making.logs import NAME, SIGNED, TIME, Log, dsse_body, hashedrekord_body
from tests.support.making.sigstore_cases import case, originals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attest.certificates.entries import Signed

BAD = "log-entry-invalid"
LOG = Log()
ENTRY = LOG.entry(dsse_body())
ALL = ("log-entry", "signed-entry-timestamp", "inclusion-proof", "checkpoint")


def check(entry: Any, *, version: str | None = "0.3", log: Log = LOG, signed: Signed = SIGNED, **more: Any) -> LogProof:
    return check_entry(entry, version, [log.trusted()], signed, **more)


def refusal(entry: Any, **more: Any) -> str:
    with pytest.raises(Rejected) as caught:
        check(entry, **more)
    assert caught.value.message
    return caught.value.code


def changed(*steps: str, value: Any = None, entry: dict[str, Any] = ENTRY) -> dict[str, Any]:
    """The entry with another value at these steps, or without it."""
    copy = deepcopy(entry)
    place: Any = copy
    for step in steps[:-1]:
        place = place[step]
    if value is None:
        del place[steps[-1]]
    else:
        place[steps[-1]] = value
    return copy


def with_note(change: Callable[[str], str]) -> dict[str, Any]:
    note: str = ENTRY["inclusionProof"]["checkpoint"]["envelope"]
    return changed("inclusionProof", "checkpoint", "envelope", value=change(note))


def test_real_entries_of_each_kind_prove_an_index_and_what_time_there_is() -> None:
    kinds = set()
    for one in originals():
        signed = one.signed()
        for entry in one.entries():
            kind = entry["kindVersion"]
            kinds.add((kind["kind"], kind["version"], one.version()))
            begin = signed.certificate.not_valid_before_utc
            proof = check_entry(entry, one.version(), one.trusted_root().logs, signed, [begin])
            assert proof.log_index == int(entry["logIndex"])
            has_set = entry.get("inclusionPromise") is not None
            assert proof.time == (datetime.fromtimestamp(int(entry["integratedTime"]), UTC) if has_set else None)
            assert ("signed-entry-timestamp" in proof.checks) is has_set
            assert (
                ("checkpoint" in proof.checks)
                is (entry.get("inclusionProof") is not None)
                is ("inclusion-proof" in proof.checks)
            )
    assert {("dsse", "0.0.1", "0.3"), ("hashedrekord", "0.0.2", "0.3"), ("intoto", "0.0.2", "0.1")} <= kinds


@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ed25519", "rsa-pkcs1v15-sha256"])
def test_a_log_may_have_each_kind_of_key(algorithm: str) -> None:
    log = Log(algorithm)
    assert check(log.entry(dsse_body()), log=log) == LogProof(9, TIME, NAME, ALL)
    assert refusal(log.entry(dsse_body()), log=Log(algorithm, 42)) == BAD


def strange_values() -> Iterator[tuple[str, Any]]:
    """Every field of a good entry, each with values of other types, and without it."""

    def walk(value: Any, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, item in value.items():
            yield (*steps, name)
            if isinstance(item, dict):
                yield from walk(item, (*steps, name))

    others: list[Any] = [
        "",
        "x",
        "A===",
        -1,
        -1.0,
        1.5,
        True,
        [],
        {},
        [1],
        [None],
        "-1",
        "01",
        "1e3",
        2**63,
        str(2**64),
        "\x00",
    ]
    for steps in walk(ENTRY, ()):
        for value in [None, *others]:
            yield "/".join(steps), changed(*steps, value=value)


def test_whatever_stands_in_a_field_the_answer_is_no() -> None:
    for name, entry in strange_values():
        if name == "inclusionPromise" and entry.get("inclusionPromise") is None:
            assert refusal(entry) == BAD, "without a SET the index must be that of the proof"
        elif name == "inclusionProof" and "inclusionProof" not in entry:
            assert check(entry, version="0.1").checks == ALL[:2]
        assert refusal(entry) == BAD, (name, entry)


@pytest.mark.parametrize("value", [None, [], "x", 1, {}])
def test_an_entry_that_is_none_is_refused(value: Any) -> None:
    assert refusal(value) == BAD


def test_each_version_of_a_bundle_requires_its_part() -> None:
    assert refusal(changed("inclusionProof"), version="0.2") == BAD
    assert refusal(changed("inclusionProof"), version=None) == BAD
    assert check(changed("inclusionProof"), version="0.1").time == TIME
    without_set = LOG.entry(dsse_body(), time=None)
    assert refusal(without_set, version="0.1", times=[TIME]) == BAD
    assert check(without_set, times=[TIME]) == LogProof(5, None, NAME, ("log-entry", "inclusion-proof", "checkpoint"))
    # A part that is not needed must be right where it is there.
    assert refusal(changed("inclusionProof", "rootHash", value=b64encode(bytes(32))), version="0.1") == BAD
    assert refusal(changed("inclusionProof", "checkpoint"), version="0.1") == BAD
    assert refusal(changed("inclusionPromise", "signedEntryTimestamp", value=b64encode(b"x"))) == BAD


def test_a_time_counts_only_if_the_log_signed_it() -> None:
    without_set = LOG.entry(dsse_body(), time=None)
    for seconds in ("0", "1", str(int(TIME.timestamp()))):
        unsigned = {**without_set, "integratedTime": seconds}
        assert refusal(unsigned) == "time-unproven"
        assert check(unsigned, times=[TIME]).time is None
    assert refusal(changed("integratedTime", value=str(int(TIME.timestamp()) + 1))) == BAD
    assert refusal(LOG.entry(dsse_body(), time=datetime(1970, 1, 1, tzinfo=UTC))) == BAD, "0 is no time"


def test_a_signed_time_that_no_calendar_has_is_refused() -> None:
    for seconds in (2**62, 2**63 - 1, 253402300800):
        entry = LOG.entry(dsse_body())
        promised = {"body": entry["canonicalizedBody"], "integratedTime": seconds}
        promised |= {"logID": LOG.key_id.hex(), "logIndex": 9}
        signature = b64encode(LOG.key.sign(dumps(promised)).sig)
        entry |= {"integratedTime": str(seconds), "inclusionPromise": {"signedEntryTimestamp": signature}}
        assert refusal(entry) == BAD


def test_the_key_of_a_log_is_trusted_only_in_its_window() -> None:
    second = timedelta(seconds=1)
    for begin, end, good in [
        (TIME, TIME, True),
        (None, TIME, True),
        (TIME, None, True),
        (TIME + second, None, False),
        (None, TIME - second, False),
    ]:
        for entry, times in ((ENTRY, []), (LOG.entry(dsse_body(), time=None), [TIME])):
            logs_ = [LOG.trusted(begin, end)]
            if good:
                assert check_entry(entry, "0.3", logs_, SIGNED, times)
            else:
                with pytest.raises(Rejected, match="not trusted for the time"):
                    check_entry(entry, "0.3", logs_, SIGNED, times)
    # Without a signed time, all that timestamps prove count.
    without_set = LOG.entry(dsse_body(), time=None)
    with pytest.raises(Rejected, match="not trusted for the time"):
        check_entry(without_set, "0.3", [LOG.trusted(None, TIME)], SIGNED, [TIME, TIME + second])


def test_a_log_that_is_not_trusted_says_nothing() -> None:
    assert refusal(ENTRY, log=Log(number=43)) == BAD
    other = Log(number=43)
    imposter = other.entry(dsse_body())
    imposter["logId"] = ENTRY["logId"]
    assert refusal(imposter) == BAD
    with pytest.raises(Rejected):
        check_entry(ENTRY, "0.3", [], SIGNED)


@pytest.mark.parametrize("name", ["conformance-dsse-v3", "conformance-rekor2-dsse", "npm-registry-provenance"])
def test_every_byte_of_a_real_entry_matters(name: str) -> None:
    one = case(name)
    [entry] = one.entries()
    signed, roots = one.signed(), one.trusted_root().logs
    begin = signed.certificate.not_valid_before_utc
    assert check_entry(entry, "0.3", roots, signed, [begin])

    def refused(other: dict[str, Any]) -> None:
        with pytest.raises(Rejected) as caught:
            check_entry(other, "0.3", roots, signed, [begin])
        assert caught.value.code == BAD

    def flips(text: str) -> Iterator[str]:
        data = base64.b64decode(text)
        for place in few(300, range(len(data))):
            yield b64encode(data[:place] + bytes([data[place] ^ 0x01]) + data[place + 1 :])

    for text in flips(entry["canonicalizedBody"]):
        refused({**entry, "canonicalizedBody": text})
    for text in flips(entry["logId"]["keyId"]):
        refused({**entry, "logId": {"keyId": text}})
    proof = entry["inclusionProof"]
    for text in flips(proof["rootHash"]):
        refused({**entry, "inclusionProof": {**proof, "rootHash": text}})
    for place, one_hash in enumerate(proof["hashes"]):
        for text in list(flips(one_hash))[::5]:
            hashes = [*proof["hashes"][:place], text, *proof["hashes"][place + 1 :]]
            refused({**entry, "inclusionProof": {**proof, "hashes": hashes}})
    for hashes in (
        proof["hashes"][1:],
        proof["hashes"][:-1],
        proof["hashes"][::-1],
        [*proof["hashes"], proof["hashes"][0]],
    ):
        refused({**entry, "inclusionProof": {**proof, "hashes": hashes}})
    for name in ("logIndex", "treeSize"):
        for number in {int(proof[name]) + step for step in (-2, -1, 1, 2)} | {0, 2**63 - 1}:
            refused({**entry, "inclusionProof": {**proof, name: str(number)}})
    if "inclusionPromise" in entry:
        for text in flips(entry["inclusionPromise"]["signedEntryTimestamp"]):
            refused({**entry, "inclusionPromise": {"signedEntryTimestamp": text}})


def test_parts_of_two_good_entries_do_not_go_together() -> None:
    other = LOG.entry({**dsse_body(), "more": 1}, index=10)
    for name in ENTRY:
        if name not in ("logId", "kindVersion", "integratedTime"):
            assert ENTRY[name] != other[name]
            assert refusal({**ENTRY, name: other[name]}) == BAD
            assert check({**other, name: other[name]})
    checkpoint = other["inclusionProof"]["checkpoint"]
    assert refusal({**ENTRY, "inclusionProof": {**ENTRY["inclusionProof"], "checkpoint": checkpoint}}) == BAD


def lines(note: str) -> list[str]:
    return note.split("\n")


SHORT = b64encode(LOG.key_id[:4])
COSIGNER = f"\u2014 witness.example {b64encode(b'1234' + b'any signature')}\n"
TEXT = ENTRY["inclusionProof"]["checkpoint"]["envelope"].partition("\n\n")[0] + "\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda note: "",
        lambda note: "\n\n",
        lambda note: note[:-1],
        lambda note: note + "\n",
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.partition("\n\n")[0] + "\n\n",
        lambda note: note.partition("\n\n")[0] + "\n\n" + COSIGNER,
        lambda note: note.replace("\u2014", "-"),
        lambda note: note.replace(f"\u2014 {NAME} ", f"\u2014 other.{NAME} "),
        lambda note: note.replace(f"\u2014 {NAME} ", f"\u2014 {NAME}x "),
        lambda note: note.replace(f"{NAME} - 1\n", "other.example - 1\n"),
        lambda note: note.replace(f"{NAME} - 1\n", f"{NAME}.evil - 1\n"),
        lambda note: note.replace(f"{NAME} - 1\n", f"{NAME} - 2\n"),
        lambda note: note.replace("\n9\n", "\n10\n"),
        lambda note: note.replace("\n9\n", "\n09\n"),
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note.replace("\n\n", "\nmore\n\n"),
        lambda note: note + LOG.line(TEXT),
        lambda note: LOG.note(TEXT, more=LOG.line(TEXT + "x")),
        lambda note: f"{TEXT}\n\u2014 {NAME} {SHORT}\n",
        lambda note: note + "hello\n",
        lambda note: note + "\u2014 witness.example !!!\n",
        lambda note: note + COSIGNER * 100,
        lambda note: note + "\u2014 witness.example " + "A" * (64 << 10) + "\n",
        lambda note: note.replace("\n\n", "\n\t\n\n"),
        lambda note: note.replace("\n\n", "\n\ud800\n\n"),
        lambda note: LOG.note(f"{NAME}\n9\n"),
        lambda note: LOG.note(f"{NAME}\n"),
        lambda note: LOG.note("\n" + TEXT),
        lambda note: LOG.note(TEXT.replace("\n9\n", "\n 9\n")),
        lambda note: LOG.note(TEXT.replace("\n9\n", "\n09\n")),
        lambda note: LOG.note(TEXT.replace("\n9\n", "\n8\n")),
        lambda note: LOG.note(TEXT.replace("=\n", "\n")),
        lambda note: LOG.note(TEXT, name="other.example"),
        lambda note: LOG.note(f"other.example - 1\n{TEXT.partition(chr(10))[2]}"),
        lambda note: Log(number=44).note(TEXT),
    ],
)
def test_a_checkpoint_that_the_log_did_not_write_so_is_refused(change: Callable[[str], str]) -> None:
    assert refusal(with_note(change)) == BAD


def test_a_checkpoint_may_have_more_lines_and_cosigners() -> None:
    assert check(with_note(lambda note: note + COSIGNER * 99))
    assert check(with_note(lambda _: LOG.note(TEXT + "Timestamp: 1\n", more=COSIGNER)))
    assert check(with_note(lambda _: LOG.note(f"{NAME}\n" + TEXT.partition("\n")[2])))
    own_hint = f"\u2014 witness.example {b64encode(LOG.key_id[:4] + b'any signature')}\n"
    own_name = f"\u2014 {NAME} {b64encode(b'1234' + b'any signature')}\n"
    assert check(with_note(lambda _: LOG.note(TEXT, more=own_hint + own_name)))


def test_names_of_fields_are_those_of_protobuf_but_not_two_for_one() -> None:
    snake = {
        "log_index": ENTRY["logIndex"],
        "log_id": {"key_id": ENTRY["logId"]["keyId"]},
        "kind_version": ENTRY["kindVersion"],
        "integrated_time": int(ENTRY["integratedTime"]),
        "inclusion_promise": {"signed_entry_timestamp": ENTRY["inclusionPromise"]["signedEntryTimestamp"]},
        "inclusion_proof": {
            "log_index": 5,
            "root_hash": ENTRY["inclusionProof"]["rootHash"],
            "tree_size": 9,
            "hashes": ENTRY["inclusionProof"]["hashes"],
            "checkpoint": ENTRY["inclusionProof"]["checkpoint"],
        },
        "canonicalized_body": ENTRY["canonicalizedBody"].replace("+", "-").replace("/", "_"),
    }
    assert check(snake) == check(ENTRY)
    for name in ("log_index", "inclusion_proof", "canonicalized_body"):
        assert refusal({**ENTRY, name: snake[name]}) == BAD


def test_a_proof_has_at_most_64_hashes_and_nothing_large_is_decoded() -> None:
    many = [b64encode(bytes(32))] * 65
    assert refusal(changed("inclusionProof", "hashes", value=many)) == BAD
    for path in (("logId", "keyId"), ("inclusionProof", "rootHash"), ("inclusionPromise", "signedEntryTimestamp")):
        assert refusal(changed(*path, value="A" * (1 << 20))) == BAD


def test_rekor_v2_writes_digests_of_other_lengths() -> None:
    for algorithm in ("SHA2_256", "SHA2_384", "SHA2_512"):
        assert check(LOG.entry(hashedrekord_body(algorithm=algorithm), time=None), times=[TIME])


sizes = st.integers(1, 70).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size)))


@given(sizes, st.data())
@examples(100)
def test_a_proof_leads_to_the_root_and_no_other_one_does(place: tuple[int, int], data: st.DataObject) -> None:
    index, size = place
    leaves = [b"%d" % one for one in range(size)]
    root, hashes = logs.tree_hash(leaves), logs.path(index, leaves)
    leaf = logs.tree_hash([leaves[index]])
    assert root_from(leaf, index, size, hashes) == root
    assert root_from(leaf, index, size, [*hashes, bytes(32)]) is None
    if hashes:
        assert root_from(leaf, index, size, hashes[:-1]) is None
    other = data.draw(st.integers(0, 2 * size))
    if other != index:
        assert root_from(leaf, other, size, hashes) != root
    assert root_from(logs.tree_hash([b"other"]), index, size, hashes) != root
    for nth in range(len(hashes)):
        assert root_from(leaf, index, size, [*hashes[:nth], bytes(32), *hashes[nth + 1 :]]) != root


def test_an_index_without_a_tree_has_no_root() -> None:
    assert root_from(bytes(32), 0, 0, []) is None
    assert root_from(bytes(32), 1, 1, []) is None
    assert root_from(bytes(32), 0, 1, []) == bytes(32)


def test_a_body_is_strict_json() -> None:
    good = json.dumps(dsse_body())
    for body in (
        good[:-1] + ',"kind":"dsse"}',
        "[]",
        "",
        "\ufeff" + good,
        good.replace("0.0.1", "0.0.2"),
        "[" * 100_000,
    ):
        assert refusal(LOG.entry(body.encode())) == BAD
