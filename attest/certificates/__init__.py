"""Certificates: who the certificate of a signature names, and which authority of the trust bundle confirms it.

Rule: nothing that comes with a signature is trusted before it is checked, and all of it is checked.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
