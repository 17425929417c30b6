"""The doubts that several systems raise, worded once.

Rule: a doubt says what the environment doesn't prove, not that something is wrong.
"""

from __future__ import annotations

from attest.building.ci._build import Caveat

# True of all that is read here, whatever system it is.
UNPROVEN = Caveat(
    "environment-unproven",
    "this is from environment variables, which any step of the job can set, "
    "and the parameters that somebody gave the run are not in it",
)


def builder_unknown(why: str) -> Caveat:
    """Nothing says which builder this is, or not surely."""
    return Caveat("builder-unknown", why)


def self_hosted(what: str) -> Caveat:
    """The machine is not the platform's own."""
    return Caveat("runner-self-hosted", f"{what}: whoever runs that machine can change what is built on it")


def runner_unknown(what: str) -> Caveat:
    """Nothing says whose machine it is."""
    return Caveat("runner-unknown", f"the environment doesn't say whether {what}")


def from_fork(what: str) -> Caveat:
    """The sources are a stranger's."""
    return Caveat("source-from-fork", f"{what} is from a fork: its sources are not the repository's own")


def maybe_from_fork(what: str) -> Caveat:
    """Nothing says whose the sources are."""
    return Caveat("source-maybe-fork", f"the environment doesn't say whether {what} is from a fork")
