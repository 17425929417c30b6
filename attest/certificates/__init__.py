"""Certificates: who the certificate of a signature names, and which authority of the trust bundle confirms it.

Rule: nothing that comes with a signature is trusted before it is checked, and all of it is checked.
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
