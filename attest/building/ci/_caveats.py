"""The caveats that several systems share, worded once.

Rule: a caveat says what the environment does not prove, not that something is wrong.
"""

from __future__ import annotations

from attest.building.ci._build import Caveat

# True of every system that is read here.
UNPROVEN = Caveat(
    "environment-unproven",
    "the provenance comes from environment variables that any step of the job can change; "
    "parameters entered for the run are not recorded",
)


def builder_unknown(why: str) -> Caveat:
    """The environment does not show which builder it is, or not for certain."""
    return Caveat("builder-unknown", why)


def self_hosted(what: str) -> Caveat:
    """The machine is not operated by the platform."""
    return Caveat("runner-self-hosted", f"{what}; the operator of that machine can change what is built on it")


def runner_unknown(what: str) -> Caveat:
    """The environment does not show who operates the machine."""
    return Caveat("runner-unknown", f"the environment does not show whether {what}")


def from_fork(what: str) -> Caveat:
    """The source code is from a fork."""
    return Caveat("source-from-fork", f"{what} is from a fork; its source code is from another repository")


def maybe_from_fork(what: str) -> Caveat:
    """The environment does not show whether the source code is from a fork."""
    return Caveat("source-maybe-fork", f"the environment does not show whether {what} is from a fork")
