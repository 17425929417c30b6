"""Reads what strace writes, line by line: the programs that ran, the files that were opened, the places reached.

Rule: every string is in hex (`strace -xx`), so that no name a command chooses can pass for another line or field.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest.digest import DigestSet

# What is asked of strace; a `?` stands before what some processors do not have.
SYSCALLS: Final = "execve,execveat,?open,openat,?openat2,?creat,connect,bind,sendto,sendmsg,sendmmsg"
OPTIONS: Final = ("-f", "-q", "-xx", "-yy", "-s", "4096", "-e", f"trace={SYSCALLS}")
MAX_TRACE: Final = 8 << 20

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

_OPENS = frozenset([b"open", b"openat", b"openat2", b"creat"])
_EXECS = frozenset([b"execve", b"execveat"])
_REACHES = {b"connect": "connect", b"bind": "bind", b"sendto": "send", b"sendmsg": "send", b"sendmmsg": "send"}
_NOWHERE = frozenset(["unspec", "netlink"])


@dataclass
class Trace:
    """What was seen, in the order in which it was first seen.

    `processes`: a program each time one was started, with its pid, path, arguments, and how it ended. `files`: paths
    that were opened, and whether to `read` or `write`. `network`: addresses, once for each way they were used.
    """

    processes: list[dict[str, Any]] = field(default_factory=list)
    files: dict[bytes, set[str]] = field(default_factory=dict)
    network: dict[tuple[tuple[str, Any], ...], None] = field(default_factory=dict)

    def monitor_log(self, read: Mapping[str, DigestSet], written: Mapping[str, DigestSet]) -> dict[str, Any]:
        """It as `monitorLog` of a runtime trace; addresses have the field names that v0.2 recommends.

        `read` and `written` have digests by path, for files that were only read and for those that were written.
        """
        files = []
        for path, access in self.files.items():
            digests = (written if "write" in access else read).get(os.fsdecode(path))
            entry: dict[str, Any] = {"uri": f"file://{quote(path)}", "annotations": {"access": sorted(access)}}
            files.append(entry | ({"digest": dict(digests)} if digests else {}))
        return {"process": self.processes, "network": [dict(entry) for entry in self.network], "fileAccess": files}


class Reader:
    """Makes a Trace of lines."""

    def __init__(self, *, limit: int = MAX_TRACE) -> None:
        self.trace = Trace()
        self._unfinished: dict[bytes, bytes] = {}
        self._running: dict[bytes, dict[str, Any]] = {}
        self._left = limit

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
        process = self._running.pop(pid, None)
        if process is None:
            return
        if exited := _EXITED.match(rest):
            process["exitStatus"] = int(exited[1])
        elif killed := _KILLED.match(rest):
            process["signal"] = killed[1].decode()

    def _call(self, pid: bytes, name: bytes, arguments: bytes, result: bytes) -> None:
        if name in _OPENS:
            self._open(name, arguments, result)
        elif name in _EXECS and result.split()[:1] == [b"0"]:
            self._execute(pid, arguments)
        elif name in _REACHES:
            self._reach(name, arguments)

    def _open(self, name: bytes, arguments: bytes, result: bytes) -> None:
        opened = _OPENED.match(result)
        if opened is None or b"O_DIRECTORY" in arguments or b"O_PATH" in arguments:
            return
        path = _unhex(opened[1])
        if not path.startswith(b"/"):  # a pipe that was there already, opened again as /dev/stdin
            return
        access = self.trace.files.get(path)
        if access is None:
            self._spend(len(path) + 80)
            access = self.trace.files[path] = set()
        if name == b"creat" or b"O_WRONLY" in arguments or b"O_RDWR" in arguments:
            access.add("write")
        if name != b"creat" and b"O_WRONLY" not in arguments:
            access.add("read")

    def _execute(self, pid: bytes, arguments: bytes) -> None:
        path = _STRING.search(arguments)
        listed = _ARGUMENTS.search(arguments)
        if path is None or listed is None:
            return
        given = [_text(_unhex(found[1])) + (found[2] or b"").decode() for found in _STRING.finditer(listed[1])]
        binary = _text(_unhex(path[1]))
        self._spend(100 + len(binary) + sum(len(one) + 3 for one in given))
        process = {"eventType": "process", "pid": int(pid), "processBinary": binary, "arguments": given[1:]}
        self.trace.processes.append(process)
        self._running[pid] = process

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
                "the command did more than a runtime trace can record",
                hint="Trace a smaller step, or attest the command as a link.",
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


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
