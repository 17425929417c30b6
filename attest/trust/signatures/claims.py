"""Who certificates claim to name, for a message about signatures that do not count.

Rule: nothing here is verified, every message says so, and no message is a reason to accept anything.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from attest._base.globbing import is_glob
from attest.certificates.material import has_certificate
from attest.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.certificates import Authority
    from attest.envelope import Signature
    from attest.results.report import SignatureCheck, UnverifiedIdentity

# What an owner of the trust bundle can change, if this is who should be trusted.
_UNNAMED: Final = frozenset({"key-unknown", "identity-unknown"})
_DIFFERS: Final = "A fork, or another user of the same workflow, looks like this. Find out why it differs."
_NEXT: Final = {
    # No command: it would make a rule of what the rule was written against.
    "issuer-mismatch": _DIFFERS,
    "claim-mismatch": _DIFFERS,
    "time-unproven": "The signer must add a timestamp of an authority in the trust bundle: attest sign --timestamp URL",
    "crl-missing": "Give the CRL of this CA as well: --crl FILE",
}


def with_claims(signatures: Sequence[Signature], checks: Sequence[SignatureCheck]) -> tuple[SignatureCheck, ...]:
    """`checks`, each with the name in the certificate of its signature if nobody has looked at it yet."""
    return tuple([_with_claim(signature, check) for signature, check in zip(signatures, checks, strict=True)])


def hint_of_certificate(checks: Sequence[SignatureCheck], authorities: Mapping[str, Authority]) -> str | None:
    """What to do about the first signature whose certificate does not count; None if there is none."""
    for check in checks:
        who = check.unverified_identity
        if who is None:
            continue
        says = f"The certificate of signature {check.position} names, unverified, {who}"
        says += f": {check.message}" if check.message and check.code != "identity-unknown" else ""
        if check.code in _UNNAMED:
            return f"{says}. {_how_to_accept(who, authorities)}"
        return " ".join([f"{says}.", *filter(None, [_NEXT.get(check.code or "")])])
    return None


def _how_to_accept(who: UnverifiedIdentity, authorities: Mapping[str, Authority]) -> str:
    """The command that adds `who` to a trust bundle. It ends the sentence, so that nothing is pasted with it."""
    if who.san_type == "other":
        return "An identity cannot have a name of this type."
    if is_glob(who.san):
        return "It has wildcards, so an identity with this name would also accept others."
    fitting = [name for name, authority in authorities.items() if authority.objection_to_issuer(who.issuer) is None]
    authority = "NAME=FILE" if not fitting else shlex.quote(fitting[0]) if len(fitting) == 1 else "NAME"
    words = ["--identity", shlex.quote(f"{who.san_type}:{who.san}")]
    words += [] if who.issuer is None else ["--issuer", shlex.quote(who.issuer)]
    source = who.source_repository_uri
    words += [] if source is None else ["--claim", shlex.quote(f"source-repository-uri={source}")]
    add = f"attest trust add FILE --anchor NAME --authority {authority} {' '.join(words)}"
    return f"If you trust it, add it to the trust bundle: {add}"


def _with_claim(signature: Signature, check: SignatureCheck) -> SignatureCheck:
    if check.keyid is not None or check.unverified_identity is not None or not has_certificate(signature):
        return check
    from attest.certificates.material import material_of
    from attest.certificates.names import names_in
    from attest.trust.signatures.certified import unverified_identity

    try:
        material = material_of(signature)
        names = None if material is None else names_in(material.certificate)
    except Rejected as error:
        return check._replace(message=check.message or error.message)
    if names is None:
        return check
    return check._replace(unverified_identity=unverified_identity(names))
