"""The slots, tokens, keys and mechanisms of a module, as `attest signer list` prints them.

Rule: no PIN is needed, so only public objects are listed; a module that fails hides no other module.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pkcs11.exceptions as p11
from pkcs11 import Attribute, Mechanism, ObjectClass

from attest.errors import SignerError
from attest.signers.pkcs11 import codes
from attest.signers.pkcs11.binding import find
from attest.signers.pkcs11.calls import Deadline, TimedOut
from attest.signers.pkcs11.logins import INITIALIZED, PIN_COUNT_LOW, PIN_FINAL_TRY, PIN_LOCKED, PIN_TO_BE_CHANGED
from attest.signers.pkcs11.module import Stale, module_at
from attest.signers.pkcs11.uri import percent_encode

if TYPE_CHECKING:
    from pkcs11.types import Token

    from attest.signers.pkcs11.module import Module

_FLAGS: Final = {
    PIN_COUNT_LOW: "few PIN tries left",
    PIN_FINAL_TRY: "1 PIN try left",
    PIN_LOCKED: "PIN locked",
    PIN_TO_BE_CHANGED: "PIN must be changed",
}


def survey(path: str, timeout: float = 10.0) -> dict[str, Any]:
    """One module: its `path`, its `tokens`, and an `error` if it fails."""
    deadline = Deadline(timeout)
    try:
        module = module_at(path)
        generation = module.start(deadline)
        library = module.binding
        tokens = [_token(module, generation, token, deadline) for token in module.tokens(generation, deadline)]
        return {"path": path, "library": library.manufacturer_id.strip(), "tokens": tokens}
    except SignerError as error:
        return {"path": path, "tokens": [], "error": str(error), "code": error.code}
    except TimedOut:
        return {
            "path": path,
            "tokens": [],
            "error": f"the module did not answer within {timeout:g} s",
            "code": "token-timeout",
        }
    except (Stale, p11.PKCS11Error) as error:
        return {"path": path, "tokens": [], "error": codes.name(error), "code": "module-invalid"}


def _token(module: Module, generation: int, token: Token, deadline: Deadline) -> dict[str, Any]:
    flags = int(token.flags)
    found: dict[str, Any] = {
        "slot": token.slot.slot_id,
        "token": token.label.rstrip(),
        "serial": token.serial.decode(errors="replace"),
        "manufacturer": token.manufacturer_id.rstrip(),
        "model": token.model.rstrip(),
        "initialised": bool(flags & INITIALIZED),
        "warnings": [text for flag, text in _FLAGS.items() if flags & flag],
        "uri": f"pkcs11:token={percent_encode(token.label.rstrip())}?module-path={module.path}",
        "mechanisms": [],
        "keys": [],
    }
    with suppress(p11.PKCS11Error):
        listed = module.call(generation, token.slot.get_mechanisms, deadline)
        found["mechanisms"] = sorted(m.name if isinstance(m, Mechanism) else f"{int(m):#x}" for m in listed)
    with suppress(p11.PKCS11Error):
        found["keys"] = module.call(generation, lambda: _public_keys(token), deadline)
    return found


def _public_keys(token: Token) -> list[dict[str, str]]:
    session = token.open()
    try:
        keys = find(session, {Attribute.CLASS: ObjectClass.PUBLIC_KEY})
        return [{"object": key.label, "id": key.id.hex(), "type": key.key_type.name} for key in keys]
    finally:
        session.close()
