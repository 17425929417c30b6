"""The image that a command of `attest oci` is about.

Rule: it is resolved once, and the result names it by its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from attest.cli import _registry_options

if TYPE_CHECKING:
    from attest.cli._options import Decorator
    from attest.sources import Image

argument: Final[Decorator] = click.argument("image", metavar="IMAGE", callback=_registry_options.check_image)


def described(image: Image) -> dict[str, Any]:
    """The image, for a result object."""
    return {"name": image.name, "digest": image.digest, "mediaType": image.document.media_type}
