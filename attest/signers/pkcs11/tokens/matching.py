"""Which token a URI names: its attributes, compared with what the module, the slot and the token report.

Rule: every attribute must match, and a slot whose token is not initialised has no token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki.binding import token_texts
from attest.signers.pkcs11.tokens.logins import INITIALIZED
from attest.signers.pkcs11.uri import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pkcs11.types import Token

    from attest.signers.pkcs11.cryptoki.binding import Library
    from attest.signers.pkcs11.cryptoki.calls import Deadline
    from attest.signers.pkcs11.cryptoki.module import Module

_REPLACEMENT: Final = "\ufffd"


class TokenTexts(NamedTuple):
    """What a token reports about itself, without padding; bytes that are not UTF-8 are surrogates (PEP 383)."""

    label: str
    manufacturer: str
    model: str
    serial: str

    def __str__(self) -> str:
        return f"{quoted(self.label)} (serial {quoted(self.serial)[1:-1]})"


class SeenToken(NamedTuple):
    """A token in a slot, and its texts."""

    token: Token
    texts: TokenTexts

    @property
    def initialised(self) -> bool:
        """Whether it is one: some modules show a slot in which one can be made, as SoftHSM always does."""
        return bool(int(self.token.flags) & INITIALIZED)


def see(module: Module, generation: int, deadline: Deadline) -> list[SeenToken]:
    """The tokens in the slots of a module, also those that are not initialised. Raises as `Module.call`."""
    found = module.tokens(generation, deadline)
    return module.call(generation, lambda: [SeenToken(token, _texts(token)) for token in found], deadline)


def matching(seen: Iterable[SeenToken], library: Library, attributes: Mapping[str, str]) -> list[SeenToken]:
    """Those that have all the attributes of a URI's path."""
    return [one for one in seen if all(_has(one, library, name, wanted) for name, wanted in attributes.items())]


def only(found: Sequence[SeenToken], seen: Sequence[SeenToken], where: str) -> SeenToken:
    """The one initialised token of `found`. Raises SignerError `token-not-found` or `token-ambiguous`."""
    usable = [one for one in found if one.initialised]
    if len(usable) == 1:
        return usable[0]
    if not usable and found:
        raise SignerError("token-not-found", "the token is not initialised", where=where, hint=_INITIALISE)
    if not usable:
        there = listed(one for one in seen if one.initialised)
        message = f"no token matches; the module has {there or 'no initialised token'}"
        hint = "Correct the token's attributes in the signer URI." if there else _NONE
        raise SignerError("token-not-found", message, where=where, hint=hint)
    hint = "Add `serial=` or `slot-id=` to the signer URI."
    raise SignerError("token-ambiguous", f"several tokens match: {listed(usable)}", where=where, hint=hint)


def listed(seen: Iterable[SeenToken]) -> str:
    """Tokens for a message."""
    return ", ".join(str(one.texts) for one in seen)


_NONE: Final = (
    "Check that the token is plugged in, or that its service runs. If the module does not find the token, set the "
    "variable that names the configuration of the module, such as `SOFTHSM2_CONF`."
)
_INITIALISE: Final = "Initialise it first, for example with `softhsm2-util --init-token` or `pkcs11-tool --init-token`."


def _texts(token: Token) -> TokenTexts:
    texts = TokenTexts(token.label, token.manufacturer_id, token.model, token.serial.decode(errors="surrogateescape"))
    if any(_REPLACEMENT in text for text in texts):  # python-pkcs11 has lost the bytes
        texts = TokenTexts(*(data.decode(errors="surrogateescape") for data in token_texts(token.slot)))
    return TokenTexts(*(text.rstrip(" \0") for text in texts))


def _has(seen: SeenToken, library: Library, name: str, wanted: str) -> bool:
    slot = seen.token.slot
    match name:
        case "slot-id":
            return int(wanted) == slot.slot_id
        case "library-version":
            major, _, minor = wanted.partition(".")
            return (int(major), int(minor or 0)) == tuple(library.library_version)
    values = {
        "token": seen.texts.label,
        "serial": seen.texts.serial,
        "manufacturer": seen.texts.manufacturer,
        "model": seen.texts.model,
        "slot-description": slot.slot_description,
        "slot-manufacturer": slot.manufacturer_id,
        "library-manufacturer": library.manufacturer_id,
        "library-description": library.library_description,
    }
    return values[name].rstrip() == wanted.rstrip()  # PKCS#11 pads these fields with blanks
