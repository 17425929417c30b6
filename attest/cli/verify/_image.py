"""`--image` of `attest verify`: an image is an artifact, and what is attached to it is a collection.

Rule: the name is resolved once; what is verified, printed and read after that has its digest.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from attest.cli import _output
from attest.cli._options import registry as registry_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.errors import AttestError
    from attest.limits import Limits
    from attest.sources import Image

_image: Final = click.option(
    "--image",
    metavar="IMAGE",
    callback=registry_options.check_image,
    help="Image to verify, with the attestations that are attached to it: [oci://]HOST/REPOSITORY[:TAG][@DIGEST], or "
    "oci-layout:DIRECTORY[:TAG|@DIGEST].",
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--image`, `--platform` and those of registries, which the command gets together as `image`."""

    @wraps(command)
    def gathered(*arguments: Any, **given: Any) -> Any:
        image = ImageOptions(**{name: given.pop(name) for name in ImageOptions._fields})
        return command(*arguments, image=image, **given)

    return _image(registry_options.platform_option(registry_options.registry_options(gathered)))


class ImageOptions(NamedTuple):
    """What the command line says about an image."""

    image: str | None
    platform: str | None
    registry: registry_options.RegistryOptions

    def open(self, session: _output.OutputContext, limits: Limits) -> Image | None:
        """The image that was named, whose bytes were fetched; it is closed when the run ends.

        Raises UsageError for `--platform` alone, and as `attest.sources.image`.
        """
        if self.image is None:
            if self.platform is not None:
                raise click.UsageError("--platform requires --image")
            return None
        from attest.sources import image  # imports what speaks to registries

        found = session.at_end.enter_context(
            image(self.image, platform=self.platform, options=self.registry.store(), limits=limits)
        )
        _output.prose("note", f"image: {found.name}")
        session.details["image"] = registry_options.described(found)
        return found

    def explain(self, refusal: AttestError | None, image: Image) -> None:
        """Give the error that nothing was found a hint on where to look."""
        if refusal is None or refusal.code != "envelope-missing":
            return
        hints = [refusal.hint, f"Run `attest oci list {image.name}` to see what is stored beside it."]
        if self.platform:
            hints.append("Attestations of the index are not those of its platforms.")
        elif image.document.kind == "index":
            hints.append("It is an index: for the attestations of one of its images, add --platform OS/ARCH.")
        refusal.hint = " ".join(filter(None, hints))
