"""The PKCS#11 modules that this machine is configured with, from p11-kit's files (pkcs11.conf(5)).

Rule: files are read, nothing is loaded, and root does not read the files of a user.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from attest.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What packages install, and what the administrator adds or changes; the user's own folder is `_user_folder()`.
SYSTEM_FOLDERS: Final = ("/usr/share/p11-kit/modules", "/etc/pkcs11/modules")
SYSTEM_SETTINGS: Final = "/etc/pkcs11/pkcs11.conf"
_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_PROGRAM: Final = "attest"

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_,.\-]*\.module", re.ASCII)
_SEPARATORS: Final = re.compile(r"[,\s]+")
_MAX_BYTES: Final = 1 << 16


class ConfiguredModule(NamedTuple):
    """One module: the name of its file without the ending, its absolute `path`, and the fields that matter here.

    The path of a module that does not exist is the one in the file. `reserved` is the string for C_Initialize.
    """

    name: str
    path: str
    critical: bool = False
    reserved: str | None = None


def modules() -> list[ConfiguredModule]:
    """The modules in which keys are searched, those with a higher priority first; one with two names is there once.

    Sources of trust policy have certificates and no keys, and a module may be disabled for a program.
    """
    found: dict[str, ConfiguredModule] = {}
    for name, fields in sorted(_configuration().items(), key=lambda entry: (-_priority(entry[1]), entry[0])):
        if fields.get("module") and fields.get("trust-policy") != "yes" and _enabled(fields):
            module = _module(name, fields)
            real = os.path.realpath(module.path) if os.path.isabs(module.path) else module.path
            found.setdefault(real, module)
    return list(found.values())


def named(name: str) -> ConfiguredModule:
    """The module called `name`. Raises SignerError `module-not-found`."""
    known = {other: fields for other, fields in _configuration().items() if fields.get("module")}
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        message = f"p11-kit has no module {name!r}; its modules are: {there}"
        raise SignerError(
            "module-not-found", message, hint="Use one of these, or `module-path=` with an absolute path."
        )
    return _module(name, known[name])


def _configuration() -> dict[str, dict[str, str]]:
    """The fields of each module, by its name: those of later folders replace those of earlier ones, field by field."""
    settings = _fields(Path(SYSTEM_SETTINGS))
    mode = settings.get("user-config", "merge")
    user = _user_folder() if mode != "none" else None
    if user is not None:
        mode = _fields(user / "pkcs11.conf").get("user-config", mode)
    folders = [Path(folder) for folder in SYSTEM_FOLDERS if mode != "only" or user is None]
    if user is not None and mode != "none":
        folders.append(user / "modules")
    found: dict[str, dict[str, str]] = {}
    for file in _files(folders):
        found.setdefault(file.stem, {}).update(_fields(file))
    return found


def _user_folder() -> Path | None:
    """The user's configuration; None for root and for a program with the rights of another user, as in p11-kit."""
    if not hasattr(os, "geteuid"):
        return None
    if os.geteuid() == 0 or (os.getuid(), os.getgid()) != (os.geteuid(), os.getegid()):
        return None
    return Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "pkcs11"


def _files(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        yield from (file for file in sorted(folder.glob("*.module")) if _FILE_NAME.fullmatch(file.name))


def _fields(file: Path) -> dict[str, str]:
    """The fields of a file; none if it cannot be read. `#` begins a comment only at the beginning of a line."""
    try:
        with file.open(errors="replace") as stream:
            lines = stream.read(_MAX_BYTES).splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and not line.lstrip().startswith("#"):
            found[name.strip()] = value.strip()
    return found


def _module(name: str, fields: Mapping[str, str]) -> ConfiguredModule:
    path = fields["module"]
    critical = fields.get("critical") == "yes"
    return ConfiguredModule(name, _located(path) or path, critical, fields.get("x-init-reserved") or None)


def _enabled(fields: Mapping[str, str]) -> bool:
    """Whether the module is for this program; with both lists, only `enable-in` counts, as in p11-kit."""
    if "enable-in" in fields:
        return _PROGRAM in _SEPARATORS.split(fields["enable-in"])
    return _PROGRAM not in _SEPARATORS.split(fields.get("disable-in", ""))


def _priority(fields: Mapping[str, str]) -> int:
    try:
        return int(fields.get("priority", "0"))
    except ValueError:
        return 0


def _located(path: str) -> str | None:
    """The file of a module; a relative path is in the directory `pkcs11` of a library directory."""
    if os.path.isabs(path):
        return path if os.path.isfile(path) else None
    for folder in _FOLDERS:
        for candidate in (Path(folder), *sorted(Path(folder).glob("*-linux-gnu*"))):
            for where in (candidate / "pkcs11" / path, candidate / path):
                if where.is_file():
                    return str(where)
    return None
