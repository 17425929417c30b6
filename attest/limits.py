"""What envelopes may cost whoever reads them.

Rule: every limit has a default, and is an option.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attest._codec import MAX_DEPTH
from attest.envelope import MAX_ENVELOPE, MAX_SIGNATURES
from attest.errors import InputError
from attest.statement import MAX_DIGESTS, MAX_SUBJECTS

MAX_ATTESTATIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one envelope may cost: bytes, signatures, subjects, digests a subject, and levels of JSON.

    `attestations` are kept at once, for a policy that decides over them or a document that tells of them.
    """

    envelope: int = MAX_ENVELOPE
    signatures: int = MAX_SIGNATURES
    subjects: int = MAX_SUBJECTS
    digests: int = MAX_DIGESTS
    depth: int = MAX_DEPTH
    attestations: int = MAX_ATTESTATIONS

    def check_attestations(self, number: int) -> None:
        """Raises InputError `too-many-attestations` for more than are kept at once."""
        if number > self.attestations:
            message = f"these are more than {self.attestations:,} attestations, and no more are kept at once"
            hint = "Give those of the artifacts that are asked about, or allow more: --limit attestations=N."
            raise InputError("too-many-attestations", message, hint=hint)
