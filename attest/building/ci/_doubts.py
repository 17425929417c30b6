"""The doubts that several systems raise, worded once.

Rule: a doubt says what the environment doesn't prove, not that something is wrong.
"""

from __future__ import annotations

from attest.building.ci._build import Doubt

# True of all that is read here, whatever system it is.
UNPROVEN = Doubt(
    "environment-unproven",
    "this is from environment variables, which any step of the job can set, "
    "and the parameters that somebody gave the run are not in it",
)


def builder_unknown(why: str) -> Doubt:
    """Nothing says which builder this is, or not surely."""
    return Doubt("builder-unknown", why)


def self_hosted(what: str) -> Doubt:
    """The machine is not the platform's own."""
    return Doubt("runner-self-hosted", f"{what}: whoever runs that machine can change what is built on it")


def runner_unknown(what: str) -> Doubt:
    """Nothing says whose machine it is."""
    return Doubt("runner-unknown", f"the environment doesn't say whether {what}")


def from_fork(what: str) -> Doubt:
    """The sources are a stranger's."""
    return Doubt("source-from-fork", f"{what} is from a fork: its sources are not the repository's own")


def maybe_from_fork(what: str) -> Doubt:
    """Nothing says whose the sources are."""
    return Doubt("source-maybe-fork", f"the environment doesn't say whether {what} is from a fork")
