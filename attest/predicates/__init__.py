"""Typed predicate builders, one file for each predicate type, named as its schema in schemas/predicates.

Rule: a predicate that goes through its builder comes out equal, unknown fields included.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
