"""What shells find as `attest`: it asks the server of `tests.support.cli.forks`, beside it, for a fork with all it has.

Rule: it imports nothing that takes a millisecond. Where Python would start in another way, as a stream is closed or a
variable differs, the installed program takes its place. What goes wrong here has an exit code that no program has.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import posix
import resource
import sys


def _is_open(number: int) -> bool:
    try:
        posix.fstat(number)
    except OSError:
        return False
    return True


def _starts_alike(folder: str) -> bool:
    """Whether Python starts here as it did in what will fork; `C.UTF-8` is also what it makes of no locale."""
    with open(f"{folder}/start", "rb") as file:
        there = marshal.load(file)  # noqa: S302
    prefixes = (b"PYTHON", b"LC_", b"LANG", b"LD_", b"MALLOC")
    here, there = (
        {name: value for name, value in start.items() if name.startswith(prefixes) and value != b"C.UTF-8"}
        for start in (posix.environ, there)
    )
    return here == there


def main() -> None:
    """Run the program, and end as it does."""
    folder, program = (path.rpartition("/")[0] for path in (sys.argv[0], sys.executable))
    arguments = [f"{program}/attest", *sys.argv[1:]]
    numbers = [number for number in range(10) if _is_open(number)]
    if numbers[:3] != [0, 1, 2] or not _starts_alike(folder):
        posix.execv(arguments[0], arguments)
    umask = posix.umask(0)
    posix.umask(umask)
    kinds = {value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
    limits = [(kind, resource.getrlimit(kind)) for kind in kinds]
    asked = {"arguments": arguments, "cwd": posix.getcwd(), "env": posix.environ, "umask": umask, "limits": limits}
    request = marshal.dumps(asked | {"numbers": numbers, "new_session": False})
    status, theirs = posix.pipe()
    server = _socket.socket(_socket.AF_UNIX)
    server.connect(f"{folder}/socket")
    ends = b"".join(number.to_bytes(4, sys.byteorder) for number in [*numbers, theirs])
    data = len(request).to_bytes(4, "big") + request
    sent = server.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, ends)])
    while sent < len(data):
        sent += server.send(data[sent:])
    posix.close(theirs)
    posix.read(status, 4)  # its number
    code = posix.waitstatus_to_exitcode(int.from_bytes(posix.read(status, 4), "big"))
    if code < 0:
        _signal.signal(-code, _signal.SIG_DFL)
        posix.kill(posix.getpid(), -code)
    posix._exit(code)


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:  # noqa: BLE001
        posix.write(2, f"{error!r}\n".encode())
        posix._exit(99)
