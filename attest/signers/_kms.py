"""Keys in a service: what the KMS schemes share, over the client library of each vendor.

Rule: a request ends within its timeout whatever a vendor's library waits for, and its error has our text, because the
text of the library may contain a credential.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from abc import abstractmethod
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Self, TypeVar

from attest._base import files, notices
from attest._base.http import is_encrypted, is_loopback
from attest._base.threads import ForkLock, together
from attest.envelope import Signature
from attest.errors import InputError, SignerError
from attest.keys import ALGORITHMS, Algorithm, PublicKey
from attest.keys.formats import ML_DSA_SPKI
from attest.signers._base import BaseSigner
from attest.signers._software import as_signer_error
from attest.signers._uri import SignerURI

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from attest.signers._secrets import Secrets

TIMEOUT: Final = 20.0  # seconds a request; the services answer in a tenth of one

# A second try may help, and no request here changes anything in the service: a signature that is lost harms nobody.
_AGAIN: Final = frozenset({"kms-busy", "kms-unreachable"})
_NEW: Final = "ecdsa-sha2-nistp256"  # the algorithm of a new key; every service has it
_PAUSE: Final = (0.1, 0.4)  # seconds before the second try, at random so that not all come back at once

_T = TypeVar("_T")


class KmsError(NamedTuple):
    """What an error of a vendor's library means: a SignerError without its place."""

    code: str
    message: str
    hint: str | None = None


class KmsFault(Exception):
    """A KmsError, raised where the signer URI is not known. The signer makes a SignerError of it."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(code)
        self.fault: KmsError = KmsError(code, message, hint)


class KmsKey(NamedTuple):
    """A key that was found: its public half, what has it sign data, and what closes the connections.

    `sign` takes the data, not its digest, and returns a signature in the form of DSSE: DER for ECDSA. `uri` is the
    canonical signer URI of exactly this `version` of the key, without attributes; the service has no versions if
    `version` is None.
    """

    key: PublicKey
    sign: Callable[[bytes], bytes]
    close: Callable[[], None]
    uri: str
    version: str | None
    process: int


class KmsSigner(BaseSigner):
    """A key in a KMS. Its public key and version are requested at the first use and pinned, also for children of fork.

    A scheme names its service, the libraries that it needs and the extra with them, and the algorithms of the keys that
    it creates, whose version is `first_version` if that is known before. `_connect`, `_create` and `_fault` do the
    rest; they never see a credential. `_version` is the version in the URI, and after the first use the one that signs.
    The query attributes are `algorithm` and `timeout`, the seconds for each request.
    """

    service: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]]
    extra: ClassVar[str]
    creates: ClassVar[Collection[str]]
    first_version: ClassVar[str | None] = None

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        uri.expect_query({"algorithm", "timeout"})
        self._timeout = uri.number("timeout", TIMEOUT, 600, least=0.1)
        self._algorithm = uri.algorithm()
        self._version: str | None = None
        self._lock = ForkLock()
        self._first: PublicKey | None = None
        self._held: KmsKey | None = None

    @abstractmethod
    def _connect(self) -> KmsKey:
        """Request the public key; `libraries` can be imported. Raises InputError for a key that cannot be used."""

    def _create(self, algorithm: Algorithm) -> str:
        """Create the key that the URI names, for one of `creates`, and return the canonical URI of its version.

        An existing key is never changed. Raises SignerError or KmsFault `key-exists`.
        """
        raise self._error("capability-missing", f"{self.uri.scheme}: signers cannot generate keys")

    @abstractmethod
    def _fault(self, error: Exception) -> KmsError | None:
        """The meaning of an error that one of `libraries` raised, or None if it is unknown."""

    @property
    def public_key(self) -> PublicKey:
        """The public key, as the KMS returned it at the first use.

        Raises SignerError: `library-missing`, `credentials-missing`, `access-denied`, `kms-misconfigured`,
        `kms-unreachable`, `kms-timeout`, `kms-busy`, `kms-failed`, `key-not-found`, `key-disabled`, `key-not-allowed`,
        `key-unsupported`, `key-too-weak`, `key-algorithm-mismatch` or `key-mismatch`.
        """
        return self._connected().key

    def sign(self, data: bytes) -> Signature:
        """Have the service sign `data`. Raises SignerError as `public_key` does."""
        held = self._connected()
        return Signature(held.key.keyid, self._within(lambda: held.sign(data)))

    @property
    def version_uri(self) -> str | None:
        """The signer URI of the version that signs, found at the first use; None if the service has no versions.

        Raises SignerError as `public_key`.
        """
        held = self._connected()
        return None if held.version is None else held.uri

    def generated(self, algorithm: Algorithm | None, secret: str | Secrets | None) -> Self:
        """What `generate_key` of a scheme returns: a signer for the key that it creates now.

        `algorithm` is by default that of the URI, or else ecdsa-sha2-nistp256. Raises SignerError as `public_key`,
        `key-exists`, `algorithm-unsupported`, `signer-uri-invalid`, and `capability-missing` for a passphrase.
        """
        if isinstance(secret, str):
            raise self._error("capability-missing", "a key in a KMS has no passphrase", "Leave out --encrypt.")
        attributes = self.uri.for_algorithm(algorithm).text.partition("?")[2]
        chosen = algorithm or self._algorithm or ALGORITHMS[_NEW]
        if chosen.name not in self.creates:
            hint = f"Use one of: {', '.join(name for name in ALGORITHMS if name in self.creates)}."
            raise self._error("algorithm-unsupported", f"{self.service} cannot generate a key for {chosen.name}", hint)
        if self._version not in (None, self.first_version):
            message = f"the URI names a version, but {self.service} numbers the versions of a new key itself"
            raise self._error("signer-uri-invalid", message, "Leave out the version.")
        self._demand_libraries()
        made = self._within(lambda: self._create(chosen), again=False)
        return type(self)(SignerURI.parse(f"{made}?{attributes}" if attributes else made))

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            super().close()
            held, self._held = self._held, None
        if held is not None:
            held.close()

    def _parsed(self, der: bytes) -> PublicKey:
        """What the service gave, pinned to the URI's `algorithm`. Raises InputError as `PublicKey.parse`."""
        return PublicKey.parse(der, algorithm=None if self._algorithm is None else self._algorithm.name)

    def _hold(
        self,
        key: PublicKey,
        sign: Callable[[bytes], bytes],
        close: Callable[[], None],
        uri: str,
        version: str | None = None,
    ) -> KmsKey:
        """What `_connect` returns."""
        return KmsKey(key, sign, close, uri, version, os.getpid())

    def _demand_size(self, data: bytes, most: int) -> None:
        """Raises SignerError `data-too-large` for data that the service does not take as a whole, `most` in bytes."""
        if len(data) > most:
            limit = f"{self.service} signs at most {files.size(most)} with this key"
            hint = "Use a key whose algorithm signs a digest, such as ecdsa-sha2-nistp256."
            raise self._error("data-too-large", f"the data has {files.size(len(data))}, and {limit}", hint)

    def _demand_private(self, url: str, setting: str) -> None:
        """Raises SignerError `kms-misconfigured` for a URL that a credential may not be sent to; `setting` has it."""
        if is_encrypted(url) or is_loopback(url):
            return
        clear = url[:5].lower() == "http:"
        what = "would send the credential unencrypted" if clear else "is not an https: URL"
        raise self._error("kms-misconfigured", f"the address in {setting} {what}", f"Set {setting} to an https: URL.")

    def _connected(self) -> KmsKey:
        # One thread at a time: several that meet at the first use ask the service once.
        with self._lock:
            self._demand_open()
            # A child of fork starts anew: two processes on one connection would read each other's answers.
            if self._held is None or self._held.process != os.getpid():
                self._demand_libraries()
                self._held = self._pinned(self._within(self._connect))
            return self._held

    def _pinned(self, found: KmsKey) -> KmsKey:
        """What was found, if its key is that of the first use. Raises SignerError `key-mismatch`."""
        first = self._first or found.key
        if found.key != first:
            found.close()
            message = f"expected key {first.keyid}, as at the first use, found {found.key.keyid}"
            raise self._error("key-mismatch", message, "Open the signer again to sign with the new key.")
        notices.debug("%s: connected, key %s of %s", self.uri, found.key.keyid, found.uri)
        if found.version != self._version:
            notices.info("%s: uses version %s", self.uri, found.uri)
        self._first, self._version = found.key, found.version
        return found

    def _demand_libraries(self) -> None:
        for name in self.libraries:
            try:
                import_module(name)
            except ModuleNotFoundError as error:
                # Modules such as azure.identity and google.auth are in packages of the same name.
                lacking = error.name or name
                package = name if f"{name}.".startswith(f"{lacking}.") else lacking.partition(".")[0]
                message = f"the package {package.replace('.', '-')} is not installed"
                hint = f"Install it: `pip install 'attest-dsse[{self.extra}]'`."
                raise self._error("library-missing", message, hint) from None

    def _within(self, act: Callable[[], _T], *, again: bool = True) -> _T:
        """The result of `act`, which gets `timeout` seconds, with a second try in them if that may help.

        The libraries' own limits are set too, but each is of one wait and not of the whole, and what looks for
        credentials has none: it may run a program or ask another service. Their own retries are off, because they go
        by rules and times of their own. An act that creates something is not tried `again`.
        """
        tried = partial(self._twice if again else self._translated, act)
        (outcome,) = together([tried], enough=1, seconds=self._timeout)
        if outcome.error is not None:
            raise outcome.error
        if outcome.result is None:
            notices.info("%s: no answer within %s s; the request is abandoned", self.uri, f"{self._timeout:g}")
            message = f"the KMS did not answer within {self._timeout:g} s"
            raise self._error("kms-timeout", message, "Try again, or set a longer `timeout=SECONDS` in the signer URI.")
        return outcome.result

    def _twice(self, act: Callable[[], _T]) -> _T:
        try:
            return self._translated(act)
        except SignerError as error:
            if error.code not in _AGAIN:
                raise
            notices.debug("%s: %s; trying again", self.uri, error.message)
        time.sleep(random.uniform(*_PAUSE))  # noqa: S311
        return self._translated(act)

    def _translated(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except SignerError:
            raise
        except KmsFault as error:
            raise self._error(*error.fault) from None
        except InputError as error:
            raise as_signer_error(error, str(self.uri)) from None
        except Exception as error:  # noqa: BLE001  # whatever a library raises, also for an invalid answer
            unknown = f"the request failed with an unknown error ({type(error).__name__})"
            raise self._error(*(self._fault(error) or KmsError("kms-failed", unknown))) from None


def first(found: Collection[str], faults: Mapping[str, KmsError]) -> KmsError | None:
    """The first of `faults` whose key, names separated by spaces, has one of the names that were `found`."""
    return next((fault for names, fault in faults.items() if not set(names.split()).isdisjoint(found)), None)


def kinds(error: Exception) -> set[str]:
    """The names of an error's class and of those above it: names, because not every version of a library has all."""
    return {kind.__name__ for kind in type(error).__mro__}


def message_representative(key: PublicKey, data: bytes) -> bytes:
    """The 64 bytes that ML-DSA signs for `data` and an empty context: FIPS 204, algorithm 7, line 6 (mu)."""
    raw = key.spki[len(ML_DSA_SPKI[key.algorithm.name][0]) :]
    return hashlib.shake_256(hashlib.shake_256(raw).digest(64) + b"\0\0" + data).digest(64)
