"""Entries of a transparency log (Rekor): the log signed this entry, or a tree that has it, and says when.

Rule: a time, an index or a hash counts only where the log signed it; a part that is there must be right.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import b64decode, b64encode, dumps
from attest._base.times import format_time
from attest.certificates._protobuf import Message
from attest.certificates.entries import demand_about
from attest.errors import InputError, Rejected
from attest.limits import MAX_ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.certificates.entries import Signed
    from attest.certificates.trusted_root import TransparencyLog

MAX_HASHES: Final = 64  # of an inclusion proof: enough for a tree of any size
MAX_CHECKPOINT: Final = 64 << 10
MAX_NOTE_SIGNATURES: Final = 100
MAX_SIGNATURE: Final = 4 << 10

SET: Final = "signed-entry-timestamp"
ENTRY: Final = "log-entry"
INCLUSION: Final = "inclusion-proof"
CHECKPOINT: Final = "checkpoint"

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
# C2SP signed-note: UTF-8 without control characters but the line feed; a name has neither spaces nor plus signs.
_NOT_IN_NOTES: Final = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_SIGNATURE: Final = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class LogProof(NamedTuple):
    """What a log entry proves: the log `log` has it at `log_index` and, if it signed a time, had it at `time`.

    With `unread` (`log-entry-unsupported`) nobody knows what the entry is about, and it proves nothing of a signature.
    """

    log_index: int
    time: datetime | None
    log: str
    checks: tuple[str, ...]
    unread: Rejected | None = None


def check_entry(
    entry: Mapping[str, Any],
    version: str | None,
    logs: Sequence[TransparencyLog],
    signed: Signed,
    times: Sequence[datetime] = (),
) -> LogProof:
    """Check a TransparencyLogEntry (sigstore_rekor.proto) of a Sigstore bundle of this `version` about `signed`.

    What each version requires is in sigstore_bundle.proto: a signed entry timestamp (SET) in 0.1, and an inclusion
    proof with a checkpoint since 0.2. The key of the log must be trusted at the time in the SET or, without one, at
    all `times` that timestamps prove. Raises Rejected `log-entry-invalid` or `time-unproven`.
    """
    try:
        return _check(Message(entry, "", "log-entry-invalid"), version, logs, signed, times)
    except InputError as error:
        raise _refused(f"{error.message}, at {error.where} of the log entry") from None


def _check(
    entry: Message, version: str | None, logs: Sequence[TransparencyLog], signed: Signed, times: Sequence[datetime]
) -> LogProof:
    has_set, has_proof = entry.has("inclusionPromise"), entry.has("inclusionProof")
    if version == "0.1" and not has_set:
        raise _refused("the log entry has no signed entry timestamp, which version 0.1 of a bundle requires")
    if version != "0.1" and not has_proof:
        raise _refused("the log entry has no inclusion proof")
    key_id = entry.message("logId").data("keyId", 32)
    log = next((one for one in logs if one.key_id == key_id), None)
    if log is None:
        raise _refused("the log of the entry is not in the trusted root")
    kind = entry.message("kindVersion")
    body = entry.data("canonicalizedBody", MAX_ENVELOPE)
    index = entry.integer("logIndex")
    time = _check_set(entry, body, index, log) if has_set else None
    checks = [ENTRY] + [SET] * has_set
    if has_proof:
        proof = entry.message("inclusionProof")
        place = _check_inclusion(proof, body, log)
        checks += [INCLUSION, CHECKPOINT]
        if not has_set and place != index:  # only a SET signs the index of a log of several trees
            raise _refused("the log entry has another index than its inclusion proof")
    _demand_trusted(log, times if time is None else [time])
    unread = None
    try:
        demand_about(body, kind.text("kind"), kind.text("version"), signed)
    except Rejected as error:
        if error.code != "log-entry-unsupported":
            raise
        unread = error
    return LogProof(index, time, log.name, tuple(checks), unread)


def _demand_trusted(log: TransparencyLog, times: Sequence[datetime]) -> None:
    """An inclusion proof and a checkpoint prove no time, so without any the log's key could be one of the past."""
    if not times:
        raise Rejected("time-unproven", "neither the log nor a timestamp proves when the signature was made")
    for time in times:
        if not log.covers(time):
            raise _refused(f"the log {log.name} is not trusted for the time {format_time(time)}")


def _check_set(entry: Message, body: bytes, index: int, log: TransparencyLog) -> datetime:
    """The time in the signed entry timestamp: the log's signature over the canonical JSON (RFC 8785) of four fields."""
    signature = entry.message("inclusionPromise").data("signedEntryTimestamp", MAX_SIGNATURE)
    seconds = entry.integer("integratedTime")
    # In the order of their names; texts of base64 and hexadecimal need no escapes.
    promised = {"body": b64encode(body), "integratedTime": seconds, "logID": log.key_id.hex(), "logIndex": index}
    if not log.public_key.accepts(signature, dumps(promised)):
        raise _refused(f"the signed entry timestamp is not from the log {log.name}, or is about another entry")
    try:
        if seconds > 0:
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise _refused("the log entry has no time that can be read")


def _check_inclusion(proof: Message, body: bytes, log: TransparencyLog) -> int:
    """The index of the leaf `body` in a tree that the log signed (RFC 9162, 2.1.3.2)."""
    index, size = proof.integer("logIndex"), proof.integer("treeSize")
    hashes = proof.list_of_data("hashes", MAX_HASHES, 32)
    root = proof.data("rootHash", 32, 32)
    leaf = hashlib.sha256(b"\x00" + body).digest()
    if root_from(leaf, index, size, hashes) != root:
        raise _refused("the inclusion proof does not lead to the root of the tree")
    if _signed_tree(proof.message("checkpoint").text("envelope"), log) != (size, root):
        raise _refused("the checkpoint and the inclusion proof are about different trees")
    return index


def root_from(leaf: bytes, index: int, size: int, hashes: Sequence[bytes]) -> bytes | None:
    """The root of the tree of `size` leaves with `leaf` at `index`; None if so many hashes cannot be its proof.

    RFC 9162, section 2.1.3.2, whose names these are.
    """
    if index >= size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in hashes:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def _signed_tree(note: str, log: TransparencyLog) -> tuple[int, bytes]:
    """The size and the root hash in a checkpoint that the log signed (C2SP signed-note and tlog-checkpoint)."""
    if len(note) > MAX_CHECKPOINT:
        raise _refused(f"the checkpoint is larger than {MAX_CHECKPOINT >> 10} KiB")
    if _NOT_IN_NOTES.search(note):
        raise _refused("the checkpoint has control characters")
    text, separator, rest = note.rpartition("\n\n")
    *lines, end = rest.split("\n")
    found = [_SIGNATURE.fullmatch(line) for line in lines[: MAX_NOTE_SIGNATURES + 1]]
    if not separator or end or not 1 <= len(found) <= MAX_NOTE_SIGNATURES or not all(found):
        raise _refused("the checkpoint is not a signed note")
    origin, *content = text.split("\n")
    # Rekor v1 adds the number of the tree to its name.
    if origin != log.name and not origin.startswith(f"{log.name} - "):
        raise _refused(f"the checkpoint is not from the log {log.name}")
    # Signatures by others, such as witnesses, are not checked.
    signatures = [b64decode(one[2], where="/checkpoint") for one in found if one and one[1] == log.name]
    own = [one[4:] for one in signatures if one[:4] == log.checkpoint_key_id]
    if len(own) != 1 or not log.public_key.accepts(own[0], f"{text}\n".encode()):
        raise _refused(f"the checkpoint is not signed by the log {log.name}")
    if len(content) < 2 or not _SIZE.fullmatch(content[0]):
        raise _refused("the checkpoint has no size and root of a tree")
    return int(content[0]), b64decode(content[1], where="/checkpoint")


def _refused(message: str) -> Rejected:
    return Rejected("log-entry-invalid", message)
