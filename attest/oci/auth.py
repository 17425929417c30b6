"""Authentication to a registry: the challenges of its answers, and the tokens that it wants (distribution's token.md).

Rule: a secret goes to the registry that it is kept for, and to hosts that the user names, over TLS or on this machine.
"""

from __future__ import annotations

import re
from base64 import b64encode
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlencode, urlsplit

from attest._base import notices
from attest._base.http import HttpError, demand_url, is_encrypted, is_loopback, is_this_machine
from attest._base.json import loads_object
from attest.errors import InputError, SignerError
from attest.oci.credentials import Lookup

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from attest.oci._http import Client, RegistryAnswer
    from attest.oci.credentials import Credential, Credentials
    from attest.oci.reference import ImageReference

Actions = Literal["pull", "pull,push"]

# Registries whose tokens are on another host of the same operator. Everything else takes the user's word.
KNOWN_AUTH_HOSTS: Final = frozenset({("registry-1.docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")})
# A level of access, as zuul-registry has them, and no resource (token.md: `type:name:action`, separated by spaces).
_OTHER_SCOPE: Final = re.compile(r"[a-z]{1,20}")
_CLIENT_ID: Final = "attest"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,65536}")
_SECONDS: Final = 60.0  # that a token holds if its answer does not say it
_NO_FILES: Final = "no file: HOME and DOCKER_CONFIG are not set"
_MARGIN: Final = 10.0  # seconds before its end, from which a token is not used any more
# RFC 9110, section 11.6.1: a scheme, and parameters that belong to the scheme before them.
_PART: Final = re.compile(
    r'[\s,]*(?:(?P<name>[!#$%&\'*+.^_`|~\w-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]*))'
    r"|(?P<scheme>[!#$%&'*+.^_`|~\w-]+)(?:\s+(?P<single>[\w.~+/-]+=*)(?=\s*(?:,|$)))?)",
    re.ASCII,
)


class Challenge(NamedTuple):
    """One way to authenticate that a registry offers: the scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


class _Authorization(NamedTuple):
    header: str
    until: float


class Authenticator:
    """The `Authorization` of requests to one repository. Several threads may use it: one of them gets a token for all.

    `auth_hosts` are hosts that may see the credentials if the registry names them for tokens.
    """

    def __init__(
        self,
        client: Client,
        reference: ImageReference,
        base: str,
        credentials: Credentials | None,
        auth_hosts: Collection[str],
    ) -> None:
        self._client = client
        self._reference = reference
        self._base = base
        self._credentials = credentials
        self._auth_hosts = frozenset(host.lower().removesuffix(":443") for host in auth_hosts)
        self._held: dict[Actions, _Authorization] = {}
        self._lookup: Lookup | None = None
        self._withheld_from: str | None = None
        self._lock = Lock()

    def header(self, actions: Actions) -> str | None:
        """What to send with a request, as far as it is known without asking."""
        for one in (actions, "pull,push"):
            held = self._held.get(one)
            if held is not None and monotonic() < held.until:
                return held.header
        return None

    def renew(self, answer: RegistryAnswer, actions: Actions, sent: str | None) -> None:
        """Get what the registry asks for in `answer`, to a request that was sent with `sent`.

        Raises SignerError `registry-unauthorized` if that cannot be had, and `registry-unavailable`.
        """
        with self._lock:
            if self.header(actions) not in (None, sent):
                return  # another thread was faster
            challenges = read_challenges(answer.headers.getlist("WWW-Authenticate"))
            offered = {challenge.scheme: challenge.parameters for challenge in reversed(challenges)}
            if "bearer" in offered:
                self._held[actions] = self._token(offered["bearer"], actions)
            elif "basic" in offered:
                header = self._basic()
                if header == sent:
                    raise self.refusal(answer)
                self._held[actions] = _Authorization(header, float("inf"))
            elif offered:
                kinds = ", ".join(sorted(offered))
                raise self._unauthorized(f"it asks for authentication that attest does not support: {kinds:.100}")
            else:
                raise self._unauthorized("it answers with HTTP status 401, and does not say how to authenticate")

    def refusal(self, answer: RegistryAnswer) -> SignerError:
        """The error for an answer that denies access (401 or 403)."""
        return self._unauthorized(f"it denies access (HTTP status {answer.status})")

    def _find(self) -> Credential | None:
        """The credential, which is looked for once. It is an error to have one where others can read the connection."""
        if self._lookup is None:
            found = Lookup(None, ())
            if self._credentials is not None:
                found = self._credentials.find(self._reference.host, self._reference.repository)
            self._lookup = found
        credential = self._lookup.credential
        if credential is not None and not _is_private(self._base):
            raise self._unauthorized("it asks for credentials, and attest does not send them over plain HTTP")
        return credential

    def _basic(self) -> str:
        credential = self._find()
        if credential is None:
            raise self._unauthorized("it asks for a user name and a password")
        if credential.identity_token:
            raise self._unauthorized("it asks for a user name and a password, but there is only an identity token")
        return _basic(credential)

    def _token(self, parameters: Mapping[str, str], actions: Actions) -> _Authorization:
        """A token from the realm, which the registry chose; without credentials if it is not for them."""
        realm = self._demand_realm(parameters.get("realm", ""))
        scope = parameters.get("scope", "")
        if not _OTHER_SCOPE.fullmatch(scope):
            # Not the registry's: it names what is asked for now, and could name other repositories.
            scope = f"repository:{self._reference.repository}:{actions}"
        fields = {name: value for name, value in (("service", parameters.get("service")), ("scope", scope)) if value}
        credential = self._find()
        host = urlsplit(realm).netloc.lower()
        if credential is not None and not self._may_see_credentials(realm):
            notices.info("%s: asking %s for a token without the credentials of the registry", self._base, host)
            self._withheld_from, credential = host, None
        if credential is not None and credential.identity_token:
            secret = {
                "grant_type": "refresh_token",
                "client_id": _CLIENT_ID,
                "refresh_token": credential.identity_token,
            }
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode({**secret, **fields}).encode()
            answer = self._client.send("POST", realm, form, body=body, repeatable=False)
        else:
            url = f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(fields)}"
            headers = {"Authorization": _basic(credential)} if credential is not None else {}
            answer = self._client.send("GET", url, headers)
        if answer.status in (401, 403):
            raise self._unauthorized(f"{host} denies a token (HTTP status {answer.status})")
        if answer.status != 200:
            raise self._unauthorized(f"{host} has no token: HTTP status {answer.status}")
        return self._read_token(answer, host)

    def _read_token(self, answer: RegistryAnswer, host: str) -> _Authorization:
        members: Mapping[str, Any] | None = None
        try:
            members = loads_object(answer.data, what="the answer")
        except InputError:
            members = {}
        token = members.get("token") or members.get("access_token")
        seconds = members.get("expires_in")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self._unauthorized(f"the answer of {host} has no token")
        if not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
            seconds = _SECONDS
        return _Authorization(f"Bearer {token}", monotonic() + max(float(seconds) - _MARGIN, 1.0))

    def _demand_realm(self, realm: str) -> str:
        """The URL to get a token from, if it is one that may be asked at all."""
        own_is_local = is_this_machine(self._base)
        try:
            # http: only to this machine from this machine, or elsewhere if the registry itself has no TLS.
            demand_url(realm, plain_http=self._base.startswith("http:") and not own_is_local)
            problem = (
                "it is on this machine, and the registry is not" if is_loopback(realm) and not own_is_local else ""
            )
        except HttpError as error:
            problem = str(error)
        if problem:
            raise self._unauthorized(f"it names {realm!r:.200} for tokens: {problem}")
        return realm

    def _may_see_credentials(self, realm: str) -> bool:
        own, other = urlsplit(self._base), urlsplit(realm)
        if (own.scheme, own.netloc.lower()) == (other.scheme, other.netloc.lower()):
            return True
        host = other.netloc.lower().removesuffix(":443")
        return (own.netloc, host) in KNOWN_AUTH_HOSTS or host in self._auth_hosts

    def looked_for(self) -> str:
        """Which credentials were looked for, and where: a hint, without anything that is secret."""
        host = self._reference.host
        if self._credentials is None:
            return "No credentials were looked for."
        if self._lookup is None:
            places = ", ".join(self._credentials.places) or _NO_FILES
            asked = f"Credentials of {host} were not looked for, because it did not ask for any"
            return f"{asked}. Files that would be read: {places}."
        if self._lookup.credential is None:
            asked = ", ".join(self._lookup.asked) or _NO_FILES
            return f"No credentials of {host} were found. Looked in: {asked}. Log in: docker login {host}."
        source = self._lookup.credential.source
        if self._withheld_from is not None:
            return (
                f"The credentials of {source} were not sent to {self._withheld_from}, another host that the registry "
                f"names. If it belongs to the registry: --registry-auth-host {self._withheld_from}."
            )
        return f"The credentials of {host} are from {source}. Log in again, or ask for access."

    def _unauthorized(self, problem: str) -> SignerError:
        hint = self.looked_for() if _is_private(self._base) else "Use TLS: leave --plain-http out."
        message = f"the registry does not let you in: {problem}"
        return SignerError("registry-unauthorized", message, where=self._reference.name, hint=hint)


def read_challenges(values: Collection[str]) -> list[Challenge]:
    """The challenges of `WWW-Authenticate` headers (RFC 9110, section 11.6.1); what cannot be read ends a header."""
    found: list[Challenge] = []
    for value in values:
        place, parameters = 0, None
        while match := _PART.match(value, place):
            place = match.end()
            if match["scheme"] is not None:
                parameters = dict[str, str]()
                found.append(Challenge(match["scheme"].lower(), parameters))
            elif parameters is None or match["name"].lower() in parameters:
                break
            else:
                quoted = match["quoted"]
                text = match["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters[match["name"].lower()] = text
    return found


def _basic(credential: Credential) -> str:
    return "Basic " + b64encode(f"{credential.username}:{credential.password}".encode()).decode()


def _is_private(url: str) -> bool:
    """Whether nobody else can read what is sent to a URL: it has TLS, or is on this machine."""
    return is_encrypted(url) or is_loopback(url)
