"""Credentials of registries: which entry of which file is used, and what programs that keep them are asked."""

from __future__ import annotations

import base64
import json
import os
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import InputError, SignerError
from attest.oci.credentials import Credential, Credentials
from tests.support.examples import examples

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a-secret-of-a-test"
HUB = "https://index.docker.io/v1/"


def login(user: str = "alice") -> dict[str, str]:
    """An entry as `docker login` writes it."""
    return {"auth": base64.b64encode(f"{user}:{SECRET}".encode()).decode()}


def write(path: Path, **content: Any) -> Path:
    """A file of credentials."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


def user(path: Path, host: str, repository: str = "acme/app") -> str | None:
    """Whose credentials a repository gets."""
    found = Credentials([path], os.environ).find(host, repository).credential
    return None if found is None else found.username


def helper(folder: Path, name: str, script: str) -> dict[str, str]:
    """An environment in which the program docker-credential-NAME is found; it keeps what it was asked."""
    folder.mkdir(exist_ok=True)
    program = folder / f"docker-credential-{name}"
    program.write_text(f'#!/bin/sh\nhost=$(cat); echo "$@ $host" >>"{folder}/asked"\n{script}\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_an_entry_is_read_in_each_of_its_forms(tmp_path: Path) -> None:
    path = write(
        tmp_path / "config.json",
        auths={
            "one.example": login(),
            "two.example": {"username": "bob", "password": SECRET},
            "three.example": {"auth": "", "identitytoken": SECRET},
            "four.example": {},
        },
    )
    credentials = Credentials([path], os.environ)
    assert credentials.find("one.example", "a").credential == Credential(str(path), "alice", SECRET)
    assert credentials.find("two.example", "a").credential == Credential(str(path), "bob", SECRET)
    assert credentials.find("three.example", "a").credential == Credential(str(path), identity_token=SECRET)
    assert credentials.find("four.example", "a") == (None, (str(path),))


@pytest.mark.parametrize("key", ["registry.example", "https://registry.example", "https://registry.example/v1/"])
def test_a_host_is_matched_whole(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "config.json", auths={key: login()})
    assert user(path, "registry.example") == "alice"
    for other in (
        "registry.example:5000",
        "my-registry.example",
        "registry.example.org",
        "example",
        "sub.registry.example",
    ):
        assert user(path, other) is None


@pytest.mark.parametrize("key", [HUB, "docker.io", "index.docker.io"])
def test_docker_hub_has_several_names(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "config.json", auths={key: login()})
    assert user(path, "docker.io", "library/alpine") == "alice"
    assert user(path, "docker.io.example") is None


def test_the_longest_namespace_decides(tmp_path: Path) -> None:
    hosts = {"r.example": login("all"), "r.example/acme": login("acme"), "r.example/acme/app": login("app")}
    path = write(tmp_path / "auth.json", auths=hosts)
    assert user(path, "r.example", "acme/app") == "app"
    assert user(path, "r.example", "acme/other") == "acme"
    assert user(path, "r.example", "acme-two/app") == "all"
    assert user(path, "r.example", "acme/app-two") == "acme"


HOSTS = st.text("ab.", min_size=1, max_size=4)


@given(keys=st.dictionaries(HOSTS, st.just(None), max_size=4), host=HOSTS)
@examples(100)
def test_no_host_gets_the_credentials_of_another_one(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, None], host: str
) -> None:
    path = write(tmp_path_factory.mktemp("of") / "config.json", auths={key: login(key) for key in keys})
    assert user(path, host) == (host if host in keys else None)


def test_files_are_looked_at_in_order_until_one_has_the_host(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    docker = write(tmp_path / ".docker/config.json", auths={"one.example": login("docker")})
    write(tmp_path / "run/containers/auth.json", auths={"one.example": login("x"), "two.example": login("podman")})
    credentials = Credentials.of(environ)
    found = credentials.find("one.example", "a")
    assert found.credential is not None
    assert (found.credential.username, found.asked) == ("docker", (str(docker),))
    assert credentials.find("two.example", "a").credential is not None
    missing = str(tmp_path / ".config/containers/auth.json") + " (missing)"
    assert credentials.find("three.example", "a").asked[-1] == missing


def test_a_file_that_is_named_is_used_alone(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", auths={"one.example": login()})
    own = write(tmp_path / "auth.json", auths={})
    environ = {"HOME": str(tmp_path)}
    assert Credentials.of(environ, file=str(own)).find("one.example", "a") == (None, (str(own),))
    assert Credentials.of({**environ, "REGISTRY_AUTH_FILE": str(own)}).find("one.example", "a").credential is None
    with pytest.raises(InputError, match="cannot be read") as raised:
        Credentials.of(environ, file=str(tmp_path / "none")).find("one.example", "a")
    assert raised.value.code == "file-unreadable"


def test_a_helper_is_asked_for_the_host_on_its_standard_input(tmp_path: Path) -> None:
    environ = helper(tmp_path / "bin", "keep", f"""echo '{{"Username": "alice", "Secret": "{SECRET}"}}'""")
    path = write(tmp_path / "config.json", credHelpers={"one.example": "keep"}, auths={"one.example": login("file")})
    credentials = Credentials([path], environ)
    assert credentials.find("one.example", "a").credential == Credential("docker-credential-keep", "alice", SECRET)
    store = write(tmp_path / "store.json", credsStore="keep", auths={"docker.io": {}, "two.example": login("file")})
    credentials = Credentials([store], environ)
    found = credentials.find("docker.io", "library/alpine")
    assert found.asked == (str(store), "docker-credential-keep")
    assert user(store, "two.example") == "file"
    assert (tmp_path / "bin/asked").read_text() == f"get one.example\nget {HUB}\n"


def test_a_helper_may_have_nothing_or_an_identity_token(tmp_path: Path) -> None:
    environ = helper(tmp_path / "bin", "none", "echo credentials not found in native keychain; exit 1")
    helper(tmp_path / "bin", "token", f"""echo '{{"Username": "<token>", "Secret": "{SECRET}"}}'""")
    path = write(tmp_path / "config.json", credHelpers={"one.example": "none", "two.example": "token"})
    credentials = Credentials([path], environ)
    assert credentials.find("one.example", "a").credential is None
    found = credentials.find("two.example", "a").credential
    assert found == Credential("docker-credential-token", identity_token=SECRET)


def test_a_helper_does_not_get_the_secrets_of_attest(tmp_path: Path) -> None:
    environ = helper(tmp_path / "bin", "env", """printf '{"Username": "%s", "Secret": "%s"}' "$OWN" "$ATTEST_PIN" """)
    path = write(tmp_path / "config.json", credsStore="env")
    credentials = Credentials([path], {**environ, "OWN": "alice", "ATTEST_PIN": SECRET})
    assert credentials.find("one.example", "a").credential == Credential("docker-credential-env", "alice", "")


@pytest.mark.parametrize(
    ("script", "seconds", "message"),
    [
        (f"echo {SECRET}; exit 3", 60, "exit code 3"),
        (f"echo {SECRET}", 60, "something else"),
        (f"""echo '{{"Username": ["{SECRET}"]}}'""", 60, "something else"),
        (f"echo {SECRET}; exec sleep 60", 0.5, "within 0.5 s"),
    ],
)
def test_a_helper_that_fails_is_an_error_without_its_output(
    tmp_path: Path, script: str, seconds: float, message: str
) -> None:
    environ = helper(tmp_path / "bin", "bad", script)
    path = write(tmp_path / "config.json", credsStore="bad")
    with pytest.raises(SignerError, match=message) as raised:
        Credentials([path], environ, seconds=seconds).find("one.example", "a")
    assert raised.value.code == "credentials-failed"
    assert "`echo one.example | docker-credential-bad get`" in (raised.value.hint or "")
    assert SECRET not in "".join(traceback.format_exception(raised.value)) + str(raised.value.__dict__)


def test_a_helper_that_is_missing_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", credsStore="absent")
    with pytest.raises(SignerError, match="not installed") as raised:
        Credentials([path], {"PATH": str(tmp_path)}).find("one.example", "a")
    assert "Install docker-credential-absent" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"credsStore": "../../bin/sh"}, "/credsStore"),
        ({"credsStore": ["x"]}, "/credsStore"),
        ({"credHelpers": {"one.example": "../x"}}, "/credHelpers/one.example"),
        ({"auths": [SECRET]}, "/auths"),
        ({"auths": {"one.example": SECRET}}, "/auths/one.example"),
        ({"auths": {"one.example": {"auth": SECRET}}}, "/auths/one.example/auth"),
        ({"auths": {"one.example": {"auth": base64.b64encode(SECRET.encode()).decode()}}}, "/auths/one.example/auth"),
    ],
)
def test_an_entry_that_cannot_be_read_is_an_error_without_its_value(tmp_path: Path, content: Any, where: str) -> None:
    path = write(tmp_path / "config.json", **content)
    with pytest.raises(InputError) as raised:
        Credentials([path], os.environ).find("one.example", "a")
    assert (raised.value.code, raised.value.where) == ("credentials-invalid", f"{path}: {where}")
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@given(st.text(min_size=8))
@examples(50)
def test_no_representation_has_a_secret(secret: str) -> None:
    credential = Credential("file", secret, secret, secret)
    assert secret not in repr(credential) + str(credential)
