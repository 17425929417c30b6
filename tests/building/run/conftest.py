"""What tests of traces share."""

from __future__ import annotations

import os
import shutil

import pytest

from attest.building.run import tracing
from tests.support.missing import missing


@pytest.fixture
def tracer() -> tracing.Tracer:
    """The strace of this machine."""
    if shutil.which("strace") is None:
        missing("missing: strace (apt-get install strace)")
    return tracing.find_tracer(os.environ["PATH"])
