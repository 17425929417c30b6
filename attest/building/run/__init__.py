"""Commands that are run and attested: the process, its trace, the files before and after, and the record of it.

Rule: a command runs as it would without attest.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
