"""The PKCS#11 modules that this machine is configured with, from p11-kit's files (pkcs11.conf(5)).

Rule: files are read, nothing is loaded, and the current directory is not looked at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIGURATION: Final = ("/usr/share/p11-kit/modules", "/etc/pkcs11/modules", "~/.config/pkcs11/modules")
_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


def modules() -> Mapping[str, str]:
    """The absolute path of each configured module, by the name of its file; later folders win."""
    found: dict[str, str] = {}
    for folder in CONFIGURATION:
        for file in sorted(Path(os.path.expanduser(folder)).glob("*.module")):
            path = _module_line(file)
            if path is not None and (real := _located(path)) is not None:
                found[file.stem] = real
    return found


def path_of(name: str) -> str:
    """The path of the module called `name`. Raises SignerError `module-not-found`."""
    known = modules()
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise SignerError("module-not-found", f"p11-kit has no module {name!r}; its modules are: {there}")
    return known[name]


def _module_line(file: Path) -> str | None:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.strip() == "module":
            return value.strip()
    return None


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
