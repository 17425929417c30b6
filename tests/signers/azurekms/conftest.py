"""The server that stands for Azure Key Vault and Entra ID, for each test of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.services.azure import AzureVault, azure

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureVault]:
    """The server of this process, which the libraries find."""
    found = azure()
    found.use(monkeypatch)
    yield found
    found.server.token_troubles.clear()
