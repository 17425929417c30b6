"""The files of a traced command by their names: which were opened, and what was renamed and linked to which name.

Rule: a name that a file got by a rename or a link counts as written, and no name is taken for another one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from attest.digest import DigestSet

# What an entry takes beside its paths, in bytes of JSON.
_ENTRY: Final = 80


@dataclass
class FileAccess:
    """How a file was used under one name: to `read` or `write`. It may have another name's content, or be a link."""

    access: set[str] = field(default_factory=set)
    origin: bytes | None = None
    target: bytes | None = None


class Names:
    """All names, in the order in which they were first used. `spend` is told what each takes, in bytes."""

    def __init__(self, spend: Callable[[int], None] = lambda _: None) -> None:
        self.files: dict[bytes, FileAccess] = {}
        # The names that there are at the moment, by the directory that they are in.
        self._inside: dict[bytes, set[bytes]] = {}
        self._spend = spend

    def opened(self, path: bytes, *access: str) -> None:
        """A file was opened to `read`, to `write`, or both."""
        self._entry(path).access.update(access)
        self._appear(path)

    def renamed(self, old: bytes, new: bytes, *, exchange: bool = False) -> None:
        """`old` is now called `new`, with all that is in it if it is a directory; and the reverse with `exchange`."""
        moved, back = self._below(old, new), self._below(new, old) if exchange else []
        self._vanish(old)
        self._vanish(new)
        for origin, name in (*moved, *back):
            self._named(origin, name)

    def linked(self, old: bytes, new: bytes) -> None:
        """The file `old` has the name `new` too."""
        # A name in /proc is that of an open file, which may have no other one.
        self._named(None if old.startswith(b"/proc/") else old, new)

    def led(self, target: bytes, name: bytes) -> None:
        """`name` is a symbolic link with the text `target`."""
        self._named(None, name).target = target
        self._spend(len(target))

    def removed(self, path: bytes) -> None:
        """There is no such name any more."""
        self._vanish(path)

    def entries(self, read: Mapping[str, DigestSet], written: Mapping[str, DigestSet]) -> Iterator[dict[str, Any]]:
        """ResourceDescriptors. `read` and `written` have digests by path: of files only read, and of those written."""
        for path, used in self.files.items():
            annotations: dict[str, Any] = {"access": sorted(used.access)}
            digests = (written if "write" in used.access else read).get(os.fsdecode(path))
            if used.origin is not None:
                annotations["from"] = _uri(used.origin)
            if used.target is not None:
                annotations["link"] = used.target.decode("utf-8", "backslashreplace")
            yield {"uri": _uri(path), "annotations": annotations} | ({"digest": dict(digests)} if digests else {})

    def _entry(self, path: bytes) -> FileAccess:
        found = self.files.get(path)
        if found is None:
            self._spend(len(path) + _ENTRY)
            found = self.files[path] = FileAccess()
        return found

    def _named(self, origin: bytes | None, name: bytes) -> FileAccess:
        if origin is not None and origin not in self.files:
            self._entry(origin).access.add("read")
        entry = self._entry(name)
        entry.access.add("write")
        entry.target = None
        if origin is not None and origin != entry.origin:
            self._spend(len(origin) + _ENTRY)
        entry.origin = origin
        self._appear(name)
        return entry

    def _below(self, old: bytes, new: bytes) -> list[tuple[bytes, bytes]]:
        """The names at and below `old`, each with the one that it has when `old` is called `new`."""
        found, left = [], [old]
        while left:
            path = left.pop()
            below = self._inside.get(path)
            if below:
                left += below
            elif path != old or not os.path.isdir(new):
                found.append((path, new + path[len(old) :]))
        return found[::-1]

    def _appear(self, path: bytes) -> None:
        while path != b"/":
            folder = os.path.dirname(path)
            names = self._inside.setdefault(folder, set())
            if path in names:
                break
            names.add(path)
            path = folder

    def _vanish(self, path: bytes) -> None:
        self._inside.get(os.path.dirname(path), set()).discard(path)
        left = [path]
        while left:
            left += self._inside.pop(left.pop(), ())


class Folders:
    """The current directories of traced processes, by process number."""

    def __init__(self) -> None:
        # In a list of one, which threads have in common; None if it is not known.
        self._of: dict[bytes, list[bytes | None]] = {}

    def of(self, pid: bytes, forking: Callable[[], list[bytes]]) -> bytes:
        """The directory of a process. A new one, whose start was not yet told, has that of one that is `forking`.

        Raises InputError `trace-failed` if it is not known for certain.
        """
        known = self._of.get(pid)
        found = {known[0]} if known else {self._of[parent][0] for parent in forking() if parent in self._of}
        if len(found) == 1 and (folder := found.pop()) is not None:
            return folder
        raise InputError("trace-failed", "the trace does not show in which directory a file was renamed")

    def set(self, pid: bytes, folder: bytes | None) -> None:
        """A process is in `folder` now, with its threads."""
        self._of.setdefault(pid, [folder])[0] = folder

    def fork(self, parent: bytes, child: bytes, *, together: bool) -> None:
        """`child` was started by `parent`; `together` if it is a thread that changes directory with it."""
        known = self._of.get(parent)
        if known is None:
            return
        if together:
            known[0] = self._of.get(child, known)[0]
            self._of[child] = known
        else:
            self._of.setdefault(child, [known[0]])

    def end(self, pid: bytes) -> None:
        """A process has ended, and its number may be given to another one."""
        self._of.pop(pid, None)


def _uri(path: bytes) -> str:
    return f"file://{quote(path)}"
