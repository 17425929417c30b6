"""Limits: what an envelope may cost to read and verify.

Rule: every limit has a default, and is an option.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attest._base.json import MAX_DEPTH
from attest.errors import InputError

MAX_ENVELOPE: Final = 16 << 20
MAX_SIGNATURES: Final = 64
MAX_SUBJECTS: Final = 1024
MAX_DIGESTS: Final = 32
MAX_ATTESTATIONS: Final = 10_000
MAX_TRIES: Final = 8_192  # about half a second
MAX_FILES: Final = 65_536
MAX_TRACE: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one envelope may cost: bytes, signatures, subjects, digests a subject, levels of JSON, and tries.

    A try is one check of a signature with a key that does not have its keyid: about as much work as an Ed25519 or
    P-256 check. It counts more for slower algorithms. If the data are hashed each time (Ed25519, ML-DSA), each 32 KiB
    count as one more. Keys with the keyid of the signature are always tried, and do not count.
    `attestations` is the number that is kept in memory, for a policy or for a document about all of them. `files` is
    the number of files that globs may name, and `trace` the size of a runtime trace in bytes.
    """

    envelope: int = MAX_ENVELOPE
    signatures: int = MAX_SIGNATURES
    subjects: int = MAX_SUBJECTS
    digests: int = MAX_DIGESTS
    depth: int = MAX_DEPTH
    attestations: int = MAX_ATTESTATIONS
    tries: int = MAX_TRIES
    files: int = MAX_FILES
    trace: int = MAX_TRACE

    def check_attestations(self, number: int) -> None:
        """Raises InputError `too-many-attestations` above `attestations`."""
        if number > self.attestations:
            message = f"more than {self.attestations:,} attestations, which is the most that are kept in memory"
            hint = "Give only the attestations of your artifacts, or allow more: --limit attestations=N."
            raise InputError("too-many-attestations", message, hint=hint)
