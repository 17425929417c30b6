"""Requests to Google Cloud KMS: the client, its credentials, and where these are sent.

Rule: a token is sent over TLS alone; nothing that is looked up for one goes unencrypted to another machine.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.signers._kms import KmsFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

_PAGE: Final = 1000  # versions in one answer
_MAX_PAGES: Final = 10
_MAX_ANSWER: Final = 4 << 20  # bytes

# The metadata services of clouds have no TLS. They give credentials to this machine, and get none.
_METADATA: Final = re.compile(
    r"http://(?:metadata\.google\.internal|169\.254(?:\.[0-9]{1,3}){2}|\[fd00:ec2::254\])(?::[0-9]{1,5})?(?:[/?].*)?",
    re.ASCII | re.IGNORECASE,
)

# Connections of its own for each signer, and a short wait before a second try to connect.
_CHANNEL: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_receive_message_length", _MAX_ANSWER),
)

# Without a handler, Python prints what these libraries log to standard error, with the text of an error of Google's.
for _name in ("google", "grpc"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def connected(stack: ExitStack, timeout: float, demand_private: Callable[[str], None]) -> Service:
    """A client for Google Cloud KMS, which `stack` closes. Raises errors of google-auth, and KmsFault.

    `demand_private` raises for a URL of a service that gives tokens if the URL may not be used.
    """
    import google.auth
    import google.auth.transport.grpc
    import google.auth.transport.requests
    import grpc
    from google.cloud.kms_v1 import KeyManagementServiceClient
    from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

    session = stack.enter_context(_session(timeout, demand_private))
    request = google.auth.transport.requests.Request(session)
    scopes = KeyManagementServiceGrpcTransport.AUTH_SCOPES
    found, _ = google.auth.default(default_scopes=scopes, request=request)
    plugins: list[Any] = []

    def channel(host: str, *, credentials: Any, ssl_credentials: Any = None, **_: Any) -> Any:
        domain = host.partition(":")[0]
        plugin = google.auth.transport.grpc.AuthMetadataPlugin(credentials, request, domain)  # type: ignore[no-untyped-call]
        plugins.append(plugin)
        tls = ssl_credentials or grpc.ssl_channel_credentials()
        both = grpc.composite_channel_credentials(tls, grpc.metadata_call_credentials(plugin))
        return grpc.secure_channel(host, both, options=_CHANNEL)

    transport = partial(KeyManagementServiceGrpcTransport, channel=channel)
    client = KeyManagementServiceClient(credentials=found, transport=transport)
    stack.callback(client.transport.close)
    # The library itself sends a token of one universe (a cloud of its own, with Google's software) to another.
    if getattr(found, "universe_domain", client.universe_domain) != client.universe_domain:
        message = f"the credentials are for another cloud than {client.universe_domain}"
        hint = "Set `GOOGLE_CLOUD_UNIVERSE_DOMAIN` to the `universe_domain` of the credentials."
        raise KmsFault("kms-misconfigured", message, hint)
    return Service(client, plugins[0], timeout)


def _session(timeout: float, demand_private: Callable[[str], None]) -> Any:
    """What google-auth requests tokens with: it follows no redirect, and no wait of it is longer than `timeout`."""
    import requests
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def send(self, request: Any, *args: Any, **settings: Any) -> Any:
            url = request.url
            if not _METADATA.fullmatch(url):
                demand_private(url)
            settings["timeout"] = timeout
            if url[:6].lower() != "https:":
                settings["proxies"] = {}
            return super().send(request, *args, **settings)

    session = requests.Session()
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return session


class Service:
    """What makes requests, each with a limit of its own and without retries of the library's."""

    def __init__(self, client: Any, plugin: Any, timeout: float) -> None:
        self._client = client
        self._plugin = plugin
        self._timeout = timeout

    def __call__(self, method: str, **request: Any) -> Any:
        """The answer to a request. Raises errors of google-auth and of google.api_core."""
        # gRPC asks the plugin too, but its answer to a failure is UNAVAILABLE. Here it is the error of google-auth.
        self._plugin(_Context("https://" + self._client.transport.host, method), lambda *_: None)
        return getattr(self._client, method)(request=request, timeout=self._timeout, retry=None)

    def enabled_versions(self, key: str) -> list[Any]:
        """The versions that Google says are enabled. Raises KmsFault `key-unsupported` if there are too many."""
        pager = self("list_crypto_key_versions", parent=key, filter="state=ENABLED", page_size=_PAGE)
        found: list[Any] = []
        for number, page in enumerate(pager.pages):
            if number == _MAX_PAGES:
                message = f"the key has more than {_PAGE * _MAX_PAGES:,} enabled versions"
                raise KmsFault("key-unsupported", message, "Name one of them in the signer URI.")
            found.extend(page.crypto_key_versions)
        return found


class _Context(NamedTuple):
    """For which request headers are needed (grpc.AuthMetadataContext)."""

    service_url: str
    method_name: str
