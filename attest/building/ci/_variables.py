"""The variables of an environment, each read by its name.

Rule: no value is quoted in an error, and no URL keeps the credentials or the query that it may carry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from attest._base.times import format_time, parse_time
from attest.building.ci._build import Caveat
from attest.digest import is_well_formed
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What may be in a path as it is (RFC 3986, pchar and the slash); a fragment or query cannot begin in a name.
_SAFE = "/!$&'()*+,;=:@~"
_SCP = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9._-]+):([^:].*)", re.ASCII | re.DOTALL)
_REMOTE = {"https", "http", "ssh", "git"}


class Variables:
    """An environment, for asking. A variable that is empty is taken for one that is not set.

    `missed` has the names of those that were wanted and are not set.
    """

    __slots__ = ("environ", "missed")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.missed: dict[str, None] = {}

    @property
    def caveats(self) -> list[Caveat]:
        """The caveat about what was wanted and is not set."""
        if not self.missed:
            return []
        message = f"the provenance lacks values that the environment does not set: {', '.join(self.missed)}"
        return [Caveat("variable-missing", message)]

    def get(self, name: str) -> str | None:
        """The value of `name`, or None. Raises InputError `ci-variable-invalid` where it is not UTF-8."""
        value = self.environ.get(name) or None
        try:
            (value or "").encode()
        except UnicodeEncodeError:
            raise invalid(name, "the value is not UTF-8") from None
        return value

    def want(self, name: str) -> str | None:
        """The value of `name`, or None with a caveat. Raises InputError `ci-variable-invalid`."""
        value = self.get(name)
        if value is None:
            self.missed[name] = None
        return value

    def need(self, name: str) -> str:
        """The value of `name`, without which there is no provenance.

        Raises InputError: `ci-variable-missing`, `ci-variable-invalid`.
        """
        value = self.get(name)
        if value is None:
            raise missing(name)
        return value

    def url(self, name: str) -> str:
        """The http or https URL in `name`, without user, query, fragment and a slash at its end.

        Raises InputError: `ci-variable-missing`, `ci-variable-invalid`.
        """
        self.need(name)
        return str(self.want_url(name))

    def want_url(self, name: str) -> str | None:
        """The same, or None with a caveat. Raises InputError `ci-variable-invalid`."""
        value = self.want(name)
        url = None if value is None else _cleaned(value, {"https", "http"})
        if value is not None and url is None:
            raise invalid(name, "the value is not an http: or https: URL")
        return url

    def commit(self, name: str) -> str:
        """The commit in `name`. Raises InputError: `ci-variable-missing`, `ci-variable-invalid`."""
        value = self.need(name)
        if not is_well_formed("gitCommit", value):
            raise invalid(name, "the value is not a git commit ID")
        return value.lower()

    def time(self, name: str) -> str | None:
        """The time in `name`, in UTC, or None. Raises InputError `ci-variable-invalid`."""
        value = self.get(name)
        if value is None:
            return None
        try:
            return format_time(parse_time(value, where=name))
        except InputError:
            raise invalid(name, "the value is not an RFC 3339 timestamp") from None


def missing(name: str) -> InputError:
    """The error for a variable that a description needs."""
    hint = "Use --ci NAME if attest detected the wrong CI system."
    return InputError("ci-variable-missing", "the environment variable is not set", where=name, hint=hint)


def invalid(name: str, why: str) -> InputError:
    """The error for a variable that does not hold what its documentation says; the value may be a secret."""
    return InputError("ci-variable-invalid", why, where=name)


def repository(remote: str) -> str | None:
    """The URL of a git remote without user, query and `.git`, that of `git@host:path` too; None for a path."""
    if "://" not in remote:
        scp = _SCP.fullmatch(remote)
        if scp is None:
            return None
        remote = f"ssh://{scp[1]}/{scp[2].lstrip('/')}"
    url = _cleaned(remote, _REMOTE)
    return None if url is None else url.removesuffix(".git")


def escaped(name: str) -> str:
    """A name (of a ref, a project) as it may be in a URI."""
    return quote(name, safe=_SAFE, errors="replace")


def _cleaned(url: str, schemes: set[str]) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if parts.scheme not in schemes or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*", host, re.ASCII):
        return None
    host = f"[{host}]" if ":" in host else host
    path = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", parts.path.rstrip("/"))
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{quote(path, safe=_SAFE + '%', errors='replace')}"
