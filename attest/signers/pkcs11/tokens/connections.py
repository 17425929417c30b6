"""The connections of this process: one for each token, shared by all signers, because a token has one login.

Rule: a connection outlives its users, so that a process requests a PIN once, and remembers a refused one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from attest._base.threads import at_fork
from attest.signers.pkcs11 import settings
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.cryptoki.module import module_at
from attest.signers.pkcs11.tokens.token import TokenConnection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest.signers.pkcs11.uri import Pkcs11URI

_connections: dict[object, TokenConnection] = {}
_users: dict[TokenConnection, int] = {}
_registry = threading.Lock()


def acquire(uri: Pkcs11URI) -> TokenConnection:
    """The connection to the token that `uri` names, not yet made. Raises SignerError as `module_at` does.

    The module of a URI that names none is searched when the connection is made.
    """
    variables = settings.environment(uri)
    module = module_at(*settings.module(uri), variables) if settings.names_module(uri) else None
    key = (module, frozenset(uri.token.items()), variables)
    with _registry:
        if key not in _connections:
            _connections[key] = TokenConnection(module or variables, uri.token, settings.pool_size(uri))
        connection = _connections[key]
        connection.released = False
        _users[connection] = _users.get(connection, 0) + 1
        return connection


def release(connections: Iterable[TokenConnection], seconds: float) -> None:
    """Release connections. When the last user releases a token, its sessions are closed and it is logged out."""
    for connection in connections:
        with _registry:
            _users[connection] -= 1
            last = connection.released = _users[connection] == 0
        if last:
            connection.close(Deadline(seconds))


def _after_fork() -> None:
    """A child of fork starts anew."""
    global _registry
    _connections.clear()
    _users.clear()
    _registry = threading.Lock()


at_fork(_after_fork)
