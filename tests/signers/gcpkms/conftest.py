"""The server that stands for Google Cloud KMS, for each test of it."""

from __future__ import annotations

import pytest

from tests.support.services import gcp


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> gcp.Gcp:
    """The server of this process, which Google's library finds."""
    gcp.use(monkeypatch)
    return gcp.gcp()
