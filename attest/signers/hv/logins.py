"""How attest gets a token of Vault: one that exists, or a login with AppRole, a JWT or a Kubernetes service account.

Rule: which login is used is configured and never guessed, a variable that it does not use is an error, and a secret is
in no message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.signers._kms import KmsFault
from attest.signers.hv import github
from attest.signers.hv.faults import StatusError
from attest.signers.hv.settings import demand_header, read_text, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attest.signers.hv.adapter import VaultAdapter

PREFIX: Final = "ATTEST_VAULT_"

_SERVICE_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"


class VaultLogin:
    """One way to a token. `name` is that of the auth method; `logs_in` is false if the token is only read."""

    def __init__(self, name: str, obtain: Callable[[VaultAdapter], str | None], *, logs_in: bool = True) -> None:
        self.name = name
        self.logs_in = logs_in
        self._obtain = obtain

    def token(self, adapter: VaultAdapter) -> str | None:
        """A token, now; None if none is configured. Raises KmsFault."""
        try:
            token = self._obtain(adapter)
        except StatusError as error:
            if error.status not in (400, 401, 403, 404):
                raise
            message = f"Vault refused the {self.name} login (status {error.status})"
            hint = f"Check `{PREFIX}AUTH_PATH`, `VAULT_NAMESPACE`, the role, and that the credential has not expired."
            raise KmsFault("access-denied", message, hint) from None
        if token is not None:
            demand_header(token, "the token", "Check `VAULT_TOKEN`, or the file that the token is in.")
        return token or None


class _Method(NamedTuple):
    """A login: its variables without the prefix, and what makes, of these and of all variables, what gets a token."""

    variables: frozenset[str]
    make: Callable[[Mapping[str, str], Mapping[str, str]], Callable[[VaultAdapter], str | None]]


def configured(environ: Mapping[str, str]) -> VaultLogin:
    """The login that the variables ATTEST_VAULT_... configure; without them, the token of VAULT_TOKEN or of a file.

    Raises KmsFault: `kms-misconfigured`, and `credentials-missing` if a variable of the login is missing.
    """
    given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)}
    for name, value in given.items():
        if not value:
            raise KmsFault("kms-misconfigured", f"{PREFIX}{name} is set but empty", f"Unset it: {PREFIX}{name}.")
        if any("\ud800" <= character <= "\udfff" for character in value):  # how Python shows other bytes
            raise KmsFault("kms-misconfigured", f"{PREFIX}{name} is not UTF-8", f"Set {PREFIX}{name} again.")
    name = given.get("AUTH", "token")
    method = _METHODS.get(name)
    if method is None:
        message = f"{PREFIX}AUTH has an unknown value"
        raise KmsFault("kms-misconfigured", message, f"Use one of: {', '.join(_METHODS)}.")
    for variable in sorted(given.keys() - method.variables - {"AUTH"}):
        message = f"{PREFIX}{variable} is set, but is not used with {PREFIX}AUTH={name}"
        used = ", ".join(f"{PREFIX}{one}" for one in sorted(method.variables)) or "no other variable"
        raise KmsFault("kms-misconfigured", message, f"It uses: {used}.")
    return VaultLogin(name, method.make(given, environ), logs_in=name != "token")


def _token(values: Mapping[str, str], environ: Mapping[str, str]) -> Callable[[VaultAdapter], str | None]:
    _, token = setting(environ, "TOKEN")
    variable, path = setting(environ, "TOKEN_PATH")
    home = Path("~/.vault-token").expanduser()

    def obtain(_: VaultAdapter) -> str | None:
        if token:
            return token
        if path:
            return read_text(path, variable)
        # An agent or `bao login` writes it at any time.
        return read_text(home, "the token file") if home.exists() else None

    return obtain


def _approle(values: Mapping[str, str], environ: Mapping[str, str]) -> Callable[[VaultAdapter], str | None]:
    mount, role = values.get("AUTH_PATH", "approle"), _needed(values, "ROLE_ID", "approle")
    secret = _text_or_file(values, "SECRET_ID")

    def obtain(adapter: VaultAdapter) -> str:
        from hvac.api.auth_methods import AppRole

        return _login(AppRole(adapter).login(role, secret(), use_token=False, mount_point=mount))

    return obtain


def _jwt(values: Mapping[str, str], environ: Mapping[str, str]) -> Callable[[VaultAdapter], str | None]:
    mount, role = values.get("AUTH_PATH", "jwt"), _needed(values, "ROLE", "jwt")
    audience = values.get("JWT_AUDIENCE")
    if not ("JWT" in values or "JWT_FILE" in values) and github.offers_tokens(environ):
        jwt = github.token_source(environ, audience)
    else:
        jwt = _text_or_file(values, "JWT", hint="In a job of GitHub Actions, set `permissions: id-token: write`.")

    def obtain(adapter: VaultAdapter) -> str:
        from hvac.api.auth_methods import JWT

        return _login(JWT(adapter).jwt_login(role, jwt(), use_token=False, path=mount))

    return obtain


def _kubernetes(values: Mapping[str, str], environ: Mapping[str, str]) -> Callable[[VaultAdapter], str | None]:
    mount, role = values.get("AUTH_PATH", "kubernetes"), _needed(values, "ROLE", "kubernetes")
    path = values.get("JWT_FILE", _SERVICE_ACCOUNT)

    def obtain(adapter: VaultAdapter) -> str:
        from hvac.api.auth_methods import Kubernetes

        jwt = read_text(path, "the token of the service account")
        return _login(Kubernetes(adapter).login(role, jwt, use_token=False, mount_point=mount))

    return obtain


def _login(answer: Any) -> str:
    token: str = answer["auth"]["client_token"]
    if not isinstance(token, str) or not token:
        raise ValueError
    return token


def _needed(values: Mapping[str, str], name: str, method: str) -> str:
    if name not in values:
        raise KmsFault("credentials-missing", f"{PREFIX}{name} is not set, which {PREFIX}AUTH={method} needs")
    return values[name]


def _text_or_file(values: Mapping[str, str], name: str, hint: str | None = None) -> Callable[[], str]:
    """The value of a variable, or the text of the file that another one names; the file is read each time."""
    if name in values and f"{name}_FILE" in values:
        message = f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set"
        raise KmsFault("kms-misconfigured", message, "Set one of them.")
    if f"{name}_FILE" in values:
        return lambda: read_text(values[f"{name}_FILE"], f"{PREFIX}{name}_FILE")
    if name not in values:
        raise KmsFault("credentials-missing", f"neither {PREFIX}{name} nor {PREFIX}{name}_FILE is set", hint)
    return lambda: values[name].strip()


_METHODS: Final[Mapping[str, _Method]] = {
    "token": _Method(frozenset(), _token),
    "approle": _Method(frozenset({"AUTH_PATH", "ROLE_ID", "SECRET_ID", "SECRET_ID_FILE"}), _approle),
    "jwt": _Method(frozenset({"AUTH_PATH", "ROLE", "JWT", "JWT_FILE", "JWT_AUDIENCE"}), _jwt),
    "kubernetes": _Method(frozenset({"AUTH_PATH", "ROLE", "JWT_FILE"}), _kubernetes),
}
