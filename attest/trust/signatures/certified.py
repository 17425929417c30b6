"""Signatures with a certificate: which identities of the anchors it meets.

Rule: the names in a certificate only select the authorities that are asked; only an authority confirms them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base.times import format_time
from attest.certificates.authorities import CheckContext
from attest.errors import InputError, Rejected
from attest.results.report import CountedSigner, IdentityCheck, SignatureCheck, UnverifiedIdentity
from attest.results.signers import distinct

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.certificates.authorities import Proof
    from attest.certificates.material import VerificationMaterial
    from attest.certificates.names import CertificateNames
    from attest.certificates.revocation import RevocationList
    from attest.envelope import Envelope, Signature
    from attest.keys import PublicKey
    from attest.trust.anchors.identities import Mismatch, TrustIdentity
    from attest.trust.anchors.keyring import Candidate, Keyring

# The schemes in which the key of a certificate signs; the certificate names none.
_RSA: Final = ("rsassa-pss-sha256", "rsa-pkcs1v15-sha256")


@dataclass(slots=True)
class Certified:
    """What the certificate of one signature leads to.

    `identities` are those that the signature may count for, by anchor. Without any, `code` and `message` say why.
    """

    code: str | None = None
    message: str | None = None
    key: PublicKey | None = None
    unverified: UnverifiedIdentity | None = None
    check: IdentityCheck | None = None
    identities: dict[str, list[TrustIdentity]] = field(default_factory=dict)


def unverified_identity(names: CertificateNames) -> UnverifiedIdentity:
    """What a message says of the names in a certificate that does not count."""
    return UnverifiedIdentity(names.issuer, names.san_type, names.san, names.claims.get("source-repository-uri"))


class _Entry(NamedTuple):
    anchor: str
    identity: TrustIdentity


def count_certified(
    envelope: Envelope,
    pae: bytes,
    keyring: Keyring,
    makers: Sequence[Candidate | str],
    now: datetime,
    revocation_lists: Sequence[RevocationList],
    checks: list[SignatureCheck],
    counted: dict[str, dict[bytes, PublicKey]],
) -> None:
    """Judge the signatures with a certificate, and add to `checks` and `counted` what comes of it.

    `makers` are the listed keys that made the signatures. For an anchor that lists the key of a certificate, with
    whatever algorithm, only its entry decides.
    """
    context = CheckContext(now, keyring.timestamp_authorities, revocation_lists)
    found: dict[int, Certified] = {}
    signers: dict[str, list[CountedSigner]] = {}
    for position, signature in enumerate(envelope.signatures):
        maker = makers[position]
        if checks[position].checked_by == "signer" and checks[position].keyid is None:
            continue  # the token that holds the key refused it
        if not isinstance(maker, str) and (maker.compromised or maker.simulated):
            continue
        one = certified(signature, envelope, pae, keyring, context)
        if one is None:
            continue
        found[position] = one
        if one.key is None or one.check is None:
            continue
        listing = {anchor.name for candidate in keyring.listing(one.key) for anchor, _ in candidate.entries}
        for anchor, identities in one.identities.items():
            if anchor not in listing:
                named = tuple(map(str, identities))
                signers.setdefault(anchor, []).append(CountedSigner(position, one.key.keyid, one.check.signer, named))
    fresh: dict[int, list[str]] = {signer.position: [] for theirs in signers.values() for signer in theirs}
    for anchor, theirs in signers.items():
        for signer in distinct(theirs):
            key = found[signer.position].key
            if key is not None:
                fresh[signer.position].append(anchor)
                counted.setdefault(anchor, {})[key.spki] = key
    for position, one in found.items():
        checks[position] = _told(checks[position], one, fresh.get(position))


def _told(check: SignatureCheck, one: Certified, fresh: list[str] | None) -> SignatureCheck:
    """The result of a signature, with what its certificate adds: the anchors `fresh`, or None if it could not."""
    if one.check is None:
        said = check.code is not None and check.keyid is None and check.code != "signature-not-tried"
        code, message = (one.code, one.message) if said else (check.code, check.message)
        return check._replace(code=code, message=message, unverified_identity=one.unverified)
    key = one.key
    keyid, algorithm = (check.keyid, check.algorithm) if key is None else (key.keyid, key.algorithm.name)
    anchors = (*check.anchors, *(fresh or ()))
    by = check.checked_by or "public-key"
    repeated = check.keyid is None and fresh is not None
    code = None if anchors else "identity-already-counted" if repeated else check.code
    who = one.check._replace(
        identities=tuple([(anchor, str(identity)) for anchor in fresh or () for identity in one.identities[anchor]])
    )
    return check._replace(keyid=keyid, algorithm=algorithm, code=code, anchors=anchors, checked_by=by, identity=who)


def certified(
    signature: Signature, envelope: Envelope, pae: bytes, keyring: Keyring, context: CheckContext
) -> Certified | None:
    """What the certificate of a signature leads to, or None if it brings none."""
    from attest.certificates.material import material_of
    from attest.certificates.names import names_in

    result = Certified()
    try:
        material = material_of(signature)
        if material is None:
            return None
        names = names_in(material.certificate)
        result.unverified = unverified_identity(names)
        entries = _named(keyring, names)
        result.key = _signing_key(material, signature, pae)
        _demand_sound(keyring.listing(result.key))
        _confirm(result, entries, material, names, signature, envelope, pae, keyring, context)
    except Rejected as error:
        result.code, result.message = error.code, error.message
    return result


def _named(keyring: Keyring, names: CertificateNames) -> list[_Entry]:
    """The identities that a certificate names. Raises Rejected for none, with what is missing for the nearest one."""
    found, nearest = [], None
    for anchor in keyring.anchors.values():
        for identity in anchor.identities:
            why_not = identity.mismatch(names)
            if why_not is None:
                found.append(_Entry(anchor.name, identity))
            elif nearest is None or why_not.nearness > nearest.nearness:
                nearest = why_not
    if not found:
        raise _unnamed(nearest)
    return found


def _unnamed(nearest: Mismatch | None) -> Rejected:
    if nearest is None:
        return Rejected("identity-unknown", "the trust bundle has no identities")
    return Rejected(nearest.code, nearest.message)


def _signing_key(material: VerificationMaterial, signature: Signature, pae: bytes) -> PublicKey:
    """The key of the certificate, which made the signature. Raises Rejected."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from attest.keys import PublicKey

    try:
        spki = material.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key = PublicKey.parse(spki, what="the key of the certificate")
        keys = [PublicKey.parse(spki, algorithm=name) for name in _RSA] if key.rsa_bits is not None else [key]
    except InputError as error:
        raise Rejected("certificate-invalid", error.message) from None
    except Exception:  # noqa: BLE001  # what cryptography raises for keys that it does not know
        raise Rejected("certificate-invalid", "the key of the certificate cannot be read") from None
    for one in keys:
        if one.accepts(signature.sig, pae):
            return one
    raise Rejected("signature-invalid", "the key of the certificate did not make the signature")


def _demand_sound(listing: Sequence[Candidate]) -> None:
    """Raises Rejected for a key that never counts, whatever it is listed for and certified as."""
    if any(candidate.compromised for candidate in listing):
        raise Rejected("key-compromised", "the key of the certificate is compromised")
    if any(candidate.simulated for candidate in listing):
        raise Rejected("simulated-key", "the key of the certificate is simulated")


def _confirm(
    result: Certified,
    entries: list[_Entry],
    material: VerificationMaterial,
    names: CertificateNames,
    signature: Signature,
    envelope: Envelope,
    pae: bytes,
    keyring: Keyring,
    context: CheckContext,
) -> None:
    """Ask the authorities of the identities that are named, and fill `result`. Raises Rejected."""
    from attest.certificates.entries import Signed

    signed = Signed(envelope.unverified_payload, envelope.payload_type, pae, signature.sig, material.certificate)
    lost = next((entry.identity for entry in entries if entry.identity.status == "compromised"), None)
    if lost is not None:  # in one anchor is in all
        raise Rejected("identity-compromised", f"the identity {lost} is compromised")
    refusal: Rejected | None = None
    for name in dict.fromkeys(entry.identity.authority for entry in entries):
        try:
            proof = keyring.authorities[name].check(material, signature, signed, context)
        except Rejected as error:
            if refusal is None or error.code == "log-entry-unsupported":  # so nobody can say no
                refusal = error
            continue
        for anchor, identity in entries:
            if identity.authority != name:
                continue
            objection = identity.objection(context.now, proof.time if proof.proven_by else None)
            if objection is None:
                result.identities.setdefault(anchor, []).append(identity)
                result.check = result.check or _check(name, names, proof)
            else:
                message = f"the identity {identity} does not count at {format_time(proof.time)}"
                refusal = refusal or Rejected(objection, message)
    if not result.identities:
        raise refusal or Rejected("identity-unknown", "no authority confirms the certificate")


def _check(authority: str, names: CertificateNames, proof: Proof) -> IdentityCheck:
    claims = tuple(sorted(names.claims.items()))
    return IdentityCheck(
        authority,
        names.issuer,
        names.san_type,
        names.san,
        claims,
        proof.time,
        proof.proven_by,
        proof.checks,
        proof.log_index,
    )
