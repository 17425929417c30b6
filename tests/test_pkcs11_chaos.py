"""Signing goes on while tokens come and go: five seeded storms of ten seconds over two p11-kit servers."""

from __future__ import annotations

import pytest

from tests.chaos import storm_elsewhere
from tests.hsm import CLIENT, needs


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_storm_costs_time_and_nothing_else(seed: int) -> None:
    needs("p11-kit", "softhsm2-util", CLIENT)
    result = storm_elsewhere(seed, 10)
    print(result["text"])
    assert result["errors"] == []
    assert (result["wrong"], result["stuck"]) == (0, 0)
    assert result["signatures"] > 500
    assert result["sessions"] <= 8
    # Threads in calls of a module that never came back stay; all others are reused or gone.
    assert result["threads"] <= 16 + 8 * result["left_behind"]
