"""The objects in a token that a URI names, and those that belong to a key.

Rule: objects are compared as bytes, and one that cannot be read hides no other.
"""

from __future__ import annotations

from struct import error as StructError  # noqa: N812
from typing import TYPE_CHECKING, Any, Final

from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import FunctionFailed, PKCS11Error

from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.binding import find
from attest.signers.pkcs11.uri import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.signers.pkcs11.cryptoki.binding import Session
    from attest.signers.pkcs11.uri import Pkcs11URI

# The objects that `type` may name in the place of the private key that belongs to them.
PUBLIC_TYPES: Final[Mapping[str, ObjectClass]] = {"public": ObjectClass.PUBLIC_KEY, "cert": ObjectClass.CERTIFICATE}

# What python-pkcs11 raises for an attribute that the token does not report, or in a form that it cannot read.
UNREADABLE: Final = (PKCS11Error, ValueError, StructError, LookupError, NotImplementedError)


def names(uri: Pkcs11URI) -> dict[Attribute, Any]:
    """The label and the id that the URI gives its object."""
    given = {Attribute.LABEL: uri.object, Attribute.ID: uri.id}
    return {name: value for name, value in given.items() if value is not None}


def keys_named(session: Session, uri: Pkcs11URI, kind: ObjectClass) -> list[Any]:
    """The keys of a kind that the URI names; with `type=public` or `cert`, those to which such an object belongs.

    Raises the module's error.
    """
    named = PUBLIC_TYPES.get(uri.type or "")
    if named is None or kind is not ObjectClass.PRIVATE_KEY:
        return find(session, {Attribute.CLASS: kind, **names(uri)})
    found = {
        key.handle: key
        for one in find(session, {Attribute.CLASS: named, **names(uri)})
        for key in belonging(session, one, kind)
    }
    keys = list(found.values())
    # Pairs may share an id; their labels then tell them apart, if both halves of a pair have the same.
    same = [key for key in keys if uri.object is not None and read(key, Attribute.LABEL) == uri.object]
    return same if len(keys) > 1 and same else keys


def public_objects(session: Session, private: Any, uri: Pkcs11URI) -> list[Any]:
    """The public keys and certificates that may belong to a private key; only those that `type` names, if it does.

    Raises the module's error.
    """
    named = PUBLIC_TYPES.get(uri.type or "")
    kinds = PUBLIC_TYPES.values() if named is None else [named]
    wanted = {} if named is None else names(uri)
    return [one for kind in kinds for one in belonging(session, private, kind, wanted)]


def belonging(
    session: Session, one: Any, kind: ObjectClass, wanted: Mapping[Attribute, Any] | None = None
) -> list[Any]:
    """The objects of a kind that belong to another one: by its id or, if it has none, by its label.

    Raises the module's error.
    """
    identifier = read(one, Attribute.ID)
    same = {Attribute.ID: identifier} if identifier else {Attribute.LABEL: read(one, Attribute.LABEL) or ""}
    return find(session, {Attribute.CLASS: kind, **(wanted or {}), **same})


def fetch(one: Any, attribute: Attribute | int) -> Any:
    """An attribute of an object. Raises UNREADABLE."""
    try:
        return one[attribute]
    except FunctionFailed:
        # python-pkcs11 makes two calls and drops the error of the first. Then it raises this, as it does for an
        # attribute that is not there: the second try tells one from the other.
        return one[attribute]


def read(one: Any, attribute: Attribute | int) -> Any:
    """An attribute of an object, or None if the token does not report it or python-pkcs11 cannot read it.

    Raises the module's error if the token is gone, or the login: then it is not known what the object reports.
    """
    try:
        return fetch(one, attribute)
    except UNREADABLE as error:
        if codes.is_loss(error):
            raise
        return None


def try_read(one: Any, attribute: Attribute) -> Any:
    """As `read`, for a list: an object that was removed meanwhile must not hide the others."""
    try:
        return read(one, attribute)
    except PKCS11Error:
        return None


def kind_of(key: Any) -> str:
    """The name of a key's type for a message."""
    kind = try_read(key, Attribute.KEY_TYPE)
    return "unknown type" if kind is None else str(kind.name)


def listed(keys: Sequence[Any], most: int = 20) -> str:
    """Keys with their labels and ids, for a message."""
    texts = [_described(key) for key in keys[:most]]
    return ", ".join([*texts, f"and {len(keys) - most} more"] if len(keys) > most else texts)


def _described(key: Any) -> str:
    identifier: bytes = try_read(key, Attribute.ID) or b""
    return f"{quoted(try_read(key, Attribute.LABEL) or '')} (id {identifier.hex() or 'none'}, {kind_of(key)})"
