"""The options of `attest verify` for a Dask cluster, and the connection to it (docs/adr/0025).

Rule: a cluster is trusted only if the named certificates authenticate it.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from attest._base import files
from attest.errors import InputError, SignerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from attest.cli._options import Decorator

_MAX_PEM: Final = 1 << 20
_SECONDS = 10.0  # that a scheduler has to answer
_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--dask", metavar="ADDRESS", help="Verify with the Dask cluster at tls://HOST:PORT, or tcp:// on this machine."
    ),
    click.option(
        "--dask-ca",
        metavar="FILE",
        help="CA of the cluster (PEM). All machines that it certifies can decide the result.",
    ),
    click.option("--dask-cert", metavar="FILE", help="Your certificate from that CA (PEM)."),
    click.option("--dask-key", metavar="FILE", help="Private key of that certificate (PEM, not encrypted)."),
    click.option(
        "--allow-insecure-dask",
        is_flag=True,
        help="Allow --dask tcp:// on another machine. Anyone between the machines can then run code in this process.",
    ),
)


class Cluster(NamedTuple):
    """What verifies, and whether its positive result counts without another check here."""

    executor: Executor
    is_trusted: bool


class ClusterOptions(NamedTuple):
    """What the command line says about a cluster."""

    dask: str | None
    dask_ca: str | None
    dask_cert: str | None
    dask_key: str | None
    allow_insecure_dask: bool

    def demand(self, *, accept_vsa: bool) -> None:
        """Raises UsageError for a cluster that may not be used, or not with these options."""
        given = {"--dask-ca": self.dask_ca, "--dask-cert": self.dask_cert, "--dask-key": self.dask_key}
        if self.dask is None:
            for option in [name for name, value in given.items() if value is not None]:
                raise click.UsageError(f"{option} requires --dask tls://HOST:PORT")
            return
        scheme, host = _parts(self.dask)
        missing = [name for name, value in given.items() if value is None]
        if scheme == "tls":
            if missing:
                raise click.UsageError(
                    f"--dask tls:// requires {' and '.join(missing)}: only certificates authenticate the cluster"
                )
            return
        if len(missing) < len(given):
            raise click.UsageError(
                "certificates have no effect with tcp://; the cluster must listen at tls://HOST:PORT"
            )
        if not self.allow_insecure_dask and not _is_here(host):
            instead = "use tls:// with certificates, or --allow-insecure-dask"
            raise click.UsageError(f"--dask {self.dask} is another machine without authentication: {instead}")
        if accept_vsa:
            # A cluster that withholds a VSA with FAILED would turn a no into a yes.
            raise click.UsageError(
                "--accept-vsa requires a cluster at tls:// with certificates: what it rejects changes the result"
            )

    @contextmanager
    def connected(self) -> Iterator[Cluster | None]:
        """The cluster, if there is one. Raises SignerError, and InputError for a file that cannot be read."""
        if self.dask is None:
            yield None
            return
        try:
            from distributed import Client
            from distributed.security import Security
        except ImportError:
            hint = "Install it: pip install 'attest-dsse[dask]'."
            message = "verification with Dask needs its package `distributed`"
            raise SignerError("library-missing", message, hint=hint) from None
        security = None
        if self.dask_ca and self.dask_cert and self.dask_key:
            _demand_readable(self.dask_ca, self.dask_cert, self.dask_key)
            security = Security(  # type: ignore[no-untyped-call]
                require_encryption=True,
                tls_ca_file=self.dask_ca,
                tls_client_cert=self.dask_cert,
                tls_client_key=self.dask_key,
            )
        try:
            client = Client(self.dask, timeout=_SECONDS, set_as_default=False, security=security)  # type: ignore[no-untyped-call]
        except (OSError, ValueError, TypeError) as error:
            message = f"no Dask scheduler answers ({type(error).__name__})"
            raise SignerError("scheduler-unreachable", message, where=self.dask) from None
        with client:
            yield Cluster(client.get_executor(), security is not None)  # type: ignore[no-untyped-call]


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options about a cluster, which the command gets together as `cluster`."""

    @wraps(command)
    def gathered(*arguments: Any, **given: Any) -> Any:
        return command(
            *arguments, cluster=ClusterOptions(**{name: given.pop(name) for name in ClusterOptions._fields}), **given
        )

    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _parts(address: str) -> tuple[str, str]:
    """The scheme and the host of an address. Raises UsageError for another form of address."""
    scheme, separator, rest = address.rpartition("://")
    host, colon, port = rest.rpartition(":")
    if (scheme if separator else "tcp") not in ("tls", "tcp") or not host or not colon or not port.isdecimal():
        raise click.BadParameter(f"expected tls://HOST:PORT or tcp://HOST:PORT, found {address!r}", param_hint="--dask")
    return scheme or "tcp", host.strip("[]")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _demand_readable(*paths: str) -> None:
    """Without this, `distributed` reports an unreadable file as no answer, and OpenSSL prompts for a passphrase."""
    for path in paths:
        data = files.read(path, limit=_MAX_PEM)
        if b"-----BEGIN " not in data:
            raise InputError("file-unreadable", "the file is not PEM", where=path)
        if b"ENCRYPTED" in data:
            raise InputError("file-unreadable", "the key is encrypted, which Dask does not support", where=path)
