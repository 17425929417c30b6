"""Where Vault is and how it is reached: the variables of Vault's and OpenBao's own programs.

Rule: a setting that cannot be kept, or that contradicts another one, is an error and is never ignored.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base import files
from attest.errors import InputError
from attest.signers._kms import KmsFault

if TYPE_CHECKING:
    from collections.abc import Mapping

_FALSE: Final = frozenset({"", "0", "f", "false"})
_MAX_CAS: Final = 1024  # files in the directory of CAs
_MAX_CA: Final = 1 << 20  # bytes of each


class VaultSettings(NamedTuple):
    """Where Vault is. `address_name` is the variable that has the address. Nothing here is secret."""

    address: str
    address_name: str
    namespace: str
    server_name: str | None
    context: ssl.SSLContext


def read(environ: Mapping[str, str]) -> VaultSettings:
    """The settings in the environment. Raises KmsFault `kms-misconfigured`."""
    name, address = setting(environ, "ADDR")
    if not address:
        hint = "Set `VAULT_ADDR` to the address of Vault or OpenBao, for example https://vault.example.com:8200."
        raise KmsFault("kms-misconfigured", "VAULT_ADDR is not set", hint)
    _, namespace = setting(environ, "NAMESPACE")
    demand_header(namespace, "the namespace", "Check `VAULT_NAMESPACE`.")
    _demand_verification(environ)
    _, server_name = setting(environ, "TLS_SERVER_NAME")
    return VaultSettings(address.rstrip("/"), name, namespace.strip("/"), server_name or None, _context(environ))


def setting(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable that is set, BAO_`name` or VAULT_`name`, and its value; an empty one counts as not set.

    OpenBao's program takes BAO_ first. Two values that differ are refused here, because a token for one server must
    not go to the other one. Raises KmsFault `kms-misconfigured`.
    """
    found = {variable: environ[variable] for variable in (f"BAO_{name}", f"VAULT_{name}") if environ.get(variable)}
    if len(set(found.values())) > 1:
        message = f"BAO_{name} and VAULT_{name} are both set, and differ"
        raise KmsFault("kms-misconfigured", message, "Set one of them.")
    return next(iter(found.items()), (f"VAULT_{name}", ""))


def demand_header(text: str, what: str, hint: str) -> None:
    """Raises KmsFault `kms-misconfigured` for a text that is not sent in a header; `text` is not shown."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise KmsFault("kms-misconfigured", f"{what} for Vault has characters that are not allowed", hint)


def read_text(path: str | Path, what: str, limit: int = 64 << 10) -> str:
    """The text of a configured file, without spaces around it. Raises KmsFault `kms-misconfigured`."""
    try:
        text = files.read(path, limit=limit).decode("ascii").strip()
    except InputError as error:
        raise KmsFault("kms-misconfigured", f"{what}: {path}: {error.message}") from None
    except UnicodeDecodeError:
        raise KmsFault("kms-misconfigured", f"{what}: {path}: the file is not ASCII text") from None
    return text


def _demand_verification(environ: Mapping[str, str]) -> None:
    name, skip = setting(environ, "SKIP_VERIFY")
    if skip.lower() not in _FALSE:
        message = f"{name} is set, but attest always verifies the certificate of Vault"
        hint = f"Unset {name}, and name the file with the CA in `VAULT_CACERT`."
        raise KmsFault("kms-misconfigured", message, hint)


def _context(environ: Mapping[str, str]) -> ssl.SSLContext:
    context = _trusting(environ)
    (cert_name, certificate), (key_name, key) = (setting(environ, name) for name in ("CLIENT_CERT", "CLIENT_KEY"))
    if bool(certificate) != bool(key):
        missing = key_name if certificate else cert_name
        raise KmsFault("kms-misconfigured", f"{missing} is not set: a client certificate needs its key, in PEM files")
    if certificate:
        try:
            # A password, so that OpenSSL does not ask for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError):  # ssl.SSLError is an OSError
            message = f"the files in {cert_name} and {key_name} are not a certificate and its unencrypted key, in PEM"
            raise KmsFault("kms-misconfigured", message) from None
    return context


def _trusting(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The CAs of the file, or else of the directory, or else of the system."""
    name, file = setting(environ, "CACERT")
    folder = ""
    if not file:
        name, folder = setting(environ, "CAPATH")
    if not file and not folder:
        name = "REQUESTS_CA_BUNDLE"  # what hvac itself reads
        file = environ.get(name, "")
    if not file and not folder:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        for path in [Path(file)] if file else _inside(folder):
            context.load_verify_locations(cadata=read_text(path, name, _MAX_CA))
    except (ssl.SSLError, ValueError):
        raise KmsFault("kms-misconfigured", f"{name}: expected certificates in PEM format") from None
    except OSError as error:
        raise KmsFault("kms-misconfigured", f"{name}: the directory cannot be read: {files.reason(error)}") from None
    return context


def _inside(folder: str) -> list[Path]:
    # Vault reads every file of the directory. OpenSSL would read only those with a hash for a name.
    found = sorted(Path(folder, name) for name in os.listdir(folder))
    found = [path for path in found if path.is_file()]
    if not 0 < len(found) <= _MAX_CAS:
        raise KmsFault("kms-misconfigured", f"VAULT_CAPATH: expected a directory with 1 to {_MAX_CAS:,} files")
    return found
