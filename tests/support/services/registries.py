"""Registries on loopback: Debian's docker-registry, zuul-registry, and a front that adds the referrers API.

No package of Debian or PyPI serves `/referrers/`, so the front is ours: hold it against the recorded answers of others
(tests/oci), and against distribution-spec. Everything is in a folder that the test gives.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from ipaddress import ip_address
from socket import create_connection
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.support.missing import missing
from tests.support.services.ports import reserve
from tests.support.services.servers import Request, Response, responding
from tests.support.services.zuul_registry import PROGRAM as PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

USER, PASSWORD = "alice", "open sesame"
_HTPASSWD = f"{USER}:$2a$05$N9qo8uLOickgx2ZMRZoMye6evqYeyoDjki0uR82VhxlN1KZnbezRK\n"
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Registry:
    """A registry that runs. `host` is what stands before the repository in a name."""

    host: str
    ca: Path | None = None  # the certificate below which its own is
    auth_host: str | None = None  # of the token server
    config: Path | None = None  # a folder for DOCKER_CONFIG, with the credentials
    asked: list[tuple[str, str]] = field(default_factory=list)  # of a front or token server

    def name(self, repository: str = "acme/app", reference: str = "") -> str:
        """The name of an image: HOST/REPOSITORY, and `reference` as `:TAG` or `@DIGEST`."""
        return f"{self.host}/{repository}{reference}"


@contextmanager
def docker_registry(
    folder: Path, *, auth: Literal["basic", "bearer"] | None = None, tls: bool = False
) -> Iterator[Registry]:
    """Debian's docker-registry, without the referrers API. `folder` is a new or empty one."""
    program = shutil.which("docker-registry") or missing("docker-registry is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = _certified()
    (folder / "tls.pem").write_bytes(_pem(certificate))
    (folder / "tls.key").write_bytes(_private_pem(key))
    port = reserve()
    settings: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    registry = Registry(f"127.0.0.1:{port}", ca=folder / "tls.pem" if tls else None)
    if tls:
        settings["http"]["tls"] = {"certificate": str(folder / "tls.pem"), "key": str(folder / "tls.key")}
    if auth is not None:
        registry.config = _log_in(folder / "docker", registry.host)
    if auth == "basic":
        (folder / "htpasswd").write_text(_HTPASSWD)
        settings["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    if auth != "bearer":
        with _running([program, "serve", str(folder / "config.json")], folder, settings, registry):
            yield registry
        return

    def give(asked: Request) -> Response:
        registry.asked.append((asked.method, asked.path))
        return _tokens(asked)

    with responding(give) as tokens:
        registry.auth_host = urlsplit(tokens).netloc
        bundle = str(folder / "tls.pem")
        settings["auth"] = {
            "token": {"realm": f"{tokens}/token", "service": "test", "issuer": "test", "rootcertbundle": bundle}
        }
        with _running([program, "serve", str(folder / "config.json")], folder, settings, registry):
            yield registry


@contextmanager
def zuul_registry(folder: Path) -> Iterator[Registry]:
    """zuul-registry, another program without the referrers API: Bearer, with its own kind of scope, and no ETag."""
    if not PROGRAM.exists():
        missing("zuul-registry is not installed: python -m tests.support.services.zuul_registry")
    folder.mkdir(parents=True, exist_ok=True)
    port = reserve()
    registry = Registry(f"127.0.0.1:{port}")
    registry.config = _log_in(folder / "docker", registry.host)
    user = {"name": USER, "pass": PASSWORD, "access": "write"}
    storage = {"driver": "filesystem", "root": str(folder)}
    address = {"address": "127.0.0.1", "port": port, "public-url": f"http://{registry.host}"}
    settings = {"registry": {**address, "secret": "x" * 64, "users": [user], "storage": storage}}
    with _running([str(PROGRAM), "-c", str(folder / "config.json"), "serve"], folder, settings, registry):
        yield registry


@contextmanager
def with_referrers(
    registry: Registry, *, page: int = 1000, api: bool = True, acknowledges: bool = True
) -> Iterator[Registry]:
    """A front of a registry without TLS, which adds the referrers API in pages of `page`.

    Without `api` it only sends OCI-Subject, as some registries without the API do; without `acknowledges` it has the
    API and doesn't send that, as others do. It lists what is pushed through it.
    """
    lists: dict[tuple[str, str], dict[str, Any]] = {}
    front = Registry("", config=registry.config)

    def respond(asked: Request) -> Response:
        front.asked.append((asked.method, asked.path))
        url = urlsplit(asked.path)
        repository, _, rest = url.path.removeprefix("/v2/").partition("/referrers/")
        if rest and api and asked.method == "GET":
            # What needs credentials there needs them here.
            allowed = forward(registry, asked._replace(path=f"/v2/{repository}/tags/list"))
            if allowed.status in (401, 403):
                return allowed
            return _page(list(lists.get((repository, rest), {}).values()), url.path, parse_qs(url.query), page)
        answer = forward(registry, asked)
        if asked.method == "PUT" and "/manifests/" in url.path and answer.status == 201:
            subject = json.loads(asked.body).get("subject")
            if subject is not None:
                entry = _described(asked.body)
                repository = url.path.removeprefix("/v2/").partition("/manifests/")[0]
                lists.setdefault((repository, subject["digest"]), {})[entry["digest"]] = entry
                if acknowledges:
                    answer = answer._replace(headers={**answer.headers, "OCI-Subject": subject["digest"]})
        return answer

    with responding(respond) as url:
        front.host = urlsplit(url).netloc
        if registry.config is not None:
            front.config = _log_in(registry.config.with_name("docker-front"), front.host)
        yield front


@contextmanager
def forwarding(registry: Registry, intercept: Callable[[Request], Response | None]) -> Iterator[Registry]:
    """A front of a registry without TLS, which passes on every request that `intercept` does not answer."""
    front = Registry("", config=registry.config)

    def respond(asked: Request) -> Response:
        front.asked.append((asked.method, asked.path))
        return intercept(asked) or forward(registry, asked)

    with responding(respond) as url:
        front.host = urlsplit(url).netloc
        yield front


def forward(registry: Registry, asked: Request) -> Response:
    """What a registry without TLS answers."""
    host, port = registry.host.rsplit(":", 1)
    connection = HTTPConnection(host, int(port), timeout=30)
    connection.request(asked.method, asked.path, asked.body or None, dict(asked.headers.items()))
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    headers = {name: value for name, value in answer.getheaders() if name != "Transfer-Encoding"}
    return Response(answer.status, headers, data)


def push(layout: Path, image: str, *, registry: Registry | None = None) -> None:
    """Copy an image of a layout (DIR, or DIR:TAG) to a registry with skopeo, every byte of its manifests as it is."""
    program = shutil.which("skopeo") or missing("skopeo is not installed")
    credentials = [] if registry is None or registry.config is None else ["--dest-creds", f"{USER}:{PASSWORD}"]
    options = ["copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", *credentials]
    command = [program, "--insecure-policy", *options, f"oci:{layout}", f"docker://{image}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr


def _page(entries: list[Any], path: str, query: dict[str, list[str]], size: int) -> Response:
    headers = {"Content-Type": INDEX}
    wanted = query.get("artifactType")
    if wanted:
        entries = [entry for entry in entries if entry.get("artifactType") == wanted[0]]
        headers["OCI-Filters-Applied"] = "artifactType"
    first = int(query.get("first", ["0"])[0])
    if first + size < len(entries):
        headers["Link"] = f'<{path}?first={first + size}>; rel="next"'
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries[first : first + size]}
    return Response(200, headers, json.dumps(index).encode())


def _described(data: bytes) -> dict[str, Any]:
    manifest = json.loads(data)
    kind = manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType")
    descriptor = {
        "mediaType": manifest["mediaType"],
        "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "size": len(data),
        "artifactType": kind,
        "annotations": manifest.get("annotations"),
    }
    return {name: value for name, value in descriptor.items() if value is not None}


def _log_in(folder: Path, host: str) -> Path:
    """A folder for DOCKER_CONFIG, as `docker login` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    file = folder / "config.json"
    file.write_text(json.dumps({"auths": {host: {"auth": secret}}}))
    file.chmod(0o600)
    return folder


@contextmanager
def _running(command: list[str], folder: Path, settings: dict[str, Any], registry: Registry) -> Iterator[None]:
    (folder / "config.json").write_text(json.dumps(settings))  # which is YAML too
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        host, port = registry.host.rsplit(":", 1)
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                create_connection((host, int(port)), timeout=10).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                break
        yield
    finally:
        process.kill()
        process.wait()


def _tokens(asked: Request) -> Response:
    """The token server: a token for what is asked for, to read or, with the password, to write."""
    given = asked.headers["Authorization"]
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if given not in (None, expected):
        return Response(401, {}, b"{}")
    query = parse_qs(urlsplit(asked.path).query)
    access = []
    for scope in query.get("scope", []):
        kind, name, actions = scope.split(":")
        public = name.startswith("public/")
        allowed = [one for one in actions.split(",") if given or (one == "pull" and public)]
        access.append({"type": kind, "name": name, "actions": allowed})
    token = _signed(query["service"][0], access)
    return Response(200, {"Content-Type": "application/json"}, json.dumps({"token": token, "expires_in": 300}).encode())


def _signed(service: str, access: list[Any]) -> str:
    import jwt

    key, certificate = _certified()
    now = int(time.time())
    claims = {"iss": "test", "sub": USER, "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1"}
    chain = [base64.b64encode(_der(certificate)).decode()]
    return jwt.encode({**claims, "access": access}, key, algorithm="ES256", headers={"x5c": chain})


@cache
def _certified() -> tuple[EllipticCurvePrivateKey, Certificate]:
    """A key and a certificate of its own for 127.0.0.1, for TLS and for tokens."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test registry")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _der(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _private_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
