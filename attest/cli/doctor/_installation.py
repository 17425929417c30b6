"""What is installed here: attest, Python, the system, libraries, extras and programs.

Rule: nothing is imported to find out whether it is there.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import TYPE_CHECKING, Any, Final

from packaging.markers import default_environment
from packaging.requirements import Requirement

from attest import __version__
from attest.cli.doctor._problems import DoctorProblem
from attest.errors import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME: Final = "attest-dsse"
# What attest runs, and for what.
_PROGRAMS: Final = {"git": "build --ci, git:DIR", "strace": "run --trace", "ssh-agent": "ssh-agent:"}


def describe() -> dict[str, Any]:
    """The versions of everything that attest consists of; None for a library that is not there."""
    libraries, extras = _requirements()
    return {
        "attest": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "executable": sys.executable,
        "system": _system(),
        "libraries": {one.name: _installed(one) for one in libraries},
        "extras": {name: {one.name: _installed(one) for one in needed} for name, needed in extras.items()},
        "programs": {name: shutil.which(name) for name in _PROGRAMS},
    }


def findings() -> Iterator[DoctorProblem]:
    """Libraries that attest needs and that are missing or too old; an extra matters only if a part of it is there."""
    libraries, extras = _requirements()
    for one in libraries:
        yield from _finding(one, f"pip install --upgrade {_NAME}")
    for name, needed in extras.items():
        if any(_installed(one) for one in needed):
            for one in needed:
                yield from _finding(one, f"pip install --upgrade '{_NAME}[{name}]'")


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The same as text."""
    yield f"attest {found['attest']}"
    for name in ("python", "executable", "system"):
        yield f"  {name:<11} {found[name]}"
    yield "libraries"
    for name, number in found["libraries"].items():
        yield f"  {name:<27} {number or 'missing'}"
    yield "extras"
    for name, needed in found["extras"].items():
        have = ", ".join(f"{one} {number}" for one, number in needed.items() if number)
        lacks = "" if all(needed.values()) else f"pip install '{_NAME}[{name}]'"
        yield f"  {name:<11} {'; '.join(filter(None, [have, lacks and f'missing: {lacks}']))}"
    yield "programs"
    for name, path in found["programs"].items():
        yield f"  {name:<11} {path or f'missing (for {_PROGRAMS[name]})'}"


def _requirements() -> tuple[list[Requirement], dict[str, list[Requirement]]]:
    """What is required here, and what each extra requires; nothing if attest is used without being installed."""
    try:
        found = distribution(_NAME)
    except PackageNotFoundError:
        return [], {}
    needed = [Requirement(text) for text in found.requires or ()]
    extras = [name for name in found.metadata.get_all("Provides-Extra") or () if name != "test"]
    return _wanted(needed, ""), {
        name: [one for one in _wanted(needed, name) if one not in _wanted(needed, "")] for name in extras
    }


def _wanted(needed: Sequence[Requirement], extra: str) -> list[Requirement]:
    here: dict[str, Any] = {**default_environment(), "extra": extra}
    return [one for one in needed if one.marker is None or one.marker.evaluate(here)]


def _installed(needed: Requirement) -> str | None:
    try:
        return version(needed.name)
    except PackageNotFoundError:
        return None


def _finding(needed: Requirement, remedy: str) -> Iterator[DoctorProblem]:
    found = _installed(needed)
    if found is None:
        yield DoctorProblem("library-missing", "/libraries", f"{needed.name} is not installed: {remedy}")
    elif not needed.specifier.contains(found, prereleases=True):
        message = f"{needed.name} {found} is too old, {needed.specifier} is needed: {remedy}"
        yield DoctorProblem("library-outdated", "/libraries", message)


def _system() -> str:
    name = f"{platform.system()} {platform.release()} {platform.machine()}"
    try:
        return f"{name}, {platform.freedesktop_os_release()['PRETTY_NAME']}"
    except (OSError, KeyError):
        return f"{name}, macOS {platform.mac_ver()[0]}" if platform.mac_ver()[0] else name


def for_a_report(value: Any) -> Any:
    """The same value without secrets, and with `~` for the home directory, whose name is often that of a person."""
    if isinstance(value, str):
        value, home = redacted(value), os.path.expanduser("~").rstrip(os.sep)
        # Not absolute without a home directory, or if it is the root.
        return re.sub(rf"{re.escape(home)}(?![\w.-])", "~", value) if os.path.isabs(home) else value
    if isinstance(value, dict):
        return {key: for_a_report(one) for key, one in value.items()}
    if isinstance(value, list):
        return [for_a_report(one) for one in value]
    return value
