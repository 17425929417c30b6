"""The keys that a trust command names, by signer URI or by file.

Rule: of a certificate only the key is trusted, and only within the certificate's validity period.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from attest._base import files
from attest._base.filenames import demand_no_file
from attest._base.times import format_time
from attest.cli import _output
from attest.cli._inputs import secrets
from attest.cli.trust import _identities
from attest.errors import InputError, SignerError
from attest.keys import HSM_ALGORITHMS, PublicKey, certificate
from attest.signers import REGISTRY, SignerURI, open_signer
from attest.trust import editing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.keys import Certificate


def member(
    roots: bool,
    keyid: str | None,
    key: str | None,
    passphrase_file: str | None,
    *,
    identity: str | None,
    **below: Any,
) -> editing.KeyOrIdentity:
    """The key or the identities that the options of a command name, which are `below` an authority."""
    if identity is None:
        if any(below.values()):
            raise click.UsageError("--authority, --issuer and --claim require --identity")
        if keyid is None and key is None:
            raise click.UsageError("--keyid, --key or --identity is required")
        return keyid_of(keyid, key, passphrase_file)
    if keyid is not None or key is not None or roots:
        raise click.UsageError("--identity cannot be used with --keyid, --key or --roots")
    return _identities.selector(identity, **below)


def keyid_of(keyid: str | None, key: str | None, passphrase_file: str | None, *, option: str = "--key") -> str:
    """The keyid that was given, or that of the key that was."""
    if (keyid is None) is (key is None):
        raise click.UsageError(f"either --keyid or {option} is required")
    return keyid if keyid is not None else _public_key(key or "", None, passphrase_file)[0].keyid


def entries(
    keys: Sequence[str],
    passphrase_file: str | None,
    algorithm: str | None = None,
    not_before: str | None = None,
    not_after: str | None = None,
    *,
    digest: str | None = None,
    allow_expired_certificate: bool = False,
    windows: bool = True,
    **_: Any,
) -> list[dict[str, Any]]:
    """The entries for `keys`, each from a signer or from a file with a public key or certificate.

    A certificate must be valid now, unless an expired one is allowed. If keys have `windows`, its validity period
    limits that of the key.
    """
    described = []
    for named in keys:
        fields = {"algorithm": algorithm, "digest": digest, "not_before": not_before, "not_after": not_after}
        if _is_signer(named):
            schemes = {member.scheme for member in SignerURI.parse(named).members}
            if algorithm in HSM_ALGORITHMS and schemes != {"pkcs11"}:
                other = min(schemes - {"pkcs11"})
                raise SignerError(
                    "backend-mismatch", f"{algorithm} is only for keys in tokens, not for {other}:", where=named
                )
            fields |= {"backend": schemes.pop() if len(schemes) == 1 else None, "signer": _lasting(named)}
        key, issued = _public_key(named, algorithm, passphrase_file)
        if issued is not None:
            _demand_valid(issued, named, allowed=allow_expired_certificate, windows=windows)
        described.append(editing.describe_key(key, issued if windows else None, **fields))
    return described


def _is_signer(named: str) -> bool:
    scheme, colon, _ = named.partition(":")
    if not colon or scheme not in REGISTRY:  # the name of a file needs no list of plug-ins
        return False
    demand_no_file(named, "the URI of a signer")
    return True


def _lasting(named: str) -> str | None:
    """The signer URI, which the trust bundle keeps; None for a key on standard input, which will not be there again."""
    with open_signer(named) as signer:
        if not signer.reads_stdin:
            return named
    _output.prose("note", f"the trust bundle does not record {named}: the key will not be on standard input again")
    return None


def _demand_valid(certificate: Certificate, named: str, *, allowed: bool, windows: bool) -> None:
    """Raises InputError for a certificate that is not valid now, unless allowed; prints what of it is trusted."""
    try:
        certificate.demand_valid(datetime.now(UTC), named)
    except InputError as error:
        if not allowed:
            error.hint = "Use a certificate that is valid now, or --allow-expired-certificate."
            raise
        _output.prose("warning", f"{error} ({error.code})")
    if certificate.is_ca:
        _output.prose(
            "warning", f"{named} is a CA certificate: only its own key is trusted, not the certificates that it issued"
        )
    end = format_time(certificate.not_after)
    until = f"until {end} at most" if windows else f"also after the certificate expires ({end})"
    _output.prose("note", f"{named} is a certificate: only its key is trusted, {until}")


def _public_key(named: str, algorithm: str | None, passphrase_file: str | None) -> tuple[PublicKey, Certificate | None]:
    """The public key of a signer or in a file, and the certificate that contains it, if any."""
    if not _is_signer(named):
        data = files.read(named, limit=1 << 20)
        return PublicKey.parse(data, algorithm=algorithm, what=named), certificate(data)
    with open_signer(named, secrets=secrets.secrets(passphrase_file)) as signer:
        key = signer.public_key
    return (PublicKey.parse(key.to_pem().encode(), algorithm=algorithm, what=named) if algorithm else key), None
