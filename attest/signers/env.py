"""`env:NAME[?algorithm=NAME]`: a private key in an environment variable, in any form that a key file can have.

Rule: the variable is read at the first use, and only its name is ever shown.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from attest.errors import SignerError
from attest.signers._held import MAX_KEY, HeldSigner

if TYPE_CHECKING:
    from attest.signers import _keyfiles
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets
    from attest.signers._uri import SignerURI

EXAMPLE = "env:RELEASE_KEY"

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)


class EnvSigner(HeldSigner):
    """A key in an environment variable, read at its first use."""

    def __init__(self, uri: SignerURI, secrets: Secrets | None) -> None:
        super().__init__(uri, secrets)
        uri.expect_query({"algorithm"})
        self._name = uri.path.removeprefix("//")  # as cosign writes it
        if not _NAME.fullmatch(self._name):
            message = "expected the name of an environment variable: letters, digits and '_'"
            # What was written may be the key itself, as in `env:$RELEASE_KEY`.
            hint = f"Write its name without `$`, as in `{EXAMPLE}`."
            raise SignerError("signer-uri-invalid", message, where="env:", hint=hint)
        self.variables: tuple[str, ...] = (self._name,)

    def _read(self) -> _keyfiles.PrivateKeyFile:
        text = os.environ.get(self._name)
        if text is None:
            hint = "In CI: is the secret available to this job, and to this branch?"
            raise self._error("key-unreadable", f"the variable {self._name} is not set", hint)
        data = os.fsencode(text)
        if len(data) > MAX_KEY:
            raise self._error("key-unreadable", f"the variable {self._name} is longer than {MAX_KEY >> 10} KiB")
        return self._private_key(data, f"env:{self._name}")


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for an `env:` URI."""
    return EnvSigner(uri, secrets)
