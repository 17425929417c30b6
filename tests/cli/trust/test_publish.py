"""`attest trust publish`, with a registry and a layout: what is stored, and when nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.cli.trust.test_update import ONE, THREE, TWO, signed
from tests.support.cli.calls import SCHEMA, call
from tests.support.making.bundles import anchor
from tests.support.making.chains import R1, R2, R3, R4, V1, envelope, version
from tests.support.making.images import empty_layout, put_image
from tests.support.making.keys import BOB
from tests.support.services.registries import docker_registry, forward, forwarding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cli.calls import Ran
    from tests.support.services.registries import Registry
    from tests.support.services.servers import Request, Response

RESULT = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry"), auth="bearer") as running:
        yield running


@pytest.fixture(autouse=True)
def _in_a_folder(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(registry.config))


def publish(content: bytes, target: str, *more: str) -> Ran:
    Path("history.jsonl").write_bytes(content)
    return call("trust", "publish", "history.jsonl", "--to", target, *more)


def result(ran: Ran) -> Any:
    RESULT.validate(ran.json)
    return ran.json


def test_published_versions_are_what_an_update_fetches(registry: Registry) -> None:
    name = f"oci:{registry.name('acme/trust', ':latest')}"
    host = ("--registry-auth-host", str(registry.auth_host))
    publish(ONE, name).refused(4, "(registry-unauthorized)", hint=True)
    first = result(publish(ONE, name, *host, "--format", "json"))
    assert (first["version"], first["updated"], first["target"]) == (1, True, name)
    call("trust", "update", "mine.jsonl", "--from", name, "--trust-root", "history.jsonl", *host).done()
    # The newest version alone is enough: the older ones stay.
    for content, text in ((TWO, "version 1 -> 2"), (ONE + TWO + THREE, "version 2 -> 3")):
        assert text in publish(content, name, *host).done().stdout.decode()
    again = result(publish(ONE + TWO + THREE, name, *host, "--format", "json"))
    assert (again["updated"], again["signed"]) == (False, [])
    assert "already published" in publish(THREE, name, *host).done().stdout.decode()
    call("trust", "update", "mine.jsonl", "--from", name, *host).done()
    assert Path("mine.jsonl").read_bytes() == ONE + TWO + THREE
    for content, code in (
        (ONE + TWO, "trust-rollback"),
        (signed(5), "trust-version-gap"),
        (ONE + TWO + signed(3, anchors={"release": anchor(BOB)}), "trust-fork"),
        (ONE + TWO + THREE + envelope(version(4, R1, R2, R3, threshold=2), R4), "root-threshold-not-met"),
    ):
        refused = result(publish(content, name, *host, "--format", "json"))
        assert (refused["result"], refused["code"]) == ("rejected", code)
    assert not result(publish(THREE, name, *host, "--format", "json"))["updated"]


def test_what_nobody_could_follow_is_not_published() -> None:
    target = f"{empty_layout(Path('layout'))}:trust"
    publish(V1.raw, target).refused(1, "(trust-unsigned)", hint=True)
    publish(envelope(V1, R4), target).refused(1, "(root-threshold-not-met)")
    publish(b"{}", target).refused(3, "history.jsonl")
    for wrong in (
        "oci-layout:layout",
        "oci:host.example/app",
        f"oci:host.example/app@sha256:{'0' * 64}",
        "trust.jsonl",
        "https://a.example/x",
    ):
        publish(ONE, wrong).refused(3, "(trust-source-invalid)", hint=True)
    assert json.loads(Path("layout/index.json").read_bytes())["manifests"] == []
    publish(ONE, target).done()
    store = open_store(parse("oci-layout:layout"))
    put_image(store, "app")
    publish(ONE, "oci-layout:layout:app").refused(3, "(trust-source-invalid)", hint=True)
    assert publish(TWO, target).code == 0


def test_another_writer_at_the_same_time_is_reported(tmp_path: Path) -> None:
    with docker_registry(tmp_path / "open") as plain:
        other = f"oci:{plain.name('acme/other', ':1')}"
        publish(ONE, other).done()
        asked_for = 0

        def race(asked: Request) -> Response | None:
            nonlocal asked_for
            if asked.path.endswith("/acme/app/manifests/1") and asked.method == "GET":
                asked_for += 1
                if asked_for == 2:
                    return forward(plain, asked._replace(path="/v2/acme/other/manifests/1"))
            return None

        publish(ONE, f"oci:{plain.name('acme/app', ':1')}").done()
        with forwarding(plain, race) as front:
            publish(ONE + TWO, f"oci:{front.name('acme/app', ':1')}").refused(3, "(image-changed)", hint=True)
