"""A program that runs command lines of attest as if Python lacked what it has on Unix only.

For a process of its own: `python -m tests.support.cli.elsewhere '[["verify", ...]]'` prints `[[code, stderr]]`.
What the standard library of a Unix cannot do without, such as `os.WNOHANG`, stays.
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, Final

MODULES: Final = ("fcntl", "grp", "pwd", "readline", "resource", "syslog", "termios", "tty", "pty")
NAMES: Final[tuple[tuple[Any, str], ...]] = (
    (
        os,
        "O_CLOEXEC O_DIRECTORY O_DSYNC O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC chown fchmod fchown fork forkpty getegid "
        "geteuid getgid getgroups getpgid getsid getuid killpg lchown mkfifo mknod nice openpty pread pwrite "
        "register_at_fork sched_getaffinity sendfile setpgid setsid statvfs sysconf ttyname uname wait3 wait4 waitid",
    ),
    (
        signal,
        "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH alarm "
        "pthread_kill pthread_sigmask setitimer sigwait",
    ),
    (select, "epoll poll"),
    (socket, "AF_UNIX SCM_RIGHTS SO_PEERCRED recv_fds send_fds"),
)


def leave_unix() -> None:
    """Take it away from this process."""
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for module, names in NAMES:
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    os.supports_dir_fd = os.supports_fd = os.supports_follow_symlinks = set()


def main() -> None:
    """Run the command lines in one process, one after the other."""
    leave_unix()
    from attest import cli

    ran = []
    for arguments in json.loads(sys.argv[1]):
        out, err = (io.TextIOWrapper(io.BytesIO(), "cp1252", errors="strict", write_through=True) for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.main(arguments)
        ran.append([code, err.buffer.getvalue().decode("cp1252")])
    print(json.dumps(ran))


if __name__ == "__main__":
    main()
