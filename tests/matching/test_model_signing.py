"""OpenSSF model signing: which directories are the model that was signed, as model-signing 1.1.1 decides."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from attest import Artifact, Rejected, verify
from attest._base.json import dumps
from attest.errors import InputError
from tests.support.making.bundles import bundle
from tests.support.making.statements import signed_payload
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

V1 = "https://model_signing/signature/v1.0"
OLD = "https://model_signing/Digests/v0.1"
FILES = {"a.bin": b"a", "sub/b.bin": b"b", "sub/deep/c": b""}
IGNORED = [".git", ".gitignore", "model.sig"]


def sha256(data: bytes, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, data).hexdigest()


def payload(files: dict[str, bytes], *, algorithm: str = "sha256", **serialization: Any) -> dict[str, Any]:
    """The statement that model-signing makes of these files."""
    resources = [
        {"name": name, "algorithm": algorithm, "digest": sha256(data, algorithm)}
        for name, data in sorted(files.items())
    ]
    whole = sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources))
    settings = {"method": "files", "hash_type": algorithm, "allow_symlinks": False, "ignore_paths": IGNORED}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": whole}}],
        "predicateType": V1,
        "predicate": {"serialization": settings | serialization, "resources": resources},
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def check(document: dict[str, Any], artifact: str | Path | Artifact) -> None:
    verify(signed_payload(dumps(document)), bundle(), artifacts=[artifact])


def test_a_directory_may_be_deeper_than_the_stack(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    depth = 1500
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    try:
        check(payload(FILES), model)
    finally:
        for _ in range(depth):  # shutil.rmtree, which removes tmp_path, is not as patient
            os.chdir("..")
            os.rmdir("d")


@pytest.mark.parametrize("algorithm", ["sha256", "blake2b"])
def test_a_directory_with_the_signed_files_is_the_model(model: Path, algorithm: str) -> None:
    (model / ".git" / "deep").mkdir(parents=True)
    (model / ".git" / "deep" / "x").write_bytes(b"not signed, and signed as ignored")
    (model / "model.sig").write_bytes(b"{}")
    (model / "empty").mkdir()
    document = payload(FILES, algorithm=algorithm)
    check(document, model)
    check(document, f"sha256:{document['subject'][0]['digest']['sha256']}")


def more(model: Path) -> None:
    (model / "sub" / "more").write_bytes(b"")


def like_ignored(model: Path) -> None:
    (model / ".gitattributes").write_bytes(b"")


def ignored_below(model: Path) -> None:
    (model / "sub" / ".git").write_bytes(b"")


def less(model: Path) -> None:
    (model / "a.bin").unlink()


def changed(model: Path) -> None:
    (model / "a.bin").write_bytes(b"b")


def renamed(model: Path) -> None:
    (model / "a.bin").rename(model / "A.bin")


def a_link(model: Path) -> None:
    (model / "a.bin").rename(model.parent / "a.bin")
    (model / "a.bin").symlink_to(model.parent / "a.bin")


def a_link_to_a_directory(model: Path) -> None:
    (model / "linked").symlink_to(model / "sub")


def a_pipe(model: Path) -> None:
    os.mkfifo(model / "pipe")


CHANGES = [more, like_ignored, ignored_below, less, changed, renamed, a_link, a_link_to_a_directory, a_pipe]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_another_directory_is_not_the_model(model: Path, change: Any) -> None:
    change(model)
    with refused(Rejected, "artifact-mismatch", str(model)):
        check(payload(FILES), model)


@pytest.mark.parametrize(
    ("change", "hint"), [(more, "Keep other files"), (less, "Get the whole model"), (changed, "Get the model again")]
)
def test_each_difference_has_its_own_hint(model: Path, change: Any, hint: str) -> None:
    change(model)
    with pytest.raises(Rejected) as caught:
        check(payload(FILES), model)
    assert hint in (caught.value.hint or "")


def test_links_to_files_count_only_if_they_were_signed_as_such(model: Path) -> None:
    a_link(model)
    check(payload(FILES, allow_symlinks=True), model)
    a_link_to_a_directory(model)
    with refused(Rejected, "artifact-mismatch"):
        check(payload(FILES, allow_symlinks=True), model)


@pytest.mark.parametrize("ignored", [["."], ["sub"], ["a.bin"]])
def test_a_signed_file_is_not_ignored(model: Path, ignored: list[str]) -> None:
    with refused(Rejected, "artifact-mismatch"):
        check(payload(FILES, ignore_paths=ignored), model)


@pytest.mark.parametrize("ignored", [["/"], [".."], ["../model/more"], ["sub/../more"]])
def test_a_path_that_leads_out_of_the_model_ignores_nothing(model: Path, ignored: list[str]) -> None:
    (model / "more").write_bytes(b"")
    with refused(Rejected, "artifact-mismatch"):
        check(payload(FILES, ignore_paths=ignored), model)


def broken(**changes: Any) -> dict[str, Any]:
    document = payload(FILES)
    document["predicate"] = document["predicate"] | changes
    return document


def named(name: str) -> dict[str, Any]:
    return payload({**FILES, name: b""})


INVALID = [
    payload({}),
    broken(resources=payload(FILES)["predicate"]["resources"][:2]),
    broken(resources=payload(FILES)["predicate"]["resources"][::-1]),
    {**payload(FILES), "subject": payload(FILES)["subject"] * 2},
    named("/a"),
    named("../a"),
    named("sub/../a"),
    named("./a.bin"),
    named("sub//b.bin"),
    named(""),
]


@pytest.mark.parametrize("document", INVALID, ids=range(len(INVALID)))
def test_a_list_of_files_that_contradicts_itself_is_refused(model: Path, document: dict[str, Any]) -> None:
    with refused(Rejected, "model-invalid"):
        check(document, model)


def test_a_file_that_is_listed_twice_is_refused(model: Path) -> None:
    document = payload(FILES)
    resources = [*document["predicate"]["resources"], document["predicate"]["resources"][0]]
    document["predicate"]["resources"] = resources
    whole = sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources))
    document["subject"][0]["digest"]["sha256"] = whole
    with refused(Rejected, "model-invalid"):
        check(document, model)


@pytest.mark.parametrize(
    "document",
    [
        payload(FILES, method="shards", shard_size=1000),
        payload(FILES, hash_type="blake3"),
        payload(FILES, algorithm="sha512"),
    ],
    ids=["shards", "another-digest", "digest-not-of-model-signing"],
)
def test_what_is_not_supported_is_said(model: Path, document: dict[str, Any]) -> None:
    with refused(Rejected, "model-unsupported"):
        check(document, model)


def test_a_file_whose_content_is_the_digests_of_a_model_is_not_the_model(tmp_path: Path) -> None:
    """Its SHA-256 is the digest of the subject."""
    path = tmp_path / "file"
    path.write_bytes(b"".join(hashlib.sha256(data).digest() for _, data in sorted(FILES.items())))
    with refused(Rejected, "artifact-mismatch"):
        check(payload(FILES), path)
    with path.open("rb") as stream, refused(Rejected, "artifact-mismatch"):
        check(payload(FILES), Artifact.of_stream("-", stream))


def test_a_model_may_be_one_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    check(payload({".": b"weights"}), path)
    path.write_bytes(b"other")
    with refused(Rejected, "artifact-mismatch"):
        check(payload({".": b"weights"}), path)


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with refused(InputError, "file-unreadable"):
        check(payload({".": b""}), tmp_path / "gone")


def test_the_digests_of_release_0_2_are_those_of_a_directory(model: Path) -> None:
    document = payload(FILES)
    document["subject"] = [{"name": name, "digest": {"sha256": sha256(data)}} for name, data in FILES.items()]
    document |= {"predicateType": OLD, "predicate": {"unused": "Unused, just passed due to API requirements"}}
    check(document, model)
    check(document, model / "a.bin")
    more(model)
    with refused(Rejected, "artifact-mismatch"):
        check(document, model)
