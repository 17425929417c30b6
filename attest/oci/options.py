"""What a store is opened with, and what it says about a manifest that was pushed.

Rule: without an option a registry is asked over TLS, and gets nothing that is secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.oci.credentials import Credentials
    from attest.oci.documents import Descriptor

# What to do if there is more beside an image than is read. Whoever may push can cause that; it never leads to a yes.
PUSHED_BY_ANYONE: Final = (
    "Anyone who can push to the repository can cause this. `attest oci list IMAGE` shows what was read: delete what "
    "does not belong there. Until then, verify files: attest verify FILE --artifact DIGEST."
)


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a registry is spoken to. `ca_file` has the CAs to trust instead of the system's. `timeout` is in seconds.

    `auth_hosts` are other hosts to which a registry may have its credentials sent. `proxies` has the URLs of proxies as
    `https` and `http`, and as `no` the hosts without one, separated by commas.
    """

    credentials: Credentials | None = None
    ca_file: str | None = None
    plain_http: bool = False
    timeout: float = 30.0
    auth_hosts: tuple[str, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)


class PushResult(NamedTuple):
    """What became of a manifest that was pushed; `etag` is of the tag, for `if_match` of the next push.

    `subject_acknowledged` is what the store says (`OCI-Subject`). It proves nothing: look whether it is listed.
    """

    descriptor: Descriptor
    subject_acknowledged: bool
    etag: str | None
