"""The trust bundle: anchors, keys, roots, history, editing, lint and diff, and which signatures count.

Rule: what a bundle allows is read from the bundle alone, and a limit only ever takes away.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
