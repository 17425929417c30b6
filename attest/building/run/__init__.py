"""Commands that are run and attested: the process, its trace, the files before and after, and the record of it.

Rule: a command runs as it would without attest.
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
