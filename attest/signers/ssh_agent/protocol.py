"""The protocol of ssh-agent: requests to the agent behind a Unix socket (draft-ietf-sshm-ssh-agent).

Rule: each request has a connection of its own and ends within its time; an answer is read strictly and up to a limit.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from attest._base import files
from attest.errors import SignerError
from attest.keys.openssh import Fields, string

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from attest.keys import Algorithm

    _T = TypeVar("_T")

# OpenSSH's agent closes the connection on a larger message, and sends none.
MAX_MESSAGE: Final = 256 << 10
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_FAILURES: Final = (5, 30, 102)  # SSH_AGENT_FAILURE, SSH_AGENT_EXTENSION_FAILURE, and what old agents send
_START: Final = "Start one: `eval $(ssh-agent)` and `ssh-add FILE`. `SSH_AUTH_SOCK` names its socket."

# By attest's name of an algorithm: the flags of the request, and the name in the answer. Without flags, an RSA key
# signs with SHA-1.
ALGORITHMS: Final[dict[str, tuple[int, bytes]]] = {
    "ed25519": (0, b"ssh-ed25519"),
    "ecdsa-sha2-nistp256": (0, b"ecdsa-sha2-nistp256"),
    "ecdsa-sha2-nistp384": (0, b"ecdsa-sha2-nistp384"),
    "rsa-pkcs1v15-sha256": (2, b"rsa-sha2-256"),
    "rsa-pkcs1v15-sha512": (4, b"rsa-sha2-512"),
}


class Agent:
    """An ssh-agent at a socket. `seconds` are for each request as a whole; `where` is the signer URI, for messages.

    Its methods raise SignerError `agent-unreachable`, `agent-timeout`, `agent-refused` or `agent-failed`.
    """

    def __init__(self, path: str, seconds: float, where: str) -> None:
        self._path = path
        self._seconds = seconds
        self._where = where

    def keys(self) -> list[bytes]:
        """The keys that the agent has, as OpenSSH encodes them; none from an agent that is locked."""
        return self._read(keys_in, self._request(bytes([_LIST])))

    def sign(self, blob: bytes, data: bytes, algorithm: Algorithm) -> bytes:
        """The signature by a key over `data`, in the form of DSSE. Raises also `data-too-large`.

        Raises `key-algorithm-mismatch` if the agent signed with another algorithm.
        """
        flags, name = ALGORITHMS[algorithm.name]
        message = bytes([_SIGN]) + string(blob) + string(data) + struct.pack(">I", flags)
        if len(message) > MAX_MESSAGE:
            raise self._error(
                "data-too-large",
                f"the data to sign has {len(data):,} bytes; an ssh-agent takes {MAX_MESSAGE:,}, with the key",
                "Use a key that is not in an ssh-agent, and whose algorithm signs a digest.",
            )
        found, signature = self._read(signature_in, self._request(message))
        if found != name:
            raise self._error(
                "key-algorithm-mismatch",
                f"the agent signed with another algorithm than {name.decode()}",
                "Use OpenSSH's agent: others may support only SHA-1 for RSA keys.",
            )
        return self._read(lambda data: in_dsse(data, algorithm), signature)

    def _read(self, read: Callable[[bytes], _T], answer: bytes) -> _T:
        try:
            return read(answer)
        except ValueError as error:
            raise self._error("agent-failed", f"the answer of the agent cannot be read: {error}") from None

    def _request(self, message: bytes) -> bytes:
        """The answer to a message, from the byte that says its kind."""
        ends = time.monotonic() + self._seconds
        try:
            with closing(self._connected(ends)) as connection:
                connection.settimeout(_left(ends))
                connection.sendall(string(message))
                size = int.from_bytes(_received(connection, 4, ends), "big")
                if not 0 < size <= MAX_MESSAGE:
                    raise self._error("agent-failed", f"the agent sent an answer of {size:,} bytes")
                answer = _received(connection, size, ends)
        except TimeoutError:
            message_ = f"the agent did not answer within {self._seconds:g} s"
            hint = "Confirm the use of the key, or set a longer `timeout=SECONDS` in the signer URI."
            raise self._error("agent-timeout", message_, hint) from None
        except EOFError:
            raise self._error("agent-failed", "the agent closed the connection without an answer") from None
        except OSError as error:
            raise self._error("agent-failed", f"the agent does not answer: {files.reason(error)}") from None
        if answer[0] in _FAILURES:
            hint = "Confirm the use of the key, unlock the agent (`ssh-add -X`), or see what it has: `ssh-add -l`."
            raise self._error("agent-refused", "the agent refused the request", hint)
        return answer

    def _connected(self, ends: float) -> socket.socket:
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise self._error("agent-unreachable", "this system has no Unix sockets for an ssh-agent")
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(_left(ends))
            connection.connect(self._path)
        except TimeoutError:
            connection.close()
            raise
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            connection.close()
            reason = "the path of its socket is not valid"  # for which Python has no error number
            if isinstance(error, OSError) and error.errno is not None:
                reason = files.reason(error)
            message = f"no ssh-agent can be reached at {self._path!r}: {reason}"
            raise self._error("agent-unreachable", message, _START) from None
        return connection

    def _error(self, code: str, message: str, hint: str | None = None) -> SignerError:
        return SignerError(code, message, where=self._where, hint=hint)


def unreachable(where: str) -> SignerError:
    """The error if nothing names the socket of an agent."""
    return SignerError("agent-unreachable", "SSH_AUTH_SOCK is not set: no ssh-agent runs", where=where, hint=_START)


def keys_in(answer: bytes) -> list[bytes]:
    """The keys in an answer to a request for the list. Raises ValueError."""
    fields = _of_kind(answer, _LISTED)
    # Each key takes at least the eight bytes of two lengths, so that a number cannot promise more than there is.
    number = fields.number()
    if number * 8 > len(answer):
        raise ValueError("the number of keys is wrong")
    found = []
    for _ in range(number):
        found.append(fields.string())
        fields.string()  # a comment, which everyone may write
    fields.end()
    return found


def signature_in(answer: bytes) -> tuple[bytes, bytes]:
    """The name of the signature algorithm in an answer (RFC 8332 section 3), and the signature. Raises ValueError."""
    fields = _of_kind(answer, _SIGNED)
    signature = Fields(fields.string())
    fields.end()
    found = signature.string(), signature.string()
    signature.end()
    return found


def in_dsse(signature: bytes, algorithm: Algorithm) -> bytes:
    """A signature of an agent in the form of DSSE: DER for ECDSA, where OpenSSH has two mpints. Raises ValueError."""
    if algorithm.family != "ecdsa":
        return signature
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    fields = Fields(signature)
    bits = int(algorithm.name[-3:])
    r, s = fields.positive(bits), fields.positive(bits)
    fields.end()
    return encode_dss_signature(r, s)


def _of_kind(answer: bytes, kind: int) -> Fields:
    if answer[:1] != bytes([kind]):
        raise ValueError("it is of another kind")
    return Fields(answer[1:])


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _received(connection: socket.socket, size: int, ends: float) -> bytes:
    """Exactly `size` bytes, within the time. Raises EOFError, TimeoutError or OSError."""
    pieces, missing = [], size
    while missing:
        connection.settimeout(_left(ends))
        piece = connection.recv(min(missing, 1 << 16))
        if not piece:
            raise EOFError
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
