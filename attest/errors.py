"""Errors: `AttestError` and its three branches, which decide the exit code.

Rule: every failure a caller can meet is an AttestError with a stable code, a sentence, and a hint where one helps.
"""

from __future__ import annotations

import re
from typing import Final

MAX_TEXT: Final = 2000  # characters of a message or a hint, into which an input may have put anything

_PIN = re.compile(r"(pin(?:-|%2d)value(?:=|%3d))[^&]*", re.IGNORECASE)


def redacted(uri: str) -> str:
    """A signer URI as it may be shown: without the PIN that somebody wrote into it all the same."""
    return _PIN.sub(r"\1...", uri)


class AttestError(Exception):
    """Base of everything attest raises on purpose.

    `code` is stable and meant for programs (`threshold-not-met`), `message` is one sentence for people, `where` names
    the place (a file, a JSON pointer, a key) and `hint` says what to do next. Codes are listed in docs/codes.md. As
    these stand in logs, what an input made longer than MAX_TEXT loses its middle, and a PIN in a URI is left out.
    """

    def __init__(self, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.code = code
        self.message = _brief(redacted(message))
        self.where = None if where is None else redacted(where)
        self.hint = None if hint is None else _brief(redacted(hint))
        super().__init__(code, self.message)

    def __str__(self) -> str:
        return f"{_brief(self.where)}: {self.message}" if self.where else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments don't survive the default reduction, and errors must cross process pools whole.
        return (_rebuild, (type(self), self.code, self.message, self.__dict__))

    def at(self, where: str) -> AttestError:
        """This error, with `where` put before the place it already names."""
        self.where = f"{where}: {self.where}" if self.where else where
        return self

    def below(self, pointer: str) -> AttestError:
        """This error of a part of a document, with the JSON pointer of that part put before its own."""
        self.where = pointer + (self.where or "")
        return self


class InputError(AttestError):
    """The input can't be read, so nothing was decided."""


class SignerError(AttestError):
    """A signer, token or KMS is not available, or refuses the operation."""


class Rejected(AttestError):
    """It was checked, and the answer is no.

    `report` is what was established up to there, an `attest.Report`, where `attest.verify` raises this, and `roots` a
    RootCheck where too few roots have signed a trust bundle; else they are None.
    """

    # Declared more exactly, for type checkers, in `attest.results.rejected`.
    report: object | None
    roots: object | None

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        report: object | None = None,
        roots: object | None = None,
    ) -> None:
        super().__init__(code, message, where=where, hint=hint)
        self.report = report
        self.roots = roots


def _brief(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2 - 20
    return f"{text[:half]} ... {len(text) - 2 * half} characters ... {text[-half:]}"


def _rebuild(kind: type[AttestError], code: str, message: str, state: dict[str, object]) -> AttestError:
    error = kind(code, message)
    error.__dict__.update(state)
    return error
