"""The server side of TLS on loopback, with the certificate of the test registries, or below an old company's CA."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.services.registries import _certified, _pem, _private_pem

if TYPE_CHECKING:
    from pathlib import Path


def tls_server(folder: Path) -> tuple[SSLContext, str]:
    """The context of a server at 127.0.0.1, and the file with the certificate that a client must trust."""
    key, certificate = _certified()
    return _server(folder, certificate, key, ca=certificate)


def old_company_server(folder: Path) -> tuple[SSLContext, str]:
    """The same below a CA that leaves out what RFC 5280 requires: its key usage, and key identifiers."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name, name = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in ("Company", "Server"))
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(days=1)
    unsigned = x509.CertificateBuilder(not_valid_before=start, not_valid_after=end).issuer_name(ca_name)
    ca = unsigned.subject_name(ca_name).public_key(ca_key.public_key()).serial_number(1)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = unsigned.subject_name(name).public_key(key.public_key()).serial_number(2)
    leaf = leaf.add_extension(names, critical=False)
    return _server(folder, leaf.sign(ca_key, hashes.SHA256()), key, ca=ca.sign(ca_key, hashes.SHA256()))


def _server(
    folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, *, ca: x509.Certificate
) -> tuple[SSLContext, str]:
    (folder / "tls-ca.pem").write_bytes(_pem(ca))
    (folder / "tls-server.pem").write_bytes(_pem(certificate))
    (folder / "tls-server.key").write_bytes(_private_pem(key))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls-server.pem", folder / "tls-server.key")
    return context, str(folder / "tls-ca.pem")
