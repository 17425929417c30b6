"""Registries on loopback that answer as a test says, the client for them, and a record of what they were asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attest.oci.credentials import Credentials
from attest.oci.documents import OCI_INDEX, Descriptor, digest_of
from attest.oci.options import StoreOptions
from attest.oci.reference import parse
from attest.oci.registry import RegistryStore
from tests.support.services.servers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "a-secret-of-a-test"
EMPTY_INDEX = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
INDEX = Response(200, {"Content-Type": OCI_INDEX}, EMPTY_INDEX)
DIGEST = digest_of(EMPTY_INDEX)
BLOB = Descriptor("x/y", digest_of(b"content"), 7)


def host_of(url: str) -> str:
    """HOST:PORT of a URL."""
    return url.partition("://")[2]


def store(url: str, **options: Any) -> RegistryStore:
    """The client for a repository of the server at `url`."""
    return RegistryStore(parse(f"{host_of(url)}/acme/app"), StoreOptions(**{"timeout": 30.0, **options}))


def login(folder: Path, url: str, **entry: str) -> Credentials:
    """Credentials of the server at `url`."""
    file = folder / "auth.json"
    file.write_text(json.dumps({"auths": {host_of(url): entry or {"username": "alice", "password": SECRET}}}))
    file.chmod(0o600)
    return Credentials.of({}, file=str(file))


class Recorder:
    """Answers what a test says, and keeps what was asked."""

    def __init__(self, answer: Callable[[Request], Response] | Response) -> None:
        self._answer = answer
        self.asked: list[Request] = []

    def __call__(self, asked: Request) -> Response:
        self.asked.append(asked)
        return self._answer if isinstance(self._answer, Response) else self._answer(asked)

    @property
    def has_the_secret(self) -> bool:
        """Whether the secret arrived here in any form."""
        text = "".join(f"{one.path}{one.headers}{one.body.decode()}" for one in self.asked)
        return "Authorization" in text or SECRET in text
