"""What this process lets others see of it.

Rule: whoever holds secrets is not to be read by another process of the same user.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>


def forbid_inspection() -> None:
    """On Linux: let no process read this one's memory or first environment in /proc, or trace it, and dump no core.

    Processes with CAP_SYS_PTRACE (root, as a rule) still can. Programs that this one starts are as they always are: the
    kernel gives each new program its own setting.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(OSError, AttributeError):  # a libc that has no prctl
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
