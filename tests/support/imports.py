"""What a library imports and few tests need is imported where it is needed.

Rule: nothing is replaced: whoever calls what is put off here gets the library's own answer.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

IRIS = "rfc3987_syntax"


def put_off() -> None:
    """Put off the grammar of IRIs, which `jsonschema` imports for one format: to build it takes 2 seconds a process."""
    if IRIS in sys.modules or find_spec(IRIS) is None:
        return

    def is_valid_syntax(term: str, text: str) -> bool:
        if sys.modules.get(IRIS) is stand_in:
            del sys.modules[IRIS]
        return bool(import_module(IRIS).is_valid_syntax(term, text))

    stand_in = ModuleType(IRIS)
    vars(stand_in).update(is_valid_syntax=is_valid_syntax)
    sys.modules[IRIS] = stand_in
