"""Requests with a token, which is replaced once if Vault does not accept it any more.

Rule: a token is replaced only if Vault does not know it, so a missing permission costs no login, and never twice for
one request.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from attest.signers._kms import KmsFault
from attest.signers.hv import faults
from attest.signers.hv.faults import StatusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers.hv.adapter import VaultAdapter
    from attest.signers.hv.logins import VaultLogin

_T = TypeVar("_T")


class VaultAccess:
    """A server of Vault and a login for it, for several threads."""

    def __init__(self, adapter: VaultAdapter, login: VaultLogin) -> None:
        self.adapter = adapter
        self._login = login
        self._lock = threading.Lock()
        self._has_begun = False

    def perform(self, act: Callable[[], _T], needs: str) -> _T:
        """The result of `act`, which sends one request. `needs` is the permission for it, in Markdown.

        Raises KmsFault, and StatusError for a refusal that is about the key.
        """
        token = self._begin()
        try:
            return self._explained(act)
        except StatusError as error:
            if error.status not in (401, 403):
                raise
        if self._is_known():
            message = "the token of Vault does not have permission"
            raise KmsFault("access-denied", message, f"Allow {needs} in its policy.")
        if self._replace(token):
            try:
                return self._explained(act)
            except StatusError as error:
                if error.status not in (401, 403):
                    raise
        raise self._denied(needs)

    def _begin(self) -> str | None:
        with self._lock:
            if not self._has_begun:
                self.adapter.token = self._explained(lambda: self._login.token(self.adapter))
                self._has_begun = True
            return self.adapter.token

    def _replace(self, refused: str | None) -> bool:
        """Whether there is another token than the one that was refused."""
        with self._lock:
            if self.adapter.token == refused:
                self.adapter.token = self._explained(lambda: self._login.token(self.adapter))
            return self.adapter.token != refused

    def _is_known(self) -> bool:
        """Whether Vault accepts the token as such. A policy can forbid that too, so False may also mean unknown."""
        if not self.adapter.token:
            return False
        try:
            self.adapter.get("/v1/auth/token/lookup-self")
        except (StatusError, KmsFault):
            return False
        return True

    def _denied(self, needs: str) -> KmsFault:
        if not self.adapter.token:
            hint = "Set `VAULT_TOKEN`, write the token to ~/.vault-token, or configure a login: `ATTEST_VAULT_AUTH`."
            return KmsFault("credentials-missing", "attest found no token for Vault", hint)
        if self._login.logs_in:
            message = f"Vault does not accept the token of the {self._login.name} login, or it lacks a permission"
            return KmsFault("access-denied", message, f"Allow {needs} in the policy of the role.")
        message = "Vault does not accept the token, or the token does not have permission"
        hint = f"It may have expired: run `bao token lookup`. Allow {needs} in its policy."
        return KmsFault("access-denied", message, hint)

    def _explained(self, act: Callable[[], _T]) -> _T:
        """The result of `act`; if the node is not able to answer, its error says why."""
        try:
            return act()
        except StatusError as error:
            fault = self._node_fault() if error.status in (500, 503) else None
            raise fault or error from None

    def _node_fault(self) -> KmsFault | None:
        try:
            self.adapter.get("/v1/sys/health")
        except StatusError as error:
            return faults.of_node(error.status)
        except KmsFault:
            pass
        return None
