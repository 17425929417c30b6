"""The options of commands that read or write images: how a registry is reached, and which image of several is meant.

Rule: an option can send credentials to another host, or go without TLS, only if its help says so.
"""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from attest.cli import _options, _output
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.cli._options import Decorator
    from attest.oci.options import StoreOptions
    from attest.sources import Image

_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--registry-auth-file",
        metavar="FILE",
        envvar="ATTEST_REGISTRY_AUTH_FILE",
        show_default="those of docker and podman",
        help="File with the credentials of registries, in the format of docker's config.json. No other file is read.",
    ),
    click.option(
        "--registry-auth-host",
        "registry_auth_hosts",
        metavar="HOST[:PORT]",
        multiple=True,
        help="Another host that may receive the credentials of the registry, because it issues the tokens. "
        "May be repeated.",
    ),
    click.option(
        "--registry-ca-file",
        metavar="FILE",
        envvar="ATTEST_REGISTRY_CA_FILE",
        show_default="the system's",
        help="CAs (PEM) that certify the registry, for TLS.",
    ),
    click.option(
        "--registry-timeout",
        metavar="SECONDS",
        type=float,
        default=30,
        callback=_options.check_seconds,
        help="Time that a registry has for one answer, in seconds.",
    ),
    click.option(
        "--plain-http",
        is_flag=True,
        help="Connect to the registry without TLS. Anyone in between can read and change the data, so no credentials "
        "are sent. Not needed for a registry on this machine (localhost).",
    ),
)
platform_option: Decorator = click.option(
    "--platform",
    metavar="OS/ARCH[/VARIANT]",
    callback=lambda *given: check_platform(*given),
    help="Platform of the image to take, if there are several. Without this option: the index itself.",
)
image_argument: Decorator = click.argument("image", metavar="IMAGE", callback=lambda *given: check_image(*given))


def described(image: Image) -> dict[str, Any]:
    """An image as a result object names it."""
    return {"name": image.name, "digest": image.digest, "mediaType": image.document.media_type}


def check_image(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback: the name of an image; one that is not valid is a wrong command line."""
    if value is None:
        return None
    from attest.oci.store import parse_unambiguous

    return _check(ctx, param, value, parse_unambiguous)


def check_platform(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback: a platform; text that cannot be one is a wrong command line."""
    if value is None:
        return None
    from attest.oci.platforms import parse_platform

    return _check(ctx, param, value, parse_platform)


def _check(ctx: click.Context, param: click.Parameter, value: str, read: Callable[[str], object]) -> str:
    try:
        read(value)
    except InputError as error:
        raise _output.WrongValue(error, ctx, param) from None
    return value


def registry_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options about registries, which the command gets together as `registry`."""

    @wraps(command)
    def gathered(*arguments: Any, **given: Any) -> Any:
        chosen = RegistryOptions(**{name: given.pop(name) for name in RegistryOptions._fields})
        return command(*arguments, registry=chosen, **given)

    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


class RegistryOptions(NamedTuple):
    """What the command line says about registries."""

    registry_auth_file: str | None
    registry_auth_hosts: tuple[str, ...]
    registry_ca_file: str | None
    registry_timeout: float
    plain_http: bool

    def store(self) -> StoreOptions:
        """How a registry is to be reached. Nothing is read or sent yet."""
        if self.plain_http and self.registry_ca_file is not None:
            raise click.UsageError("--plain-http and --registry-ca-file cannot be used together")
        from urllib.request import getproxies_environment  # imports much

        from attest.oci.credentials import Credentials
        from attest.oci.options import StoreOptions

        return StoreOptions(
            credentials=Credentials.of(os.environ, file=self.registry_auth_file),
            ca_file=self.registry_ca_file,
            plain_http=self.plain_http,
            timeout=self.registry_timeout,
            auth_hosts=self.registry_auth_hosts,
            proxies=getproxies_environment(),
        )
