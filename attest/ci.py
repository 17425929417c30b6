"""SLSA provenance from CI systems: the public path of `attest.building.ci`.

Rule: everything is defined there.
"""

from __future__ import annotations

from attest.building.ci import Build, Caveat, System, detect, names

__all__ = ["Build", "Caveat", "System", "detect", "names"]
