"""`attest trust update` with files, servers, layouts and a registry: what is fetched, what is written, and when not."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from attest._base.times import format_time
from attest.oci.documents import OCI_MANIFEST
from attest.oci.layout import LayoutStore
from attest.trust import fetching, history
from tests.support.cli.calls import SCHEMA, call
from tests.support.making.bundles import anchor
from tests.support.making.chains import R1, R2, R3, R4, S1, S2, V1, V2, envelope, roots_file, version
from tests.support.making.keys import ALICE
from tests.support.services.registries import docker_registry, push
from tests.support.services.servers import Request, Response, absent, responding, silent, trickling
from tests.support.services.tls import tls_server

if TYPE_CHECKING:
    from collections.abc import Callable

RESULT = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
NOW = datetime.now(UTC)
LATER = format_time(NOW + timedelta(days=400))


def signed(number: int, expires: str | None = LATER, **fields: Any) -> bytes:
    """A version with two of three roots, the same in all, that expires later."""
    made = version(number, R1, R2, R3, threshold=2, **fields, **({} if expires is None else {"expires": expires}))
    return envelope(made, R1, R2)


ONE, TWO, THREE = signed(1), signed(2, anchors={"release": anchor(ALICE), "tests": anchor(ALICE)}), signed(3)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trust.jsonl").write_bytes(ONE)


def update(source: str, *more: str, file: str = "trust.jsonl") -> tuple[str, ...]:
    return ("trust", "update", file, "--from", source, *more)


def result(*arguments: str) -> Any:
    document = call(*arguments, "--format", "json").json
    RESULT.validate(document)
    return document


def unchanged() -> None:
    """The file is as it was, and nothing was left beside it."""
    assert Path("trust.jsonl").read_bytes() == ONE
    assert not list(Path().glob(".*"))


def test_a_file_is_updated_and_then_the_newest() -> None:
    Path("new.jsonl").write_bytes(ONE + TWO + THREE)
    Path("trust.jsonl").chmod(0o640)
    ran = call(*update("new.jsonl")).done()
    assert ran.stdout.decode().splitlines()[0] == "updated trust.jsonl: version 1 -> 3"
    assert Path("trust.jsonl").read_bytes() == ONE + TWO + THREE
    assert stat.S_IMODE(Path("trust.jsonl").stat().st_mode) == 0o640
    before = Path("trust.jsonl").stat()
    ran = call(*update("new.jsonl")).done()
    assert ran.stdout.decode().splitlines() == ["already the newest: trust.jsonl (version 3)"]
    assert Path("trust.jsonl").stat() == before
    root = Path("1.json")
    root.write_bytes(ONE)
    assert history.load("trust.jsonl", root="1.json").version == 3


def test_the_result_says_what_changed_and_who_signed() -> None:
    Path("new.jsonl").write_bytes(ONE + TWO)
    found = result(*update("new.jsonl"))
    assert (found["result"], found["version"], found["old"]["version"], found["updated"]) == ("done", 2, 1, True)
    assert [change["kind"] for change in found["changes"]] == ["anchor-added", "key-added"]
    assert found["weakened"] is True
    assert [(check["version"], check["roots_version"], check["counted"]) for check in found["signed"]] == [
        (2, 1, 2),
        (2, 2, 2),
    ]
    assert found["findings"] == []
    again = result(*update("new.jsonl"))
    assert (again["updated"], again["changes"], again["version"]) == (False, [], 2)


@pytest.mark.parametrize(
    ("published", "code", "exit_code"),
    [
        (ONE + THREE, "trust-version-gap", 1),
        (THREE, "trust-version-gap", 1),
        (envelope(version(1, R1, R2, R3, threshold=2), R1, R2) + TWO, "trust-fork", 1),
        (ONE + envelope(version(2, R1, R2, R3, threshold=2), R1), "root-threshold-not-met", 1),
        (ONE + envelope(version(2, R3, R4), R3, R4), "root-threshold-not-met", 1),
        (TWO + ONE, "trust-rollback", 1),
        (version(2, R1).raw, "trust-unsigned", 1),
        (b"", "json-invalid", 3),
        (b"<html>not found</html>", "json-invalid", 3),
        (ONE + TWO[:-9], "json-invalid", 3),
        (ONE + b'{"payload": 1}\n', "envelope-invalid", 3),
        (TWO[: len(TWO) // 2], "json-invalid", 3),
    ],
)
def test_what_does_not_follow_changes_nothing(published: bytes, code: str, exit_code: int) -> None:
    with responding(lambda _: Response(body=published)) as url:
        call(*update(f"{url}/history.jsonl")).refused(exit_code, f"({code})")
        unchanged()
    Path("new.jsonl").write_bytes(published)
    call(*update("new.jsonl")).refused(exit_code, f"({code})")
    unchanged()


def test_a_source_cannot_fill_the_file_with_what_nobody_signed() -> None:
    """Later versions would not fit."""
    padded = json.loads(TWO)
    padded["padding"] = "x" * 9_000
    padded["signatures"].insert(0, {"keyid": "nobody", "sig": "AAAA" * 3_000})
    padded["signatures"][1] |= {"padding": "x" * 9_000, "keyid": "x" * 9_000}
    Path("new.jsonl").write_bytes(ONE + json.dumps(padded).encode() + b"\n" + THREE)
    call(*update("new.jsonl")).done()
    assert Path("trust.jsonl").read_bytes() == ONE + TWO + THREE


def test_a_source_that_goes_back_is_refused() -> None:
    Path("trust.jsonl").write_bytes(ONE + TWO)
    Path("old.jsonl").write_bytes(ONE)
    said = call(*update("old.jsonl")).refused(1, "(trust-rollback)", hint=True)
    assert "the newest version there is 1, but trust.jsonl has version 2" in said
    assert Path("trust.jsonl").read_bytes() == ONE + TWO


def test_over_tls(tmp_path: Path) -> None:
    context, ca = tls_server(tmp_path)
    asked: list[Request] = []

    def respond(request: Request) -> Response:
        asked.append(request)
        return Response(body=ONE + TWO)

    with responding(respond, tls=context) as url:
        said = call(*update(f"{url}/h?token=hunter2")).refused(4, "(trust-source-unavailable)", hint=True)
        assert "certificate is not valid" in said
        assert "hunter2" not in said
        assert not asked
        unchanged()
        found = result(*update(f"{url}/h?token=hunter2", "--registry-ca-file", ca))
        assert (found["version"], found["source"]) == (2, f"{url}/h")
    assert [request.path for request in asked] == ["/h?token=hunter2"]
    assert "Authorization" not in asked[0].headers


def test_a_redirect_is_followed_and_never_to_http(tmp_path: Path) -> None:
    context, ca = tls_server(tmp_path)
    with responding(lambda _: Response(body=ONE + TWO)) as clear:
        with responding(lambda _: Response(302, {"Location": clear}), tls=context) as url:
            call(*update(url, "--registry-ca-file", ca)).refused(4, "(trust-source-unavailable)")
        unchanged()
        with responding(lambda _: Response(302, {"Location": "http://example.com/"})) as url:
            call(*update(url)).refused(4, "(trust-source-unavailable)")
        unchanged()
        with responding(lambda _: Response(302, {"Location": clear})) as url:
            assert result(*update(url))["version"] == 2


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 429, 500, 503])
def test_a_server_that_does_not_deliver_is_not_available(status: int) -> None:
    with responding(lambda _: Response(status, body=b"" if status in (204, 304) else ONE + TWO)) as url:
        call(*update(url)).refused(4, f"HTTP status {status}", hint=True)
    unchanged()


def test_no_server_at_all() -> None:
    call(*update(absent())).refused(4, "connection refused (trust-source-unavailable)")
    unchanged()


@pytest.mark.parametrize("server", [silent, trickling])
def test_a_server_that_does_not_end(server: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fetching.fetch.__kwdefaults__ or {}, "seconds", 0.3)
    with server() as url:
        call(*update(url)).refused(4, "(trust-source-unavailable)")
    unchanged()


def test_a_history_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_HISTORY", len(ONE + TWO) - 1)
    with responding(lambda _: Response(body=ONE + TWO)) as url:
        call(*update(url)).refused(3, "(file-too-large)")
    Path("new.jsonl").write_bytes(ONE + TWO)
    call(*update("new.jsonl")).refused(3, "(file-too-large)")
    unchanged()


@pytest.mark.parametrize(
    ("source", "code", "slug"),
    [
        ("http://example.com/history.jsonl", 3, "(trust-source-invalid)"),
        ("https://me:hunter2@127.0.0.1/", 3, "(trust-source-invalid)"),
        ("https://me:hun/hunter2@127.0.0.1/", 3, "(trust-source-invalid)"),
        ("missing.jsonl", 3, "(file-unreadable)"),
        ("", 2, "--from"),
        ("oci:", 3, "(image-reference-invalid)"),
        ("oci-layout:missing", 3, "(file-unreadable)"),
    ],
)
def test_a_source_that_is_none(source: str, code: int, slug: str) -> None:
    assert "hunter2" not in call(*update(source)).refused(code, slug)
    unchanged()


def test_a_new_file_begins_at_the_root() -> None:
    Path("new.jsonl").write_bytes(ONE + TWO + THREE)
    call(*update("new.jsonl", file="fresh.jsonl")).refused(3, "(trust-root-missing)", hint=True)
    assert not Path("fresh.jsonl").exists()
    Path("roots.json").write_bytes(roots_file(R1, R2, R3, threshold=2))
    ran = call(*update("new.jsonl", "--trust-root", "roots.json", file="fresh.jsonl")).done()
    assert ran.stdout == b"created fresh.jsonl: version 3\n"
    assert Path("fresh.jsonl").read_bytes() == ONE + TWO + THREE
    Path("roots.json").write_bytes(roots_file(R3, R4))
    for name in ("fresh.jsonl", "other.jsonl"):
        command = update("new.jsonl", "--trust-root", "roots.json", file=name)
        call(*command).refused(1, "(root-threshold-not-met)")
    assert not Path("other.jsonl").exists()


def test_the_root_in_the_environment_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("new.jsonl").write_bytes(ONE + TWO)
    Path("3.json").write_bytes(THREE)
    monkeypatch.setenv("ATTEST_TRUST_ROOT", "3.json")
    call(*update("new.jsonl")).refused(1, "(trust-rollback)")
    unchanged()
    monkeypatch.setenv("ATTEST_TRUST_ROOT", "trust.jsonl")
    assert result(*update("new.jsonl"))["version"] == 2


def test_no_newest_version_is_silently_about_to_expire() -> None:
    soon = format_time(NOW + timedelta(days=9))
    Path("new.jsonl").write_bytes(ONE + signed(2, expires=soon))
    ran = call(*update("new.jsonl"))
    assert ran.code == 0
    [warning] = ran.prose
    assert f"the trust bundle expires at {soon} (trust-expires-soon)" in warning
    assert [one["code"] for one in result(*update("new.jsonl"))["findings"]] == ["trust-expires-soon"]
    assert result(*update("new.jsonl", "--soon", "5d"))["findings"] == []
    Path("new.jsonl").write_bytes(Path("new.jsonl").read_bytes() + signed(3, expires=None))
    assert [one["code"] for one in result(*update("new.jsonl"))["findings"]] == ["trust-never-expires"]


def test_an_expired_newest_version_is_kept_and_is_a_no() -> None:
    past = format_time(NOW - timedelta(days=1))
    Path("new.jsonl").write_bytes(ONE + signed(2, expires=past))
    for updated in (True, False):  # a server that replays it later is not believed more
        found = result(*update("new.jsonl"))
        assert (found["exit"], found["code"], found["updated"]) == (1, "trust-expired", updated)
        assert history.load("trust.jsonl", root="trust.jsonl").version == 2


def test_what_is_not_a_signed_trust_bundle_is_not_updated() -> None:
    Path("new.jsonl").write_bytes(S1 + S2)
    Path("trust.jsonl").write_bytes(V1.raw)
    call(*update("new.jsonl")).refused(1, "(trust-unsigned)", hint=True)
    assert Path("trust.jsonl").read_bytes() == V1.raw
    Path("trust.jsonl").unlink()
    Path("trust.jsonl").symlink_to("new.jsonl")
    call(*update("new.jsonl")).refused(3, "(output-failed)", hint=True)
    Path("target.jsonl").mkdir()
    call(*update("new.jsonl", file="target.jsonl")).refused(3, "(output-failed)")
    assert V2.version == 2


def test_updates_at_the_same_time_leave_the_newest() -> None:
    for number, content in enumerate((ONE, ONE + TWO, ONE + TWO + THREE)):
        Path(f"{number}.jsonl").write_bytes(content)
    sources = [f"{number % 3}.jsonl" for number in range(12)]
    from attest._base import files
    from attest.trust import updating
    from attest.trust.history import read

    def run(source: str) -> None:
        published = Path(source).read_bytes()

        def follow(current: bytes) -> bytes | None:
            found = updating.update(current, published, file="trust.jsonl", source=source)
            return found.data if found.changed else None

        try:
            files.update("trust.jsonl", follow)
        except Exception as error:  # noqa: BLE001
            assert getattr(error, "code", None) == "trust-rollback"  # noqa: PT017

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, sources))
    assert Path("trust.jsonl").read_bytes() == ONE + TWO + THREE
    assert len(read(Path("trust.jsonl").read_bytes())) == 3  # type: ignore[arg-type]


def layout(folder: str) -> LayoutStore:
    Path(folder, "blobs").mkdir(parents=True)
    Path(folder, "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    Path(folder, "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    return LayoutStore(folder)


def publish(store: LayoutStore, data: bytes, media_type: str = fetching.MEDIA_TYPE) -> None:
    """What `oras push` of a history makes, as `latest`."""
    config, layer = store.push_blob(b"{}", "application/vnd.oci.empty.v1+json"), store.push_blob(data, media_type)
    described = [{"mediaType": one.media_type, "digest": one.digest, "size": one.size} for one in (config, layer)]
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": media_type}
    store.push_manifest(
        json.dumps({**manifest, "config": described[0], "layers": described[1:]}).encode(), OCI_MANIFEST, tag="latest"
    )


def test_from_a_layout() -> None:
    store = layout("published")
    publish(store, ONE + TWO)
    assert result(*update("oci-layout:published:latest"))["version"] == 2
    publish(store, ONE + TWO + THREE)
    assert result(*update("oci-layout:published:latest"))["version"] == 3
    [blob] = [path for path in Path("published/blobs/sha256").iterdir() if path.read_bytes() == ONE + TWO + THREE]
    blob.write_bytes(ONE + TWO + THREE + b" ")
    call(*update("oci-layout:published:latest")).refused(3, "(digest-mismatch)")


def test_an_artifact_of_another_kind_is_not_a_history() -> None:
    store = layout("published")
    publish(store, ONE + TWO, "application/octet-stream")
    call(*update("oci-layout:published:latest")).refused(3, "(trust-source-invalid)", hint=True)
    call(*update("oci-layout:published:other")).refused(3, "(image-not-found)")
    unchanged()


def test_standard_input_is_not_updated() -> None:
    call(*update("trust.jsonl", "--trust-root", "trust.jsonl", file="-")).refused(2, "standard input")
    assert not Path("-").exists()


def test_a_file_with_the_name_of_a_source_is_ambiguous() -> None:
    os.mkdir("oci:published")
    call(*update("oci:published")).refused(2, "(name-ambiguous)")


@pytest.mark.parametrize("auth", [None, "basic", "bearer"])
def test_from_a_registry(auth: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with docker_registry(tmp_path / "registry", auth=auth) as registry:
        name = f"oci:{registry.name('acme/trust', ':latest')}"
        options: tuple[str, ...] = ()
        if auth is not None:
            call(*update(name)).refused(4, "(registry-unauthorized)", hint=True)
            unchanged()
            assert registry.config is not None
            monkeypatch.setenv("DOCKER_CONFIG", str(registry.config))
            options = ("--registry-auth-host", registry.auth_host) if registry.auth_host else ()
        call(*update(name, *options)).refused(3, "(image-not-found)")
        for number, content in ((2, ONE + TWO), (3, ONE + TWO + THREE)):
            layout_store = layout(f"layout-{number}")
            publish(layout_store, content)
            push(Path(f"layout-{number}"), registry.name("acme/trust", ":latest"), registry=registry)
            found = result(*update(name, *options))
            assert (found["version"], found["updated"]) == (number, True)
            assert found["source"] == name
    call(*update(name, *options)).refused(4, "(registry-unavailable)", hint=True)
    assert Path("trust.jsonl").read_bytes() == ONE + TWO + THREE


def test_a_registry_that_serves_other_bytes() -> None:
    def respond(request: Request) -> Response:
        return Response(200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, b'{"schemaVersion": 2}')

    with responding(respond) as url:
        host = url.removeprefix("http://")
        call(*update(f"oci://{host}/acme/trust:latest")).refused(3, "(image-invalid)")
        call(*update(f"oci://{host}/acme/trust@sha256:{'0' * 64}")).refused(3, "(digest-mismatch)")
    unchanged()


@pytest.mark.parametrize(
    "url",
    ["https://a:hunter2@b/c", "https://a:hunter?2@b/c", "https://b/c?token=hunter2", "https://b/c?to=a@b&t=hunter2"],
)
def test_a_secret_in_a_url_is_not_shown(url: str) -> None:
    assert "hunter" not in fetching.shown(url)
