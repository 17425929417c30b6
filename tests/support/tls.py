"""The server side of TLS on loopback, with the certificate of the test registries."""

from __future__ import annotations

from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import TYPE_CHECKING

from tests.support.registries import _certified, _pem, _private_pem

if TYPE_CHECKING:
    from pathlib import Path


def tls_server(folder: Path) -> tuple[SSLContext, str]:
    """The context of a server at 127.0.0.1, and the file with the certificate that a client must trust."""
    key, certificate = _certified()
    ca = folder / "tls-ca.pem"
    ca.write_bytes(_pem(certificate))
    (folder / "tls-server.key").write_bytes(_private_pem(key))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, folder / "tls-server.key")
    return context, str(ca)
