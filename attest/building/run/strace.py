"""Reads what strace writes, line by line: the programs that ran, the names of files, the places reached.

Rule: every string is in hex (`strace -xx`), so that no name a command chooses can pass for another line or field.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from attest._base import files
from attest.building.run.names import Folders, Names
from attest.errors import InputError
from attest.limits import MAX_TRACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest.digest import DigestSet

# What is asked of strace; a `?` stands before what some processors do not have.
SYSCALLS: Final = (
    "execve,execveat,?open,openat,?openat2,?creat,connect,bind,sendto,sendmsg,sendmmsg,"
    "?rename,?renameat,?renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,?rmdir,"
    "chdir,fchdir,?fork,?vfork,clone,?clone3"
)
OPTIONS: Final = ("-f", "-q", "-xx", "-yy", "-s", "4096", "-e", f"trace={SYSCALLS}")
# Shorter arguments are repeated: a reference would save nothing.
_WORTH_A_REFERENCE: Final = 100

_LINE = re.compile(rb"(\d+) +(.*)", re.DOTALL)
_CALL = re.compile(rb"(\w+)\((.*)\) += ([^=]*)", re.DOTALL)
_RESUMED = re.compile(rb"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_UNFINISHED = b" <unfinished ...>"
_EXITED = re.compile(rb"\+\+\+ exited with (\d+) \+\+\+")
_KILLED = re.compile(rb"\+\+\+ killed by (\w+)")
_PID_CHANGED = re.compile(rb"(.*) <pid changed to (\d+) \.\.\.>", re.DOTALL)
_SUPERSEDED = re.compile(rb"\+\+\+ superseded by execve in pid (\d+) \+\+\+")
_STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_OPENED = re.compile(rb"\d+<((?:\\x[0-9a-f]{2})+)")
_ARGUMENTS = re.compile(rb"\[(.*?)\]", re.DOTALL)
_SOCKET = re.compile(rb"\d+<([A-Za-z0-9-]+)[:(]")
_FAMILY = re.compile(rb"sa_family=AF_(\w+)")
_PORT = re.compile(rb"sin6?_port=htons\((\d+)\)")
_ADDRESS = re.compile(rb'(?:inet_addr\(|inet_pton\(AF_INET6, )"((?:\\x[0-9a-f]{2})+)"')
_SUN_PATH = re.compile(rb'sun_path=(@?)"((?:\\x[0-9a-f]{2})*)"')
_FOLDER = re.compile(rb"AT_FDCWD<((?:\\x[0-9a-f]{2})+)>")
# A descriptor of a directory, if the call has one, and a path.
_PLACE = re.compile(
    rb'(?:(?:(AT_FDCWD)|\d+)(?:<((?:\\x[0-9a-f]{2})+)>(?:\(deleted\))?)?, )?"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?'
)

_OPENS = frozenset([b"open", b"openat", b"openat2", b"creat"])
_EXECS = frozenset([b"execve", b"execveat"])
_REACHES = {b"connect": "connect", b"bind": "bind", b"sendto": "send", b"sendmsg": "send", b"sendmmsg": "send"}
_NOWHERE = frozenset(["unspec", "netlink"])
_FORKS = frozenset([b"fork", b"vfork", b"clone", b"clone3"])
_MOVES = frozenset([b"rename", b"renameat", b"renameat2"])
_LINKS = frozenset([b"link", b"linkat"])
_SYMLINKS = frozenset([b"symlink", b"symlinkat"])
_REMOVES = frozenset([b"unlink", b"unlinkat", b"rmdir"])


@dataclass
class Trace:
    """What was seen, in the order in which it was first seen.

    `processes`: a program each time one was started, with its pid, path, arguments, and how its process ended. `names`:
    files. `network`: addresses, once for each way they were used.
    """

    processes: list[dict[str, Any]] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    network: dict[tuple[tuple[str, Any], ...], None] = field(default_factory=dict)

    def monitor_log(self, read: Mapping[str, DigestSet], written: Mapping[str, DigestSet]) -> dict[str, Any]:
        """It as `monitorLog` of a runtime trace; addresses have the field names that v0.2 recommends.

        `read` and `written` have digests by path, for files that were only read and for those that were written.
        """
        files = list(self.names.entries(read, written))
        return {"process": self.processes, "network": [dict(entry) for entry in self.network], "fileAccess": files}


class Reader:
    """Makes a Trace of lines about a command that was started in the directory `folder`."""

    def __init__(self, *, limit: int = MAX_TRACE, folder: bytes | None = None) -> None:
        self._limit = self._left = limit
        self.trace: Trace = Trace(names=Names(self._spend))
        self._unfinished: dict[bytes, bytes] = {}
        # By process number, for one may become several programs, one after the other.
        self._running: dict[bytes, list[dict[str, Any]]] = {}
        self._programs: dict[tuple[str, ...], int] = {}
        self._folders = Folders()
        self._start = folder

    def read(self, lines: Iterable[bytes]) -> Trace:
        """The trace of all `lines`.

        Raises InputError `trace-too-large` beyond the limit, in bytes of what is kept, and `trace-failed` for a line
        that is not understood: what it says would be missing.
        """
        for line in lines:
            self._line(line.rstrip(b"\n"))
        return self.trace

    def _line(self, line: bytes) -> None:
        parsed = _LINE.fullmatch(line)
        if parsed is None:
            raise _not_understood(line)
        pid, rest = parsed.groups()
        if self._start is not None:
            self._folders.set(pid, self._start)
            self._start = None
        if rest.startswith(b"+++"):
            self._end(pid, rest)
            return
        if rest.startswith(b"--- "):  # a signal, or a stop
            return
        if changed := _PID_CHANGED.fullmatch(rest):
            # A thread that starts a program becomes its process, and the call returns there.
            self._unfinished[changed[2]] = changed[1]
            return
        if resumed := _RESUMED.fullmatch(rest):
            rest = self._unfinished.pop(pid, b"") + resumed[1]
        if rest.endswith(_UNFINISHED):
            self._unfinished[pid] = rest.removesuffix(_UNFINISHED)
            return
        call = _CALL.fullmatch(rest)
        if call is None:
            raise _not_understood(line)
        self._call(pid, *call.groups())

    def _end(self, pid: bytes, rest: bytes) -> None:
        if superseded := _SUPERSEDED.match(rest):
            self._unfinished.setdefault(pid, self._unfinished.pop(superseded[1], b""))
            return
        self._unfinished.pop(pid, None)
        self._folders.end(pid)
        for process in self._running.pop(pid, ()):
            if exited := _EXITED.match(rest):
                process["exitStatus"] = int(exited[1])
            elif killed := _KILLED.match(rest):
                process["signal"] = killed[1].decode()

    def _call(self, pid: bytes, name: bytes, arguments: bytes, result: bytes) -> None:
        if name in _OPENS:
            self._open(pid, name, arguments, result)
        elif name in _REACHES:
            self._reach(name, arguments)
        elif name in _FORKS:
            if result.strip().isdigit():
                self._folders.fork(pid, result.strip(), together=b"CLONE_FS" in arguments)
        elif result.split()[:1] != [b"0"]:
            return
        elif name in _EXECS:
            self._execute(pid, arguments)
        elif name == b"fchdir":
            opened = _OPENED.match(arguments)
            if opened is not None:
                self._folders.set(pid, _unhex(opened[1]))
        else:
            self._name(pid, name, arguments)

    def _open(self, pid: bytes, name: bytes, arguments: bytes, result: bytes) -> None:
        if found := _FOLDER.match(arguments):
            self._folders.set(pid, _unhex_folder(found[1]))
        opened = _OPENED.match(result)
        if opened is None or b"O_DIRECTORY" in arguments or b"O_PATH" in arguments:
            return
        path = _unhex(opened[1])
        if not path.startswith(b"/"):  # a pipe that was there already, opened again as /dev/stdin
            return
        writes = name == b"creat" or b"O_WRONLY" in arguments or b"O_RDWR" in arguments
        reads = name != b"creat" and b"O_WRONLY" not in arguments
        self.trace.names.opened(path, *(["read"] if reads else []), *(["write"] if writes else []))

    def _name(self, pid: bytes, call: bytes, arguments: bytes) -> None:
        """What a call that names files did to their names."""
        places = list(_PLACE.finditer(arguments))
        names = self.trace.names
        if call == b"chdir":
            try:
                self._folders.set(pid, self._path(pid, places[-1:], call))
            except InputError:  # the next file that it opens says where it is
                self._folders.set(pid, None)
        elif call in _REMOVES:
            names.removed(self._path(pid, places[-1:], call))
        elif call in _SYMLINKS:
            names.led(_unhex(places[0][3]) if places else b"", self._path(pid, places[1:], call))
        elif call in _LINKS or call in _MOVES:
            old, new = self._path(pid, places[:1], call), self._path(pid, places[1:], call)
            if call in _LINKS:
                names.linked(old, new)
            elif old != new:
                names.renamed(old, new, exchange=b"RENAME_EXCHANGE" in arguments)

    def _path(self, pid: bytes, places: list[re.Match[bytes]], call: bytes) -> bytes:
        """The whole path that a place means. Links in the directories above it are followed, as they are now."""
        if len(places) != 1 or places[0][4]:
            raise _not_understood(call)
        relative_to_current, folder, text = places[0][1], places[0][2], places[0][3]
        name = _unhex(text)
        if b"\0" in name:
            raise _not_understood(call)
        if not name.startswith(b"/"):
            if folder is not None:
                above = _unhex(folder)
            elif relative_to_current or places[0][0].startswith(b'"'):
                above = self._folders.of(pid, self._forking)
            else:
                raise _not_understood(call)
            name = os.path.join(above, name) if name else above
        above, last = os.path.split(name.rstrip(b"/"))
        if call == b"chdir" or last in (b"", b".", b".."):
            return os.path.realpath(name)
        return os.path.join(os.path.realpath(above), last)

    def _forking(self) -> list[bytes]:
        """The processes that are about to start another one."""
        return [pid for pid, call in self._unfinished.items() if call.partition(b"(")[0] in _FORKS]

    def _execute(self, pid: bytes, arguments: bytes) -> None:
        path = _STRING.search(arguments)
        listed = _ARGUMENTS.search(arguments)
        if path is None or listed is None:
            return
        given = [_text(_unhex(found[1])) + (found[2] or b"").decode() for found in _STRING.finditer(listed[1])][1:]
        binary = _text(_unhex(path[1]))
        process: dict[str, Any] = {"eventType": "process", "pid": int(pid), "processBinary": binary}
        size = sum(len(one) + 3 for one in given)
        first = self._programs.setdefault((binary, *given), len(self.trace.processes))
        if first < len(self.trace.processes) and size > _WORTH_A_REFERENCE:
            process["argumentsOf"] = first
        else:
            process["arguments"] = given
            self._spend(size)
        self._spend(100 + len(binary))
        running = self._running.setdefault(pid, [])
        if running:
            running[-1]["replaced"] = True
        running.append(process)
        self.trace.processes.append(process)

    def _reach(self, name: bytes, arguments: bytes) -> None:
        socket = _SOCKET.match(arguments)
        protocol = "" if socket is None else socket[1].decode().lower().removesuffix("v6")
        # One call may name several addresses: sendmmsg has one a message.
        starts = [found.start() for found in _FAMILY.finditer(arguments)]
        for start, end in pairwise([*starts, len(arguments)]):
            entry = _address(arguments[start:end], protocol)
            if entry is None:
                continue
            key = (*entry.items(), ("action", _REACHES[name]))
            if key not in self.trace.network:
                self._spend(150)
                self.trace.network[key] = None

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise InputError(
                "trace-too-large",
                f"the command did more than a runtime trace of {files.size(self._limit)} can record",
                hint="Allow more (--limit trace=N, in bytes), trace a smaller step, or attest the command as a link.",
            )


def _address(text: bytes, protocol: str) -> dict[str, Any] | None:
    family = _FAMILY.match(text)
    if family is None:
        return None
    kind = family[1].decode().lower()
    if kind in _NOWHERE:
        return None
    address, port, path = _ADDRESS.search(text), _PORT.search(text), _SUN_PATH.search(text)
    if address is not None and port is not None:
        found: dict[str, Any] = {"ip": _unhex(address[1]).decode("ascii", "replace")}
        return found | {"port": int(port[1]), "protocol": protocol or "unknown"}
    if path is not None:
        return {"protocol": "unix", "path": path[1].decode() + _text(_unhex(path[2]))}
    return {"protocol": kind}


def _not_understood(line: bytes) -> InputError:
    shown = _text(_STRING.sub(b'"..."', line)[:200])  # strings may be secrets
    return InputError("trace-failed", f"strace wrote a line in an unknown format: {shown}")


def _unhex(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode())


# The same few directories are on almost every line.
_unhex_folder = lru_cache(maxsize=256)(_unhex)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
