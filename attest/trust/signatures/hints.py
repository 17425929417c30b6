"""What to do about an attestation whose signatures are too few for every anchor.

Rule: a hint decides nothing, and none of them says to trust a key because an attestation has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.trust.signatures import NEED_TIME, schemes
from attest.trust.signatures.claims import hint_of_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Envelope
    from attest.results.report import SignatureCheck
    from attest.trust.bundle import TrustBundle

# By the code of a signature, which is None if it counts. The first that is met has the most to say.
_HINTS: Final = (
    ({"simulated-key"}, "Use --allow-simulated in tests only: anyone can sign with simulated keys."),
    (
        {"signature-invalid"},
        "Get the original again: it was changed after signing, or not made by the key that it names.",
    ),
    ({"key-not-yet-valid"}, "Check the clock of this machine, and --now: the key is valid only later."),
    (NEED_TIME, "Sign again with another key: this one counts only if a timestamp proves that the signature is older."),
    ({"key-compromised"}, "Ask for an attestation by another key: someone else may have this one."),
    (
        {None, "key-already-counted", "identity-already-counted"},
        "Get the signatures of the others, and join the files: attest merge.",
    ),
)


def hint_for(envelope: Envelope, trust: TrustBundle, checks: Sequence[SignatureCheck]) -> str | None:
    """What to do about `checks`, which are too few for every anchor of `trust`; None if there is nothing to add."""
    hint = schemes.hint_for(envelope, trust, checks)
    if hint is not None:
        return hint
    for check in checks:
        if check.timestamp is not None and check.timestamp.code is not None and check.timestamp.code == check.code:
            return f"Check the timestamp of signature {check.position}: {check.timestamp.message}."
    hint = hint_of_certificate(checks, trust.authorities)
    if hint is not None:
        return hint
    codes = {check.code for check in checks}
    if codes == {"key-unknown"}:
        return "Check that --trust names the right file: it has none of the keys that signed."
    return next((text for met, text in _HINTS if codes & met), None)
