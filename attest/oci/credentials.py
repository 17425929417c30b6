"""Credentials for registries, as `docker login` and `podman login` leave them: files, and programs that keep them.

Rule: a host is matched whole, and a secret is in no message, representation or argument list (containers-auth.json(5)).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base import files
from attest._base.json import b64decode, loads_object, pointer
from attest.errors import InputError, SignerError, locate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HELPER_SECONDS: Final = 30.0
_MAX_FILE: Final = 1 << 20
_DOCKER_HUB: Final = "https://index.docker.io/v1/"  # what docker calls its own registry in files and to helpers
_DOCKER_HUB_HOSTS: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_NOT_THERE: Final = "credentials not found in native keychain"  # the whole protocol of helpers for "none"
_IDENTITY_TOKEN: Final = "<token>"  # noqa: S105  (a user name, which says that the secret is one)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a registry wants to see: a user name and password, or an identity token. `source` is where it was."""

    source: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


class Lookup(NamedTuple):
    """The credential for a repository, if there is one, and the files and helpers that were `asked`, in their order."""

    credential: Credential | None
    asked: tuple[str, ...]


class Credentials:
    """Where credentials are looked for: the first of `paths` that has the host decides.

    `environ` is the environment of helpers, and has the PATH to find them. With `required`, each file must exist.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        environ: Mapping[str, str],
        *,
        required: bool = False,
        seconds: float = HELPER_SECONDS,
    ) -> None:
        self._paths = tuple(Path(path) for path in paths)
        # Helpers get no PIN or passphrase for attest.
        self._environ = {name: value for name, value in environ.items() if not name.startswith("ATTEST_")}
        self._required = required
        self._seconds = seconds

    def __repr__(self) -> str:
        return f"Credentials({[str(path) for path in self._paths]})"

    @classmethod
    def of(cls, environ: Mapping[str, str], *, file: str | None = None) -> Credentials:
        """The files that docker and podman use with these variables: docker's first, then podman's.

        A `file`, which must exist, or `REGISTRY_AUTH_FILE` is used alone.
        """
        if file is not None:
            return cls([file], environ, required=True)
        if environ.get("REGISTRY_AUTH_FILE"):
            return cls([environ["REGISTRY_AUTH_FILE"]], environ)
        home = Path(environ["HOME"]) if environ.get("HOME") else None
        folders = [
            (environ.get("DOCKER_CONFIG"), home and home / ".docker", "config.json"),
            (environ.get("XDG_RUNTIME_DIR"), None, "containers/auth.json"),
            (environ.get("XDG_CONFIG_HOME"), home and home / ".config", "containers/auth.json"),
        ]
        return cls([Path(folder) / name for named, usual, name in folders if (folder := named or usual)], environ)

    @property
    def places(self) -> tuple[str, ...]:
        """The files where credentials are looked for, with those that are missing; nothing is read."""
        return tuple(str(path) if path.exists() else f"{path} (missing)" for path in self._paths)

    def find(self, host: str, repository: str) -> Lookup:
        """The credential for a repository of the registry `host`.

        Raises InputError `file-unreadable`, `json-invalid` or `credentials-invalid` for a file, and SignerError
        `credentials-failed` for a helper that doesn't answer.
        """
        asked: list[str] = []
        for path in self._paths:
            if not self._required and not path.exists():
                asked.append(f"{path} (missing)")
                continue
            asked.append(str(path))
            try:
                found = self._in_file(path, host, repository, asked)
            except InputError as error:
                raise locate(error, str(path)) from None
            if found is not None:
                return Lookup(found, tuple(asked))
        return Lookup(None, tuple(asked))

    def _in_file(self, path: Path, host: str, repository: str, asked: list[str]) -> Credential | None:
        content = loads_object(files.read(path, limit=_MAX_FILE), what="the file with credentials")
        helper = _best(_object(content, "credHelpers"), host, repository)
        if helper is not None:
            return self._ask(_text(helper[1], "credHelpers", helper[0]), host, asked, "credHelpers", helper[0])
        entry = _best(_object(content, "auths"), host, repository)
        if entry is not None:
            found = _read_entry(entry[1], entry[0], str(path))
            if found is not None:
                files.warn_if_open(path)
                return found
        store = _text(content.get("credsStore"), "credsStore")
        return self._ask(store, host, asked, "credsStore") if store else None

    def _ask(self, name: str, host: str, asked: list[str], *where: str) -> Credential | None:
        """What the program docker-credential-NAME has for a host (github.com/docker/docker-credential-helpers)."""
        if not _HELPER.fullmatch(name):
            raise _invalid("the name of a credential helper is not valid", *where)
        program = f"docker-credential-{name}"
        asked.append(program)
        path = shutil.which(program, path=self._environ.get("PATH", ""))
        if path is None:
            hint = f"Install {program}, or name another file with credentials: --registry-auth-file FILE."
            raise _failed(program, "is not installed", hint)
        server = _DOCKER_HUB if host in _DOCKER_HUB_HOSTS else host
        hint = f"Run `echo {server} | {program} get` to see why. Or name another file: --registry-auth-file FILE."
        ran = None
        try:
            ran = subprocess.run(  # noqa: S603
                [path, "get"], input=server.encode(), env=self._environ, capture_output=True, timeout=self._seconds
            )
        except subprocess.TimeoutExpired:
            problem = f"did not answer within {self._seconds:g} s"
        except OSError as error:
            problem = f"cannot be run: {files.reason(error)}"
        if ran is None:  # outside of the handlers: their exceptions have the output, which may be the secret
            raise _failed(program, problem, hint)
        if ran.returncode != 0:
            if ran.stdout.decode("utf-8", "replace").strip() == _NOT_THERE:
                return None
            raise _failed(program, f"ended with exit code {ran.returncode}", hint)
        try:
            answer = loads_object(ran.stdout, what="the answer")
            username, secret = _text(answer.get("Username"), "Username"), _text(answer.get("Secret"), "Secret")
        except InputError:
            answer = None
        if answer is None:
            raise _failed(program, "printed something else than credentials", hint)
        if username == _IDENTITY_TOKEN:
            return Credential(program, identity_token=secret)
        return Credential(program, username, secret) if username or secret else None


def _best(entries: Mapping[str, Any], host: str, repository: str) -> tuple[str, Any] | None:
    """The key and value of the entry for a repository: of the keys HOST/NAMESPACE/... that begin it, the longest."""
    names = _DOCKER_HUB_HOSTS if host in _DOCKER_HUB_HOSTS else (host,)
    best: tuple[int, str] | None = None
    for key in entries:
        url = key.removeprefix("https://").removeprefix("http://")
        # A URL, as docker once wrote it, is for the host, whatever its path.
        name, _, namespace = url.partition("/") if url == key else (url.partition("/")[0], "", "")
        within = not namespace or f"{repository}/".startswith(f"{namespace.rstrip('/')}/")
        if name.lower() in names and within and (best is None or len(namespace) > best[0]):
            best = len(namespace), key
    return None if best is None else (best[1], entries[best[1]])


def _read_entry(value: Any, key: str, source: str) -> Credential | None:
    """The credential in an entry of `auths`; None for an empty one, which docker writes beside a `credsStore`."""
    if not isinstance(value, dict):
        raise _invalid("expected an object", "auths", key)
    texts = {name: _text(value.get(name), "auths", key, name) for name in ("auth", "username", "password")}
    token = _text(value.get("identitytoken"), "auths", key, "identitytoken")
    if token:
        return Credential(source, identity_token=token)
    if texts["auth"]:
        where = pointer("auths", key, "auth")
        try:
            username, colon, password = b64decode(texts["auth"], where=where).decode().partition(":")
        except (InputError, UnicodeDecodeError):
            colon = ""
        if not colon:
            raise _invalid("expected the base64 of USER:PASSWORD", "auths", key, "auth")
        return Credential(source, username, password.rstrip("\0"))
    if texts["username"] and texts["password"]:
        return Credential(source, texts["username"], texts["password"])
    return None


def _object(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name)
    if value is not None and not isinstance(value, dict):
        raise _invalid("expected an object", name)
    return value or {}


def _text(value: Any, *where: str) -> str:
    if value is not None and not isinstance(value, str):
        raise _invalid("expected a text", *where)
    return value or ""


def _invalid(message: str, *where: str) -> InputError:
    hint = "Log in again: docker login HOST, or podman login HOST."
    return InputError("credentials-invalid", message, where=pointer(*where), hint=hint)


def _failed(program: str, problem: str, hint: str) -> SignerError:
    return SignerError("credentials-failed", f"the credential helper {problem}", where=program, hint=hint)
