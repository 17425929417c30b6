"""Whether an artifact is what a statement is about: by its digest, and by what the predicate type adds to that.

Rule: what a predicate type adds can only refuse, except that the type itself says how a directory is hashed.
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
