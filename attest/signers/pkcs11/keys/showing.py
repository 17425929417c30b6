"""The public key that a token shows without a PIN, for `attest key export`.

Rule: nothing proves that the private key belongs to it, because some tokens let everyone write public objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pkcs11.exceptions as p11
from pkcs11 import Attribute

from attest.errors import InputError, SignerError
from attest.keys import PublicKey
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.binding import find
from attest.signers.pkcs11.cryptoki.calls import TimedOut
from attest.signers.pkcs11.cryptoki.module import Stale
from attest.signers.pkcs11.keys import attributes
from attest.signers.pkcs11.keys.finding import PUBLIC_TYPES, names

if TYPE_CHECKING:
    from attest.signers.pkcs11.cryptoki.binding import Session
    from attest.signers.pkcs11.cryptoki.calls import Deadline
    from attest.signers.pkcs11.tokens.token import TokenConnection
    from attest.signers.pkcs11.uri import Pkcs11URI


def shown_key(uri: Pkcs11URI, connection: TokenConnection, deadline: Deadline) -> PublicKey | None:
    """The public key with the label and the id of the URI, or None if the token does not show exactly one.

    Raises SignerError: `token-not-found`, `token-ambiguous`, or what is wrong with the module or the key.
    """
    try:
        found = connection.look(lambda session: _read(session, uri), deadline)
    except (TimedOut, Stale):
        raise SignerError("token-timeout", "the token did not answer in time", where=str(uri)) from None
    except p11.PKCS11Error as error:
        code, message = codes.loss(error)
        raise SignerError(code, message, where=str(uri)) from None
    if len(found) != 1:
        return None
    try:
        return PublicKey.parse(found[0], algorithm=uri.query.get("x-algorithm"), what="the key")
    except InputError as error:
        raise SignerError(error.code, error.message, where=str(uri), hint=error.hint) from None


def _read(session: Session, uri: Pkcs11URI) -> list[bytes]:
    named = PUBLIC_TYPES.get(uri.type or "")
    kinds = PUBLIC_TYPES.values() if named is None else [named]
    objects = [one for kind in kinds for one in find(session, {Attribute.CLASS: kind, **names(uri)})]
    return attributes.public_keys_of(objects)[0]
