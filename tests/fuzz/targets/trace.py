"""What strace writes about a command that nobody vouches for: a runtime trace, or a refusal.

Rule: what was understood can be attested, and is no larger than there may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest._base.json import dumps
from attest.building.run import strace
from attest.statement import Statement
from tests.fuzz.oracle import attempt
from tests.fuzz.targets.report import ABOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1 << 14


def check(data: bytes) -> None:
    trace = attempt(lambda: strace.Reader(limit=LIMIT, folder=b"/w").read(data.split(b"\n")))
    if trace is None:
        return
    log = trace.monitor_log({}, {})
    assert len(dumps(log)) <= 16 * LIMIT
    predicate = {
        "monitor": {"type": "https://example.com/strace"},
        "monitoredProcess": {"hostID": "https://example.com/host", "type": "https://example.com/run", "event": "pack"},
        "monitorLog": log,
        "metadata": {"buildStartedOn": "2026-06-01T12:00:00Z", "buildFinishedOn": "2026-06-01T12:00:01Z"},
    }
    assert Statement.build([ABOUT], predicate_type="runtime-trace", predicate=predicate).check_predicate()


def text(value: str) -> str:
    """A string as `strace -xx` writes it."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in value.encode()) + '"'


def seeds() -> Iterator[bytes]:
    name = text("/bin/sh").strip('"')
    address, six = text("10.0.0.1"), f"inet_pton(AF_INET6, {text('::1')}, &sin6_addr)"
    lines = (
        f"12 execve({text('/bin/sh')}, [{text('sh')}, {text('-c')}...], 0x7ffe /* 3 vars */) = 0",
        f"12 openat(AT_FDCWD</>, {text('/bin/sh')}, O_RDONLY|O_CLOEXEC) = 3<{name}>",
        f"13 openat(AT_FDCWD</>, {text('/out')}, O_WRONLY|O_CREAT, 0666 <unfinished ...>",
        f"13 <... openat resumed>) = 4<{name}>",
        f"13 connect(3<TCP:[1]>, {{sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr({address})}}, 16) = 0",
        f"13 connect(3<UNIX-STREAM:[2]>, {{sa_family=AF_UNIX, sun_path={text('/run/x')}}}, 110) = -1 ENOENT (No)",
        f"13 sendto(5<UDPv6:[3]>, {text('q')}, 1, 0, {{sa_family=AF_INET6, sin6_port=htons(53), {six}}}, 28) = 1",
        "12 clone(child_stack=NULL, flags=CLONE_VM|CLONE_FS <unfinished ...>",
        f"15 chdir({text('d')}) = 0",
        "12 <... clone resumed>) = 15",
        f"12 fchdir(3<{name}>) = 0",
        f"15 rename({text('a')}, {text('b')}) = 0",
        f"15 renameat2(AT_FDCWD<{name}>, {text('b')}, 3<{name}>(deleted), {text('../c')}, RENAME_EXCHANGE) = 0",
        f"15 linkat(3<{name}>, {text('')}, AT_FDCWD<{name}>, {text('/l')}, AT_EMPTY_PATH) = 0",
        f"15 symlinkat({text('target')}, AT_FDCWD<{name}>, {text('s')}) = 0",
        f"15 unlinkat(AT_FDCWD<{name}>, {text('s')}, 0) = 0",
        "13 --- SIGCHLD {si_signo=SIGCHLD} ---",
        "14 execve(0x1, [], 0x2 <pid changed to 13 ...>",
        "13 +++ superseded by execve in pid 14 +++",
        "13 +++ killed by SIGKILL +++",
        "12 +++ exited with 0 +++",
    )
    yield "\n".join(lines).encode()
    yield from (line.encode() for line in lines)
