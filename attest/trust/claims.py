"""Who certificates claim to name, for a message about signatures that do not count.

Rule: nothing here is verified, every message says so, and no message is a reason to accept anything.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from attest._base.globbing import is_glob
from attest.certificates.material import has_certificate
from attest.errors import Rejected
from attest.results.report import SignatureCheck, UnverifiedIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.envelope import Signature

# What an owner of the trust bundle can change, if this is who should be trusted.
_UNNAMED: Final = frozenset({"key-unknown", "identity-unknown", "issuer-mismatch", "claim-mismatch"})


def with_claims(signatures: Sequence[Signature], checks: Sequence[SignatureCheck]) -> tuple[SignatureCheck, ...]:
    """`checks`, each with the name in the certificate of its signature if nobody has looked at it yet."""
    return tuple([_with_claim(signature, check) for signature, check in zip(signatures, checks, strict=True)])


def hint_of_certificate(checks: Sequence[SignatureCheck]) -> str | None:
    """What to do about the first signature whose certificate does not count; None if there is none."""
    for check in checks:
        who = check.unverified_identity
        if who is None:
            continue
        issued = f", issuer {who.issuer}" if who.issuer is not None else ""
        # The mark comes first: formats shorten long texts in the middle.
        says = f"The certificate of signature {check.position} names, unverified, {who.san_type}:{who.san}{issued}"
        why = f": {check.message}" if check.message else ""
        if check.code not in _UNNAMED:
            return f"{says}{why}."
        if who.san_type == "other":
            return f"{says}{why}. An identity of a trust bundle cannot have a name of this type."
        if is_glob(who.san):
            return f"{says}{why}. The name has * or ?, so an identity that is written like it would accept other names."
        issuer = "" if who.issuer is None else f" --issuer {shlex.quote(who.issuer)}"
        option = f"--identity {shlex.quote(f'{who.san_type}:{who.san}')}{issuer}"
        add = f"attest trust add FILE --anchor NAME --authority NAME {option}"
        return f"{says}{why}. To accept this identity, add it to the trust bundle: {add}."
    return None


def _with_claim(signature: Signature, check: SignatureCheck) -> SignatureCheck:
    if check.keyid is not None or check.unverified_identity is not None or not has_certificate(signature):
        return check
    from attest.certificates.material import material_of
    from attest.certificates.names import names_in

    try:
        material = material_of(signature)
        names = None if material is None else names_in(material.certificate)
    except Rejected as error:
        return check._replace(message=check.message or error.message)
    if names is None:
        return check
    return check._replace(unverified_identity=UnverifiedIdentity(names.issuer, names.san_type, names.san))
