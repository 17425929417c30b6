"""What envelopes may cost whoever reads them.

Rule: every limit has a default, and is an option.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attest._codec import MAX_DEPTH
from attest.envelope import MAX_ENVELOPE, MAX_SIGNATURES
from attest.statement import MAX_DIGESTS, MAX_SUBJECTS

MAX_ATTESTATIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one envelope may cost: bytes, signatures, subjects, digests a subject, and levels of JSON; and how many
    `attestations` a policy decides over at once."""

    envelope: int = MAX_ENVELOPE
    signatures: int = MAX_SIGNATURES
    subjects: int = MAX_SUBJECTS
    digests: int = MAX_DIGESTS
    depth: int = MAX_DEPTH
    attestations: int = MAX_ATTESTATIONS
