"""The slots, tokens, keys and mechanisms of modules, as `attest signer list` prints them.

Rule: no PIN is needed, so only public objects are listed; what fails hides nothing else.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pkcs11.exceptions as p11
from pkcs11 import Attribute, Mechanism

from attest._base.threads import together
from attest.errors import SignerError
from attest.signers.pkcs11.configured import ConfiguredModule
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.binding import find
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from attest.signers.pkcs11.cryptoki.module import Stale, module_at
from attest.signers.pkcs11.keys.finding import PUBLIC_TYPES, kind_of, try_read
from attest.signers.pkcs11.tokens import matching
from attest.signers.pkcs11.tokens.logins import PIN_COUNT_LOW, PIN_FINAL_TRY, PIN_LOCKED, PIN_TO_BE_CHANGED
from attest.signers.pkcs11.tokens.sessions import open_session
from attest.signers.pkcs11.uri import percent_encode, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkcs11.types import Token

    from attest.signers.pkcs11.cryptoki.module import Module
    from attest.signers.pkcs11.tokens.matching import SeenToken

_FLAGS: Final = {
    PIN_COUNT_LOW: "few PIN tries left",
    PIN_FINAL_TRY: "1 PIN try left",
    PIN_LOCKED: "PIN locked",
    PIN_TO_BE_CHANGED: "PIN must be changed",
}
_TIMEOUT: Final = 10.0


class _PublicObject(NamedTuple):
    """A public key or a certificate: the value of `type` that names it, its label and id, and the type of the key."""

    type: str
    label: str
    identifier: bytes
    key_type: str

    @property
    def name(self) -> str:
        """The attributes that name it in a URI."""
        parts = [f"object={percent_encode(self.label)}"] if self.label else []
        parts += [f"id={percent_encode(self.identifier)}"] if self.identifier else []
        return ";".join([*parts, f"type={self.type}"])


def survey_all(modules: Sequence[ConfiguredModule], timeout: float = _TIMEOUT) -> list[dict[str, Any]]:
    """Each module as `survey` describes it; all of them are asked at the same time."""
    acts = [partial(_survey, module, Deadline(timeout)) for module in modules]
    results = together(acts, enough=len(acts), seconds=timeout + 1)
    return [result.result or _ended(module.path, [], None) for module, result in zip(modules, results, strict=True)]


def survey(path: str, timeout: float = _TIMEOUT) -> dict[str, Any]:
    """One module: its `path`, its `tokens`, and an `error` with its `code` if it fails."""
    return _survey(ConfiguredModule(path, path), Deadline(timeout))


def _survey(asked: ConfiguredModule, deadline: Deadline) -> dict[str, Any]:
    tokens: list[dict[str, Any]] = []
    try:
        module = module_at(asked.path, asked.reserved)
        generation = module.start(deadline)
        seen = matching.see(module, generation, deadline)
        for one in seen:
            tokens.append(_described(one, seen, asked))
            _examine(tokens[-1], module, generation, one.token, deadline)
        return {"path": asked.path, "library": module.binding.manufacturer_id.strip(), "tokens": tokens}
    except Exception as error:  # noqa: BLE001
        return _ended(asked.path, tokens, error)


def _ended(path: str, tokens: list[dict[str, Any]], error: Exception | None) -> dict[str, Any]:
    """A module that failed or did not answer in time, with the tokens that were found before."""
    match error:
        case SignerError():
            code, message = error.code, str(error)
        case None | TimedOut() | Stale():
            code, message = "token-timeout", "the module did not answer in time"
        case p11.PKCS11Error():
            code, message = "module-failed", codes.failure(error)
        case _:
            code, message = "module-failed", f"the module failed: {type(error).__name__}: {error}"
    return {"path": path, "tokens": tokens, "error": message, "code": code}


def _described(one: SeenToken, seen: Sequence[SeenToken], asked: ConfiguredModule) -> dict[str, Any]:
    """A token, and how a URI names it: `path` is for the path of a URI of one of its keys, `query` for the query."""
    texts, flags = one.texts, int(one.token.flags)
    # The string for C_Initialize is in the configuration, which only `module-name` uses.
    query = f"module-name={asked.name}" if asked.reserved else f"module-path={_path(asked.path)}"
    return {
        "slot": one.token.slot.slot_id,
        "token": shown(texts.label),
        "serial": shown(texts.serial),
        "manufacturer": shown(texts.manufacturer),
        "model": shown(texts.model),
        "initialised": one.initialised,
        "warnings": [text for flag, text in _FLAGS.items() if flags & flag],
        "uri": f"pkcs11:{_names(one, seen)}?{query}",
        "mechanisms": [],
        "keys": [],
    }


def _examine(token: dict[str, Any], module: Module, generation: int, found: Token, deadline: Deadline) -> None:
    """Add the mechanisms and the keys of a token, as far as it reports them."""
    with suppress(p11.PKCS11Error):
        listed = module.call(generation, found.slot.get_mechanisms, deadline)
        token["mechanisms"] = sorted(m.name if isinstance(m, Mechanism) else f"{int(m):#x}" for m in listed)
    if not token["initialised"]:
        return
    with suppress(p11.PKCS11Error):
        objects = module.call(generation, lambda: _public_objects(found), deadline)
        times = Counter(one.name for one in objects)
        for one in objects:
            path, _, query = token["uri"].partition("?")
            token["keys"].append(
                {
                    "object": shown(one.label),
                    "id": one.identifier.hex(),
                    "type": one.key_type,
                    "class": one.type,
                    "uri": f"{path};{one.name}?{query}" if times[one.name] == 1 else None,
                }
            )


def _public_objects(token: Token) -> list[_PublicObject]:
    """The public keys, and the certificates beside which there is no public key."""
    session = open_session(token)
    try:
        found = [
            _PublicObject(
                name,
                try_read(one, Attribute.LABEL) or "",
                try_read(one, Attribute.ID) or b"",
                kind_of(one) if name == "public" else "certificate",
            )
            for name, kind in PUBLIC_TYPES.items()
            for one in find(session, {Attribute.CLASS: kind})
        ]
    finally:
        session.close()
    keys = {one.identifier or one.label for one in found if one.type == "public"}
    return [one for one in found if one.type == "public" or (one.identifier or one.label) not in keys]


def _names(one: SeenToken, seen: Sequence[SeenToken]) -> str:
    """The fewest attributes that name one token of a module: label and serial number, then the others."""
    texts = one.texts
    values = {"token": texts.label, "serial": texts.serial, "model": texts.model, "manufacturer": texts.manufacturer}
    others = [other.texts for other in seen if other is not one and other.initialised]
    names: list[str] = []
    for number, (name, value) in enumerate(values.items()):
        others = [other for other in others if _value(other, name) == value]
        names += [f"{name}={percent_encode(value)}"] if value else []
        if number > 0 and names and not others and one.initialised:
            return ";".join(names)
    # Nothing that it reports tells it from another one; a slot's number may change when the module starts again.
    return ";".join([*names, f"slot-id={one.token.slot.slot_id}"])


def _value(texts: matching.TokenTexts, name: str) -> str:
    return {"token": texts.label, "serial": texts.serial, "model": texts.model, "manufacturer": texts.manufacturer}[
        name
    ]


def _path(path: str) -> str:
    return percent_encode(path).replace("%2F", "/")
