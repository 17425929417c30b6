"""The search for a token in all modules that p11-kit is configured with, for a URI that names no module.

Rule: each module is asked by itself and has its own time, so a broken or slow one hides no other; a token counts only
if it is the one that matches in all the modules that answered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import pkcs11.exceptions as p11

from attest._base import notices
from attest._base.text import plural
from attest._base.threads import together
from attest.errors import SignerError
from attest.signers.pkcs11 import configured
from attest.signers.pkcs11.cryptoki import codes
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut
from attest.signers.pkcs11.cryptoki.module import Module, Stale, module_at
from attest.signers.pkcs11.tokens import matching
from attest.signers.pkcs11.uri import if_cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.signers.pkcs11.configured import ConfiguredModule
    from attest.signers.pkcs11.cryptoki.environment import Environment
    from attest.signers.pkcs11.tokens.matching import SeenToken

_PATIENCE: Final = 5.0  # seconds for the modules that do not answer; the rest of the time is for the token


class _Answer(NamedTuple):
    """What one module has: its tokens that match and all others, or the error that it ended with."""

    asked: ConfiguredModule
    module: Module | None = None
    found: Sequence[SeenToken] = ()
    seen: Sequence[SeenToken] = ()
    error: SignerError | None = None


def module_with(attributes: Mapping[str, str], environment: Environment, where: str, deadline: Deadline) -> Module:
    """The module with the one token that has these attributes.

    Raises SignerError: `module-not-found` if no module is configured, `token-not-found`, `token-ambiguous`, or the
    error of a module that is configured as critical.
    """
    candidates = configured.modules()
    if not candidates:
        named = "`?module-path=/path/to/module.so`, or `?module-name=NAME` for a module that p11-kit knows"
        hint = f"Add {named}.{if_cut(where)}"
        message = "the signer URI does not name a PKCS#11 module, and p11-kit is configured with none"
        raise SignerError("module-not-found", message, where=where, hint=hint)
    answers = _ask_all(candidates, attributes, environment, Deadline(min(_PATIENCE, deadline.left() / 2)))
    failed = [answer.error for answer in answers if answer.error is not None]
    for answer in answers:
        if answer.error is not None and answer.asked.critical:
            raise answer.error
    found = [(answer, token) for answer in answers for token in answer.found]
    if not found:
        raise _not_found(answers, failed, where)
    if len(found) > 1:
        listed = ", ".join(f"{token.texts} in {answer.asked.path}" for answer, token in found)
        hint = f"Add `serial=` or `module-path=` to the signer URI.{if_cut(where)}"
        raise SignerError("token-ambiguous", f"several tokens match: {listed}", where=where, hint=hint)
    ((answer, _),) = found
    assert answer.module is not None  # noqa: S101
    if failed:
        skipped = "; ".join(f"{error} ({error.code})" for error in failed)
        notices.warn(
            f"{where}: {plural(len(failed), 'PKCS#11 module')} could not be searched: {skipped}. "
            f"To search no module, add module-path={answer.asked.path} to the signer URI"
        )
    notices.debug("%s: found in %s", where, answer.asked.path)
    return answer.module


def _ask_all(
    candidates: Sequence[ConfiguredModule], attributes: Mapping[str, str], environment: Environment, deadline: Deadline
) -> list[_Answer]:
    """Ask all modules at the same time."""
    acts = [partial(_ask, candidate, attributes, environment, deadline) for candidate in candidates]
    results = together(acts, enough=len(acts), seconds=deadline.left())
    return [
        result.result or _failed(candidate, result.error) for candidate, result in zip(candidates, results, strict=True)
    ]


def _ask(
    candidate: ConfiguredModule, attributes: Mapping[str, str], environment: Environment, deadline: Deadline
) -> _Answer:
    try:
        module = module_at(candidate.path, candidate.reserved, environment)
        generation = module.start(deadline)
        seen = [one for one in matching.see(module, generation, deadline) if one.initialised]
        return _Answer(candidate, module, matching.matching(seen, module.binding, attributes), seen)
    except Exception as error:  # noqa: BLE001
        return _failed(candidate, error)


def _failed(candidate: ConfiguredModule, error: BaseException | None) -> _Answer:
    """The answer of a module that raised `error`, or did not answer in time; whatever it did, it hides no other one."""
    match error:
        case SignerError():
            reason = error
        case None | TimedOut() | Stale():
            reason = SignerError("token-timeout", "the module did not answer in time", where=candidate.path)
        case p11.PKCS11Error():
            reason = SignerError("module-failed", codes.failure(error), where=candidate.path)
        case _:
            message = f"the module failed: {type(error).__name__}: {error}"
            reason = SignerError("module-failed", message, where=candidate.path)
    return _Answer(candidate, error=reason)


def _not_found(answers: Sequence[_Answer], failed: Sequence[SignerError], where: str) -> SignerError:
    there = matching.listed(token for answer in answers for token in answer.seen)
    modules = plural(len(answers) - len(failed), "PKCS#11 module")
    message = f"no token matches in {modules}; they have {there or 'no initialised token'}"
    if failed:
        message += "; not searched: " + "; ".join(f"{error} ({error.code})" for error in failed)
    hint = f"Name the module with `module-path=`, or add it to the configuration of p11-kit.{if_cut(where)}"
    return SignerError("token-not-found", message, where=where, hint=hint)
