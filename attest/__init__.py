"""attest: build, sign and verify in-toto attestations.

Rule: the public names are here, and importing the package loads none of what they stand for.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
