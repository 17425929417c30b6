"""Variables of the environment that attest and its libraries read: which are set.

Rule: no value is read but to see whether it is empty, and none is shown.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from attest._base.text import nearest
from attest.cli import _commands
from attest.cli.doctor._problems import DoctorProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

_OWN: Final = "ATTEST_"
_THEIRS: Final = re.compile(
    r"(AWS|AZURE|BAO|CLOUDSDK|GOOGLE|VAULT)_\w+|(ALL|HTTPS?|NO)_PROXY|(all|https?|no)_proxy"
    r"|COSIGN_PASSWORD|DOCKER_CONFIG|LD_LIBRARY_PATH|LD_PRELOAD|NO_COLOR|PYTHON(HOME|PATH|WARNINGS)|REGISTRY_AUTH_FILE"
    r"|REQUESTS_CA_BUNDLE|SOFTHSM2_CONF|SSH_AUTH_SOCK|SSL_CERT_(DIR|FILE)|XDG_(CONFIG_HOME|RUNTIME_DIR)"
)
# Those that no option has, and how others begin.
_WITHOUT_OPTION: Final = frozenset({"ATTEST_DEBUG", "ATTEST_PASSPHRASE", "ATTEST_PIN"})
_FAMILIES: Final = ("ATTEST_PIN_", "ATTEST_VAULT_")


def names() -> list[str]:
    """The names of the variables that are set, sorted: those of attest first."""
    return sorted(
        (name for name in os.environ if name.startswith(_OWN) or _THEIRS.fullmatch(name)),
        key=lambda name: (not name.startswith(_OWN), name),
    )


def findings(program: click.Command) -> Iterator[DoctorProblem]:
    """Variables of attest that are empty, or that nothing reads."""
    known = _WITHOUT_OPTION | set(_of_options(program))
    for name in names():
        if not name.startswith(_OWN):
            continue
        if name not in known and not name.startswith(_FAMILIES):
            yield DoctorProblem("variable-unknown", "/variables", _unknown(name, known))
        elif not os.environ[name].strip() and name != "ATTEST_DEBUG":
            message = f"the variable {name} is set but empty; unset it, or give it a value"
            yield DoctorProblem("variable-empty", "/variables", message)


def lines() -> Iterator[str]:
    """The names as text."""
    yield "variables that are set (values are not shown)"
    for name in names():
        yield f"  {name}"


def _of_options(command: click.Command) -> Iterator[str]:
    for _, one in _commands.every(command):
        yield from (param.envvar for param in one.params if isinstance(param.envvar, str))


def _unknown(name: str, known: set[str] | frozenset[str]) -> str:
    near = nearest(name, known)
    return f"nothing reads the variable {name}" + (f"; did you mean {near[0]}?" if near else "")
