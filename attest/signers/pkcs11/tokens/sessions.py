"""How sessions are opened: with a mapper of attributes that takes tokens as they are.

Rule: a session that is opened here has no login of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pkcs11 import Attribute
from pkcs11.attributes import AttributeMapper

if TYPE_CHECKING:
    from collections.abc import Callable

    from pkcs11.types import Token

_T = TypeVar("_T")

# CKA_PUBLIC_KEY_INFO, PKCS#11 v2.40 section 4.8: the DER SubjectPublicKeyInfo. python-pkcs11 has no name for it.
PUBLIC_KEY_INFO: Final = 0x129


def _mapper() -> AttributeMapper:
    mapper = AttributeMapper()
    # Labels are bytes on many tokens. python-pkcs11 reads them as UTF-8 and fails if they are not.
    mapper.register_handler(
        Attribute.LABEL,
        lambda text: text.encode(errors="surrogateescape"),
        lambda data: data.decode(errors="surrogateescape"),
    )
    mapper.register_handler(PUBLIC_KEY_INFO, bytes, bytes)  # type: ignore[arg-type]
    return mapper


MAPPER: Final = _mapper()


def open_session(token: Token, *, rw: bool = False) -> Any:
    """A session in which texts that are not UTF-8 can be read and found. Raises the module's error."""
    return token.open(rw=rw, attribute_mapper=MAPPER)


def in_session(token: Token, act: Callable[[Any], _T]) -> _T:
    """What `act` returns for a session that lasts no longer. Raises the module's error, or what it raises."""
    session = open_session(token)
    try:
        return act(session)
    finally:
        session.close()
