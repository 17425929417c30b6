"""Errors: `AttestError` and its three branches, which decide the exit code.

Rule: every expected failure is an AttestError with a stable code, one sentence and, where useful, a hint.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TEXT: Final = 2000  # characters of a message or a hint, into which an input may have put anything

# Texts, because most commands end without an error and need not compile them.
_PIN: Final = r"(?i)(pin(?:-|%2d)value(?:=|%3d))[^&]*"
# In a URL (RFC 3986 section 3.2.1), up to the last `@` before its path.
_USERINFO: Final = r"(?<=://)([^\s/:@?#]*:)[^\s/?#]+(?=@)"
# A private key where its name or its path belongs (`env:$KEY` instead of `env:KEY`): PEM, base64 of PEM, base64 of DER.
_KEY: Final = (
    r"(?s)-----BEGIN [A-Z0-9 ]{0,64}PRIVATE KEY(?:.*?-----END [A-Z0-9 ]{0,64}-----|.*)"
    r"|(?<![A-Za-z0-9+/])(?:LS0tLS1CRUdJTi|M[A-I])[A-Za-z0-9+/]{60,}={0,2}"
)


def redacted(text: str) -> str:
    """A text, such as a URI, without PINs, passwords of URLs and private keys, which should not be in it but may be."""
    return without_private_keys(re.sub(_USERINFO, r"\1...", re.sub(_PIN, r"\1...", text)))


def without_private_keys(text: str) -> str:
    """A line for people without what looks like a private key."""
    return re.sub(_KEY, "(private key)", text)


class AttestError(Exception):
    """Base of everything attest raises on purpose.

    `code` is stable and meant for programs (`threshold-not-met`), `message` is one sentence for readers, `where` names
    the place (a file, a JSON pointer, a key) and `hint` says what to do next. docs/reference/codes.md lists the codes.
    Texts may be logged: a text longer than MAX_TEXT loses its middle, and `redacted` has removed secrets from it.
    """

    def __init__(self, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.code: str = code
        self.message: str = brief(redacted(message))
        self.where: str | None = None if where is None else redacted(where)
        self.hint: str | None = None if hint is None else brief(redacted(hint))
        super().__init__(code, self.message)

    def __str__(self) -> str:
        return f"{brief(self.where)}: {self.message}" if self.where else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # The default reduction loses keyword-only arguments, and process pools must return errors with all fields.
        return (_rebuild, (type(self), self.code, self.message, self.__dict__))

    def at(self, where: str) -> AttestError:
        """This error, with `where` before the place that it already names."""
        where = redacted(where)
        self.where = f"{where}: {self.where}" if self.where else where
        return self

    def below(self, pointer: str) -> AttestError:
        """This error from a part of a document, with the JSON pointer of that part before its own."""
        self.where = pointer + (self.where or "")
        return self


class InputError(AttestError):
    """The input cannot be read, so nothing was decided."""


class SignerError(AttestError):
    """A signer, token or KMS is not available, or refuses the operation."""


class Rejected(AttestError):
    """The input was checked and is rejected.

    `report` is an `attest.Report` of what was established so far, if `attest.verify` raised the error. `roots` is a
    RootCheck if too few roots have signed a trust bundle. Otherwise they are None.
    """

    # Declared more precisely, for type checkers, in `attest.results.rejected`.
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


def gravest(errors: Iterable[AttestError]) -> AttestError:
    """The error to end with where there are several: the first rejection, else of a signer, else of an input."""
    return min(errors, key=lambda error: (not isinstance(error, Rejected), not isinstance(error, SignerError)))


def shown(name: str) -> str:
    """How messages call the input `name`: a file, or standard input for `-`."""
    return "standard input" if name == "-" else name


def locate(error: AttestError, name: str) -> AttestError:
    """`error` with the name of the file before its place, unless it is there already."""
    return error if (error.where or "").startswith(redacted(name)) else error.at(shown(name))


def out_of_memory() -> InputError:
    """The error for an input that needs more memory than there is."""
    return InputError("out-of-memory", "there is not enough memory for the input")


def unsupported(what: str, hint: str) -> SignerError:
    """The error for what this system cannot do, because it lacks what Linux and macOS have."""
    return SignerError("system-unsupported", f"{what} is not supported on this system", hint=hint)


def brief(text: str) -> str:
    """`text`, without its middle if it is longer than MAX_TEXT."""
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2 - 20
    return f"{text[:half]} ... {len(text) - 2 * half} characters ... {text[-half:]}"


def _rebuild(kind: type[AttestError], code: str, message: str, state: dict[str, object]) -> AttestError:
    error = kind(code, message)
    error.__dict__.update(state)
    return error
